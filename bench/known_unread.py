"""Benchmark 5: what a poll costs the provider's limits when 20,000 unread mails lie in the mailbox that are known already.

Such mails stay where disposal is "leave", in dry run, or where a permission is missing. They lie in the simulator's mailboxes and
as served rows in the ledger; then the real fetcher polls each mailbox, and the simulator counts the calls. Beside it: the listing
from the beginning that each mailbox gets once a day, which has to see every unread mail again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from bench.backlog import Simulated, fill, simulator
from bench.installation import Box, boxes, mailbox_ids
from bench.polling import ask, wait_until_polled, wait_until_ready
from bench.processes import services
from bench.results import Figure, Result, at_most
from bench.servers import Servers
from shared.domain.mailboxes import Folder
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.unit import UnitFactory
from shared.storage.database import Database
from shared.storage.migrator import migrate
from shared.storage.sealing import Sealer

NAME = "known_unread"
MAILS = 20_000
MOST_CALLS = 5
_LATENCY_MS = 150.0
_SERVICES = ("token_refresher", "fetcher")
_DAYS = 30

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll did. calls: API calls by operation, the token's included."""

    calls: dict[str, int]
    result: dict[str, Any]

    @property
    def total(self) -> int:
        return sum(self.calls.values())


def run(servers: Servers, tell: Tell, *, mails: int = MAILS) -> Result:
    """An ordinary poll, and the daily one, of a mailbox of each provider."""
    with (
        servers.place("known-unread") as place,
        simulator(_LATENCY_MS) as simulated,
        Database(place.database_url, name="bench") as database,
        psycopg.connect(place.database_url, autocommit=True) as connection,
    ):
        migrate(database)
        both = boxes(1)
        fill(simulated, database, Sealer.parse(place.sealing_key), dict.fromkeys(both, 0), lambda _done: None)
        ids = mailbox_ids(connection)
        for number, box in enumerate(both):
            _plant(simulated, connection, box, ids[box.email], mails)
            tell("planting known mail", number + 1, len(both))
        connection.execute("vacuum analyze fetched_mail")
        broker = RabbitBroker(place.rabbitmq_url, name="bench")
        broker.declare()
        units = UnitFactory(database, broker.publisher())
        environment = {**place.environment, "APICONNECT_PROVIDER_CA_FILE": str(simulated.running.ca_file)}
        found: dict[str, Polled] = {}
        with services(_SERVICES, environment, place.logs) as running:
            wait_until_ready(connection, running)
            for box in both:
                for kind, swept in (("poll", "now() - interval '1 hour'"), ("daily", "null")):
                    connection.execute(f"update mailboxes set swept_at = {swept} where id = %s", (ids[box.email],))
                    simulated.control.restart_statistics()
                    ask(units, ids[box.email])
                    wait_until_polled(connection, ids[box.email], running)
                    found[f"{kind}_{box.provider}"] = _polled(simulated, connection, box, ids[box.email])
                    tell("polls", len(found), 2 * len(both))
        broker.close()
    return _result(found, mails)


def _plant(simulated: Simulated, connection: psycopg.Connection, box: Box, mailbox_id: int, mails: int) -> None:
    """Unread in the mailbox, spread over the last days, and served in the ledger; the last poll was half an hour ago."""
    simulated.control.register_mailbox(box.provider, box.email)
    now = datetime.now(UTC)
    first = now - timedelta(days=_DAYS)
    step = (now - timedelta(hours=1) - first) / mails
    per_day = max(1, mails // _DAYS)
    for start in range(0, mails, per_day):
        raws = [
            f"From: <p{n}@example.com>\r\nTo: <{box.email}>\r\nSubject: Kept\r\nMessage-ID: <k{n}@example.com>\r\n\r\nHi\r\n".encode()
            for n in range(start, min(mails, start + per_day))
        ]
        simulated.control.plant_many(box.provider, box.email, raws, received=(first + start * step).isoformat())
    lasting = [one["lasting_id"] for one in simulated.control.mails(box.provider, box.email)]
    connection.execute(
        """
        insert into fetched_mail (mailbox_id, provider_mail_id, folder, stage, disposal, correlation_id)
        select %s, id, 'inbox', 'served', 'leave', gen_random_uuid() from unnest(%s::text[]) id
        """,
        (mailbox_id, lasting),
    )
    listed_to = {folder.value: (now - timedelta(minutes=30)).isoformat() for folder in (Folder.INBOX, Folder.JUNK)}
    connection.execute(
        "update mailboxes set listed_to = %s, next_poll_at = now() + interval '1 hour' where id = %s",
        (psycopg.types.json.Jsonb(listed_to), mailbox_id),
    )


def _polled(simulated: Simulated, connection: psycopg.Connection, box: Box, mailbox_id: int) -> Polled:
    row = connection.execute("select last_poll from mailboxes where id = %s", (mailbox_id,)).fetchone()
    calls = simulated.control.statistics()["calls"].get(box.provider, {})
    return Polled({name: sum(by_status.values()) for name, by_status in calls.items()}, row[0] if row else {})


def _result(found: dict[str, Polled], mails: int) -> Result:
    result = Result(NAME, f"5. A poll of a mailbox with {mails} known unread mails")
    for name, polled in found.items():
        ordinary = name.startswith("poll_")
        figure = at_most(f"calls_{name}", polled.total, "calls", MOST_CALLS) if ordinary else None
        result.figures += [
            figure or Figure(f"calls_{name}", polled.total, "calls"),
            Figure(f"seconds_{name}", float(polled.result.get("seconds", 0.0)), "s"),
        ]
        result.notes.append(f"{name}: {polled.calls}; {polled.result}")
    new = sum(int(polled.result.get("new", 0)) for polled in found.values())
    undone = sum(polled.result.get("result") != "done" for polled in found.values())
    result.figures.append(at_most("taken_for_new", new + undone, "facts", 0))
    result.notes.append(
        "calls of the first poll of each mailbox include its token's; daily: the listing from the beginning"
    )
    result.detail = {name: {"calls": polled.calls, "result": polled.result} for name, polled in found.items()}
    return result
