"""The ledger of mails, and the stage that each has reached. Every change of stage is one statement for a whole batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.domain.bounces import MailFinding
from shared.domain.mailboxes import Disposal, Folder, ListedMail, MailboxId, MailId, Stage
from shared.storage import raw_mail
from shared.storage.database import Connection
from shared.storage.findings import to_json
from shared.storage.mailboxes import SEES
from shared.storage.sealing import Sealer
from shared.storage.texts import clean

# An index entry holds 2,700 bytes; a character has up to four.
_ID_LENGTH = 600


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail that is known by id and waits to be fetched."""

    mail_id: MailId
    provider_mail_id: str
    folder: Folder
    correlation_id: UUID


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought. `size`: bytes of the whole mail, also when `raw` was cut."""

    mail_id: MailId
    raw: bytes
    size: int
    truncated: bool
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail that stands in a stage and whose message is to be published (again)."""

    mail_id: MailId
    correlation_id: UUID
    generation: int


@dataclass(frozen=True, slots=True)
class RawRow:
    """A mail as the classifier reads it. `sealed` is None when there is no raw copy (any more).

    again_for: it is read once more, for these monitors alone; None: for all.
    """

    mail_id: MailId
    generation: int
    stage: Stage
    truncated: bool
    sealed: bytes | None
    mailbox_id: int
    folder: Folder
    received_at: datetime | None
    again_for: frozenset[int] | None = None


def record_listed(connection: Connection, mailbox_id: MailboxId, mails: Sequence[ListedMail]) -> int:
    """Enters the mails that the ledger does not know yet; returns how many those are."""
    return connection.execute(
        """
        insert into fetched_mail (mailbox_id, provider_mail_id, folder, received_at, correlation_id)
        select %s, id, folder, received, gen_random_uuid()
        from unnest(%s::text[], %s::text[], %s::timestamptz[]) with ordinality as t (id, folder, received, n)
        order by received nulls last, n desc
        on conflict (mailbox_id, provider_mail_id) do nothing
        """,
        (
            mailbox_id,
            [mail.provider_mail_id for mail in mails],
            [mail.folder.value for mail in mails],
            [mail.received_at for mail in mails],
        ),
    ).rowcount


def next_listed(connection: Connection, mailbox_id: MailboxId, limit: int) -> list[Listed]:
    """The next mails to fetch, oldest first. A mail that could not be fetched waits 40 s, then 4 times as long each time."""
    rows = connection.execute(
        """
        select id, provider_mail_id, folder, correlation_id from fetched_mail
        where mailbox_id = %s and stage = 'listed'
          and (fetch_failures = 0 or stage_at < now() - interval '10 seconds' * power(4, least(fetch_failures, 5)))
        order by id limit %s
        """,
        (mailbox_id, limit),
    )
    return [Listed(MailId(row[0]), row[1], Folder(row[2]), row[3]) for row in rows]


def store_fetched(connection: Connection, sealer: Sealer, day: date, mails: Sequence[Fetched]) -> list[Waiting]:
    """Stores raw MIME and moves the mails to `fetched`; returns those that moved (a mail fetched before does not)."""
    raw_mail.ensure_partition(connection, day)
    moved = connection.execute(
        """
        update fetched_mail f
        set stage = 'fetched', stage_at = now(), fetched_at = now(), raw_on = %s, size = t.size, truncated = t.truncated,
            received_at = coalesce(f.received_at, t.received)
        from unnest(%s::bigint[], %s::int[], %s::bool[], %s::timestamptz[]) as t (id, size, truncated, received)
        where f.id = t.id and f.stage = 'listed'
        returning f.id, f.correlation_id, f.generation
        """,
        (
            day,
            [mail.mail_id for mail in mails],
            [mail.size for mail in mails],
            [mail.truncated for mail in mails],
            [mail.received_at for mail in mails],
        ),
    ).fetchall()
    ids = {row[0] for row in moved}
    raw_mail.put(
        connection,
        day,
        ((mail.mail_id, sealer.seal_mail(mail.raw, mail.mail_id)) for mail in mails if mail.mail_id in ids),
    )
    return [Waiting(MailId(row[0]), row[1], row[2]) for row in moved]


