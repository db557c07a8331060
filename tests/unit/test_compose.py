"""docker-compose.yml and deploy/ say what the code knows, and hold no password."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.__main__ import SERVICES
from services.classifier.settings import ClassifierSettings
from services.console.handler.secret_files import Addresses, init
from services.simulator.settings import SimulatorSettings
from shared.settings import PREFIX, Place, Section

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
IMAGE = "${APICONNECT_IMAGE:-api-connect}"
ALL: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in ALL.items() if service["image"] == IMAGE}
RUNNING = {name: service for name, service in OURS.items() if service["restart"] != "no"}


def setting_names() -> set[str]:
    """Every variable that a section of settings reads, with its _FILE variant; and the simulator's."""
    sections = (*Section.__subclasses__(), ClassifierSettings)
    fields = {field for section in sections for field in section.model_fields}
    names = {PREFIX + field.upper() for field in fields}
    simulator = {f"{PREFIX}SIMULATOR_{field.upper()}" for field in SimulatorSettings.model_fields}
    return names | {f"{name}_FILE" for name in names} | simulator


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `secrets init` writes."""
    folder = tmp_path_factory.mktemp("secrets")
    init(folder, Addresses())
    return folder


def test_every_service_that_runs_is_one_that_the_command_knows() -> None:
    started = {service["command"][1] for service in OURS.values() if service["command"][0] == "run"}
    assert started == set(SERVICES)


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_that_the_code_reads(name: str) -> None:
    assert set(OURS[name].get("environment", {})) <= setting_names()


@pytest.mark.parametrize("name", OURS)
def test_every_service_is_confined(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", RUNNING)
def test_every_service_that_stays_is_watched_and_started_again(name: str) -> None:
    assert RUNNING[name]["restart"] == "unless-stopped"
    assert RUNNING[name]["healthcheck"]["test"]


def test_every_port_is_bound_to_this_machine_only() -> None:
    ports = [port for service in ALL.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_secrets_come_from_files_and_nothing_else() -> None:
    variables = {name for service in ALL.values() for name in service.get("environment", {})}
    secret = {name for name in variables if re.search("PASS|SECRET|KEYS?(_|$)|_URL", name)}
    assert {name for name in secret if not name.endswith("_FILE")} == set()


def test_a_password_is_not_part_of_any_address() -> None:
    assert re.findall(r"://[^/\s:]+:[^@\s{]+@", TEXT) == []


@pytest.mark.parametrize("name", [name for name, service in ALL.items() if "environment" in service])
def test_every_secret_that_a_service_reads_is_handed_out_to_it(name: str, handed_out: Path) -> None:
    read = [
        str(value).partition(":-")[2].rstrip("}") or str(value)
        for variable, value in ALL[name]["environment"].items()
        if variable.endswith("_FILE") and variable != "APICONNECT_RULES_FILE"  # a file that is no secret
    ]
    if not read:
        return
    mounted = next(volume for volume in ALL[name]["volumes"] if volume.endswith(":/run/secrets:ro"))
    folder = handed_out / mounted.partition(":")[0].removeprefix("secrets-").replace("-", "_")
    assert {Path(path).name for path in read} <= {path.name for path in folder.iterdir()}


def test_the_job_that_makes_the_secrets_reaches_every_volume_that_they_go_to(handed_out: Path) -> None:
    mounted = dict(volume.split(":") for volume in ALL["secrets"]["volumes"])
    assert {Path(target).name for target in mounted.values()} == {path.name for path in handed_out.iterdir()}
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    made = re.search(r"for each in ([a-z_ ]+); do", dockerfile)
    assert made
    assert set(made[1].split()) == {path.name for path in handed_out.iterdir()}
    assert set(mounted) == {volume for volume in COMPOSE["volumes"] if volume.startswith("secrets")}


def test_the_places_are_services_of_this_file() -> None:
    text = re.sub(r"\$\{[A-Z_]+:-(\d+)\}", r"\1", OURS["scheduler"]["environment"]["APICONNECT_PLACES"])
    places = [Place.model_validate(each) for each in json.loads(text)]
    assert {place.inside.partition(":")[0] for place in places} <= set(ALL)


def test_nothing_that_is_mounted_is_missing() -> None:
    mounted = [volume.split(":")[0] for service in ALL.values() for volume in service.get("volumes", [])]
    assert [path for path in mounted if path.startswith("./") and not (ROOT / path).exists()] == []


def test_only_the_scheduler_creates_queues() -> None:
    creating = {
        name for name, one in RUNNING.items() if one["environment"].get("APICONNECT_RABBITMQ_CREATES") == "true"
    }
    assert creating == {"scheduler"}
