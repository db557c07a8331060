"""The pool, transactions, and the one place where psycopg's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from shared.domain.errors import BrokerOrDatabaseDown

Connection = psycopg.Connection[TupleRow]

# A statement or its data was refused, the database itself is well: the runner then tries messages one at a time.
StatementRefused = psycopg.errors.DataError | psycopg.errors.IntegrityError | psycopg.errors.ProgrammingError


class Database:
    """A pool of connections to one PostgreSQL. `transaction()` is the only way in."""

    def __init__(
        self,
        url: str,
        *,
        max_connections: int = 8,
        name: str = "apiconnect",
        patience_seconds: float = 10.0,
        **connect: Any,
    ) -> None:
        """url: a libpq URL. name: shown in pg_stat_activity. Opens lazily: a database that is down fails at first use.

        patience_seconds: how long `transaction()` waits for a connection before it says that the database is down.
        """
        options = {"application_name": name, "connect_timeout": 5, **connect}
        # Keep-alives end a connection to a frozen server; statements have no general limit, sweeps set their own.
        keepalive = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
        self.url = url
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=max_connections,
            kwargs={**keepalive, **options},
            open=False,
            timeout=patience_seconds,
            check=ConnectionPool.check_connection,
        )

    def open(self) -> Self:
        """Starts the pool's threads; returns itself."""
        self._pool.open(wait=False)
        return self

    def close(self) -> None:
        """Closes every connection."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection with a transaction: committed on leaving, rolled back on an exception.

        Raises BrokerOrDatabaseDown when the server does not answer; then nothing says whether a commit got through.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise BrokerOrDatabaseDown(f"PostgreSQL does not answer: {type(error).__name__}") from error

    def alive(self) -> bool:
        """Whether a `select 1` comes back."""
        try:
            with self.transaction() as connection:
                connection.execute("select 1")
        except BrokerOrDatabaseDown:
            return False
        return True
