"""The operator's commands by themselves: `python -m services.console …`; `apiconnect` mounts them beside the services'."""

from __future__ import annotations

from services.console.cli import app

if __name__ == "__main__":
    app()
