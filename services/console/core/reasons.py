"""Why nothing happens, or less than expected: found from what is stored, most general cause first (A012, A198, A210, A212)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from services.console.core.durations import span
from shared.domain.api_keys import warned_at

Level = Literal["fault", "warning", "note"]

# A beat comes every few seconds; after this long without one a process is gone, not slow.
ABSENT_AFTER = timedelta(minutes=2)
OLD_OUTBOX = timedelta(minutes=5)
PIPELINE = ("scheduler", "token_refresher", "fetcher", "classifier", "actions", "sender")
_MISSING = {
    "scheduler": "no mailbox is polled and no token refreshed; what is in the mailboxes stays there",
    "token_refresher": "tokens are refreshed by the polls themselves, so polls are slower",
    "fetcher": "no mail is taken out of mailboxes and none is tidied away",
    "classifier": "fetched mails wait, nothing is lost",
    "actions": "classified mails wait, nobody is blacklisted or unsubscribed",
    "sender": "send requests wait in their queues and accepted sends in PostgreSQL; nothing is lost",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that a person should know. `code` is stable for scripts; `fix` may be empty."""

    level: Level
    code: str
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class MailboxFacts:
    """What decides whether a mailbox works. `failure`: code, cause, fix of its key, token or connection.

    waiting_servers: names of servers that are inactive until a check of the mailbox passes.
    """

    email: str
    provider: str
    active_servers: int
    paused: bool
    dry_run: bool
    failure: Mapping[str, Any] | None
    throttled_until: datetime | None
    waiting_disposals: int = 0
    waiting_servers: Sequence[str] = ()
    delivery_servers: int = 0


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What decides whether a key works."""

    name: str
    provider: str
    owner: str | None
    secret_expires_on: date | None
    failure: Mapping[str, Any] | None
    new_secret_waits: bool = False
    new_secret_failure: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What decides whether a delivery server sends. reason: why it sends nothing now, '' if it may; until: None for a hold.

    waiting: due sends, counted up to a thousand. held: unknown sends that wait for a person.
    """

    name: str
    email: str
    reason: str
    detail: str
    until: datetime | None
    waiting: int
    held: int


