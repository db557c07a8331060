"""Why a request is refused: for the asker, so it names the field and the fix, and nothing of anybody else."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.sending import Reason


@dataclass(frozen=True, slots=True)
class Rejection:
    """field: where in the request, such as `to.0.email`; '' for the whole. detail: one sentence, what is wrong and the fix."""

    reason: Reason
    field: str
    detail: str
