"""JSON Schemas (draft 2020-12) of the envelope, of every message body, and of what integrations send and get: for integrators, and as
snapshots in docs/schemas."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from shared.contracts.catalogue import MESSAGES
from shared.contracts.envelope import Envelope
from shared.contracts.sending import DeliveryResult, SendMail

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_name(message_type: str, version: int) -> str:
    """The name of a body's schema, such as `mail.fetched.v1`."""
    return f"{message_type}.v{version}"


def schemas() -> dict[str, dict[str, Any]]:
    """Schema name -> schema: `envelope`, and one for each message, ordered by name."""
    found = {"envelope": _schema("envelope", Envelope)}
    for message in MESSAGES.values():
        name = schema_name(message.type, message.version)
        found[name] = _schema(name, message)
    return dict(sorted(found.items()))


def edge_schemas() -> dict[str, dict[str, Any]]:
    """Schema name -> schema of a send request and of a result. A request has no field that it does not name; a result may gain
    some, and who checks one must let them pass."""
    request, result = schema_name(SendMail.type, 1), schema_name(DeliveryResult.type, 1)
    open_result = _schema(result, DeliveryResult)
    del open_result["additionalProperties"]
    return {result: open_result, request: _schema(request, SendMail)}


def _schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": DIALECT, "$id": f"urn:api-connect:{name}", **model.model_json_schema()}
