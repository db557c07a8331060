"""docker-compose.yml says what the code knows, and holds no password."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.__main__ import SERVICES
from services.simulator.settings import SimulatorSettings
from shared.settings import PREFIX, Section

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
OURS = {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "api-connect"}


def setting_names() -> set[str]:
    """Every variable that a section of settings reads, with its _FILE variant; and the simulator's."""
    fields = {field for section in Section.__subclasses__() for field in section.model_fields}
    names = {PREFIX + field.upper() for field in fields}
    simulator = {f"{PREFIX}SIMULATOR_{field.upper()}" for field in SimulatorSettings.model_fields}
    return names | {f"{name}_FILE" for name in names} | simulator


def test_every_service_that_runs_is_one_that_the_command_knows() -> None:
    started = {service["command"][1] for service in OURS.values() if service["command"][0] == "run"}
    assert started == set(SERVICES)


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_that_the_code_reads(name: str) -> None:
    assert set(OURS[name]["environment"]) <= setting_names()


@pytest.mark.parametrize("name", OURS)
def test_every_service_is_confined(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_every_port_is_bound_to_this_machine_only() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_secrets_come_from_files_and_nothing_else() -> None:
    variables = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
    secret = {name for name in variables if re.search("PASS|SECRET|KEYS?(_|$)|_URL", name)}
    assert {name for name in secret if not name.endswith("_FILE")} == set()
    assert all(set(each) == {"file"} for each in COMPOSE["secrets"].values())


def test_a_password_is_not_part_of_any_address() -> None:
    assert re.findall(r"://[^/\s:]+:[^@\s]+@", TEXT) == []


def test_every_secret_is_made_by_make_secrets() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for secret in COMPOSE["secrets"].values():
        assert f"> {Path(secret['file']).name}" in makefile
