"""A key's second secret: the new one waits beside the one in use until it has worked, and then takes its place."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta

from psycopg.types.json import Jsonb

from shared.domain.errors import Diagnosis
from shared.storage.database import Connection
from shared.storage.send_wakes import resume_key


def add(
    connection: Connection,
    api_key_id: int,
    *,
    sealed: bytes,
    credential: str,
    private_key_id: str = "",
    expires_on: date | None = None,
) -> None:
    """Puts a new secret beside the one in use, in place of another that waited. It is tried at once where the key was refused.

    sealed: for `api_key:<uid>`. credential: the fingerprint that the key will have. Tokens in hand stay: the old secret's are good.
    """
    connection.execute(
        """
        update api_keys
        set next_secret_sealed = %s, next_credential = %s, next_private_key_id = %s, next_secret_expires_on = %s,
            next_added_at = now(), next_retry_at = null, next_failure = null, retry_at = null, updated_at = now()
        where id = %s
        """,
        (sealed, credential, private_key_id, expires_on, api_key_id),
    )
    connection.execute("update access_tokens set retry_at = null where api_key_id = %s", (api_key_id,))
    connection.execute(
        """
        update mailboxes set next_poll_at = now()
        where api_key_id = %s and connection = 'not connected' and next_poll_at > now()
        """,
        (api_key_id,),
    )


def worked(connection: Connection, api_key_id: int, credential: str) -> bool:
    """The new secret gave a token: it is the key's secret from now on, and the old one is dropped.

    Tokens of the key stay good, and go by the new fingerprint. False if another process was first, or another secret waits.
    """
    row = connection.execute(
        """
        update api_keys k
        set secret_sealed = k.next_secret_sealed, credential = k.next_credential, previous_credential = k.credential,
            private_key_id = k.next_private_key_id, secret_expires_on = k.next_secret_expires_on, next_secret_sealed = null,
            next_credential = null, next_private_key_id = '', next_secret_expires_on = null, next_added_at = null,
            next_retry_at = null, next_failure = null, failed_at = null, retry_at = null, failure = null, updated_at = now()
        where k.id = %s and k.next_credential = %s
        returning k.previous_credential
        """,
        (api_key_id, credential),
    ).fetchone()
    if row is None:
        return False
    resume_key(connection, api_key_id)
    connection.execute(
        """
        update access_tokens t set credential = %(new)s
        where t.api_key_id = %(key)s and t.credential = %(old)s and not exists (
            select 1 from access_tokens o
            where (o.provider, o.credential, o.subject, o.scopes) = (t.provider, %(new)s, t.subject, t.scopes))
        """,
        {"key": api_key_id, "new": credential, "old": row[0]},
    )
    return True


def refused(
    connection: Connection, api_key_id: int, credential: str, diagnosis: Diagnosis, retry_in: timedelta
) -> None:
    """The new secret is refused: noted, and tried again after `retry_in`. The one in use goes on."""
    connection.execute(
        """
        update api_keys set next_failure = %s, next_retry_at = now() + %s where id = %s and next_credential = %s
        """,
        (Jsonb(asdict(diagnosis)), retry_in, api_key_id, credential),
    )


def drop(connection: Connection, api_key_id: int) -> bool:
    """Forgets the new secret; whether there was one."""
    return (
        connection.execute(
            """
            update api_keys
            set next_secret_sealed = null, next_credential = null, next_private_key_id = '',
                next_secret_expires_on = null, next_added_at = null, next_retry_at = null, next_failure = null
            where id = %s and next_secret_sealed is not null
            """,
            (api_key_id,),
        ).rowcount
        == 1
    )
