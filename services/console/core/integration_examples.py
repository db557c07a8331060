"""What an integrator copies: a program that sends one mail and reads what became of it. Run by a test, as it is printed."""

from __future__ import annotations

import json
from typing import Any

from shared.contracts.sending import SEND_EXCHANGE, SEND_KEY

URL_VARIABLE = "APICONNECT_URL"


def request(customer: str | None) -> dict[str, Any]:
    """A request that is valid as it stands. An integration of a customer's own need not name it."""
    named = {} if customer is not None else {"customer": "CUSTOMER"}
    return {
        "idempotency_key": "first-mail-1",
        **named,
        "to": [{"email": "you@example.com"}],
        "subject": "Hello",
        "text": "It works.",
    }


def python_example(name: str, customer: str | None) -> str:
    """A whole program on pika alone; reads the URL from the environment, so that no password is in it."""
    body = json.dumps(request(customer), indent=4)
    return f'''\
# pip install pika
import json, os, pika

url = pika.URLParameters(os.environ["{URL_VARIABLE}"])
channel = pika.BlockingConnection(url).channel()
channel.confirm_delivery()  # from here on basic_publish raises if the broker did not take the message
request = {body}
properties = pika.BasicProperties(
    user_id="integration.{name}", content_type="application/json", delivery_mode=2, correlation_id="first"
)
channel.basic_publish("{SEND_EXCHANGE}", "{SEND_KEY}.{name}", json.dumps(request).encode(), properties, mandatory=True)
for method, _, body in channel.consume("results.{name}", inactivity_timeout=30):
    if method is None:
        break
    result = json.loads(body)
    print(result["idempotency_key"], result["state"], result.get("reason") or "", result.get("detail") or "")
    channel.basic_ack(method.delivery_tag)
    if result["state"] in ("sent", "rejected", "failed"):
        break
'''


def shell_example(customer: str | None) -> str:
    """The same with the client's own command."""
    return (
        "# in the product's folder: pip install ./clients/python\n"
        f"echo '{json.dumps(request(customer))}' | python -m apiconnect_client send --wait 60\n"
    )
