"""The filters that templates may use: Liquid's own, as far as they need no clock, file or memory without end.

Each run is charged to the render's work, and its outcome is bounded, before it happens where it could grow by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sized
from datetime import date, datetime
from typing import Any, Final

from liquid import Environment
from liquid.exceptions import FilterArgumentError

LONGEST_VALUE: Final = 500_000  # characters or items that a filter may give
_MOST_BITS = 128
_CHARACTERS_A_STEP, _ITEMS_A_STEP = 500, 5

_OFFERED: Final = (
    "abs", "append", "at_least", "at_most", "capitalize", "ceil", "concat", "default", "divided_by",
    "downcase", "escape", "escape_once", "first", "floor", "join", "last", "lstrip", "map",
    "minus", "modulo", "newline_to_br", "plus", "prepend", "remove", "remove_first", "replace", "replace_first",
    "reverse", "round", "rstrip", "safe", "size", "slice", "sort", "sort_natural", "split",
    "strip", "strip_newlines", "sum", "times", "truncate", "truncatewords", "upcase", "url_encode", "where",
)  # fmt: skip

Filter = Callable[..., Any]


class TooMuch(Exception):
    """A template does more work, or makes more of it, than is allowed."""


def _bounded(name: str, original: Filter) -> Filter:
    with_environment = getattr(original, "with_environment", False)

    def run(value: Any, *args: Any, context: Any, **kwargs: Any) -> Any:
        if not hasattr(context, "spend"):
            raise FilterArgumentError("no such argument", token=None)
        context.spend(1 + sum(_steps(one) for one in (value, *args)))
        if name in _GROWING:
            _GROWING[name](value, *args)
        if with_environment:
            kwargs["environment"] = context.env
        found = original(value, *args, **kwargs)
        if _length(found) > LONGEST_VALUE:
            raise TooMuch
        context.spend(_steps(found))
        return found

    run.with_context = True  # type: ignore[attr-defined]
    return run


def _steps(value: object) -> int:
    return _length(value) // (_CHARACTERS_A_STEP if issubclass(type(value), str) else _ITEMS_A_STEP)


def _length(value: object) -> int:
    """Asks the type, not the value: an undefined value answers no question."""
    kind = type(value)
    if issubclass(kind, int):
        return LONGEST_VALUE + 1 if int(value).bit_length() > _MOST_BITS else 0  # type: ignore[call-overload]
    return len(value) if issubclass(kind, str | list | tuple | dict | range) and isinstance(value, Sized) else 0


def _check_replace(value: object, sought: object, put: object = "") -> None:
    text, seek, new = str(value), str(sought), str(put)
    if len(text) + text.count(seek) * len(new) > LONGEST_VALUE:
        raise TooMuch


def _check_join(value: object, glue: object = " ") -> None:
    items = value if isinstance(value, list | tuple) else ()
    if len(items) * len(str(glue)) + sum(_length(one) for one in items) > LONGEST_VALUE:
        raise TooMuch


def _check_round(value: object, digits: object = 0) -> None:
    if len(str(digits)) > 2 or "-" in str(digits):
        raise FilterArgumentError("round takes 0 to 99 digits", token=None)


_GROWING: Final[Mapping[str, Callable[..., None]]] = {
    "replace": _check_replace,
    "join": _check_join,
    "round": _check_round,
}


def _date(value: Any, form: str = "%Y-%m-%d") -> str:
    """An ISO 8601 date or time, written as `form` says. No `now`: a mail composed again must be the same."""
    if not isinstance(form, str) or not _DATE_FORM.fullmatch(form):
        raise FilterArgumentError("not a date format", token=None)
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, date):
        raise FilterArgumentError("not an ISO 8601 date", token=None)
    return moment.strftime(form)


# Directives of the C standard without a width, which could ask for gigabytes; `-` leaves the leading zero out.
_DATE_FORM = re.compile(r"(?:[^%]|%[aAbBcdeFHIjmMpRSTuUwWxXyYzZ%]|%-[dHIjmMSy]){1,200}")

FILTERS: Final[Mapping[str, Filter]] = {
    **{name: _bounded(name, Environment().filters[name]) for name in _OFFERED},
    "date": _bounded("date", _date),
}
