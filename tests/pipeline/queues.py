"""Classifier, actions and scheduler in this process over a real RabbitMQ, and mails that stand before them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from uuid import uuid4

from services.actions.__main__ import build as build_actions
from services.actions.settings import ActionsSettings
from services.classifier.__main__ import build as build_classifier
from services.classifier.settings import ClassifierSettings
from services.scheduler.__main__ import build as build_scheduler
from services.scheduler.settings import SchedulerSettings
from shared.contracts.envelope import Body
from shared.contracts.events import MailFetched
from shared.contracts.naming import mail_message_id
from shared.domain.mailboxes import MailId
from shared.messaging.broker import Delivery
from shared.messaging.process import Service
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.topology import queue_for
from shared.messaging.unit import UnitFactory
from shared.storage.database import Database
from tests.builders import SEALING_KEYS, a_dsn, a_fetched_mail, a_mailbox, a_sent_mail, a_subscriber
from tests.integration.shared.storage.looking import rows, value
from tests.waiting import until

Process = subprocess.Popen[str]
Result = subprocess.CompletedProcess[str]
Command = Callable[..., Result]


class Queues:
    """Services over one database and one virtual host; each has a connection to the broker of its own."""

    def __init__(self, database: Database, rabbitmq_url: str) -> None:
        self.database = database
        self.url = rabbitmq_url
        self._given = {"database_url": database.url, "rabbitmq_url": rabbitmq_url, "sealing_keys": SEALING_KEYS}
        with self._broker("tests") as broker:
            broker.declare()

    @contextmanager
    def _broker(self, name: str) -> Iterator[RabbitBroker]:
        broker = RabbitBroker(self.url, name=name)
        try:
            yield broker
        finally:
            broker.close()

    def actions(self, broker: RabbitBroker) -> Service:
        """The actions service; small batches, so that two of them share the work."""
        return build_actions(ActionsSettings(**self._given, batch_size=5), self.database, broker)  # type: ignore[arg-type]

    def classifier(self, broker: RabbitBroker) -> Service:
        """The classifier."""
        return build_classifier(ClassifierSettings(**self._given), self.database, broker)  # type: ignore[arg-type]

    def scheduler(self, broker: RabbitBroker) -> Service:
        """The scheduler; what stood for a second in a stage is published again."""
        settings = SchedulerSettings(**self._given, sweep_seconds=0.2, stage_overdue_seconds=1)  # type: ignore[arg-type]
        return build_scheduler(settings, self.database, broker)

    @contextmanager
    def at_work(self, *builds: Callable[[RabbitBroker], Service]) -> Iterator[None]:
        """These services work while the block does; what one of them died of is raised at the end."""
        stop, failures = threading.Event(), []

        def work(build: Callable[[RabbitBroker], Service]) -> None:
            try:
                with self._broker("tests") as broker:
                    build(broker).run(stop)
            except BaseException as error:  # noqa: BLE001 - raised below
                failures.append(error)

        threads = [threading.Thread(target=work, args=(build,)) for build in builds]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        if failures:
            raise failures[0]

    @contextmanager
    def line(self) -> Iterator[None]:
        """A classifier, two processes' worth of actions, and the scheduler."""
        with self.at_work(self.classifier, self.actions, self.actions, self.scheduler):
            yield

    def publish(self, mails: Sequence[MailId], *, times: int = 1) -> None:
        """Says that these mails are fetched; more than once, as a broker may."""
        with self._broker("tests") as broker:
            for n in range(times):
                with UnitFactory(self.database, broker.publisher()).begin() as unit:
                    for mail_id in mails:
                        known = mail_message_id(MailFetched.type, mail_id, 0)
                        unit.publish(
                            MailFetched(mail_id=mail_id),
                            message_id=known if n == 0 else uuid4(),
                            correlation_id=known,
                            occurred_at=datetime.now(UTC),
                        )

    def started(self, *arguments: object) -> Process:
        """A command of an operator's at work, in a process of its own."""
        given = {
            "APICONNECT_DATABASE_URL": self.database.url,
            "APICONNECT_RABBITMQ_URL": self.url,
            "APICONNECT_SEALING_KEYS": SEALING_KEYS,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "services", *(str(one) for one in arguments)],
            env={**os.environ, **given}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def command(self, *arguments: object) -> Result:
        """What a command came to."""
        return ended(self.started(*arguments))

    def lose(self, message: type[Body]) -> None:
        """What waits in the queue of a message is gone, as after a broker was wiped."""
        with (
            self._broker("tests") as broker,
            closing(broker.subscribe(queue_for(message), 100, "tests")) as subscription,
        ):
            lost: list[Delivery] = []
            assert until(lambda: lost.extend(subscription.receive(100, 0.1)) or lost)
            subscription.ack(lost)

    def repeat(self, message: type[Body], **body: int) -> None:
        """The same message twice more, each under an id of its own."""
        with self._broker("tests") as broker, UnitFactory(self.database, broker.publisher()).begin() as unit:
            for _ in range(2):
                chosen = uuid4()
                unit.publish(
                    message.model_validate(body),
                    message_id=chosen,
                    correlation_id=chosen,
                    occurred_at=datetime.now(UTC),
                )

    def empty(self) -> bool:
        """Whether nothing waits for the classifier or actions (nobody polls here)."""
        with self._broker("tests") as broker:
            depths = broker.depths()
        return not any(depth for queue, depth in depths.items() if queue.startswith(("classifier.", "actions.")))

    def served(self) -> bool:
        """Whether every mail is served, and nothing waits to be published."""
        return bool(
            value(
                self.database,
                "select not exists (select 1 from fetched_mail where stage <> 'served')"
                " and not exists (select 1 from outbox)",
            )
        )

    def serve(self, mails: Sequence[MailId], *, times: int = 1) -> None:
        """The whole line, until these mails are served."""
        with self.line():
            self.publish(mails, times=times)
            assert until(self.served, 60), rows(self.database, "select stage, count(*) from fetched_mail group by 1")


def ended(process: Process) -> Result:
    """What a command that is at work came to."""
    stdout, stderr = process.communicate(timeout=60)
    return Result(process.args, process.returncode, stdout, stderr)


def reports(
    database: Database, texts: Sequence[str], *, status: str = "5.1.1", first: int = 1
) -> tuple[list[str], list[MailId]]:
    """A stored delivery report for each text, about a mail to a subscriber of its own: addresses and mails."""
    box = a_mailbox(database)
    addresses, mails = [], []
    for n, text in enumerate(texts, start=first):
        address, message_id = f"reader{n}@d{n}.example.net", f"mail-{n}@news.example.com"
        a_subscriber(database, address)
        a_sent_mail(database, address, message_id=message_id)
        raw = a_dsn(
            address, status=status, text=text.format(address=address), message_id=message_id,
            report_id=f"report-{n}@mx.example.net",
        )  # fmt: skip
        addresses.append(address)
        mails.append(a_fetched_mail(database, box, raw, f"mail-{n}", received_at=datetime.now(UTC)))
    return addresses, mails
