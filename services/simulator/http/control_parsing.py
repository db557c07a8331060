"""Reading what the control API is given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

_PROVIDERS = {
    "microsoft": "microsoft", "graph": "microsoft", "m365": "microsoft", "google": "google", "gmail": "google",
}  # fmt: skip


class ControlError(Exception):
    """The request cannot be done; the text is for a person."""


def provider_named(document: dict[str, Any]) -> str:
    """ "microsoft" or "google"; graph and gmail are understood too."""
    name = str(document.get("provider", "")).lower()
    if name not in _PROVIDERS:
        raise ControlError(f"provider must be microsoft or google, not {name!r}")
    return _PROVIDERS[name]


def providers_named(document: dict[str, Any]) -> tuple[str, ...]:
    """The provider named, or both when none is."""
    return (provider_named(document),) if document.get("provider") else ("microsoft", "google")


def flag(document: dict[str, Any], name: str, default: bool) -> bool:
    """A boolean, also as text in a query."""
    value = document.get(name, default)
    return value if isinstance(value, bool) else str(value).lower() in ("true", "1", "yes")


def moment(value: Any, default: float) -> float:
    """ISO time (UTC when it has no zone) or seconds since the epoch → seconds."""
    if value is None or value == "":
        return default
    if isinstance(value, int | float):
        return float(value)
    found = datetime.fromisoformat(str(value))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def taken(document: Any, *names: str) -> dict[str, Any]:
    """The named entries; another entry is an error that lists what is known."""
    if not isinstance(document, dict):
        raise ControlError("an object is expected")
    if unknown := set(document) - set(names):
        raise ControlError(f"unknown field {', '.join(sorted(unknown))}; known: {', '.join(names)}")
    return {name: document[name] for name in names if name in document}
