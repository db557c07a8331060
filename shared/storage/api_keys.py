"""API keys as the services use them. How they get in is `provisioning`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta

from psycopg.types.json import Jsonb

from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.errors import Diagnosis
from shared.domain.mailboxes import Capability, Provider
from shared.domain.sending import SendLimits
from shared.storage.database import Connection
from shared.storage.sealing import SealBroken, Sealer
from shared.storage.send_wakes import resume_key


def belongs_to(uid: str) -> str:
    """What a key's sealed secret is bound to."""
    return f"api_key:{uid}"


def load(connection: Connection, sealer: Sealer, api_key_id: int) -> ApiKey:
    """A key with its secret in the clear. Raises SealBroken; KeyError if there is no such key."""
    row = connection.execute(
        """
        select id, uid, customer_id, provider, name, credential, authority_url, api_url, tenant_id, client_id,
               service_account_email, private_key_id, secret_sealed, secret_expires_on,
               case when next_retry_at is null or next_retry_at <= now() then next_secret_sealed end,
               coalesce(next_credential, ''), next_private_key_id, send_limits
        from api_keys where id = %s
        """,
        (api_key_id,),
    ).fetchone()
    if row is None:
        raise KeyError(f"api key {api_key_id}")
    provider = Provider(row[3])
    secret = sealer.open(bytes(row[12]), belongs_to(row[1])).decode()
    return ApiKey(
        api_key_id=row[0],
        uid=row[1],
        customer_id=row[2],
        provider=provider,
        name=row[4],
        credential=row[5],
        endpoints=Endpoints(row[6], row[7]),
        tenant_id=row[8],
        client_id=row[9],
        client_secret=secret if provider is Provider.MICROSOFT else "",
        service_account_email=row[10],
        private_key=secret if provider is Provider.GOOGLE else "",
        private_key_id=row[11],
        secret_expires_on=row[13],
        next_secret=_next_secret(sealer, row[1], row[14]),
        next_credential=row[15],
        next_private_key_id=row[16],
        send_limits=row[17],
    )


def set_send_limits(connection: Connection, api_key_id: int, limits: Mapping[str, int | None]) -> None:
    """In which fields of SendLimits the key's mailboxes differ from the provider's figures; None: no such limit.

    Raises ValueError for a name that is none, or a figure below one.
    """
    known = {one.name for one in fields(SendLimits)}
    if wrong := [name for name, most in limits.items() if name not in known or (most is not None and most < 1)]:
        raise ValueError(f"{', '.join(sorted(wrong))}: known are {', '.join(sorted(known))}, each at least 1 or none")
    connection.execute("update api_keys set send_limits = %s where id = %s", (Jsonb(dict(limits)), api_key_id))


def _next_secret(sealer: Sealer, uid: str, sealed: bytes | None) -> str:
    """A new secret that does not open is no reason to stop working with the old one; `keys verify` tells of it."""
    if sealed is None:
        return ""
    try:
        return sealer.open(bytes(sealed), belongs_to(uid)).decode()
    except SealBroken:
        return ""


def refused(connection: Connection, api_key_id: int, diagnosis: Diagnosis, retry_in: timedelta) -> None:
    """The provider refuses the key itself: recorded, tried again after `retry_in`."""
    connection.execute(
        """
        update api_keys set failure = %s, failed_at = coalesce(failed_at, now()), retry_at = now() + %s where id = %s
        """,
        (Jsonb(asdict(diagnosis)), retry_in, api_key_id),
    )


def accepted(connection: Connection, api_key_id: int) -> None:
    """The key works (again); then the sends that it held may leave."""
    mended = connection.execute(
        "update api_keys set failure = null, failed_at = null, retry_at = null where id = %s and failure is not null",
        (api_key_id,),
    ).rowcount
    if mended:
        resume_key(connection, api_key_id)


@dataclass(frozen=True, slots=True)
class SecretEnd:
    """When a key's secret ends, and whether a new one waits beside it."""

    uid: str
    provider: str
    expires_on: date
    new_secret_waits: bool


def secrets_with_an_end(connection: Connection, before: date) -> list[SecretEnd]:
    """Keys in use whose secret ends before a day, or has ended; the first to end first."""
    rows = connection.execute(
        """
        select k.uid, k.provider, k.secret_expires_on, k.next_secret_sealed is not null
        from api_keys k
        where k.secret_expires_on < %s and exists (
            select from mailboxes m join bounce_servers b on b.mailbox_id = m.id where m.api_key_id = k.id
            union all
            select from mailboxes m join monitors o on o.mailbox_id = m.id where m.api_key_id = k.id
            union all
            select from mailboxes m join delivery_servers d on d.mailbox_id = m.id where m.api_key_id = k.id)
        order by k.secret_expires_on, k.uid
        """,
        (before,),
    )
    return [SecretEnd(*row) for row in rows]


def capabilities(connection: Connection, api_key_id: int, domain: str, fresh: timedelta) -> dict[Capability, bool]:
    """What is known of a key in a domain: granted or not, as far as it was checked within `fresh`."""
    rows = connection.execute(
        """
        select capability, granted from key_capabilities
        where api_key_id = %s and domain = %s and checked_at > now() - %s
        """,
        (api_key_id, domain, fresh),
    )
    return {Capability(row[0]): row[1] for row in rows}


def record_capability(
    connection: Connection,
    api_key_id: int,
    domain: str,
    capability: Capability,
    *,
    granted: bool,
    scopes: str,
    code: str,
) -> None:
    """The result of one probe. `code`: the provider's, when refused."""
    connection.execute(
        """
        insert into key_capabilities (api_key_id, domain, capability, granted, scopes, code)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (api_key_id, domain, capability) do update
        set granted = excluded.granted, scopes = excluded.scopes, code = excluded.code, checked_at = now()
        """,
        (api_key_id, domain, capability, granted, scopes, code),
    )