@dataclass(frozen=True, slots=True)
class ConditionFacts:
    """A monitor's condition that can do nothing, and why."""

    monitor: str
    monitor_uid: str
    owner: str | None
    position: int
    why: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the reasons are found from. beats: service -> age of its youngest beat. depths: None if not asked."""

    now: datetime
    settings: Mapping[str, object]
    beats: Mapping[str, timedelta]
    mailboxes: Sequence[MailboxFacts]
    keys: Sequence[KeyFacts]
    dead_letters: int
    outbox_age: timedelta
    broker_down: bool = False
    held_bounces: int = 0
    open_holds: int = 0
    servers: Sequence[ServerFacts] = ()
    invalid_conditions: Sequence[ConditionFacts] = ()


def reasons(facts: Facts) -> list[Reason]:
    """All that stands in the way, the absent scheduler first."""
    return [
        *_services(facts),
        *_switches(facts),
        *_nothing_to_do(facts),
        *_keys(facts),
        *_mailboxes(facts),
        *_delivery_servers(facts),
        *_conditions(facts),
        *_messages(facts),
        *_held(facts),
    ]


def alive(beats: Mapping[str, timedelta], service: str) -> bool:
    """Whether an instance of a service was heard of lately."""
    return service in beats and beats[service] < ABSENT_AFTER


def _services(facts: Facts) -> list[Reason]:
    found = []
    for service in PIPELINE:
        if alive(facts.beats, service):
            continue
        seen = f"last seen {span(facts.beats[service])} ago" if service in facts.beats else "never seen"
        level: Level = "warning" if service == "token_refresher" else "fault"
        text = f"The {service} service is not running ({seen}): {_MISSING[service]}."
        found.append(Reason(level, f"{service}_absent", text, f"Start it: apiconnect run {service}."))
    if facts.broker_down:
        found.append(
            Reason(
                "fault",
                "broker_down",
                "RabbitMQ does not answer: work waits in PostgreSQL, nothing is lost.",
                "Start it.",
            )
        )
    return found


def _switches(facts: Facts) -> list[Reason]:
    found = []
    if not facts.settings.get("extension_enabled", True):
        fix = "Apply a document with settings: {extension_enabled: true}."
        found.append(Reason("fault", "extension_disabled", "Extension not enabled: nothing is polled.", fix))
    for provider in ("microsoft", "google"):
        concerned = [box.email for box in facts.mailboxes if box.provider == provider]
        if concerned and not facts.settings.get(f"{provider}_enabled", True):
            text = f"{provider} is switched off: {_names(concerned)} not polled. Keys and tokens are kept."
            fix = f"Apply a document with settings: {{{provider}_enabled: true}}."
            found.append(Reason("fault", f"{provider}_disabled", text, fix))
    return found


def _nothing_to_do(facts: Facts) -> list[Reason]:
    boxes = facts.mailboxes
    if not boxes:
        return [
            Reason("note", "no_mailbox", "Nothing to do: there is no server yet.", "Add one with apiconnect apply.")
        ]
    if not any(box.active_servers or box.waiting_servers or box.delivery_servers for box in boxes):
        return [
            Reason("fault", "no_active_server", "Nothing to do: no server is active.", "Set one to status: active.")
        ]
    if any(box.active_servers for box in boxes) and all(box.paused for box in boxes if box.active_servers):
        fix = "Go on with apiconnect mailbox resume EMAIL."
        return [Reason("fault", "all_paused", "Nothing to do: every mailbox is paused.", fix)]
    return []


def _keys(facts: Facts) -> list[Reason]:
    found = []
    for key in facts.keys:
        owner = key.owner or "system"
        if key.failure:
            text = f"Key {key.name} ({owner}) is refused: {_cause(key.failure)}"
            found.append(Reason("fault", "key_refused", text, str(key.failure.get("fix", ""))))
        if key.new_secret_failure:
            text = f"The new secret of key {key.name} ({owner}) is refused: {_cause(key.new_secret_failure)}"
            going = "" if key.failure else " The old one goes on."
            fix = f"{key.new_secret_failure.get('fix', '')} Then: apiconnect keys rotate-secret."
            found.append(Reason("fault", "new_secret_refused", text + going, fix))
        elif key.new_secret_waits:
            text = f"A new secret of key {key.name} ({owner}) waits until it has worked; the old one goes on."
            found.append(Reason("note", "new_secret_waits", text))
        found += _expiring(key, facts.now.date())
    return found


def _expiring(key: KeyFacts, today: date) -> list[Reason]:
    """30, 14 and 7 days before a secret ends (A015)."""
    expires_on, warned = key.secret_expires_on, warned_at(key.secret_expires_on, today)
    if expires_on is None or warned is None:
        return []
    name, left = f"key {key.name} ({key.owner or 'system'})", (expires_on - today).days
    if left < 0:
        text = f"The secret of {name} expired on {expires_on}."
        return [Reason("fault", "secret_expired", text, "Make a new one: apiconnect keys rotate-secret.")]
    when = "today" if left == 0 else "tomorrow" if left == 1 else f"in {left} days"
    text = f"The secret of {name} expires on {expires_on}, {when}."
    words = {30: "Make a new one in time", 14: "Make a new one soon", 7: "Make a new one now"}
    return [Reason("warning", "secret_expires", text, f"{words[warned.days]}: apiconnect keys rotate-secret.")]


def _mailboxes(facts: Facts) -> list[Reason]:
    found = []
    refused = {(key.provider, str(key.failure.get("code"))) for key in facts.keys if key.failure}
    for box in facts.mailboxes:
        if box.waiting_servers:
            verb = "are" if len(box.waiting_servers) > 1 else "is"
            text = f"{', '.join(box.waiting_servers)} ({box.email}) {verb} inactive until a check passes: {_cause(box.failure or {})}"
            fix = f"{(box.failure or {}).get('fix', '')} Then: apiconnect mailbox check {box.email}".strip()
            found.append(Reason("fault", "waits_for_check", text, fix))
        if not box.active_servers:
            continue
        if box.paused:
            found.append(Reason("note", "paused", f"{box.email} is paused.", f"apiconnect mailbox resume {box.email}"))
        if box.failure and (box.provider, str(box.failure.get("code"))) not in refused:
            text = f"{box.email} is not connected: {_cause(box.failure)}"
            found.append(Reason("fault", "not_connected", text, str(box.failure.get("fix", ""))))
        if box.dry_run:
            text = f"{box.email} is in dry run: bounces are logged, nobody is blacklisted, nothing is removed."
            found.append(Reason("note", "dry_run", text, f"apiconnect mailbox dry-run {box.email} --off"))
        if box.throttled_until is not None:
            text = f"{box.email} was throttled by the provider; it goes on in {span(box.throttled_until - facts.now)}."
            found.append(Reason("note", "throttled", text))
    return found


# Why a delivery server holds its sends, and the fix.
_HELD = {
    "server_inactive": ("it is inactive", "Set it to status: active; a failed check says what to mend first."),
    "server_locked": ("it is locked", "Unlock it."),
    "not_connected": ("its mailbox is not connected", "Look at it: apiconnect mailbox check {email}."),
    "provider_disabled": ("its provider is switched off", "Apply a document that enables the provider."),
    "extension_disabled": (
        "the extension is not enabled",
        "Apply a document with settings: {{extension_enabled: true}}.",
    ),
    "type_not_allowed": ("its type is not allowed for the customer's group", "Allow the type for the group."),
    "key_refused": ("its key is refused", "Look at it: apiconnect keys list."),
    "permission_missing": ("its key may not send", "Give the key the permission to send; it is tried again hourly."),
}


def _delivery_servers(facts: Facts) -> list[Reason]:
    """A server that holds its sends, or waits; and sends that only a person can decide about."""
    found = []
    for server in facts.servers:
        who = f"{server.name} ({server.email})"
        many = f"{server.waiting}{' or more' if server.waiting >= 1000 else ''}"
        if server.reason in _HELD:
            why, fix = _HELD[server.reason]
            level: Level = "fault" if server.waiting else "note"
            text = f"Delivery server {who} sends nothing: {why}. {many} sends wait, none is lost."
            found.append(Reason(level, f"sends_held_{server.reason}", text, fix.format(email=server.email)))
        elif server.reason and server.until is not None and server.waiting:
            said = f" {server.detail}" if server.detail else ""
            text = f"{many} sends of {who} wait for {span(server.until - facts.now)} ({server.reason}).{said}"
            found.append(Reason("note", f"sends_wait_{server.reason}", text))
        if server.held:
            text = f"{server.held} sends of {who} may have left or not, and its key may not look into Sent Items."
            fix = "Look there, then: apiconnect sends resolve UID --sent, --resend or --fail."
            found.append(Reason("fault", "sends_unknown", text, fix))
    return found


def _conditions(facts: Facts) -> list[Reason]:
    """Conditions whose target was deleted: never silently another action (A159)."""
    return [
        Reason(
            "warning",
            "condition_invalid",
            f"Condition {one.position} of monitor {one.monitor} ({one.owner or 'operator'}) is invalid: {one.why}. "
            "It takes its turn and does nothing.",
            f"Name another target or take it out; look at it: apiconnect monitors show {one.monitor_uid}.",
        )
        for one in facts.invalid_conditions
    ]


def _messages(facts: Facts) -> list[Reason]:
    found = []
    if facts.dead_letters:
        text = f"{facts.dead_letters} dead letter{'s' if facts.dead_letters > 1 else ''} wait for a decision."
        found.append(Reason("fault", "dead_letters", text, "Look at them: apiconnect dead-letters list."))
    if facts.outbox_age > OLD_OUTBOX:
        text = f"Messages have waited in the outbox for {span(facts.outbox_age)}: the broker does not take them."
        found.append(Reason("fault", "outbox_old", text, "Look at RabbitMQ, and whether the scheduler runs."))
    return found


def _held(facts: Facts) -> list[Reason]:
    if not facts.held_bounces and not facts.open_holds:
        return []
    many = facts.held_bounces != 1
    text = (
        f"{facts.held_bounces} hard bounce{'s are' if many else ' is'} held by the blast guard: their addresses are not "
        "blacklisted until a person decides."
    )
    fix = "Look at them: apiconnect bounces held list; then bounces held release or discard."
    return [Reason("warning", "bounces_held", text, fix)]


def _cause(failure: Mapping[str, Any]) -> str:
    code = f" [{failure['code']}]" if failure.get("code") else ""
    return f"{str(failure.get('cause', 'refused')).rstrip('.')}{code}."


def _names(emails: Sequence[str]) -> str:
    shown = ", ".join(emails[:3])
    more = len(emails) - 3
    return f"{shown} and {more} more are" if more > 0 else f"{shown} {'are' if len(emails) > 1 else 'is'}"
