"""What may leave as a file, and what may not: keys and delivery servers have no export (A178)."""

from __future__ import annotations

from typer.main import get_command

from services.console.cli import app
from services.console.core.server_rows import COLUMNS


def test_neither_keys_nor_delivery_servers_are_exported_and_no_column_holds_a_secret() -> None:
    groups = getattr(get_command(app), "commands")  # noqa: B009 - typer does not say that the root is a group
    exporting = {name for name, group in groups.items() if "export" in getattr(group, "commands", {})}
    assert exporting == {"servers", "monitors", "blacklist"}
    assert not [one for columns in COLUMNS.values() for one in columns if "secret" in one or "private" in one]
