"""Graph's answers against the shapes that its documentation shows: of each property the type, and no property that it does not name.

Sources: learn.microsoft.com/graph/api/resources/message and /mailfolder, /graph/errors, /graph/json-batching, and the pages of the
operations for their statuses.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from tests.conformance.exchanges import Exchange

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Check = Callable[[Any], bool]


def _is(*kinds: type) -> Check:
    return lambda value: isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)


def _matches(pattern: re.Pattern[str]) -> Check:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _one_of(*words: str) -> Check:
    return lambda value: value in words


def _each(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _object(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    known = {**required, **(optional or {})}
    return lambda value: (
        isinstance(value, dict)
        and set(required) <= set(value) <= set(known)
        and all(known[name](one) for name, one in value.items())
    )


_TEXT, _FLAG, _COUNT = _is(str), _is(bool), _is(int)
_PERSON = _object({"emailAddress": _object({}, {"name": _or_null(_TEXT), "address": _or_null(_TEXT)})})
_BODY = _object({"contentType": _one_of("text", "html"), "content": _TEXT})
_HEADER = _object({"name": _TEXT, "value": _or_null(_TEXT)})
_FLAGGED = _object(
    {"flagStatus": _one_of("notFlagged", "flagged", "complete")},
    {"startDateTime": _is(dict), "dueDateTime": _is(dict), "completedDateTime": _is(dict)},
)

MESSAGE: dict[str, Check] = {
    "@odata.etag": _matches(re.compile(r'W/".+"')),
    "id": _TEXT,
    "createdDateTime": _matches(_TIME),
    "lastModifiedDateTime": _matches(_TIME),
    "changeKey": _TEXT,
    "categories": _each(_TEXT),
    "receivedDateTime": _matches(_TIME),
    "sentDateTime": _matches(_TIME),
    "hasAttachments": _FLAG,
    "internetMessageId": _or_null(_TEXT),
    "internetMessageHeaders": _each(_HEADER),
    "subject": _or_null(_TEXT),
    "bodyPreview": lambda value: isinstance(value, str) and len(value) <= 255,
    "importance": _one_of("low", "normal", "high"),
    "parentFolderId": _TEXT,
    "conversationId": _TEXT,
    "conversationIndex": _TEXT,
    "isDeliveryReceiptRequested": _or_null(_FLAG),
    "isReadReceiptRequested": _FLAG,
    "isRead": _FLAG,
    "isDraft": _FLAG,
    "webLink": _matches(re.compile(r"https://\S+")),
    "inferenceClassification": _one_of("focused", "other"),
    "body": _BODY,
    "uniqueBody": _BODY,
    "sender": _or_null(_PERSON),
    "from": _or_null(_PERSON),
    "toRecipients": _each(_PERSON),
    "ccRecipients": _each(_PERSON),
    "bccRecipients": _each(_PERSON),
    "replyTo": _each(_PERSON),
    "flag": _FLAGGED,
}
ALWAYS = frozenset({"@odata.etag", "id"})
ON_REQUEST = frozenset({"internetMessageHeaders", "uniqueBody", "conversationIndex"})
FOLDER: dict[str, Check] = {
    "id": _TEXT,
    "displayName": _TEXT,
    "parentFolderId": _TEXT,
    "childFolderCount": _COUNT,
    "unreadItemCount": _COUNT,
    "totalItemCount": _COUNT,
    "sizeInBytes": _COUNT,
    "isHidden": _FLAG,
}
_INNER = _object({"date": _TEXT, "request-id": _matches(_GUID), "client-request-id": _TEXT})
_ERROR = _object({"error": _object({"code": _TEXT, "message": _TEXT, "innerError": _INNER})})


@dataclass(frozen=True, slots=True)
class Operation:
    """What a successful answer is. of: "message", "messages", "folder", "folders", "mime" or "" for none."""

    status: int
    of: str


_OPERATIONS: dict[tuple[str, ...], Operation] = {
    ("POST", "sendmail"): Operation(202, ""),
    ("GET", "messages"): Operation(200, "messages"),
    ("POST", "messages"): Operation(201, "message"),
    ("GET", "messages", "*"): Operation(200, "message"),
    ("GET", "messages", "*", "$value"): Operation(200, "mime"),
    ("PATCH", "messages", "*"): Operation(200, "message"),
    ("DELETE", "messages", "*"): Operation(204, ""),
    ("POST", "messages", "*", "send"): Operation(202, ""),
    ("POST", "messages", "*", "move"): Operation(201, "message"),
    ("POST", "messages", "*", "copy"): Operation(201, "message"),
    ("POST", "messages", "*", "permanentdelete"): Operation(204, ""),
    ("GET", "mailfolders"): Operation(200, "folders"),
    ("GET", "mailfolders", "*"): Operation(200, "folder"),
    ("GET", "mailfolders", "*", "childfolders"): Operation(200, "folders"),
    ("POST", "mailfolders"): Operation(201, "folder"),
    ("POST", "mailfolders", "*", "childfolders"): Operation(201, "folder"),
}


def check_exchange(exchange: Exchange) -> None:
    """Raises WrongAnswer."""
    exchange.require(_GUID.fullmatch(exchange.headers.get("request-id", "")), "has no request-id")
    if exchange.segments[-1] == "$batch" and exchange.status == 200:
        _check_batch(exchange)
    else:
        _check_one(exchange)


def _check_one(exchange: Exchange) -> None:
    if exchange.status >= 400:
        _check_error(exchange)
        return
    operation = _operation(exchange)
    exchange.require(exchange.status == operation.status, f"answers with {operation.status}")
    match operation.of:
        case "":
            exchange.require(not exchange.content, "answers nothing")
            exchange.require("content-type" not in exchange.headers, "names a type of nothing")
        case "mime":
            exchange.require(exchange.headers.get("content-type", "").startswith("text/plain"), "MIME is text/plain")
        case "messages" | "folders":
            _check_collection(exchange, operation.of)
        case one:
            _check_item(exchange, exchange.json(), one, top=True)


def _check_error(exchange: Exchange) -> None:
    exchange.require(_ERROR(exchange.json()), "not the shape of an error")
    if exchange.status == 401:
        exchange.require("www-authenticate" in exchange.headers, "401 without WWW-Authenticate")
    if exchange.status == 429:
        exchange.require(exchange.headers.get("retry-after", "").isdigit(), "429 without Retry-After in seconds")


def _operation(exchange: Exchange) -> Operation:
    segments = [part.lower() for part in exchange.segments]
    exchange.require(segments[:2] == ["v1.0", "users"] and len(segments) > 3, "not below a user")
    rest = segments[3:]
    if rest[0] == "mailfolders" and rest[2:3] == ["messages"]:
        rest = rest[2:]
    if len(rest) > 1:
        rest[1] = "*"
    found = _OPERATIONS.get((exchange.method, *rest))
    exchange.require(found, "no operation that is known here")
    assert found is not None
    return found


def _check_collection(exchange: Exchange, of: str) -> None:
    document = exchange.json()
    known = {"@odata.context", "value", "@odata.nextLink", "@odata.count"}
    exchange.require(isinstance(document, dict) and set(document) <= known, "not the shape of a collection")
    exchange.require(isinstance(document.get("value"), list), "a collection without a value")
    exchange.require(isinstance(document.get("@odata.context"), str), "a collection without its context")
    following = document.get("@odata.nextLink")
    if following is not None:
        here, there = urlsplit(exchange.url), urlsplit(following)
        exchange.require(urljoin(exchange.url, "/") == urljoin(following, "/"), "the next page is elsewhere")
        exchange.require(here.path.split("/")[-1] == there.path.split("/")[-1], "the next page is of something else")
    for item in document["value"]:
        _check_item(exchange, item, of.removesuffix("s"), top=False)


def _check_item(exchange: Exchange, item: Any, of: str, *, top: bool) -> None:
    known = MESSAGE if of == "message" else FOLDER
    exchange.require(isinstance(item, dict), f"a {of} is an object")
    found = dict(item)
    context = found.pop("@odata.context", None)
    exchange.require(isinstance(context, str) if top else context is None, f"the context of a {of}")
    for name, value in found.items():
        exchange.require(name in known, f"a {of} has no {name}")
        exchange.require(known[name](value), f"{name} is no such thing: {value!r}")
    expected = _selected(exchange, set(known) - (ON_REQUEST if of == "message" else set()))
    missing = expected - set(found) if of == "message" else set(known) - set(found)
    exchange.require(not missing, f"a {of} without {', '.join(sorted(missing))}")
    if of == "message":
        exchange.require(set(found) <= expected, f"{', '.join(sorted(set(found) - expected))} was not asked for")


def _selected(exchange: Exchange, usual: set[str]) -> set[str]:
    """What $select asks for, and what comes unasked."""
    found = re.search(r"[?&](?:\$|%24)select=([^&]+)", exchange.url)
    if found is None:
        return usual
    return {name.strip() for name in re.split(r",|%2C", found[1])} | ALWAYS


def _check_batch(exchange: Exchange) -> None:
    document = exchange.json()
    asked = {str(one["id"]): one for one in json.loads(exchange.sent)["requests"]}
    answers = document.get("responses")
    exchange.require(isinstance(answers, list), "a batch without responses")
    exchange.require(sorted(one["id"] for one in answers) == sorted(asked), "not the answers to the requests")
    for answer in answers:
        exchange.require(isinstance(answer["status"], int), "a status that is no number")
        exchange.require(isinstance(answer.get("headers", {}), dict), "headers that are no object")
        request = asked[answer["id"]]
        headers = {name.lower(): str(value) for name, value in answer.get("headers", {}).items()}
        url = urljoin(exchange.url.removesuffix("$batch"), request["url"].lstrip("/"))
        item = Exchange(request["method"], url, answer["status"], headers, _content(answer, headers), {}, b"")
        _check_one(item)


def _content(answer: dict[str, Any], headers: Mapping[str, str]) -> bytes:
    """The body as it would be on the wire: JSON stands there as it is, everything else in base64."""
    if "body" not in answer:
        return b""
    is_json = headers.get("content-type", "").startswith("application/json")
    return json.dumps(answer["body"]).encode() if is_json else b64decode(answer["body"], validate=True)
