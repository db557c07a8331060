"""One connection to the broker that is made again, with growing pauses, when it breaks."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from typing import Any, Final

import pika  # type: ignore[import-untyped]
from pika.exceptions import (  # type: ignore[import-untyped]
    AMQPConnectionError,
    AMQPError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from apiconnect_client.errors import NotAllowed, Unreachable

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0


class Connection:
    """Made at first use. Not for several threads at once."""

    def __init__(self, url: str, name: str) -> None:
        """url: amqp:// or amqps://user:password@host:port/vhost. name: shown to the broker's operators."""
        self._parameters = pika.URLParameters(url)
        self._parameters.heartbeat = 30
        self._parameters.blocked_connection_timeout = 30
        self._parameters.socket_timeout = 10
        self._parameters.client_properties = {"connection_name": name}
        self._connection: Any = None
        self.generation = 0  # of connections: an acknowledgement belongs to one of them

    def channel(self, until: float) -> Any:
        """A new channel, connecting if need be. until: time.monotonic() at which it gives up. Raises Unreachable, NotAllowed."""
        pause = _FIRST_PAUSE
        while True:
            try:
                if self._connection is None:
                    self._connection = pika.BlockingConnection(self._parameters)
                    self.generation += 1
                return self._connection.channel()
            except (ProbableAuthenticationError, ProbableAccessDeniedError):
                self.drop()
                raise NotAllowed(
                    "the broker refuses this user: wrong password, or the integration is disabled"
                ) from None
            except (AMQPError, OSError) as error:
                self.drop()
                if time.monotonic() + pause > until:
                    raise Unreachable(f"the broker can't be reached: {type(error).__name__}") from None
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, _LONGEST_PAUSE)

    def drop(self) -> None:
        """Forgets the connection; the next use makes another."""
        connection, self._connection = self._connection, None
        with suppress(AMQPConnectionError, AMQPError, OSError):
            if connection is not None and connection.is_open:
                connection.close()

    def listen(self, seconds: float) -> None:
        """Reads what the broker says for so long, heartbeats too. Raises AMQPError, OSError."""
        self._connection.process_data_events(seconds)
