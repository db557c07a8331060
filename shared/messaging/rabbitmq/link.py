"""One connection to RabbitMQ, and what is declared over it. After any error it is dropped, never repaired."""

from __future__ import annotations

import select
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import amqp.serialization
from kombu.connection import Connection
from kombu.transport.pyamqp import Transport

from shared.domain.errors import ApiConnectError
from shared.messaging import topology

# What the client raises when the broker is away, closes the channel, or does not answer in time.
ERRORS: tuple[type[Exception], ...] = (*Transport.connection_errors, *Transport.channel_errors)

_NOT_FOUND = 404
_PRECONDITION_FAILED = 406
_READ_AHEAD = 8_192  # bytes taken from the socket at once, if it has them: some ten messages
_SENT_TOGETHER = 65_536  # bytes of several messages that go to the socket at once
_AT_ONCE_SECONDS = 0.001  # not 0: without a time-out the client turns in circles over half a frame until the rest comes

_connection: Callable[..., Any] = Connection  # the client library has no types


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


# The client decodes properties and headers while it reads from the socket. One that is not UTF-8, which the broker lets pass,
# would end every consumer that it is handed to, one after the other.
amqp.serialization.pstr_t = _text


class TopologyConflict(ApiConnectError):
    """The broker has a queue or exchange of this name with other properties: a person must remove or migrate it."""


@dataclass(slots=True)
class Wanted:
    """What has to be there. integrations: names, whose queues belong to it; replaced as a whole, by any thread.

    creates: False for a user that may not create: it only checks, and not the integrations' queues, which come and go.
    """

    tiers: Mapping[str, float] = field(default_factory=lambda: dict(topology.RETRY_TIERS))
    creates: bool = True
    integrations: frozenset[str] = frozenset()


class Link:
    """One connection with one channel. Not thread-safe."""

    def __init__(
        self, url: str, ca_file: str | None, heartbeat_seconds: float, timeout_seconds: float, name: str
    ) -> None:
        self._url = url
        # The name is given by us: the client would turn `localhost` into an address before it checks the certificate.
        tls = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": ca_file, "server_hostname": urlsplit(url).hostname}
        self._ssl = tls if url.startswith("amqps:") else False
        self._heartbeat_seconds = heartbeat_seconds
        self._timeout_seconds = timeout_seconds
        self._name = name
        self._beat_at = 0.0
        self._connection: Any = None
        self.amqp: Any = None  # the client's connection
        self.channel: Any = None

    def open(self) -> None:
        """Connects and opens a channel. Raises one of ERRORS."""
        self._connection = _connection(
            self._url,
            ssl=self._ssl,
            heartbeat=self._heartbeat_seconds,
            connect_timeout=5.0,
            transport_options={
                # Without these a frozen broker blocks a read or a write without limit.
                "read_timeout": self._timeout_seconds,
                "write_timeout": self._timeout_seconds,
                "client_properties": {"connection_name": self._name},
            },
        )
        try:
            # Not `.connection`: that would try twice, two seconds apart.
            self.amqp = self._connection.transport.establish_connection()
            # Else the client looks for a "blocked" notice before each publish; the confirm time-out says the same.
            self.amqp.client_properties.get("capabilities", {})["connection.blocked"] = False
            _read_ahead(self.amqp.transport)
            self.channel = self.amqp.channel()
            self.channel.auto_decode = False
        except BaseException:
            self.drop()
            raise

    def hear(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Handles what the broker says until `enough`. Raises TimeoutError after a silence of `seconds`, and ERRORS.

        seconds: 0 handles what is there and does not wait.
        """
        # Set once: asked for with each frame, the time-out would be two system calls a frame.
        with self.amqp.transport.having_timeout(max(_AT_ONCE_SECONDS, seconds)):
            while not enough():
                if seconds <= 0 and self._is_silent():
                    raise TimeoutError
                self.amqp.drain_events()

    def _is_silent(self) -> bool:
        """Whether nothing of what the broker said is left to be read."""
        transport = self.amqp.transport
        if transport._read_buffer or (self._ssl and transport.sock.pending()):
            return False
        news = select.poll()
        news.register(transport.sock, select.POLLIN)
        return not news.poll(0)

    @contextmanager
    def together(self) -> Iterator[Callable[[], None]]:
        """What is said inside goes out in large pieces, the last at the end; call what is given before you wait for an answer.

        Raises ERRORS. The client alone would give each message to the socket by itself.
        """
        transport, kept = self.amqp.transport, bytearray()
        write = transport._write

        def send() -> None:
            if kept:
                piece = bytes(kept)
                kept.clear()
                write(piece)

        def keep(piece: bytes) -> None:
            kept.extend(piece)
            if len(kept) >= _SENT_TOGETHER:
                send()

        transport._write = keep
        try:
            yield send
            send()
        finally:
            transport._write = write

    def beat(self) -> None:
        """Sends a heartbeat if one is due and notices missing ones. Cheap; call it often."""
        now = time.monotonic()
        if now - self._beat_at > self._heartbeat_seconds / 4:
            self._beat_at = now
            self.amqp.heartbeat_tick(rate=2)

    def drop(self) -> None:
        """Closes the socket without a word."""
        amqp, self.amqp, self.channel = self.amqp, None, None
        connection, self._connection = self._connection, None
        with suppress(*ERRORS, AttributeError):  # the client may stumble over its own half-closed state
            if amqp is not None:
                amqp.collect()
            if connection is not None:
                connection.release()

    def close(self) -> None:
        """Says goodbye, so that the broker puts open deliveries back at once."""
        with suppress(*ERRORS, AttributeError):
            if self.amqp is not None:
                self.amqp.close()
        self.drop()


def _read_ahead(transport: Any) -> None:
    """The client asks the socket for each part of a frame, nine times a message; it keeps what it gets beyond that."""
    receive = transport._quick_recv
    transport._quick_recv = lambda wanted: receive(max(wanted, _READ_AHEAD))


def declare(channel: Any, wanted: Wanted) -> None:
    """Everything of topology.py, idempotently. Raises TopologyConflict and ERRORS, such as NotFound where it is not created."""
    tiers = wanted.tiers
    if not wanted.creates:
        for exchange in topology.exchanges(tiers):
            channel.exchange_declare(exchange, "", passive=True)
        for queue in topology.queue_arguments(tiers):
            channel.queue_declare(queue, passive=True)
        return
    name = ""
    try:
        for name, kind in topology.exchanges(tiers).items():
            channel.exchange_declare(name, kind, durable=True, auto_delete=False)
        for name, arguments in topology.queue_arguments(tiers, wanted.integrations).items():
            channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)
        for exchange, queue, key in topology.bindings(tiers, wanted.integrations):
            channel.queue_bind(queue, exchange, key)
    except Transport.channel_errors as error:
        if getattr(error, "reply_code", None) == _PRECONDITION_FAILED:
            raise TopologyConflict(f"{name}: {getattr(error, 'reply_text', error)}") from error
        raise


def depth(channel: Any, queue: str) -> int:
    """Messages ready in `queue`, 0 if it does not exist. Raises ERRORS."""
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except Transport.channel_errors as error:
        if getattr(error, "reply_code", None) == _NOT_FOUND:
            return 0  # the client has opened the channel again
        raise
