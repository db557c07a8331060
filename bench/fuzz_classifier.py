"""`python -m bench.fuzz_classifier [--mails 200000] [--seconds N] [--seed N]`: damaged mails through the classifier.

Each mail is one of the samples in tests/mails, damaged: bytes changed, stretches cut, doubled or swapped with another
sample's, header names and boundaries broken. Exit 1 if one made it raise, took over a second, or could not be read.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.classifier.core.reading import classify
from services.classifier.settings import shipped_rules

SAMPLES = Path(__file__).parents[1] / "tests" / "mails"
MOST_SECONDS = 1.0
_PIECES = (
    b"\n--b9\n", b"\n\n", b"\r", b"\x00", b"Final-Recipient: rfc822;", b"Action: failed\n", b"Status: 5.1.1\n",
    b"Content-Type: multipart/report; boundary=b9\n\n", b"Content-Type: message/rfc822\n\n", b"=?utf-8?b?//8?=",
    b"Content-Transfer-Encoding: base64\n", b"Content-Type: text/html\n\n<", b"Feedback-Type: abuse\n", b"\xff\xfe",
    b"<a@b.example>: 550 5.1.1 user unknown\n", b"mailbox " * 200, b"a@" * 500, b"(" * 300, b" \n " * 100,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until the mails or the seconds are used up, and prints what was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz_classifier")
    parser.add_argument("--mails", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=900.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    samples = [path.read_bytes() for path in sorted(SAMPLES.glob("*/*.eml"))]
    found = run(samples, options.mails, options.seconds, options.seed)
    print(f"mails {found.mails}")
    print(f"seconds {found.seconds:.0f}")
    print(f"slowest_ms {found.slowest * 1000:.1f}")
    for kind, number in sorted(found.classes.items()):
        print(f"class {kind} {number}")
    for problem in found.problems[:20]:
        print(f"PROBLEM {problem}")
    return 1 if found.problems else 0


class Found:
    """What a run saw. problems: `seed/number: what`, so that a mail can be made again."""

    def __init__(self) -> None:
        self.mails = 0
        self.seconds = 0.0
        self.slowest = 0.0
        self.classes: Counter[str] = Counter()
        self.problems: list[str] = []


def run(samples: Sequence[bytes], mails: int, seconds: float, seed: int) -> Found:
    """Classifies damaged samples; stops at so many mails or seconds."""
    rules = shipped_rules()
    found = Found()
    begun = time.monotonic()
    for number, raw in enumerate(damaged(samples, seed)):
        if number >= mails or time.monotonic() - begun > seconds:
            break
        start = time.process_time()
        try:
            finding = classify(raw, rules)
        except Exception as error:  # noqa: BLE001 - what this is looking for
            found.problems.append(f"{seed}/{number}: raised {type(error).__name__}: {error}")
            continue
        took = time.process_time() - start
        found.mails += 1
        found.slowest = max(found.slowest, took)
        found.classes[finding.bounce_class.value] += 1
        if took > MOST_SECONDS:
            found.problems.append(f"{seed}/{number}: took {took:.2f} s")
        if finding.note.startswith("could not be read"):
            found.problems.append(f"{seed}/{number}: {finding.note}")
    found.seconds = time.monotonic() - begun
    return found


def damaged(samples: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Damaged samples without end; the same for the same seed."""
    chance = random.Random(seed)
    while True:
        raw = bytearray(chance.choice(samples))
        for _ in range(chance.randint(1, 6)):
            _damage(raw, chance.choice(samples), chance)
        yield bytes(raw[:200_000])


def _damage(raw: bytearray, other: bytes, chance: random.Random) -> None:
    start = chance.randint(0, len(raw))
    end = min(len(raw), start + chance.choice((1, 1, 4, 40, 400)))
    match chance.randint(0, 6):
        case 0:
            raw[start:end] = bytes(chance.randrange(256) for _ in range(end - start))
        case 1:
            del raw[start:end]
        case 2:
            raw[start:start] = raw[start:end] * chance.randint(1, 20)
        case 3:
            cut = chance.randint(0, len(other))
            raw[start:end] = other[cut : cut + chance.randint(0, 2_000)]
        case 4:
            raw[start:start] = chance.choice(_PIECES)
        case 5:
            raw[:] = raw.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n")))
        case _:
            del raw[start:]


if __name__ == "__main__":
    sys.exit(main())
