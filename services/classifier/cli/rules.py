"""`apiconnect rules`: check, list, test and load operators' own rules."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.classifier.cli.own_files import own_of, rules_with, text_of
from services.classifier.core.own_rules import unreached_examples
from services.classifier.core.reading import classify as classify_mail
from services.classifier.core.text_rules import Rule
from services.classifier.settings import shipped_rules
from shared.settings import DatabaseSettings
from shared.storage import operator_rules
from shared.storage.database import Database

app = typer.Typer(no_args_is_help=True)
File = Annotated[str, typer.Argument(help="Operators' rules, TOML.")]


@app.command()
def check(file: File) -> None:
    """Say what is wrong with a file of rules, by file, line and reason; exit 1 if anything is."""
    own = own_of(file)
    wrong = unreached_examples(own)
    for line in wrong:
        typer.echo(line, err=True)
    if wrong:
        raise typer.Exit(1)
    typer.echo(f"{file}: {len(own.rules)} rules are good, version {own.version or 'none'}")


@app.command("list")
def list_rules(
    file: Annotated[str | None, typer.Argument(help="Operators' rules to show in their places.")] = None,
    tier: Annotated[int | None, typer.Option(min=1, max=3, help="Only this tier.")] = None,
    bounce_class: Annotated[str | None, typer.Option("--class", help="Only this class.")] = None,
    width: Annotated[int | None, typer.Option(min=60, help="Columns of the table.")] = None,
) -> None:
    """Show all rules in the order in which they are asked."""
    book = rules_with(file)
    rows = [own.rule for own in book.before]
    rows += [*book.rules, *(own.rule for own in book.after)]
    table = Table("tier", "rule", "class", "reason", "patterns", "source")
    for rule in rows:
        if tier in (None, rule.tier) and bounce_class in (None, rule.bounce_class.value):
            table.add_row(str(rule.tier), rule.id, _class(rule), rule.reason, str(_patterns(rule)), rule.source)
    Console(width=width).print(table)
    typer.echo(f"version {book.version}: {len(rows)} rules, {sum(_patterns(rule) for rule in rows)} patterns")


@app.command()
def test(
    file: File,
    mails: Annotated[list[str], typer.Argument(help="Mails (RFC 5322), one per file.")],
) -> None:
    """Say which mails would change their class with a file's rules around ours."""
    own, plain = rules_with(file), shipped_rules()
    changed = 0
    for path in mails:
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise typer.BadParameter(f"{path}: {error.strerror}") from None
        before, after = classify_mail(raw, plain), classify_mail(raw, own)
        if (before.bounce_class, before.rule) != (after.bounce_class, after.rule):
            changed += 1
            was, now = (f"{one.bounce_class.value} by {one.rule or 'no rule'}" for one in (before, after))
            typer.echo(f"{path}: {was} -> {now}")
    typer.echo(f"{changed} of {len(mails)} mails change; rules {own.version}")


@app.command()
def load(file: File) -> None:
    """Put a file's rules in force in the database; running classifiers take them within 10 seconds."""
    own = own_of(file)
    wrong = unreached_examples(own)
    if wrong:
        raise typer.BadParameter("\n".join(wrong))
    number = _put(text_of(file))
    typer.echo(f"{len(own.rules)} rules are in force: {own.version or 'none'}, text number {number}")


@app.command()
def unload() -> None:
    """Put no rules of the database's in force."""
    typer.echo(f"no rules of the database's are in force, text number {_put('')}")


def _put(text: str) -> int:
    settings = DatabaseSettings.read()
    url = settings.database_url.get_secret_value()
    with Database(url, max_connections=1) as database, database.transaction() as connection:
        return operator_rules.put_in_force(connection, text, getpass.getuser())


def _patterns(rule: Rule) -> int:
    return len(rule.text) + len(rule.codes) + len(rule.types)


def _class(rule: Rule) -> str:
    return rule.bounce_class.value + (f" ({rule.temporary.value} if 4xx)" if rule.temporary else "")
