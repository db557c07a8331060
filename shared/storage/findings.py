"""A finding as the JSON that is stored in `fetched_mail.finding`, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from shared.domain.bounces import (
    BounceClass,
    Confidence,
    MailFinding,
    MailKind,
    RecipientFinding,
    Reference,
    ReferenceSource,
)
from shared.storage import replies
from shared.storage.texts import clean

# dataclasses.asdict copies each value deeply and takes five times as long, for every mail.
_MAIL: Final = tuple(field.name for field in fields(MailFinding))
_RECIPIENT: Final = tuple(field.name for field in fields(RecipientFinding))


def to_json(finding: MailFinding) -> dict[str, Any]:
    """Plain values only, and text that PostgreSQL takes: a hostile mail may hold NULs and halves of surrogate pairs."""
    plain = {name: _plain(getattr(finding, name)) for name in _MAIL}
    plain["recipients"] = [{name: _plain(getattr(one, name)) for name in _RECIPIENT} for one in finding.recipients]
    plain["references"] = [{"source": one.source, "value": clean(one.value)} for one in finding.references]
    if finding.reply is None:
        del plain["reply"]  # most findings have none
    else:
        plain["reply"] = replies.to_json(finding.reply)
    return plain


def _plain(value: Any) -> Any:
    return clean(value) if type(value) is str else value  # not for the enums, which are words of ours


def from_json(plain: dict[str, Any]) -> MailFinding:
    """The finding that to_json was given, or gave before it knew `confidence`. Raises KeyError, ValueError or TypeError for anything else."""
    recipients = tuple(
        RecipientFinding(
            **{
                **recipient,
                "bounce_class": BounceClass(recipient["bounce_class"]),
                "confidence": Confidence(recipient["confidence"]) if recipient.get("confidence") else None,
            }
        )
        for recipient in plain["recipients"]
    )
    references = tuple(Reference(ReferenceSource(r["source"]), r["value"]) for r in plain["references"])
    return MailFinding(
        **{
            **plain,
            "bounce_class": BounceClass(plain["bounce_class"]),
            "kind": MailKind(plain["kind"]),
            "recipients": recipients,
            "references": references,
            "reply": replies.from_json(plain["reply"]) if plain.get("reply") else None,
        }
    )
