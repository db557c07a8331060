"""Replays on their way through the queues: a run's mails in parts, and the stage that each part has reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import errors
from psycopg.types.json import Jsonb

from shared.domain.bounces import MailFinding
from shared.domain.errors import ApiConnectError
from shared.domain.mailboxes import Folder, Provider, Stage
from shared.storage import effect_runs
from shared.storage.database import Connection
from shared.storage.findings import from_json, to_json
from shared.storage.serving import ClassifiedMail

PART_MAILS = 100


class ReplayGoesOn(ApiConnectError):
    """One replay at a time: the other one has not finished."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which mails: those fetched in that time. mailbox: an address; None: all."""

    since: datetime
    until: datetime
    mailbox: str | None = None


def begin(connection: Connection, wanted: Wanted, by: str, *, dry: bool) -> tuple[int, int]:
    """A new run and its parts: (run, number of parts). Raises ReplayGoesOn.

    The run's figures say how many mails have no stored copy: `without_copy` reports, `not_kept` mails that were nobody's
    business.
    """
    try:
        with connection.transaction():
            run_id = effect_runs.start(
                connection, "replay", by, dry=dry, since=wanted.since, until=wanted.until, mailbox=wanted.mailbox
            )
    except errors.UniqueViolation:
        raise ReplayGoesOn("another replay goes on") from None
    given = {"run": run_id, "since": wanted.since, "until": wanted.until, "box": wanted.mailbox, "size": PART_MAILS}
    of_time = """
        from fetched_mail f join mailboxes m on m.id = f.mailbox_id
        where f.stage = 'served' and f.fetched_at >= %(since)s and f.fetched_at < %(until)s
          and (%(box)s::text is null or m.email = %(box)s)
    """
    parts = connection.execute(
        f"""
        insert into replay_parts (run_id, part, mail_ids)
        select %(run)s, 1 + (n - 1) / %(size)s, array_agg(id order by id)
        from (select f.id, row_number() over (order by f.id) as n {of_time} and f.raw_on is not null) t
        group by 2
        """.encode(),
        given,
    ).rowcount
    connection.execute(
        f"""
        update effect_runs set figures = jsonb_build_object(
            'parts', %(parts)s::int,
            'mails', (select coalesce(sum(cardinality(mail_ids)), 0) from replay_parts where run_id = %(run)s),
            'without_copy', (select count(*) {of_time} and f.raw_on is null and f.bounce_class <> 'none'),
            'not_kept', (select count(*) {of_time} and f.raw_on is null and f.bounce_class = 'none'))
        where id = %(run)s
        """.encode(),
        given | {"parts": parts},
    )
    return run_id, parts


def under_way(connection: Connection) -> int | None:
    """The replay that goes on now."""
    row = connection.execute("select id from effect_runs where kind = 'replay' and finished_at is null").fetchone()
    return int(row[0]) if row else None


def abandon(connection: Connection, run_id: int) -> bool:
    """Ends a replay that goes on; it changes nothing then. Says whether there was one."""
    connection.execute("select 1 from effect_runs where id = %s for update", (run_id,))
    connection.execute("delete from run_effects e using effect_runs r where r.id = e.run_id and r.id = %s"
                       " and r.kind = 'replay' and r.finished_at is null", (run_id,))  # fmt: skip
    return bool(
        connection.execute(
            """
            update effect_runs set finished_at = now(), dry = true, figures = figures || '{"abandoned": true}'
            where id = %s and kind = 'replay' and finished_at is null
            """,
            (run_id,),
        ).rowcount
    )


def asked(connection: Connection, run_id: int, part: int) -> list[int]:
    """The mails of a part that waits to be classified; empty if it is further on, or its run was abandoned."""
    row = connection.execute(
        """
        select p.mail_ids from replay_parts p join effect_runs r on r.id = p.run_id
        where p.run_id = %s and p.part = %s and p.stage = 'asked' and r.finished_at is null
        """,
        (run_id, part),
    ).fetchone()
    return list(row[0]) if row else []


def store_findings(connection: Connection, run_id: int, part: int, findings: Sequence[tuple[int, MailFinding]]) -> bool:
    """Stores what a part's mails are by the rules of now; says whether the part moved."""
    return bool(
        connection.execute(
            """
            update replay_parts set stage = 'classified', stage_at = now(), republished = 0, findings = %s
            where run_id = %s and part = %s and stage = 'asked'
            """,
            (Jsonb([[mail_id, to_json(finding)] for mail_id, finding in findings]), run_id, part),
        ).rowcount
    )


def findings(connection: Connection, run_id: int, part: int) -> dict[int, MailFinding] | None:
    """What was stored for a part that waits to be compared, by mail; None if it is further on, or its run was abandoned."""
    row = connection.execute(
        """
        select p.findings from replay_parts p join effect_runs r on r.id = p.run_id
        where p.run_id = %s and p.part = %s and p.stage = 'classified' and r.finished_at is null
        """,
        (run_id, part),
    ).fetchone()
    return {int(mail_id): from_json(plain) for mail_id, plain in row[0]} if row else None


