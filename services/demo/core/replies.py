"""The demo's replies: what people answer, in three languages, what the monitors' conditions are, and what must come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from services.demo.core.comparing import Line

FOOTER = "You get this mail because you read our news. To unsubscribe me and you: https://mail.acme.example/u/0"
BACKEND, CUSTOMERS, TRIAL = "Backend", "Birch", "Birch, trial"


@dataclass(frozen=True, slots=True)
class ReplyMailbox:
    """A mailbox that monitors look into. `customer`: whose readers write there."""

    provider: str
    address: str
    customer: str
    key: str


ACME = ReplyMailbox("microsoft", "answers@acme.example", "acme", "system-microsoft")
BIRCH = ReplyMailbox("google", "hello@birch.example", "birch", "birch-google")
MAILBOXES = (ACME, BIRCH)


@dataclass(frozen=True, slots=True)
class PlannedReply:
    """What somebody writes. effects: monitor -> what it must log; none for a monitor that says nothing. status: in the end."""

    what: str
    mailbox: ReplyMailbox
    sender: str
    text: str
    effects: Mapping[str, str]
    status: str | None
    subject: str = "Re: News"
    headers: Mapping[str, str] | None = None

    def mime(self, number: int) -> bytes:
        """The mail. Its Message-ID is `reply-N@…`."""
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = self.mailbox.address
        mail["Subject"] = self.subject
        mail["Message-ID"] = message_id(number, brackets=True)
        for name, value in (self.headers or {}).items():
            mail[name] = value
        mail.set_content(self.text)
        return mail.as_bytes()


def message_id(number: int, *, brackets: bool = False) -> str:
    """Of a reply, by its place in the plan."""
    bare = f"reply-{number}@readers.example"
    return f"<{bare}>" if brackets else bare


def _quoted(attribution: str) -> str:
    return f"\n\n{attribution}\n> Dear reader, here is the news.\n> {FOOTER}\n"


REPLIES: tuple[PlannedReply, ...] = (
    PlannedReply(
        "asks in English", ACME, "rose@example.com",
        "Please unsubscribe me, I have moved.\n\nRose" + _quoted("On Fri, Nov 20, 2026 at 9:00 AM Acme <answers@acme.example> wrote:"),
        {BACKEND: "done"}, "unsubscribed",
    ),
    PlannedReply(
        "asks in German", ACME, "fritz@example.net",
        "Bitte vom Newsletter abmelden.\n\nViele Grüße\nFritz" + _quoted("Am 20.11.2026 um 09:00 schrieb Acme:"),
        {BACKEND: "done"}, "unsubscribed", "AW: News",
    ),
    PlannedReply(
        "asks in French", ACME, "claire@example.org",
        "Bonjour,\nmerci de me désabonner.\n\nClaire" + _quoted("Le ven. 20 nov. 2026 à 09:00, Acme a écrit :"),
        {BACKEND: "done"}, "unsubscribed",
    ),
    PlannedReply(
        "the operator's footer in the quoted part", ACME, "olga@example.com",
        "Great news, thank you!" + _quoted("On Fri, Nov 20, 2026 at 9:00 AM Acme <answers@acme.example> wrote:"),
        {}, "confirmed",
    ),
    PlannedReply(
        "out of office", ACME, "sven@example.net",
        "I am away until Monday. Please do not unsubscribe me.", {}, "confirmed",
        "Automatic reply: News", {"Auto-Submitted": "auto-replied"},
    ),
    PlannedReply(
        "asks from an address that nobody knows", ACME, "stranger@example.org",
        "unsubscribe me", {BACKEND: "no_subscriber"}, None,
    ),
    PlannedReply(
        "says STOP", BIRCH, "emil@example.com", "STOP", {CUSTOMERS: "done", TRIAL: "dry_run"}, "blacklisted",
    ),
    PlannedReply(
        "wants no Christmas mail", BIRCH, "gerda@example.net", "Nice, but please no Christmas mail any more.",
        {CUSTOMERS: "done", TRIAL: "dry_run"}, "confirmed",
    ),
    PlannedReply(
        "just writes", BIRCH, "hugo@example.org", "Do you ship to Norway?", {TRIAL: "dry_run"}, "confirmed",
    ),
)  # fmt: skip


def document() -> dict[str, Any]:
    """Lists, a campaign group and three monitors, as an operator would have written them."""
    readers = {m.customer: [r.sender for r in REPLIES if r.mailbox is m and r.status is not None] for m in MAILBOXES}
    lists = [
        {"uid": f"{customer}-writers", "customer": customer, "name": "Writers", "subscribers": addresses}
        for customer, addresses in readers.items()
    ]
    unsubscribe = [
        {"value": words, "action": "unsubscribe", "ignore_case": True}
        for words in ("unsubscribe me", "abmelden", "désabonner")
    ]
    return {
        "lists": lists,
        "campaign_groups": [{"uid": "birch-christmas", "customer": "birch", "name": "Christmas"}],
        "monitors": [
            _monitor(BACKEND, ACME, None, unsubscribe),
            _monitor(
                CUSTOMERS,
                BIRCH,
                "birch",
                [
                    {"value": "STOP", "operator": "equals", "action": "blacklist"},
                    {
                        "value": "no * mail",
                        "action": "stop_campaign_group",
                        "campaign_group": "birch-christmas",
                        "ignore_case": True,
                    },
                ],
                blacklist_scope="customer",
                disposal="trash",
            ),
            _monitor(TRIAL, BIRCH, "birch", [{"value": "*", "any_content": True, "action": "delete"}], dry_run=True),
        ],
    }


def _monitor(
    name: str, mailbox: ReplyMailbox, customer: str | None, conditions: Sequence[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    monitor = {
        "name": name, "provider": mailbox.provider, "email": mailbox.address, "key": mailbox.key,
        "conditions": list(conditions), "poll_minutes": 1, **more,
    }  # fmt: skip
    return monitor | ({"customer": customer} if customer else {})


@dataclass(frozen=True, slots=True)
class RepliesOutcome:
    """What PostgreSQL holds. effects: (monitor, sender) -> effect. statuses: address -> status. stops: of the group."""

    served: int
    effects: Mapping[tuple[str, str], str]
    statuses: Mapping[str, str]
    stops: int


def compare_replies(outcome: RepliesOutcome) -> tuple[list[Line], list[str]]:
    """The table of the replies, and a sentence for each that did not come out as planned."""
    wanted = {(monitor, reply.sender): effect for reply in REPLIES for monitor, effect in reply.effects.items()}
    planned, actual = Counter(wanted.values()), Counter(outcome.effects.values())
    statuses = Counter(reply.status for reply in REPLIES)
    ended = Counter(outcome.statuses.get(reply.sender) for reply in REPLIES)
    lines = [
        Line("replies read", len(REPLIES), outcome.served),
        *(Line(f"monitors: {effect.replace('_', ' ')}", planned[effect], actual[effect]) for effect in sorted(planned)),
        *(
            Line(f"writers {status}", statuses[status], ended[status])
            for status in ("unsubscribed", "blacklisted", "confirmed")
        ),
        Line("stopped for a campaign group", 1, outcome.stops),
    ]
    faults = []
    for reply in REPLIES:
        found = {monitor: effect for (monitor, sender), effect in outcome.effects.items() if sender == reply.sender}
        if found != dict(reply.effects):
            faults.append(f"reply of {reply.sender} ({reply.what}): {found}, expected {dict(reply.effects)}")
        if outcome.statuses.get(reply.sender) != reply.status:
            faults.append(
                f"{reply.sender} ({reply.what}) is {outcome.statuses.get(reply.sender)}, expected {reply.status}"
            )
    return lines, faults
