"""Mails as `actions` reads them, and the last step of a mail: served, with its disposal decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.bounces import MailFinding
from shared.domain.mailboxes import Disposal, Folder, Provider, Stage
from shared.storage.database import Connection
from shared.storage.findings import from_json


@dataclass(frozen=True, slots=True)
class ClassifiedMail:
    """A mail with its finding. received_at: the provider's time; listed_at: when we first saw it."""

    mail_id: int
    mailbox_id: int
    provider: Provider
    mailbox: str
    provider_mail_id: str
    folder: Folder
    received_at: datetime | None
    listed_at: datetime
    stage: Stage
    disposed: bool
    finding: MailFinding


@dataclass(frozen=True, slots=True)
class Served:
    """What is decided for one mail. keep_raw: False drops the raw copy at once (mail that is nobody's business)."""

    mail_id: int
    disposal: Disposal
    move_to: str | None
    keep_raw: bool


def classified(connection: Connection, mail_ids: Sequence[int]) -> list[ClassifiedMail]:
    """The mails that stand at `classified`; others are left out: they are done already, or not there yet."""
    rows = connection.execute(
        """
        select f.id, f.mailbox_id, m.provider, m.email, f.provider_mail_id, f.folder, f.received_at, f.listed_at, f.stage,
               f.disposed_at is not null, f.finding
        from fetched_mail f join mailboxes m on m.id = f.mailbox_id
        where f.id = any(%s) and f.stage = 'classified'
        """,
        (list(mail_ids),),
    )
    return [
        ClassifiedMail(
            row[0], row[1], Provider(row[2]), row[3], row[4], Folder(row[5]), row[6], row[7], Stage(row[8]), row[9],
            from_json(row[10]),
        )
        for row in rows
    ]  # fmt: skip


def serve(connection: Connection, mails: Sequence[Served]) -> None:
    """Moves the mails from `classified` to `served`, decides their disposal, and drops raw copies that nobody needs."""
    rows = sorted(mails, key=lambda mail: mail.mail_id)
    connection.execute(
        """
        update fetched_mail f
        set stage = 'served', stage_at = now(), served_at = now(), republished = 0,
            disposal = t.disposal, move_to = t.move_to,
            disposal_due = t.disposal <> 'leave' and f.disposed_at is null,
            raw_on = case when t.keep_raw then f.raw_on end, again_for = null
        from unnest(%s::bigint[], %b::text[], %b::text[], %b::bool[]) as t (id, disposal, move_to, keep_raw)
        where f.id = t.id and f.stage = 'classified'
        """,
        (
            [row.mail_id for row in rows],
            [row.disposal.value for row in rows],
            [row.move_to for row in rows],
            [row.keep_raw for row in rows],
        ),
    )
    dropped = [row.mail_id for row in rows if not row.keep_raw]
    if dropped:
        connection.execute("delete from raw_mail where mail_id = any(%s)", (dropped,))
