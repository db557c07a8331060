"""What must be so at the end, beside what is: a line each, and a sentence for whatever differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from services.demo.core.comparing import Line, compare, expected_rows
from services.demo.core.planting import PlannedMail
from services.demo.handler.checking import collect
from services.simulator.http.control_client import ControlClient
from shared.storage.database import Database

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
_CHANGES = "select s.email, c.after from subscriber_changes c join subscribers s on s.id = c.subscriber_id"


@dataclass
class Verdict:
    """lines: expected and actual. wrong: a sentence each."""

    lines: list[Line] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything is as it must be."""
        return not self.wrong and all(line.good for line in self.lines)

    def nothing(self, what: str, found: Sequence[str]) -> None:
        """A line that must say 0."""
        self.lines.append(Line(what, 0, len(found)))
        self.wrong += found


def look(
    database: Database,
    control: ControlClient,
    mails: Sequence[PlannedMail],
    ids: Mapping[int, str],
    depths: Mapping[str, int],
) -> Verdict:
    """Everything that PostgreSQL, the mailboxes and the queues hold at the end. ids: lasting id by planted number."""
    outcome = collect(database, control, mails, ids)
    verdict = Verdict(*compare(mails, outcome))
    _subscribers(verdict, mails, outcome.statuses)
    with psycopg.connect(database.url) as connection:
        _rows_once(verdict, connection, mails)
        _removed_after_commit(verdict, connection, control.removals(), {(m.mailbox.address, ids[m.number]) for m in mails
                                                                       if m.is_report})  # fmt: skip
        for what, query in _LEFT_OVER.items():
            row = connection.execute(query).fetchone()
            verdict.lines.append(Line(what, 0, row[0] if row else -1))
    dead = {name: count for name, count in depths.items() if name.endswith(".dead")}
    verdict.lines.append(Line("messages in queues", 0, sum(depths.values()) - sum(dead.values())))
    verdict.lines.append(Line("messages in dead queues", 0, sum(dead.values())))
    verdict.wrong += [f"{name}: {count} messages" for name, count in depths.items() if count]
    return verdict


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


def _rows_once(verdict: Verdict, connection: psycopg.Connection[Any], mails: Sequence[PlannedMail]) -> None:
    rows = sum(len(expected_rows(mail)) for mail in mails)
    found = connection.execute("select count(*) from bounce_log").fetchone()
    verdict.lines.append(Line("bounce log rows", rows, found[0] if found else -1))
    blacklist = connection.execute("select count(*) from blacklist").fetchone()
    affected = _affected(mails)
    black = sum(status == "blacklisted" for status in affected.values())
    verdict.lines.append(Line("blacklist rows", black, blacklist[0] if blacklist else -1))
    made = Counter((row[0], row[1]) for row in connection.execute(_CHANGES))
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


def removed_wrongly(
    removals: Sequence[Mapping[str, Any]],
    committed: Mapping[tuple[str, str], datetime],
    reports: Collection[tuple[str, str]],
) -> tuple[list[str], list[str]]:
    """Sentences on mails that were removed before their rows were committed, and on those that nobody should have removed.

    removals: the simulator's log, oldest first. committed: (mailbox, lasting id) -> time of the last of its rows.
    """
    first: dict[tuple[str, str], datetime] = {}
    for one in removals:
        first.setdefault((one["mailbox"], one["lasting_id"]), datetime.fromisoformat(one["at"]))
    early, others = [], []
    for mail, at in first.items():
        if mail not in reports:
            others.append(f"{mail}: removed, but it is no report")
        elif mail not in committed:
            early.append(f"{mail}: removed at {at}, has no row whose commit is known")
        elif at < committed[mail]:
            early.append(f"{mail}: removed at {at}, its rows were committed at {committed[mail]}")
    return early, others
