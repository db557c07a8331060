"""The part of OData that mail listings use: $filter, $orderby and the rule that ties them together.

Source: learn.microsoft.com/graph/api/user-list-messages ("Using filter and orderby in the same query").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from services.simulator.core.mailboxes import StoredMail

Reader = Callable[[StoredMail], Any]
Test = Callable[[StoredMail], bool]

PROPERTIES: dict[str, Reader] = {
    "isread": lambda mail: not mail.unread,
    "isdraft": lambda mail: mail.draft,
    "receiveddatetime": lambda mail: mail.received,
    "sentdatetime": lambda mail: mail.received,
    "createddatetime": lambda mail: mail.received,
    "lastmodifieddatetime": lambda mail: mail.modified,
    "subject": lambda mail: mail.subject.lower(),
    "internetmessageid": lambda mail: mail.message_id.lower(),
    "from/emailaddress/address": lambda mail: mail.sender[1].lower(),
    "from/emailaddress/name": lambda mail: mail.sender[0].lower(),
    "sender/emailaddress/address": lambda mail: mail.sender[1].lower(),
    "hasattachments": lambda mail: b"attachment" in mail.raw,
    "importance": lambda mail: "normal",
    "conversationid": lambda mail: mail.thread_id.lower(),
}
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)|\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+)|(?P<word>[A-Za-z_][\w/]*)|(?P<mark>[(),]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b), "ne": lambda a, b: bool(a != b), "gt": lambda a, b: bool(a > b),
    "ge": lambda a, b: bool(a >= b), "lt": lambda a, b: bool(a < b), "le": lambda a, b: bool(a <= b),
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}


class BadQuery(ValueError):
    """The query cannot be read; the text says where."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled $filter and the properties it names, in order of appearance."""

    test: Test
    properties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One $orderby term."""

    name: str
    descending: bool


@lru_cache(maxsize=512)
def parse_filter(text: str) -> Filter:
    """$filter → Filter. Raises BadQuery."""
    parser = _Parser(_tokens(text))
    test = parser.either()
    if parser.peek() is not None:
        raise BadQuery(f"Invalid filter clause: Syntax error at '{parser.peek()}' in '{text}'.")
    return Filter(test, tuple(dict.fromkeys(parser.properties)))


def parse_orderby(text: str) -> tuple[Order, ...]:
    """$orderby → terms. Raises BadQuery for an unknown property."""
    terms = []
    for piece in filter(None, (part.strip() for part in text.split(","))):
        name, _, direction = piece.partition(" ")
        if name.lower() not in PROPERTIES:
            raise BadQuery(f"Could not find a property named '{name}' on type 'Microsoft.OutlookServices.Message'.")
        terms.append(Order(name.lower(), direction.strip().lower() == "desc"))
    return tuple(terms)


def is_inefficient(wanted: Filter | None, order: tuple[Order, ...]) -> bool:
    """Graph's rule: with a $filter, the $orderby properties must open it, in the same order."""
    if wanted is None or not order:
        return False
    names = tuple(term.name for term in order)
    return wanted.properties[: len(names)] != names


class _Parser:
    """Recursive descent over tokens: either → both → one."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0
        self.properties: list[str] = []

    def peek(self) -> str | None:
        return self.tokens[self.at][1].lower() if self.at < len(self.tokens) else None

    def take(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise BadQuery("Invalid filter clause: unexpected end.")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, mark: str) -> None:
        kind, text = self.take()
        if kind != "mark" or text != mark:
            raise BadQuery(f"Invalid filter clause: '{mark}' expected, found '{text}'.")

    def either(self) -> Test:
        left = self.both()
        while self.peek() == "or":
            self.take()
            left = _any(left, self.both())
        return left

    def both(self) -> Test:
        left = self.one()
        while self.peek() == "and":
            self.take()
            left = _all(left, self.one())
        return left

    def one(self) -> Test:
        word = self.peek()
        if word == "not":
            self.take()
            inner = self.one()
            return lambda mail: not inner(mail)
        if word == "(":
            self.take()
            inner = self.either()
            self.expect(")")
            return inner
        if word in _FUNCTIONS:
            return self.function()
        return self.comparison()

    def function(self) -> Test:
        apply = _FUNCTIONS[self.take()[1].lower()]
        self.expect("(")
        read = self.property()
        self.expect(",")
        part = str(self.literal())
        self.expect(")")
        return lambda mail: apply(str(read(mail)), part)

    def comparison(self) -> Test:
        read = self.property()
        operator = self.take()[1].lower()
        if operator not in _COMPARE:
            raise BadQuery(f"Invalid filter clause: unknown operator '{operator}'.")
        compare, value = _COMPARE[operator], self.literal()
        return lambda mail: compare(read(mail), value)

    def property(self) -> Reader:
        _, name = self.take()
        if name.lower() not in PROPERTIES:
            raise BadQuery(f"Could not find a property named '{name}' on type 'Microsoft.OutlookServices.Message'.")
        self.properties.append(name.lower())
        return PROPERTIES[name.lower()]

    def literal(self) -> Any:
        kind, text = self.take()
        if kind == "string":
            return text[1:-1].replace("''", "'").lower()
        if kind == "time":
            return _seconds(text)
        if kind == "number":
            return int(text)
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise BadQuery(f"Invalid filter clause: '{text}' is no value.")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise BadQuery(f"Invalid filter clause: Syntax error at position {at} in '{text}'.")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _all(left: Test, right: Test) -> Test:
    return lambda mail: left(mail) and right(mail)


def _any(left: Test, right: Test) -> Test:
    return lambda mail: left(mail) or right(mail)
