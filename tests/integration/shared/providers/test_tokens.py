"""Tokens through the real msal and google-auth: what is wrong with a key is told by the table, each time anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.errors import CredentialsRejected, MailboxMissing, Permanent, ProviderUnavailable, Throttled
from shared.domain.mailboxes import Capability
from shared.domain.tokens import AccessToken
from shared.providers.gmail import auth as gmail_auth
from shared.providers.graph import auth as graph_auth
from tests.integration.shared.providers.peers import SECRET, TENANT, GmailPeer, GraphPeer, Peer

READ = frozenset({Capability.READ})


def token(peer: Peer, key: ApiKey | None = None, scopes: str = "") -> AccessToken:
    wanted = scopes or peer.record.scopes[Capability.READ][0]
    return peer.record.acquire_token(key or peer.key, peer.address, wanted)


def test_a_token_lasts_as_long_as_was_said(graph: GraphPeer, gmail: GmailPeer) -> None:
    hour = datetime.now(UTC) + timedelta(seconds=3_599)
    for peer in (graph, gmail):
        assert abs(token(peer).expires_at - hour) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda key: replace(key, client_secret="wrong"), "AADSTS7000215"),
        (lambda key: replace(key, client_id="99999999-9999-4999-8999-999999999999"), "AADSTS700016"),
        (lambda key: replace(key, tenant_id="99999999-9999-4999-8999-999999999999"), "AADSTS90002"),
        (lambda key: replace(key, tenant_id="not a tenant"), "AADSTS900023"),
    ],
)
def test_what_is_wrong_with_a_microsoft_key_is_named(
    graph: GraphPeer, spoil: Callable[[ApiKey], ApiKey], code: str
) -> None:
    with pytest.raises(CredentialsRejected) as caught:
        token(graph, spoil(graph.key))
    assert caught.value.diagnosis.code == code
    assert (caught.value.mailbox, caught.value.call) == (graph.address, "token")
    assert SECRET not in str(caught.value)


def test_an_expired_secret_is_told_from_a_wrong_one(graph: GraphPeer) -> None:
    graph.control.register_app(TENANT, graph.key.client_id, SECRET, secret_expires_at="2026-01-01T00:00:00Z")
    with pytest.raises(CredentialsRejected) as caught:
        token(graph)
    assert caught.value.diagnosis.code == "AADSTS7000222"


def test_a_corrected_key_works_at_once(graph: GraphPeer) -> None:
    """msal alone would repeat the refusal of an identical request for a minute."""
    graph.control.force("aadsts:700016", match={"provider": "microsoft", "operation": "token"}, times=1)
    with pytest.raises(CredentialsRejected):
        token(graph)
    assert token(graph).value


@pytest.mark.parametrize("number", [7000112, 7000218, 70011, 500011, 700024, 700027])
def test_other_refusals_of_entra_are_in_the_table(graph: GraphPeer, number: int) -> None:
    graph.control.force(f"aadsts:{number}", match={"provider": "microsoft", "operation": "token"}, times=1)
    with pytest.raises(CredentialsRejected) as caught:
        token(graph)
    assert caught.value.diagnosis.code == f"AADSTS{number}"


@pytest.mark.parametrize("address", ["http://login.example", "login.example", "https:///", "nonsense"])
def test_a_login_address_that_is_none_is_for_the_keys_owner(graph: GraphPeer, address: str) -> None:
    with pytest.raises(Permanent) as caught:
        token(graph, replace(graph.key, endpoints=Endpoints(address, graph.key.endpoints.api)))
    assert caught.value.diagnosis.code in ("invalidAuthority", "invalidEndpoint")


def test_a_discovery_document_that_lacks_the_endpoint_is_an_outage(graph: GraphPeer) -> None:
    match = {"provider": "microsoft", "operation": "discovery"}
    graph.control.force("empty", match=match, times=1, body='{"issuer": "x"}')
    with pytest.raises(ProviderUnavailable, match="lacks 'authorization_endpoint'"):
        token(graph)


@pytest.mark.parametrize("operation", ["token", "discovery"])
@pytest.mark.parametrize("kind", ["status:500", "status:503", "not_json", "truncated_json", "empty", "cut"])
def test_an_outage_of_the_login_is_not_the_keys_fault(graph: GraphPeer, operation: str, kind: str) -> None:
    graph.control.force(kind, match={"provider": "microsoft", "operation": operation}, times=1)
    with pytest.raises(ProviderUnavailable):
        token(graph)


@pytest.mark.parametrize("kind", ["status:500", "status:503", "not_json", "truncated_json", "empty", "cut"])
def test_an_outage_of_googles_login_is_not_the_keys_fault(gmail: GmailPeer, kind: str) -> None:
    gmail.control.force(kind, match={"provider": "google", "operation": "token"}, times=1)
    with pytest.raises(ProviderUnavailable):
        token(gmail)


def test_googles_refusal_is_asked_for_once_and_not_waited_for(gmail: GmailPeer) -> None:
    """google-auth alone would repeat a 429 three times, with pauses."""
    gmail.control.restart_statistics()
    gmail.control.force("status:429", match={"provider": "google", "operation": "token"}, times=9)
    with pytest.raises(Throttled):
        token(gmail)
    assert gmail.control.statistics()["calls"]["google"]["token"] == {"429": 1}


@pytest.mark.parametrize(
    ("spoil", "error", "code"),
    [
        (lambda key: replace(key, service_account_email="x@y.example"), CredentialsRejected, "invalid_grant"),
        (lambda key: replace(key, private_key="nonsense"), CredentialsRejected, "private_key"),
    ],
)
def test_what_is_wrong_with_a_google_key_is_named(
    gmail: GmailPeer, spoil: Callable[[ApiKey], ApiKey], error: type[Permanent], code: str
) -> None:
    with pytest.raises(error) as caught:
        token(gmail, spoil(gmail.key))
    assert caught.value.diagnosis.code == code


def test_a_withdrawn_key_is_named(gmail: GmailPeer) -> None:
    before = gmail.key
    gmail.allow_only(frozenset(Capability))
    with pytest.raises(CredentialsRejected, match=r"Invalid JWT Signature"):
        token(gmail, before)


def test_a_user_that_does_not_exist_is_a_missing_mailbox(gmail: GmailPeer) -> None:
    with pytest.raises(MailboxMissing):
        gmail.record.acquire_token(gmail.key, "nobody@acme.example", gmail_auth.READONLY)


def test_a_scope_that_is_not_delegated_fails_the_whole_token(gmail: GmailPeer) -> None:
    gmail.allow_only(READ)
    assert token(gmail, scopes=gmail_auth.READONLY).value
    with pytest.raises(CredentialsRejected) as caught:
        token(gmail, scopes=f"{gmail_auth.READONLY} {gmail_auth.MODIFY}")
    assert caught.value.diagnosis.code == "unauthorized_client"


def test_the_microsoft_token_names_what_it_grants(graph: GraphPeer) -> None:
    assert graph.record.granted(token(graph), ".default") == frozenset(Capability)
    graph.allow_only(READ)
    assert graph.record.granted(token(graph), ".default") == READ


def test_an_opaque_microsoft_token_grants_nothing_that_is_known() -> None:
    opaque = AccessToken("not-a-jwt", datetime(2030, 1, 1, tzinfo=UTC))
    assert graph_auth.granted(opaque, ".default") == frozenset()


@pytest.mark.parametrize(
    ("scopes", "capabilities"),
    [
        (gmail_auth.READONLY, READ),
        (gmail_auth.MODIFY, frozenset({Capability.READ, Capability.MODIFY, Capability.SEND})),
        (gmail_auth.SEND, frozenset({Capability.SEND})),
        (gmail_auth.FULL, frozenset(Capability)),
        (f"{gmail_auth.SEND} {gmail_auth.READONLY}", frozenset({Capability.SEND, Capability.READ})),
        ("", frozenset()),
    ],
)
def test_googles_scopes_name_what_they_grant(scopes: str, capabilities: frozenset[Capability]) -> None:
    opaque = AccessToken("ya29.x", datetime(2030, 1, 1, tzinfo=UTC))
    assert gmail_auth.granted(opaque, scopes) == capabilities


def test_one_microsoft_token_serves_the_tenant_and_a_google_one_a_mailbox(graph: GraphPeer, gmail: GmailPeer) -> None:
    for peer, same in ((graph, True), (gmail, False)):
        scopes = peer.record.scopes[Capability.READ][0]
        one, other = (
            peer.record.token_subject(peer.key, address, scopes) for address in ("a@x.example", "b@x.example")
        )
        assert (one == other) is same


def test_the_order_of_scopes_makes_no_other_token(gmail: GmailPeer) -> None:
    one, other = (gmail.record.token_subject(gmail.key, "a@x.example", scopes) for scopes in ("b a", " a  b"))
    assert one == other
