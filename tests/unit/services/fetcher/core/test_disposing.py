"""How a disposal is carried out with what a key may do."""

from __future__ import annotations

import pytest

from services.fetcher.core.disposing import Way, way
from shared.domain.mailboxes import Capability, Disposal, Provider

READ = frozenset({Capability.READ})
MODIFY = READ | {Capability.MODIFY}
ALL = MODIFY | {Capability.DELETE}


@pytest.mark.parametrize("disposal", [d for d in Disposal if d is not Disposal.LEAVE])
@pytest.mark.parametrize("granted", [ALL, frozenset[Capability]()])
def test_what_is_granted_or_unknown_is_done_as_chosen(disposal: Disposal, granted: frozenset[Capability]) -> None:
    assert way(disposal, granted, Provider.GOOGLE) == Way(disposal)


def test_where_deleting_is_not_granted_the_mail_goes_to_the_trash_and_the_scope_is_named() -> None:
    found = way(Disposal.DELETE, MODIFY, Provider.GOOGLE)
    assert found == Way(Disposal.TRASH, "trashed: https://mail.google.com/ is not granted")


@pytest.mark.parametrize(
    ("provider", "disposal", "permission"),
    [
        (Provider.MICROSOFT, Disposal.TRASH, "Mail.ReadWrite"),
        (Provider.MICROSOFT, Disposal.DELETE, "Mail.ReadWrite"),
        (Provider.GOOGLE, Disposal.MARK_READ, "https://www.googleapis.com/auth/gmail.modify"),
        (Provider.GOOGLE, Disposal.MOVE, "https://www.googleapis.com/auth/gmail.modify"),
        (Provider.GOOGLE, Disposal.DELETE, "https://mail.google.com/"),
    ],
)
def test_a_read_only_key_leaves_the_mail_and_names_the_missing_permission(
    provider: Provider, disposal: Disposal, permission: str
) -> None:
    assert way(disposal, READ, provider) == Way(None, f"read-only: {permission} is not granted")
