"""The `apiconnect` command puts the services' commands together."""

from __future__ import annotations

from typer.testing import CliRunner

from services.__main__ import app


def test_two_services_may_have_commands_in_one_group() -> None:
    shown = CliRunner().invoke(app, ["monitors", "--help"]).stdout
    consoles = ("list", "show", "log", "enable", "disable", "delete", "pause", "import", "export")
    assert [name for name in (*consoles, "extract", "test") if f"  {name} " not in shown] == []
