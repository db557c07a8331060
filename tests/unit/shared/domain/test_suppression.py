"""What becomes of a blacklist entry whose bounce blacklists no more."""

from __future__ import annotations

import pytest

from shared.domain.suppression import Entry, Fate, Keep, fate


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (Entry("hard_bounce", by_operator=False, other=None), Fate(free=True)),
        (Entry("hard_bounce", by_operator=False, other=7), Fate(cause=7)),
        (Entry("hard_bounce", by_operator=True, other=None), Fate(keep=Keep.OPERATOR)),
        (Entry("hard_bounce", by_operator=True, other=7), Fate(keep=Keep.OPERATOR)),
        (Entry("soft_bounces", by_operator=False, other=None), Fate(keep=Keep.OTHER_SOURCE)),
        (Entry("operator", by_operator=False, other=None), Fate(keep=Keep.OTHER_SOURCE)),
    ],
)
def test_nobody_is_freed_whom_anything_else_holds(entry: Entry, expected: Fate) -> None:
    assert fate(entry) == expected
