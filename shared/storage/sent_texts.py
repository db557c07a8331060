"""The texts of sent mails, sealed: what is taken out of a reply before its conditions are tried."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from shared.storage.database import Connection
from shared.storage.sealing import SealBroken, Sealer


def keep(connection: Connection, sealer: Sealer, texts: Sequence[tuple[int, str]]) -> None:
    """Stores (sent mail, its text). A text that is there already stays."""
    rows = [
        (sent_mail_id, sealer.seal(zlib.compress(text.encode()), _about(sent_mail_id))) for sent_mail_id, text in texts
    ]
    connection.execute(
        """
        insert into sent_texts (sent_mail_id, sealed) select * from unnest(%s::bigint[], %b::bytea[])
        on conflict do nothing
        """,
        ([row[0] for row in rows], [row[1] for row in rows]),
    )


def keep_of_sends(connection: Connection, sealer: Sealer, texts: Mapping[int, str]) -> None:
    """Stores the texts of sends that were just sent, by send. Nothing is kept while there is no monitor to need it."""
    if not texts:
        return
    rows = connection.execute(
        """
        select id, sent_mail_id from sends
        where id = any(%s) and sent_mail_id is not null and exists (select from monitors)
        """,
        (list(texts),),
    ).fetchall()
    if rows:
        keep(connection, sealer, [(row[1], texts[row[0]]) for row in rows])


def of(connection: Connection, sealer: Sealer, references: Sequence[str]) -> dict[str, str]:
    """Reference or Message-ID (without angle brackets) -> text of the sent mail that it names, of those that are kept."""
    if not references:
        return {}
    rows = connection.execute(
        """
        select a.value, t.sent_mail_id, t.sealed
        from unnest(%s::text[]) as a (value)
        cross join lateral (
            select id from sent_mail where reference = a.value
            union select id from sent_mail where message_id = a.value
            union select id from sent_mail where actual_message_id = a.value
        ) s
        join sent_texts t on t.sent_mail_id = s.id
        """,
        (sorted(set(references)),),
    )
    found: dict[str, str] = {}
    for value, sent_mail_id, sealed in rows:
        with suppress(SealBroken):  # its key was dropped: as good as not kept
            found[value] = zlib.decompress(sealer.open(bytes(sealed), _about(sent_mail_id))).decode()
    return found


def forget(connection: Connection, older_than: timedelta) -> int:
    """Drops what has been kept long enough; returns how many."""
    return connection.execute("delete from sent_texts where stored_at < now() - %s", (older_than,)).rowcount


def _about(sent_mail_id: int) -> str:
    return f"sent_text:{sent_mail_id}"
