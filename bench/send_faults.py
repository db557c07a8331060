"""Sending under faults: senders are killed, calls end in every bad way, Sent Items is late; each mail must leave exactly once.

`python -m bench.send_faults`: 10,000 stored sends through 50 mailboxes, two senders killed 20 times, one call in ten (a send, a look or
a token alike) ends in 429, 500, 503, 504 after the work was done, a cut before or a cut after the work. The last line is a summary; exit 1 if anything
was lost or left twice, or is not `sent` in the end, 3 when there is no server to run on.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from signal import SIGKILL

from bench import sending
from bench.processes import used_since
from bench.servers import NotDurable, Place, servers
from services.simulator.http.control_client import ControlClient
from shared.storage.database import Database
from shared.storage.migrator import migrate
from shared.storage.sealing import Sealer
from tests.servers.children import REAPER
from tests.servers.finding import NoServer

SENDS = 10_000
KILLS = 20
BOXES = {"microsoft": 40, "google": 10}
LATE_SECONDS = 20.0
LATENCY_MS = 50.0
# What becomes of one call in ten.
FAULTS = (
    ("429", "before"),
    ("500", "before"),
    ("503", "before"),
    ("504", "after"),
    ("cut", "before"),
    ("cut", "after"),
)
_FAULTY = 0.1
# The last look must come when even the latest mail shows: 31 s after the call.
_SETTINGS: dict[str, object] = {
    "lease_seconds": 6.0, "look_seconds": [6.0, 8.0, 17.0], "read_back": False, "most_resends": 8, "provider_read_timeout": 10.0,
}  # fmt: skip
_LIMIT_SECONDS = 1_500.0
NO_SERVER = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it once."""
    options = _options().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with servers() as found, found.place("send_faults") as place:
            return _run(place, options.sends, options.kills, options.seed)
    except (NoServer, NotDurable) as problem:
        print(problem)
        return NO_SERVER
    finally:
        REAPER.close()


def _run(place: Place, many: int, kills: int, seed: int) -> int:
    chance = random.Random(seed)
    sealer = Sealer.parse(place.sealing_key)
    with Database(place.database_url, name="bench") as database, sending.simulator(LATENCY_MS) as (running, control):
        migrate(database)
        control.set_seed(seed)
        boxes = sending.install(database, sealer, running, control, BOXES, lifted=True, late_seconds=LATE_SECONDS)
        keys = sending.store(database, sealer, boxes, many)
        for kind, when in FAULTS:
            control.force(
                kind,
                when=when,
                probability=_FAULTY / len(FAULTS),
                retry_after=1 if kind == "429" else None,
            )
        senders = sending.Senders(place, running, **_SETTINGS)
        started, cpu = time.monotonic(), used_since({})
        try:
            killed = _work(database, senders, many, kills, chance)
        finally:
            senders.end()
        seconds = time.monotonic() - started
        return _tell(database, control, keys, killed, seconds, used_since(cpu))


def _work(database: Database, senders: sending.Senders, many: int, kills: int, chance: random.Random) -> int:
    """Kills are spread evenly over the sends; a killed sender is started again at once. Returns how many."""
    names = ("sender-1", "sender-2")
    for name in names:
        senders.start(name)
    killed, give_up_at, shown = 0, time.monotonic() + _LIMIT_SECONDS, 0.0
    while True:
        now = sending.states(database)
        if time.monotonic() > shown + 10:
            shown = time.monotonic()
            print(f"{killed} kills, {dict(now)}", flush=True)
        if killed < kills and now["sent"] >= many * 0.95 * (killed + 1) / (kills + 1):
            name = chance.choice(names)
            senders.running.pop(name).end(SIGKILL)
            senders.start(name)
            killed += 1
        elif now["sent"] + now["failed"] + now["rejected"] == many or time.monotonic() > give_up_at:
            return killed
        time.sleep(0.05)


def _tell(
    database: Database, control: ControlClient, keys: Sequence[str], killed: int, seconds: float, cpu: dict[str, float]
) -> int:
    left = Counter(one["subject"] for one in control.deliveries())
    lost = [key for key in keys if not left[key]]
    twice = [key for key in keys if left[key] > 1]
    ended = sending.states(database)
    calls = sending.provider_calls(control)
    looked = _value(database, "select count(distinct send_id) from send_steps where state = 'unknown'")
    again = _value(database, "select count(*) from sends where attempts > 1")
    hits = Counter({f"{one['detail'] or one['kind']} {one['when']}": one["hits"] for one in control.faults()})
    print(f"faults: {dict(hits)}")
    print(f"calls: {dict(calls)}")
    print(f"states: {dict(ended)}; unknown once or more: {looked}; called more than once: {again}")
    print("CPU seconds: " + ", ".join(f"{side} {used:.0f}" for side, used in cpu.items() if used >= 1))
    for what, which in (("lost", lost), ("twice", twice)):
        for key in which[:5]:
            print(f"{what}: {key}: {_story(database, key)}")
    good = not lost and not twice and ended["sent"] == len(keys)
    print(
        f"send-faults: {'passed' if good else 'FAILED'}: {len(keys)} sends, lost {len(lost)}, twice {len(twice)}, "
        f"not sent in the end {len(keys) - ended['sent']}, kills {killed}, {sum(hits.values())} faulty calls, "
        f"{sum(calls.values()) / len(keys):.2f} provider calls per send, {seconds:.0f} s"
    )
    return 0 if good else 1


def _value(database: Database, query: str) -> int:
    with database.transaction() as connection:
        row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _story(database: Database, key: str) -> str:
    with database.transaction() as connection:
        steps = connection.execute(
            "select p.at::time, p.state, p.reason from send_steps p join sends s on s.id = p.send_id"
            " where s.idempotency_key = %s order by p.id",
            (key,),
        ).fetchall()
    return "; ".join(f"{at:%H:%M:%S.%f} {state} {reason}".strip() for at, state, reason in steps)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.send_faults", description=__doc__)
    parser.add_argument("--sends", type=int, default=SENDS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
