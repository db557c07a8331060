"""Sends one mail and reads what became of it, with the client. In the product's folder: pip install ./clients/python"""

import os

from apiconnect_client import Client, Recipient, SendRequest

with Client(os.environ["APICONNECT_URL"]) as client:
    request = SendRequest(
        "order-4711-receipt",
        to=(Recipient("anna@example.com", "Anna"),),
        subject="Your receipt",
        text="Thank you for your order.",
        tags=("receipts",),
    )
    client.send(request, correlation_id="4711")  # returns when the broker has stored it; may be called again
    for result in client.results(idle_timeout=60):
        print(result.idempotency_key, result.state, result.reason or "", result.detail or "")
        result.ack()
        if result.correlation_id == "4711" and result.is_final:
            break
