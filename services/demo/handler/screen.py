"""What a person sees of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.demo.core.comparing import Line

_STEPS = ("planted", "listed", "fetched", "classified", "acted on", "tidied")


class Screen:
    """Progress bars while it works, then the table."""

    def __init__(self, console: Console, mails: int, to_tidy: int) -> None:
        self.console = console
        self._bars = Progress(
            TextColumn("{task.description:>11}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {
            step: self._bars.add_task(step, total=to_tidy if step == "tidied" else mails) for step in _STEPS
        }

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def show(self, **steps: int) -> None:
        """Sets the bars; names as in _STEPS with `_` for a space."""
        for step, done in steps.items():
            self._bars.update(self._tasks[step.replace("_", " ")], completed=done)


def show_table(console: Console, lines: Sequence[Line], title: str = "What was planted, and what came of it") -> None:
    """Expected beside actual."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("expected", justify="right")
    table.add_column("actual", justify="right")
    table.add_column("")
    for line in lines:
        mark = "[green]ok[/]" if line.good else "[red bold]differs[/]"
        table.add_row(line.what, f"{line.expected:,}", f"{line.actual:,}", mark)
    console.print(table)
