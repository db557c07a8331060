"""What happens in a run, and when: pure, from one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from services.demo.core.planting import PlannedMailbox

SERVICES = ("scheduler", "token_refresher", "fetcher", "classifier", "actions", "sender")
REPLICAS = 2
# Which answer the providers give instead of the right one, and whether they do the work first. Of 100 calls, five.
FAULTS = (
    ("429", False), ("503", False), ("504", False), ("503", True), ("504", True), ("cut", False), ("cut", True),
)  # fmt: skip
FAULT_SHARE = 0.05
_KEYS = {
    ("microsoft", "acme"): "acme-microsoft",
    ("microsoft", "birch"): "system-microsoft",
    ("google", "acme"): "system-google",
    ("google", "birch"): "birch-google",
}
_DISPOSALS = {"microsoft": ("trash", "move", "delete"), "google": ("trash", "delete", "mark_read")}


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL for one process; it is started again `back_after` seconds later."""

    at: float
    name: str
    back_after: float


@dataclass(frozen=True, slots=True)
class ServerFault:
    """What is done to a server, one after another: a later one waits for an earlier one to end."""

    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Mails first to `to` (not included) are planted."""

    at: float
    first: int
    to: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """How much of everything. Times in seconds.

    window: in which all faults come. quiet: how long after it everything may take to come to rest.
    hurry: when the faults are over, waits are cut short by turning the clock of the rows, not by waiting.
    server_faults: broker_restart, broker_wipe, database_restart, database_freeze, as often as each is to come.
    sends, replies: how many. late_most: Sent Items shows a mail after up to so long.
    """

    seed: int
    mails: int
    mailboxes_each: int
    kills: int
    window: float
    quiet: float
    server_faults: tuple[str, ...]
    sends: int
    replies: int
    late_most: float = 8.0
    freeze: float = 20.0
    overdue: float = 20.0
    hurry: bool = False
    portions: int = 12

    def schedule(self) -> tuple[list[Kill], list[ServerFault], list[Portion]]:
        """Every service is killed as often as the others (give or take one), at random moments."""
        chance = Random(self.seed)
        services = [SERVICES[number % len(SERVICES)] for number in range(self.kills)]
        chance.shuffle(services)
        moments = sorted(chance.uniform(2, self.window) for _ in services)
        kills = [
            Kill(at, f"{service}-{chance.randint(1, REPLICAS)}", chance.uniform(0.3, 3))
            for at, service in zip(moments, services, strict=True)
        ]
        whats = list(self.server_faults)
        chance.shuffle(whats)
        part = self.window / max(1, len(whats))
        faults = [ServerFault(part * (n + chance.uniform(0.1, 0.4)), what) for n, what in enumerate(whats)]
        return kills, faults, self._portions()

    def _portions(self) -> list[Portion]:
        """A third at once, the rest bit by bit, so that there is work in hand whenever a fault comes."""
        begin = self.mails // 3
        rest, last = self.mails - begin, self.window * 0.8
        cuts = [begin + rest * n // self.portions for n in range(self.portions + 1)]
        later = [Portion(last * (n + 1) / self.portions, first, to) for n, (first, to) in enumerate(pairwise(cuts))]
        return [Portion(0, 0, begin), *later]

    def mailboxes(self) -> list[PlannedMailbox]:
        """Of both customers, every way to tidy up, opened by customers' keys and by system keys."""
        return [
            _mailbox(provider, number) for provider in ("microsoft", "google") for number in range(self.mailboxes_each)
        ]


def _mailbox(provider: str, number: int) -> PlannedMailbox:
    customer = ("acme", "birch")[number % 2]
    disposal = _DISPOSALS[provider][number % 3]
    move_to = "Processed" if disposal == "move" else None
    address = f"bounces{number}@{provider}.{customer}.example"
    return PlannedMailbox(provider, address, customer, _KEYS[provider, customer], disposal, move_to)


def full(seed: int, mails: int) -> Scenario:
    """What `make chaos` does."""
    servers = ("broker_restart", "broker_restart", "broker_wipe", "database_restart", "database_freeze")
    return Scenario(
        seed,
        mails,
        mailboxes_each=10,
        kills=36,
        window=120,
        quiet=300,
        server_faults=servers,
        sends=max(60, mails * 6 // 100),
        replies=max(24, mails // 50),
    )


def short(seed: int) -> Scenario:
    """What the test suite does."""
    wipe = ("broker_wipe",)
    return Scenario(
        seed,
        300,
        mailboxes_each=3,
        kills=6,
        window=12,
        quiet=100,
        server_faults=wipe,
        sends=40,
        replies=24,
        late_most=4,
        overdue=5,
        portions=3,
        hurry=True,
    )


def replica_names() -> Sequence[str]:
    """fetcher-1, fetcher-2 and so on; the scheduler comes last, when the others are there to listen."""
    return [f"{service}-{number}" for service in reversed(SERVICES) for number in range(1, REPLICAS + 1)]
