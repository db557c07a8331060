"""As few acknowledgements as possible, and never one too far."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.acks import AckPlan, OpenTags


def opened(*tags: int) -> OpenTags:
    """Tags that were handed out."""
    tags_open = OpenTags()
    for tag in tags:
        tags_open.add(tag)
    return tags_open


def test_a_whole_batch_is_one_acknowledgement() -> None:
    assert opened(1, 2, 3).settle([1, 2, 3]) == AckPlan(3, ())


def test_multiple_stops_before_the_first_that_is_still_open() -> None:
    assert opened(1, 2, 3, 4).settle([1, 3, 4]) == AckPlan(1, (3, 4))


def test_without_the_first_each_is_acknowledged_alone() -> None:
    assert opened(1, 2, 3).settle([3, 2]) == AckPlan(None, (2, 3))


def test_a_tag_that_was_rejected_does_not_hold_up_the_others() -> None:
    tags = opened(1, 2, 3)
    assert tags.discard(1)
    assert not tags.discard(1)
    assert tags.settle([2, 3]) == AckPlan(3, ())


def test_a_tag_is_settled_once() -> None:
    tags = opened(1, 2)
    tags.settle([1, 2])
    assert tags.settle([1, 2]) == AckPlan(None, ())


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)))
def test_a_plan_settles_exactly_what_was_asked_and_open(handed_out: set[int], asked: set[int]) -> None:
    plan = opened(*sorted(handed_out)).settle(asked)
    covered = {tag for tag in handed_out if plan.up_to is not None and tag <= plan.up_to} | set(plan.single)
    assert covered == handed_out & asked
