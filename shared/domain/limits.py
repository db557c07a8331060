"""How many bounce servers or monitors a customer may have (A052-A063). A group's limit goes before the system's."""

from __future__ import annotations

from shared.domain.installation import UNLIMITED


def effective_limit(group_limit: int | None, system_limit: int) -> int:
    """The limit that counts: the group's if it sets one, else the system's. A customer without a group: group_limit None."""
    return system_limit if group_limit is None else group_limit


def allowed_to_create(limit: int, existing: int) -> bool:
    """Whether a customer with `existing` of them may make one more: -1 always, 0 never, n while there are fewer than n.

    For customers' own creations; the backend is never held by it (A060). Lowering a limit takes nothing away (A061).
    """
    return limit == UNLIMITED or existing < limit


def feature_shown(limit: int) -> bool:
    """Whether the customer sees the feature at all (A055)."""
    return limit != 0
