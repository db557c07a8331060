"""`monitors …` and `servers …`: looking at monitors and bounce servers, switching them, deleting them; as operator or as a customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from services.console.cli import screen
from services.console.cli.action_commands import Limit, show_log
from services.console.cli.csv_commands import exporter, importer
from services.console.cli.opening import REFUSED, asked_for
from services.console.cli.screen import As, Json
from services.console.core.durations import counted, moment
from shared.domain.access import Feature, NotThere, Role
from shared.domain.monitor_words import condition_text
from shared.storage import monitor_conditions, monitor_log, owned_servers
from shared.storage.database import Connection
from shared.storage.monitor_log import LoggedAction
from shared.storage.owned_servers import Bulk, ServerLine, Switch

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME…", help="Names or uids.")]
Every = Annotated[bool, typer.Option("--all", help="All that there are for the one who asks.")]
Change = Callable[[Connection, Role, Feature, list[str]], Bulk]


def mount(group: typer.Typer, feature: Feature) -> None:
    """The commands that both kinds have."""
    for name, command in (
        ("list", lister(feature)),
        ("enable", changer(feature, "enabled", _switch(Switch.ENABLE), f"Switches {feature.many} on.")),
        ("disable", changer(feature, "disabled", _switch(Switch.DISABLE), f"Switches {feature.many} off.")),
        ("delete", changer(feature, "deleted", owned_servers.delete, f"Deletes {feature.many}; logs stay.")),
        ("import", importer(feature)),
        ("export", exporter(feature)),
    ):
        group.command(name)(command)


def lister(feature: Feature) -> Callable[..., None]:
    """`list`."""

    def show(as_customer: As = None, as_json: Json = False) -> None:
        with asked_for() as connection:
            found = owned_servers.lines(connection, Role(as_customer), feature)
        if as_json:
            screen.as_json({feature.value: found})
            return
        monitors = feature is Feature.MONITORS
        columns = ("name", "uid", "owner", "mailbox", "provider", "key", "state", "last poll")
        more = ("conditions", "acted in 24 h") if monitors else ()
        screen.table(
            columns + more,
            [_row(line) + ((line.conditions, line.acted) if monitors else ()) for line in found],
            right=more,
        )

    show.__doc__ = f"The {feature.many}: the operator's and every customer's, or with --as those of a customer."
    return show


def changer(feature: Feature, verb: str, change: Change, summary: str) -> Callable[..., None]:
    """A command that changes some of them and counts."""

    def command(names: Names = None, every: Every = False, as_customer: As = None, as_json: Json = False) -> None:
        if bool(names) == every:
            screen.complain(f"Name {feature.many}, or say --all.")
            raise typer.Exit(REFUSED)
        with asked_for() as connection:
            came = change(connection, Role(as_customer), feature, names or [])
        if as_json:
            screen.as_json({verb: came.done, "skipped": came.skipped, "unchanged": came.unchanged, "locked": came.locked,
                            "waiting": came.waiting, "mails_again": came.again})  # fmt: skip
            return
        screen.say(f"{counted(len(came.done), feature.one)} {verb}, {came.skipped} skipped.", mark="ok")
        if came.again:
            screen.say(f"{counted(came.again, 'mail')} of the time between will be read.", mark="note", indent=2)
        _say_skipped(came)

    command.__doc__ = summary
    return command


def _switch(how: Switch) -> Change:
    return lambda connection, role, feature, names: owned_servers.switch(connection, role, feature, names, how)


pause = changer(
    Feature.MONITORS, "paused", _switch(Switch.PAUSE), "Pauses monitors: they look at nothing until they are resumed."
)
resume = changer(
    Feature.MONITORS,
    "resumed",
    _switch(Switch.RESUME),
    "Resumes paused monitors: they go on, with the mail that came meanwhile.",
)


def _say_skipped(came: Bulk) -> None:
    reasons = (
        (came.unchanged, "nothing to change"),
        (came.locked, "locked by the operator"),
        (came.waiting, "waiting until apiconnect mailbox check passes"),
    )
    for names, why in reasons:
        if names:
            shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
            screen.say(f"{why}: {shown}", mark="note", indent=2)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A monitor's name or uid.")],
    as_customer: As = None,
    as_json: Json = False,
) -> None:
    """One monitor: its mailbox, its state, its conditions in their order."""
    with asked_for() as connection:
        [line] = owned_servers.lines(connection, Role(as_customer), Feature.MONITORS, [name])
        conditions = monitor_conditions.of(connection, line.server_id)
    if as_json:
        screen.as_json({"monitor": line, "conditions": conditions})
        return
    screen.say(f"{line.name} ({line.uid}) of {line.owner or 'the operator'}: {_state(line)}")
    screen.say(f"mailbox  {line.email} at {line.provider}, {line.connection}; key {line.key or 'of the operator'}")
    screen.say(f"acted    {counted(line.acted, 'time')} in the last 24 hours")
    for one in conditions:
        wrong = f"  invalid: {one.invalid}; it takes its turn and does nothing" if one.invalid else ""
        screen.say(
            f"{one.position}. {condition_text(one.condition)}{wrong}", mark="fault" if one.invalid else "", indent=2
        )


def log(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A monitor's name or uid.")],
    limit: Limit = 50,
    as_customer: As = None,
    as_json: Json = False,
) -> None:
    """What one monitor did and did not do, the latest first. The log of a deleted one is there under its name."""
    with asked_for() as connection:
        rows = _logged(connection, Role(as_customer), name, limit)
    show_log(rows, as_json=as_json)


def _logged(connection: Connection, role: Role, name: str, limit: int) -> list[LoggedAction]:
    there = owned_servers.lines(connection, role, Feature.MONITORS)
    if any(name in (line.uid, line.name) for line in there):
        [line] = owned_servers.lines(connection, role, Feature.MONITORS, [name])
        return monitor_log.latest(connection, monitor_id=line.server_id, owner=role.customer, limit=limit)
    rows = monitor_log.latest(connection, monitor=name, owner=role.customer, deleted=True, limit=limit)
    if not rows:
        raise NotThere(f"There is no monitor {name}.")
    return rows


def _row(line: ServerLine) -> tuple[Any, ...]:
    polled = moment(line.last_polled_at) if line.last_polled_at else "never"
    return (line.name, line.uid, line.owner or "operator", line.email, line.provider, line.key or "the operator's",
            _state(line), polled)  # fmt: skip


def _state(line: ServerLine) -> str:
    state = "waits for a check" if line.waiting else line.status
    return state + (", dry run" if line.dry_run else "") + (", locked" if line.locked else "")
