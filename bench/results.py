"""What a benchmark found: figures with a bar to meet, notes, and how both are printed and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. bar: "at least 1000" and the like, empty if it is only for information; met: None without a bar."""

    name: str
    value: float
    unit: str
    bar: str = ""
    met: bool | None = None


def at_least(name: str, value: float, unit: str, least: float) -> Figure:
    """A figure that must not be below `least`."""
    return Figure(name, value, unit, f"at least {least:g}", value >= least)


def at_most(name: str, value: float, unit: str, most: float) -> Figure:
    """A figure that must not be above `most`."""
    return Figure(name, value, unit, f"at most {most:g}", value <= most)


@dataclass(slots=True)
class Result:
    """One benchmark's outcome. notes: sentences that belong to the figures, such as a formula. detail: JSON only."""

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether no bar was missed."""
        return all(figure.met is not False for figure in self.figures)


def save(result: Result, machine: Mapping[str, str]) -> Path:
    """Writes bench/results/<name>.json."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{result.name}.json"
    kept = {**asdict(result), "met": result.met, "machine": dict(machine)}
    path.write_text(json.dumps(kept, indent=2, default=str) + "\n", "utf-8")
    return path


def show(console: Console, results: Sequence[Result]) -> None:
    """The table for people, then one line `name value unit` per figure for programs."""
    for result in results:
        table = Table(title=result.title, title_justify="left", expand=False)
        table.add_column("figure")
        table.add_column("value", justify="right")
        table.add_column("unit")
        table.add_column("bar")
        for figure in result.figures:
            verdict = "" if figure.met is None else ("  [green]met[/]" if figure.met else "  [bold red]MISSED[/]")
            table.add_row(figure.name, number(figure.value), figure.unit, figure.bar + verdict)
        console.print(table)
        for note in result.notes:
            console.print(f"  {note}", highlight=False, markup=False)
        console.print()
    for result in results:
        for figure in result.figures:
            print(f"{result.name}.{figure.name} {number(figure.value)} {figure.unit}")


def number(value: float) -> str:
    """Three digits are enough for a person; whole numbers stay whole."""
    if value == int(value) or abs(value) >= 1_000:
        return f"{value:.0f}"
    return f"{value:.3g}"
