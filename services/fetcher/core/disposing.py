"""How a disposal can be carried out with what a key may do (A010)."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.mailboxes import Capability, Disposal, Provider

_NEEDED = {
    Provider.MICROSOFT: {Capability.MODIFY: "Mail.ReadWrite", Capability.DELETE: "Mail.ReadWrite"},
    Provider.GOOGLE: {
        Capability.MODIFY: "https://www.googleapis.com/auth/gmail.modify",
        Capability.DELETE: "https://mail.google.com/",
    },
}


@dataclass(frozen=True, slots=True)
class Way:
    """disposal: what to ask the provider for; None: the mail stays, and `note` says which permission is missing."""

    disposal: Disposal | None
    note: str = ""


def way(disposal: Disposal, granted: frozenset[Capability], provider: Provider) -> Way:
    """How to carry out `disposal`. granted: empty means that nobody knows, so it is tried.

    Where deleting for good is not granted, the mail goes to the trash. Where nothing may be changed the mailbox works
    read-only: the ledger sees to it that no mail is read twice.
    """
    if not granted:
        return Way(disposal)
    if disposal is Disposal.DELETE and Capability.DELETE not in granted and Capability.MODIFY in granted:
        return Way(Disposal.TRASH, f"trashed: {_NEEDED[provider][Capability.DELETE]} is not granted")
    needed = Capability.DELETE if disposal is Disposal.DELETE else Capability.MODIFY
    if needed in granted:
        return Way(disposal)
    return Way(None, f"read-only: {_NEEDED[provider][needed]} is not granted")
