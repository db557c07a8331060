"""The classifier's own commands: `classify` says what mails in files are; `rules` looks after operators' rules;

`monitors` shows what a reply says, and what a monitor would make of it.
"""

from __future__ import annotations

import typer

from services.classifier.cli.classifying import classify
from services.classifier.cli.laboratory import try_monitor
from services.classifier.cli.monitors import app as monitors_commands
from services.classifier.cli.rules import app as rules_commands

app = typer.Typer(no_args_is_help=True)
app.command()(classify)
app.add_typer(rules_commands, name="rules", help="Operators' own rules, and ours.")
monitors_commands.command("test")(try_monitor)
app.add_typer(monitors_commands, name="monitors", help="What monitors make of replies.")

if __name__ == "__main__":
    app()
