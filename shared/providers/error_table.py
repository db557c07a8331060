"""One table turns what a provider says into our error types: the row, the look-up, and the Retry-After header.

Each provider has its own rows (graph/errors.py, gmail/errors.py). No row can make a throttle, a 5xx or an answer
without a readable reason permanent: those are decided before the table is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from shared.domain.errors import ApiConnectError, Diagnosis, MailGone, Permanent, ProviderUnavailable, Temporary
from shared.providers.answers import Answer, Call
from shared.telemetry import redact

# The calls that name one mail. In any other "not found" does not mean that a mail is gone.
_ABOUT_A_MAIL = frozenset(
    {"fetch_raw", "dispose", "oldest_unread", "read_back", "send_draft", "draft_state", "discard_draft", "sent_head"}
)

# Characters of a provider's message that are looked at. Cut before the redaction, a secret could be half of one.
_READ = 4_000


@dataclass(frozen=True, slots=True)
class Row:
    """What one provider code means.

    code: as the provider writes it; compared without case. contains: a piece of the message that must be there as well,
    for codes with several meanings; such rows stand before the general one. error: our type.
    example: a message that reaches this row, in the provider's words.
    """

    code: str
    error: type[ApiConnectError]
    cause: str
    fix: str
    link: str = ""
    contains: str = ""
    example: str = ""

    @property
    def diagnosis(self) -> Diagnosis:
        return Diagnosis(self.code, self.cause, self.fix, self.link)


def find_row(rows: Sequence[Row], code: str, message: str) -> Row | None:
    """The first row for this code whose `contains` is in the message."""
    wanted, said = code.lower(), message.lower()
    for row in rows:
        if row.code.lower() == wanted and row.contains.lower() in said:
            return row
    return None


def raised(row: Row, call: Call, message: str, *, retry_after: float | None = None, code: str = "") -> ApiConnectError:
    """The row's error. `code`: the provider's own, where the row stands for several. `message` is theirs: redacted, then cut."""
    words = f"{call}: {code or row.code}: {redact(' '.join(message[:_READ].split()))[:300]}"
    if row.error is MailGone and call.operation not in _ABOUT_A_MAIL:
        return ProviderUnavailable(words, retry_after=retry_after)
    if issubclass(row.error, Permanent):
        found = Diagnosis(code or row.code, row.cause, row.fix, row.link)
        return row.error(words, found, mailbox=call.mailbox, call=call.operation)
    if issubclass(row.error, Temporary):
        return row.error(words, retry_after=retry_after)
    return row.error(words)


def retry_after_seconds(answer: Answer) -> float | None:
    """The Retry-After header in seconds, never below zero; None if there is none. Source: RFC 9110 §10.2.3.

    An HTTP date is compared with the answer's own Date, so that a wrong clock here does not matter.
    """
    said = answer.headers.get("retry-after", "").strip()
    if not said:
        return None
    if said.isascii() and said.isdigit():
        return float(said[:9])
    at = _http_date(said)
    return None if at is None else max(0.0, at - answered_at(answer))


def answered_at(answer: Answer) -> float:
    """When the other side answered, by its own clock (epoch seconds); by ours if it did not say."""
    stated = _http_date(answer.headers.get("date", ""))
    return answer.now if stated is None else stated


def _http_date(value: str) -> float | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
