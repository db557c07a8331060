"""The client: publishes send requests, and reads results."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

import pika  # type: ignore[import-untyped]
from pika.exceptions import (  # type: ignore[import-untyped]
    AMQPError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    NackError,
    UnroutableError,
)

from apiconnect_client.connection import Connection
from apiconnect_client.errors import (
    NotAllowed,
    NotConfirmed,
    TimedOut,
    TooLarge,
    Unreachable,
    UnreadableResult,
    Unroutable,
)
from apiconnect_client.request import SendRequest, encode
from apiconnect_client.result import Result, decode

EXCHANGE: Final = "apiconnect.send"
_USER_PREFIX: Final = "integration."
_PERSISTENT: Final = 2
_SLICE_SECONDS: Final = 1.0

Request = SendRequest | Mapping[str, Any]


class Client:
    """One integration. send() and send_and_wait() may be called from several threads; results() from one."""

    def __init__(self, url: str, *, patience: float = 60.0, prefetch: int = 100) -> None:
        """url: as `apiconnect integration create` printed it. patience: seconds that a call tries to reach the broker.
        prefetch: how many results may be in hand unacknowledged."""
        user = unquote(urlsplit(url).username or "")
        if not user.startswith(_USER_PREFIX):
            raise ValueError(f"the URL's user is {user!r}; an integration's begins with {_USER_PREFIX!r}")
        self.integration = user.removeprefix(_USER_PREFIX)
        self._user = user
        self._patience = patience
        self._prefetch = prefetch
        self._url = url
        self._lock = threading.Lock()
        self._sending = Connection(url, f"{user} sending")
        self._reading = Connection(url, f"{user} results")
        self._channel: Any = None
        self._results_channel: Any = None

    def __repr__(self) -> str:
        return f"Client({self.integration!r})"  # never the URL: it holds the password

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections. Results that were not acknowledged come again."""
        with self._lock:
            self._channel = None
            self._sending.drop()
        self._reading.drop()

    def send(self, request: Request, *, correlation_id: str | None = None) -> None:
        """Publishes a request; returns once the broker has stored it. Its first result is `accepted` or `rejected`.

        correlation_id: given back with each result. Raises InvalidRequest, TooLarge (nothing was published), NotAllowed,
        Unroutable, NotConfirmed (not stored), Unreachable (perhaps stored: send the same again).
        """
        body = encode(request)
        with self._lock:
            self._publish(body, correlation_id)

    def send_and_wait(self, request: Request, timeout: float) -> Result:
        """Sends, and waits for the result that says whether the mail left. timeout: seconds.

        Results come to results() as well. Raises what send() raises, and TimedOut, whose `last` is the latest step.
        """
        body, correlation = encode(request), str(uuid.uuid4())
        end = time.monotonic() + timeout
        connection = Connection(self._url, f"{self._user} waiting")
        found: list[Result] = []
        try:
            while time.monotonic() < end:
                try:
                    self._ask(connection, body, correlation, found, end)
                    while time.monotonic() < end:
                        if final := [one for one in found if one.is_final]:  # a later step may overtake an earlier one
                            return final[0]
                        connection.listen(min(_SLICE_SECONDS, max(0.01, end - time.monotonic())))
                except (NackError, UnroutableError, ChannelClosedByBroker) as error:
                    raise _meaning(error) from None
                except (AMQPError, OSError) as error:
                    _raise_if_shut_out(error)
                    connection.drop()  # the same request again: it is answered with its present state
            last = found[-1] if found else None
            raise TimedOut(f"no final result within {timeout:g} s; last: {last.state if last else 'none'}", last)
        finally:
            connection.drop()

    def results(self, *, idle_timeout: float | None = None) -> Iterator[Result]:
        """What became of this integration's sends, as it comes. Each result comes until it is acknowledged: result.ack().

        Reconnects by itself. Beginning anew gives back what was not acknowledged before. idle_timeout: ends when nothing came for so many seconds; None: goes on for ever.
        Raises Unreachable, NotAllowed, UnreadableResult.
        """
        quiet_since = time.monotonic()
        while True:
            try:
                channel = self._new_results_channel()
                channel.basic_qos(prefetch_count=self._prefetch)
                for method, properties, body in channel.consume(
                    f"results.{self.integration}", inactivity_timeout=_SLICE_SECONDS
                ):
                    if method is not None:
                        ack = partial(self._acknowledge, channel, method.delivery_tag, self._reading.generation)
                        yield _readable(body, properties, method, ack)
                        quiet_since = time.monotonic()
                    elif idle_timeout is not None and time.monotonic() - quiet_since > idle_timeout:
                        channel.cancel()
                        return
            except ChannelClosedByBroker as error:
                raise _meaning(error) from None
            except GeneratorExit:
                with suppress(AMQPError, OSError):
                    channel.cancel()  # what was sent ahead goes back into the queue
                raise
            except (AMQPError, OSError) as error:
                _raise_if_shut_out(error)
                self._reading.drop()

    def _new_results_channel(self) -> Any:
        """The one before stays open until now: what came on it may be acknowledged after its loop has ended."""
        if self._results_channel is not None and self._results_channel.is_open:
            with suppress(AMQPError, OSError):
                self._results_channel.close()
        self._results_channel = self._reading.channel(time.monotonic() + self._patience)
        return self._results_channel

    def _acknowledge(self, channel: Any, tag: int, generation: int) -> None:
        if generation != self._reading.generation or not channel.is_open:
            return  # of an earlier connection or loop: it comes again
        try:
            channel.basic_ack(tag)
        except (AMQPError, OSError):
            self._reading.drop()

    def _publish(self, body: bytes, correlation_id: str | None) -> None:
        end = time.monotonic() + self._patience
        while True:
            try:
                if self._channel is None:
                    self._channel = self._sending.channel(end)
                    self._channel.confirm_delivery()
                self._put(self._channel, body, correlation_id)
                return
            except (NackError, UnroutableError) as error:
                raise _meaning(error) from None
            except ChannelClosedByBroker as error:
                self._channel = None
                raise _meaning(error) from None
            except (AMQPError, OSError) as error:
                # The broker went away: whether it has the request is not known, and once more does no harm.
                self._channel = None
                self._sending.drop()
                _raise_if_shut_out(error)
                if time.monotonic() > end:
                    raise Unreachable(f"the broker did not confirm: {type(error).__name__}") from None

    def _ask(self, connection: Connection, body: bytes, correlation: str, found: list[Result], end: float) -> None:
        channel = connection.channel(min(end, time.monotonic() + self._patience))
        channel.confirm_delivery()

        def arrived(_channel: Any, _method: Any, properties: Any, answer: bytes) -> None:
            if properties.correlation_id == correlation:
                found.append(decode(answer, correlation, False))

        replies = f"{self._user}.reply.{uuid.uuid4()}"
        channel.queue_declare(replies, exclusive=True, auto_delete=True)
        channel.basic_consume(replies, arrived, auto_ack=True)
        self._put(channel, body, correlation, reply_to=replies)

    def _put(self, channel: Any, body: bytes, correlation_id: str | None, reply_to: str | None = None) -> None:
        properties = pika.BasicProperties(
            user_id=self._user,  # the broker checks it, and API Connect takes nothing without it
            content_type="application/json",
            delivery_mode=_PERSISTENT,
            correlation_id=correlation_id,
            reply_to=reply_to,
        )
        channel.basic_publish(EXCHANGE, f"mail.send.{self.integration}", body, properties, mandatory=True)


def _readable(body: bytes, properties: Any, method: Any, ack: Callable[[], None]) -> Result:
    """One that nobody can read would come for ever, so it is acknowledged; the error holds it."""
    try:
        return decode(body, properties.correlation_id, method.redelivered, ack)
    except UnreadableResult:
        ack()
        raise


def _meaning(error: AMQPError) -> Exception:
    if isinstance(error, UnroutableError):
        return Unroutable("no queue takes the request: the integration is removed, or the broker lost its queues")
    if isinstance(error, NackError):
        return NotConfirmed("the broker did not take the request; try later")
    text = str(getattr(error, "reply_text", error))
    if "larger than" in text:
        return TooLarge("request", text)
    return NotAllowed(f"the broker refuses: {text}")


def _raise_if_shut_out(error: Exception) -> None:
    """A user that was removed or given another password is cut off with a word; trying again would go on for ever."""
    if isinstance(error, ConnectionClosedByBroker) and "is deleted" in str(error.reply_text):
        raise NotAllowed("the integration was disabled, removed, or given another password") from None
