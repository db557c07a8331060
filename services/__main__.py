"""The `apiconnect` command: mounts each service's own commands and runs services; holds nothing else."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from services.classifier.cli import app as classifier_commands
from services.console.cli import app as console_commands
from services.demo.__main__ import app as demo_commands
from services.sender.cli import app as sender_commands
from services.simulator.cli import app as simulator_commands
from shared.telemetry import configure

SERVICES = ("scheduler", "token_refresher", "fetcher", "classifier", "actions", "sender", "simulator")

app = typer.Typer(
    name="apiconnect",
    help="Mail through Microsoft Graph and the Gmail API.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a local variable may hold a secret
    rich_markup_mode=None,
)
for commands in (console_commands, classifier_commands, sender_commands, demo_commands):
    app.registered_commands += commands.registered_commands
    for group in commands.registered_groups:
        # Two services may have commands in one group: `monitors` is the console's and the classifier's.
        there = next((one for one in app.registered_groups if one.name == group.name), None)
        if there is None or there.typer_instance is None or group.typer_instance is None:
            app.registered_groups.append(group)
        else:
            there.typer_instance.registered_commands += group.typer_instance.registered_commands
            there.typer_instance.registered_groups += group.typer_instance.registered_groups
app.add_typer(simulator_commands, name="simulator", help="The pretended Microsoft 365 and Google.")


@app.command()
def run(service: Annotated[str, typer.Argument(help="one of: " + ", ".join(SERVICES))]) -> None:
    """Runs one service in this process, until SIGTERM."""
    if service not in SERVICES:
        raise typer.BadParameter(f"there is no service {service!r}; there are: {', '.join(SERVICES)}")
    importlib.import_module(f"services.{service}.__main__").main()


def main() -> None:
    """The console script. Logs go to the error stream: standard output is a command's answer alone."""
    configure("apiconnect", level="ERROR", form="text")  # a service that is run sets up its own
    app()


if __name__ == "__main__":
    main()
