"""Builders for sending: integrations, delivery servers, campaign groups, requests. Valid by default."""

from __future__ import annotations

import json
from typing import Any

from shared.domain.mailboxes import Provider
from shared.storage.database import Database
from tests.builders import a_customer, a_system_key

SHOP = "shop"


def an_integration(database: Database, name: str = SHOP, *, customer: str | None = "acme", enabled: bool = True) -> int:
    """An integration of a customer; None: the operator's own."""
    customer_id = a_customer(database, customer) if customer else None
    return _id(
        database,
        "insert into integrations (name, customer_id, password_hash, enabled) values (%s, %s, 'hash', %s) returning id",
        name,
        customer_id,
        enabled,
    )


def a_delivery_server(
    database: Database,
    uid: str = "server",
    *,
    customer: str | None = "acme",
    email: str = "",
    provider: Provider = Provider.MICROSOFT,
    key: str = "sending-key",
    **columns: object,
) -> int:
    """A delivery server with its mailbox and key; customer None: the operator's. columns: more of its row."""
    customer_id = a_customer(database, customer) if customer else None
    with database.transaction() as connection:
        known = connection.execute("select id from api_keys where uid = %s", (key,)).fetchone()
    key_id = known[0] if known else a_system_key(database, uid=key, provider=provider)
    address = email or f"{uid}@send.example.com"
    mailbox = _id(
        database,
        "insert into mailboxes (email, provider, api_key_id) values (%s, %s, %s)"
        " on conflict (customer_id, email, provider) do update set email = excluded.email returning id",
        address,
        provider.value,
        key_id,
    )
    row: dict[str, object] = {
        "uid": uid, "customer_id": customer_id, "mailbox_id": mailbox, "name": uid, **columns,
    }  # fmt: skip
    places = ", ".join(["%s"] * len(row))
    return _id(
        database, f"insert into delivery_servers ({', '.join(row)}) values ({places}) returning id", *row.values()
    )


def a_campaign_group(database: Database, uid: str = "group", *, customer: str = "acme") -> int:
    """A campaign group."""
    return _id(
        database,
        "insert into campaign_groups (uid, customer_id, name) values (%s, %s, %s) returning id",
        uid,
        a_customer(database, customer),
        uid,
    )


def a_campaign(
    database: Database,
    uid: str = "campaign",
    *,
    customer: str = "acme",
    list_id: int | None = None,
    group_id: int | None = None,
) -> int:
    """A campaign."""
    return _id(
        database,
        "insert into campaigns (uid, customer_id, name, list_id, group_id) values (%s, %s, %s, %s, %s) returning id",
        uid,
        a_customer(database, customer),
        uid,
        list_id,
        group_id,
    )


def a_request(key: str = "order-1", to: Any = "anna@example.com", **fields: Any) -> dict[str, Any]:
    """A send request as an integration writes it. to: an address, or all that shall stand there."""
    return {
        "idempotency_key": key,
        "to": [{"email": to}] if isinstance(to, str) else to,
        "subject": "Your receipt",
        "text": "Thank you for your order.",
        **fields,
    }


def wire(request: object) -> bytes:
    """As it stands in a message."""
    return json.dumps(request).encode()


def _id(database: Database, query: str, *values: object) -> int:
    with database.transaction() as connection:
        row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])
