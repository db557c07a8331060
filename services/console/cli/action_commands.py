"""`actions log` and `actions undo`: what monitors did to subscribers, and taking it back."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.opening import REFUSED, asked_for
from services.console.cli.screen import As, Json
from services.console.core.durations import moment
from shared.domain.access import Feature, Role
from shared.domain.mailboxes import normalize_address
from shared.domain.monitor_words import condition_of, effect_of, identified_of
from shared.storage import customer_limits, monitor_log, monitor_undo
from shared.storage.monitor_log import LoggedAction
from shared.storage.monitor_undo import NotUndone

Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")]


def log(
    monitor: Annotated[str | None, typer.Option("--monitor", help="Of this monitor: its name or uid.")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="About this customer's subscribers.")] = None,
    address: Annotated[str | None, typer.Option("--address", help="About this address, or written by it.")] = None,
    limit: Limit = 50,
    as_customer: As = None,
    as_json: Json = False,
) -> None:
    """What monitors did and did not do, the latest first."""
    with asked_for() as connection:
        customer_limits.enter(connection, Role(as_customer), Feature.MONITORS)
        rows = monitor_log.latest(
            connection,
            monitor=monitor,
            customer=customer,
            owner=as_customer,
            address=normalize_address(address) if address else None,
            limit=limit,
        )
    show_log(rows, as_json=as_json)


def show_log(rows: list[LoggedAction], *, as_json: bool) -> None:
    """The rows as a table, or as one JSON document."""
    if as_json:
        screen.as_json({"actions": rows})
        return
    screen.table(
        ("action", "logged", "monitor", "from", "subscriber", "list", "condition", "matched", "found by", "what came of it"),
        [
            (
                row.log_id, moment(row.logged_at), row.monitor, row.sender, row.subscriber, row.list,
                condition_of(row.condition), row.matched_text, identified_of(row.identified_by), effect_of(row),
            )
            for row in rows
        ],
        right=("action",),
    )  # fmt: skip


def undo(
    log_id: Annotated[int, typer.Argument(metavar="ID", help="An action's number, as actions log says.")],
    as_customer: As = None,
    as_json: Json = False,
) -> None:
    """Takes one action of a monitor back, unless something later touched what it changed."""
    with asked_for() as connection:
        customer_limits.enter(connection, Role(as_customer), Feature.MONITORS)
        try:
            undone = monitor_undo.undo(connection, log_id, as_customer or getpass.getuser(), customer=as_customer)
        except NotUndone as refused:
            if as_json:
                screen.as_json({"action": log_id, "undone": False, "reason": str(refused)})
            else:
                screen.complain(f"Not undone: {refused}.")
            raise typer.Exit(REFUSED) from None
    if as_json:
        screen.as_json({"action": log_id, "undone": True, "subscriber": undone.subscriber, "text": undone.text})
    else:
        screen.say(f"Action {log_id} is undone: {undone.subscriber} {undone.text}.", mark="ok")
