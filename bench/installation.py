"""A small installation for a measurement: customers, a list and a campaign each, keys, mailboxes with a bounce server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.reports import Report
from shared.domain.installation import (
    BounceServerRecord,
    CampaignRecord,
    CustomerRecord,
    KeyRecord,
    ListRecord,
    SubscriberRecord,
)
from shared.domain.mailboxes import MailboxId
from shared.storage.customers import put_setting
from shared.storage.database import Connection, Database
from shared.storage.provisioning import bounce_servers, customers, keys, mailings
from shared.storage.sealing import Sealer

CUSTOMERS = ("acme", "globex")
_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Key:
    """An API key with its secret in plain: `secret` is what the product seals."""

    record: KeyRecord
    secret: bytes


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox that is watched. Its customer's key opens it."""

    provider: str
    email: str
    customer: str


def boxes(each: int) -> list[Box]:
    """`each` mailboxes of both providers, the customers taking turns."""
    return [
        Box(provider, f"bounces-{number:02d}@{provider}.example.com", CUSTOMERS[number % len(CUSTOMERS)])
        for provider in ("microsoft", "google")
        for number in range(each)
    ]


def create(connection: Connection, sealer: Sealer, all_keys: Sequence[Key], mailboxes: Sequence[Box]) -> None:
    """Customers, lists, campaigns, keys and bounce servers. A key serves the boxes of its customer and provider."""
    # All reports arrive at once: the blast guard counts, as it always does, and holds none.
    put_setting(connection, "hold_after_hard_bounces", 10_000_000)
    for customer in CUSTOMERS:
        customers.save_customer(connection, CustomerRecord(customer, customer.title()))
        mailings.save_list(connection, ListRecord(f"{customer}-list", customer, "Newsletter"))
        mailings.save_campaign(
            connection, CampaignRecord(f"{customer}-campaign", customer, "November", f"{customer}-list")
        )
    for key in all_keys:
        keys.save(connection, key.record, sealer.seal(key.secret, f"api_key:{key.record.uid}"))
    owners = {(key.record.customer, key.record.provider): key.record.uid for key in all_keys}
    for box in mailboxes:
        server = BounceServerRecord(
            uid=f"server-{box.email}",
            name=box.email,
            provider=box.provider,
            email=box.email,
            key=owners[box.customer, box.provider],
            customer=box.customer,
            poll_seconds=60,
        )
        bounce_servers.save(connection, server)


def enter_sent_mail(database: Database, customer: str, reports: Sequence[Report]) -> None:
    """The subscribers that the reports are about, and the log of what they were sent."""
    row = ListRecord(f"{customer}-list", customer, "Newsletter")
    for start in range(0, len(reports), _CHUNK):
        sent = [report.sent for report in reports[start : start + _CHUNK]]
        people = [SubscriberRecord(row.uid, address) for mail in sent for address in mail.recipients]
        with database.transaction() as connection:
            mailings.save_subscribers(connection, row, people)
            mailings.add_sent_mail(connection, sent)


def mailbox_ids(connection: Connection) -> dict[str, MailboxId]:
    """Row ids of the mailboxes by address."""
    return {row[1]: MailboxId(row[0]) for row in connection.execute("select id, email from mailboxes")}
