"""A running simulator with one app, one service account and one mailbox of each provider, new for every test."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import google.auth.transport.requests
import msal
import pytest
import requests
from google.oauth2 import service_account

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.http.control_client import ControlClient
from services.simulator.settings import SimulatorSettings

TENANT = "22222222-2222-2222-2222-222222222222"
CLIENT = "11111111-1111-1111-1111-111111111111"
SECRET = "s3cret"
M365 = "bounces@contoso.example"
GMAIL = "bounces@corp.example"
ACCOUNT = "mail-app@proj.iam.gserviceaccount.com"
SCOPE = ["https://graph.microsoft.com/.default"]
FULL = "https://mail.google.com/"


@dataclass
class Bench:
    """What a test works with; sessions trust the simulator's own authority and nothing of the environment."""

    simulator: RunningSimulator
    control: ControlClient
    key_file: dict[str, Any]
    sessions: list[requests.Session] = field(default_factory=list)

    def session(self) -> requests.Session:
        made = requests.Session()
        made.trust_env = False
        made.verify = str(self.simulator.ca_file)
        self.sessions.append(made)
        return made

    def msal_app(self, secret: str = SECRET, client: str = CLIENT, tenant: str = TENANT) -> Any:
        authority = f"{self.simulator.https_url}/{tenant}"
        return msal.ConfidentialClientApplication(
            client, client_credential=secret, authority=authority, instance_discovery=False, http_client=self.session()
        )

    def google_credentials(self, subject: str = GMAIL, scopes: tuple[str, ...] = (FULL,)) -> Any:
        credentials: Any = service_account.Credentials
        made = credentials.from_service_account_info(self.key_file, scopes=scopes)
        return made.with_subject(subject)

    def google_token(self, subject: str = GMAIL, scopes: tuple[str, ...] = (FULL,)) -> str:
        credentials = self.google_credentials(subject, scopes)
        credentials.refresh(google.auth.transport.requests.Request(session=self.session()))
        return str(credentials.token)

    def graph(self, address: str = M365, *, immutable: bool = False) -> Api:
        token = self.msal_app().acquire_token_for_client(SCOPE)["access_token"]
        session = self.session()
        session.headers["Authorization"] = f"Bearer {token}"
        if immutable:
            session.headers["Prefer"] = 'IdType="ImmutableId"'
        return Api(session, f"{self.simulator.http_url}/v1.0", f"/users/{address}")

    def gmail(self, subject: str = GMAIL, scopes: tuple[str, ...] = (FULL,)) -> Api:
        session = self.session()
        session.headers["Authorization"] = f"Bearer {self.google_token(subject, scopes)}"
        return Api(session, self.simulator.http_url, "/gmail/v1/users/me")

    def plant(self, provider: str, count: int = 1, **more: Any) -> list[str]:
        """Mails <1@planted.example>, <2@…>, a minute apart, the last the newest. Their ids in that order."""
        mailbox = M365 if provider == "microsoft" else GMAIL
        body = {
            "provider": provider, "mailbox": mailbox,
            "mails": [
                {"raw": b64encode(planted(n)).decode(), "received": 1_790_000_000 + 60 * n} | more
                for n in range(1, count + 1)
            ],
        }  # fmt: skip
        return list(self.control.call("POST", "mails", body)["ids"])


@dataclass
class Api:
    """Requests below one mailbox."""

    session: requests.Session
    base: str
    mailbox: str

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        url = path if path.startswith("http") else self.base + self.mailbox + path
        return self.session.request(method, url, timeout=20, **more)


def planted(number: int) -> bytes:
    """A small mail."""
    return (
        f"From: Sender {number} <sender{number}@example.com>\r\nTo: <{M365}>\r\nSubject: Mail {number}\r\n"
        f"Message-ID: <{number}@planted.example>\r\nX-Kept: yes\r\n\r\nText {number}\r\n"
    ).encode()


@pytest.fixture(scope="session")
def running() -> Iterator[RunningSimulator]:
    simulator = start(SimulatorSettings())
    yield simulator
    simulator.stop()


@pytest.fixture
def bench(running: RunningSimulator) -> Iterator[Bench]:
    control = ControlClient(running.http_url)
    control.reset()
    control.register_app(TENANT, CLIENT, SECRET)
    control.register_mailbox("microsoft", M365)
    control.register_mailbox("google", GMAIL)
    key_file = control.register_service_account(ACCOUNT, token_uri=f"{running.https_url}/token")
    assert key_file is not None
    made = Bench(running, control, key_file)
    yield made
    for session in made.sessions:
        session.close()
