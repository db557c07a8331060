"""Gmail's answers against the discovery document: the method that a request is, the schema of its answer, and every field known.

The document's schemas are JSON Schema of an old draft with references by name; they are translated, and closed: a field that
the document does not know is a mistake.
"""

from __future__ import annotations

import binascii
import email
import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass, replace
from email.message import Message
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.conformance.exchanges import Exchange, WrongAnswer

_KEPT = ("type", "format", "enum", "pattern")
_BOUNDS = {"int32": (-(2**31), 2**31), "uint32": (0, 2**32), "int64": (-(2**63), 2**63), "uint64": (0, 2**64)}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "errors", "status"],
            "additionalProperties": False,
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "status": {"type": "string", "pattern": "^[A-Z_]+$"},
                "details": {"type": "array"},
                "errors": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["message", "domain", "reason"],
                        "additionalProperties": {"type": "string"},
                    },
                },
            },
        }
    },
}
_TOKEN = {
    "type": "object",
    "required": ["access_token", "expires_in", "token_type"],
    "properties": {"expires_in": {"type": "integer"}, "token_type": {"const": "Bearer"}},
}


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the API. answer: the schema's name, None when it answers nothing."""

    name: str
    verb: str
    path: re.Pattern[str]
    answer: str | None


class Discovery:
    """The document, ready to look answers up in."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.methods = list(_methods(document))
        self._defs = {name: _translated(schema) for name, schema in document["schemas"].items()}
        self._formats = _formats()

    @classmethod
    def shipped(cls) -> Discovery:
        """The one inside the installed google-api-python-client."""
        file = files("googleapiclient") / "discovery_cache" / "documents" / "gmail.v1.json"
        return cls(json.loads(file.read_text("utf-8")))

    def check(self, exchange: Exchange) -> None:
        """Raises WrongAnswer."""
        if exchange.segments == ["token"]:
            if exchange.status == 200:
                self.validate(exchange, _TOKEN)
        elif exchange.segments[0] == "batch":
            for part in _parts(exchange):
                self.check(part)
        elif exchange.status >= 400:
            self.validate(exchange, _ERROR)
            exchange.require(exchange.json()["error"]["code"] == exchange.status, "the error's code is another status")
        else:
            self._check_success(exchange)

    def validate(self, exchange: Exchange, schema: dict[str, Any]) -> None:
        """The answer's document against one schema."""
        validator = Draft202012Validator({**schema, "$defs": self._defs}, format_checker=self._formats)
        for error in validator.iter_errors(exchange.json()):
            raise WrongAnswer(f"{error.json_path}: {error.message}: {exchange}")

    def _check_success(self, exchange: Exchange) -> None:
        method = self._method(exchange)
        if "uploadType=resumable" in exchange.url and not exchange.content:
            exchange.require("location" in exchange.headers or exchange.status == 308, "an upload that leads nowhere")
        elif method.answer is None:
            exchange.require(not exchange.content, f"{method.name} answers nothing")
        else:
            exchange.require(exchange.status == 200, f"{method.name} answers with 200")
            self.validate(exchange, {"$ref": f"#/$defs/{method.answer}"})

    def _method(self, exchange: Exchange) -> Method:
        path = "/".join(exchange.segments)
        path = path[path.index("gmail/") :] if "upload/" in path else path
        found = [one for one in self.methods if one.verb == exchange.method and one.path.fullmatch(path)]
        fixed = [one for one in found if one.name.rpartition(".")[2] == path.rpartition("/")[2]]
        exchange.require(found or exchange.method == "PUT", "no method of the API")
        if not found:  # the pieces of a resumable upload come by PUT, whatever the method
            return self._method(replace(exchange, method="POST"))
        return (fixed or found)[0]


def _methods(resource: dict[str, Any], prefix: str = "gmail") -> Any:
    for name, method in resource.get("methods", {}).items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(method["path"]))
        answer = method.get("response", {}).get("$ref")
        yield Method(f"{prefix}.{name}", method["httpMethod"], re.compile(pattern), answer)
    for name, inner in resource.get("resources", {}).items():
        yield from _methods(inner, f"{prefix}.{name}")


def _translated(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    if schema.get("type") == "any":
        return {}
    made: dict[str, Any] = {name: schema[name] for name in _KEPT if name in schema}
    if "items" in schema:
        made["items"] = _translated(schema["items"])
    if schema.get("type") == "object":
        made["properties"] = {name: _translated(one) for name, one in schema.get("properties", {}).items()}
        more = schema.get("additionalProperties")
        made["additionalProperties"] = _translated(more) if more else False
    return made


def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, bounds in _BOUNDS.items():

        @checker.checks(name, raises=ValueError)
        def in_bounds(value: Any, bounds: tuple[int, int] = bounds) -> bool:
            return bounds[0] <= int(value) < bounds[1]

    @checker.checks("byte", raises=(ValueError, binascii.Error))
    def is_base64url(value: str) -> bool:
        return not set(value) & set("+/") and urlsafe_b64decode(value) is not None

    return checker


def _parts(exchange: Exchange) -> list[Exchange]:
    """The exchanges inside a batch, told apart by Content-ID. Raises WrongAnswer when one is missing."""
    exchange.require(exchange.status == 200, "a batch as a whole succeeds")
    asked = _by_id(exchange.sent_headers.get("content-type", ""), exchange.sent, "")
    answered = _by_id(exchange.headers.get("content-type", ""), exchange.content, "response-")
    exchange.require(asked and set(asked) == set(answered), "the answers are not those to the requests")
    parts = []
    for name, request in asked.items():
        line, request_headers, sent = _http(request)
        status, headers, content = _http(answered[name])
        verb, path = line.split()[:2]
        parts.append(Exchange(verb, path, int(status.split()[1]), headers, content, request_headers, sent))
    return parts


def _by_id(content_type: str, body: bytes, prefix: str) -> dict[str, bytes]:
    outer = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts = outer.get_payload()
    found: dict[str, bytes] = {}
    for part in parts if isinstance(parts, list) else []:
        assert isinstance(part, Message)
        name = str(part["Content-ID"]).strip().strip("<>")
        if name.startswith(prefix):
            found[name.removeprefix(prefix)] = str(part.get_payload()).encode("utf-8", "surrogateescape")
    return found


def _http(message: bytes) -> tuple[str, dict[str, str], bytes]:
    """The first line, the headers and the body of a request or an answer."""
    head, _, body = message.replace(b"\r\n", b"\n").partition(b"\n\n")
    line, *lines = head.decode().split("\n")
    pairs = (one.partition(":") for one in lines)
    return line, {name.strip().lower(): value.strip() for name, _, value in pairs}, body.strip()
