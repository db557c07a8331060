"""Parking what can't be handled, and bringing it back. The row in PostgreSQL is what people see and replay; the copy in the
`<queue>.dead` queue is for who looks at the broker."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing, suppress
from uuid import NAMESPACE_OID, UUID, uuid5

from shared.domain.errors import ApiConnectError
from shared.messaging.broker import ASKED_BY, ATTEMPT, PARKED, Broker, Delivery, Outgoing, Publisher, asked_by, ours
from shared.messaging.topology import ROUTES, SEND_QUEUE, dead_queue, send_queue
from shared.storage import dead_letters
from shared.storage.database import Database
from shared.storage.dead_letters import Parked, PayloadNotKept
from shared.storage.sealing import Sealer

# Properties that a replay gives back, as they are named among the headers of a letter's row.
_CORRELATION, _REPLY_TO = "property_correlation_id", "property_reply_to"
_TYPE_LENGTH = 60  # as a property it has 255 bytes at most, four for each character
_REQUESTS_AT_ONCE = 10  # each may have 16 MiB


class NoSuchDeadLetter(ApiConnectError):
    """No row has this id."""


def park(
    database: Database,
    publisher: Publisher,
    queue: str,
    delivery: Delivery,
    message_id: UUID | None,
    reason: str,
    sealer: Sealer | None = None,
) -> None:
    """A row, committed, then a copy in `<queue>.dead`. Twice the same makes one row. Raises BrokerOrDatabaseDown.

    sealer: for what comes from outside and may hold mail. The row then keeps it sealed, and the copy says only how long it was.
    """
    letter = _letter(queue, delivery, message_id, reason)
    with database.transaction() as connection:
        dead_letters.park(connection, [letter], sealer)
    copy_id = message_id or uuid5(NAMESPACE_OID, letter.message_key)
    headers: dict[str, str | int | float] = {ATTEMPT: delivery.attempt, PARKED: "row", "reason": letter.reason[:500]}
    said = delivery.payload if sealer is None else json.dumps({"sealed_bytes": len(delivery.payload)}).encode()
    copy = Outgoing(copy_id, letter.type, said, headers, user_id=publisher.user)
    publisher.publish_to(dead_queue(queue), [copy])


def replay(publisher: Publisher, database: Database, dead_letter_id: int, sealer: Sealer | None = None) -> str:
    """Publishes the letter's payload again to its queue, as a first try, and marks the row; returns the queue.

    The row is marked only if the broker confirmed. Replaying a replayed one sends it once more: its message id is the
    same, so an inbox knows it. sealer: for letters from outside. Raises NoSuchDeadLetter, PayloadNotKept, SealBroken,
    BrokerOrDatabaseDown.
    """
    with database.transaction() as connection:
        letter = dead_letters.one(connection, dead_letter_id)
        if letter is None:
            raise NoSuchDeadLetter(f"there is no dead letter {dead_letter_id}")
        if not letter.whole:
            raise PayloadNotKept(
                f"only the beginning of its {letter.size} bytes was kept; whoever published it has to do so again"
            )
        message_id = letter.message_id or uuid5(NAMESPACE_OID, str(letter.dead_letter_id))
        first = letter.headers.get(ASKED_BY)
        again = Outgoing(
            message_id,
            letter.type,
            dead_letters.payload(connection, sealer, dead_letter_id),
            {ASKED_BY: first} if first else {},
            correlation_id=letter.headers.get(_CORRELATION) or None,
            reply_to=letter.headers.get(_REPLY_TO) or None,
            user_id=publisher.user if first else None,
        )
        publisher.publish_to(letter.queue, [again])
        dead_letters.mark_replayed(connection, dead_letter_id)
    return letter.queue


def collect(broker: Broker, database: Database, limit: int = 200) -> int:
    """Empties the `.dead` queues of our own messages into rows, at most `limit` per queue; returns how many rows were new to
    PostgreSQL's side.

    What the broker parked by itself (the delivery limit) has no row yet. Copies of parked rows are only taken away: if
    their row was replayed meanwhile, a second row would bring them back. Raises BrokerOrDatabaseDown.
    """
    depths = broker.depths()
    queues = [route.queue for route in ROUTES if depths.get(dead_queue(route.queue))]
    return sum(_collect_one(broker, database, queue, limit) for queue in queues)


def collect_requests(broker: Broker, database: Database, sealer: Sealer) -> int:
    """The same for the queues that programs outside fill, whose letters are sealed; a few of each at a time."""
    depths = broker.depths()
    queues = [queue for queue in (SEND_QUEUE, *map(send_queue, broker.known())) if depths.get(dead_queue(queue))]
    return sum(_collect_one(broker, database, queue, _REQUESTS_AT_ONCE, sealer) for queue in queues)


def _collect_one(broker: Broker, database: Database, queue: str, limit: int, sealer: Sealer | None = None) -> int:
    with closing(broker.subscribe(dead_queue(queue), limit, "dead-letter-collector")) as subscription:
        found = subscription.receive(limit, 2.0)
        reason = "the broker's delivery limit: it was redelivered too often, each time its consumer was lost"
        fresh = [_letter(queue, delivery, None, reason) for delivery in found if not _has_a_row(queue, delivery)]
        with database.transaction() as connection:
            dead_letters.park(connection, fresh, sealer)
        subscription.ack(found)
    return len(fresh)


def _has_a_row(queue: str, delivery: Delivery) -> bool:
    """What an outsider says of that does not count."""
    return PARKED in delivery.headers and (not queue.startswith(SEND_QUEUE) or ours(delivery))


def _letter(queue: str, delivery: Delivery, message_id: UUID | None, reason: str) -> Parked:
    if message_id is None:
        with suppress(ValueError):
            message_id = UUID(delivery.message_id or "")
    return Parked(
        queue=queue,
        message_key=hashlib.sha256(queue.encode() + b"\0" + delivery.payload).hexdigest(),
        message_id=message_id,
        type=_type_of(delivery),
        reason=_storable(reason),
        attempts=delivery.attempt,
        payload=delivery.payload,
        headers={
            _storable(str(key)): _storable(str(value))
            for key, value in ({**delivery.headers} | _properties(delivery)).items()
            if not isinstance(value, list | dict)
        },
    )


def _properties(delivery: Delivery) -> dict[str, str]:
    """What a replay has to give back, whatever headers say."""
    return {
        ASKED_BY: asked_by(delivery),
        _CORRELATION: delivery.correlation_id or "",
        _REPLY_TO: delivery.reply_to or "",
    }


def _type_of(delivery: Delivery) -> str:
    """The property, else what the payload says, else `unknown`."""
    if delivery.type:
        return _storable(delivery.type)[:_TYPE_LENGTH]
    with suppress(ValueError):
        said = json.loads(delivery.payload)
        if isinstance(said, dict) and isinstance(said.get("type"), str):
            return _storable(said["type"])[:_TYPE_LENGTH]
    return "unknown"


def _storable(text: str) -> str:
    """PostgreSQL takes neither NUL nor half of a surrogate pair; a hostile message may hold both."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
