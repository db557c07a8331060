"""What a server's provider would drop or refuse is told at acceptance, with the field, the server and the way out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from services.sender.core.rejections import Rejection
from services.sender.core.server_checks import server_problem
from shared.domain.mailboxes import Provider
from shared.domain.send_requests import StoredAttachment, UsableServer
from tests.send_requests import a_request

FILE = UUID("0198aaaa-bbbb-7ccc-8ddd-eeeeffff0009")
MICROSOFT, GOOGLE = Provider.MICROSOFT, Provider.GOOGLE
MB = 1024 * 1024


def problem(
    provider: Provider = MICROSOFT, mode: str = "mime", most: int = 500, stored: int = 0, **fields: Any
) -> Rejection | None:
    server = UsableServer(1, "shop", "shop@acme.example", provider, mode=mode, recipients_per_mail=most)
    return server_problem(a_request(**fields), server, {FILE: StoredAttachment(1, stored)})


def headers(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "value": "1"} for name in names]


def people(many: int) -> list[dict[str, str]]:
    return [{"email": f"a{n}@example.net"} for n in range(many)]


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"headers": headers("X-1", "X-2", "X-3", "X-4", "X-5")}, "headers.4.name", "X-5: one more than the 5"),
        ({"headers": headers("X-1", "References")}, "headers.1.name", "References: its name does not start with X-"),
        (
            {"headers": headers("A", "B")},
            "headers.0.name",
            "A: its name does not start with X-; send as MIME to keep it; B:",
        ),
        ({"list_unsubscribe": "https://example.com/u"}, "list_unsubscribe", "List-Unsubscribe: its name"),
    ],
)
def test_headers_that_json_would_lose_are_named(fields: dict[str, Any], field: str, says: str) -> None:
    found = problem(mode="json", **fields)
    assert found is not None
    assert (found.reason, found.field) == ("headers_not_kept", field)
    assert says in found.detail
    assert "shop sends by JSON" in found.detail
    assert problem(mode="mime", **fields) is None


@pytest.mark.parametrize(("named", "field"), [({"list": "news"}, "list"), ({"campaign": "november"}, "campaign")])
def test_the_lists_own_list_unsubscribe_would_be_lost_by_json_too(named: dict[str, str], field: str) -> None:
    by_json = UsableServer(1, "shop", "shop@acme.example", MICROSOFT, mode="json")
    found = server_problem(a_request(**named), by_json, {}, listed=True)
    assert found is not None
    assert (found.reason, found.field) == ("headers_not_kept", field)
    assert "List-Unsubscribe" in found.detail
    assert "The list's settings add" in found.detail
    by_mime = UsableServer(1, "shop", "shop@acme.example", MICROSOFT)
    assert server_problem(a_request(**named), by_mime, {}, listed=True) is None


def test_four_headers_of_ones_own_go_by_json_beside_ours() -> None:
    assert problem(mode="json", headers=headers("X-1", "x-2", "X-3", "X-4")) is None


@pytest.mark.parametrize(("many", "fits"), [(100, True), (101, False)])
def test_a_mail_to_more_than_the_server_may_send_one_to_is_refused(many: int, fits: bool) -> None:
    found = problem(most=100, to=people(many - 1), bcc=[{"email": "z@example.net"}])
    assert (found is None) is fits
    if found is not None:
        assert (found.reason, found.field) == ("invalid", "bcc")
        assert "shop may send one mail to" in found.detail


@pytest.mark.parametrize(
    ("provider", "size", "field"),
    [
        (MICROSOFT, 150 * MB, None),
        (MICROSOFT, 150 * MB + 1, "attachments.0"),
        (MICROSOFT, 200 * MB, "attachments.0"),
        (GOOGLE, 25 * MB, None),  # 35 MB as they travel
        (GOOGLE, 26 * MB, "attachments"),
        (GOOGLE, 200 * MB, "attachments"),
    ],
)
def test_an_attachment_that_the_provider_would_not_take_is_refused(
    provider: Provider, size: int, field: str | None
) -> None:
    found = problem(provider, stored=size, attachments=[{"filename": "a.bin", "stored": str(FILE)}])
    assert (found.field if found else None) == field
    assert found is None or found.reason == "too_large"
