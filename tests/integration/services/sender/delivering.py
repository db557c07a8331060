"""Senders of one test, between a real PostgreSQL and the simulator of both providers."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from services.sender.handler import delivering
from services.sender.settings import SenderSettings
from services.simulator.__main__ import RunningSimulator
from shared.domain.mailboxes import Provider
from shared.mailbox_access import MailboxAccess
from shared.messaging.broker import Outgoing
from shared.messaging.memory import MemoryBroker
from shared.messaging.unit import UnitFactory
from shared.providers.catalogue import catalogue_for
from shared.storage.database import Database
from tests.builders import SEALER, SEALING_KEYS
from tests.integration.shared.storage.looking import do
from tests.sending import a_delivery_server
from tests.simulated import Simulated
from tests.stored_sends import Stored, row_of, states
from tests.waiting import until

QUICK_LOOKS = (0.2, 0.3, 0.4)


class Results:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self._memory = MemoryBroker().publisher()

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Results of sends; nothing else is published by delivering."""
        self.told += [{"key": one.routing_key, **json.loads(one.payload)} for one in messages]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._memory, name)

    def of(self, send: Stored) -> list[str]:
        """States that were told of one send, in order."""
        return [one["state"] for one in self.told if one.get("idempotency_key") == send.key]

    def last(self, send: Stored) -> dict[str, Any]:
        """What was told last of one send."""
        return [one for one in self.told if one.get("idempotency_key") == send.key][-1]


class Delivering:
    """A world at the simulator, its other half in the database, and what was told."""

    def __init__(self, running: RunningSimulator, database: Database) -> None:
        self.world = Simulated(running, database)
        self.control = self.world.control
        self.database = database
        self.results = Results()

    def server(
        self,
        uid: str = "server",
        provider: Provider = Provider.MICROSOFT,
        *,
        customer: str | None = "acme",
        roles: Sequence[str] | None = None,
        mailbox: dict[str, Any] | None = None,
        email: str = "",
        **columns: object,
    ) -> int:
        """A delivery server, and its mailbox at the provider. mailbox: options of the latter."""
        key = f"{provider.value}-system"
        with self.database.transaction() as connection:
            known = connection.execute("select 1 from api_keys where uid = %s", (key,)).fetchone()
        if not known:
            self.world.a_key(provider, roles=roles)
        address = email or f"{uid}@send.example.com"
        self.control.register_mailbox(provider.value, address, **(mailbox or {}))
        return a_delivery_server(
            self.database, uid, customer=customer, email=address, provider=provider, key=key, primed_at="now", **columns
        )

    def lift_limits(self) -> None:
        """The keys' mailboxes may send as much as they like."""
        lifted = '{"per_minute": null, "messages_per_day": null, "recipients_per_day": null}'
        do(self.database, "update api_keys set send_limits = %s", lifted)
        self.control.set_send_limits(per_minute=None, messages_per_day=None, recipients_per_day=None)

    @contextmanager
    def senders(self, many: int = 1, **settings: object) -> Iterator[list[threading.Event]]:
        """Senders at work while the block runs; each ends early when its event is set. What one died of is raised at the end."""
        stops = [threading.Event() for _ in range(many)]
        died: list[BaseException] = []

        def work(runner: Any, stop: threading.Event) -> None:
            try:
                runner.run(stop)
            except BaseException as error:  # noqa: BLE001 - raised below
                died.append(error)
                stop.set()

        threads = [
            threading.Thread(target=work, args=(runner, stop))
            for number, stop in enumerate(stops)
            for runner in self.runners(number, **settings)
        ]
        for thread in threads:
            thread.start()
        try:
            yield stops
        finally:
            for stop in stops:
                stop.set()
            for thread in threads:
                thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
        if died:
            raise died[0]

    def runners(self, number: int = 0, **settings: object) -> Sequence[Any]:
        """What one sender runs."""
        chosen = self.settings(**settings)
        units = UnitFactory(self.database, self.results)
        access = MailboxAccess(self.database, SEALER, catalogue_for(chosen), f"sender-{number}")
        return delivering.runners(units, access, SEALER, chosen)

    def settings(self, **settings: object) -> SenderSettings:
        """A sender's, at the simulator, with short waits."""
        return SenderSettings(
            **{  # type: ignore[arg-type]
                "database_url": self.database.url,
                "rabbitmq_url": "memory://",
                "sealing_keys": SEALING_KEYS,
                "provider_ca_file": str(self.world.running.ca_file),
                "provider_read_timeout": 5.0,
                "look_seconds": QUICK_LOOKS,
                "lease_seconds": 3.0,
                "servers_at_once": 8,
                **settings,
            }
        )

    def run(self, *final: str, many: int = 1, at_most_seconds: float = 60, **settings: object) -> None:
        """Senders work until every send is in one of these states (by default: sent)."""
        wanted = set(final or ("sent",))
        with self.senders(many, **settings):
            assert until(lambda: set(states(self.database)) <= wanted, at_most_seconds), states(self.database)

    def reaches(self, send: Stored, state: str, reason: str | None = None, at_most_seconds: float = 40) -> bool:
        """Whether a send comes to stand so."""

        def stands() -> bool:
            row = row_of(self.database, send)
            return row.state == state and (reason is None or row.reason == reason)

        return until(stands, at_most_seconds)

    def delivered(self) -> Counter[str]:
        """How often each subject left, as the simulator counts."""
        return Counter(one["subject"] for one in self.control.deliveries())

    def calls(self, operation: str) -> int:
        """Calls of an operation, whatever the answer."""
        counted = self.control.statistics()["calls"]
        return sum(sum(statuses.get(operation, {}).values()) for statuses in counted.values())
