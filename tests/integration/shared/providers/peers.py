"""The other side of the contract suite: a mailbox at each provider, and a way to look at it that is not the client."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Self

from services.simulator.__main__ import RunningSimulator
from services.simulator.http.control_client import ControlClient
from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.errors import (
    ApiConnectError,
    CredentialsRejected,
    Diagnosis,
    MailboxMissing,
    PayloadRejected,
    PermissionMissing,
    ProviderUnavailable,
    SendingLimitReached,
    SendOutcomeUnknown,
    Throttled,
)
from shared.domain.mailboxes import Capability, Disposal, Folder, Provider
from shared.providers.answers import Call
from shared.providers.catalogue import catalogue
from shared.providers.gmail import auth as gmail_auth
from shared.providers.gmail.key_file import read_google_key
from shared.providers.http import Transport
from shared.providers.memory import MemoryProvider
from shared.providers.memory_sending import SendingBehaviour
from shared.providers.pacing import PacedBudget
from shared.providers.provider import Budget, Mailbox, ProviderRecord
from shared.providers.token_bucket import TokenBucket
from tests.integration.shared.providers.outgoing import Left

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
TENANT = "22222222-2222-4222-8222-222222222222"
SECRET = "s3cret~of.the-app"
_numbers = itertools.count(1)

READ_ONLY = frozenset({Capability.READ})
SEND_ONLY = frozenset({Capability.SEND})
_ROLES = {
    Capability.READ: "Mail.Read",
    Capability.MODIFY: "Mail.ReadWrite",
    Capability.DELETE: "Mail.ReadWrite",
    Capability.SEND: "Mail.Send",
}


def a_raw_mail(subject: str, *, size: int = 0) -> bytes:
    """A small mail, or one of at least `size` bytes."""
    head = f"From: mailer-daemon@acme.example\r\nTo: bounces@acme.example\r\nSubject: {subject}\r\n\r\n".encode()
    return head + b"0123456789abcdef" * max(1, (size - len(head)) // 16 + 1) + b"\r\n"


@dataclass(frozen=True)
class Seen:
    """A mail as it lies there now. place: `inbox`, `junk`, `trash`, a folder's name, or `gone`."""

    place: str
    unread: bool


class Peer(ABC):
    """One mailbox, its key and its record."""

    record: ProviderRecord
    key: ApiKey
    address: str

    def open(self, budget: Budget | None = None) -> Mailbox:
        """A client, with a new token where it needs one."""
        return self.record.open_mailbox(
            self.key,
            self.address,
            lambda renew: self.record.acquire_token(self.key, self.address, self.scopes),
            budget or self.budget(),
        )

    scopes = ".default"

    def budget(self) -> Budget:
        """The real pacing over a bucket so large that no test waits."""
        limits = replace(self.record.limits, units_per_second=1e6, burst=1e6)
        bucket = TokenBucket(limits, level=limits.burst)
        return PacedBudget(bucket.reserve_for("test"), limits, block=bucket.block, patience_seconds=0.5)

    @abstractmethod
    def plant(self, raw: bytes, *, folder: Folder = Folder.INBOX, minute: int = 0, unread: bool = True) -> str:
        """Puts a mail there, received `minute` minutes after START; the id as the client will list it."""

    @abstractmethod
    def look(self, mail_id: str) -> Seen: ...

    @abstractmethod
    def take_out(self, mail_id: str) -> None:
        """Somebody else removes the mail for good."""

    @abstractmethod
    def allow_only(self, capabilities: frozenset[Capability]) -> None:
        """From now on the key may do no more than this."""

    @abstractmethod
    def left(self) -> list[Left]:
        """What left this mailbox, each as often as it left."""

    @abstractmethod
    def interrupt(self, operation: str, kind: str, *, after: bool) -> None:
        """The next call gets no proper answer: `kind` is `cut` or a status of 500 and more. after: its work is done."""

    @abstractmethod
    def behave(
        self, *, new_message_ids: bool = False, drop_headers: bool = False, late: bool = False, display_name: str = ""
    ) -> None:
        """How the mailbox treats what is sent. late: the copy in Sent Items does not show while a test runs. display_name: its
        own."""

    @abstractmethod
    def fail(self, operation: str, error: type[ApiConnectError], *, retry_after: float | None = None) -> None:
        """The next call of `list_unread`, `fetch_raw`, `dispose` or `token` fails in the provider's way."""


