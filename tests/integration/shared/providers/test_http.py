"""The one request function: what the network does becomes one of our errors, and nothing leaks."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator

import pytest

from services.simulator.__main__ import RunningSimulator
from shared.domain.errors import OutcomeUnknown, PayloadRejected, ProviderUnavailable
from shared.providers.answers import Call
from shared.providers.http import Transport
from tests.integration.shared.providers.scripted_server import ScriptedServer

CALL = Call("microsoft", "send", "bounces@acme.example")


@pytest.fixture
def http() -> Iterator[Transport]:
    made = Transport(connect_timeout=1, read_timeout=0.2, total_timeout=5)
    yield made
    made.close()


def error_of(http: Transport, url: str, *, repeatable: bool) -> Exception:
    with pytest.raises(ProviderUnavailable) as caught:
        http.request(CALL, "POST", url, body=b"{}", repeatable=repeatable)
    assert "microsoft send for bounces@acme.example" in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "script", [None, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"no http at all\r\n\r\n"]
)
def test_no_answer_to_what_was_sent_leaves_the_outcome_open(
    http: Transport, server: ScriptedServer, script: bytes | None
) -> None:
    server.says(script, script)
    assert type(error_of(http, server.url, repeatable=False)) is OutcomeUnknown
    assert type(error_of(http, server.url, repeatable=True)) is ProviderUnavailable
    assert len(server.received) == 2  # nothing was repeated


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_failed_leaves_the_outcome_open(http: Transport, server: ScriptedServer, status: int) -> None:
    server.answers(status, {})
    assert type(error_of(http, server.url, repeatable=False)) is OutcomeUnknown


def test_a_server_that_can_not_be_reached_has_done_nothing(http: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert type(error_of(http, f"http://127.0.0.1:{port}", repeatable=False)) is ProviderUnavailable


def test_a_server_with_a_certificate_of_somebody_else_is_told_nothing(
    http: Transport, simulator: RunningSimulator
) -> None:
    assert type(error_of(http, f"{simulator.https_url}/token", repeatable=False)) is ProviderUnavailable


def test_the_environment_changes_nothing(
    transport: Transport, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere.pem")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert transport.request(CALL, "POST", f"{simulator.https_url}/token").status == 400


def test_a_redirect_is_not_followed(http: Transport, server: ScriptedServer) -> None:
    server.answers(302, {}, Location=f"{server.url}/elsewhere")
    with pytest.raises(ProviderUnavailable, match="redirect"):
        http.request(CALL, "GET", server.url, headers={"Authorization": "Bearer x"})
    assert len(server.received) == 1


def test_an_answer_is_read_up_to_the_cap_and_no_further(http: Transport, server: ScriptedServer) -> None:
    server.answers(200, b"x" * 200_000)
    answer = http.request(CALL, "GET", server.url, max_bytes=70_000)
    assert (len(answer.body), answer.truncated) == (70_000, True)


def test_a_small_answer_that_unpacks_to_a_huge_one_is_cut(http: Transport, server: ScriptedServer) -> None:
    server.answers(200, gzip.compress(b"0" * 50_000_000), Content_Encoding="gzip")
    answer = http.request(CALL, "GET", server.url, max_bytes=100_000)
    assert (len(answer.body), answer.truncated) == (100_000, True)


def test_a_refusal_is_read_even_when_the_cap_is_small(http: Transport, server: ScriptedServer) -> None:
    server.answers(403, {"error": {"code": "ErrorAccessDenied", "message": "x" * 500}})
    answer = http.request(CALL, "GET", server.url, max_bytes=10)
    assert answer.error_object() is not None


def test_a_server_that_drips_is_left_in_the_end(server: ScriptedServer) -> None:
    impatient = Transport(read_timeout=1, total_timeout=0)
    server.answers(200, b"x" * 100)
    with pytest.raises(ProviderUnavailable, match="did not end in time"):
        impatient.request(CALL, "GET", server.url)
    impatient.close()


def test_one_customers_cookie_is_not_sent_for_another(http: Transport, server: ScriptedServer) -> None:
    server.answers(200, {}, Set_Cookie="who=acme; Path=/")
    server.answers(200, {})
    for _ in range(2):
        http.request(CALL, "GET", server.url)
    assert all("cookie" not in one.headers for one in server.received)


@pytest.mark.parametrize("url", ["ftp://graph.example/x", "graph.example", "http://", ""])
def test_an_address_that_is_none_is_for_the_keys_owner(http: Transport, url: str) -> None:
    with pytest.raises(PayloadRejected) as caught:
        http.request(CALL, "GET", url)
    assert caught.value.diagnosis.code == "invalidEndpoint"


def test_every_call_is_observed_with_its_status_also_when_none_came(server: ScriptedServer) -> None:
    seen: list[tuple[str, str, int]] = []
    observed = Transport(
        read_timeout=1, observe=lambda provider, name, status, _: seen.append((provider, name, status))
    )
    server.answers(404, {})
    server.says(b"")
    observed.request(CALL, "GET", server.url)
    with pytest.raises(ProviderUnavailable):
        observed.request(CALL, "GET", server.url)
    observed.close()
    assert seen == [("microsoft", "send", 404), ("microsoft", "send", 0)]
