"""`mailbox check|pause|resume|dry-run`, `poll`, `tokens reset`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from services.console.cli import screen
from services.console.cli.opening import FAULT_FOUND, REFUSED, opened_database, opened_units, providers, sealer
from services.console.cli.screen import Json
from services.console.core.durations import counted, moment
from services.console.handler import polling
from services.console.handler.mailbox_check import Checked, check
from services.console.handler.status import read_status
from shared.domain.mailboxes import normalize_address
from shared.messaging.unit import UnitFactory
from shared.settings import instance_name
from shared.storage import mailbox_orders, overview
from shared.storage.database import Database
from shared.storage.mailbox_orders import Changed

Email = Annotated[str, typer.Argument(help="The mailbox's address.", metavar="EMAIL")]
OptionalEmail = Annotated[str | None, typer.Argument(help="The mailbox's address.", metavar="EMAIL")]
ProviderName = Annotated[
    Literal["microsoft", "google"] | None, typer.Option("--provider", help="If both providers have the address.")
]
All = Annotated[bool, typer.Option("--all", help="Every mailbox.")]


def mailbox_check(
    email: OptionalEmail = None, provider: ProviderName = None, every: All = False, as_json: Json = False
) -> None:
    """Tries token, listing, reading, and the rights to modify and delete; says what fails, why, and what to do.

    Changes no mail. Exit code 1 if a step failed.
    """
    address = _address(email, every=every)
    with opened_database() as database:
        links = _links(database, address, provider)
        ring, known = sealer(), providers()
        results = [check(database, ring, known, link, holder=instance_name()) for link in links]
    if as_json:
        screen.as_json({"mailboxes": results})
    else:
        for result in results:
            show_check(result)
    if any(result.faulty for result in results):
        raise typer.Exit(FAULT_FOUND)


def start(
    email: Email,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Log only: no effects, no mail is removed.")] = False,
    only_new: Annotated[bool, typer.Option("--only-new", help="Only mail that is received from now on.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Even if the mailbox does not answer; it is not tried.")
    ] = False,
    provider: ProviderName = None,
    as_json: Json = False,
) -> None:
    """Tries a mailbox and, if it answers, activates its bounce servers and the delivery servers that waited for that. Ends a pause, polls at once.

    Exit code 1 if the check failed; then nothing is started.
    """
    with opened_database() as database:
        links = _links(database, normalize_address(email), provider)
        ring, known = (sealer(), providers()) if not anyway else (None, {})
        checks = [check(database, ring, known, link, holder=instance_name()) for link in links] if ring else []
        good = [link for n, link in enumerate(links) if anyway or checks[n].connection == "connected"]
        with database.transaction() as connection:
            started = {
                link.mailbox_id: mailbox_orders.start(connection, link.mailbox_id, dry_run=dry_run, only_new=only_new)
                for link in good
            }
            sending = {link.mailbox_id: mailbox_orders.start_sending(connection, link.mailbox_id) for link in good}
            boxes = {box.mailbox_id: box for box in overview.mailboxes(connection, normalize_address(email))}
    if as_json:
        screen.as_json(
            {
                "started": [
                    {
                        "mailbox": link,
                        "bounce_servers": started[link.mailbox_id],
                        "delivery_servers": sending[link.mailbox_id],
                    }
                    for link in good
                ],
                "checks": checks,
            }
        )
    else:
        for result in checks:
            if result.connection != "connected":
                show_check(result)
        for link in good:
            mode = "in dry run" if boxes[link.mailbox_id].dry_run_servers else "with effects"
            names = ", ".join(started[link.mailbox_id]) or "no bounce server looks into it"
            since = ", only mail from now on" if only_new else ""
            screen.say(f"{_name(link)}: started {mode}{since} ({names}); it is due now.", mark="ok")
            if sending[link.mailbox_id]:
                screen.say(
                    f"{_name(link)}: sends through {', '.join(sending[link.mailbox_id])} from now on.", mark="ok"
                )
    if len(good) < len(links):
        raise typer.Exit(FAULT_FOUND)


def pause(email: Email, provider: ProviderName = None, as_json: Json = False) -> None:
    """Stops polling a mailbox until it is resumed. Mail that was fetched goes its way."""
    with opened_database() as database, database.transaction() as connection:
        found = mailbox_orders.set_paused(connection, normalize_address(email), provider, paused=True)
    _told(found, email, "paused", "was paused already", as_json=as_json)


def resume(email: Email, provider: ProviderName = None, as_json: Json = False) -> None:
    """Polls a paused mailbox again, at once."""
    with opened_database() as database, database.transaction() as connection:
        found = mailbox_orders.set_paused(connection, normalize_address(email), provider, paused=False)
    _told(found, email, "resumed; it is due now", "was not paused", as_json=as_json)


def dry_run(
    email: Email,
    off: Annotated[bool, typer.Option("--off", help="End the dry run: from now on bounces have effects.")] = False,
    provider: ProviderName = None,
    as_json: Json = False,
) -> None:
    """Bounces of this mailbox are logged only: nobody is blacklisted or unsubscribed, no mail is removed."""
    with opened_database() as database, database.transaction() as connection:
        found = mailbox_orders.set_dry_run(connection, normalize_address(email), provider, dry_run=not off)
    changed = "dry run is off: bounces have effects from now on" if off else "in dry run from now on"
    _told(found, email, changed, "was not in dry run" if off else "was in dry run already", as_json=as_json)


def poll(
    email: OptionalEmail = None,
    every: All = False,
    provider: ProviderName = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Follow the polls until they are over.")] = False,
    wait: Annotated[float, typer.Option("--wait", help="With --verbose: follow for at most so many seconds.")] = 120.0,
    as_json: Json = False,
) -> None:
    """Polls mailboxes now, also those that wait for their turn, or for the hourly try of a refused key."""
    address = _address(email, every=every)
    with opened_units() as units:
        _links(units.database, address, provider)
        ordered = polling.order_polls(units.begin, address, provider)
        if not as_json:
            _say_ordered(ordered)
            _say_obstacles(units.database)
            say_unpublished(units)
        events = _followed(units.database, ordered, wait, quiet=as_json) if verbose else []
    if as_json:
        screen.as_json({"polled": ordered.links, "by_scheduler": ordered.by_scheduler, "events": events})
    if verbose and not all(any(e.done and e.email == link.email for e in events) for link in ordered.links):
        raise typer.Exit(FAULT_FOUND)


def tokens_reset(email: OptionalEmail = None, as_json: Json = False) -> None:
    """Drops cached access tokens and expired leases, of one mailbox or of all. New tokens are fetched when needed."""
    address = normalize_address(email) if email else None
    with opened_database() as database:
        if address:
            _links(database, address, None)
        with database.transaction() as connection:
            cleared = mailbox_orders.clear_tokens(connection, address)
    if as_json:
        screen.as_json(cleared)
        return
    screen.say(
        f"{counted(cleared.tokens, 'cached token')} dropped, {counted(cleared.expired_leases, 'expired lease')} reset.",
        mark="ok",
    )
    if cleared.live_leases:
        screen.say(
            f"{counted(cleared.live_leases, 'live lease')} left alone: a process is at work under it.", mark="note"
        )


def _address(email: str | None, *, every: bool) -> str | None:
    if (email is None) != every:
        screen.complain("Name one mailbox, or say --all.")
        raise typer.Exit(REFUSED)
    return normalize_address(email) if email else None


def _links(database: Database, email: str | None, provider: str | None) -> list[Changed]:
    with database.transaction() as connection:
        links = mailbox_orders.links(connection, email, provider)
    if not links:
        _no_mailbox(email)
    return links


def _no_mailbox(email: str | None) -> None:
    at = f"at {email}" if email else "yet"
    screen.complain(f"There is no mailbox {at}; apiconnect status lists those that there are.")
    raise typer.Exit(REFUSED)


def _told(found: list[Changed], email: str, changed: str, unchanged: str, *, as_json: bool) -> None:
    if not found:
        _no_mailbox(normalize_address(email))
    if as_json:
        screen.as_json({"mailboxes": found})
        return
    for link in found:
        screen.say(f"{_name(link)}: {changed if link.changed else unchanged}.", mark="ok" if link.changed else "note")


def _name(link: Changed) -> str:
    return f"{link.email} ({link.provider}, {link.owner or 'system'})"


def _say_ordered(ordered: polling.Ordered) -> None:
    for link in ordered.links:
        screen.say(f"{_name(link)} is due now.", mark="ok")
    if ordered.by_scheduler:
        screen.say("The scheduler takes it up at its next tick.", mark="note")
    else:
        screen.say("The scheduler is not running: the polls were sent to the fetcher from here.", mark="warning")


def say_unpublished(units: UnitFactory) -> None:
    """What a broker that is down means for what was just ordered."""
    if units.unpublished:
        waiting = counted(units.unpublished, "message")
        screen.say(f"RabbitMQ does not answer: {waiting} left in the outbox, sent once it is back.", mark="warning")


def _say_obstacles(database: Database) -> None:
    """What will keep a poll from happening, or from having an effect; the scheduler was spoken of already."""
    for reason in read_status(database).reasons:
        if reason.level == "fault" and reason.code not in ("scheduler_absent", "dead_letters"):
            screen.say(f"{reason.text} {reason.fix}", mark="warning")


def _followed(database: Database, ordered: polling.Ordered, wait: float, *, quiet: bool) -> list[polling.Seen]:
    events = []
    for event in polling.follow(database, ordered, wait_seconds=wait):
        events.append(event)
        if not quiet:
            screen.say(f"{moment(event.at)}  {event.email}: {event.text}")
    return events


def show_check(result: Checked) -> None:
    title = f"{result.email} ({result.provider}, {result.owner or 'system'}, key {result.key}): {result.connection}"
    screen.say(title, mark="ok" if result.connection == "connected" else "fault" if result.faulty else "warning")
    for step in result.steps:
        mark = {"ok": "ok", "failed": "fault"}.get(step.state.value, "warning")
        screen.say(f"{step.name:<8}{step.detail}", mark=mark, indent=2)
        if step.diagnosis:
            screen.say(f"code: {step.diagnosis.code}", indent=12)
            screen.say(f"fix:  {step.diagnosis.fix}", indent=12)
            if step.diagnosis.link:
                screen.say(f"see:  {step.diagnosis.link}", indent=12)
    if result.note:
        screen.say(result.note, mark="note", indent=2)
    if result.activated:
        screen.say(f"Active from now on: {', '.join(result.activated)}.", mark="ok", indent=2)
