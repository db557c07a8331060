"""What a run must have left behind, compared with what was planted: rows, effects, empty queues, nothing lost or doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.reports import Report
from shared.messaging.rabbitmq import RabbitBroker
from shared.storage.database import Database

_CLASS = {"hard": "hard", "soft": "soft", "complaint": "feedback_loop", "redacted_complaint": "feedback_loop"}
_EFFECT = {"hard": "blacklisted", "soft": "logged", "feedback_loop": "unsubscribed"}
_STATUS = {"hard": "blacklisted", "soft": "confirmed", "feedback_loop": "unsubscribed"}


def differences(database: Database, rabbitmq_url: str, planted: Sequence[Report]) -> list[str]:
    """One line for each fact that is not as it must be."""
    people = {report.sent.recipients[0]: _CLASS[report.kind] for report in planted}
    hard = {address for address, what in people.items() if what == "hard"}
    with database.transaction() as connection:
        stages = Counter(dict(connection.execute("select stage, count(*) from fetched_mail group by 1").fetchall()))
        logged = Counter(
            connection.execute(
                "select recipient, bounce_class, effect from bounce_log where matched_by is not null"
            ).fetchall()
        )
        blacklist = [row[0] for row in connection.execute("select address from blacklist")]
        status = dict(connection.execute("select email, status from subscribers").fetchall())
        changes = dict(connection.execute("select after, count(*) from subscriber_changes group by 1").fetchall())
        rows = connection.execute("select count(*) from bounce_log").fetchone()
        outbox = connection.execute("select count(*) from outbox").fetchone()
    expected = Counter((address, what, _EFFECT[what]) for address, what in people.items())
    changed = Counter(_STATUS[what] for what in people.values() if what != "soft")
    checks = [
        ("mails served", dict(stages), {"served": len(planted)}),
        ("bounce log", logged, expected),
        ("rows in the bounce log", rows, (len(planted),)),
        ("blacklist", Counter(blacklist), Counter(hard)),
        ("subscribers", status, {address: _STATUS[what] for address, what in people.items()}),
        ("changes of subscribers", changes, dict(changed)),
        ("outbox", outbox, (0,)),
        ("queues", _depths(rabbitmq_url), {}),
    ]
    return [
        f"{what}: expected {_short(right)}, found {_short(found)}" for what, found, right in checks if found != right
    ]


def _depths(rabbitmq_url: str) -> dict[str, int]:
    """Queues that are not empty."""
    broker = RabbitBroker(rabbitmq_url, name="bench")
    try:
        return {queue: depth for queue, depth in broker.depths().items() if depth}
    finally:
        broker.close()


def _short(value: object) -> str:
    text = f"{len(value)} entries {value}" if isinstance(value, Counter | dict) and len(value) > 4 else str(value)
    return text if len(text) <= 160 else text[:160] + " …"
