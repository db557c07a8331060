"""What leaves carries its list's List-Unsubscribe as the list's settings are when the mail is composed, or it does not leave."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from shared.domain.mailboxes import Provider
from tests.builders import a_list, a_subscriber
from tests.integration.services.sender.delivering import Delivering
from tests.integration.shared.storage.looking import do
from tests.sending import a_campaign
from tests.stored_sends import Stored, a_send, row_of

ANNA = "anna@example.net"
URL, MAILTO = "https://acme.example/u/{list}/{campaign}/{subscriber}", "mailto:leave+{subscriber}@acme.example"


def set_up(delivering: Delivering, url: str | None = URL, mailto: str | None = MAILTO) -> dict[str, Any]:
    """The list `news` with anna in it and a campaign; the columns of a send to it."""
    list_id = a_list(delivering.database)
    subscriber = a_subscriber(delivering.database, ANNA)
    do(delivering.database, "update subscribers set uid = 'anna 1'")
    campaign = a_campaign(delivering.database, "november", list_id=list_id)
    say(delivering, url, mailto)
    return {"to": ANNA, "subscriber_id": subscriber, "list_id": list_id, "campaign_id": campaign}


def say(delivering: Delivering, url: str | None, mailto: str | None) -> None:
    """The list's settings from now on."""
    do(delivering.database, "update lists set unsubscribe_url = %s, unsubscribe_mailto = %s", url, mailto)


def left(delivering: Delivering) -> EmailMessage:
    """The one mail that left, as the provider got it."""
    [one] = delivering.control.sent()
    found = message_from_bytes(one["raw"], policy=default)
    assert isinstance(found, EmailMessage)
    return found


def unsubscribing(mail: EmailMessage) -> tuple[str | None, str | None]:
    return mail["List-Unsubscribe"], mail["List-Unsubscribe-Post"]


def ended(delivering: Delivering, send: Stored) -> tuple[str, str]:
    row = row_of(delivering.database, send)
    return row.state, row.reason


@pytest.mark.parametrize("provider", list(Provider))
def test_a_mail_to_a_list_carries_both_targets_filled_in_and_one_click(
    delivering: Delivering, provider: Provider
) -> None:
    a_send(delivering.database, delivering.server(provider=provider), **set_up(delivering))
    delivering.run()
    assert unsubscribing(left(delivering)) == (
        "<https://acme.example/u/news/november/anna%201>, <mailto:leave+anna%201@acme.example>",
        "List-Unsubscribe=One-Click",
    )


def test_the_requests_own_target_goes_before_the_lists(delivering: Delivering) -> None:
    own = {"list_unsubscribe": "mailto:own@acme.example"}
    a_send(delivering.database, delivering.server(), more=own, **set_up(delivering))
    delivering.run()
    assert unsubscribing(left(delivering)) == ("<mailto:own@acme.example>", None)


def test_what_the_list_says_when_the_mail_is_composed_counts(delivering: Delivering) -> None:
    a_send(delivering.database, delivering.server(), **set_up(delivering))
    say(delivering, "https://new.example/{list}", None)
    delivering.run()
    assert unsubscribing(left(delivering)) == ("<https://new.example/news>", "List-Unsubscribe=One-Click")


def test_a_mail_to_no_list_or_to_one_without_such_settings_has_no_list_unsubscribe(delivering: Delivering) -> None:
    send = set_up(delivering)
    a_send(delivering.database, delivering.server(), to=ANNA)
    delivering.run()
    assert unsubscribing(left(delivering)) == (None, None)
    say(delivering, None, None)
    a_send(delivering.database, delivering.server("other"), **send)
    delivering.run()
    assert all(b"List-Unsubscribe" not in one["raw"] for one in delivering.control.sent())
    assert sum(delivering.delivered().values()) == 2


def test_a_setting_that_came_later_and_that_json_would_lose_lets_the_mail_fail_and_not_leave_without_it(
    delivering: Delivering,
) -> None:
    send = a_send(delivering.database, delivering.server(mode="json"), **set_up(delivering))
    delivering.run("failed")
    assert ended(delivering, send) == ("failed", "refused")
    assert "List-Unsubscribe" in delivering.results.last(send)["detail"]
    assert not delivering.delivered()


@pytest.mark.parametrize(
    ("columns", "state", "reason", "says"),
    [
        ({"campaign_id": None}, "failed", "invalid", "names the campaign"),
        ({"recipients": 2}, "failed", "invalid", "names one subscriber"),
    ],
)
def test_a_setting_that_came_later_and_does_not_fit_the_mail_is_told(
    delivering: Delivering, columns: dict[str, Any], state: str, reason: str, says: str
) -> None:
    send = a_send(delivering.database, delivering.server(), **{**set_up(delivering), **columns})
    delivering.run(state)
    assert ended(delivering, send) == (state, reason)
    assert says in delivering.results.last(send)["detail"]
    assert not delivering.delivered()


def test_a_subscriber_who_was_deleted_meanwhile_gets_nothing(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server(), **set_up(delivering))
    do(delivering.database, "delete from subscribers")
    delivering.run("rejected")
    assert ended(delivering, send) == ("rejected", "suppressed")
    assert delivering.results.of(send) == ["rejected"]
    assert not delivering.delivered()
