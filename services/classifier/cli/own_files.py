"""Operators' rule files for commands: read, checked, and put around ours; what is wrong ends the command in words."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from services.classifier.core.own_rules import OwnRules, OwnRulesRefused, Source, with_own
from services.classifier.core.rule_book import RuleBook
from services.classifier.handler.own_rules import own_rules, sources_in_force
from services.classifier.settings import shipped_rules
from shared.storage.database import Connection


def own_of(file: str) -> OwnRules:
    """The rules of a file. Ends the command with `file:line: reason` for each thing that is wrong with them."""
    try:
        return own_rules(((file, text_of(file)),))
    except OwnRulesRefused as refused:
        for problem in refused.problems:
            print(problem, file=sys.stderr)
        raise typer.Exit(1) from None


def sources_of(connection: Connection, file: str | None) -> tuple[Source, ...]:
    """The operators' rules that a classifier started now would take: the mounted file's, then the database's. Ends the command if

    they can't be used, as it would end the classifier.
    """
    try:
        sources = sources_in_force(connection, Path(file) if file else None)
        own_rules(sources)
    except OwnRulesRefused as refused:
        for problem in refused.problems:
            print(problem, file=sys.stderr)
        raise typer.Exit(1) from None
    except (OSError, UnicodeDecodeError) as error:
        print(f"{file}: {_reason(error)}", file=sys.stderr)
        raise typer.Exit(1) from None
    return sources


def rules_with(file: str | None) -> RuleBook:
    """Our rules, with those of a file around them if one is given."""
    return with_own(shipped_rules(), own_of(file)) if file else shipped_rules()


def text_of(file: str) -> str:
    """A file's text. Ends the command if it can't be read."""
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{file}: {_reason(error)}", file=sys.stderr)
        raise typer.Exit(1) from None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "not UTF-8"
