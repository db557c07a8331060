"""How a key's secrets are spoken of: how long they last, and whether a new one waits. Never the secrets themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Protocol

from shared.domain.api_keys import warned_at


class Secrets(Protocol):
    """What is known of a key's secrets; see storage's KeyLine."""

    @property
    def secret_expires_on(self) -> date | None: ...
    @property
    def failure(self) -> Mapping[str, Any] | None: ...
    @property
    def next_secret_added_at(self) -> datetime | None: ...
    @property
    def next_secret_failure(self) -> Mapping[str, Any] | None: ...


def secret_until(key: Secrets, today: date) -> str:
    """`2027-05-01`; with how long that is once the time of warnings has come; `not said` if nobody entered it."""
    if key.secret_expires_on is None:
        return "not said"
    warned = warned_at(key.secret_expires_on, today)
    if warned is None:
        return str(key.secret_expires_on)
    left = (key.secret_expires_on - today).days
    return f"{key.secret_expires_on} ({'expired' if left < 0 else 'today' if left == 0 else f'{left} days left'})"


def key_state(key: Secrets) -> str:
    """What is wrong with a key, and how its new secret stands."""
    words = [f"refused: {key.failure.get('cause', '')}" if key.failure else "ok"]
    if key.next_secret_failure:
        words.append(f"new secret refused: {key.next_secret_failure.get('cause', '')}")
    elif key.next_secret_added_at is not None:
        words.append("a new secret waits")
    return "; ".join(words)
