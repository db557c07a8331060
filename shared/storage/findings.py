"""A finding as the JSON that is stored in `fetched_mail.finding`, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from shared.domain.bounces import BounceClass, MailFinding, MailKind, RecipientFinding, Reference, ReferenceSource


def to_json(finding: MailFinding) -> dict[str, Any]:
    """Plain values only."""
    return asdict(finding)


def from_json(plain: dict[str, Any]) -> MailFinding:
    """The finding that to_json was given. Raises KeyError, ValueError or TypeError for anything else."""
    recipients = tuple(
        RecipientFinding(**{**recipient, "bounce_class": BounceClass(recipient["bounce_class"])})
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
        }
    )
