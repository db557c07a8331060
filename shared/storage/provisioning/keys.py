"""API keys as an operator sets them. Reading a secret for a provider's client is not done here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from shared.domain.installation import KeyRecord
from shared.domain.sending import HOLDS
from shared.storage.database import Connection
from shared.storage.sealing import SealBroken, Sealer
from shared.storage.send_wakes import resume_key


def save(connection: Connection, key: KeyRecord, secret_sealed: bytes | None) -> int:
    """Creates or updates a key. secret_sealed: sealed for `api_key:<uid>`; None keeps the stored one. Returns its row id."""
    values: dict[str, Any] = {
        "uid": key.uid, "name": key.name, "provider": key.provider, "customer": key.customer, "tenant": key.tenant_id,
        "client": key.client_id, "email": key.service_account_email, "key_id": key.private_key_id,
        "credential": key.credential, "authority": key.authority_url, "api": key.api_url,
        "expires": key.secret_expires_on, "secret": secret_sealed, "limits": Jsonb(dict(key.send_limits)),
    }  # fmt: skip
    updated = connection.execute(
        """
        update api_keys set name = %(name)s, tenant_id = %(tenant)s, client_id = %(client)s,
            service_account_email = %(email)s, private_key_id = %(key_id)s, credential = %(credential)s,
            authority_url = %(authority)s, api_url = %(api)s, secret_expires_on = %(expires)s,
            send_limits = %(limits)s, secret_sealed = coalesce(%(secret)s::bytea, secret_sealed), updated_at = now()
        where uid = %(uid)s returning id
        """,
        values,
    ).fetchone()
    if updated:
        return int(updated[0])
    row = connection.execute(
        """
        insert into api_keys (uid, name, provider, customer_id, tenant_id, client_id, service_account_email,
                              private_key_id, credential, authority_url, api_url, secret_expires_on, secret_sealed,
                              send_limits)
        values (%(uid)s, %(name)s, %(provider)s, (select id from customers where uid = %(customer)s), %(tenant)s,
                %(client)s, %(email)s, %(key_id)s, %(credential)s, %(authority)s, %(api)s, %(expires)s, %(secret)s,
                %(limits)s)
        returning id
        """,
        values,
    ).fetchone()
    return int(row[0]) if row else 0


def start_over(connection: Connection, uid: str) -> tuple[int, int]:
    """After new credentials (A050): drops the key's tokens, failures, probed permissions and any secret that waited.

    Its mailboxes are due at once, and so are sends that were held for a person.

    Returns (tokens dropped, mailboxes to check again).
    """
    row = connection.execute(
        """
        update api_keys
        set failed_at = null, retry_at = null, failure = null, updated_at = now(), previous_credential = null,
            next_secret_sealed = null, next_credential = null, next_private_key_id = '', next_secret_expires_on = null,
            next_added_at = null, next_retry_at = null, next_failure = null
        where uid = %s returning id
        """,
        (uid,),
    ).fetchone()
    key_id = row[0] if row else 0
    tokens = connection.execute("delete from access_tokens where api_key_id = %s", (key_id,)).rowcount
    connection.execute("delete from key_capabilities where api_key_id = %s", (key_id,))
    mailboxes = connection.execute(
        """
        update mailboxes set connection = 'unknown', connection_failure = null, next_poll_at = now()
        where api_key_id = %s
        """,
        (key_id,),
    ).rowcount
    resume_key(connection, key_id, HOLDS)
    return tokens, mailboxes


def row_id(connection: Connection, uid: str) -> int:
    """The row of a key. Raises KeyError if there is none."""
    row = connection.execute("select id from api_keys where uid = %s", (uid,)).fetchone()
    if row is None:
        raise KeyError(uid)
    return int(row[0])


def any_address(connection: Connection, api_key_id: int) -> str:
    """A mailbox that the key opens, one that answered rather than another; empty if there is none."""
    row = connection.execute(
        "select email from mailboxes where api_key_id = %s order by (connection = 'connected') desc, id limit 1",
        (api_key_id,),
    ).fetchone()
    return str(row[0]) if row else ""


def unopened(connection: Connection, sealer: Sealer) -> set[str]:
    """Uids of keys whose stored secret does not open: its sealing key is lost, and it must be entered again."""
    found = set()
    for uid, sealed in connection.execute("select uid, secret_sealed from api_keys"):
        try:
            sealer.open(bytes(sealed), f"api_key:{uid}")
        except SealBroken:
            found.add(str(uid))
    return found


def remove(connection: Connection, uid: str) -> None:
    """Deletes a key with its tokens, and mailboxes of it that never held a mail. The caller has seen that nobody uses it."""
    connection.execute(
        """
        delete from mailboxes m using api_keys k
        where k.uid = %s and m.api_key_id = k.id
          and not exists (select 1 from bounce_servers s where s.mailbox_id = m.id)
          and not exists (select 1 from fetched_mail f where f.mailbox_id = m.id)
        """,
        (uid,),
    )
    connection.execute("delete from api_keys where uid = %s", (uid,))


def mailboxes_with_history(connection: Connection, uid: str) -> list[str]:
    """Addresses whose mail was read with this key; the ledger and the bounce log hold on to them."""
    rows = connection.execute(
        """
        select m.email from mailboxes m join api_keys k on k.id = m.api_key_id
        where k.uid = %s and exists (select 1 from fetched_mail f where f.mailbox_id = m.id) order by m.email
        """,
        (uid,),
    )
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One key for a person: never its secret. `failure`: code, cause, fix as stored; None while it works.

    next_secret_…: of a new secret that waits until it has worked; why it was refused, if it was.
    """

    uid: str
    name: str
    provider: str
    customer: str | None
    identity: str
    secret_expires_on: date | None
    failed_at: datetime | None
    retry_at: datetime | None
    failure: dict[str, Any] | None
    used_by: tuple[str, ...]
    capabilities: tuple[str, ...]
    next_secret_added_at: datetime | None = None
    next_secret_expires_on: date | None = None
    next_secret_failure: dict[str, Any] | None = None


def lines(connection: Connection) -> list[KeyLine]:
    """Every key with who uses it and what it was found able to do."""
    rows = connection.execute(
        """
        select k.uid, k.name, k.provider, c.uid,
               case k.provider when 'microsoft' then k.client_id || ' in ' || k.tenant_id else k.service_account_email end,
               k.secret_expires_on, k.failed_at, k.retry_at, k.failure,
               array(select s.name || ' (' || m.email || ')' from bounce_servers s join mailboxes m on m.id = s.mailbox_id
                     where m.api_key_id = k.id order by s.name),
               array(select p.domain || ': ' || string_agg(case when p.granted then '' else 'no ' end || p.capability,
                                                           ', ' order by p.capability)
                     from key_capabilities p where p.api_key_id = k.id group by p.domain order by p.domain),
               k.next_added_at, k.next_secret_expires_on, k.next_failure
        from api_keys k left join customers c on c.id = k.customer_id
        order by c.uid nulls first, k.name
        """
    )
    return [
        KeyLine(
            uid=row[0], name=row[1], provider=row[2], customer=row[3], identity=row[4], secret_expires_on=row[5],
            failed_at=row[6], retry_at=row[7], failure=row[8], used_by=tuple(row[9]), capabilities=tuple(row[10]),
            next_secret_added_at=row[11], next_secret_expires_on=row[12], next_secret_failure=row[13],
        )
        for row in rows
    ]  # fmt: skip
