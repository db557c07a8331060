"""The operator's commands by themselves: `python -m services.console …`; `apiconnect` mounts them beside the services'."""

from __future__ import annotations

from services.console.cli import app
from shared.telemetry import configure

if __name__ == "__main__":
    # Logs go to the error stream, so that standard output is the answer alone; what a command has to say, it says itself.
    configure("console", level="ERROR", form="text")
    app()
