"""`status`."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from services.console.cli import screen
from services.console.cli.opening import FAULT_FOUND, opened_broker_if_set, opened_database
from services.console.cli.screen import Json
from services.console.core.durations import counted, relative, span
from services.console.core.reasons import PIPELINE, alive
from services.console.handler.places import PlaceSeen, look
from services.console.handler.status import Status, read_status
from shared.domain.monitor_words import EFFECTS
from shared.settings import PlaceSettings
from shared.storage.overview import MailboxLine


def status(as_json: Json = False) -> None:
    """Where everything stands, and why something does not go on. Exit code 1 if anything is at fault."""
    with opened_database() as database, opened_broker_if_set() as broker:
        found = read_status(database, broker.depths if broker else None)
    if as_json:
        screen.as_json(as_document(found) | {"places": look(PlaceSettings.read().places)})
    else:
        show(found)
        _places(look(PlaceSettings.read().places))
    if found.faulty:
        raise typer.Exit(FAULT_FOUND)


def as_document(found: Status) -> dict[str, object]:
    """The status as scripts read it."""
    boxes = [
        {name: getattr(box, name) for name in MailboxLine.__slots__} | {"state": state(box)} for box in found.mailboxes
    ]
    return {
        "now": found.now,
        "ok": not found.faulty,
        "reasons": found.reasons,
        "services": found.services,
        "mailboxes": boxes,
        "keys": found.keys,
        "queues": found.depths,
        "broker": found.broker,
        "dead_letters": found.dead_letters,
        "totals": found.totals,
        "monitors": found.monitors,
        "invalid_conditions": found.invalid_conditions,
    }


def state(box: MailboxLine) -> str:
    """A mailbox in one word; `cron-running` is the guide's word for a poll that is under way (A213)."""
    if box.polling:
        return "cron-running"
    if box.paused:
        return "paused"
    return "active" if box.active_servers else "inactive"


def show(found: Status) -> None:
    """The status for people: what is wrong first."""
    for reason in found.reasons:
        screen.say(f"{reason.text} {reason.fix}".strip(), mark=reason.level)
    if not found.reasons:
        screen.say("All is well.", mark="ok")
    _services(found)
    screen.heading("Mailboxes")
    screen.table(
        ("mailbox", "provider", "owner", "connection", "state", "token", "last poll", "next poll", "listed", "fetched",
         "classified", "to tidy"),
        [_mailbox(box, found) for box in found.mailboxes],
        right=("listed", "fetched", "classified", "to tidy"),
    )  # fmt: skip
    _monitors(found)
    _queues(found)
    _totals(found)


def _services(found: Status) -> None:
    screen.heading("Services")
    rows = [
        (beat.service, beat.instance, "alive" if alive({beat.service: beat.age}, beat.service) else "gone",
         f"{span(beat.age)} ago", relative(beat.started_at, found.now))
        for beat in found.services
    ]  # fmt: skip
    seen = {beat.service for beat in found.services}
    rows += [(service, "", "not running", "never", "") for service in PIPELINE if service not in seen]
    screen.table(("service", "instance", "state", "last beat", "started"), rows)


def _mailbox(box: MailboxLine, found: Status) -> tuple[object, ...]:
    token = relative(box.token_expires_at, found.now) if box.token_expires_at else "none"
    next_poll = "under way" if box.polling else relative(max(box.next_poll_at, found.now), found.now)
    if not box.polling and (box.paused or not box.active_servers):
        next_poll = "-"
    mode = f"{state(box)}, dry run" if box.dry_run_servers else state(box)
    return (
        box.email, box.provider, box.owner or "system", box.connection, mode, token,
        relative(box.last_polled_at, found.now), next_poll, box.listed, box.fetched, box.classified,
        box.waiting_disposals,
    )  # fmt: skip


def _places(seen: Sequence[PlaceSeen]) -> None:
    if seen:
        screen.heading("Places")
        rows = [(one.name, "up" if one.up else "not running", one.url if one.up else "", one.note) for one in seen]
        screen.table(("page", "state", "where", ""), rows)


def _monitors(found: Status) -> None:
    monitors = found.monitors
    if not (monitors.active or monitors.paused or monitors.inactive or monitors.waiting):
        return
    screen.heading("Monitors")
    counts = [
        (monitors.active, "active"), (monitors.paused, "paused"), (monitors.inactive, "inactive"), (monitors.waiting, "waiting for a check"),
        (monitors.dry_run, "in dry run"), (len({one.monitor_uid for one in found.invalid_conditions}), "with an invalid condition"),
    ]  # fmt: skip
    screen.say(", ".join(f"{count} {what}" for count, what in counts if count))
    effects = ", ".join(
        f"{count} {EFFECTS.get(effect, effect)}" for effect, count in sorted(monitors.effects_today.items())
    )
    screen.say(f"last 24 hours: {effects or 'nothing'}; apiconnect actions log tells of each")


def _queues(found: Status) -> None:
    screen.heading("Queues")
    if found.depths is None:
        why = "RabbitMQ does not answer" if found.broker == "does not answer" else "APICONNECT_RABBITMQ_URL is not set"
        screen.say(f"{'unknown' if found.broker == 'does not answer' else found.broker}: {why}")
    else:
        waiting = [(queue, depth) for queue, depth in sorted(found.depths.items()) if depth]
        if waiting:
            screen.table(("queue", "messages"), waiting, right=("messages",))
        else:
            screen.say(f"all {len(found.depths)} empty")
    for queue, count in found.dead_letters.items():
        screen.say(f"dead letters of {queue}: {count}")


def _totals(found: Status) -> None:
    totals = found.totals
    effects = ", ".join(f"{count} {effect}" for effect, count in sorted(totals.effects_today.items()))
    screen.heading("Last 24 hours")
    screen.say(f"{counted(totals.bounces_today, 'bounce')} logged" + (f": {effects}" if effects else ""))
    screen.say(
        f"{counted(totals.subscribers, 'subscriber')} of {counted(totals.customers, 'customer')}, "
        f"{counted(totals.blacklisted_addresses, 'address', 'addresses')} blacklisted, "
        f"{counted(totals.outbox_rows, 'message')} in the outbox"
    )
