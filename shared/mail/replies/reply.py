"""What a mail's own text is: the result type, and the limits within which it is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Whether there is a text to match. On all but `found` the text is empty and the caller does nothing."""

    FOUND = "found"
    EMPTY = "empty"  # nothing of the person's own is left
    TOO_BIG = "too_big"  # the mail was cut at a limit before the person's text ended
    UNREADABLE = "unreadable"  # no text part, or none that could be read


class Reason(StrEnum):
    """Why lines are not the person's own words. The ids are shown to operators and are in docs/monitors.md."""

    QUOTED = "quoted"  # behind `>`, or inside a quotation of the HTML
    QUOTED_TAIL = "quoted_tail"  # below the point from which the other mail is quoted
    ATTRIBUTION = "attribution"  # "On … wrote:"
    HEADER_BLOCK = "header_block"  # From, Sent, To, Subject of the mail answered
    ORIGINAL = "original_message"  # "-----Original Message-----"
    FORWARDED = "forwarded"
    REPLY_MARK = "reply_mark"  # "Reply above this line"
    WRAPPED_QUOTE = "wrapped_quote"  # the end of a quoted line that a client broke in two
    BANNER = "external_banner"  # "[EXTERNAL]", put on top by a gateway
    SIGNATURE = "signature"  # below "-- ", or a signature of the HTML
    DEVICE = "device_signature"  # "Sent from my iPhone"
    CONTACT = "contact_block"  # address and telephone below a name
    DISCLAIMER = "disclaimer"
    LIST_FOOTER = "list_footer"  # what a mailing list or the operator puts below
    SENT_MAIL = "sent_mail"  # a line of the mail that we sent
    RULE_LINE = "rule_line"  # only dashes and the like


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines of the mail's text with one fate. `reason`: None for the person's own words."""

    text: str
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the person wrote.

    text: without surrounding space, empty unless `outcome` is `found`. blocks: the whole text that was looked at, in
    order, with what was cut and why. source: "plain" or "html", which of the mail's texts it is. truncated: a limit
    was reached; `note` says which. A truncated reply may still be `found`: its end was seen before the limit.
    """

    text: str
    outcome: Outcome
    blocks: tuple[Block, ...] = ()
    source: str = "plain"
    truncated: bool = False
    note: str = ""

    @property
    def quotes(self) -> bool:
        """Whether anything of another mail was found below or between the person's words."""
        return any(block.reason in QUOTING for block in self.blocks)


QUOTING = frozenset(
    (Reason.QUOTED, Reason.QUOTED_TAIL, Reason.ATTRIBUTION, Reason.HEADER_BLOCK, Reason.ORIGINAL, Reason.FORWARDED)
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is looked at. text: characters of a plain text. lines: of a text. html: characters of an HTML source."""

    text: int = 262_144
    lines: int = 4_000
    html: int = 600_000
