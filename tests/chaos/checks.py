"""What must be so at the end, beside what is: a line each, and a sentence for whatever differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from services.demo.core.comparing import Line, Outcome, compare, expected_rows
from services.demo.core.planting import PlannedMail
from services.demo.handler.checking import collect
from services.simulator.http.control_client import ControlClient
from shared.storage.database import Database
from tests.chaos.verdict import Verdict, removed_wrongly

# Nothing of what runs may be left: each by the SQL that counts it.
_LEFT_OVER = {
    "mailbox leases left": "select count(*) from mailboxes where lease_holder is not null",
    "token leases left": "select count(*) from access_tokens where lease_holder is not null and leased_until > now()",
    "provider slots held": "select count(*) from budget_slots where expires_at > now()",
    "outbox rows left": "select count(*) from outbox",
    "mails between stages": "select count(*) from fetched_mail where stage <> 'served' or disposal_due",
}
_COMMITTED = """
    select mailbox, provider_mail_id, max(pg_xact_commit_timestamp(xmin)) from bounce_log group by 1, 2
"""
_CHANGES = """
    select s.email, c.after from subscriber_changes c join subscribers s on s.id = c.subscriber_id
    where s.email <> all(%s)
"""
_IN_LEDGER = "select count(*) from fetched_mail f join mailboxes m on m.id = f.mailbox_id where m.email <> all(%s)"


@dataclass(frozen=True, slots=True)
class Apart:
    """Mailboxes and people of the sends and replies, which are looked at on their own."""

    mailboxes: Sequence[str] = ()
    people: Collection[str] = frozenset()


def look(
    database: Database,
    control: ControlClient,
    mails: Sequence[PlannedMail],
    ids: Mapping[int, str],
    depths: Mapping[str, int],
    apart: Apart,
) -> Verdict:
    """Everything that PostgreSQL, the mailboxes and the queues hold at the end. ids: lasting id by planted number."""
    with psycopg.connect(database.url) as connection:
        outcome = _without(apart, collect(database, control, mails, ids), connection)
        verdict = Verdict(*compare(mails, outcome))
        _subscribers(verdict, mails, outcome.statuses)
        _rows_once(verdict, connection, mails, apart)
        removals = [one for one in control.removals() if one["mailbox"] not in apart.mailboxes]
        reports = {(mail.mailbox.address, ids[mail.number]) for mail in mails if mail.is_report}
        _removed_after_commit(verdict, connection, removals, reports)
        for what, query in _LEFT_OVER.items():
            row = connection.execute(query).fetchone()
            verdict.lines.append(Line(what, 0, row[0] if row else -1))
    dead = {name: count for name, count in depths.items() if name.endswith(".dead")}
    verdict.lines.append(Line("messages in queues", 0, sum(depths.values()) - sum(dead.values())))
    verdict.lines.append(Line("messages in dead queues", 0, sum(dead.values())))
    verdict.wrong += [f"{name}: {count} messages" for name, count in depths.items() if count]
    return verdict


def _without(apart: Apart, outcome: Outcome, connection: psycopg.Connection[Any]) -> Outcome:
    in_ledger = connection.execute(_IN_LEDGER, (list(apart.mailboxes),)).fetchone()
    statuses = {address: status for address, status in outcome.statuses.items() if address not in apart.people}
    return replace(
        outcome,
        statuses=statuses,
        blacklisted=outcome.blacklisted - set(apart.people),
        ledger_rows=in_ledger[0] if in_ledger else -1,
    )


def _affected(mails: Sequence[PlannedMail]) -> dict[str, str]:
    """Address -> the status that it must have, for those to whom anything happened."""
    statuses = {"blacklisted": "blacklisted", "unsubscribed": "unsubscribed"}
    return {
        address: statuses[effect]
        for mail in mails
        for address, (_, effect) in expected_rows(mail).items()
        if effect in statuses
    }


def _subscribers(verdict: Verdict, mails: Sequence[PlannedMail], statuses: Mapping[str, str]) -> None:
    wanted = dict.fromkeys((address for mail in mails for address in mail.recipients), "confirmed") | _affected(mails)
    differ = [
        f"{address}: {statuses.get(address)}, should be {status}"
        for address, status in wanted.items()
        if statuses.get(address) != status
    ]
    verdict.lines.append(Line("subscribers", len(wanted), len(statuses)))
    verdict.nothing("with a wrong status", differ)


def _rows_once(
    verdict: Verdict, connection: psycopg.Connection[Any], mails: Sequence[PlannedMail], apart: Apart
) -> None:
    rows = sum(len(expected_rows(mail)) for mail in mails)
    elsewhere, people = list(apart.mailboxes), list(apart.people)
    found = connection.execute("select count(*) from bounce_log where mailbox <> all(%s)", (elsewhere,)).fetchone()
    verdict.lines.append(Line("bounce log rows", rows, found[0] if found else -1))
    blacklist = connection.execute("select count(*) from blacklist where address <> all(%s)", (people,)).fetchone()
    affected = _affected(mails)
    black = sum(status == "blacklisted" for status in affected.values())
    verdict.lines.append(Line("blacklist rows", black, blacklist[0] if blacklist else -1))
    made = Counter((row[0], row[1]) for row in connection.execute(_CHANGES, (people,)))
    wanted = Counter(affected.items())
    verdict.lines.append(Line("subscriber changes", wanted.total(), made.total()))
    verdict.wrong += [f"{who}: changed {made[who]} times, should be {wanted[who]}" for who in made - wanted]
    verdict.wrong += [f"{who}: changed {made[who]} times, should be {wanted[who]}" for who in wanted - made]


def _removed_after_commit(
    verdict: Verdict,
    connection: psycopg.Connection[Any],
    removals: Sequence[Mapping[str, Any]],
    reports: set[tuple[str, str]],
) -> None:
    """The simulator's clock and PostgreSQL's are both this machine's."""
    committed = {(row[0], row[1]): row[2] for row in connection.execute(_COMMITTED) if row[2] is not None}
    verdict.lines.append(Line("commit times known", len(reports), len(reports & committed.keys())))
    early, others = removed_wrongly(removals, committed, reports)
    verdict.nothing("removed before the commit", early)
    verdict.nothing("removed, but no report", others)
