"""What is generated about the edge: the AsyncAPI 3 document, and the section of messages.md about sending."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from inspect import cleandoc
from typing import Any

from shared.contracts.schemas import edge_schemas
from shared.contracts.sending import (
    LONGEST_REQUEST_BYTES,
    RESULTS_EXCHANGE,
    SEND_EXCHANGE,
    SEND_KEY,
    DeliveryResult,
    SendMail,
    State,
)
from shared.messaging.topology import dead_queue, integration_user, results_queue, send_queue

_ANY = "{integration}"
_BINDING = "0.3.0"

REQUEST: Mapping[str, Any] = {
    "idempotency_key": "order-4711-receipt",
    "to": [{"email": "anna@example.com", "name": "Anna"}],
    "subject": "Your receipt",
    "text": "Thank you for your order.",
    "headers": [{"name": "X-Campaign", "value": "november"}],
    "tags": ["receipts"],
}
_SEND = "3f0c6c5e-6a0b-4d1c-9d5e-0c8f3b1f7a11"
RESULTS: Mapping[str, Mapping[str, Any]] = {
    "accepted": {
        "event_id": "0b2cb2a4-6b0b-5e0a-9a55-1a6a3a7d7c01",
        "state": "accepted",
        "at": "2026-01-31T09:30:00Z",
        "idempotency_key": "order-4711-receipt",
        "customer": "acme",
        "send_id": _SEND,
        "server": "acme-1",
        "message_id": "3f0c6c5e6a0b4d1c9d5e0c8f3b1f7a11@acme.example",
        "tags": ["receipts"],
    },
    "rejected": {
        "event_id": "0b2cb2a4-6b0b-5e0a-9a55-1a6a3a7d7c02",
        "state": "rejected",
        "at": "2026-01-31T09:30:00Z",
        "idempotency_key": "order-4712-receipt",
        "customer": "acme",
        "reason": "suppressed",
        "field": "to.0.email",
        "detail": "This recipient is suppressed; take it out.",
    },
}

_TEXT = f"""## Sending, from outside

Programs outside publish *requests* and read *results*: one flat JSON object each, no envelope. [asyncapi.json](asyncapi.json) is the
same as an AsyncAPI 3 document. Everything is UTF-8; a request has at most {LONGEST_REQUEST_BYTES:,} bytes.

- **Publish** to the exchange `{SEND_EXCHANGE}` with the routing key `{SEND_KEY}.<integration>` (or `{SEND_KEY}`), persistent, with confirms
  and `mandatory`. The property `user_id` must be your own user, `{integration_user("<integration>")}`: the broker checks it, and who asks is taken from it alone.
  `correlation_id` comes back with each result. `reply_to` may name your results queue, or a queue of yours whose name begins with
  `integration.<integration>.`; it gets a copy of the answer.
- **Read** the queue `{results_queue("<integration>")}`. It is bound to `delivery.<integration>.#` of `{RESULTS_EXCHANGE}`; the routing key is
  `delivery.<integration>.<state>`. Results that nobody fetches are kept for 14 days, or until they fill 1 GB.
- A request that can be read gets an answer, `accepted` or `rejected`. One that can't be read (not a JSON object in UTF-8, too large, without your
  `user_id`) is parked in `{dead_queue(send_queue("<integration>"))}` with field and reason.
- The same key again is the same send: the answer has `repeated` and the state of now. The same key with another content is
  `rejected`, `idempotency_conflict`. A rejected request does not use its key up.
