"""Monitors at simulated mailboxes, and replies that people write there."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

from shared.domain.installation import MonitorRecord
from shared.domain.mailboxes import Provider
from shared.domain.monitors import Condition, MonitorAction
from shared.storage.provisioning import monitors
from tests.builders import a_customer
from tests.simulated import Simulated

ANSWERS = "answers@news.example.com"
UNSUBSCRIBE = Condition("unsubscribe me", MonitorAction.UNSUBSCRIBE, ignore_case=True)


def a_monitor(
    world: Simulated,
    *conditions: Condition,
    name: str = "replies",
    customer: str | None = None,
    address: str = ANSWERS,
    provider: Provider = Provider.MICROSOFT,
    key: str | None = None,
    **more: Any,
) -> None:
    """An active monitor at a mailbox of the simulator; without conditions: the one that unsubscribes."""
    if customer:
        a_customer(world.database, customer)
    world.control.register_mailbox(provider.value, address)
    uid = key or world.a_key(provider)
    record = MonitorRecord(
        f"m-{name}",
        name,
        provider.value,
        address,
        uid,
        customer,
        poll_seconds=60,
        conditions=conditions or (UNSUBSCRIBE,),
        **more,
    )
    with world.database.transaction() as connection:
        monitors.save(connection, record)


def a_reply(
    text: str,
    sender: str = "anna@example.net",
    *,
    to: str = ANSWERS,
    subject: str = "Re: News",
    headers: dict[str, str] | None = None,
) -> bytes:
    """A mail that a person writes."""
    mail = EmailMessage()
    mail["From"] = f"A Reader <{sender}>"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = "Sat, 21 Nov 2026 09:00:00 +0000"
    mail["Message-ID"] = f"<{abs(hash((text, sender, subject))):x}@example.net>"
    for header, value in (headers or {}).items():
        mail[header] = value
    mail.set_content(text)
    return mail.as_bytes()


def write(world: Simulated, raw: bytes, *, address: str = ANSWERS, provider: Provider = Provider.MICROSOFT) -> None:
    """The mail arrives."""
    world.control.plant(provider.value, address, raw)
