"""Runs and their effects in a person's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WHAT: Mapping[str, str] = {
    "log_row": "row of the log",
    "mail": "what a mail was classified as",
    "blacklist": "blacklist entry",
    "subscriber": "subscriber",
}
KEPT: Mapping[str, str] = {
    "operator": "an operator wants the address blacklisted, whatever becomes of the bounce",
    "other_source": "the address is blacklisted for something else than a hard bounce",
    "changed": "something changed it since",
    "there_again": "somebody blacklisted the address again since",
    "other_bounce": "another hard bounce holds the address",
    "cause_changed": "the bounce behind it was changed since, and blacklists no more",
}
_KINDS: Mapping[str, str] = {
    "replay": "replay",
    "release": "release of hold {hold}",
    "discard": "discard of hold {hold}",
    "take_back": "taking back what came before hold {hold}",
}


def run_title(run: Any) -> str:
    """What a run is (shared.storage.effect_runs.Run)."""
    title = _KINDS.get(run.kind, run.kind).format(hold=run.hold_id)
    return f"{title}, dry run" if run.dry else title


def run_state(run: Any) -> str:
    """Where a run stands."""
    if run.undone_at is not None:
        return f"undone by {run.undone_by}" if run.undone_by else "undone"
    return "done" if run.finished_at is not None else "goes on"
