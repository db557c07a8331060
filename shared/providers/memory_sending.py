"""Sending in memory: what the double does with a mail that a client hands over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.errors import Diagnosis, MailGone, PermissionMissing
from shared.domain.mailboxes import Capability
from shared.domain.sending import DraftState, SentIds
from shared.mail.headers import Headers
from shared.mail.message_ids import REFERENCE_HEADER, normalise
from shared.mail.mime import split_head
from shared.mail.sender_names import name_in_from

_NEEDED: Mapping[str, Capability] = {
    "send": Capability.SEND,
    "send_draft": Capability.SEND,
    "find_sent": Capability.READ,
    "read_back": Capability.READ,
    "draft_state": Capability.READ,
    "create_draft": Capability.MODIFY,
    "discard_draft": Capability.MODIFY,
    "prime": Capability.SEND,
}


@dataclass(frozen=True, slots=True)
class SentCopy:
    """A mail that left. message_id: as it left; submitted_id: as it was handed over. Both without angle brackets."""

    address: str
    mail_id: str
    raw: bytes
    message_id: str
    submitted_id: str
    reference: str
    at: datetime


@dataclass(slots=True)
class SendingBehaviour:
    """How a mailbox treats what is sent.

    new_message_ids: another Message-ID is put in place of ours. drop_headers: X- fields are taken off until `prime`.
    unseen_for: how many times `find_sent`, `read_back` and `draft_state` do not see a new copy yet.
    tells_ids: whether the answer to a send names the mail, as Gmail's does. display_name: the mailbox's own, put before its
    address.
    """

    new_message_ids: bool = False
    drop_headers: bool = False
    unseen_for: int = 0
    tells_ids: bool = False
    display_name: str = ""


@dataclass(slots=True)
class Outbox:
    """What one mailbox sent and is about to send."""

    behaviour: SendingBehaviour = field(default_factory=SendingBehaviour)
    drafts: dict[str, bytes] = field(default_factory=dict)
    sent: dict[str, SentCopy] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    made: int = 0

    def new_id(self, kind: str) -> str:
        """An id that no other thing has."""
        self.made += 1
        return f"{kind}-{self.made:06d}"

    def submit(self, address: str, raw: bytes, at: datetime, mail_id: str = "") -> SentIds:
        """Lets the mail go."""
        head = Headers(split_head(raw.replace(b"\r\n", b"\n"))[0])
        ours = normalise(head.get("message-id"))
        mail_id = mail_id or self.new_id("sent")
        message_id = f"{mail_id}@memory.example" if self.behaviour.new_message_ids or not ours else ours
        reference = "" if self.behaviour.drop_headers else head.get(REFERENCE_HEADER.lower())
        self.sent[mail_id] = SentCopy(address, mail_id, raw, message_id, ours, reference, at)
        self.looks[mail_id] = self.behaviour.unseen_for
        return SentIds(mail_id, mail_id) if self.behaviour.tells_ids else SentIds()

    def find(self, message_id: str, reference: str, since: datetime) -> SentIds | None:
        """By id, or by reference among those since."""
        for copy in self.sent.values():
            named = copy.message_id == message_id or (reference and copy.reference == reference and copy.at >= since)
            if named:
                return self._ids(copy) if self._seen(copy.mail_id) else None
        return None

    def read_back(self, mail_id: str) -> SentIds:
        """What the mail left with."""
        if mail_id not in self.sent or not self._seen(mail_id):
            raise MailGone(f"read_back: {mail_id} is not there")
        return self._ids(self.sent[mail_id])

    def state(self, draft_id: str) -> DraftState:
        """As Graph shows it: the id of a draft is that of its sent copy."""
        if draft_id in self.drafts:
            return DraftState.DRAFT
        return DraftState.SENT if draft_id in self.sent and self._seen(draft_id) else DraftState.GONE

    def _seen(self, mail_id: str) -> bool:
        """Each look at a mail that is not shown yet brings it nearer."""
        left = self.looks[mail_id]
        self.looks[mail_id] = max(0, left - 1)
        return left <= 0

    def _ids(self, copy: SentCopy) -> SentIds:
        sender = Headers(split_head(copy.raw.replace(b"\r\n", b"\n"))[0]).get("from")
        name = self.behaviour.display_name or name_in_from(sender, copy.address)
        return SentIds(copy.mail_id, copy.mail_id, copy.message_id, name)


def check_granted(operation: str, granted: frozenset[Capability], address: str) -> None:
    """Raises PermissionMissing as a provider would."""
    needed = _NEEDED[operation]
    if needed not in granted:
        found = Diagnosis("notGranted", f"The key may not {needed}.", "Grant it with MemoryProvider.open.")
        raise PermissionMissing(f"{operation} for {address}", found, mailbox=address, call=operation)
