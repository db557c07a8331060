"""Looking at rows, and turning their clocks, in one line."""

from __future__ import annotations

from typing import Any

from shared.storage.database import Database


def rows(database: Database, query: str, *values: object) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with database.transaction() as connection:
        return connection.execute(query.encode(), values).fetchall()


def value(database: Database, query: str, *values: object) -> Any:
    """The first column of the first row."""
    return rows(database, query, *values)[0][0]


def column(database: Database, query: str, *values: object) -> list[Any]:
    """The first column of every row."""
    return [row[0] for row in rows(database, query, *values)]


def do(database: Database, statement: str, *values: object) -> int:
    """Runs a statement; how many rows it touched."""
    with database.transaction() as connection:
        return connection.execute(statement.encode(), values).rowcount
