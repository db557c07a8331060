"""The watchdog: a mail that takes too long or ends its process costs that mail alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.classifier.handler.watched import WatchedClassifier
from shared.domain.bounces import BounceClass, MailKind

ROOT = Path(__file__).parents[5]
STAND_INS = "tests.unit.services.classifier.handler.stand_ins"
BOUNCE = (
    b'Return-Path: <>\nFrom: mailer-daemon@example.org\nContent-Type: multipart/report; boundary="b"\n\n'
    b"--b\nContent-Type: message/delivery-status\n\n"
    b"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b.example\nAction: failed\n"
    b"Status: 5.1.1\nDiagnostic-Code: smtp; 550 user unknown\n--b--\n"
)


@pytest.fixture(autouse=True)
def _children_can_import_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def pid_of(note: str) -> int:
    return int(note.split()[-1])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def until(claim: Callable[[], bool], seconds: float = 30.0) -> bool:
    event, end = threading.Event(), time.monotonic() + seconds
    while not claim() and time.monotonic() < end:
        event.wait(0.02)
    return claim()


def test_mails_come_back_classified_and_in_order() -> None:
    with WatchedClassifier(processes=2) as classifier:
        found = classifier.classify_many([BOUNCE, b"", BOUNCE] * 50)
    assert [one.kind for one in found] == [MailKind.DSN, MailKind.UNREADABLE, MailKind.DSN] * 50
    assert found[0].bounce_class is BounceClass.HARD


def test_a_child_that_was_started_early_takes_the_first_mails() -> None:
    with WatchedClassifier() as classifier:
        classifier.start()
        early = [child.pid for child in multiprocessing.active_children()]
        assert classifier.classify_many([BOUNCE])[0].bounce_class is BounceClass.HARD
        assert [child.pid for child in multiprocessing.active_children()] == early
    assert len(early) == 1


def test_a_closed_classifier_starts_nothing() -> None:
    classifier = WatchedClassifier()
    classifier.close()
    classifier.start()
    assert multiprocessing.active_children() == []


def test_no_mails_is_no_work() -> None:
    with WatchedClassifier() as classifier:
        assert classifier.classify_many([]) == []


def test_a_mail_over_its_time_is_unreadable_and_the_rest_goes_on() -> None:
    with WatchedClassifier(limit_seconds=0.3, factory=f"{STAND_INS}:misbehaving") as classifier:
        before = pid_of(classifier.classify_many([b"a"])[0].note)
        found = classifier.classify_many([b"a", b"hang", b"b", b"c"])
        assert not alive(before)
    assert [one.kind for one in found] == [MailKind.DSN, MailKind.UNREADABLE, MailKind.DSN, MailKind.DSN]
    assert found[1].bounce_class is BounceClass.NONE
    assert found[1].note == "took longer than 0.3 s"
    assert found[1].rule_set == "test"


def test_a_slow_mail_ends_on_time_not_after_the_batch() -> None:
    with WatchedClassifier(limit_seconds=0.3, factory=f"{STAND_INS}:misbehaving") as classifier:
        classifier.classify_many([b"a"])
        begun = time.monotonic()
        classifier.classify_many([b"hang"])
        assert 0.3 <= time.monotonic() - begun < 0.3 + 0.5


def test_a_mail_that_ends_its_process_is_tried_again_once(tmp_path: Path) -> None:
    with WatchedClassifier(factory=f"{STAND_INS}:misbehaving") as classifier:
        once = f"once {tmp_path / 'mark'}".encode()
        found = classifier.classify_many([b"a", once, b"die", b"b"])
    assert [one.kind for one in found] == [MailKind.DSN, MailKind.DSN, MailKind.UNREADABLE, MailKind.DSN]
    assert found[2].note == "ended the process that read it, twice"


def test_a_child_killed_from_outside_is_replaced() -> None:
    with WatchedClassifier(factory=f"{STAND_INS}:misbehaving") as classifier:
        pid = pid_of(classifier.classify_many([b"a"])[0].note)
        os.kill(pid, signal.SIGKILL)
        assert pid_of(classifier.classify_many([b"b"])[0].note) != pid


def test_children_leave_signals_to_the_parent() -> None:
    with WatchedClassifier(factory=f"{STAND_INS}:misbehaving") as classifier:
        pid = pid_of(classifier.classify_many([b"a"])[0].note)
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
        assert pid_of(classifier.classify_many([b"b"])[0].note) == pid


def test_closing_ends_the_children_and_a_closed_one_refuses_work() -> None:
    classifier = WatchedClassifier(factory=f"{STAND_INS}:misbehaving")
    pid = pid_of(classifier.classify_many([b"a"])[0].note)
    classifier.close()
    classifier.close()
    assert not alive(pid)
    with pytest.raises(RuntimeError, match="closed"):
        classifier.classify_many([b"a"])


def test_threads_take_turns() -> None:
    with WatchedClassifier(factory=f"{STAND_INS}:misbehaving") as classifier:
        found: dict[int, list[str]] = {}

        def work(number: int) -> None:
            found[number] = [one.note.split()[0] for one in classifier.classify_many([f"{number}".encode()] * 20)]

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {number: [str(number)] * 20 for number in range(4)}


def test_a_child_that_cannot_start_is_an_error_not_a_loop() -> None:
    with (
        WatchedClassifier(factory=f"{STAND_INS}:unusable") as classifier,
        pytest.raises(RuntimeError, match="before it was ready"),
    ):
        classifier.classify_many([b"a"])


@pytest.mark.parametrize("words", [b"a", b"hang"], ids=["idle child", "child in the middle of a mail"])
def test_children_end_when_the_parent_is_killed(words: bytes) -> None:
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from services.classifier.handler.watched import WatchedClassifier\n"
        "if __name__ == '__main__':\n"
        f"    c = WatchedClassifier(limit_seconds=0.5, factory='{STAND_INS}:misbehaving')\n"
        "    print(c.classify_many([b'a'])[0].note, flush=True)\n"
        f"    c.classify_many([{words!r}] * 1000000)\n"
    )
    script = [sys.executable, "-c", program]
    with subprocess.Popen(script, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = pid_of(parent.stdout.readline().decode())
        parent.kill()
    assert until(lambda: not alive(child))


def test_a_process_that_forgets_to_close_still_ends() -> None:
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from services.classifier.handler.watched import WatchedClassifier\n"
        "if __name__ == '__main__':\n"
        f"    c = WatchedClassifier(factory='{STAND_INS}:misbehaving')\n"
        "    print(c.classify_many([b'a'])[0].note, flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=20, check=True)
    assert not alive(pid_of(done.stdout.decode()))


@pytest.mark.parametrize(("processes", "limit"), [(0, 2.0), (1, 0.0)])
def test_a_pool_without_room_or_time_is_refused(processes: int, limit: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        WatchedClassifier(processes, limit)


RULES = (("rules.toml", '[[rule]]\nid = "mine"\nclass = "soft"\ntext = ["user unknown"]\n'),)


def test_a_running_child_takes_other_rules_from_the_next_mail_on() -> None:
    with WatchedClassifier() as classifier:
        assert classifier.classify_many([BOUNCE])[0].rule == "dsn.user-unknown"
        classifier.use(RULES)
        after = classifier.classify_many([BOUNCE] * 3)
        classifier.use(())
        back = classifier.classify_many([BOUNCE])[0]
    assert {one.rule for one in after} == {"own.mine"}
    assert "+own-" in after[0].rule_set
    assert (back.rule, "+own-" in back.rule_set) == ("dsn.user-unknown", False)


def test_a_child_that_replaces_a_killed_one_has_the_rules_in_force() -> None:
    with WatchedClassifier() as classifier:
        classifier.use(RULES)
        classifier.classify_many([BOUNCE])
        (child,) = multiprocessing.active_children()
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        found = classifier.classify_many([BOUNCE, BOUNCE])
    assert {one.rule for one in found} == {"own.mine"}
