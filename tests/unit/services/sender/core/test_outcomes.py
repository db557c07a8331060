"""What follows from an outcome: a table over every error, and the story of an unknown send to its end."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from services.sender.core import outcomes
from services.sender.core.outcomes import LOOKS, MOST_RESENDS, Sending, Step
from shared.domain import errors
from shared.domain.sending import FINAL, FOLLOWS, HOLDS, Reason, SendState
from tests.send_requests import NOW

DIAGNOSIS = errors.Diagnosis("Code", "The secret has expired.", "Enter a new one.")
FIRST = Sending(attempt=1, lookups=0, can_read=True)
SECOND = timedelta(seconds=1)

THROTTLED = errors.Throttled("busy")
ASKED = errors.Throttled("busy", retry_after=17)
REFUSED_CONNECTION = errors.ProviderUnavailable("refused")
NO_ANSWER = errors.OutcomeUnknown("504")
PAYLOAD = errors.PayloadRejected("no", DIAGNOSIS)
KEY = errors.CredentialsRejected("no", DIAGNOSIS)
PERMISSION = errors.PermissionMissing("no", DIAGNOSIS)
MAILBOX = errors.MailboxMissing("no", DIAGNOSIS)
EVERY = (
    None, THROTTLED, ASKED, REFUSED_CONNECTION, NO_ANSWER, PAYLOAD, KEY, PERMISSION, MAILBOX,
    errors.Permanent("odd", DIAGNOSIS), errors.MailGone("gone"), errors.LeaseLost("lost"), errors.Temporary("odd"),
    errors.BrokerOrDatabaseDown("down"), errors.ApiConnectError("odd"), KeyError("a bug"),
)  # fmt: skip
FAILURES = tuple(error for error in EVERY if error is not None)


def facts(*, attempt: int = 1, lookups: int = 0, can_read: bool = True, expires_in: int | None = None) -> Sending:
    return Sending(attempt, lookups, can_read, None if expires_in is None else NOW + expires_in * SECOND)


ALL_FACTS = [
    facts(attempt=attempt, lookups=lookups, can_read=can_read, expires_in=expires_in)
    for attempt in (1, 2, 50)
    for lookups in (0, 1, len(LOOKS) - 1, len(LOOKS), len(LOOKS) * (MOST_RESENDS + 1) - 1, 99)
    for can_read in (True, False)
    for expires_in in (None, -1, 0, 1, 10_000)
]


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (None, SendState.SENT, None),
        (THROTTLED, SendState.DEFERRED, Reason.THROTTLED),
        (REFUSED_CONNECTION, SendState.DEFERRED, Reason.UNAVAILABLE),
        (NO_ANSWER, SendState.UNKNOWN, Reason.NO_ANSWER),
        (PAYLOAD, SendState.FAILED, Reason.REFUSED),
        (KEY, SendState.DEFERRED, Reason.KEY_REFUSED),
        (PERMISSION, SendState.DEFERRED, Reason.PERMISSION_MISSING),
        (MAILBOX, SendState.DEFERRED, Reason.NOT_CONNECTED),
        (errors.MailGone("the draft went: perhaps it was sent"), SendState.UNKNOWN, Reason.NO_ANSWER),
        (KeyError("a bug after the call"), SendState.UNKNOWN, Reason.NO_ANSWER),
    ],
)
def test_an_outcome_decides_the_next_state(
    error: BaseException | None, state: SendState, reason: Reason | None
) -> None:
    step = outcomes.after_call(error, FIRST, now=NOW)
    assert (step.state, step.reason) == (state, reason)


@pytest.mark.parametrize("known", ALL_FACTS)
def test_every_step_is_one_that_may_follow(known: Sending) -> None:
    steps = [(SendState.SENDING, outcomes.after_call(error, known, now=NOW)) for error in EVERY]
    steps += [(SendState.CLAIMED, outcomes.before_call(error, known, now=NOW)) for error in FAILURES]
    steps += [(SendState.UNKNOWN, outcomes.after_look(found, known, now=NOW)) for found in (True, False)]
    steps += [(SendState.UNKNOWN, outcomes.after_failed_look(error, known)) for error in FAILURES]
    steps += [(state, outcomes.after_lease(state, known)) for state in (SendState.CLAIMED, SendState.SENDING)]
    for state, step in steps:
        assert step.state in FOLLOWS[state], (state, step)
        assert (step.due_in is None) == (step.state in FINAL or step.reason is Reason.CANNOT_LOOK) or step.due_in
        assert step.due_in is None or step.due_in >= timedelta(0)
        assert step.server_waits is None or step.reason in HOLDS | {
            Reason.THROTTLED, Reason.UNAVAILABLE, Reason.EXPIRED,
        }  # fmt: skip


@pytest.mark.parametrize("error", FAILURES)
def test_only_what_surely_did_not_leave_is_tried_again_without_looking(error: Exception) -> None:
    # The providers' promise (Mailbox.send): whatever may have left is told by an error of its own.
    here = (errors.Temporary, errors.Permanent, errors.BrokerOrDatabaseDown)
    surely_here = isinstance(error, here) and not isinstance(error, errors.OutcomeUnknown)
    for known in ALL_FACTS:
        again = outcomes.after_call(error, known, now=NOW).state in (SendState.DEFERRED, SendState.ACCEPTED)
        assert surely_here or not again


@pytest.mark.parametrize(
    ("error", "attempt", "seconds"),
    [
        (THROTTLED, 1, 10),
        (THROTTLED, 2, 20),
        (THROTTLED, 3, 40),
        (THROTTLED, 8, 1_280),  # 10 * 2^7
        (THROTTLED, 9, 1_800),  # the cap: half an hour
        (THROTTLED, 10**9, 1_800),
        (ASKED, 1, 17),
        (ASKED, 9, 17),  # the provider's own wish counts
        (errors.Throttled("busy", retry_after=0), 5, 0),
        (errors.Throttled("busy", retry_after=1e9), 1, 86_400),
        (REFUSED_CONNECTION, 1, 5),
        (REFUSED_CONNECTION, 7, 320),  # 5 * 2^6
        (REFUSED_CONNECTION, 8, 600),  # the cap: ten minutes
    ],
)
def test_waiting_grows_up_to_a_cap_unless_the_provider_names_a_time(
    error: Exception, attempt: int, seconds: int
) -> None:
    step = outcomes.after_call(error, facts(attempt=attempt), now=NOW)
    assert step.due_in == step.server_waits == seconds * SECOND


@pytest.mark.parametrize(
    ("expires_in", "state"), [(-1, SendState.FAILED), (0, SendState.FAILED), (1, SendState.DEFERRED)]
)
def test_a_send_that_has_expired_does_not_wait(expires_in: int, state: SendState) -> None:
    step = outcomes.after_call(THROTTLED, facts(expires_in=expires_in), now=NOW)
    assert step.state is state
    assert step.reason is (Reason.EXPIRED if state is SendState.FAILED else Reason.THROTTLED)


def test_a_send_is_looked_at_again_when_it_expires_and_the_server_waits_as_long_as_it_must() -> None:
    step = outcomes.after_call(THROTTLED, facts(expires_in=4), now=NOW)
    assert (step.due_in, step.server_waits) == (4 * SECOND, 10 * SECOND)


def test_an_unknown_send_is_looked_for_then_sent_again_twice_and_then_given_up() -> None:
    lookups, story = 0, []
    while True:
        step = outcomes.after_look(False, facts(lookups=lookups), now=NOW)
        lookups += step.counts_look
        story.append(step)
        if step.state is SendState.FAILED:
            break
    ends = [(step.state, step.reason) for step in story if step.state is not SendState.UNKNOWN]
    assert ends == [(SendState.ACCEPTED, None)] * 2 + [(SendState.FAILED, Reason.NOT_FOUND_AFTER_TRIES)]
    assert len(story) == 3 * len(LOOKS)


def test_the_looks_of_one_call_are_spread_over_the_stated_while() -> None:
    waits = [outcomes.after_call(NO_ANSWER, FIRST, now=NOW).due_in]
    waits += [outcomes.after_look(False, facts(lookups=done), now=NOW).due_in for done in range(len(LOOKS) - 1)]
    assert waits == list(LOOKS)
    assert all(earlier < later for earlier, later in pairwise(LOOKS))


def test_a_second_unknown_call_starts_its_looks_from_the_first() -> None:
    assert outcomes.after_call(NO_ANSWER, facts(lookups=len(LOOKS)), now=NOW).due_in == LOOKS[0]


def test_a_mail_that_is_found_was_sent_also_after_it_expired() -> None:
    assert outcomes.after_look(True, facts(expires_in=-1), now=NOW).state is SendState.SENT


def test_an_expired_send_that_is_not_found_is_not_sent_again() -> None:
    step = outcomes.after_look(False, facts(lookups=len(LOOKS) - 1, expires_in=0), now=NOW)
    assert (step.state, step.reason) == (SendState.FAILED, Reason.EXPIRED)


@pytest.mark.parametrize("step", [
    outcomes.after_call(NO_ANSWER, facts(can_read=False), now=NOW),
    outcomes.after_lease(SendState.SENDING, facts(can_read=False)),
    outcomes.after_failed_look(PERMISSION, FIRST),
])  # fmt: skip
def test_where_the_key_can_not_look_a_person_decides(step: Step) -> None:
    assert (step.state, step.reason, step.due_in) == (SendState.UNKNOWN, Reason.CANNOT_LOOK, None)


@pytest.mark.parametrize("error", FAILURES)
def test_a_look_that_failed_does_not_count_as_a_look(error: Exception) -> None:
    step = outcomes.after_failed_look(error, FIRST)
    assert step.state is SendState.UNKNOWN
    assert not step.counts_look


@pytest.mark.parametrize("error", FAILURES)
def test_before_the_call_nothing_has_left_so_nothing_is_unknown(error: Exception) -> None:
    step = outcomes.before_call(error, FIRST, now=NOW)
    assert step.state is SendState.DEFERRED
    assert step.due_in


def test_a_dead_holder_leaves_a_claim_to_others_and_a_call_to_be_looked_for() -> None:
    assert outcomes.after_lease(SendState.CLAIMED, FIRST).state is SendState.ACCEPTED
    step = outcomes.after_lease(SendState.SENDING, FIRST)
    assert (step.state, step.reason, step.due_in) == (SendState.UNKNOWN, Reason.LEASE_ENDED, LOOKS[0])


def test_what_a_person_must_do_is_told_in_the_diagnosis_words() -> None:
    assert outcomes.after_call(KEY, FIRST, now=NOW).detail == "The secret has expired. Enter a new one."
