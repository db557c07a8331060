"""Benchmark 2 of sending: stored sends leave through 50 mailboxes of a provider that takes 150 ms for a call.

With limits on: the most that left any mailbox within any minute, as the simulator counts, and how much of the limit was used; with
what the providers made of our ids read back, and without. With limits lifted: sends a second, and CPU seconds per send.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bench import sending
from bench.processes import check, used_since
from bench.results import Figure, Result, at_least, at_most
from bench.servers import Place, Servers
from shared.storage.database import Database
from shared.storage.migrator import migrate
from shared.storage.sealing import Sealer

NAME = "delivering"
SECONDS = 300.0
SENDS = 5_000
MAILBOXES = 50
LATENCY_MS = 150.0
PER_MINUTE = 30
_MINUTE = timedelta(minutes=1)
_SENDERS = ("sender-1", "sender-2")
_LIMIT_SECONDS = 900.0

Tell = Callable[[str, int, int], None]


def run(servers: Servers, tell: Tell, *, seconds: float = SECONDS, many: int = SENDS) -> Result:
    """Limits on with and without read-back, then lifted."""
    result = Result(NAME, f"Delivering through {MAILBOXES} mailboxes, a provider of {LATENCY_MS:.0f} ms")
    for read_back in (False, True):
        with servers.place(f"delivering_{read_back}") as place:
            result.figures += _limited(place, seconds, tell, read_back=read_back)
    with servers.place("delivering_lifted") as place:
        result.figures += _lifted(place, many, tell)
    result.notes += [
        (
            f"limits on: {len(_SENDERS)} senders, {PER_MINUTE} mails a minute and mailbox, {seconds:.0f} s from the first mail; used: of what "
            "fits into that time"
        ),
        "limits lifted: one sender, no read-back; CPU of the sender, and of PostgreSQL, per send",
    ]
    return result


def _limited(place: Place, seconds: float, tell: Tell, *, read_back: bool) -> list[Figure]:
    sealer = Sealer.parse(place.sealing_key)
    label = f"limits on, read-back {'on' if read_back else 'off'}"
    fits = int(MAILBOXES * PER_MINUTE * seconds / 60)
    with Database(place.database_url, name="bench") as database, sending.simulator(LATENCY_MS) as (running, control):
        migrate(database)
        boxes = sending.install(database, sealer, running, control, {"microsoft": MAILBOXES}, lifted=False)
        sending.store(database, sealer, boxes, fits + MAILBOXES * 2 * PER_MINUTE)
        senders = sending.Senders(place, running, read_back=read_back, tell_after_seconds=3600)
        try:
            for name in _SENDERS:
                senders.start(name)
            began = 0.0
            while not began or time.monotonic() < began + seconds:
                sent = sending.states(database)["sent"]
                began = began or (time.monotonic() if sent else 0.0)
                tell(label, min(sent, fits), fits)
                check(senders.running, time.monotonic() + _LIMIT_SECONDS)
                time.sleep(0.5)
        finally:
            senders.end()
        left = _times(control.deliveries())
    first = min(times[0] for times in left.values())
    within = sum(1 for times in left.values() for at in times if at < first + timedelta(seconds=seconds))
    name = f"read_back_{'on' if read_back else 'off'}"
    return [
        at_most(f"most_in_any_minute_{name}", max(map(_most_in_a_minute, left.values())), "mails", PER_MINUTE),
        at_least(f"limit_used_{name}", round(100 * within / fits, 1), "%", 95),
    ]


def _lifted(place: Place, many: int, tell: Tell) -> list[Figure]:
    sealer = Sealer.parse(place.sealing_key)
    with Database(place.database_url, name="bench") as database, sending.simulator(LATENCY_MS) as (running, control):
        migrate(database)
        boxes = sending.install(database, sealer, running, control, {"microsoft": MAILBOXES}, lifted=True)
        sending.store(database, sealer, boxes, many)
        senders = sending.Senders(place, running, read_back=False)
        before = used_since({})
        try:
            senders.start(_SENDERS[0])
            give_up_at = time.monotonic() + _LIMIT_SECONDS
            while (sent := sending.states(database)["sent"]) < many:
                tell("limits lifted", sent, many)
                check(senders.running, give_up_at)
                time.sleep(0.25)
            used = used_since(before)
        finally:
            senders.end()
        times = sorted(at for of_one in _times(control.deliveries()).values() for at in of_one)
    seconds = (times[-1] - times[0]).total_seconds()
    return [
        Figure("sends_per_second_lifted", round(many / seconds, 1), "1/s"),
        Figure("sender_cpu_per_send", round(1000 * used.get("sender", 0.0) / many, 2), "ms"),
        Figure("postgresql_cpu_per_send", round(1000 * used.get("PostgreSQL", 0.0) / many, 2), "ms"),
    ]


def _times(deliveries: Sequence[Mapping[str, object]]) -> dict[str, list[datetime]]:
    """Mailbox -> when mails left it, in order."""
    found: dict[str, list[datetime]] = defaultdict(list)
    for one in deliveries:
        found[str(one["mailbox"])].append(datetime.fromisoformat(str(one["at"])))
    return {mailbox: sorted(times) for mailbox, times in found.items()}


def _most_in_a_minute(times: Sequence[datetime]) -> int:
    """The most in any window of a minute, its end not included."""
    most, start = 0, 0
    for end, at in enumerate(times):
        while at - times[start] >= _MINUTE:
            start += 1
        most = max(most, end - start + 1)
    return most
