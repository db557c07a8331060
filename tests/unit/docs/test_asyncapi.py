"""The AsyncAPI 3 document and the published schemas of the edge: whole, true to the topology, with examples that fit.

The specification's own JSON Schema is in no package for Python; docs/asyncapi.json was valid against 3.0.0 of @asyncapi/specs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from shared.contracts.schemas import edge_schemas
from shared.contracts.sending import DeliveryResult, SendMail
from shared.messaging.topology import bindings, exchanges

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "docs" / "asyncapi.json").read_text("utf-8"))
MODELS = {"mail.send": SendMail, "delivery.result": DeliveryResult}
# Field -> what the specification (3.0.0, "AsyncAPI Object" and below) asks for.
REQUIRED = {
    "info": {"title", "version"},
    "servers/*": {"host", "protocol"},
    "channels/*": {"address", "messages"},
    "operations/*": {"action", "channel"},
}


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def at(pointer: str) -> Any:
    """What a reference within the document names."""
    found: Any = DOCUMENT
    for step in pointer.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_it_is_an_asyncapi_3_document() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) == {
        "asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components",
    }  # fmt: skip


@pytest.mark.parametrize(("where", "fields"), REQUIRED.items())
def test_every_part_has_what_the_specification_asks_for(where: str, fields: set[str]) -> None:
    part = DOCUMENT[where.partition("/")[0]]
    for one in part.values() if where.endswith("*") else [part]:
        assert fields <= set(one)


def test_every_reference_names_something() -> None:
    named = set(references(DOCUMENT))
    assert named
    assert all(at(reference) for reference in named)


def test_an_operation_uses_messages_of_its_own_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])


def test_every_parameter_of_an_address_is_described_and_no_other() -> None:
    for channel in DOCUMENT["channels"].values():
        in_address = {piece.partition("}")[0] for piece in channel["address"].split("{")[1:]}
        assert in_address == set(channel.get("parameters", {}))


def test_the_exchanges_and_keys_are_those_of_the_topology() -> None:
    topics = [one for one in DOCUMENT["channels"].values() if one["bindings"]["amqp"]["is"] == "routingKey"]
    named = {one["bindings"]["amqp"]["exchange"]["name"]: one["bindings"]["amqp"]["exchange"]["type"] for one in topics}
    assert named.items() <= exchanges().items()
    keys = {(exchange, key) for exchange, _, key in bindings(integrations=["shop"])}
    for one in topics:
        key = one["address"].replace("{integration}", "shop").replace("{state}", "#")
        assert (one["bindings"]["amqp"]["exchange"]["name"], key) in keys


@pytest.mark.parametrize("name", ["mail.send.v1", "delivery.result.v1"])
def test_a_published_schema_is_json_schema_2020_12(name: str) -> None:
    schema = edge_schemas()[name]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("message", MODELS)
def test_every_example_fits_the_published_schema_and_our_own_classes(message: str) -> None:
    validator = Draft202012Validator(edge_schemas()[f"{message}.v1"], format_checker=FormatChecker())
    for example in DOCUMENT["components"]["messages"][message]["examples"]:
        validator.validate(example["payload"])
        MODELS[message].model_validate(example["payload"])


def test_a_request_may_hold_nothing_unknown_and_a_result_may_gain_fields() -> None:
    schemas = edge_schemas()
    assert schemas["mail.send.v1"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["delivery.result.v1"]
