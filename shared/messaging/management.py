"""RabbitMQ's HTTP API: what AMQP does not tell, such as unacknowledged messages and rates, and the users of integrations.

For operators; no service needs it. Source: the management plugin's page /api/index.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import requests

from shared.domain.errors import BrokerOrDatabaseDown

_NOT_FOUND: Final = 404
_REFUSED: Final = 400


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

    def __init__(
        self, amqp_url: str, base_url: str = "", *, timeout_seconds: float = 5.0, ca_file: str | None = None
    ) -> None:
        """base_url: ends in /api; by default http://<host of amqp_url>:15672/api. Its user and password go before those of
        amqp_url. ca_file: PEM of the CA of an https:// one, None for the public ones."""
        parts, base = urlsplit(amqp_url), urlsplit(base_url)
        login = base if base.username else parts
        bare = urlunsplit(base._replace(netloc=base.netloc.rpartition("@")[2])) if base_url else ""
        self._base_url = (bare or f"http://{parts.hostname}:15672/api").rstrip("/")
        self.vhost = unquote(parts.path[1:]) or "/"
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca_file or True
        self._session.auth = (unquote(login.username or "guest"), unquote(login.password or "guest"))

    def __repr__(self) -> str:
        return f"Management({self._base_url!r})"  # never the login

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
        return {one["name"]: _state(one) for one in self._call("GET", f"/queues/{_quoted(self.vhost)}")}

    def users(self) -> frozenset[str]:
        """Every user of the broker. Needs an administrator. Raises BrokerOrDatabaseDown."""
        return frozenset(one["name"] for one in self._call("GET", "/users"))

    def load(self, definitions: Mapping[str, Any]) -> None:
        """Makes what is missing of a fragment of definitions, and changes users and rights to what it says. Needs an administrator.

        Raises BrokerOrDatabaseDown.
        """
        self._call("POST", "/definitions", dict(definitions))

    def delete_user(self, name: str) -> None:
        """Removes a user, if it is there; the broker closes its connections. Needs an administrator. Raises BrokerOrDatabaseDown."""
        self._call("DELETE", f"/users/{_quoted(name)}", absent_is_well=True)

    def delete_queue(self, name: str) -> None:
        """Removes a queue, if it is there, with what is in it. Raises BrokerOrDatabaseDown."""
        self._call("DELETE", f"/queues/{_quoted(self.vhost)}/{_quoted(name)}", absent_is_well=True)

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, absent_is_well: bool = False
    ) -> Any:
        url = self._base_url + path
        try:
            answer = self._session.request(method, url, json=body, timeout=self._timeout_seconds)
            if answer.status_code == _NOT_FOUND and absent_is_well:
                return None
            if answer.status_code >= _REFUSED:
                raise BrokerOrDatabaseDown(f"RabbitMQ's management API refuses {method} {path}: {_said(answer)}")
            return answer.json() if answer.content else None
        except (requests.RequestException, ValueError) as error:
            raise BrokerOrDatabaseDown(f"RabbitMQ's management API does not answer: {type(error).__name__}") from None


def _said(answer: requests.Response) -> str:
    meaning = {401: "wrong user or password", 403: "this user is no administrator"}.get(answer.status_code, "")
    return f"HTTP {answer.status_code}" + (f", {meaning}" if meaning else "")


def _quoted(name: str) -> str:
    return quote(name, safe="")


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
