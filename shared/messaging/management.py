"""RabbitMQ's HTTP API: what AMQP does not tell, such as unacknowledged messages and rates. For operators; no service needs it.

Source: the management plugin's page /api/index.html, `GET /api/queues/{vhost}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

import requests

from shared.domain.errors import BrokerOrDatabaseDown


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue. Rates are messages per second as the broker averages them; a queue without traffic has 0.0."""

    name: str
    ready: int
    unacked: int
    consumers: int
    publish_rate: float
    deliver_rate: float
    ack_rate: float


class Management:
    """The HTTP API of one virtual host. Made from the AMQP URL: user, password and vhost are the same."""

    def __init__(self, amqp_url: str, base_url: str = "", *, timeout_seconds: float = 5.0) -> None:
        """base_url: ends in /api; by default http://<host of amqp_url>:15672/api."""
        parts = urlsplit(amqp_url)
        self._base_url = (base_url or f"http://{parts.hostname}:15672/api").rstrip("/")
        self._vhost = quote(unquote(parts.path[1:]) or "/", safe="")
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (unquote(parts.username or "guest"), unquote(parts.password or "guest"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def queues(self) -> dict[str, QueueState]:
        """Every queue by name. Raises BrokerOrDatabaseDown when the API does not answer or refuses."""
        try:
            answer = self._session.get(f"{self._base_url}/queues/{self._vhost}", timeout=self._timeout_seconds)
            answer.raise_for_status()
            listed = answer.json()
        except requests.RequestException as error:
            raise BrokerOrDatabaseDown(f"RabbitMQ's management API does not answer: {type(error).__name__}") from None
        return {one["name"]: _state(one) for one in listed}


def _state(queue: dict[str, Any]) -> QueueState:
    # Until its first statistics (some 5 s) a new queue has none of these fields.
    rates = queue.get("message_stats") or {}
    return QueueState(
        name=queue["name"],
        ready=queue.get("messages_ready", 0),
        unacked=queue.get("messages_unacknowledged", 0),
        consumers=queue.get("consumers", 0),
        publish_rate=_rate(rates, "publish"),
        deliver_rate=_rate(rates, "deliver_get"),
        ack_rate=_rate(rates, "ack"),
    )


def _rate(rates: dict[str, Any], name: str) -> float:
    return float((rates.get(f"{name}_details") or {}).get("rate", 0.0))
