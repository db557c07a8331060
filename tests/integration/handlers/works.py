"""One service's handler between a real PostgreSQL, the in-memory broker and the in-memory provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from services.actions.handler.mail_classified import MailClassifiedHandler
from services.fetcher.handler import PollMailboxHandler
from services.fetcher.handler.leases import Leases
from services.fetcher.settings import FetcherSettings
from services.scheduler.handler import Jobs
from services.scheduler.settings import SchedulerSettings
from shared.contracts.commands import PollMailbox
from shared.contracts.envelope import Body, Envelope, wrap
from shared.contracts.events import MailClassified
from shared.contracts.naming import mail_message_id
from shared.domain.mailboxes import Capability, MailboxId, Provider
from shared.mailbox_access import MailboxAccess
from shared.messaging.broker import Outgoing
from shared.messaging.memory import MemoryBroker
from shared.messaging.received import Received
from shared.messaging.runner import BatchRunner
from shared.messaging.topology import dead_queue, queue_for
from shared.messaging.unit import UnitFactory
from shared.providers.memory import MemoryProvider
from shared.storage.database import Database
from tests.builders import SEALER, SEALING_KEYS
from tests.integration.shared.messaging.running import Runner, running

SHORT_TIERS = {"10s": 0.05, "1m": 0.1, "10m": 0.2, "1h": 0.3}


def now() -> datetime:
    """The time of the machine, which is what the services look at."""
    return datetime.now(UTC)


class Works:
    """Database, broker and provider of one test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.broker = MemoryBroker(tiers=SHORT_TIERS)
        self.units = UnitFactory(database, self.broker.publisher())
        self.microsoft = MemoryProvider(Provider.MICROSOFT, now=now)
        self.google = MemoryProvider(Provider.GOOGLE, now=now)
        self.leases = Leases(database)
        self.granted: frozenset[Capability] = frozenset()  # what Microsoft's tokens show; nothing: they don't say

    # Messages

    def send(self, body: Body, message_id: UUID | None = None) -> None:
        """Publishes `body`; a mail's message carries its lasting id."""
        mail_id = getattr(body, "mail_id", None)
        chosen = message_id or (mail_message_id(body.type, mail_id, 0) if mail_id is not None else uuid4())
        envelope = wrap(body, message_id=chosen, occurred_at=now(), correlation_id=chosen)
        self.broker.publisher().publish([Outgoing(chosen, body.type, envelope.model_dump_json().encode())])

    def send_malformed(self, message: type[Body], body: dict[str, object]) -> None:
        """Publishes an envelope whose body does not fit."""
        chosen = uuid4()
        envelope = Envelope(
            message_id=chosen, type=message.type, version=1, occurred_at=now(), correlation_id=chosen, body=body
        )
        self.broker.publisher().publish([Outgoing(chosen, message.type, envelope.model_dump_json().encode())])

    def published(self, message: type[Body]) -> list[Envelope]:
        """What waits in the queue of `message`; it stays there."""
        subscription = self.broker.subscribe(queue_for(message), 1_000, "tests")
        found = subscription.receive(1_000, 0.0)
        subscription.close()
        return [Envelope.model_validate_json(one.payload) for one in found]

    def idle(self, message: type[Body]) -> bool:
        """Whether nothing of this message waits or is in hand."""
        return not self.broker.depths()[queue_for(message)] and not self.broker._unacked

    def dead(self, message: type[Body]) -> int:
        """Dead letters of the queue of `message`."""
        return self.broker.depths()[dead_queue(queue_for(message))]

    def run(self, *runners: Runner) -> None:
        """Runs until nothing is left to do."""
        with _all(runners):
            assert self.broker.wait_until_quiet(20)

    # Services

    def serve(self, *mail_ids: int, batch_size: int = 200) -> None:
        """The actions service handles `mail.classified` of these mails."""
        for mail_id in mail_ids:
            self.send(MailClassified(mail_id=mail_id))
        self.run(self.actions(batch_size))

    def actions(self, batch_size: int = 200) -> Runner:
        """The actions service."""
        handler = MailClassifiedHandler(self.database, soft_window=timedelta(days=90))
        return BatchRunner(self.broker, self.units, handler, batch_size=batch_size)

    @contextmanager
    def fetcher(self, **settings: object) -> Iterator[PollMailboxHandler]:
        """The fetcher's handler."""
        chosen = FetcherSettings(
            **{  # type: ignore[arg-type]
                "database_url": self.database.url,
                "rabbitmq_url": "amqp://unused",
                "sealing_keys": SEALING_KEYS,
                "mailboxes_at_once": 4,
                "linger_seconds": 0,
                **settings,
            }
        )
        microsoft = replace(self.microsoft.record(), granted=lambda token, scopes: self.granted)
        records = {Provider.MICROSOFT: microsoft, **self.google.records()}
        access = MailboxAccess(self.database, SEALER, records, "fetcher")
        handler = PollMailboxHandler(self.units, access, SEALER, self.leases, chosen, "fetcher", lambda: 0.0)
        try:
            yield handler
        finally:
            handler.close()

    def poll(self, mailbox_id: MailboxId, **settings: object) -> None:
        """One poll, as if it were due now."""
        with self.database.transaction() as connection:
            connection.execute("update mailboxes set next_poll_at = now() where id = %s", (mailbox_id,))
        with self.fetcher(**settings) as handler:
            handler.handle(Received(PollMailbox(mailbox_id=mailbox_id), uuid4(), uuid4(), 1))

    def jobs(self, **settings: object) -> Jobs:
        """The scheduler's jobs."""
        return Jobs(self.units, self.broker, self.scheduler_settings(**settings), uuid4)

    def scheduler_settings(self, **settings: object) -> SchedulerSettings:
        """A mail is late after a minute."""
        given = {"database_url": self.database.url, "rabbitmq_url": "amqp://unused", "stage_overdue_seconds": 60}
        return SchedulerSettings(**{**given, **settings})  # type: ignore[arg-type]


@contextmanager
def _all(runners: tuple[Runner, ...]) -> Iterator[None]:
    if not runners:
        yield
        return
    with running(runners[0]), _all(runners[1:]):
        yield
