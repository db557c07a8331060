"""Access tokens, sealed, one per credential, subject and scope set, refreshed by one holder of a lease at a time (A127-A133)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from shared.domain.errors import Diagnosis
from shared.domain.mailboxes import Provider
from shared.domain.tokens import AccessToken, TokenSubject
from shared.storage.database import Connection
from shared.storage.sealing import SealBroken, Sealer


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as stored. `token` is None while there is none; `retry_at` is set after a failure."""

    token_id: int
    api_key_id: int
    subject: TokenSubject
    token: AccessToken | None
    expires_at: datetime | None
    retry_at: datetime | None
    failure: Diagnosis | None


_COLUMNS = "id, api_key_id, provider, credential, subject, scopes, sealed, expires_at, retry_at, failure"


def use(connection: Connection, sealer: Sealer, subject: TokenSubject, api_key_id: int) -> TokenRow:
    """The row for `subject`, made if there is none; notes that it is in use, so that the scheduler keeps it fresh."""
    row = connection.execute(
        f"""
        insert into access_tokens (provider, credential, subject, scopes, api_key_id) values (%s, %s, %s, %s, %s)
        on conflict (provider, credential, subject, scopes) do update set used_at = now()
        returning {_COLUMNS}
        """,
        (subject.provider, subject.credential, subject.subject, subject.scopes, api_key_id),
    ).fetchone()
    assert row is not None
    return _row(row, sealer)


def by_id(connection: Connection, sealer: Sealer, token_id: int) -> TokenRow | None:
    """A row by its id; None if it was dropped meanwhile."""
    row = connection.execute(f"select {_COLUMNS} from access_tokens where id = %s", (token_id,)).fetchone()
    return _row(row, sealer) if row else None


def take_lease(connection: Connection, token_id: int, holder: str, length: timedelta) -> bool:
    """Whether `holder` may refresh this token now. No transaction stays open while the provider is asked."""
    return (
        connection.execute(
            """
            update access_tokens set lease_holder = %s, leased_until = now() + %s
            where id = %s and (leased_until is null or leased_until < now() or lease_holder = %s)
            """,
            (holder, length, token_id, holder),
        ).rowcount
        == 1
    )


def store(connection: Connection, sealer: Sealer, token_id: int, holder: str, token: AccessToken) -> bool:
    """The refreshed token; gives the lease back. False if the lease was lost: then nothing is written."""
    return (
        connection.execute(
            """
            update access_tokens
            set sealed = %s, expires_at = %s, refreshed_at = now(), failures = 0, failure = null, failed_at = null,
                retry_at = null, lease_holder = null, leased_until = null, refresh_requested_until = null
            where id = %s and lease_holder = %s
            """,
            (sealer.seal(token.value.encode(), _belongs_to(token_id)), token.expires_at, token_id, holder),
        ).rowcount
        == 1
    )


def fail(connection: Connection, token_id: int, holder: str, diagnosis: Diagnosis | None, retry_in: timedelta) -> None:
    """The refresh failed; gives the lease back. diagnosis: None for what may pass (throttle, network)."""
    connection.execute(
        """
        update access_tokens
        set failures = failures + 1, failure = %s, failed_at = now(), retry_at = now() + %s,
            lease_holder = null, leased_until = null, refresh_requested_until = null
        where id = %s and lease_holder = %s
        """,
        (Jsonb(asdict(diagnosis)) if diagnosis else None, retry_in, token_id, holder),
    )


def claim_due(connection: Connection, margin: timedelta, in_use: timedelta, limit: int) -> list[int]:
    """Ids of tokens in use that end within `margin` and whose refresh nobody has asked for; marks them as asked for.

    Locks the rows, skips those that another scheduler has. The mark expires, so that a lost message is asked again.
    """
    rows = connection.execute(
        """
        with due as (
            select id from access_tokens
            where expires_at < now() + %s and used_at > now() - %s
              and coalesce(refresh_requested_until, '-infinity') < now() and coalesce(retry_at, '-infinity') < now()
            order by expires_at limit %s for update skip locked
        )
        update access_tokens t set refresh_requested_until = now() + interval '2 minutes'
        from due where t.id = due.id returning t.id
        """,
        (margin, in_use, limit),
    )
    return [row[0] for row in rows]


def reset(connection: Connection, email: str | None = None) -> int:
    """Drops cached tokens and refresh leases, of one address or of all; returns how many rows."""
    return connection.execute(
        """
        delete from access_tokens t where %(email)s::text is null or t.subject = %(email)s
           or t.api_key_id in (select api_key_id from mailboxes where email = %(email)s)
        """,
        {"email": email},
    ).rowcount


def _belongs_to(token_id: int) -> str:
    return f"access_token:{token_id}"


def _row(row: tuple[Any, ...], sealer: Sealer) -> TokenRow:
    token_id, api_key_id, provider, credential, subject, scopes, sealed, expires_at, retry_at, failure = row
    token = None
    if sealed is not None and isinstance(expires_at, datetime):
        try:
            token = AccessToken(sealer.open(bytes(sealed), _belongs_to(int(token_id))).decode(), expires_at)
        except SealBroken:
            expires_at = None  # its key was dropped: a token is only a copy, the provider gives another
    return TokenRow(
        token_id=token_id,
        api_key_id=api_key_id,
        subject=TokenSubject(Provider(provider), str(credential), str(subject), str(scopes)),
        token=token,
        expires_at=expires_at,
        retry_at=retry_at,
        failure=Diagnosis(**failure) if isinstance(failure, dict) else None,
    )
