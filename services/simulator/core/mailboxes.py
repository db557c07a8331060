"""Mailboxes in memory, what both providers share: mails, places they lie in, and the order of listings.

A place is a folder (Microsoft) or a label (Google). Every place keeps its mails sorted by time, so that a listing
reads only what it shows. Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from services.simulator.core.header_fields import addresses, readable
from services.simulator.core.header_fields import field as header_field


@dataclass(slots=True)
class MailboxOptions:
    """How a mailbox behaves.

    message_ids: "keep" or "rewrite" what a client supplied when sending. custom_headers: "keep" or "drop" x- fields
    of what is sent, or "drop_until_primed": of MIME, until the field has come by JSON once. sent_items_delay: seconds until
    the copy shows; sent_items_delay_most: if set, each takes a time between the two. licensed: False gives the provider's error.
    tenant: the only Entra tenant that knows the mailbox ("" = any). denied_clients: apps an access policy excludes.
    mails_before: how many mails a new mailbox has had before; ids go on from there, as they never come twice.
    """

    message_ids: str = "keep"
    custom_headers: str = "keep"
    sent_items_delay: float = 0.0
    sent_items_delay_most: float = 0.0
    licensed: bool = True
    tenant: str = ""
    denied_clients: tuple[str, ...] = ()
    display_name: str = ""
    mails_before: int = 0


@dataclass(slots=True, eq=False)
class StoredMail:
    """One mail. `public_id` is what clients see (Graph: the id that changes on a move); `lasting_id` never changes."""

    number: int
    raw: bytes
    received: float
    places: set[str]
    unread: bool = True
    draft: bool = False
    public_id: str = ""
    lasting_id: str = ""
    thread_id: str = ""
    version: int = 0
    modified: float = 0.0
    overrides: dict[str, Any] = field(default_factory=dict)
    _summary: tuple[str, str, str, str] | None = None

    @property
    def key(self) -> tuple[float, int]:
        return (self.received, self.number)

    @property
    def message_id(self) -> str:
        return self._read()[0]

    @property
    def subject(self) -> str:
        return self._read()[1]

    @property
    def sender(self) -> tuple[str, str]:
        """(display name, address) of From, empty strings when missing."""
        _, _, name, address = self._read()
        return name, address

    def replace_raw(self, raw: bytes) -> None:
        """Give the mail other content; what was read from the old one is forgotten."""
        self.raw = raw
        self._summary = None

    def _read(self) -> tuple[str, str, str, str]:
        if self._summary is None:
            sender = (addresses(header_field(self.raw, "From")) or [("", "")])[0]
            subject = readable(header_field(self.raw, "Subject"))
            self._summary = (header_field(self.raw, "Message-ID"), subject, sender[0], sender[1])
        return self._summary


class Place:
    """The mails of one folder or label in the order of time."""

    __slots__ = ("keys", "mails")

    def __init__(self) -> None:
        self.keys: list[tuple[float, int]] = []
        self.mails: dict[int, StoredMail] = {}

    def add(self, mail: StoredMail) -> None:
        if mail.number not in self.mails:
            self.mails[mail.number] = mail
            if not self.keys or mail.key > self.keys[-1]:
                self.keys.append(mail.key)
            else:
                insort(self.keys, mail.key)

    def drop(self, mail: StoredMail) -> None:
        if self.mails.pop(mail.number, None) is not None:
            del self.keys[bisect_left(self.keys, mail.key)]

    def newest_first(self) -> Iterator[StoredMail]:
        return (self.mails[number] for _, number in reversed(self.keys))

    def oldest_first(self) -> Iterator[StoredMail]:
        return (self.mails[number] for _, number in self.keys)

    def __len__(self) -> int:
        return len(self.keys)


class Mailbox:
    """What GraphMailbox and GmailMailbox have in common. `provider` is "microsoft" or "google"."""

    provider = ""

    def __init__(self, address: str, options: MailboxOptions) -> None:
        self.address = address
        self.options = options
        self.everything = Place()
        self.places: dict[str, Place] = {}
        self.by_id: dict[str, StoredMail] = {}
        self.pending: list[tuple[float, int, StoredMail]] = []
        self.counter = options.mails_before
        self.primed: set[str] = set()

    def find(self, mail_id: str) -> StoredMail | None:
        """The mail with that id (of either kind), if it is visible."""
        return self.by_id.get(mail_id)

    def place(self, name: str) -> Place:
        """The place of that name, made when it is first asked for."""
        found = self.places.get(name)
        if found is None:
            found = self.places[name] = Place()
        return found

    def add(self, mail: StoredMail, visible_at: float = 0.0, now: float = 0.0) -> StoredMail:
        """Put a mail in; it stays hidden until `visible_at` when that lies after `now`."""
        if visible_at > now:
            heappush(self.pending, (visible_at, mail.number, mail))
        else:
            self._show(mail)
        return mail

    def settle(self, now: float) -> None:
        """Show what has become due: delayed Sent Items, answers that were on their way."""
        while self.pending and self.pending[0][0] <= now:
            self._show(heappop(self.pending)[2])

    def remove(self, mail: StoredMail) -> None:
        """Take the mail out for good."""
        for name in mail.places:
            self.place(name).drop(mail)
        self.everything.drop(mail)
        self.by_id.pop(mail.public_id, None)
        self.by_id.pop(mail.lasting_id, None)

    def next_number(self) -> int:
        self.counter += 1
        return self.counter

    def described(self, mail: StoredMail) -> dict[str, Any]:
        """For the control API: where the mail is and what it holds."""
        return {
            "id": mail.public_id,
            "lasting_id": mail.lasting_id,
            "places": sorted(mail.places),
            "unread": mail.unread,
            "message_id": mail.message_id,
            "subject": mail.subject,
            "received": mail.received,
            "sha256": hashlib.sha256(mail.raw).hexdigest(),
            "size": len(mail.raw),
        }

    def _show(self, mail: StoredMail) -> None:
        for name in mail.places:
            self.place(name).add(mail)
        self.everything.add(mail)
        self.by_id[mail.public_id] = mail
        self.by_id[mail.lasting_id] = mail


def opaque(kind: str, *parts: object, size: int = 48) -> str:
    """A stable id that looks like the provider's: url-safe base64 of a digest of `parts` after `kind`."""
    digest = hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=size).digest()
    return kind + urlsafe_b64encode(digest).decode()
