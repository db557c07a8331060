"""Handles `replay.classified`: compares a part of a replay with the bounce log; the last part settles the run.

A dry run is noted, and nothing else. One that is applied is carried out in the transaction of its last part, all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from services.actions.core.consequences import Effect, Policy
from services.actions.core.diagnostic_patterns import diagnostic_key
from services.actions.core.replaying import LoggedRow, RowChange, Skipped, counted, replayed
from services.actions.core.tying import Answers
from services.actions.handler.mail_classified import answers_of
from services.actions.handler.rows import log_row
from shared.contracts.events import ReplayClassified
from shared.domain.bounces import BounceClass, MailFinding
from shared.domain.watchers import Watcher
from shared.messaging.received import Received
from shared.messaging.unit import Unit
from shared.storage import bounce_log, customers, effect_runs, mailboxes, replays, run_applying, run_suppressions
from shared.storage.bounce_log import StoredRow
from shared.storage.database import Connection, Database
from shared.storage.effect_runs import LogChange, MailChange
from shared.storage.serving import ClassifiedMail
from shared.telemetry import log

MailKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ReplayedMail:
    """A mail, its finding by today's rules, and its rows as they are."""

    mail: ClassifiedMail
    columns: Mapping[str, Any]
    finding: MailFinding
    rows: Sequence[StoredRow]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of the parts. findings: by part, then by mail; mails: those that are served."""

    findings: Mapping[tuple[int, int], Mapping[int, MailFinding] | None]
    mails: Mapping[int, ReplayedMail] = field(default_factory=dict)
    watchers: Mapping[int, Sequence[Watcher]] = field(default_factory=dict)
    answers: Mapping[int, Answers] = field(default_factory=dict)
    policy: Policy = field(default_factory=lambda: Policy(timedelta(days=90), global_blacklist=False))


@dataclass(frozen=True, slots=True)
class PartDecided:
    """What a part comes to."""

    changes: Sequence[LogChange]
    mails: Sequence[MailChange]
    skipped: Mapping[str, int]
    rule_sets: Sequence[str]


class ReplayClassifiedHandler:
    """One part of a replay becomes one transaction."""

    message = ReplayClassified
    consumer = "actions.replay_classified"

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, messages: Sequence[Received[ReplayClassified]]) -> Facts:
        """The findings, the mails as they are now, their rows, watchers, and the sent mails that may be meant."""
        with self._database.transaction() as connection:
            parts = {
                (one.body.run_id, one.body.part): replays.findings(connection, one.body.run_id, one.body.part)
                for one in messages
            }
            findings = {mail_id: finding for part in parts.values() for mail_id, finding in (part or {}).items()}
            mails = _mails(connection, findings)
            switches = customers.switches(connection)
            return Facts(
                parts,
                {one.mail.mail_id: one for one in mails},
                mailboxes.watchers(connection, sorted({one.mail.mailbox_id for one in mails})),
                answers_of(connection, [(one.mail.mail_id, one.finding) for one in mails]),
                Policy(timedelta(days=switches.match_within_days), switches.global_blacklist),
            )

    def decide(self, message: Received[ReplayClassified], facts: Facts) -> PartDecided | None:
        """None: the part is further on, or its run was abandoned."""
        findings = facts.findings[message.body.run_id, message.body.part]
        if findings is None:
            return None
        outcomes = {mail_id: _outcome(mail_id, facts) for mail_id in findings}
        changed = {mail_id: found for mail_id, found in outcomes.items() if not isinstance(found, Skipped) and found}
        return PartDecided(
            [_log_change(facts.mails[mail_id], one) for mail_id, found in changed.items() for one in found],
            [_mail_change(facts.mails[mail_id]) for mail_id in changed],
            counted(outcomes),
            sorted({finding.rule_set for finding in findings.values()}),
        )

    def write(self, unit: Unit, outcomes: Sequence[tuple[Received[ReplayClassified], PartDecided | None]]) -> None:
        """Notes the changes; whoever decides a run's last part settles it. The run's row is locked: one part at a time."""
        for message, decided in outcomes:
            if decided is None:
                continue
            run_id, part = message.body.run_id, message.body.part
            run = effect_runs.one(unit.connection, run_id, locked=True)
            if run is None or run.finished_at is not None:
                continue
            effect_runs.plan(unit.connection, run_id, decided.changes, decided.mails)
            replays.note_rules(unit.connection, run_id, decided.rule_sets)
            if replays.decided(unit.connection, run_id, part, decided.skipped):
                settle(unit.connection, run_id, dry=run.dry)
                log.info("replay.settled", run=run_id, dry=run.dry)


def settle(connection: Connection, run_id: int, *, dry: bool) -> None:
    """A run whose parts are all decided: says or does what follows."""
    if dry:
        run_suppressions.plan(connection, run_id)
    else:
        run_applying.apply(connection, run_id)
    effect_runs.finish(connection, run_id)


def _mails(connection: Connection, findings: Mapping[int, MailFinding]) -> list[ReplayedMail]:
    served = replays.served_mails(connection, sorted(findings))
    rows: dict[MailKey, list[StoredRow]] = {}
    for row in bounce_log.of_mails(connection, [_key(mail) for mail, _ in served]):
        rows.setdefault(row.key[:3], []).append(row)
    return [ReplayedMail(mail, columns, findings[mail.mail_id], rows.get(_key(mail), [])) for mail, columns in served]


def _key(mail: ClassifiedMail) -> MailKey:
    return mail.provider.value, mail.mailbox, mail.provider_mail_id


def _outcome(mail_id: int, facts: Facts) -> list[RowChange] | Skipped:
    one = facts.mails.get(mail_id)
    if one is None:
        return Skipped.ON_ITS_WAY
    return replayed(
        one.finding,
        [_logged(row) for row in one.rows],
        facts.watchers.get(one.mail.mailbox_id, ()),
        facts.answers.get(mail_id, {}),
        facts.policy,
        folder=one.mail.folder,
        received_at=one.mail.received_at,
        listed_at=one.mail.listed_at,
    )


def _logged(row: StoredRow) -> LoggedRow:
    said = row.columns
    return LoggedRow(
        row.bounce_id, row.key[3], BounceClass(said["bounce_class"]), said["rule"], said["reason"], Effect(said["effect"]),
        row.customer_id if said["matched_by"] else None,
    )  # fmt: skip


def _log_change(one: ReplayedMail, change: RowChange) -> LogChange:
    """The change as a run notes it. A row that keeps its tie is changed in what the report says, and in its effect."""
    stored = next((row for row in one.rows if change.row and row.bounce_id == change.row.bounce_id), None)
    rule_set = one.finding.rule_set
    reported = change.finding.address if change.finding else change.row.reported if change.row else ""
    after: dict[str, Any]
    if change.finding is None:
        after = _reports_nothing(one.finding, reported) | {"effect": change.effect.value}
    elif change.consequence is not None:
        row = log_row(one.mail, change.consequence)
        after = bounce_log.as_columns(row) | bounce_log.as_reported(change.finding, rule_set)
        if stored is not None:
            after = {name: value for name, value in after.items() if name in bounce_log.CHANGEABLE}
    else:
        hard = change.finding.bounce_class is BounceClass.HARD
        key = diagnostic_key(change.finding).number if hard else None
        after = bounce_log.as_reported(change.finding, rule_set) | {"effect": change.effect.value, "guard_key": key}
    return LogChange(
        key="\x1f".join((*_key(one.mail), reported)),
        bounce_id=stored.bounce_id if stored else None,
        customer_id=after.get("customer_id", stored.customer_id if stored else None),
        address=after.get("recipient", stored.recipient if stored else ""),
        # Only what changes: a subscriber who is deleted meanwhile must not stand in the way of an undo.
        before={name: stored.columns[name] for name in (*after, "effect_at")} if stored else None,
        after=after,
        everywhere=change.everywhere,
    )


def _reports_nothing(finding: MailFinding, reported: str) -> dict[str, Any]:
    """What is said of somebody for whom the mail is no bounce: by an operator's rule of class none, or not named at all."""
    said = next((one for one in finding.recipients if one.address == reported), None)
    rule = said.rule if said else finding.rule
    return {
        "bounce_class": BounceClass.NONE.value,
        "rule": rule or finding.kind.value,
        "rule_set": finding.rule_set,
        "reason": said.reason if said else "none",
    }


def _mail_change(one: ReplayedMail) -> MailChange:
    return MailChange(one.mail.mail_id, dict(one.columns), replays.as_mail_change(one.finding))
