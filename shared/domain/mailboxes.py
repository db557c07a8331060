"""A mailbox: an address at a provider, who looks into it, and what is done with its mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

MailboxId = NewType("MailboxId", int)
MailId = NewType("MailId", int)


class Provider(StrEnum):
    """Whose API it is. The values are the words of the command line, the tables and the wire."""

    MICROSOFT = "microsoft"
    GOOGLE = "google"


class Folder(StrEnum):
    """The folders that are read. `junk` is Graph's junkemail and Gmail's SPAM."""

    INBOX = "inbox"
    JUNK = "junk"


class Disposal(StrEnum):
    """What happens in the mailbox to a mail that is done with (A111). Trash by default: it can be taken back."""

    LEAVE = "leave"
    MARK_READ = "mark_read"
    MOVE = "move"
    TRASH = "trash"
    DELETE = "delete"


# What keeps most comes first: when several watchers read one mailbox, the first of their choices wins.
KEEPING_ORDER = (Disposal.LEAVE, Disposal.MARK_READ, Disposal.MOVE, Disposal.TRASH, Disposal.DELETE)


def keeps_most(choices: tuple[Disposal, ...]) -> Disposal:
    """The choice that keeps most; `leave` when nobody chose."""
    return min(choices, key=KEEPING_ORDER.index, default=Disposal.LEAVE)


class Stage(StrEnum):
    """Where a mail stands. A row in `fetched_mail` is the truth; a message on the broker only says "look at it"."""

    LISTED = "listed"  # its id is known, nothing more
    FETCHED = "fetched"  # its raw MIME is stored
    CLASSIFIED = "classified"  # its finding is stored
    SERVED = "served"  # what follows from it is committed, its disposal is decided
    GONE = "gone"  # somebody took it out of the mailbox before we read it


class ServerStatus(StrEnum):
    """Whether a bounce server or monitor works; `cron-running` is shown from a live lease, never stored (A213)."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class Connection(StrEnum):
    """The result of the last test of a mailbox (A213)."""

    CONNECTED = "connected"
    NOT_CONNECTED = "not connected"
    UNKNOWN = "unknown"


class Capability(StrEnum):
    """What a key may do in a mailbox. Probed for each key and domain, never assumed (A010)."""

    READ = "read"
    MODIFY = "modify"  # mark read, move, trash
    DELETE = "delete"  # for good
    SEND = "send"


@dataclass(frozen=True, slots=True)
class ListedMail:
    """One unread mail as a listing names it. `received_at`: UTC, None where the listing does not say (Gmail)."""

    provider_mail_id: str
    folder: Folder
    received_at: datetime | None = None


def normalize_address(address: str) -> str:
    """An address as it is compared: without surrounding space, lower case (A131)."""
    return address.strip().lower()


def domain_of(address: str) -> str:
    """The part behind the last @, lower case; the whole text if there is no @."""
    return normalize_address(address).rpartition("@")[2]