class MemoryPeer(Peer):
    """The double."""

    def __init__(self, provider: Provider = Provider.MICROSOFT) -> None:
        self.memory = MemoryProvider(provider, now=lambda: datetime.now(UTC))
        self.record = self.memory.record()
        self.address = f"bounces{next(_numbers)}@acme.example"
        self.key = ApiKey(1, "key-1", 7, provider, "memory", "fingerprint", self.record.endpoints)
        self.memory.open(self.address)

    def plant(self, raw: bytes, *, folder: Folder = Folder.INBOX, minute: int = 0, unread: bool = True) -> str:
        at = START + timedelta(minutes=minute)
        return self.memory.plant(self.address, raw, folder=folder, received_at=at, unread=unread)

    def look(self, mail_id: str) -> Seen:
        found = {mail.mail_id: mail for mail in self.memory.mails(self.address)}.get(mail_id)
        return Seen(found.place, found.unread) if found else Seen("gone", False)

    def take_out(self, mail_id: str) -> None:
        self.memory.take_out(self.address, mail_id)

    def allow_only(self, capabilities: frozenset[Capability]) -> None:
        self.memory.open(self.address, granted=capabilities)

    def left(self) -> list[Left]:
        return [Left(copy.raw, copy.message_id) for copy in self.memory.sent(self.address)]

    def interrupt(self, operation: str, kind: str, *, after: bool) -> None:
        self.memory.force(operation, SendOutcomeUnknown(f"{operation}: {kind}"), after=after)

    def behave(
        self, *, new_message_ids: bool = False, drop_headers: bool = False, late: bool = False, display_name: str = ""
    ) -> None:
        behaviour = SendingBehaviour(
            new_message_ids, drop_headers, unseen_for=1_000 if late else 0, display_name=display_name
        )
        self.memory.open(self.address, sending=behaviour)

    def fail(self, operation: str, error: type[ApiConnectError], *, retry_after: float | None = None) -> None:
        diagnosis = Diagnosis("forced", "A test wants it.", "Nothing.")
        made = (
            error("forced", retry_after=retry_after)
            if issubclass(error, Throttled | ProviderUnavailable)
            else error("forced", diagnosis)
        )
        self.memory.force(operation, made)


class _SimulatedPeer(Peer):
    """A mailbox in the simulator, reached by the real client, msal and google-auth."""

    provider: Provider
    operations: Mapping[str, str]

    def __init__(self, simulator: RunningSimulator, transport: Transport) -> None:
        self.control = ControlClient(simulator.http_url)
        self.ca_file = simulator.ca_file
        self.transport = transport
        self.number = next(_numbers)
        self.address = f"bounces{self.number}@acme.example"
        self.record = catalogue(transport)[self.provider]
        self.control.register_mailbox(self.provider, self.address)

    def plant(self, raw: bytes, *, folder: Folder = Folder.INBOX, minute: int = 0, unread: bool = True) -> str:
        at = (START + timedelta(minutes=minute)).isoformat()
        place = {Folder.INBOX: "inbox", Folder.JUNK: self.junk}[folder]
        planted = self.control.plant(self.provider, self.address, raw, folder=place, received=at, unread=unread)
        return next(self._listed_id(mail) for mail in self._mails() if mail["id"] == planted)

    def look(self, mail_id: str) -> Seen:
        found = next((mail for mail in self._mails() if self._listed_id(mail) == mail_id), None)
        return Seen(self._place(found), bool(found["unread"])) if found else Seen("gone", False)

    def take_out(self, mail_id: str) -> None:
        assert self.open().dispose(Disposal.DELETE, [mail_id]) == {mail_id: None}

    def fail(self, operation: str, error: type[ApiConnectError], *, retry_after: float | None = None) -> None:
        kind = self._kind(operation, error)
        match = {"provider": str(self.provider), "operation": self.operations[operation]}
        if operation != "token":
            match["mailbox"] = self.address
        self.control.force(kind, match=match, times=1, retry_after=retry_after)

    def reached_by(self, transport: Transport) -> Self:
        """The same mailbox through another transport, for tokens too."""
        other = copy(self)
        other.record = catalogue(transport)[self.provider]
        return other

    def left(self) -> list[Left]:
        return [Left(one["raw"], str(one["message_id"]).strip("<>")) for one in self.control.sent(self.address)]

    def interrupt(self, operation: str, kind: str, *, after: bool) -> None:
        match = {"provider": str(self.provider), "operation": operation, "mailbox": self.address}
        self.control.force(kind, match=match, times=1, when="after" if after else "before")

    def behave(
        self, *, new_message_ids: bool = False, drop_headers: bool = False, late: bool = False, display_name: str = ""
    ) -> None:
        self.control.register_mailbox(
            self.provider,
            self.address,
            message_ids="rewrite" if new_message_ids else "keep",
            custom_headers="drop" if drop_headers else "keep",
            sent_items_delay=3600 if late else 0,
            display_name=display_name,
        )

    def _mails(self) -> list[dict[str, object]]:
        return self.control.mails(self.provider, self.address)

    junk: str

    @abstractmethod
    def _listed_id(self, mail: dict[str, object]) -> str: ...

    @abstractmethod
    def _place(self, mail: dict[str, object]) -> str: ...

    @abstractmethod
    def _kind(self, operation: str, error: type[ApiConnectError]) -> str: ...


