"""Benchmark 8: how fast the person's words are found in replies, and what texts made to cost time can cost.

No server is needed. Times are of the processor, so that other work on the machine is not charged; a rate is the median of
the passes, a hostile text's time its best of three.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench.results import Figure, Result, at_least, at_most
from shared.mail.replies import reply_in_html, reply_in_mail, reply_in_text
from tests.hostile_replies import HOSTILE_HTML, HOSTILE_TEXTS

NAME = "replies"
PASSES = 5
ROUNDS = 5  # over the samples in one pass
LEAST_A_SECOND = 2_500
MOST_MS = 250
SAMPLES = Path(__file__).parents[1] / "tests" / "mails" / "replies"
SENT = "Hello Anna,\n\nour autumn sale has begun: 30 % off all boots.\n\nUnsubscribe: https://shop.example/u/k3f9\n"


def run(tell: Callable[[str, int, int], None]) -> Result:
    """Reads the sample replies and the hostile texts."""
    mails = [path.read_bytes() for path in sorted(SAMPLES.glob("*.eml"))]
    result = Result(NAME, f"Replies: what the person wrote, {len(mails)} sample mails, one core")
    result.figures.append(at_least("replies_per_second", _rate(mails, "", tell), "replies/s", LEAST_A_SECOND))
    result.figures.append(Figure("with_the_sent_mail_known", _rate(mails, SENT, tell), "replies/s"))
    times = {f"text_{name}": _best(reply_in_text, make()) for name, make in HOSTILE_TEXTS.items()}
    tell("hostile texts", 1, 2)
    times |= {f"html_{name}": _best(reply_in_html, make()) for name, make in HOSTILE_HTML.items()}
    tell("hostile texts", 2, 2)
    worst = max(times, key=lambda name: times[name])
    result.figures.append(at_most("worst_hostile_text", times[worst], "ms", MOST_MS))
    result.figures += [Figure(name, value, "ms") for name, value in times.items()]
    result.notes.append(f"the worst of {len(times)} hostile texts of 0.4 to 5 MB is {worst}")
    return result


def _rate(mails: list[bytes], sent: str, tell: Callable[[str, int, int], None]) -> float:
    rates = []
    for number in range(PASSES):
        start = time.process_time()
        for _ in range(ROUNDS):
            for mail in mails:
                reply_in_mail(mail, sent=sent)
        rates.append(ROUNDS * len(mails) / (time.process_time() - start))
        tell("replies with the sent mail" if sent else "replies", number + 1, PASSES)
    return statistics.median(rates)


def _best(read: Callable[[str], object], text: str) -> float:
    times = []
    for _ in range(3):
        start = time.process_time()
        read(text)
        times.append(time.process_time() - start)
    return min(times) * 1_000
