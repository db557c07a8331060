"""How many bounce servers a customer may have (A052-A063)."""

from __future__ import annotations

import pytest

from shared.domain.limits import allowed_to_create, effective_limit, feature_shown


@pytest.mark.parametrize(
    ("limit", "existing", "allowed"),
    [
        (-1, 0, True),
        (-1, 10_000, True),  # -1: unlimited
        (0, 0, False),  # 0: the feature is off
        (3, 2, True),
        (3, 3, False),  # the third was the last
        (3, 5, False),  # lowered below what there is: those go on, no new ones
    ],
)
def test_a_limit_decides_whether_one_more_may_be_made(limit: int, existing: int, allowed: bool) -> None:
    assert allowed_to_create(limit, existing) is allowed


@pytest.mark.parametrize(
    ("group", "system", "counts"),
    [(None, 5, 5), (0, 5, 0), (-1, 0, -1), (2, -1, 2), (None, 0, 0)],
)
def test_a_groups_limit_goes_before_the_systems(group: int | None, system: int, counts: int) -> None:
    assert effective_limit(group, system) == counts


def test_a_limit_of_zero_hides_the_feature() -> None:
    assert not feature_shown(0)
    assert feature_shown(-1)
    assert feature_shown(1)
