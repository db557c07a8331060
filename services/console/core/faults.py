"""What is wrong in a document: where, which field, why, and what to write instead. Values are never repeated."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to put right. `path` leads to it in the document: ("keys", 0, "client_id")."""

    path: Path
    reason: str
    fix: str

    @property
    def field(self) -> str:
        """The path as a person reads it: `keys[0].client_id`."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return text.removeprefix(".") or "document"


class DocumentRefused(Exception):
    """A document with at least one fault. Nothing of it was written. Its text is `file:line: field: reason; fix`, a line each."""

    def __init__(
        self, faults: Iterable[Fault], *, file: str = "document", lines: Mapping[Path, int] | None = None
    ) -> None:
        self.file = file
        self.faults = tuple(faults)
        self.located = sorted(
            ((line_of(fault.path, lines or {}), fault) for fault in self.faults), key=lambda pair: pair[0] or 0
        )
        super().__init__("\n".join(self.texts()))

    def texts(self) -> list[str]:
        """One line per fault, in the order of the file."""
        return [
            f"{self.file}{f':{line}' if line else ''}: {fault.field}: {fault.reason}; {fault.fix}"
            for line, fault in self.located
        ]


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of a field; of what holds it if the field itself is not there; None if the document has no lines."""
    for length in range(len(path), -1, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def faults_of(error: ValidationError, model: type[BaseModel], at: Path) -> list[Fault]:
    """pydantic's findings in our words. `at`: where in the document the `model` stands."""
    found = [_translate(detail, model, at) for detail in error.errors(include_input=False, include_url=False)]
    return list(dict.fromkeys(found))


def _translate(detail: Mapping[str, Any], model: type[BaseModel], at: Path) -> Fault:
    path = at + tuple(detail["loc"])
    kind, message = str(detail["type"]), str(detail["msg"])
    if kind == "missing":
        return Fault(path, "is missing", "add it")
    if kind == "extra_forbidden":
        return Fault(path, "is not a field here", suggest(str(path[-1]), _fields_beside(tuple(detail["loc"]), model)))
    if kind == "value_error":
        reason, _, fix = message.removeprefix("Value error, ").partition("; ")
        return Fault(path, reason, fix or "correct it")
    if kind == "literal_error":
        return Fault(path, "is none of the allowed words", f"write {detail['ctx']['expected']}")
    return Fault(path, _lower_first(message.removeprefix("Input ")), _FIXES.get(kind, "correct it"))


_FIXES = {
    "int_type": "write a whole number, without quotes",
    "int_from_float": "write a whole number",
    "bool_type": "write true or false",
    "string_type": "write text; put quotes around numbers and dates",
    "timezone_aware": "add the time zone, such as 2026-11-21T09:30:00Z",
    "greater_than_equal": "write a larger number",
    "list_type": "write a list: one `- ` line per entry",
    "dict_type": "write `name: value` lines",
    "model_type": "write `name: value` lines",
    "model_attributes_type": "write `name: value` lines",
}


def suggest(written: str, names: Iterable[str]) -> str:
    """What to write instead of a name that is not known here."""
    known = sorted(names)
    close = difflib.get_close_matches(written, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"remove it, or write one of: {', '.join(known)}" if known else "remove it"


def _fields_beside(path: Path, model: type[BaseModel]) -> list[str]:
    """Names of the fields of the model that holds the last part of `path`."""
    here = model
    for part in path[:-1]:
        if isinstance(part, int) or part not in here.model_fields:
            continue
        inner = _model_in(here.model_fields[part].annotation)
        if inner is None:
            return []
        here = inner
    return [field.alias or name for name, field in here.model_fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
