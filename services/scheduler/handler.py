"""The scheduler's jobs. Each is one short transaction, may run in several processes at once, and may fail: the next tick
does what this one did not."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.scheduler.core.due import may_republish
from services.scheduler.settings import SchedulerSettings
from shared.contracts.commands import ClassifyReplay, PollMailbox, RefreshToken
from shared.contracts.events import MailClassified, MailFetched, ReplayClassified
from shared.contracts.naming import mail_message_id, replay_message_id
from shared.domain.api_keys import SECRET_WARNINGS, warned_at
from shared.domain.errors import BrokerOrDatabaseDown
from shared.domain.mailboxes import Stage
from shared.domain.tokens import REFRESH_MARGIN
from shared.messaging.broker import Broker
from shared.messaging.dead_letters import collect
from shared.messaging.integrations import put_back
from shared.messaging.management import Management
from shared.messaging.topology import queue_for
from shared.messaging.unit import Unit, UnitFactory, relay
from shared.storage import (
    api_keys,
    attachments,
    bounce_log,
    budgets,
    customers,
    dead_letters,
    effect_runs,
    fetched_mail,
    heartbeats,
    holds,
    inbox,
    mailboxes,
    raw_mail,
    replays,
    send_facts,
    send_ledger,
    sends,
    sent_texts,
    tokens,
)
from shared.storage.fetched_mail import Waiting
from shared.storage.provisioning import integrations
from shared.telemetry import DUE_MAILBOXES, SWEPT, TASK_DONE, log

_POLL_MARK = timedelta(minutes=2)
_IN_USE = timedelta(days=1)
_OUTBOX_AGE = timedelta(seconds=10)
_SWEEP_LIMIT = 2_000
_DAYS_AHEAD = 3
_LONGEST_WINDOW = timedelta(days=31)  # of a quota is 30 days
_UNUSED_ATTACHMENTS = timedelta(days=7)
_REFUSED_REQUESTS = timedelta(days=30)

_STAGE_MESSAGES: tuple[tuple[Stage, type[MailFetched | MailClassified]], ...] = (
    (Stage.FETCHED, MailFetched),
    (Stage.CLASSIFIED, MailClassified),
)

_PART_MESSAGES: tuple[tuple[str, type[ClassifyReplay | ReplayClassified]], ...] = (
    ("asked", ClassifyReplay),
    ("classified", ReplayClassified),
)


class Jobs:
    """What the scheduler does, a method for each line of core/due.py."""

    def __init__(
        self, units: UnitFactory, broker: Broker, settings: SchedulerSettings, new_id: Callable[[], UUID]
    ) -> None:
        self._units = units
        self._broker = broker
        self._settings = settings
        self._new_id = new_id

    def poll_due_mailboxes(self) -> None:
        """Asks for a poll of each mailbox that is due; nobody asks twice while one is on its way."""
        with self._units.begin() as unit:
            due = mailboxes.claim_due(unit.connection, self._settings.polls_per_tick, _POLL_MARK)
            for mailbox_id in due:
                self._publish(unit, PollMailbox(mailbox_id=mailbox_id))
        DUE_MAILBOXES.set(len(due))
        if due:
            log.info("polls.requested", mailboxes=len(due))

    def refresh_due_tokens(self) -> None:
        """Asks for a refresh of each token in use that ends within ten minutes."""
        with self._units.begin() as unit:
            due = tokens.claim_due(unit.connection, REFRESH_MARGIN, _IN_USE, 1_000)
            for token_id in due:
                self._publish(unit, RefreshToken(token_id=token_id))
        if due:
            log.info("refreshes.requested", tokens=len(due))

    def relay_outbox(self) -> None:
        """Publishes what a service committed but could not publish."""
        sent = relay(self._units.database, self._units.publisher, _OUTBOX_AGE, _SWEEP_LIMIT)
        if sent:
            SWEPT.labels("outbox").inc(sent)
            log.warning("outbox.relayed", messages=sent)

    def sweep_stages(self) -> None:
        """Publishes the messages of mails again that stood still too long, under the ids that they had."""
        after = timedelta(seconds=self._settings.stage_overdue_seconds)
        depths = self._broker.depths()
        for stage, message in _STAGE_MESSAGES:
            waiting = depths.get(queue_for(message), 0)
            with self._units.begin() as unit:
                overdue = fetched_mail.count_overdue(unit.connection, stage, after)
                limit = min(_SWEEP_LIMIT, may_republish(overdue, waiting))
                late = fetched_mail.overdue(unit.connection, stage, after, limit) if limit else []
                self._again(unit, message, late)
            if late:
                SWEPT.labels(stage.value).inc(len(late))
                log.warning("stage.swept", stage=stage.value, mails=len(late), overdue=overdue, in_queue=waiting)

    def know_integrations(self) -> None:
        """Makes the queues of integrations that are new."""
        with self._units.database.transaction() as connection:
            names = send_facts.integrations(connection)
        self._broker.know(names)

    def declare_queues(self) -> None:
        """Makes what is missing at the broker: after it was wiped, outsiders would publish in vain until one of us does."""
        self._broker.declare()

    def sweep_replays(self) -> None:
        """Publishes the messages of replays' parts again that stood still too long, under the ids that they had."""
        after = timedelta(seconds=self._settings.stage_overdue_seconds)
        depths = self._broker.depths()
        for stage, message in _PART_MESSAGES:
            waiting = depths.get(queue_for(message), 0)
            with self._units.begin() as unit:
                overdue = replays.count_overdue(unit.connection, stage, after)
                limit = min(_SWEEP_LIMIT, may_republish(overdue, waiting))
                late = replays.overdue(unit.connection, stage, after, limit) if limit else []
                for one in late:
                    unit.publish(
                        message(run_id=one.run_id, part=one.part),
                        message_id=replay_message_id(message.type, one.run_id, one.part),
                        correlation_id=replay_message_id("replay", one.run_id, 0),
                        occurred_at=_now(),
                    )
            if late:
                SWEPT.labels("replay").inc(len(late))
                log.warning("replay.swept", stage=stage, parts=len(late), overdue=overdue, in_queue=waiting)

    def collect_dead_letters(self) -> None:
        """Gives what the broker itself parked (handed out too often) a row, so that a person finds and replays it."""
        collected = collect(self._broker, self._units.database)
        if collected:
            log.warning("dead_letters.collected", messages=collected)

    def tie_again(self) -> None:
        """Sends unmatched reports through actions again whose ids name a sent mail by now."""
        with self._units.begin() as unit:
            known = bounce_log.newly_known(unit.connection, timedelta(days=self._settings.raw_days), _SWEEP_LIMIT)
            reopened = fetched_mail.reopen(unit.connection, known, Stage.CLASSIFIED) if known else []
            self._again(unit, MailClassified, reopened)
        if reopened:
            log.info("unmatched.tried_again", mails=len(reopened))

    def end_quiet_holds(self) -> None:
        """Ends holds whose key made no hard bounce for as long as the setting says; 0: only a person ends one."""
        with self._units.database.transaction() as connection:
            hours = customers.switches(connection).hold_ends_when_quiet_hours
            ended = holds.close_quiet(connection, timedelta(hours=hours)) if hours else []
        if ended:
            log.info("holds.quiet", holds=ended, hours=hours)

    def keep_partitions(self) -> None:
        """Makes the partitions of raw mail for the coming days, so that no fetch has to."""
        today = _now().date()
        with self._units.database.transaction() as connection:
            for ahead in range(_DAYS_AHEAD):
                raw_mail.ensure_partition(connection, today + timedelta(days=ahead))

    def put_back_integrations(self) -> None:
        """Makes the users and queues of integrations again that a broker has lost, if we are given its administrator."""
        base_url = self._settings.rabbitmq_management_url.get_secret_value()
        if not base_url:
            return
        with self._units.database.transaction() as connection:
            hashes = {line.name: line.password_hash for line in integrations.lines(connection) if line.enabled}
        url, ca_file = self._settings.rabbitmq_url.get_secret_value(), self._settings.rabbitmq_ca_file
        with Management(url, base_url, ca_file=ca_file) as management:
            names = put_back(management, hashes) if hashes else []
        if names:
            log.warning("integrations.put_back", integrations=names)

    def warn_of_expiring_secrets(self) -> None:
        """One log line a day for each key whose secret ends within 30, 14 or 7 days, or has ended."""
        today = _now().date()
        with self._units.database.transaction() as connection:
            ends = api_keys.secrets_with_an_end(connection, today + max(SECRET_WARNINGS))
        for key in ends:
            warned = warned_at(key.expires_on, today)
            if warned is None:
                continue
            left = (key.expires_on - today).days
            say = log.error if left < 0 or warned == min(SECRET_WARNINGS) else log.warning
            say(
                "key.secret_expired" if left < 0 else "key.secret_expires",
                key=key.uid,
                provider=key.provider,
                expires_on=key.expires_on.isoformat(),
                days_left=left,
                new_secret_waits=key.new_secret_waits,
            )

    def retain(self) -> None:
        """Drops what has been kept long enough."""
        with self._units.database.transaction() as connection:
            dropped = raw_mail.drop_before(connection, _now().date() - timedelta(days=self._settings.raw_days))
        with self._units.database.transaction() as connection:
            forgotten = inbox.forget(connection, timedelta(days=self._settings.inbox_days))
            budgets.forget_slots(connection)
            holds.forget_counts(connection)
            attachments.forget(connection, _UNUSED_ATTACHMENTS)
            sends.forget_refused(connection, _REFUSED_REQUESTS)
            sent_texts.forget(connection, timedelta(days=self._settings.raw_days))
            sends.forget_bodies(connection, timedelta(days=self._settings.raw_days))
            sends.forget(connection, timedelta(days=self._settings.send_days))
            effect_runs.forget_dry(connection, timedelta(days=self._settings.raw_days))
            send_ledger.forget_before(connection, _LONGEST_WINDOW, 50_000)
            dead_letters.forget_replayed(connection, timedelta(days=self._settings.raw_days))
            heartbeats.forget(connection, timedelta(days=1))
        log.info("retained", partitions_dropped=dropped, inbox_rows_dropped=forgotten)

    def run(self, name: str) -> None:
        """One job by name. An outage is logged, and the next tick tries again."""
        try:
            getattr(self, name)()
            TASK_DONE.labels(name).set_to_current_time()
        except BrokerOrDatabaseDown as down:
            log.warning("job.postponed", job=name, error=str(down))

    def _publish(self, unit: Unit, command: PollMailbox | RefreshToken) -> None:
        message_id = self._new_id()
        unit.publish(command, message_id=message_id, correlation_id=message_id, occurred_at=_now())

    @staticmethod
    def _again(unit: Unit, message: type[MailFetched | MailClassified], mails: list[Waiting]) -> None:
        for mail in mails:
            unit.publish(
                message(mail_id=mail.mail_id),
                message_id=mail_message_id(message.type, mail.mail_id, mail.generation),
                correlation_id=mail.correlation_id,
                occurred_at=_now(),
            )


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
