"""The sockets below `requests`: whether anything of a request was written to the other side.

`requests` reports a failed TLS handshake and a connection that is cut during the answer by the same error. For what must
not be done twice they differ: only in the first case is it certain that nothing was done.
"""

from __future__ import annotations

import threading
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_state = threading.local()


def begin() -> None:
    """A new request of this thread begins: nothing of it is written yet."""
    _state.written = False


def was_written() -> bool:
    """Whether any byte of this thread's request was handed to a connection that stood, TLS included."""
    return bool(getattr(_state, "written", True))


class _Connection(HTTPConnection):
    def send(self, data: Any) -> None:
        """Connects first, so that what fails until then is told from what fails after."""
        _note(self)
        super().send(data)


class _TlsConnection(HTTPSConnection):
    def send(self, data: Any) -> None:
        _note(self)
        super().send(data)


def _note(connection: HTTPConnection) -> None:
    if connection.sock is None:
        connection.connect()
    _state.written = True


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class NotingAdapter(HTTPAdapter):
    """An HTTPAdapter whose connections note when they write. Repeats nothing."""

    def __init__(self, *, pool_connections: int, pool_size: int) -> None:
        super().__init__(pool_connections=pool_connections, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
