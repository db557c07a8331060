"""The environment: variables, files that hold them, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.fetcher.settings import FetcherSettings
from shared.settings import DatabaseSettings, SettingsMissing, TelemetrySettings, secret_from_environment

URL = "postgresql://apiconnect:hush@db/apiconnect"


@pytest.fixture(autouse=True)
def _no_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "RABBITMQ_URL", "SEALING_KEYS", "DATABASE_CONNECTIONS", "LOG_FORMAT"):
        for variant in (f"APICONNECT_{name}", f"APICONNECT_{name}_FILE"):
            monkeypatch.delenv(variant, raising=False)


def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APICONNECT_DATABASE_URL", URL)
    assert DatabaseSettings.read().database_url.get_secret_value() == URL


def test_a_file_may_hold_the_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    held = tmp_path / "database_url"
    held.write_text(URL + "\n", "utf-8")
    monkeypatch.setenv("APICONNECT_DATABASE_URL_FILE", str(held))
    assert DatabaseSettings.read().database_url.get_secret_value() == URL


def test_the_variable_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    held = tmp_path / "connections"
    held.write_text("3", "utf-8")
    monkeypatch.setenv("APICONNECT_DATABASE_URL", URL)
    monkeypatch.setenv("APICONNECT_DATABASE_CONNECTIONS_FILE", str(held))
    assert DatabaseSettings.read().database_connections == 3
    monkeypatch.setenv("APICONNECT_DATABASE_CONNECTIONS", "5")
    assert DatabaseSettings.read().database_connections == 5


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsMissing) as stopped:
        FetcherSettings.read()
    text = str(stopped.value)
    for name in ("APICONNECT_DATABASE_URL", "APICONNECT_RABBITMQ_URL", "APICONNECT_SEALING_KEYS"):
        assert f"{name} (or …_FILE)" in text


def test_a_wrong_value_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APICONNECT_DATABASE_URL", URL)
    monkeypatch.setenv("APICONNECT_DATABASE_CONNECTIONS", "hush-many")
    with pytest.raises(SettingsMissing, match="APICONNECT_DATABASE_CONNECTIONS") as stopped:
        DatabaseSettings.read()
    assert "hush" not in str(stopped.value)


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("APICONNECT_DATABASE_URL_FILE", str(tmp_path / "absent"))
    with pytest.raises(SettingsMissing, match="APICONNECT_DATABASE_URL_FILE"):
        DatabaseSettings.read()


def test_a_choice_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APICONNECT_LOG_FORMAT", "xml")
    with pytest.raises(SettingsMissing, match="APICONNECT_LOG_FORMAT"):
        TelemetrySettings.read()


def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APICONNECT_DATABASE_URL", URL)
    assert "hush" not in repr(DatabaseSettings.read())


def test_a_document_may_name_a_variable_for_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "hush")
    assert secret_from_environment("MY_SECRET") == "hush"
    assert secret_from_environment("MY_ABSENT_SECRET") is None
