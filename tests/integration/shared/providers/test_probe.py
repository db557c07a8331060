"""What a key may do in a mailbox is found out step by step, and no mail is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.errors import Throttled
from shared.domain.mailboxes import Capability
from shared.providers.probe import ProbeStep, StepState, probe, probe_sending
from tests.integration.shared.providers.peers import READ_ONLY, SEND_ONLY, GmailPeer, GraphPeer, Peer, Seen, a_raw_mail

OK, FAILED, UNKNOWN = StepState.OK, StepState.FAILED, StepState.UNKNOWN
_UP_TO_MODIFY = frozenset({Capability.READ, Capability.MODIFY})


def probed(peer: Peer) -> dict[str, ProbeStep]:
    steps = probe(
        peer.record,
        peer.key,
        peer.address,
        peer.budget(),
        lambda scopes: peer.record.acquire_token(peer.key, peer.address, scopes),
    )
    return {step.name: step for step in steps}


def states(peer: Peer) -> dict[str, StepState]:
    return {name: step.state for name, step in probed(peer).items()}


def test_a_key_that_may_do_everything_passes_every_step_and_changes_nothing(peer: Peer) -> None:
    mail_id = peer.plant(a_raw_mail("one"))
    assert states(peer) == {"token": OK, "list": OK, "read": OK, "modify": OK, "delete": OK}
    assert peer.look(mail_id) == Seen("inbox", unread=True)


def test_in_an_empty_mailbox_reading_is_not_proven(peer: Peer) -> None:
    assert states(peer) == {"token": OK, "list": OK, "read": UNKNOWN, "modify": OK, "delete": OK}


def test_a_key_that_may_only_read_is_told_what_is_missing(peer: Peer) -> None:
    mail_id = peer.plant(a_raw_mail("one"))
    peer.allow_only(READ_ONLY)
    steps = probed(peer)
    assert {name: step.state for name, step in steps.items()} == {
        "token": OK,
        "list": OK,
        "read": OK,
        "modify": FAILED,
        "delete": FAILED,
    }
    for name in ("modify", "delete"):
        diagnosis = steps[name].diagnosis
        assert diagnosis is not None
        assert diagnosis.fix
    assert peer.look(mail_id) == Seen("inbox", unread=True)


def test_google_may_allow_trash_and_not_deletion(gmail: GmailPeer) -> None:
    gmail.plant(a_raw_mail("one"))
    gmail.allow_only(_UP_TO_MODIFY)
    steps = probed(gmail)
    assert (steps["modify"].state, steps["delete"].state) == (OK, FAILED)
    assert steps["modify"].scopes == "https://www.googleapis.com/auth/gmail.modify"


def test_a_refused_key_is_one_failed_step(graph: GraphPeer) -> None:
    graph.key = replace(graph.key, client_secret="wrong")
    (step,) = probed(graph).values()
    assert (step.name, step.state) == ("token", FAILED)
    assert step.diagnosis is not None
    assert step.diagnosis.code == "AADSTS7000215"


def test_a_mailbox_without_a_licence_is_told_at_the_listing(graph: GraphPeer) -> None:
    graph.control.register_mailbox("microsoft", graph.address, licensed=False)
    steps = probed(graph)
    assert (steps["token"].state, steps["list"].state) == (OK, FAILED)
    assert steps["list"].diagnosis is not None
    assert steps["list"].diagnosis.code == "MailboxNotEnabledForRESTAPI"


@pytest.mark.parametrize("operation", ["token", "list_unread"])
def test_a_throttle_proves_nothing_either_way(peer: Peer, operation: str) -> None:
    peer.fail(operation, Throttled)
    assert states(peer)["token" if operation == "token" else "list"] is UNKNOWN


def probed_sending(peer: Peer) -> ProbeStep:
    return probe_sending(
        peer.record,
        peer.key,
        peer.address,
        peer.budget(),
        lambda scopes: peer.record.acquire_token(peer.key, peer.address, scopes),
    )


def test_that_a_key_may_send_is_found_out_without_sending(peer: Peer) -> None:
    step = probed_sending(peer)
    assert (step.name, step.state, step.capability) == ("send", OK, Capability.SEND)
    assert peer.left() == []


def test_a_key_that_may_only_send_passes(peer: Peer) -> None:
    peer.allow_only(SEND_ONLY)
    assert probed_sending(peer).state is OK
    assert peer.left() == []


def test_a_key_that_may_not_send_is_told_what_is_missing(peer: Peer) -> None:
    peer.allow_only(READ_ONLY)
    step = probed_sending(peer)
    assert step.state is FAILED
    assert step.diagnosis is not None
    assert step.diagnosis.fix


def test_a_right_to_send_that_is_in_no_token_is_found_by_a_harmless_call(graph: GraphPeer) -> None:
    graph.record = replace(graph.record, granted=lambda token, scopes: frozenset({Capability.READ}))
    assert probed_sending(graph).state is OK
    assert graph.left() == []


def test_a_throttle_does_not_decide_whether_a_key_may_send(peer: Peer) -> None:
    peer.fail("token", Throttled)
    assert probed_sending(peer).state is UNKNOWN


@pytest.mark.parametrize("how", [{"licensed": False}, {"denied_clients": True}])
def test_a_token_that_may_send_says_nothing_of_a_mailbox_that_is_not_there_or_closed_to_it(
    graph: GraphPeer, how: dict[str, bool]
) -> None:
    options = {"denied_clients": [graph.key.client_id]} if "denied_clients" in how else how
    graph.control.register_mailbox("microsoft", graph.address, **options)
    step = probed_sending(graph)
    assert step.state is FAILED
    assert step.diagnosis is not None
    assert step.diagnosis.code == ("ErrorAccessDenied" if "denied_clients" in how else "MailboxNotEnabledForRESTAPI")


def test_a_fault_that_may_pass_does_not_decide_whether_a_mailbox_can_send(graph: GraphPeer) -> None:
    graph.interrupt("send_draft", "503", after=False)
    assert probed_sending(graph).state is UNKNOWN
