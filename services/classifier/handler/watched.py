"""Child processes that read mail, and a watchdog that ends one which takes too long.

A thread can't be stopped and a signal can't interrupt a regular expression, so the limit is kept by killing the
process.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.context import SpawnContext
from multiprocessing.util import Finalize
from typing import Any, Generic, Protocol, Self, TypeVar

from services.classifier.core.own_rules import Source
from shared.domain.bounces import BounceClass, MailFinding, MailKind
from shared.messaging import collecting

Classify = Callable[[bytes], MailFinding]


class Job(Protocol):
    """Work for a child. Its length is the bytes to read."""

    def __len__(self) -> int: ...


J = TypeVar("J", bound=Job)
F = TypeVar("F")

SHIPPED = "services.classifier.handler.watched:shipped_classifier"
BATCH_MAILS = 64
BATCH_BYTES = 2_000_000
START_SECONDS = 30.0


def shipped_classifier(own: tuple[Source, ...] = ()) -> tuple[Classify, str]:
    """What a child runs by default: the shipped rules with an operator's around them, and the version of both."""
    from services.classifier.core.own_rules import with_own
    from services.classifier.core.reading import classify
    from services.classifier.handler.own_rules import own_rules
    from services.classifier.settings import shipped_rules

    rules = with_own(shipped_rules(), own_rules(own))
    return (lambda raw: classify(raw, rules)), rules.version


class Watched(ABC, Generic[J, F]):
    """A pool of child processes that read mails, each within a wall-clock limit.

    processes: children; they start at the first use. limit_seconds: per mail; a child over it is killed and replaced,
    and that mail is `unfinished`. A mail on which a child dies by itself is tried once more alone, then unfinished too.
    factory: import path `module:function` of what gives (work, rules version) in the child.
    Safe to use from several threads: each call takes turns. Use as a context manager, or call `close`.
    """

    factory = ""

    def __init__(self, processes: int = 1, limit_seconds: float = 2.0, factory: str | None = None) -> None:
        if processes < 1 or limit_seconds <= 0:
            raise ValueError("processes and limit_seconds must be above zero")
        self._context = multiprocessing.get_context("spawn")
        self._limit = limit_seconds
        self._factory = factory or self.factory
        self._processes = processes
        self._children: list[_Child] = []
        self._lock = threading.Lock()
        self._closed = False
        self._own: tuple[Source, ...] = ()
        # Before multiprocessing joins its children at exit: these ignore its SIGTERM, and leave when their pipe closes.
        Finalize(self, _end_all, args=(self._children,), exitpriority=10)

    @abstractmethod
    def unfinished(self, version: str, note: str) -> F:
        """What stands for a mail that could not be read. version: of the rules."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Starts a child now and does not wait for it, so that the first batch waits less."""
        with self._lock:
            if not self._closed:
                self._fill(_Run((), self._limit, self.unfinished))

    def read_many(self, raws: Sequence[J]) -> list[F]:
        """One finding per mail, in order. Raises RuntimeError if closed, or if a child can't be started at all."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the classifier is closed")
            run = _Run(raws, self._limit, self.unfinished)
            while run.open_work():
                self._fill(run)
                self._collect(run)
            return run.findings()

    def use(self, own: tuple[Source, ...]) -> None:
        """From the next mail on, the operator's rules in `own`, which the caller has checked."""
        with self._lock:
            self._own = own

    def close(self) -> None:
        """Ends the children. What is under way in another thread is finished first. May be called twice."""
        with self._lock:
            self._closed = True
            _end_all(self._children)

    def _fill(self, run: _Run[J, F]) -> None:
        while len(self._children) < min(self._processes, max(1, run.pending())):
            self._children.append(_Child(self._context, self._factory, self._limit, self._own))
        for child in self._children:
            if child.idle and run.pending():
                child.use(self._own)
                batch = run.take(len(self._children))
                child.send(batch, [run.raws[place] for place in batch])

    def _collect(self, run: _Run[J, F]) -> None:
        busy = [child for child in self._children if not child.idle]
        now = time.monotonic()
        left = min(child.deadline(self._limit, now) for child in busy) - now
        ready = wait_for([child.pipe for child in busy], timeout=max(0.0, left))
        for child in busy:
            if child.pipe in ready:
                if not child.receive(run):
                    self._replace(child, run, run.died)
            elif child.deadline(self._limit, time.monotonic()) <= time.monotonic():
                self._replace(child, run, run.timed_out)

    def _replace(self, child: _Child, run: _Run[J, F], verdict: Callable[[int, str], None]) -> None:
        """Kills a child, files the mail it was at, and hands back the rest of its batch."""
        child.kill()
        self._children.remove(child)
        if not child.started:
            raise RuntimeError(f"a classifier process ended before it was ready ({self._factory})")
        place, others = child.under_way()
        verdict(place, child.version)
        run.put_back(others)


class WatchedClassifier(Watched[bytes, MailFinding]):
    """Children that classify."""

    factory = SHIPPED

    def unfinished(self, version: str, note: str) -> MailFinding:
        return MailFinding(BounceClass.NONE, MailKind.UNREADABLE, version, note=note)

    def classify_many(self, raws: Sequence[bytes]) -> list[MailFinding]:
        """See read_many."""
        return self.read_many(raws)


