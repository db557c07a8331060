"""A simulator with an app, a service account and a mailbox of each provider; the makers' own clients talk to it.

Whatever a client was answered is recorded below it, on the wire, and checked when the test ends: Gmail's answers against the
discovery document that comes with Google's client, Graph's against the shapes of its documentation.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.http.control_client import ControlClient
from services.simulator.settings import SimulatorSettings
from tests.conformance.discovery import Discovery
from tests.conformance.google_client import GoogleClient
from tests.conformance.graph_client import GraphClient
from tests.conformance.graph_shapes import check_exchange

TENANT = "22222222-2222-2222-2222-222222222222"
CLIENT = "11111111-1111-1111-1111-111111111111"
SECRET = "s3cret"
M365 = "bounces@contoso.example"
GMAIL = "bounces@corp.example"
ACCOUNT = "mail-app@proj.iam.gserviceaccount.com"
FIRST_RECEIVED = 1_790_000_000


@dataclass(frozen=True, slots=True)
class Here:
    """The simulator as a test sees it. url: https or http, as the test is run with both."""

    running: RunningSimulator
    control: ControlClient
    url: str

    def plant(self, provider: str, count: int = 1, **more: Any) -> list[str]:
        """Mails <1@planted.example>, <2@…>, a minute apart, the last the newest. Their ids in that order."""
        mailbox = M365 if provider == "microsoft" else GMAIL
        mails = [
            {"raw": b64encode(planted(number)).decode(), "received": FIRST_RECEIVED + 60 * number} | more
            for number in range(1, count + 1)
        ]
        return list(
            self.control.call("POST", "mails", {"provider": provider, "mailbox": mailbox, "mails": mails})["ids"]
        )

    def mail(self, provider: str, mail_id: str) -> dict[str, Any]:
        """One mail as the control API shows it, by either of its ids."""
        mails = self.control.mails(provider, M365 if provider == "microsoft" else GMAIL)
        return next(one for one in mails if mail_id in (one["id"], one["lasting_id"]))

    def calls(self, provider: str, operation: str) -> dict[str, int]:
        """How often an operation was asked for, by status."""
        found: dict[str, int] = self.control.statistics()["calls"].get(provider, {}).get(operation, {})
        return found


def planted(number: int) -> bytes:
    """A mail with a text, a page and an attachment, and a name that is not ASCII."""
    return (
        f"From: =?utf-8?q?S=C3=BCnder_{number}?= <sender{number}@example.com>\r\nTo: Reader <reader@example.net>\r\n"
        f"Subject: Mail {number}\r\nMessage-ID: <{number}@planted.example>\r\nX-Kept: yes\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="outer"\r\n\r\n'
        '--outer\r\nContent-Type: multipart/alternative; boundary="inner"\r\n\r\n'
        f"--inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nText {number}\r\n"
        f"--inner\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Text {number}</p>\r\n--inner--\r\n"
        "--outer\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcK\r\n--outer--\r\n"
    ).encode()


def pytest_configure(config: pytest.Config) -> None:
    """What the clients say about their own innards is not ours to repair; all other warnings stay errors."""
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")


@pytest.fixture(scope="session")
def simulator() -> Iterator[RunningSimulator]:
    """One for the whole run."""
    running = start(SimulatorSettings())
    yield running
    running.stop()


@pytest.fixture(scope="session")
def discovery() -> Discovery:
    """Gmail's discovery document, out of Google's client."""
    return Discovery.shipped()


@pytest.fixture(params=["https", "http"])
def here(request: pytest.FixtureRequest, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Here:
    """An emptied simulator with what both clients need."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    control = ControlClient(simulator.http_url)
    control.reset()
    control.register_app(TENANT, CLIENT, SECRET)
    control.register_mailbox("microsoft", M365)
    control.register_mailbox("google", GMAIL)
    return Here(simulator, control, simulator.https_url if request.param == "https" else simulator.http_url)


@pytest.fixture
def gmail(here: Here, discovery: Discovery) -> Iterator[GoogleClient]:
    """google-api-python-client, signed in as the mailbox."""
    key_file = here.control.register_service_account(ACCOUNT, token_uri=f"{here.url}/token")
    assert key_file is not None
    client = GoogleClient(discovery.document, here.url, here.running.ca_file, key_file, GMAIL)
    yield client
    client.close()
    assert client.exchanges
    for exchange in client.exchanges:
        discovery.check(exchange)


@pytest.fixture
def graph(here: Here) -> Iterator[GraphClient]:
    """msgraph-sdk with azure-identity; tokens come over https in any case, since azure-identity allows nothing else."""
    client = GraphClient(here.url, here.running.https_url, here.running.ca_file, TENANT, CLIENT, SECRET)
    yield client
    client.close()
    assert client.exchanges
    for exchange in client.exchanges:
        check_exchange(exchange)
