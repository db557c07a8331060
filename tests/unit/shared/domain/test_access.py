"""Who may do what with bounce servers and monitors: the table of the rules."""

from __future__ import annotations

import pytest

from shared.domain.access import OPERATOR, Role
from shared.domain.monitors import ACTIONS, MonitorAction

ACME = Role("acme")
EVERYBODYS = [MonitorAction.UNSUBSCRIBE, MonitorAction.BLACKLIST, MonitorAction.UNCONFIRM, MonitorAction.DELETE]


@pytest.mark.parametrize(
    ("role", "owner", "locked", "sees", "changes"),
    [
        (OPERATOR, None, False, True, True),
        (OPERATOR, "acme", True, True, True),  # a lock holds against customers only
        (ACME, "acme", False, True, True),
        (ACME, "acme", True, True, False),
        (ACME, "globex", False, False, False),
        (ACME, "globex", True, False, False),
        (ACME, None, False, False, False),
        (ACME, None, True, False, False),
    ],
)
def test_a_customer_sees_its_own_and_changes_what_is_not_locked(
    role: Role, owner: str | None, locked: bool, sees: bool, changes: bool
) -> None:
    assert role.sees(owner) is sees
    assert role.may_change(owner, locked=locked) is changes


@pytest.mark.parametrize(
    ("role", "key_owner", "server_owner", "may"),
    [
        (OPERATOR, None, None, True),
        (OPERATOR, None, "acme", True),
        (OPERATOR, "acme", "acme", True),
        (OPERATOR, "globex", "acme", False),
        (OPERATOR, "acme", None, False),
        (ACME, "acme", "acme", True),
        (ACME, None, "acme", False),  # a system key that it was given is kept, not chosen
        (ACME, "globex", "acme", False),
    ],
)
def test_who_may_choose_which_key(role: Role, key_owner: str | None, server_owner: str | None, may: bool) -> None:
    assert role.may_choose_key(key_owner, server_owner) is may


@pytest.mark.parametrize(
    ("role", "owner", "kept", "actions"),
    [
        (OPERATOR, None, [], EVERYBODYS),
        (OPERATOR, None, [MonitorAction.MOVE_TO_LIST], EVERYBODYS),  # there can be none
        (OPERATOR, "acme", [], EVERYBODYS),
        (OPERATOR, "acme", [MonitorAction.MOVE_TO_LIST], [*EVERYBODYS, MonitorAction.MOVE_TO_LIST]),
        (ACME, "acme", [], list(ACTIONS)),
    ],
)
def test_which_actions_a_form_offers(
    role: Role, owner: str | None, kept: list[MonitorAction], actions: list[MonitorAction]
) -> None:
    assert list(role.actions(owner, frozenset(kept))) == actions
