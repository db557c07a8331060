"""`secrets init|set|show`: the files with passwords and keys that an installation works with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.opening import REFUSED, telling
from services.console.core.durations import counted
from services.console.handler import secret_files
from services.console.handler.secret_files import Addresses

Folder = Annotated[Path, typer.Argument(help="Where they are kept; each service's lie in a folder of its name.")]

_WHERE = Addresses()


def init(
    folder: Folder,
    database: Annotated[str, typer.Option(help="host:port of PostgreSQL")] = _WHERE.database,
    broker: Annotated[str, typer.Option(help="host:port of RabbitMQ")] = _WHERE.broker,
    brought: Annotated[
        Path | None, typer.Option("--brought", help="Folder with what you bring: addresses, CAs, sealing keys.")
    ] = None,
) -> None:
    """Makes random passwords and a sealing key, once, and RabbitMQ's definitions; hands each service its own."""
    with telling():
        done = secret_files.init(folder, Addresses(database, broker), brought)
    if done.made:
        screen.say(f"{counted(len(done.made), 'secret')} made: {', '.join(done.made)}.", mark="ok")
    if "sealing_keys" in done.made:
        text = "Keep a copy of sealing_keys apart from the database's backup: without it no key can be read."
        screen.say(text, mark="warning")
    screen.say(f"Handed out to {', '.join(done.folders)}.", mark="ok")


def put(
    folder: Folder,
    name: Annotated[str, typer.Argument(help="sealing_keys, postgres_password, …")],
) -> None:
    """Replaces one secret by what comes on standard input. `secrets init`, then a restart, hand it to the services."""
    with telling():
        secret_files.put(folder, name, sys.stdin.read())
    screen.say(f"{name} is replaced.", mark="ok")


def show(
    name: Annotated[str, typer.Argument(help="monitor_password, grafana_password, sealing_keys")],
    folder: Annotated[Path, typer.Option("--folder", help="Where this process finds its secrets.")] = Path(
        "/run/secrets"
    ),
) -> None:
    """Prints one secret of this container: for signing in, or to keep a copy of the sealing keys."""
    path = folder / Path(name).name
    if not path.is_file():
        there = ", ".join(sorted(each.name for each in folder.iterdir())) if folder.is_dir() else "nothing"
        screen.complain(f"There is no {name} in {folder}; there is: {there}.")
        raise typer.Exit(REFUSED)
    typer.echo(path.read_text("utf-8").strip())
