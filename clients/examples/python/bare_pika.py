"""Sends one mail and reads what became of it, with pika alone. pip install pika"""

import json
import os
from urllib.parse import urlsplit

import pika

url = os.environ["APICONNECT_URL"]  # as `apiconnect integration create` printed it
user = urlsplit(url).username  # integration.<name>
name = user.removeprefix("integration.")

request = {
    "idempotency_key": "order-4711-receipt",
    "to": [{"email": "anna@example.com", "name": "Anna"}],
    "subject": "Your receipt",
    "text": "Thank you for your order.",
    "tags": ["receipts"],
}

connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.confirm_delivery()  # basic_publish then raises UnroutableError or NackError
channel.basic_publish(
    "apiconnect.send",
    f"mail.send.{name}",
    json.dumps(request).encode(),
    pika.BasicProperties(
        user_id=user,  # mandatory: the broker checks it
        content_type="application/json",
        delivery_mode=2,  # survives a restart of the broker
        correlation_id="4711",  # given back with each result
    ),
    mandatory=True,
)

for method, properties, body in channel.consume(f"results.{name}", inactivity_timeout=60):
    if method is None:
        raise SystemExit("nothing came for a minute")
    result = json.loads(body)
    print(result["idempotency_key"], result["state"], result.get("reason", ""), result.get("detail", ""))
    channel.basic_ack(method.delivery_tag)  # only when it is dealt with
    if properties.correlation_id == "4711" and result["state"] in ("sent", "rejected", "failed", "cancelled"):
        break
connection.close()