class GraphPeer(_SimulatedPeer):
    """Microsoft 365, with an application of its own."""

    provider = Provider.MICROSOFT
    operations = MappingProxyType(
        {"list_unread": "list", "fetch_raw": "raw", "dispose": "move", "token": "token", "send": "send"}
    )
    junk = "junkemail"

    def __init__(self, simulator: RunningSimulator, transport: Transport) -> None:
        super().__init__(simulator, transport)
        client_id = f"11111111-1111-4111-8111-{self.number:012d}"
        self.control.register_app(TENANT, client_id, SECRET)
        self.key = ApiKey(
            1,
            "key-1",
            7,
            Provider.MICROSOFT,
            "graph",
            f"fingerprint {self.number}",
            Endpoints(simulator.https_url, simulator.https_url),
            tenant_id=TENANT,
            client_id=client_id,
            client_secret=SECRET,
        )

    def allow_only(self, capabilities: frozenset[Capability]) -> None:
        roles = sorted({_ROLES[capability] for capability in capabilities})
        self.control.register_app(TENANT, self.key.client_id, SECRET, roles=roles)

    def _listed_id(self, mail: dict[str, object]) -> str:
        return str(mail["lasting_id"])

    def _place(self, mail: dict[str, object]) -> str:
        places = mail["places"]
        assert isinstance(places, list)
        return {"junkemail": "junk", "deleteditems": "trash"}.get(places[0], str(places[0]))

    def _kind(self, operation: str, error: type[ApiConnectError]) -> str:
        if operation == "token":
            return {CredentialsRejected: "aadsts:7000215", ProviderUnavailable: "status:503", Throttled: "status:429"}[
                error
            ]
        return {
            Throttled: "status:429",
            ProviderUnavailable: "status:503",
            PermissionMissing: "graph_error:ErrorAccessDenied",
            MailboxMissing: "graph_error:MailboxNotEnabledForRESTAPI",
            PayloadRejected: "graph_error:ErrorInvalidRecipients",
            SendingLimitReached: "graph_error:ErrorExceededMessageLimit",
        }[error]


class GmailPeer(_SimulatedPeer):
    """Google Workspace, with a service account of its own."""

    provider = Provider.GOOGLE
    operations = MappingProxyType(
        {"list_unread": "list", "fetch_raw": "raw", "dispose": "*modify", "token": "token", "send": "send"}
    )
    junk = "SPAM"
    scopes = gmail_auth.FULL

    def __init__(self, simulator: RunningSimulator, transport: Transport) -> None:
        super().__init__(simulator, transport)
        account = f"bounces@project-{self.number}.iam.gserviceaccount.com"
        key_file = self.control.register_service_account(account, project=str(self.number))
        assert key_file is not None
        found = read_google_key(key_file["private_key"])
        self.key = ApiKey(
            1,
            "key-1",
            7,
            Provider.GOOGLE,
            "gmail",
            f"fingerprint {self.number}",
            Endpoints(f"{simulator.https_url}/token", simulator.https_url),
            service_account_email=account,
            private_key=found.private_key,
            private_key_id=key_file["private_key_id"],
        )

    def allow_only(self, capabilities: frozenset[Capability]) -> None:
        scopes = {sets[0] for capability, sets in gmail_auth.SCOPES.items() if capability in capabilities}
        key_file = self.control.register_service_account(
            self.key.service_account_email, project=str(self.number), scopes=sorted(scopes)
        )
        assert key_file is not None
        self.scopes = " ".join(sorted(scopes))
        private = read_google_key(key_file["private_key"]).private_key
        self.key = replace(self.key, private_key=private, private_key_id=key_file["private_key_id"])

    def _listed_id(self, mail: dict[str, object]) -> str:
        return str(mail["id"])

    def _place(self, mail: dict[str, object]) -> str:
        places = mail["places"]
        assert isinstance(places, list)
        for label, name in (("TRASH", "trash"), ("INBOX", "inbox"), ("SPAM", "junk")):
            if label in places:
                return name
        (own,) = (self._label(label) for label in places if str(label).startswith("Label_"))
        return own

    def _label(self, label_id: object) -> str:
        """The name that a person sees: Gmail's own listing has it."""
        token = self.record.acquire_token(self.key, self.address, gmail_auth.FULL)
        url = f"{self.key.endpoints.api}/gmail/v1/users/{self.address}/labels"
        call = Call("google", "labels", self.address)
        answer = self.transport.request(call, "GET", url, headers={"Authorization": f"Bearer {token.value}"})
        return next(str(label["name"]) for label in answer.object()["labels"] if label["id"] == label_id)

    def _kind(self, operation: str, error: type[ApiConnectError]) -> str:
        if operation == "token":
            return {
                CredentialsRejected: "invalid_grant:signature",
                ProviderUnavailable: "status:503",
                Throttled: "status:429",
            }[error]
        return {
            Throttled: "google_error:rateLimitExceeded",
            ProviderUnavailable: "status:503",
            PermissionMissing: "google_error:insufficientPermissions",
            MailboxMissing: "google_error:failedPrecondition",
            PayloadRejected: "google_error:invalidArgument",
            SendingLimitReached: "google_error:sendingLimit",
        }[error]