def gone(connection: Connection, mail_ids: Sequence[MailId]) -> None:
    """Somebody took these out of the mailbox before we read them."""
    connection.execute(
        "update fetched_mail set stage = 'gone', stage_at = now() where id = any(%s) and stage = 'listed'",
        (list(mail_ids),),
    )


def fetch_failed(connection: Connection, mail_ids: Sequence[MailId], note: str) -> None:
    """These could not be fetched, for a reason of their own."""
    connection.execute(
        "update fetched_mail set fetch_failures = fetch_failures + 1, stage_at = now(), disposal_note = %s where id = any(%s)",
        (note[:500], list(mail_ids)),
    )


def unclassified(connection: Connection) -> tuple[int, int]:
    """How many mails wait for the classifier, and their bytes: the measure of backpressure."""
    row = connection.execute(
        "select count(*), coalesce(sum(size), 0) from fetched_mail where stage = 'fetched'"
    ).fetchone()
    return (row[0], int(row[1])) if row else (0, 0)


def raws(connection: Connection, mail_ids: Sequence[int]) -> list[RawRow]:
    """The mails that the classifier was asked to look at."""
    rows = connection.execute(
        """
        select f.id, f.generation, f.stage, f.truncated, r.sealed, f.mailbox_id, f.folder, f.received_at, f.again_for
        from fetched_mail f left join raw_mail r on r.fetched_on = f.raw_on and r.mail_id = f.id
        where f.id = any(%s)
        """,
        (list(mail_ids),),
    )
    return [
        RawRow(
            MailId(row[0]),
            row[1],
            Stage(row[2]),
            row[3],
            bytes(row[4]) if row[4] is not None else None,
            row[5],
            Folder(row[6]),
            row[7],
            frozenset(row[8]) if row[8] is not None else None,
        )
        for row in rows
    ]


def latest_with_raw(connection: Connection, mailbox_id: int, limit: int) -> list[MailId]:
    """A mailbox's latest mails whose raw copy is still kept, the latest first."""
    rows = connection.execute(
        "select id from fetched_mail where mailbox_id = %s and raw_on is not null order by id desc limit %s",
        (mailbox_id, limit),
    )
    return [MailId(row[0]) for row in rows]


def store_findings(connection: Connection, findings: Iterable[tuple[int, MailFinding]]) -> list[Waiting]:
    """Stores findings and moves the mails from `fetched` to `classified`; returns those that moved."""
    rows = sorted(findings, key=lambda row: row[0])
    moved = connection.execute(
        """
        update fetched_mail f
        set stage = 'classified', stage_at = now(), classified_at = now(), republished = 0, kind = t.kind,
            bounce_class = t.class, tier = t.tier, rule = t.rule, rule_set = t.rule_set, report_message_id = t.message_id,
            truncated = f.truncated or t.truncated, finding = t.finding
        from unnest(%s::bigint[], %s::text[], %s::text[], %s::smallint[], %s::text[], %s::text[], %s::text[], %s::bool[],
                    %b::jsonb[]) as t (id, kind, class, tier, rule, rule_set, message_id, truncated, finding)
        where f.id = t.id and f.stage = 'fetched'
        returning f.id, f.correlation_id, f.generation
        """,
        (
            [mail_id for mail_id, _ in rows],
            [finding.kind.value for _, finding in rows],
            [finding.bounce_class.value for _, finding in rows],
            [finding.tier for _, finding in rows],
            [finding.rule for _, finding in rows],
            [finding.rule_set for _, finding in rows],
            [clean(finding.message_id)[:_ID_LENGTH] if finding.message_id else None for _, finding in rows],
            [finding.truncated for _, finding in rows],
            [Jsonb(to_json(finding)) for _, finding in rows],
        ),
    ).fetchall()
    return [Waiting(MailId(row[0]), row[1], row[2]) for row in moved]


def any_on_its_way(connection: Connection, mail_ids: Sequence[MailId]) -> bool:
    """Whether one of these is fetched and not yet served."""
    row = connection.execute(
        "select exists (select 1 from fetched_mail where id = any(%s) and stage in ('fetched', 'classified'))",
        (list(mail_ids),),
    ).fetchone()
    return bool(row and row[0])


