"""The one request function: what the network does becomes one of our errors, and nothing leaks."""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import struct
import threading
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


def tls_server(running: RunningSimulator, said: bytes, *, handshake: bool = True) -> tuple[str, threading.Thread]:
    """A server with the simulator's certificate that reads one request, says `said`, and drops the connection without a word of
    TLS. handshake False: it says nothing at all, not even hello."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = running.ca_file.parent
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening:
            plain, _ = listening.accept()
        if not handshake:
            plain.recv(1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            plain.close()
            return
        tls = context.wrap_socket(plain, server_side=True)
        tls.recv(65_536)
        if said:
            tls.sendall(said)
        os.close(tls.detach())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return f"https://localhost:{listening.getsockname()[1]}", thread


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_a_tls_connection_that_is_cut_after_the_request_leaves_the_outcome_open(
    running: RunningSimulator, transport: Transport, said: bytes
) -> None:
    url, thread = tls_server(running, said)
    assert type(error_of(transport, url, repeatable=False)) is OutcomeUnknown
    thread.join(5)


def test_a_tls_connection_that_does_not_come_about_has_done_nothing(
    running: RunningSimulator, transport: Transport
) -> None:
    url, thread = tls_server(running, b"", handshake=False)
    assert type(error_of(transport, url, repeatable=False)) is ProviderUnavailable
    thread.join(5)


def test_a_tls_greeting_that_never_ends_has_done_nothing(http: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection, never speaks
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        assert type(error_of(http, url, repeatable=False)) is ProviderUnavailable


def test_a_name_that_does_not_exist_has_done_nothing(http: Transport) -> None:
    assert type(error_of(http, "http://nowhere.invalid/", repeatable=False)) is ProviderUnavailable


def test_a_connection_that_is_never_taken_has_done_nothing() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # the backlog is full, so one more is left without an answer
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        impatient = Transport(connect_timeout=0.2, read_timeout=5)
        assert type(error_of(impatient, f"http://127.0.0.1:{port}", repeatable=False)) is ProviderUnavailable
        for one in waiting:
            one.close()
        impatient.close()


def test_a_kept_connection_that_the_server_drops_after_the_next_request_leaves_its_outcome_open(
    http: Transport, server: ScriptedServer
) -> None:
    server.answers(200, {})
    http.request(CALL, "GET", server.url)
    server.says(b"")
    assert type(error_of(http, server.url, repeatable=False)) is OutcomeUnknown


@pytest.mark.parametrize("status", [400, 403, 404, 429, 501, 507])
def test_a_refusal_is_an_answer_even_if_its_text_does_not_arrive(
    http: Transport, server: ScriptedServer, status: int
) -> None:
    server.says(f"HTTP/1.1 {status} No\r\nContent-Length: 99\r\n\r\n{{".encode())
    assert type(error_of(http, server.url, repeatable=False)) is ProviderUnavailable


def test_a_redirect_of_what_must_not_be_repeated_leaves_the_outcome_open(
    http: Transport, server: ScriptedServer
) -> None:
    server.answers(307, {}, Location=f"{server.url}/elsewhere")
    assert type(error_of(http, server.url, repeatable=False)) is OutcomeUnknown


def test_an_answer_that_drips_leaves_the_outcome_open(server: ScriptedServer) -> None:
    impatient = Transport(read_timeout=1, total_timeout=0)
    server.answers(200, b"x" * 100)
    assert type(error_of(impatient, server.url, repeatable=False)) is OutcomeUnknown
    impatient.close()


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
