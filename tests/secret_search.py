"""Finds planted secrets in whatever a product leaves behind, also where they are encoded."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import psycopg
from psycopg import sql


def leaks(secrets: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """`<secret's name> in <place>` for each secret that stands in a place, in any of its written forms."""
    return [
        f"{name} in {place}"
        for place, text in places.items()
        for name, secret in secrets.items()
        if any(form in text for form in _forms(secret))
    ]


def _forms(secret: str) -> Iterator[str]:
    """As it is, in JSON, in a URL, in hex, in base64. Of a PEM each line alone: half a key is a leak too."""
    parts = [line for line in secret.splitlines() if line and not line.startswith("-----")]
    for part in parts:
        raw = part.encode()
        yield from (part, json.dumps(part)[1:-1], quote(part, safe=""), raw.hex())
        yield base64.b64encode(raw).decode().rstrip("=")


def whole_database(url: str) -> dict[str, str]:
    """Every table as text: what is sealed is there as it lies, so a secret that is found is not sealed."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        found = {}
        for (table,) in tables:
            query = sql.SQL("select t::text from {} t").format(sql.Identifier(table))
            found[f"table {table}"] = "\n".join(row[0] for row in connection.execute(query))
        return found
