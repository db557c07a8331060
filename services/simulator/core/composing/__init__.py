"""Mails that arrive in mailboxes, composed by pure functions: reports, complaints, notes of absence, people's mail."""

from __future__ import annotations

from datetime import datetime

from services.simulator.core.composing.complaints import compose_arf
from services.simulator.core.composing.exchange import compose_exchange_ndr
from services.simulator.core.composing.failures import FAILURES, Failure
from services.simulator.core.composing.gmail import compose_gmail_legacy_ndr, compose_gmail_ndr
from services.simulator.core.composing.original import REFERENCE_HEADER, OriginalMail
from services.simulator.core.composing.people import (
    compose_auto_reply,
    compose_broken_mime,
    compose_forged_report,
    compose_forwarded_report,
    compose_human,
)
from services.simulator.core.composing.postfix import compose_postfix_dsn

SHAPES = ("exchange", "gmail", "gmail_legacy", "postfix")
OTHER_KINDS = (
    "complaint", "redacted_complaint", "auto_reply", "human", "forwarded_report", "forged_report", "multi_recipient",
    "broken_mime",
)  # fmt: skip
KINDS = (*FAILURES, *OTHER_KINDS)


def compose(
    kind: str,
    original: OriginalMail,
    *,
    at: datetime,
    token: str,
    shape: str = "exchange",
    others: tuple[str, ...] = (),
) -> bytes:
    """A mail of one of KINDS about `original`. Raises KeyError for an unknown kind or shape.

    at: when it was written (with a zone). token: unique hex text for ids and boundaries. shape: for reports, one of
    SHAPES. others: further recipients; multi_recipient reports `original.recipient` and the first half of them as
    failed and the second half as delivered; forged_report takes its victim from there.
    """
    if kind in FAILURES:
        return _report(FAILURES[kind], original, at, token, shape)
    if kind == "multi_recipient":
        failed = [original.recipient, *others[: (len(others) + 1) // 2]]
        delivered = Failure("2.0.0", "250 2.0.0 Ok: queued", "delivered")
        listed = [(address, FAILURES["hard"]) for address in failed]
        listed += [(address, delivered) for address in others[(len(others) + 1) // 2 :]]
        return compose_postfix_dsn(original, listed, at=at, token=token)
    if kind in ("complaint", "redacted_complaint"):
        return compose_arf(original, at=at, token=token, redacted=kind == "redacted_complaint")
    if kind == "forged_report":
        return compose_forged_report(original, at=at, token=token, victim=(others or (original.recipient,))[0])
    simple = {
        "auto_reply": compose_auto_reply, "human": compose_human, "forwarded_report": compose_forwarded_report,
        "broken_mime": compose_broken_mime,
    }  # fmt: skip
    return simple[kind](original, at=at, token=token)


def _report(failure: Failure, original: OriginalMail, at: datetime, token: str, shape: str) -> bytes:
    match shape:
        case "exchange":
            return compose_exchange_ndr(original, failure, at=at, token=token)
        case "gmail":
            return compose_gmail_ndr(original, failure, at=at, token=token)
        case "gmail_legacy":
            return compose_gmail_legacy_ndr(original, failure, at=at, token=token)
        case "postfix":
            return compose_postfix_dsn(original, [(original.recipient, failure)], at=at, token=token)
    raise KeyError(f"unknown shape {shape!r}; known: {', '.join(SHAPES)}")


__all__ = [
    "FAILURES", "KINDS", "OTHER_KINDS", "REFERENCE_HEADER", "SHAPES", "Failure", "OriginalMail", "compose",
    "compose_arf", "compose_auto_reply", "compose_broken_mime", "compose_exchange_ndr", "compose_forged_report",
    "compose_forwarded_report", "compose_gmail_legacy_ndr", "compose_gmail_ndr", "compose_human", "compose_postfix_dsn",
]  # fmt: skip
