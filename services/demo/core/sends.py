"""The demo's sends: what an integration asks for, and what must come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.demo.core.comparing import Line

INTEGRATION, CUSTOMER = "shop", "acme"
REQUESTS = 50
_BOUNCING = (3, 17, 28, 41)
_UNSUBSCRIBED, _NO_ADDRESS, _TWICE = 10, 20, 30


@dataclass(frozen=True, slots=True)
class Outbox:
    """A mailbox that sends: at one provider, by one key."""

    name: str
    provider: str
    address: str
    key: str


OUTBOXES = (
    Outbox("Orders", "microsoft", "orders@acme.example", "acme-microsoft"),
    Outbox("Receipts", "google", "receipts@acme.example", "system-google"),
)


@dataclass(frozen=True, slots=True)
class PlannedSend:
    """One request. states: every result that must come, and nothing else."""

    number: int
    recipient: str
    states: tuple[str, ...]
    reason: str | None = None

    @property
    def key(self) -> str:
        """The idempotency key."""
        return f"order-{self.number}"

    @property
    def times(self) -> int:
        """How often it is published."""
        return 2 if self.number == _TWICE else 1

    def request(self) -> dict[str, Any]:
        """What is published."""
        return {
            "idempotency_key": self.key,
            "server": f"outbox-{self.number % 2}",
            "to": [{"email": self.recipient}],
            "subject": "Order {{ order }} of [DS_FROM_NAME]",
            "text": "Dear {{ name }}, thank you for order {{ order }}.",
            "list": "acme-buyers",
            "merge": {"order": self.number, "name": f"buyer {self.number}"},
            "list_unsubscribe": "https://mail.acme.example/u/1",
        }


def _planned(number: int) -> PlannedSend:
    address = f"buyer{number}@example.com"
    if number == _UNSUBSCRIBED:
        return PlannedSend(number, address, ("rejected",), "suppressed")
    if number == _NO_ADDRESS:
        return PlannedSend(number, "buyer at example.com", ("rejected",), "invalid")
    states = ("accepted", "sent", "bounced") if number in _BOUNCING else ("accepted", "sent")
    return PlannedSend(number, address, states)


SENDS: tuple[PlannedSend, ...] = tuple(_planned(number) for number in range(REQUESTS))
BOUNCING: tuple[str, ...] = tuple(send.recipient for send in SENDS if "bounced" in send.states)


def document() -> dict[str, Any]:
    """The list of buyers and the delivery servers, as an operator would have written them."""
    buyers: list[Any] = [f"buyer{number}@example.com" for number in range(REQUESTS) if number != _UNSUBSCRIBED]
    buyers.append({"email": f"buyer{_UNSUBSCRIBED}@example.com", "status": "unsubscribed"})
    return {
        "lists": [{"uid": "acme-buyers", "customer": CUSTOMER, "name": "Buyers", "subscribers": buyers}],
        "delivery_servers": [
            {
                "uid": f"outbox-{number}",
                "name": outbox.name,
                "customer": CUSTOMER,
                "provider": outbox.provider,
                "email": outbox.address,
                "key": outbox.key,
                "from_name": f"Acme {outbox.name}",
                "hourly_quota": 1_000,
            }
            for number, outbox in enumerate(OUTBOXES)
        ],
    }


def bounce_servers() -> dict[str, Any]:
    """From when these are applied, what comes back to the sending mailboxes is read."""
    return {
        "bounce_servers": [
            {
                "name": f"Bounces of {outbox.name}",
                "customer": CUSTOMER,
                "provider": outbox.provider,
                "email": outbox.address,
                "key": outbox.key,
                "poll_minutes": 1,
            }
            for outbox in OUTBOXES
        ]
    }


@dataclass(frozen=True, slots=True)
class SendsOutcome:
    """What the integration was told (key -> states, repeats left out; how many repeats), what left, and who is blacklisted."""

    told: Mapping[str, Sequence[str]]
    reasons: Mapping[str, str]
    repeats: int
    left: Sequence[str]
    statuses: Mapping[str, str]


def compare_sends(outcome: SendsOutcome) -> tuple[list[Line], list[str]]:
    """The table of the sends, and a sentence for each that did not come out as planned."""
    planned = Counter(state for send in SENDS for state in send.states)
    actual = Counter(state for states in outcome.told.values() for state in states)
    left = Counter(outcome.left)
    wanted = [send.recipient for send in SENDS if "sent" in send.states]
    lines = [
        Line("requests published", sum(send.times for send in SENDS), len(SENDS) + outcome.repeats),
        *(
            Line(f"told {state}", planned[state], actual[state])
            for state in ("accepted", "rejected", "sent", "bounced")
        ),
        Line("left, as the providers saw it", len(wanted), sum(left.values())),
        Line("left twice", 0, sum(count - 1 for count in left.values() if count > 1)),
        Line("buyers blacklisted", len(BOUNCING), sum(outcome.statuses.get(a) == "blacklisted" for a in BOUNCING)),
    ]
    faults = []
    for send in SENDS:
        told = sorted(outcome.told.get(send.key, ()))
        if told != sorted(send.states):
            faults.append(f"{send.key}: told {told}, expected {sorted(send.states)}")
        if outcome.reasons.get(send.key) != send.reason:
            faults.append(f"{send.key}: reason {outcome.reasons.get(send.key)}, expected {send.reason}")
        if left[send.recipient] != ("sent" in send.states):
            faults.append(f"{send.key}: left {left[send.recipient]} times")
    return lines, faults
