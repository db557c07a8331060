"""The server: takes connections on loopback, and lives through each in a thread of its own."""

from __future__ import annotations

import hmac
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from pika import frame  # type: ignore[import-untyped]

from services.demo.handler.amqp.channel import NOT_IMPLEMENTED, Channel, ChannelRefused, NotSpoken
from services.demo.handler.amqp.wire import FRAME_BYTES, HEADER, Gone, Wire, failed, spec
from shared.messaging.broker import Broker
from shared.messaging.topology import integration_of

_HEARTBEAT_SECONDS: Final = 30
_MOST_CHANNELS: Final = 64
_HANDSHAKE_SECONDS: Final = 10.0
_ACCESS_REFUSED: Final = 403
_PROPERTIES: Final[dict[str, Any]] = {
    "product": "API Connect's demo",
    "capabilities": {
        "publisher_confirms": True, "basic.nack": True, "authentication_failure_close": True,
        "exchange_exchange_bindings": False, "consumer_cancel_notify": False, "connection.blocked": False,
    },
}  # fmt: skip


class AmqpServer:
    """For the demo and for tests. Begins in start(), ends in stop()."""

    def __init__(self, broker: Broker, passwords: Mapping[str, str], new_id: Callable[[], UUID]) -> None:
        """broker: the in-memory one, which must know() the integrations. passwords: integration's name -> its password."""
        self._broker = broker
        self._passwords = passwords
        self._new_id = new_id
        self._stop = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port: int = self._listening.getsockname()[1]

    def start(self) -> None:
        """Takes connections from now on."""
        self._listening.settimeout(0.2)
        self._begin(self._accept, "amqp")

    def url(self, integration: str) -> str:
        """As `apiconnect integration create` would print it."""
        return f"amqp://integration.{integration}:{self._passwords[integration]}@127.0.0.1:{self.port}/apiconnect"

    def stop(self) -> None:
        """Ends every connection, and waits for their threads."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _begin(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listening.accept()
                connection.settimeout(_HANDSHAKE_SECONDS)
                self._begin(lambda taken=connection: self._live(taken), "amqp connection")  # type: ignore[misc]

    def _live(self, connection: socket.socket) -> None:
        with connection, suppress(Gone):
            session = _Session(Wire(connection), self._broker, self._passwords, self._new_id)
            try:
                session.run(self._stop)
            finally:
                session.close()


class _Session:
    """One connection from its first byte to its last."""

    def __init__(self, wire: Wire, broker: Broker, passwords: Mapping[str, str], new_id: Callable[[], UUID]) -> None:
        self._wire = wire
        self._broker = broker
        self._passwords = passwords
        self._new_id = new_id
        self._integration = ""
        self._heartbeat = 0
        self._channels: dict[int, Channel] = {}

    def run(self, stop: threading.Event) -> None:
        """Until the client leaves, falls silent, or `stop` is set. Raises Gone."""
        if self._wire.header() != HEADER:
            self._wire.raw(HEADER)
            return
        if not self._let_in():
            return
        while not stop.is_set():
            found = self._wire.next(0.02 if any(one.consumes for one in self._channels.values()) else 0.2)
            if found is not None and not self._handle(found):
                return
            if found is None:
                self._deliver()
            self._beat()
        self._wire.method(0, spec.Connection.Close(320, "CONNECTION_FORCED - the demo ends", 0, 0))

    def close(self) -> None:
        """What was not acknowledged goes back."""
        for channel in self._channels.values():
            channel.close()

    def _let_in(self) -> bool:
        """The handshake (section 2.2.4), with PLAIN (RFC 4616): user and password."""
        self._wire.method(0, spec.Connection.Start(server_properties=_PROPERTIES, mechanisms="PLAIN", locales="en_US"))
        answer = self._expect(spec.Connection.StartOk)
        _, user, password = [*bytes(answer.response).decode("utf-8", "replace").split("\0"), "", ""][:3]
        name = integration_of(user)
        known = self._passwords.get(name or "")
        if answer.mechanism != "PLAIN" or known is None or not hmac.compare_digest(known.encode(), password.encode()):
            self._wire.method(
                0, spec.Connection.Close(*failed(answer, _ACCESS_REFUSED, "ACCESS_REFUSED - login refused"))
            )
            return False
        self._integration = name or ""
        self._wire.method(0, spec.Connection.Tune(_MOST_CHANNELS, FRAME_BYTES, _HEARTBEAT_SECONDS))
        self._heartbeat = self._expect(spec.Connection.TuneOk).heartbeat
        self._expect(spec.Connection.Open)
        self._wire.method(0, spec.Connection.OpenOk())
        return True

    def _expect(self, kind: Any) -> Any:
        end = time.monotonic() + _HANDSHAKE_SECONDS
        while time.monotonic() < end:
            found = self._wire.next(0.2)
            if isinstance(found, frame.Method) and isinstance(found.method, kind):
                return found.method
            if found is not None and not isinstance(found, frame.Heartbeat):
                break
        raise Gone

    def _handle(self, found: Any) -> bool:
        """One frame; False at the end of the connection."""
        if isinstance(found, frame.Heartbeat):
            return True
        if isinstance(found, frame.Method) and found.channel_number == 0:
            if isinstance(found.method, spec.Connection.Close):
                self._wire.method(0, spec.Connection.CloseOk())
            return not isinstance(found.method, spec.Connection.Close | spec.Connection.CloseOk)
        if isinstance(found, frame.Method) and isinstance(found.method, spec.Channel.Open):
            self._channels[found.channel_number] = Channel(
                found.channel_number, self._wire, self._broker, self._integration, self._new_id
            )
            self._wire.method(found.channel_number, spec.Channel.OpenOk())
            return True
        channel = self._channels.get(found.channel_number)
        return self._on_channel(channel, found) if channel is not None else True

    def _on_channel(self, channel: Channel, found: Any) -> bool:
        method = found.method if isinstance(found, frame.Method) else spec.Basic.Publish()
        if isinstance(method, spec.Channel.Close | spec.Channel.CloseOk):
            del self._channels[found.channel_number]
        if isinstance(method, spec.Channel.CloseOk) or (channel.closing and not isinstance(method, spec.Channel.Close)):
            return True
        try:
            if isinstance(found, frame.Method):
                channel.handle(method)
            elif isinstance(found, frame.Header):
                channel.properties(found.body_size, found.properties)
            else:
                channel.body(found.fragment)
        except ChannelRefused as refused:
            channel.refuse(method, refused)
        except NotSpoken as unknown:
            text = f"NOT_IMPLEMENTED - {unknown}: this server is for the demo"
            self._wire.method(0, spec.Connection.Close(*failed(method, NOT_IMPLEMENTED, text)))
            return False
        return True

    def _deliver(self) -> None:
        for channel in list(self._channels.values()):
            channel.deliver()

    def _beat(self) -> None:
        now = time.monotonic()
        if self._heartbeat and now - self._wire.said_at > self._heartbeat / 2:
            self._wire.beat()
        if self._heartbeat and now - self._wire.heard_at > 2 * self._heartbeat:
            raise Gone
