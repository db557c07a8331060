"""Rules that answer sent mail with a report in the sender's inbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.simulator.core.composing import OriginalMail, compose


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """Mail to `recipient` or to anyone at `domain` is answered with a mail of `kind` after `delay` seconds.

    kind: a key of FAILURES (hard, full_mailbox, …) or another kind that `compose` knows (auto_reply, complaint, …).
    shape: "exchange", "gmail", "postfix", or "" for the sender's own provider.
    """

    kind: str = "hard"
    recipient: str = ""
    domain: str = ""
    shape: str = ""
    delay: float = 0.0
    folder: str = ""

    def fits(self, address: str) -> bool:
        wanted = address.lower()
        if self.recipient:
            return wanted == self.recipient.lower()
        return bool(self.domain) and wanted.rpartition("@")[2] == self.domain.lower()


def answer_for(
    rule: AnswerRule, raw: bytes, provider: str, sender: str, recipient: str, at: datetime, token: str
) -> bytes:
    """The report about `raw` as the sender's provider would write it; `token` makes its ids unique."""
    original = OriginalMail.from_raw(raw, sender, recipient)
    shape = rule.shape or ("exchange" if provider == "microsoft" else "gmail")
    return compose(rule.kind, original, at=at, token=token, shape=shape)
