"""Which mailboxes an apply has to try."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.console.core.merging import Wanted
from services.console.core.touched import touched
from shared.domain.installation import BounceServerRecord, DeliveryServerRecord, Installation, KeyRecord

KEY = KeyRecord("k", "entra", "microsoft", credential="c1")
SERVER = BounceServerRecord("s", "Main", "microsoft", "bounces@example.com", "k")
PRESENT = Installation(keys={"k": KEY}, bounce_servers={"s": SERVER})


def wanted(*servers: BounceServerRecord, key: KeyRecord = KEY) -> Wanted:
    return Wanted(keys={"k": key}, bounce_servers={server.uid: server for server in servers})


def test_a_new_server_is_tried_and_known_to_be_new() -> None:
    found = touched(PRESENT, wanted(SERVER, replace(SERVER, uid="t", name="Other")))
    assert (found.created, found.all) == ({"t"}, {"t"})


@pytest.mark.parametrize("change", [{"email": "b@example.com"}, {"key": "k2"}])
def test_a_server_that_looks_elsewhere_is_tried(change: dict[str, str]) -> None:
    found = touched(PRESENT, wanted(replace(SERVER, **change)))  # type: ignore[arg-type]
    assert (found.created, found.all) == (set(), {"s"})


@pytest.mark.parametrize("change", [{"credential": "c2"}, {"api_url": "https://api.example"}])
def test_a_key_with_new_credentials_has_its_mailboxes_tried_even_if_the_file_does_not_name_them(
    change: dict[str, str],
) -> None:
    assert touched(PRESENT, wanted(key=replace(KEY, **change))).all == {"s"}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "server",
    [SERVER, replace(SERVER, name="Renamed", poll_seconds=60), replace(SERVER, email="b@x.de", status="inactive")],
)
def test_what_leaves_access_as_it_was_or_is_switched_off_is_not_tried(server: BounceServerRecord) -> None:
    assert touched(PRESENT, wanted(server)).all == set()


def test_a_server_that_is_switched_on_is_tried() -> None:
    off = Installation(keys={"k": KEY}, bounce_servers={"s": replace(SERVER, status="inactive")})
    assert touched(off, wanted(SERVER)).all == {"s"}


def test_a_delivery_server_is_tried_like_a_bounce_server() -> None:
    sending = DeliveryServerRecord("d", "News", "microsoft", "news@example.com", "k")
    found = touched(PRESENT, Wanted(keys={"k": KEY}, delivery_servers={"d": sending}))
    assert (found.created, found.all) == ({"d"}, {"d"})
