"""What the pages name is there: links, make targets, commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from services.__main__ import app

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and others write them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(command: typer.core.TyperGroup, before: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Every command and group of commands, as words."""
    found = set()
    for name, inner in command.commands.items():
        found.add((*before, name))
        if isinstance(inner, typer.core.TyperGroup):
            found |= commands(inner, (*before, name))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_page_of_ours_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text("utf-8")):
        name, _, anchor = target.partition("#")
        other = (page.parent / name) if name else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    named = re.findall(r"^    make ([a-z ]+)$|`make ([a-z]+)", text, re.MULTILINE)
    assert {word for pair in named for part in pair for word in part.split()} <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    root = get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    known = commands(root)
    for words in re.findall(r"(?:`|^    )apiconnect ([a-z][a-z\- ]*)", page.read_text("utf-8"), re.MULTILINE):
        first, *rest = words.split()
        assert (first,) in known, words
        if rest and any(command[0] == first and len(command) == 2 for command in known):
            assert (first, rest[0]) in known, words
