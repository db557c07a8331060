"""Which pages of the installation are up: management, simulator, Prometheus, Grafana, as they are configured."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from shared.settings import Place

_PATIENCE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class PlaceSeen:
    """A page and whether something listens there. note: how to sign in; if it is absent, how to start it."""

    name: str
    url: str
    up: bool
    note: str


def look(places: Sequence[Place]) -> list[PlaceSeen]:
    """Knocks at each, all at once."""
    if not places:
        return []
    with ThreadPoolExecutor(len(places)) as threads:
        return list(threads.map(_seen, places))


def _seen(place: Place) -> PlaceSeen:
    host, _, port = place.inside.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _PATIENCE_SECONDS).close()
    except (OSError, ValueError):
        return PlaceSeen(place.name, place.url, False, place.absent and f"start it: {place.absent}")
    return PlaceSeen(place.name, place.url, True, place.note)
