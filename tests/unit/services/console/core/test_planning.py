"""The plan of an apply: provider switches, differences in words, and removals that would leave a user without its key."""

from __future__ import annotations

import pytest

from services.console.core.merging import Wanted, after_switches, switched
from services.console.core.planning import differences, plan_records, plan_settings, plan_tally, refused_removals
from shared.domain.installation import (
    BounceServerRecord,
    CustomerRecord,
    GroupRecord,
    Installation,
    KeyRecord,
    Tally,
)

BOTH = frozenset({"microsoft-graph-api", "gmail-api"})
KEY = KeyRecord("k", "entra", "microsoft", "acme", tenant_id="t", credential="before")
SERVER = BounceServerRecord("s", "Bounces", "microsoft", "b@acme.example", "k", "acme")


@pytest.mark.parametrize(
    ("held", "switches", "left"),
    [
        (BOTH, {"google": False}, {"microsoft-graph-api"}),  # disabling takes the type out of every group
        ({"microsoft-graph-api"}, {"google": True}, BOTH),  # enabling adds it, even where it was removed by hand (A034)
        ({"gmail-api"}, {}, {"gmail-api"}),  # no switch, no change: what an admin removed stays removed
    ],
)
def test_a_provider_switch_changes_a_groups_types(
    held: frozenset[str], switches: dict[str, bool], left: set[str]
) -> None:
    assert after_switches(GroupRecord("A", server_types=frozenset(held)), switches).server_types == left


def test_a_switch_that_stands_already_is_not_thrown_again() -> None:
    assert switched({"google_enabled": False}, {"google_enabled": False, "microsoft_enabled": True}) == {}


def test_settings_that_stand_already_are_unchanged() -> None:
    verbs = [
        change.verb for change in plan_settings({"max_monitors": 0}, {"max_monitors": 0, "match_within_days": 30}, 1)
    ]

    assert verbs == ["unchanged", "update"]


def test_new_credentials_are_told_without_a_fingerprint() -> None:
    after = KeyRecord("k", "entra", "microsoft", "acme", tenant_id="u", credential="after")

    assert differences(KEY, after) == (
        "tenant_id: t → u",
        "new credentials: its tokens are dropped and its mailboxes are checked again",
    )


def test_records_are_new_changed_or_as_they_are() -> None:
    current = {"a": CustomerRecord("a", "A"), "b": CustomerRecord("b", "B")}
    wanted = {"a": CustomerRecord("a", "A"), "b": CustomerRecord("b", "Bee"), "c": CustomerRecord("c", "C")}

    found = [(change.verb, change.name, change.details) for change in plan_records("customer", current, wanted)]

    assert found == [("unchanged", "a", ()), ("update", "b", ("name: B → Bee",)), ("create", "c", ())]


def test_removing_a_key_in_use_is_refused_with_its_users() -> None:
    current = Installation(keys={"k": KEY}, bounce_servers={"s": SERVER})

    [fault] = refused_removals(current, Wanted(), {"keys": ["k"]})

    assert fault.reason == "key entra (acme) is not named any more, but is used by bounce server Bounces (acme)"


def test_removing_a_key_together_with_its_users_is_fine() -> None:
    current = Installation(keys={"k": KEY}, bounce_servers={"s": SERVER})

    assert refused_removals(current, Wanted(), {"keys": ["k"], "bounce_servers": ["s"]}) == []


@pytest.mark.parametrize(
    ("tally", "verbs"),
    [
        (Tally(unchanged=3), ["unchanged"]),
        (Tally(new=1, unchanged=2), ["create"]),
        (Tally(new=1, changed=1, removed=1), ["create", "update", "remove"]),
        (Tally(unchanged=2, kept=2), ["unchanged"]),
    ],
)
def test_an_import_is_told_in_at_most_three_lines(tally: Tally, verbs: list[str]) -> None:
    assert [change.verb for change in plan_tally("subscribers", "news", tally)] == verbs
