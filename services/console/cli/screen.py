"""What appears on the screen: tables and words for people, JSON for scripts. Colours only on a terminal."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="For scripts: one JSON document.")]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="CUSTOMER", help="Act as this customer, by its uid. Default: the operator."),
]
MARKS = {"fault": "[bold red]✗[/]", "warning": "[yellow]![/]", "note": "[cyan]·[/]", "ok": "[green]✓[/]"}


def console(*, stderr: bool = False) -> Console:
    """A console for the stream as it is now. Without a terminal: no colours, and lines as long as they need to be."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not made.is_terminal:
        made = Console(stderr=stderr, highlight=False, soft_wrap=True, no_color=True, width=240)
    return made


def say(text: str = "", *, mark: str = "", indent: int = 0) -> None:
    """One line of plain text; `mark`: a key of MARKS in front of it; `indent`: spaces before that."""
    console().print(" " * indent + (f"{MARKS[mark]} {escape(text)}" if mark else escape(text)))


def heading(text: str) -> None:
    """The title of a part, with an empty line before it."""
    console().print(f"\n[bold]{escape(text)}[/]")


def complain(text: str) -> None:
    """Plain text on the error stream."""
    console(stderr=True).print(escape(text))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """A table without ruled lines. `right`: columns of numbers. Says `none` when there are no rows."""
    drawn = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    empty = True
    for row in rows:
        empty = False
        drawn.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    if empty:
        console().print("[dim]none[/]")
    else:
        console().print(drawn)


def as_json(value: Any) -> None:
    """One JSON document on standard output: dataclasses as objects, times as ISO 8601, lengths in seconds."""
    typer.echo(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.repr}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return round(value.total_seconds(), 3)
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