def served_mails(connection: Connection, mail_ids: Sequence[int]) -> list[tuple[ClassifiedMail, dict[str, Any]]]:
    """The mails that are served, with the finding that was acted on, and what a run may change of them."""
    rows = connection.execute(
        """
        select f.id, f.mailbox_id, m.provider, m.email, f.provider_mail_id, f.folder, f.received_at, f.listed_at, f.stage,
               f.disposed_at is not null, f.finding,
               jsonb_build_object('kind', f.kind, 'bounce_class', f.bounce_class, 'tier', f.tier, 'rule', f.rule,
                                  'rule_set', f.rule_set, 'finding', f.finding)
        from fetched_mail f join mailboxes m on m.id = f.mailbox_id
        where f.id = any(%s) and f.stage = 'served' and f.finding is not null
        """,
        (list(mail_ids),),
    )
    return [
        (
            ClassifiedMail(
                row[0], row[1], Provider(row[2]), row[3], row[4], Folder(row[5]), row[6], row[7], Stage(row[8]), row[9],
                from_json(row[10]),
            ),
            row[11],
        )
        for row in rows
    ]  # fmt: skip


def as_mail_change(finding: MailFinding) -> dict[str, Any]:
    """The columns of a mail that a finding sets, as a run notes them."""
    return {
        "kind": finding.kind.value,
        "bounce_class": finding.bounce_class.value,
        "tier": finding.tier,
        "rule": finding.rule,
        "rule_set": finding.rule_set,
        "finding": to_json(finding),
    }


def decided(connection: Connection, run_id: int, part: int, skipped: Mapping[str, int]) -> bool:
    """A part is compared; skipped: mails left as they are, by reason. Says whether it moved, and whether it was the last."""
    moved = connection.execute(
        """
        update replay_parts set stage = 'decided', stage_at = now(), findings = null, skipped = %s
        where run_id = %s and part = %s and stage = 'classified'
        """,
        (Jsonb(dict(skipped)), run_id, part),
    ).rowcount
    row = connection.execute(
        "select count(*) from replay_parts where run_id = %s and stage <> 'decided'", (run_id,)
    ).fetchone()
    return bool(moved) and row is not None and row[0] == 0


def note_rules(connection: Connection, run_id: int, rule_sets: Sequence[str]) -> None:
    """Adds to the run's figures by which rules its mails were read."""
    connection.execute(
        """
        update effect_runs set figures = figures || jsonb_build_object('rule_sets', (
            select jsonb_agg(distinct one) from (
                select jsonb_array_elements_text(coalesce(figures -> 'rule_sets', '[]')) as one
                union select unnest(%s::text[])) t))
        where id = %s
        """,
        (list(rule_sets), run_id),
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """parts: in all; classified, decided: so many have come so far. skipped: mails left as they are, by reason."""

    parts: int
    classified: int
    decided: int
    skipped: dict[str, int]


def progress(connection: Connection, run_id: int) -> Progress:
    """How far a replay is."""
    row = connection.execute(
        """
        select count(*), count(*) filter (where stage <> 'asked'), count(*) filter (where stage = 'decided')
        from replay_parts where run_id = %s
        """,
        (run_id,),
    ).fetchone()
    assert row is not None
    skipped = connection.execute(
        """
        select s.key, sum(s.value::int) from replay_parts p cross join lateral jsonb_each_text(p.skipped) s
        where p.run_id = %s group by 1 order by 1
        """,
        (run_id,),
    )
    return Progress(row[0], row[1], row[2], {str(why): int(number) for why, number in skipped})


@dataclass(frozen=True, slots=True)
class WaitingPart:
    """A part whose message is to be published again."""

    run_id: int
    part: int


def count_overdue(connection: Connection, stage: str, after: timedelta) -> int:
    """How many parts of replays that go on have stood in `stage` for longer than `after`."""
    row = connection.execute(
        """
        select count(*) from replay_parts p join effect_runs r on r.id = p.run_id and r.finished_at is null
        where p.stage = %s and p.stage <> 'decided' and p.stage_at < now() - %s
        """,
        (stage, after),
    ).fetchone()
    return row[0] if row else 0


def overdue(connection: Connection, stage: str, after: timedelta, limit: int) -> list[WaitingPart]:
    """Parts that stood too long in a stage, as for mails: each time doubles the patience."""
    rows = connection.execute(
        """
        with late as (
            select p.run_id, p.part from replay_parts p join effect_runs r on r.id = p.run_id and r.finished_at is null
            where p.stage = %s and p.stage <> 'decided' and p.stage_at < now() - %s * power(2, least(p.republished, 6))
            order by p.stage_at limit %s for update of p skip locked
        )
        update replay_parts p set republished = republished + 1 from late
        where p.run_id = late.run_id and p.part = late.part returning p.run_id, p.part
        """,
        (stage, after, limit),
    )
    return [WaitingPart(*row) for row in rows]
