"""A provider in memory: the double for handler and pipeline tests. It passes the providers' contract suite.

It has no network, no limits and no tokens of worth; a test plants mail, forces errors, and reads the log of removals.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from shared.domain.api_keys import GOOGLE_ENDPOINTS, MICROSOFT_ENDPOINTS, ApiKey
from shared.domain.errors import ApiConnectError, Diagnosis, MailboxMissing, MailGone, PermissionMissing
from shared.domain.mailboxes import Capability, Disposal, Folder, ListedMail, Provider, normalize_address
from shared.domain.sending import DraftState, MailForm, SendLimits, SentIds
from shared.domain.tokens import AccessToken, TokenSubject
from shared.providers.memory_sending import Outbox, SendingBehaviour, SentCopy, check_granted
from shared.providers.provider import Budget, BudgetLimits, Page, ProviderRecord, RawMail, TokenSource

_Done = TypeVar("_Done")

_NEEDED = {
    Disposal.MARK_READ: Capability.MODIFY,
    Disposal.MOVE: Capability.MODIFY,
    Disposal.TRASH: Capability.MODIFY,
    Disposal.DELETE: Capability.DELETE,
}


@dataclass(frozen=True, slots=True)
class PlantedMail:
    """A mail as it lies there. place: `inbox`, `junk`, `trash`, or the name of the folder it was moved to."""

    mail_id: str
    raw: bytes
    place: str
    received_at: datetime
    unread: bool = True


@dataclass(frozen=True, slots=True)
class Removal:
    """One entry of the log: what was done to which mail, in the order it was done. gone: it was not there any more."""

    address: str
    mail_id: str
    disposal: Disposal
    move_to: str | None = None
    gone: bool = False


@dataclass(slots=True)
class _Box:
    mails: dict[str, PlantedMail] = field(default_factory=dict)
    granted: frozenset[Capability] = frozenset(Capability)
    outbox: Outbox = field(default_factory=Outbox)


class MemoryProvider:
    """All mailboxes of one provider. Safe for threads. `records` stands in for the catalogue.

    removals: the log. calls: how often each operation was asked for, by name (`token`, `list_unread`, `fetch_raw`,
    `dispose`, `send`, …). A mailbox exists once something was planted in it or `open` was called for it.
    """

    def __init__(self, provider: Provider = Provider.MICROSOFT, *, now: Callable[[], datetime] | None = None) -> None:
        self.provider = provider
        self.removals: list[Removal] = []
        self.calls: Counter[str] = Counter()
        self._now = now or (lambda: datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
        self._boxes: dict[str, _Box] = {}
        self._forced: dict[tuple[str, str, bool], deque[ApiConnectError]] = {}
        self._planted = 0
        self.lock = threading.RLock()

    def open(
        self,
        address: str,
        *,
        granted: frozenset[Capability] = frozenset(Capability),
        sending: SendingBehaviour | None = None,
    ) -> None:
        """Makes the mailbox, or changes what keys may do in it and how it treats what is sent."""
        with self.lock:
            box = self._boxes.setdefault(normalize_address(address), _Box())
            box.granted = granted
            google = self.provider is Provider.GOOGLE
            box.outbox.behaviour = sending or SendingBehaviour(tells_ids=google)

    def sent(self, address: str) -> tuple[SentCopy, ...]:
        """What left the mailbox, in order, each as often as it left."""
        with self.lock:
            return tuple(self._boxes[normalize_address(address)].outbox.sent.values())

    def plant(
        self,
        address: str,
        raw: bytes,
        *,
        folder: Folder = Folder.INBOX,
        received_at: datetime | None = None,
        unread: bool = True,
    ) -> str:
        """Puts a mail there and returns its id. Without `received_at` each is a second younger than the one before."""
        with self.lock:
            self._planted += 1
            at = received_at or self._now() - timedelta(days=1) + timedelta(seconds=self._planted)
            mail = PlantedMail(f"mail-{self._planted:06d}", raw, folder.value, at, unread)
            self._boxes.setdefault(normalize_address(address), _Box()).mails[mail.mail_id] = mail
            return mail.mail_id

    def take_out(self, address: str, mail_id: str) -> None:
        """Somebody else deletes the mail."""
        with self.lock:
            self._boxes[normalize_address(address)].mails.pop(mail_id)

    def force(
        self, operation: str, error: ApiConnectError, *, address: str = "", times: int = 1, after: bool = False
    ) -> None:
        """The next `times` calls of this operation (in that mailbox, or any) fail with `error`. after: the work is done first."""
        with self.lock:
            self._forced.setdefault((operation, normalize_address(address), after), deque()).extend([error] * times)

    def mails(self, address: str) -> tuple[PlantedMail, ...]:
        """What lies in the mailbox now, in the order of planting, trash included."""
        with self.lock:
            return tuple(self._boxes[normalize_address(address)].mails.values())

    def records(self) -> Mapping[Provider, ProviderRecord]:
        """The catalogue with this provider alone; join two by `|`."""
        return {self.provider: self.record()}

    def record(self) -> ProviderRecord:
        """The capability record; the limits are so wide that no test waits."""
        google = self.provider is Provider.GOOGLE
        return ProviderRecord(
            provider=self.provider,
            label=f"{self.provider} (memory)",
            server_type="gmail-api" if google else "microsoft-graph-api",
            endpoints=GOOGLE_ENDPOINTS if google else MICROSOFT_ENDPOINTS,
            folders=(Folder.INBOX, Folder.JUNK),
            scopes=dict.fromkeys(Capability, (".default",)),
            sending_scopes=(".default",),
            max_custom_headers=None if google else 5,
            limits=BudgetLimits(units_per_second=1e6, burst=1e6, slots=4),
            send_limits=SendLimits(),
            batch_sizes=dict.fromkeys(_NEEDED, 20),
            token_subject=lambda key, address, scopes: TokenSubject(
                self.provider, key.credential, normalize_address(address), scopes
            ),
            acquire_token=self._acquire_token,
            granted=lambda token, scopes: frozenset(),
            open_mailbox=lambda key, address, tokens, budget: MemoryMailbox(self, address, tokens, budget),
            budget_scope=lambda key, address: f"{self.provider}/{key.credential}/{normalize_address(address)}",
        )

    def box(self, operation: str, address: str) -> _Box:
        """The mailbox for one call, which is counted. Raises what was forced, or MailboxMissing."""
        with self.lock:
            self.calls[operation] += 1
            self._raise_forced(operation, address, after=False)
            found = self._boxes.get(normalize_address(address))
        if found is None:
            diagnosis = Diagnosis("noMailbox", "There is no such mailbox.", "Plant a mail in it first.")
            raise MailboxMissing(f"{operation} for {address}", diagnosis, mailbox=address, call=operation)
        return found

    def sending(self, operation: str, address: str, work: Callable[[Outbox], _Done]) -> _Done:
        """One call on what the mailbox sends: what was forced before, the right, the work, what was forced after."""
        box = self.box(operation, address)
        with self.lock:
            check_granted(operation, box.granted, address)
            done = work(box.outbox)
            self._raise_forced(operation, address, after=True)
            return done

    def now(self) -> datetime:
        """The provider's clock."""
        return self._now()

    def _raise_forced(self, operation: str, address: str, *, after: bool) -> None:
        for wanted in (normalize_address(address), ""):
            waiting = self._forced.get((operation, wanted, after))
            if waiting:
                raise waiting.popleft()

    def _acquire_token(self, key: ApiKey, address: str, scopes: str) -> AccessToken:
        self.box("token", address)
        return AccessToken(f"memory-token-{self.calls['token']}", self._now() + timedelta(hours=1))


