"""Mailboxes at the simulator, with keys of ours that open them, and mail that lies in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from services.simulator.__main__ import RunningSimulator
from services.simulator.core.composing import OriginalMail, compose
from services.simulator.http.control_client import ControlClient
from shared.domain.api_keys import Endpoints
from shared.domain.mailboxes import Disposal, MailboxId, Provider
from shared.storage.database import Database
from tests.builders import a_bounce_server, a_sent_mail, a_subscriber, a_system_key

TENANT = "11111111-2222-3333-4444-555555555555"
SECRET = "a-secret-of-the-tests"
ROBOT = "robot@project.iam.gserviceaccount.com"
SHAPES = {Provider.MICROSOFT: "exchange", Provider.GOOGLE: "gmail"}


@dataclass(frozen=True)
class Planted:
    """One mail: what sort it is, whom it is about, and its id at the provider (which a move may change at Graph)."""

    kind: str
    reader: str
    message_id: str
    mailbox: str
    provider: Provider


class Simulated:
    """A world at one simulator, and its other half in one database."""

    def __init__(self, running: RunningSimulator, database: Database) -> None:
        self.running = running
        self.control = ControlClient(running.http_url)
        self.control.reset()
        self.database = database
        self._numbers = count(1)

    def a_key(self, provider: Provider, *, customer: str | None = None, roles: Sequence[str] | None = None) -> str:
        """A key at the provider and here; returns its uid. roles: what it may do (roles of an app, or Google's scopes)."""
        uid = f"{provider.value}-{customer or 'system'}"
        url = self.running.https_url
        name = "roles" if provider is Provider.MICROSOFT else "scopes"
        more: dict[str, Any] = {} if roles is None else {name: list(roles)}
        if provider is Provider.MICROSOFT:
            self.control.register_app(TENANT, f"client-{uid}", SECRET, **more)
            secret, identity, at = SECRET, f"client-{uid}", Endpoints(url, url)
        else:
            at = Endpoints(f"{url}/token", url)
            key_file = self.control.register_service_account(ROBOT, token_uri=at.authority, **more)
            assert key_file is not None
            secret, identity = key_file["private_key"], ROBOT
        a_system_key(
            self.database, uid=uid, customer=customer, provider=provider, secret=secret, identity=identity, endpoints=at
        )
        return uid

    def a_mailbox(
        self,
        provider: Provider = Provider.MICROSOFT,
        address: str = "bounces@news.example.com",
        *,
        key: str | None = None,
        disposal: Disposal = Disposal.TRASH,
        **server: Any,
    ) -> MailboxId:
        """A mailbox at the provider that a bounce server of ours looks into."""
        self.control.register_mailbox(provider.value, address)
        uid = key or self.a_key(provider)
        return a_bounce_server(
            self.database, address, key=uid, provider=provider, disposal=disposal, poll_seconds=60, **server
        )

    def plant(
        self,
        kind: str,
        provider: Provider = Provider.MICROSOFT,
        mailbox: str = "bounces@news.example.com",
        *,
        customer: str = "acme",
        folder: str = "inbox",
        shape: str = "",
        others: tuple[str, ...] = (),
    ) -> Planted:
        """A mail of this kind, about a mail that we sent to a subscriber of its own (and to `others`)."""
        number = next(self._numbers)
        reader, message_id = f"reader{number}@example.net", f"mail-{number}@news.example.com"
        in_list = f"news-{customer}"
        for address in (reader, *others):
            a_subscriber(self.database, address, in_list=in_list, customer=customer)
        a_sent_mail(
            self.database, reader, *others, message_id=message_id, reference=f"ref-{number}", customer=customer, in_list=in_list
        )  # fmt: skip
        now = datetime.now(UTC)
        original = OriginalMail(
            f"<{message_id}>", f"ref-{number}", "news@news.example.com", reader, sent_at=now - timedelta(hours=1)
        )
        victims = ("victim@example.net",) if kind == "forged_report" else others
        raw = compose(kind, original, at=now, token=f"{number:016x}", shape=shape or SHAPES[provider], others=victims)
        self.control.plant(provider.value, mailbox, raw, folder=folder)
        return Planted(kind, reader, message_id, mailbox, provider)

    def removals(self, mailbox: str | None = None) -> list[dict[str, Any]]:
        """What was taken out of mailboxes, in order."""
        return self.control.removals(mailbox)

    def unread(self, provider: Provider, mailbox: str) -> int:
        """Unread mails in inbox and junk."""
        here = {"inbox", "junkemail", "INBOX", "SPAM"}
        mails = self.control.mails(provider.value, mailbox)
        return sum(1 for mail in mails if mail["unread"] and here & set(mail["places"]))
