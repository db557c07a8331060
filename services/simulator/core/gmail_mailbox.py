"""A Gmail mailbox: labels, and a history of what changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.simulator.core.mailboxes import Mailbox, MailboxOptions, StoredMail

SYSTEM_LABELS = (
    "INBOX", "SPAM", "TRASH", "UNREAD", "STARRED", "IMPORTANT", "SENT", "DRAFT", "CHAT", "CATEGORY_PERSONAL",
    "CATEGORY_SOCIAL", "CATEGORY_PROMOTIONS", "CATEGORY_UPDATES", "CATEGORY_FORUMS",
)  # fmt: skip
FIXED_LABELS = frozenset({"SENT", "DRAFT", "CHAT"})
_FIRST_ID = 0x18C0000000000000


@dataclass(frozen=True, slots=True)
class Change:
    """One history record: kind is messagesAdded, messagesDeleted, labelsAdded or labelsRemoved."""

    id: int
    kind: str
    mail_id: str
    thread_id: str
    labels: tuple[str, ...]
    label_ids: tuple[str, ...]


class GmailMailbox(Mailbox):
    """Labels by id; UNREAD is a label like any other, `StoredMail.unread` follows it."""

    provider = "google"

    def __init__(self, address: str, options: MailboxOptions) -> None:
        super().__init__(address, options)
        self.labels: dict[str, str] = {label: label for label in SYSTEM_LABELS}
        self.drafts: dict[str, StoredMail] = {}
        self.history: list[Change] = []
        self.history_id = 1000
        self.oldest_history_id = 1000

    def new_mail(self, raw: bytes, labels: set[str], received: float, thread_id: str = "") -> StoredMail:
        """A mail with an id of its own, not yet put in."""
        number = self.next_number()
        mail = StoredMail(number, raw, received, set(labels), unread="UNREAD" in labels, modified=received)
        mail.public_id = mail.lasting_id = f"{_FIRST_ID + number * 0x1F31:016x}"
        mail.thread_id = thread_id or mail.public_id
        return mail

    def label_id(self, wanted: str) -> str | None:
        """The id of a label by id or name, in any case; None when there is none."""
        if wanted.upper() in self.labels:
            return wanted.upper()
        if wanted in self.labels:
            return wanted
        folded = wanted.lower().replace("-", " ")
        return next((key for key, name in self.labels.items() if name.lower().replace("-", " ") == folded), None)

    def create_label(self, name: str) -> str | None:
        """A user label's id, or None when the name is taken."""
        if self.label_id(name) is not None:
            return None
        label = f"Label_{len(self.labels) - len(SYSTEM_LABELS) + 1}"
        self.labels[label] = name
        return label

    def relabel(self, mail: StoredMail, add: set[str], remove: set[str], now: float) -> None:
        """Change labels as `modify` does; what is both added and removed is removed."""
        gone = mail.places & remove
        new = add - remove - mail.places
        for label in gone:
            self.place(label).drop(mail)
        for label in new:
            self.place(label).add(mail)
        mail.places = (mail.places - gone) | new
        mail.unread = "UNREAD" in mail.places
        mail.modified = now
        if new:
            self._record("labelsAdded", mail, new)
        if gone:
            self._record("labelsRemoved", mail, gone)

    def trash(self, mail: StoredMail, now: float) -> None:
        self.relabel(mail, {"TRASH"}, {"INBOX", "SPAM"}, now)

    def delete(self, mail: StoredMail) -> None:
        """Gone for good, as messages.delete does."""
        self.remove(mail)
        self._record("messagesDeleted", mail, set())

    def forget_history(self) -> None:
        """What is older than now answers 404 from here on."""
        self.history.clear()
        self.oldest_history_id = self.history_id

    def described(self, mail: StoredMail) -> dict[str, Any]:
        return super().described(mail) | {"thread_id": mail.thread_id}

    def _show(self, mail: StoredMail) -> None:
        super()._show(mail)
        self._record("messagesAdded", mail, set())

    def _record(self, kind: str, mail: StoredMail, labels: set[str]) -> None:
        self.history_id += 7
        mail.version = self.history_id
        self.history.append(
            Change(self.history_id, kind, mail.public_id, mail.thread_id, tuple(sorted(labels)), tuple(mail.places))
        )
