"""The classifier's own commands: `classify` says what mails in files are; `rules` looks after operators' rules."""

from __future__ import annotations

import typer

from services.classifier.cli.classifying import classify
from services.classifier.cli.rules import app as rules_commands

app = typer.Typer(no_args_is_help=True)
app.command()(classify)
app.add_typer(rules_commands, name="rules", help="Operators' own rules, and ours.")

if __name__ == "__main__":
    app()