class _Run(Generic[J, F]):
    """One call's mails: what is waiting, what is found, what has been tried twice."""

    def __init__(self, raws: Sequence[J], limit: float, unfinished: Callable[[str, str], F]) -> None:
        self.raws = raws
        self._unfinished = unfinished
        self._limit = limit
        self._waiting = deque(range(len(raws)))
        self._alone: deque[int] = deque()
        self._found: dict[int, F] = {}
        self._died: set[int] = set()

    def open_work(self) -> bool:
        return len(self._found) < len(self.raws)

    def pending(self) -> int:
        return len(self._waiting) + len(self._alone)

    def take(self, sharers: int) -> list[int]:
        """The places of the next batch: a fair share, within the batch's limits; a suspect mail goes alone."""
        if self._alone:
            return [self._alone.popleft()]
        most = min(BATCH_MAILS, -(-len(self._waiting) // sharers))
        batch = [self._waiting.popleft()]
        size = len(self.raws[batch[0]])
        while self._waiting and len(batch) < most and size + len(self.raws[self._waiting[0]]) <= BATCH_BYTES:
            batch.append(self._waiting.popleft())
            size += len(self.raws[batch[-1]])
        return batch

    def put_back(self, places: list[int]) -> None:
        self._waiting.extendleft(reversed(places))

    def found(self, place: int, finding: F) -> None:
        self._found[place] = finding

    def timed_out(self, place: int, version: str) -> None:
        self._unreadable(place, version, f"took longer than {self._limit:g} s")

    def died(self, place: int, version: str) -> None:
        if place in self._died:
            self._unreadable(place, version, "ended the process that read it, twice")
        else:
            self._died.add(place)
            self._alone.append(place)

    def _unreadable(self, place: int, version: str, note: str) -> None:
        self._found[place] = self._unfinished(version, note)

    def findings(self) -> list[F]:
        return [self._found[place] for place in range(len(self.raws))]


class _Child:
    """One process, its pipe, and two shared numbers:

    how many mails of the batch are done, and since when it is at the next.
    """

    def __init__(self, context: SpawnContext, factory: str, limit: float, own: tuple[Source, ...]) -> None:
        self.pipe, theirs = context.Pipe()
        self._progress = context.RawArray("d", 2)
        self._process = context.Process(
            target=_serve, args=(theirs, self._progress, factory, limit, own), name="classify", daemon=True
        )
        self._begun = time.monotonic()
        self._process.start()
        theirs.close()
        self.started = False
        self.version = ""
        self._own = own
        self._batch: list[int] = []

    @property
    def idle(self) -> bool:
        return self.started and not self._batch

    def use(self, own: tuple[Source, ...]) -> None:
        """Has the child compile other rules, if it has not got these. It answers with their version."""
        if own != self._own:
            self._own = own
            with suppress(OSError):  # dead already: `receive` sees the pipe's end
                self.pipe.send(own)

    def send(self, places: list[int], raws: Sequence[Any]) -> None:
        self._batch = places
        self._progress[:] = [0.0, time.monotonic()]
        with suppress(OSError):  # dead already: `receive` sees the pipe's end
            self.pipe.send(raws)

    def deadline(self, limit: float, now: float) -> float:
        """When the mail that the child is at has had its time (monotonic clock, which all processes share)."""
        return (self._progress[1] or now) + limit if self.started else self._begun + START_SECONDS

    def receive(self, run: _Run[Any, Any]) -> bool:
        """Takes what the child has sent; False if it is dead."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            return False
        if isinstance(answer, str):
            self.started, self.version = True, answer
            self._progress[1] = time.monotonic()
        else:
            for place, finding in zip(self._batch, answer, strict=True):
                run.found(place, finding)
            self._batch = []
        return True

    def under_way(self) -> tuple[int, list[int]]:
        """The mail the child was at, and the others of its batch: what was done of them is lost with the child."""
        at = min(int(self._progress[0]), len(self._batch) - 1)
        return self._batch[at], self._batch[:at] + self._batch[at + 1 :]

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self.pipe.close()

    def end(self) -> None:
        """Lets the child leave by closing its pipe; kills it if it does not."""
        self.pipe.close()
        self._process.join(timeout=1.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _end_all(children: list[_Child]) -> None:
    for child in children:
        child.end()
    children.clear()


def _serve(pipe: Connection, progress: Any, factory: str, limit: float, own: tuple[Source, ...]) -> None:
    """The child: reads batches (lists) and rules (tuples) until the pipe closes, which it also does when the parent dies.

    Signals are the parent's business: a Ctrl-C reaches the whole group, and the batch under way is to be finished.
    The alarm is for a parent that died: the kernel then ends a child that hangs in a mail, with nobody left to kill it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    module, _, name = factory.partition(":")
    make = getattr(import_module(module), name)
    classify, version = make(own)
    collecting.spare()  # the compiled rules
    try:
        pipe.send(version)
        while True:
            raws = pipe.recv()
            if isinstance(raws, tuple):
                classify, version = make(raws)
                pipe.send(version)
                continue
            found = []
            for done, raw in enumerate(raws):
                progress[0], progress[1] = done, time.monotonic()
                signal.setitimer(signal.ITIMER_REAL, 2 * limit + 1)
                found.append(classify(raw))
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send(found)
    except (EOFError, OSError):
        return
