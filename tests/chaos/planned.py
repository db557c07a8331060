"""What an integration asks for in a run, and what people answer: pure, from one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from random import Random
from typing import Any

CUSTOMER = "birch"
BUYERS, WRITERS = "birch-buyers", "birch-writers"
# The simulator answers mail to this domain with a report.
BOUNCES_AT = "gone.example"
# A Gmail mailbox sends and looks for what is unknown within 6,000 units a minute: it takes more of them.
BOXES = {"microsoft": 4, "google": 8}
BACKEND, CUSTOMERS = "Backend, answers", "Birch, answers"
_FOOTER = "You get this mail because you read our news. To unsubscribe me and you: https://mail.birch.example/u/0"
_QUOTED = f"\n\nOn Fri, Nov 20, 2026 at 9:00 AM Birch wrote:\n> Dear reader, here is the news.\n> {_FOOTER}\n"


@dataclass(frozen=True, slots=True)
class SendingBox:
    """A mailbox that mail is sent from. A bounce server looks into each, and a monitor into those that have one."""

    provider: str
    address: str
    key: str
    monitor: str = ""

    @property
    def server(self) -> str:
        """The delivery server's uid."""
        return f"from-{self.address}"


@dataclass(frozen=True, slots=True)
class PlannedSend:
    """One request, and when it is published. twice: a second time later. conflicts: another mail comes under the same key."""

    at: float
    key: str
    to: str
    server: str
    twice_at: float | None
    conflicts: bool

    @property
    def bounces(self) -> bool:
        """Whether a report comes back."""
        return self.to.endswith(BOUNCES_AT)

    def request(self) -> dict[str, Any]:
        """As it is published. Its subject is its key: by that it is counted when it leaves."""
        return {
            "idempotency_key": self.key, "to": [{"email": self.to}], "subject": self.key, "server": self.server,
            "text": f"Thank you for your order {self.key}.", "list": BUYERS,
        }  # fmt: skip

    def conflicting(self) -> dict[str, Any]:
        """Another mail under the same key: it must be refused, and never leave."""
        return {**self.request(), "subject": f"{self.key}, another"}


@dataclass(frozen=True, slots=True)
class PlannedReply:
    """What somebody writes. effect: what the mailbox's monitor must log, None for nothing. status: the writer's in the end."""

    number: int
    at: float
    box: SendingBox
    sender: str
    text: str
    effect: str | None
    status: str | None
    machine: bool = False

    def mime(self) -> bytes:
        """The mail."""
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = self.box.address
        mail["Subject"] = "Automatic reply: News" if self.machine else "Re: News"
        mail["Message-ID"] = f"<answer-{self.number}@writers.example>"
        if self.machine:
            mail["Auto-Submitted"] = "auto-replied"
        mail.set_content(self.text)
        return mail.as_bytes()


# (text, what the monitor logs, the writer's status in the end, whether a machine writes)
_REPLIES: Sequence[tuple[str, str | None, str | None, bool]] = (
    ("Please unsubscribe me, I have moved.\n\nRose" + _QUOTED, "done", "unsubscribed", False),
    ("STOP", "done", "blacklisted", False),
    ("Great news, thank you!" + _QUOTED, None, "confirmed", False),
    ("I am away until Monday. Please do not unsubscribe me.", None, "confirmed", True),
    ("Do you ship to Norway?", None, "confirmed", False),
    ("unsubscribe me", "no_subscriber", None, False),
)


def sending_boxes() -> list[SendingBox]:
    """Of both providers. The first of each has a monitor: the operator's, and the customer's own."""
    keys = {"microsoft": ("system-microsoft", BACKEND), "google": ("birch-google", CUSTOMERS)}
    return [
        SendingBox(provider, f"news{number}@{provider}.birch.example", key, monitor if number == 0 else "")
        for provider, (key, monitor) in keys.items()
        for number in range(BOXES[provider])
    ]


def plan_sends(seed: int, count: int, window: float) -> list[PlannedSend]:
    """One in six bounces, one in ten is published twice, one in ten has a rival under its key."""
    chance = Random(f"sends {seed}")
    servers = [box.server for box in sending_boxes()]
    return [_send(chance, number, servers, window) for number in range(count)]


def _send(chance: Random, number: int, servers: Sequence[str], window: float) -> PlannedSend:
    domain = BOUNCES_AT if number % 6 == 0 else "buyers.example"
    at = chance.uniform(0, window * 0.9)
    twice_at = chance.uniform(at, window) if number % 10 == 1 else None
    return PlannedSend(
        at, f"order-{number:04d}", f"buyer{number}@{domain}", servers[number % len(servers)], twice_at, number % 10 == 2
    )


def plan_replies(seed: int, count: int, window: float) -> list[PlannedReply]:
    """Every sort in turn, to both monitors, in the order of their times."""
    chance = Random(f"replies {seed}")
    watched = [box for box in sending_boxes() if box.monitor]
    moments = sorted(chance.uniform(0, window * 0.9) for _ in range(count))
    made = []
    for number, at in enumerate(moments):
        text, effect, status, machine = _REPLIES[number // len(watched) % len(_REPLIES)]
        box = watched[number % len(watched)]
        made.append(PlannedReply(number, at, box, f"writer{number}@writers.example", text, effect, status, machine))
    return made


def document(sends: Sequence[PlannedSend], replies: Sequence[PlannedReply]) -> dict[str, Any]:
    """Lists, delivery servers, bounce servers and monitors, as an operator would have written them."""
    return {
        "lists": [
            {"uid": BUYERS, "customer": CUSTOMER, "name": "Buyers", "subscribers": [one.to for one in sends]},
            {
                "uid": WRITERS, "customer": CUSTOMER, "name": "Writers",
                "subscribers": [one.sender for one in replies if one.status is not None],
            },
        ],
        "delivery_servers": [_owned(box) | {"uid": box.server} for box in sending_boxes()],
        "bounce_servers": [_owned(box) | {"poll_minutes": 1, "disposal": "trash"} for box in sending_boxes()],
        "monitors": [_monitor(box) for box in sending_boxes() if box.monitor],
    }  # fmt: skip


def _owned(box: SendingBox) -> dict[str, Any]:
    named: Mapping[str, Any] = {"provider": box.provider, "email": box.address, "key": box.key}
    return {**named, "name": box.address, "customer": CUSTOMER}


def _monitor(box: SendingBox) -> dict[str, Any]:
    conditions = [
        {"value": "STOP", "operator": "equals", "action": "blacklist"},
        {"value": "unsubscribe me", "action": "unsubscribe", "ignore_case": True},
    ]
    monitor = _owned(box) | {"name": box.monitor, "conditions": conditions, "poll_minutes": 1}
    if box.monitor == BACKEND:
        del monitor["customer"]
        return monitor
    return monitor | {"blacklist_scope": "customer", "disposal": "trash"}
