"""The shape of the house: what every service looks like, who may import what, and that the rules themselves catch what they name."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from shared.contracts.catalogue import MESSAGES
from shared.contracts.envelope import Body
from shared.messaging.topology import ROUTES

ROOT = Path(__file__).parents[2]
LONGEST_FILE_LINES = 400
LONGEST_FUNCTION_LINES = 60

SHAPE = {"__init__", "__main__", "settings", "handler", "http", "cli", "core"}
REQUIRED = {"__init__", "__main__"}
SERVICES = sorted(path.name for path in (ROOT / "services").iterdir() if path.is_dir() and path.name != "__pycache__")

DIRECTION = "services use shared; shared never uses services"
APART = "services never import each other"
SERVICE_SHAPE = "every service has the same shape, and imports point inwards"
SHARED_LAYERS = "shared: messaging, access > storage, providers > contracts, mail > domain"
PURE = "the pure parts do no I/O"
BROKER = "only shared.messaging.rabbitmq speaks AMQP"
EDGE = "only the demo's edge knows pika"
SQL = "only shared.storage speaks SQL"
HTTP = "only shared.providers calls the providers' APIs"
PROVIDERS_APART = "providers do not know each other"

# Modules that are added to a copy of the tree: the contract that must object, the module, and its one line.
PLANTED = (
    (APART, "services.scheduler.core.planted_apart", "import services.actions.core"),
    (SERVICE_SHAPE, "services.scheduler.planted_helpers", ""),
    (SERVICE_SHAPE, "services.scheduler.core.planted_outwards", "import services.scheduler.settings"),
    (SHARED_LAYERS, "shared.domain.planted_upwards", "import shared.storage.database"),
    (SHARED_LAYERS, "shared.planted_utils", ""),
    (PURE, "shared.contracts.planted_random", "import random"),
    (PURE, "shared.mail.planted_log", "import logging"),
    (PURE, "services.scheduler.core.planted_io", "import shared.storage.database"),
    (BROKER, "shared.storage.planted_amqp", "import kombu"),
    (EDGE, "shared.messaging.planted_pika", "import pika"),
    (SQL, "shared.messaging.planted_sql", "import psycopg"),
    (HTTP, "shared.storage.planted_http", "import requests"),
    (HTTP, "services.scheduler.core.planted_msal", "import msal"),
    (PROVIDERS_APART, "shared.providers.graph.planted_neighbour", "import shared.providers.gmail"),
)


def python_files() -> Iterator[Path]:
    for top in ("services", "shared"):
        yield from sorted((ROOT / top).rglob("*.py"))


def lint_imports(tree: Path) -> str:
    """What import-linter says about the tree; wide, so that no line is broken in two."""
    command = [
        str(Path(sys.executable).with_name("lint-imports")),
        "--no-cache",
        "--config",
        str(tree / "pyproject.toml"),
    ]
    env = {**os.environ, "COLUMNS": "400", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def objections(report: str, contract: str) -> str:
    """The part of a report that says how `contract` is broken; empty if it is kept."""
    assert "Contracts:" in report, report
    found = re.search(rf"^{re.escape(contract)}\n-+\n(.*?)(?=^[^\n]+\n-{{10,}}$|\Z)", report, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


@pytest.fixture(scope="module")
def copied_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", tree)
    for top in ("services", "shared"):
        shutil.copytree(ROOT / top, tree / top, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


@pytest.fixture(scope="module")
def report_on_planted(copied_tree: Path) -> str:
    paths = {copied_tree / f"{module.replace('.', '/')}.py": line for _, module, line in PLANTED}
    for path, line in paths.items():
        path.write_text(f"{line}\n", "utf-8")
    try:
        return lint_imports(copied_tree)
    finally:
        for path in paths:
            path.unlink()


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_shape(service: str) -> None:
    found = {path.stem for path in (ROOT / "services" / service).iterdir() if path.suffix == ".py" or path.is_dir()}
    found.discard("__pycache__")
    assert found - SHAPE == set()
    assert REQUIRED - found == set()


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_says_what_it_is(service: str) -> None:
    module = ast.parse((ROOT / "services" / service / "__init__.py").read_text("utf-8"))
    assert ast.get_docstring(module)
    assert len(module.body) == 1, "a service's __init__.py holds its docstring only"


def test_every_message_has_a_queue_and_every_queue_a_message() -> None:
    assert {route.message for route in ROUTES} == set(MESSAGES.values())


def test_every_message_class_is_in_the_catalogue() -> None:
    assert set(Body.__subclasses__()) == set(MESSAGES.values())


def test_every_command_has_exactly_one_consumer() -> None:
    consumers = Counter(route.message.type for route in ROUTES if route.message.kind == "command")
    assert consumers == {message.type: 1 for message in MESSAGES.values() if message.kind == "command"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.queue))
def test_every_queue_is_named_for_a_service(route: object) -> None:
    assert route.consumer in SERVICES  # type: ignore[attr-defined]


@pytest.mark.parametrize("package", ["services", "shared"])
def test_no_other_distribution_brings_a_package_of_our_name(package: str) -> None:
    assert set(packages_distributions()[package]) == {"api-connect"}


def test_no_folder_is_a_namespace_package() -> None:
    folders = {path.parent for path in python_files()}
    assert sorted(str(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_the_import_rules_look_at_every_file(copied_tree: Path) -> None:
    report = lint_imports(copied_tree)
    files = sum(1 for top in ("services", "shared") for _ in (copied_tree / top).rglob("*.py"))
    analysed = re.search(r"Analyzed (\d+) files", report)  # counts third-party packages as well
    assert analysed, report
    assert int(analysed[1]) >= files
    assert ", 0 broken" in report, report


@pytest.mark.parametrize(("contract", "module", "line"), PLANTED, ids=[module for _, module, _ in PLANTED])
def test_a_planted_violation_is_caught(contract: str, module: str, line: str, report_on_planted: str) -> None:
    # What is imported against a rule is reported by its full name, what has no place by its own.
    said = objections(report_on_planted, contract)
    assert (module if line else module.rpartition(".")[2]) in said, report_on_planted


def test_a_planted_import_from_shared_into_a_service_is_caught(copied_tree: Path) -> None:
    planted = copied_tree / "shared/domain/planted_z.py"
    planted.write_text("import services.scheduler.core\n", "utf-8")
    try:
        assert "shared.domain.planted_z" in objections(lint_imports(copied_tree), DIRECTION)
    finally:
        planted.unlink()


@pytest.mark.parametrize("banned", ["import datetime\ndatetime.datetime.now()\n", "import os\nos.environ\n"])
def test_reading_the_clock_or_the_environment_is_caught(banned: str) -> None:
    command = [
        str(Path(sys.executable).with_name("ruff")),
        "check",
        "--no-cache",
        "--stdin-filename",
        "shared/domain/x.py",
        "-",
    ]
    done = subprocess.run(command, cwd=ROOT, input=banned, capture_output=True, text=True, check=False)
    assert "TID251" in done.stdout


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in python_files()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE_LINES} == {}


def test_no_function_is_too_long() -> None:
    found = {}
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION_LINES:
                    found[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = length
    assert found == {}


@pytest.mark.parametrize("name", ["helpers", "utils", "common", "manager", "base", "misc"])
def test_no_module_has_a_name_that_says_nothing(name: str) -> None:
    assert [str(path) for path in python_files() if path.stem == name] == []
