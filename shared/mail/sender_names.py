"""The name that a provider puts before a mailbox's address in the From field of what leaves it."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Final

from shared.mail.headers import words

_LONGEST: Final = 200


def own_name(name: str, address: str, mailbox: str) -> str | None:
    """The name as one line; None if the mail is from another address, or has no name but an address in its place."""
    shown = " ".join("".join(each if each.isprintable() else " " for each in name).split())
    if address.strip().lower() != mailbox.lower() or not shown or "@" in shown:
        return None
    return shown[:_LONGEST]


def name_in_from(value: str, mailbox: str) -> str | None:
    """The same of a From field as it stands in a mail, encoded words (RFC 2047) and all."""
    name, address = parseaddr(value)
    return own_name(words(name), address, mailbox)
