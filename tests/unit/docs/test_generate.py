"""The generated documents say what the code says, and their examples are real messages."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from shared.contracts.catalogue import MESSAGES
from shared.contracts.envelope import Body, Envelope
from shared.contracts.schemas import schemas

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_documents_are_what_the_code_says(generate: ModuleType) -> None:
    assert generate.differences() == [], "run `make schemas`; a change of a message in use needs a new version"


def test_there_is_a_schema_for_the_envelope_and_for_each_message() -> None:
    assert set(schemas()) == {"envelope", *(f"{message.type}.v{message.version}" for message in MESSAGES.values())}


def test_every_schema_names_its_dialect_and_allows_nothing_extra() -> None:
    for schema in schemas().values():
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["additionalProperties"] is False


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: str(message.type))
def test_every_example_is_a_message_that_its_classes_accept(generate: ModuleType, message: type[Body]) -> None:
    envelope = Envelope.model_validate_json(json.dumps(generate.example_message(message)))
    assert envelope.type == message.type
    assert message.model_validate(envelope.body).model_dump(mode="json") == envelope.body


def test_every_message_has_a_known_publisher(generate: ModuleType) -> None:
    assert set(generate.PUBLISHERS) == set(MESSAGES)


def test_a_changed_field_shows_as_a_difference(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = schemas()
    changed["mail.fetched.v1"]["properties"]["mail_id"]["type"] = "string"
    monkeypatch.setattr(generate, "schemas", lambda: changed)
    assert any('"type": "string"' in line for line in generate.differences())
