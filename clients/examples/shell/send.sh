#!/bin/sh
# Sends one mail and waits for what becomes of it. In the product's folder: pip install ./clients/python
# (rabbitmqadmin won't do: it goes over RabbitMQ's HTTP API, where an integration has no rights, since that shows every queue.)
set -eu
: "${APICONNECT_URL:?as apiconnect integration create printed it}"
python3 -m apiconnect_client send --wait 60 <<'JSON'
{
  "idempotency_key": "order-4711-receipt",
  "to": [{"email": "anna@example.com", "name": "Anna"}],
  "subject": "Your receipt",
  "text": "Thank you for your order.",
  "tags": ["receipts"]
}
JSON