- `event_id` tells a result that came twice. More fields may come; leave alone what you don't know.
"""


def section(fields_table: Callable[[dict[str, Any]], list[str]]) -> list[str]:
    """The section of messages.md."""
    lines = [*_TEXT.splitlines(), ""]
    for name, model, examples in (
        ("mail.send.v1", SendMail, [REQUEST]),
        ("delivery.result.v1", DeliveryResult, list(RESULTS.values())),
    ):
        schema = edge_schemas()[name]
        lines += [
            f"### {model.__name__} (`{model.type}`, version 1)",
            "",
            *cleandoc(model.__doc__ or "").splitlines(),
            "",
        ]
        lines += [f"Schema: [schemas/{name}.json](schemas/{name}.json).", "", *fields_table(schema), ""]
        for part, shape in schema.get("$defs", {}).items():
            if "properties" in shape:
                lines += [f"#### {part}", "", shape.get("description", ""), "", *fields_table(shape), ""]
            elif "enum" in shape:
                lines += [f"#### {part}", "", ", ".join(f"`{one}`" for one in shape["enum"]), ""]
        for example in examples:
            lines += ["```json", json.dumps(example, indent=2), "```", ""]
    return lines


def asyncapi() -> dict[str, Any]:
    """The document, as seen from API Connect: it receives requests and sends results."""
    schemas = edge_schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "API Connect: sending",
            "version": version("api-connect"),
            "description": "Send requests in, delivery results out, over RabbitMQ (AMQP 0-9-1). messages.md says it in words.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "rabbitmq": {
                "host": "rabbitmq.example.com:5671",
                "protocol": "amqps",
                "protocolVersion": "0-9-1",
                "description": "As `apiconnect integration create` prints it; virtual host, user and password are in the URL.",
                "security": [{"$ref": "#/components/securitySchemes/user"}],
            }
        },
        "channels": {
            "requests": _topic(SEND_EXCHANGE, f"{SEND_KEY}.{_ANY}", "mail.send", {"integration": _INTEGRATION}),
            "requestsOfAll": _topic(SEND_EXCHANGE, SEND_KEY, "mail.send", {}),
            "results": _topic(
                RESULTS_EXCHANGE,
                f"delivery.{_ANY}.{{state}}",
                "delivery.result",
                {"integration": _INTEGRATION, "state": {"enum": list(State.__args__)}},  # type: ignore[attr-defined]
            ),
            "resultsQueue": {
                "address": results_queue(_ANY),
                "messages": {"delivery.result": {"$ref": "#/components/messages/delivery.result"}},
                "parameters": {"integration": _INTEGRATION},
                "bindings": {
                    "amqp": {
                        "is": "queue",
                        "queue": {
                            "name": results_queue(_ANY),
                            "durable": True,
                            "exclusive": False,
                            "autoDelete": False,
                            "vhost": "/",
                        },
                        "bindingVersion": _BINDING,
                    }
                },
            },
        },
        "operations": {
            "receiveRequest": _operation("receive", "requests", "mail.send", "A mail is asked for.", "results"),
            "receiveRequestOfAll": _operation(
                "receive", "requestsOfAll", "mail.send", "The same, with the key that all may use.", "results"
            ),
            "sendResult": _operation("send", "results", "delivery.result", "What became of a mail, at each step."),
        },
        "components": {
            "messages": {
                "mail.send": _message(SendMail, "A mail to be sent", {"request": REQUEST}),
                "delivery.result": _message(DeliveryResult, "What became of it", RESULTS),
            },
            "schemas": {**_shapes("SendMail", schemas["mail.send.v1"]), **_shapes("DeliveryResult", schemas["delivery.result.v1"])},
            "securitySchemes": {
                "user": {
                    "type": "userPassword",
                    "description": f"{integration_user(_ANY)}; it may use its own keys and queues only.",
                }
            },
        },
    }  # fmt: skip


_INTEGRATION = {"description": "name of the integration, as it was created"}


def _topic(exchange: str, key: str, message: str, parameters: dict[str, Any]) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": key,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": exchange, "type": "topic", "durable": True, "autoDelete": False, "vhost": "/"},
                "bindingVersion": _BINDING,
            }
        },
    }
    return channel | ({"parameters": parameters} if parameters else {})


def _operation(action: str, channel: str, message: str, summary: str, reply: str = "") -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
        "bindings": {"amqp": {"deliveryMode": 2, "mandatory": action == "receive", "bindingVersion": _BINDING}},
    }
    return operation | ({"reply": {"channel": {"$ref": f"#/channels/{reply}"}}} if reply else {})


def _message(model: Any, title: str, examples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "name": model.type,
        "title": title,
        "summary": cleandoc(model.__doc__ or "").splitlines()[0],
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "bindings": {
            "amqp": {"contentEncoding": "utf-8", "messageType": model.type, "bindingVersion": _BINDING}
        },
        "examples": [{"name": name, "payload": payload} for name, payload in examples.items()],
    }  # fmt: skip


def _shapes(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A schema and its parts, each under its own name, as a document without `$defs` has them."""
    whole = {key: value for key, value in schema.items() if key not in ("$defs", "$schema", "$id")}
    moved = {name: whole, **schema.get("$defs", {})}
    found: dict[str, Any] = json.loads(json.dumps(moved).replace('"#/$defs/', '"#/components/schemas/'))
    return found
