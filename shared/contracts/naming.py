"""Deterministic message ids: what a sweep publishes again carries the id that it had, so that a second delivery is known."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6f6a7c1e-0f2b-5c53-9d3a-6f0a4b7f5a10")


def mail_message_id(message_type: str, mail_id: int, generation: int) -> UUID:
    """Id of the message of `message_type` about one mail. generation: how often the mail was opened again."""
    return uuid5(_NAMESPACE, f"{message_type}:{mail_id}:{generation}")


def replay_message_id(message_type: str, run_id: int, part: int) -> UUID:
    """Id of the message of `message_type` about one part of a replay; of the type `replay` and part 0: the run's story."""
    return uuid5(_NAMESPACE, f"{message_type}:{run_id}:{part}")