class MemoryMailbox:
    """One mailbox of a MemoryProvider. Implements shared.providers.provider.Mailbox."""

    def __init__(self, provider: MemoryProvider, address: str, tokens: TokenSource, budget: Budget) -> None:
        self.address = address
        self._provider = provider
        self._tokens = tokens
        self._budget = budget

    def list_unread(self, folder: Folder, *, since: datetime | None, page: str | None, page_size: int) -> Page:
        """Oldest first. `page`: the last one's time and id, so that a page stays right while mail is taken out."""
        box = self._call("list_unread")
        with self._provider.lock:
            unread = [mail for mail in box.mails.values() if mail.place == folder.value and mail.unread]
        unread = [mail for mail in unread if since is None or mail.received_at >= since]
        ordered = sorted(unread, key=_position)
        after = [mail for mail in ordered if page is None or _position(mail) > page]
        shown = after[:page_size]
        listed = tuple(ListedMail(mail.mail_id, folder, mail.received_at) for mail in shown)
        return Page(listed, _position(shown[-1]) if len(after) > len(shown) else None)

    def fetch_raw(self, provider_mail_id: str, *, max_bytes: int) -> RawMail:
        """The planted bytes."""
        mail = self._call("fetch_raw").mails.get(provider_mail_id)
        if mail is None:
            raise MailGone(f"fetch_raw for {self.address}: the mail is not there any more")
        return RawMail(mail.raw[:max_bytes], len(mail.raw) > max_bytes, len(mail.raw), mail.received_at)

    def dispose(
        self, disposal: Disposal, provider_mail_ids: Sequence[str], *, move_to: str | None = None
    ) -> Mapping[str, ApiConnectError | None]:
        """Acts and logs. A forced error befalls the whole call."""
        ids = list(dict.fromkeys(provider_mail_ids))
        if disposal is Disposal.LEAVE or not ids:
            return dict.fromkeys(ids)
        try:
            box = self._call("dispose")
            if _NEEDED[disposal] not in box.granted:
                raise self._not_allowed(disposal)
        except ApiConnectError as error:
            return dict.fromkeys(ids, error)
        with self._provider.lock:
            for mail_id in ids:
                self._one(box, disposal, mail_id, move_to)
        return dict.fromkeys(ids)

    def oldest_unread_at(self, folder: Folder) -> datetime | None:
        """As the listing has it."""
        first = self.list_unread(folder, since=None, page=None, page_size=1).mails
        return first[0].received_at if first else None

    def send(self, mime: bytes, *, form: MailForm = MailForm.MIME) -> SentIds:
        """Into the log of what left."""
        return self._send("send", lambda outbox: outbox.submit(self.address, mime, self._provider.now()))

    def find_sent(
        self, message_id: str, reference: str, since: datetime, *, to: str = "", thorough: bool = True
    ) -> SentIds | None:
        """Among what left."""
        return self._send("find_sent", lambda outbox: outbox.find(message_id, reference, since))

    def read_back(self, provider_mail_id: str) -> SentIds:
        """What the mail left with."""
        return self._send("read_back", lambda outbox: outbox.read_back(provider_mail_id))

    def create_draft(self, mime: bytes) -> str:
        """An id that the sent copy keeps."""

        def work(outbox: Outbox) -> str:
            draft_id = outbox.new_id("draft")
            outbox.drafts[draft_id] = mime
            return draft_id

        return self._send("create_draft", work)

    def send_draft(self, draft_id: str) -> SentIds:
        """Raises MailGone for a second time."""

        def work(outbox: Outbox) -> SentIds:
            if draft_id not in outbox.drafts:
                raise MailGone(f"send_draft for {self.address}: there is no such draft")
            outbox.submit(self.address, outbox.drafts.pop(draft_id), self._provider.now(), draft_id)
            return SentIds(draft_id)

        return self._send("send_draft", work)

    def draft_state(self, draft_id: str) -> DraftState:
        """As it stands."""
        return self._send("draft_state", lambda outbox: outbox.state(draft_id))

    def discard_draft(self, draft_id: str) -> None:
        """Gone for good."""
        self._send("discard_draft", lambda outbox: outbox.drafts.pop(draft_id, None))

    def prime(self, header: str) -> None:
        """From now on X- fields are kept."""
        self._send("prime", lambda outbox: setattr(outbox.behaviour, "drop_headers", False))

    def _send(self, operation: str, work: Callable[[Outbox], _Done]) -> _Done:
        self._tokens(False)
        with self._budget.spend(1):
            return self._provider.sending(operation, self.address, work)

    def _call(self, operation: str) -> _Box:
        self._tokens(False)
        with self._budget.spend(1):
            return self._provider.box(operation, self.address)

    def _one(self, box: _Box, disposal: Disposal, mail_id: str, move_to: str | None) -> None:
        mail = box.mails.get(mail_id)
        self._provider.removals.append(Removal(self.address, mail_id, disposal, move_to, gone=mail is None))
        if mail is None:
            return
        if disposal is Disposal.DELETE:
            del box.mails[mail_id]
        elif disposal is Disposal.MARK_READ:
            box.mails[mail_id] = replace(mail, unread=False)
        else:
            box.mails[mail_id] = replace(mail, place="trash" if disposal is Disposal.TRASH else str(move_to))

    def _not_allowed(self, disposal: Disposal) -> PermissionMissing:
        diagnosis = Diagnosis("notGranted", f"The key may not {disposal}.", "Grant it with MemoryProvider.open.")
        return PermissionMissing(f"dispose for {self.address}", diagnosis, mailbox=self.address, call="dispose")


def _position(mail: PlantedMail) -> str:
    return f"{mail.received_at.astimezone(UTC).isoformat()} {mail.mail_id}"
