"""`status`: reads where everything stands, and finds the reasons for what does not go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.console.core.reasons import (
    ConditionFacts,
    Facts,
    KeyFacts,
    MailboxFacts,
    Reason,
    ServerFacts,
    reasons,
)
from shared.domain.errors import BrokerOrDatabaseDown
from shared.storage import dead_letters, heartbeats, monitor_conditions, overview, send_servers
from shared.storage.database import Database
from shared.storage.heartbeats import Heartbeat
from shared.storage.monitor_conditions import InvalidCondition
from shared.storage.overview import MailboxLine, MonitorTotals, Totals
from shared.storage.provisioning import keys, state
from shared.storage.provisioning.keys import KeyLine


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that `status` shows. depths: None when the broker was not asked or does not answer; broker says which."""

    now: datetime
    services: tuple[Heartbeat, ...]
    mailboxes: tuple[MailboxLine, ...]
    keys: tuple[KeyLine, ...]
    totals: Totals
    dead_letters: Mapping[str, int]
    depths: Mapping[str, int] | None
    broker: str
    reasons: tuple[Reason, ...]
    monitors: MonitorTotals
    invalid_conditions: tuple[InvalidCondition, ...] = ()

    @property
    def faulty(self) -> bool:
        """Whether anything is at fault: the exit code of the command."""
        return any(reason.level == "fault" for reason in self.reasons)


def read_status(database: Database, depths: Callable[[], Mapping[str, int]] | None = None) -> Status:
    """Reads all of it in one transaction, and the broker's depths beside it. Raises BrokerOrDatabaseDown for PostgreSQL only."""
    found, broker_down = _depths(depths)
    with database.transaction() as connection:
        now = overview.now(connection)
        beats = heartbeats.all_beats(connection)
        boxes = overview.mailboxes(connection)
        key_lines = keys.lines(connection)
        totals = overview.totals(connection)
        parked = dead_letters.count_waiting(connection)
        settings = state.settings(connection)
        servers = send_servers.lines(connection)
        monitors = overview.monitor_totals(connection)
        invalid = monitor_conditions.invalid(connection)
    facts = Facts(
        now=now,
        settings=settings,
        beats=_youngest(beats),
        mailboxes=[_mailbox_facts(box) for box in boxes],
        keys=[_key_facts(key) for key in key_lines],
        dead_letters=sum(parked.values()),
        outbox_age=totals.outbox_age,
        broker_down=broker_down,
        held_bounces=totals.held_bounces,
        open_holds=totals.open_holds,
        servers=[
            ServerFacts(one.name, one.email, one.reason, one.detail, one.until, one.waiting, one.held)
            for one in servers
        ],
        invalid_conditions=[
            ConditionFacts(one.monitor, one.monitor_uid, one.customer, one.position, one.why) for one in invalid
        ],
    )
    broker = "not looked at" if depths is None else "does not answer" if broker_down else "answers"
    return Status(
        now=now,
        services=tuple(beats),
        mailboxes=tuple(boxes),
        keys=tuple(key_lines),
        totals=totals,
        dead_letters=parked,
        depths=found,
        broker=broker,
        reasons=tuple(reasons(facts)),
        monitors=monitors,
        invalid_conditions=tuple(invalid),
    )


def _depths(ask: Callable[[], Mapping[str, int]] | None) -> tuple[Mapping[str, int] | None, bool]:
    if ask is None:
        return None, False
    try:
        return ask(), False
    except BrokerOrDatabaseDown:
        return None, True


def _youngest(beats: list[Heartbeat]) -> dict[str, timedelta]:
    ages: dict[str, timedelta] = {}
    for beat in beats:
        ages[beat.service] = min(beat.age, ages.get(beat.service, beat.age))
    return ages


def _key_facts(key: KeyLine) -> KeyFacts:
    return KeyFacts(
        name=key.name,
        provider=key.provider,
        owner=key.customer,
        secret_expires_on=key.secret_expires_on,
        failure=key.failure,
        new_secret_waits=key.next_secret_added_at is not None,
        new_secret_failure=key.next_secret_failure,
    )


def _mailbox_facts(box: MailboxLine) -> MailboxFacts:
    return MailboxFacts(
        email=box.email,
        provider=box.provider,
        active_servers=box.active_servers,
        paused=box.paused,
        dry_run=box.dry_run_servers > 0,
        failure=box.failure or box.token_failure,
        throttled_until=box.throttled_until,
        waiting_disposals=box.waiting_disposals,
        waiting_servers=box.waiting_servers,
        delivery_servers=box.delivery_servers,
    )
