"""Sends and replies of a run, set up and kept going: delivery servers, the integration that uses them, people who answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import urlsplit

from services.console.handler import integrations
from services.console.handler.apply import apply_document
from services.console.handler.integrations import Door
from services.simulator.http.control_client import ControlClient
from shared.messaging.management import Management
from shared.messaging.rabbitmq import RabbitBroker
from shared.storage.database import Database
from shared.storage.sealing import Sealer
from tests.chaos.planned import BOUNCES_AT, CUSTOMER, PlannedReply, document, plan_replies, plan_sends, sending_boxes
from tests.chaos.scenario import Scenario
from tests.chaos.shop import NAME, Shop
from tests.servers.rabbitmq import RabbitMQ

_LIFTED = {"per_minute": None, "messages_per_day": None, "recipients_per_day": None}
_MESSAGE_IDS = {"microsoft": "keep", "google": "rewrite"}  # as the services do
_PATIENCE_SECONDS = 60.0


class Correspondence:
    """The plan of both, and what works at it."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.sends = plan_sends(scenario.seed, scenario.sends, scenario.window)
        self.replies = plan_replies(scenario.seed, scenario.replies, scenario.window)
        self.boxes = sending_boxes()
        self.known_since: datetime | None = None
        self._url = ""

    @property
    def mails(self) -> int:
        """How many mails come into the sending mailboxes: replies, and reports on what was sent."""
        return len(self.replies) + sum(one.bounces for one in self.sends)

    @property
    def people(self) -> frozenset[str]:
        """Everybody who is written to or writes."""
        return frozenset((*(one.to for one in self.sends), *(one.sender for one in self.replies)))

    def set_up(self, database: Database, sealer: Sealer, control: ControlClient, broker: RabbitMQ) -> None:
        """Mailboxes that may send as much as they like, servers and monitors through `apply`, an integration by the command."""
        control.set_send_limits(**_LIFTED)
        for box in self.boxes:
            late, ids = self.scenario.late_most, _MESSAGE_IDS[box.provider]
            control.register_mailbox(box.provider, box.address, sent_items_delay_most=late, message_ids=ids)
        control.answer_sends("hard", domain=BOUNCES_AT, delay=1)
        apply_document(database, sealer, document(self.sends, self.replies), now=datetime.now(UTC))
        with database.transaction() as connection:
            connection.execute("update api_keys set send_limits = %s", (json.dumps(_LIFTED),))
        with closing(RabbitBroker(broker.url)) as declaring:
            declaring.declare()
        with Management(broker.url, broker.management_url) as management:
            self._url = integrations.create(database, _door(broker, management), NAME, CUSTOMER).url

    def restore(self, database: Database, broker: RabbitMQ) -> None:
        """`apiconnect integration restore`, as compose runs it when the broker has lost everything."""
        with Management(broker.url, broker.management_url) as management:
            integrations.restore(database, _door(broker, management), patience_seconds=_PATIENCE_SECONDS)
        self.known_since = datetime.now(UTC)

    def begin(self, control: ControlClient, clock: Callable[[], float]) -> tuple[Shop, Writers]:
        """The integration publishes and reads; people write."""
        return Shop(self._url, self.sends, clock), Writers(control, self.replies, clock)

    def settings(self) -> dict[str, str]:
        """Of the senders: what is unknown is looked for until even the latest mail shows, and not much longer."""
        late = self.scenario.late_most
        return {
            "APICONNECT_LEASE_SECONDS": "6",
            "APICONNECT_LOOK_SECONDS": json.dumps([late, late]),
            "APICONNECT_MOST_RESENDS": "8",
            "APICONNECT_READ_BACK_SECONDS": json.dumps([late, 2 * late, 4 * late]),
            "APICONNECT_INTEGRATIONS_SECONDS": "1",
        }


class Writers:
    """People who write their replies, each at its time. ids: the simulator's id by planned number."""

    def __init__(self, control: ControlClient, replies: list[PlannedReply], clock: Callable[[], float]) -> None:
        self.ids: dict[int, str] = {}
        self.problem: Exception | None = None
        self._control, self._replies, self._clock = control, replies, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writers")
        self._thread.start()

    def busy(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive()

    def close(self) -> None:
        """They write no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for one in self._replies:
                if self._stop.wait(max(0.0, one.at - self._clock())):
                    return
                self.ids[one.number] = self._control.plant(one.box.provider, one.box.address, one.mime())
        except Exception as problem:  # noqa: BLE001 - raised again by the run, which must end its processes first
            self.problem = problem


def _door(broker: RabbitMQ, management: Management) -> Door:
    parts = urlsplit(broker.url)
    return Door(management.vhost, f"amqp://{parts.hostname}:{parts.port}", management)
