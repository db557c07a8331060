"""What a send request alone tells about whether it can be sent. Whose server it is and who is suppressed is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from services.sender.core.attachment_checks import attachment_problems
from services.sender.core.header_checks import header_problems
from services.sender.core.recipient_checks import recipient_problems
from services.sender.core.rejections import Rejection
from services.sender.core.templates import TemplateFault, merged
from shared.contracts.sending import SendMail
from shared.domain.sending import Reason

FARTHEST_AHEAD: Final = timedelta(days=90)  # of not_before: nothing is kept waiting longer
FARTHEST_BACK: Final = timedelta(days=30)  # of not_before: older ones are a wrong clock or a wrong year
MOST_PROBLEMS: Final = 5  # told of in one rejection


def check(request: SendMail, *, now: datetime) -> Rejection | None:
    """The first thing that is wrong with the request, None if nothing is.

    A not_before in the past means now, as it does for a request that waited in a queue. Templates are run as they will be for
    the mail itself, so a field that is missing is found here.
    """
    return next(_problems(request, now), None)


def problems_of(error: ValidationError) -> Rejection:
    """A request that does not fit its schema, as one rejection: the first field, and up to five problems in words.

    Nothing that stood in a field is repeated.
    """
    problems = error.errors(include_url=False, include_context=True, include_input=False)
    told = [f"{_path(one['loc']) or 'the request'}: {_words(one)}" for one in problems[:MOST_PROBLEMS]]
    more = len(problems) - len(told)
    rest = f" And {more} more." if more else ""
    return Rejection(Reason.INVALID, _path(problems[0]["loc"]), "; ".join(told) + "." + rest)


def _problems(request: SendMail, now: datetime) -> Iterator[Rejection]:
    yield from _time_problems(request, now)
    yield from recipient_problems(request)
    yield from header_problems(request)
    yield from _body_problems(request)
    yield from attachment_problems(request)
    yield from _template_problems(request)


def _time_problems(request: SendMail, now: datetime) -> Iterator[Rejection]:
    starts, ends = request.not_before, request.expires_at
    if ends is not None and ends <= now:
        detail = (
            f"it was over when the request was read at {now:%Y-%m-%d %H:%M:%SZ}; give a later one, or check your clock"
        )
        yield Rejection(Reason.EXPIRED, "expires_at", detail)
    if starts is not None and ends is not None and ends <= starts:
        yield Rejection(Reason.INVALID, "expires_at", "it is not after not_before; give a later one")
    if starts is not None and starts > now + FARTHEST_AHEAD:
        detail = f"it is more than {FARTHEST_AHEAD.days} days ahead; ask again nearer to the time"
        yield Rejection(Reason.INVALID, "not_before", detail)
    if starts is not None and starts < now - FARTHEST_BACK:
        detail = f"it is more than {FARTHEST_BACK.days} days ago; check the clock and the year"
        yield Rejection(Reason.INVALID, "not_before", detail)


def _body_problems(request: SendMail) -> Iterator[Rejection]:
    if not (request.text or "").strip() and not (request.html or "").strip():
        yield Rejection(Reason.INVALID, "text", "the mail has no body; give text, html or both")
    for field, body in (("text", request.text), ("html", request.html)):
        if body and "\x00" in body:
            yield Rejection(Reason.INVALID, field, "a NUL character stands in it; take it out")


def _template_problems(request: SendMail) -> Iterator[Rejection]:
    if not request.merge:
        return
    bodies = ""
    for field, source, html in (
        ("subject", request.subject, False),
        ("text", request.text, False),
        ("html", request.html, True),
    ):
        try:
            filled = merged(source or "", request.merge, html=html, one_line=field == "subject")
        except TemplateFault as fault:
            yield Rejection(Reason.TEMPLATE, field, str(fault))
        else:
            bodies += "" if field == "subject" else filled.strip()
    if not bodies:
        yield Rejection(
            Reason.TEMPLATE, "text", "filled in with these fields, the mail has no body; correct the templates"
        )


def _path(loc: tuple[int | str, ...]) -> str:
    """A field as `to.0.email`. Names come from whoever asks, so they are cut and kept plain."""
    path = ".".join(str(step) for step in loc)
    return "".join(ch if ch.isprintable() else "?" for ch in path[:100])


def _words(problem: Mapping[str, Any]) -> str:
    """What is wrong, and the fix. ctx holds limits and patterns of ours, never the value."""
    given = problem.get("ctx") or {}
    words = _WORDS.get(problem["type"])
    return words.format_map(_Named(given)) if words else "it does not fit; see the schema"


class _Named(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing; give it",
    "extra_forbidden": "there is no such field; take it out or correct its name",
    "string_type": "must be a text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "has a character or form that is not allowed there; see the schema",
    "string_unicode": "is not valid Unicode; send UTF-8",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be {expected}",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
    "timezone_aware": "must name a time zone, such as 2026-11-21T12:00:00Z",
    "datetime_type": "must be a time such as 2026-11-21T12:00:00Z",
    "datetime_parsing": "must be a time such as 2026-11-21T12:00:00Z",
    "datetime_from_date_parsing": "must be a time such as 2026-11-21T12:00:00Z",
    "json_invalid": "is not valid JSON",
}