def reopen(connection: Connection, mail_ids: Sequence[int], stage: Stage) -> list[Waiting]:
    """Sends served mails through again from `stage` (fetched: new rules; classified: ids became known).

    Mails whose raw copy is gone can't be classified again and are left out. The caller publishes what is returned.
    """
    rows = connection.execute(
        """
        update fetched_mail set stage = %(stage)s, stage_at = now(), generation = generation + 1, republished = 0
        where id = any(%(ids)s) and stage = 'served' and (%(stage)s <> 'fetched' or raw_on is not null)
        returning id, correlation_id, generation
        """,
        {"stage": stage.value, "ids": sorted(mail_ids)},
    )
    return [Waiting(MailId(row[0]), row[1], row[2]) for row in rows]


def overdue(connection: Connection, stage: Stage, after: timedelta, limit: int) -> list[Waiting]:
    """Mails that stayed in `stage` too long, oldest first: their message is to be published again.

    Each time doubles the patience, up to 64 times `after`. Locks the rows, skips those that another sweep has.
    """
    rows = connection.execute(
        """
        with late as (
            select id from fetched_mail
            where stage = %s and stage in ('fetched', 'classified') and stage_at < now() - %s * power(2, least(republished, 6))
            order by stage_at limit %s for update skip locked
        )
        update fetched_mail f set republished = republished + 1 from late where f.id = late.id
        returning f.id, f.correlation_id, f.generation
        """,
        (stage.value, after, limit),
    )
    return [Waiting(MailId(row[0]), row[1], row[2]) for row in rows]


def count_overdue(connection: Connection, stage: Stage, after: timedelta) -> int:
    """How many mails have stood in `stage` for longer than `after`."""
    row = connection.execute(
        """
        select count(*) from fetched_mail
        where stage = %s and stage in ('fetched', 'classified') and stage_at < now() - %s
        """,
        (stage.value, after),
    ).fetchone()
    return row[0] if row else 0


@dataclass(frozen=True, slots=True)
class DueDisposal:
    """A mail to be tidied away."""

    mail_id: MailId
    provider_mail_id: str
    disposal: Disposal
    move_to: str | None


def due_disposals(connection: Connection, mailbox_id: MailboxId, limit: int) -> list[DueDisposal]:
    """Mails of this mailbox that are done with. A mail that another owner's link to the same address still has to see is
    left out, unless that link can't see anything until a person mends it; where links differ, the choice that keeps most
    wins.
    """
    rows = connection.execute(
        f"""
        with mine as (select provider, email from mailboxes where id = %(id)s),
        others as (
            select m.id from mailboxes m, mine where m.provider = mine.provider and m.email = mine.email and m.id <> %(id)s
              and not m.paused and m.connection <> 'not connected'
        )
        select f.id, f.provider_mail_id, f.disposal, f.move_to
        from fetched_mail f
        where f.mailbox_id = %(id)s and f.disposal_due
          and not exists (
              select 1 from others o left join fetched_mail x
                on x.mailbox_id = o.id and x.provider_mail_id = f.provider_mail_id
              where exists (select 1 from watchers w where w.mailbox_id = o.id and {SEES})
                and (x.id is null or x.stage in ('listed', 'fetched', 'classified')
                     or array_position(array['leave', 'mark_read', 'move', 'trash', 'delete'], x.disposal)
                      < array_position(array['leave', 'mark_read', 'move', 'trash', 'delete'], f.disposal)))
        order by f.id limit %(limit)s
        """,
        {"id": mailbox_id, "limit": limit},
    )
    return [DueDisposal(MailId(row[0]), row[1], Disposal(row[2]), row[3]) for row in rows]


def disposed(connection: Connection, mail_ids: Sequence[MailId], note: str = "") -> None:
    """These are tidied away. note: how, if not as chosen."""
    connection.execute(
        """
        update fetched_mail set disposal_due = false, disposed_at = now(), disposal_note = nullif(%s, '')
        where id = any(%s)
        """,
        (note, list(mail_ids)),
    )


def not_disposable(connection: Connection, mail_ids: Sequence[MailId], note: str) -> None:
    """These stay in the mailbox for good, and why: a permission is missing, or the provider refuses them."""
    connection.execute(
        "update fetched_mail set disposal_due = false, disposal_note = %s where id = any(%s)",
        (note[:500], list(mail_ids)),
    )


def has_listed(connection: Connection, mailbox_id: MailboxId) -> bool:
    """Whether mails wait to be fetched."""
    return bool(next_listed(connection, mailbox_id, 1))
