"""Requests that nobody can read lie sealed, bounded in size, and can be replayed where they are whole."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from datetime import timedelta

import pytest

from services.sender.handler.parked import ParkedRequests
from shared.messaging.dead_letters import PayloadNotKept, replay
from shared.messaging.topology import DELIVERY_LIMIT, SEND_QUEUE, dead_queue, send_queue
from shared.storage import dead_letters, sealed_values
from shared.storage.sealing import Sealer
from tests.builders import SEALER, SEALING_KEYS
from tests.integration.handlers.sender.edge import Edge, RabbitEdge
from tests.integration.shared.messaging.running import running
from tests.integration.shared.messaging.stories import receive
from tests.integration.shared.storage.looking import do, rows, value
from tests.sending import SHOP, a_request, wire
from tests.waiting import until

PRIVATE = b'{"text": "Dear Anna, your test was positive"'  # no JSON: its end is missing


def parked(edge: Edge, payload: bytes) -> int:
    """An unreadable request becomes a dead letter; returns its id."""
    edge.say(payload)
    edge.dead_letter()
    return int(value(edge.database, "select id from dead_letters"))


def opened(edge: Edge, letter_id: int) -> bytes:
    """What was kept of it."""
    with edge.database.transaction() as connection:
        return dead_letters.payload(connection, SEALER, letter_id)


def test_what_cannot_be_read_lies_sealed_and_its_copy_at_the_broker_says_only_how_long_it_was(edge: Edge) -> None:
    letter_id = parked(edge, PRIVATE)
    ((plain, sealed, size, digest, whole),) = rows(
        edge.database, "select payload, sealed, size, sha256, whole from dead_letters"
    )
    assert (plain, size, whole) == (None, len(PRIVATE), True)
    assert bytes(digest) == hashlib.sha256(PRIVATE).digest()
    assert b"Anna" not in bytes(sealed)
    assert opened(edge, letter_id) == PRIVATE
    with closing(edge.broker.subscribe(dead_queue(send_queue(SHOP)), 1, "t")) as subscription:
        (copy,) = receive(subscription, 1)
        subscription.ack([copy])
    assert json.loads(copy.payload) == {"sealed_bytes": len(PRIVATE)}


def test_a_sealed_one_is_replayed_with_the_key_and_not_without(edge: Edge) -> None:
    letter_id = parked(edge, PRIVATE)
    with pytest.raises(PayloadNotKept, match="APICONNECT_SEALING_KEYS"):
        replay(edge.broker.publisher(), edge.database, letter_id)
    replay(edge.broker.publisher(), edge.database, letter_id, SEALER)
    with edge.accepting():
        assert until(lambda: value(edge.database, "select count(*) from dead_letters") == 2)
    assert opened(edge, int(value(edge.database, "select max(id) from dead_letters"))) == PRIVATE


def test_of_what_is_too_long_to_be_a_request_only_the_beginning_is_kept_and_it_is_not_replayed(
    memory_edge: Edge,
) -> None:
    long = b"x" * (dead_letters.LONGEST_WHOLE_BYTES + 1)
    letter_id = parked(memory_edge, long)
    ((size, digest, whole),) = rows(memory_edge.database, "select size, sha256, whole from dead_letters")
    assert (size, bytes(digest), whole) == (len(long), hashlib.sha256(long).digest(), False)
    assert opened(memory_edge, letter_id) == long[: dead_letters.BEGINNING_BYTES]
    with pytest.raises(PayloadNotKept, match=f"only the beginning of its {len(long)} bytes"):
        replay(memory_edge.broker.publisher(), memory_edge.database, letter_id, SEALER)
    assert value(memory_edge.database, "select replayed_at from dead_letters") is None


def test_whoever_floods_a_queue_with_unreadable_requests_fills_no_disk(
    memory_edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_BYTES_OF_A_QUEUE", 25_000)
    noise = [hashlib.shake_256(bytes([n])).digest(10_000) for n in range(4)]
    memory_edge.say(*noise, b"{")
    with memory_edge.accepting():
        assert until(lambda: value(memory_edge.database, "select count(*) from dead_letters") == 5)
    found = rows(memory_edge.database, "select size, whole from dead_letters order by id")
    assert found == [(10_000, True), (10_000, True), (10_000, False), (10_000, False), (1, True)]


def test_what_the_broker_parked_by_itself_is_sealed_too(edge: Edge) -> None:
    edge.ask(a_request("order-1"))
    with closing(edge.broker.subscribe(send_queue(SHOP), 1, "t")) as subscription:
        for _ in range(DELIVERY_LIMIT + 1):
            subscription.reject(receive(subscription, 1)[0])
    assert until(lambda: edge.broker.depths()[dead_queue(send_queue(SHOP))] == 1)
    with running(ParkedRequests(edge.broker, edge.database, SEALER, every_seconds=0.05)):
        assert until(lambda: value(edge.database, "select count(*) from dead_letters") == 1)
    letter_id = int(value(edge.database, "select id from dead_letters where payload is null and whole"))
    assert opened(edge, letter_id) == wire(a_request("order-1"))
    replay(edge.broker.publisher(), edge.database, letter_id, SEALER)
    with edge.accepting():
        assert edge.answers(1)[0].state == "accepted"


def test_the_copy_of_a_parked_request_is_taken_away_and_makes_no_second_row(rabbit_edge: RabbitEdge) -> None:
    parked(rabbit_edge, PRIVATE)
    with running(ParkedRequests(rabbit_edge.broker, rabbit_edge.database, SEALER, every_seconds=0.05)):
        assert until(lambda: rabbit_edge.broker.depths()[dead_queue(send_queue(SHOP))] == 0)
    assert value(rabbit_edge.database, "select count(*) from dead_letters") == 1


def test_what_an_earlier_release_parked_unsealed_is_sealed_later(memory_edge: Edge) -> None:
    for queue in (SEND_QUEUE, send_queue(SHOP), "sender.send_mailer", "actions.mail_classified"):
        do(
            memory_edge.database,
            "insert into dead_letters (queue, message_key, type, reason, attempts, payload) values (%s, 'k', '', '', 1, %s)",
            queue,
            PRIVATE,
        )
    with running(ParkedRequests(memory_edge.broker, memory_edge.database, SEALER, every_seconds=0.05)):
        assert until(
            lambda: value(memory_edge.database, "select count(*) from dead_letters where sealed is not null") == 2
        )
    found = rows(memory_edge.database, "select queue, id, size from dead_letters where payload is null order by id")
    assert [(queue, opened(memory_edge, letter_id), size) for queue, letter_id, size in found] == [
        (SEND_QUEUE, PRIVATE, len(PRIVATE)), (send_queue(SHOP), PRIVATE, len(PRIVATE)),
    ]  # fmt: skip


def test_a_rotated_key_seals_them_again(memory_edge: Edge) -> None:
    letter_id = parked(memory_edge, PRIVATE)
    new = Sealer.parse(f"{Sealer.new_key('k2')},{SEALING_KEYS}")
    (kind,) = (one for one in sealed_values.KINDS if one.table == "dead_letters")
    done = [batch.done for batch in sealed_values.in_batches(memory_edge.database, new, kind, write=True)]
    assert done == [1]
    with memory_edge.database.transaction() as connection:
        assert sealed_values.counts(connection)[kind.name] == {"k2": 1}
        assert dead_letters.payload(connection, new, letter_id) == PRIVATE


def test_replayed_letters_are_forgotten_after_their_time_and_waiting_ones_never(memory_edge: Edge) -> None:
    parked(memory_edge, PRIVATE)
    do(memory_edge.database, "update dead_letters set parked_at = now() - interval '99 days'")
    with memory_edge.database.transaction() as connection:
        assert dead_letters.forget_replayed(connection, timedelta(days=30)) == 0
    do(memory_edge.database, "update dead_letters set replayed_at = now() - interval '31 days'")
    with memory_edge.database.transaction() as connection:
        assert dead_letters.forget_replayed(connection, timedelta(days=30)) == 1
