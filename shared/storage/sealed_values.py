"""Everything that is sealed, over all tables: counting it by key, opening it, sealing it again under the current key.

What a value belongs to is fixed by its own module; the table of kinds below repeats it, so that one loop serves them all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from shared.storage.database import Connection, Database
from shared.storage.sealing import Fingerprints, SealBroken, Sealer

_FINGERPRINTS = "fingerprints"


@dataclass(frozen=True, slots=True)
class Kind:
    """One sealed column. id: SQL of a unique, ordered name of the row. belongs_to: SQL of what the value is bound to."""

    name: str
    table: str
    column: str
    id: str
    belongs_to: str
    bulky: bool = False


KINDS = (
    Kind("API key secrets", "api_keys", "secret_sealed", "id", "'api_key:' || uid"),
    Kind("waiting new secrets", "api_keys", "next_secret_sealed", "id", "'api_key:' || uid"),
    Kind("access tokens", "access_tokens", "sealed", "id", "'access_token:' || id"),
    Kind("secrets of the installation", "sealed_values", "sealed", "hashtextextended(name, 0)", "'value:' || name"),
    Kind("bodies of sends", "send_bodies", "sealed", "send_id", "'send_body:' || send_id", bulky=True),
    Kind("stored attachments", "stored_attachments", "sealed", "id", "'attachment:' || uid", bulky=True),
    Kind("dead letters from outside", "dead_letters", "sealed", "id", "'dead_letter:' || message_key", bulky=True),
    Kind("texts of sent mail", "sent_texts", "sealed", "sent_mail_id", "'sent_text:' || sent_mail_id", bulky=True),
    Kind("raw mail", "raw_mail", "sealed", "mail_id", "'raw_mail:' || mail_id", bulky=True),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step did. last: id to go on after; None: that was the end. broken: why values do not open."""

    done: int
    last: int | None
    broken: tuple[str, ...] = ()


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Sealed values by kind and id of their key. Reads only the first bytes of each: a raw mail lies uncompressed beside its row."""
    found: dict[str, dict[str, int]] = {}
    for kind in KINDS:
        rows = connection.execute(
            sql.SQL(
                """
                select encode(substr({column}, 2, get_byte(substr({column}, 1, 1), 0)), 'escape'), count(*)
                from {table} where {column} is not null and length({column}) > 1 group by 1 order by 1
                """
            ).format(column=sql.Identifier(kind.column), table=sql.Identifier(kind.table))
        )
        found[kind.name] = {str(key_id): int(count) for key_id, count in rows}
    return found


def reseal(connection: Connection, sealer: Sealer, kind: Kind, after: int, limit: int) -> Batch:
    """Seals up to `limit` values again that are not under the current key. Locks their rows.

    A value that does not open stays as it is and is told. In a transaction of its own each call can be the last.
    """
    rows = connection.execute(
        sql.SQL(
            """
            select {id}, {belongs_to}, {column} from {table}
            where {id} > %(after)s and {column} is not null and substr({column}, 1, length(%(header)s)) <> %(header)s
            order by {id} limit %(limit)s for update
            """
        ).format(
            id=sql.SQL(kind.id),
            belongs_to=sql.SQL(kind.belongs_to),
            column=sql.Identifier(kind.column),
            table=sql.Identifier(kind.table),
        ),
        {"after": after, "header": sealer.header, "limit": limit},
    ).fetchall()
    again: list[tuple[int, bytes]] = []
    broken: list[str] = []
    for row_id, belongs_to, sealed in rows:
        try:
            again.append((row_id, sealer.seal(sealer.open(bytes(sealed), belongs_to), belongs_to)))
        except SealBroken as error:
            broken.append(str(error))
    connection.execute(
        sql.SQL(
            "update {table} set {column} = t.sealed from unnest(%s::bigint[], %b::bytea[]) as t (row_id, sealed)"
            " where {id} = t.row_id"
        ).format(table=sql.Identifier(kind.table), column=sql.Identifier(kind.column), id=sql.SQL(kind.id)),
        ([row_id for row_id, _ in again], [sealed for _, sealed in again]),
    )
    return Batch(len(again), rows[-1][0] if len(rows) == limit else None, tuple(broken))


def open_all(connection: Connection, sealer: Sealer, kind: Kind, after: int, limit: int) -> Batch:
    """Opens up to `limit` values, and says which do not. Writes nothing; what was inside is dropped at once."""
    rows = connection.execute(
        sql.SQL(
            "select {id}, {belongs_to}, {column} from {table} where {id} > %s and {column} is not null order by {id} limit %s"
        ).format(
            id=sql.SQL(kind.id),
            belongs_to=sql.SQL(kind.belongs_to),
            column=sql.Identifier(kind.column),
            table=sql.Identifier(kind.table),
        ),
        (after, limit),
    ).fetchall()
    broken: list[str] = []
    for _, belongs_to, sealed in rows:
        try:
            sealer.open(bytes(sealed), belongs_to)
        except SealBroken as error:
            broken.append(str(error))
    return Batch(len(rows) - len(broken), rows[-1][0] if len(rows) == limit else None, tuple(broken))


def in_batches(database: Database, sealer: Sealer, kind: Kind, *, write: bool, size: int = 500) -> Iterator[Batch]:
    """Every value of a kind, a transaction per batch: sealed again (`write`), or only opened."""
    step = reseal if write else open_all
    after: int | None = -(2**63)
    while after is not None:
        with database.transaction() as connection:
            batch = step(connection, sealer, kind, after, size)
        yield batch
        after = batch.last


def fingerprints(connection: Connection, sealer: Sealer, *, keep: bool = True) -> Fingerprints:
    """The installation's fingerprints. Their key is made at first use and lies sealed, so that it outlives sealing keys.

    Where keys are stored already, it becomes what the ring's oldest key gave until then: their fingerprints stay true.
    If it does not open, its sealing key having been lost, there is a new one: then every key counts as changed.
    keep: whether a key that is made here is stored.
    """
    row = connection.execute("select sealed from sealed_values where name = %s", (_FINGERPRINTS,)).fetchone()
    if row is not None:
        try:
            return Fingerprints(sealer.open(bytes(row[0]), _value(_FINGERPRINTS)))
        except SealBroken:
            key = os.urandom(32)
    else:
        known = connection.execute("select exists (select from api_keys)").fetchone()
        key = sealer.first_fingerprint_key if known and known[0] else os.urandom(32)
    if not keep:
        return Fingerprints(key)
    connection.execute(
        """
        insert into sealed_values (name, sealed) values (%s, %s)
        on conflict (name) do update set sealed = excluded.sealed, made_at = now()
        """,
        (_FINGERPRINTS, sealer.seal(key, _value(_FINGERPRINTS))),
    )
    return Fingerprints(key)


def _value(name: str) -> str:
    return f"value:{name}"
