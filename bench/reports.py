"""Reports to be worked on, about 5 kB each, with the mail that each is about and what must come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import cycle, islice

from services.simulator.core.composing import OriginalMail, compose
from shared.domain.installation import SentMailRecord

REPORT_BYTES = 5_000
FIELD = "X-Entity-Data: v=1; b=pWxGkq8vB2Jm5TzRuYc1NdOaLh7EfSi9; t=november; shop=all\r\n"

# Of twenty reports, the share that a newsletter's senders see.
KINDS = (*["hard"] * 11, *["soft"] * 5, *["complaint"] * 3, "redacted_complaint")
SHAPES = {"microsoft": "exchange", "google": "gmail"}


@dataclass(frozen=True, slots=True)
class Report:
    """One mail as it lies in a mailbox. kind: one of KINDS. sent: the mail that it is about; its one recipient is new."""

    kind: str
    raw: bytes
    sent: SentMailRecord


def reports(count: int, *, prefix: str, provider: str, customer: str, at: datetime) -> Iterator[Report]:
    """`count` different reports to one mailbox of `customer`. prefix: makes ids and addresses unique. at: aware UTC."""
    sent_at = at - timedelta(hours=1)
    for number, kind in enumerate(islice(cycle(KINDS), count)):
        name = f"{prefix}-{number:06d}"
        original = OriginalMail(
            message_id=f"<{name}@send.example.com>",
            reference=f"ref-{name}",
            sender="news@send.example.com",
            recipient=f"reader-{name}@reader.example.net",
            sent_at=sent_at,
        )
        sent = SentMailRecord(
            customer=customer,
            campaign=f"{customer}-campaign",
            message_id=original.message_id.strip("<>"),
            reference=original.reference,
            recipients=(original.recipient,),
            sent_at=sent_at,
            sender=original.sender,
        )
        yield Report(kind, _padded(kind, original, at, f"{hash_of(name):032x}", SHAPES[provider]), sent)


def hash_of(name: str) -> int:
    """A number for ids inside a mail, the same in every run."""
    return int.from_bytes(name.encode().rjust(16, b"0")[-16:], "big")


def _padded(kind: str, original: OriginalMail, at: datetime, token: str, shape: str) -> bytes:
    """Reports return the header of the mail that they are about: it is made as long as it takes."""
    raw = compose(kind, original, at=at, token=token, shape=shape)
    longer = compose(kind, replace(original, head=original.headers() + FIELD), at=at, token=token, shape=shape)
    fields = -(-(REPORT_BYTES - len(raw)) // (len(longer) - len(raw)))
    if fields <= 0:
        return raw
    return compose(kind, replace(original, head=original.headers() + FIELD * fields), at=at, token=token, shape=shape)
