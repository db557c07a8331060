"""Commands for operators of a simulator: plant mail, look into a mailbox, see what was removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.simulator.http.control_client import ControlClient, ControlRefused

app = typer.Typer(help="The simulator of Microsoft 365 and Google.", no_args_is_help=True)

Simulator = Annotated[
    str, typer.Option("--simulator", envvar="APICONNECT_SIMULATOR_URL", help="The simulator's http address.")
]
Provider = Annotated[str, typer.Argument(help="microsoft or google")]
Mailbox = Annotated[str, typer.Argument(help="The mailbox's address.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]
DEFAULT_URL = "http://localhost:8080"  # as in docker-compose.yml


@app.command()
def plant(
    provider: Provider,
    mailbox: Mailbox,
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Mails as .eml files.")],
    folder: Annotated[str, typer.Option(help="Folder (Microsoft) or label (Google).")] = "inbox",
    read: Annotated[bool, typer.Option("--read", help="Plant as already read.")] = False,
    simulator: Simulator = DEFAULT_URL,
) -> None:
    """Put mails into a mailbox; an unknown mailbox is made."""
    client = ControlClient(simulator)
    known = {(one["provider"], one["address"].lower()) for one in _asked(client.mailboxes)}
    if (provider, mailbox.lower()) not in known:
        _asked(lambda: client.register_mailbox(provider, mailbox))
    raws = [file.read_bytes() for file in files]
    ids = _asked(lambda: client.plant_many(provider, mailbox, raws, folder=folder, unread=not read))
    for file, mail_id in zip(files, ids, strict=True):
        typer.echo(f"{mail_id} {file}")


@app.command()
def state(provider: Provider, mailbox: Mailbox, as_json: AsJson = False, simulator: Simulator = DEFAULT_URL) -> None:
    """Show every mail of a mailbox: where it is, whether it is read, its Message-ID."""
    mails = _asked(lambda: ControlClient(simulator).mails(provider, mailbox))
    _show(mails, ("received", "places", "unread", "message_id", "subject"), as_json)


@app.command()
def removals(
    mailbox: Annotated[str | None, typer.Argument(help="Only this mailbox.")] = None,
    as_json: AsJson = False,
    simulator: Simulator = DEFAULT_URL,
) -> None:
    """Show what was taken out of mailboxes, how and when."""
    _show(_asked(lambda: ControlClient(simulator).removals(mailbox)), ("at", "mailbox", "how", "message_id"), as_json)


def _show(rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(", ".join(row[name]) if isinstance(row[name], list) else str(row[name]) for name in columns))
    Console(width=160).print(table)


def _asked(call: Any) -> Any:
    """The call's answer, or one line on stderr and exit code 1."""
    try:
        return call()
    except (ControlRefused, OSError) as problem:
        typer.echo(f"simulator: {problem}", err=True)
        raise typer.Exit(1) from None
