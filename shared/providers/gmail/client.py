"""One mailbox through the Gmail API: listing, raw MIME; tidying up, sending and what was sent are in files of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

from shared.domain.api_keys import ApiKey
from shared.domain.errors import ApiConnectError
from shared.domain.mailboxes import Disposal, Folder, ListedMail, Provider
from shared.domain.sending import DraftState, MailForm, SentIds
from shared.providers.answers import Call, objects, optional_text, text, unreadable
from shared.providers.authorized import AuthorizedCalls
from shared.providers.gmail.disposal import GmailDisposal
from shared.providers.gmail.errors import explain
from shared.providers.gmail.limits import MAX_PAGE, GmailQuota
from shared.providers.gmail.raw_mail import answer_bytes, raw_mail, received_at
from shared.providers.gmail.sending import GmailSending
from shared.providers.gmail.sent_mail import GmailSent
from shared.providers.http import Transport
from shared.providers.provider import Budget, Page, RawMail, TokenSource

_LABELS = {Folder.INBOX: "INBOX", Folder.JUNK: "SPAM"}
_MAX_PAGES = 200  # 100,000 mails


class GmailMailbox:
    """A mailbox of Google Workspace. Implements shared.providers.provider.Mailbox."""

    def __init__(
        self,
        transport: Transport,
        quota: GmailQuota,
        key: ApiKey,
        address: str,
        token_source: TokenSource,
        budget: Budget,
    ) -> None:
        self.address = address
        user = f"/gmail/v1/users/{quote(address, safe='@')}"
        self._base = f"{key.endpoints.api}{user}"
        self._units = quota.units
        self._calls = AuthorizedCalls(transport, Provider.GOOGLE, address, token_source, budget, explain)
        self._disposal = GmailDisposal(self._calls, self._base, self._units)
        self._sending = GmailSending(self._calls, key.endpoints.api, user, self._units, address)
        self._sent = GmailSent(self._calls, self._base, self._units, address)

    def list_unread(self, folder: Folder, *, since: datetime | None, page: str | None, page_size: int) -> Page:
        """Newest first, ids only: Gmail's listing has no times. `since` is passed again for each page."""
        call = Call(Provider.GOOGLE, "list_unread", self.address)
        url = f"{self._base}/messages?{_listing(folder, since, page, page_size)}"
        found = self._calls("list_unread", "GET", url, units=self._units["list"]).object()
        following = optional_text(call, found, "nextPageToken")
        if following is not None and following == page:
            raise unreadable(call, "the next page is this page")
        listed = objects(call, found, "messages", required=False)
        return Page(tuple(ListedMail(text(call, item, "id"), folder) for item in listed), following)

    def fetch_raw(self, provider_mail_id: str, *, max_bytes: int) -> RawMail:
        """The MIME out of `format=raw`; no more is read than is needed for `max_bytes`."""
        url = f"{self._base}/messages/{quote(provider_mail_id, safe='')}?format=raw"
        answer = self._calls("fetch_raw", "GET", url, units=self._units["get"], max_bytes=answer_bytes(max_bytes))
        return raw_mail(answer, max_bytes)

    def dispose(
        self, disposal: Disposal, provider_mail_ids: Sequence[str], *, move_to: str | None = None
    ) -> Mapping[str, ApiConnectError | None]:
        """See Mailbox.dispose. A thousand mails a call."""
        return self._disposal.dispose(disposal, provider_mail_ids, move_to=move_to)

    def oldest_unread_at(self, folder: Folder) -> datetime | None:
        """Pages to the end of the listing (500 mails for 5 units), since Gmail lists the newest first."""
        page, last = None, None
        for _ in range(_MAX_PAGES):
            found = self.list_unread(folder, since=None, page=page, page_size=MAX_PAGE)
            last = found.mails[-1].provider_mail_id if found.mails else last
            page = found.next
            if page is None:
                break
        if last is None:
            return None
        url = f"{self._base}/messages/{quote(last, safe='')}?format=minimal"
        return received_at(self._calls("oldest_unread", "GET", url, units=self._units["get"]).body)

    def send(self, mime: bytes, *, form: MailForm = MailForm.MIME) -> SentIds:
        """See Mailbox.send and GmailSending."""
        if form is not MailForm.MIME:
            raise ValueError("Gmail takes MIME only")
        return self._sending.send(mime)

    def find_sent(
        self, message_id: str, reference: str, since: datetime, *, to: str = "", thorough: bool = True
    ) -> SentIds | None:
        """See Mailbox.find_sent and GmailSent.find. Always thorough: Gmail replaces our Message-ID."""
        return self._sent.find(message_id, reference, since, to)

    def read_back(self, provider_mail_id: str) -> SentIds:
        """One call."""
        return self._sent.read_back(provider_mail_id)

    def create_draft(self, mime: bytes) -> str:
        """See GmailSending.create_draft."""
        return self._sending.create_draft(mime)

    def send_draft(self, draft_id: str) -> SentIds:
        """See GmailSending.send_draft."""
        return self._sending.send_draft(draft_id)

    def draft_state(self, draft_id: str) -> DraftState:
        """See GmailSending.draft_state."""
        return self._sending.draft_state(draft_id)

    def discard_draft(self, draft_id: str) -> None:
        """See GmailSending.discard_draft."""
        self._sending.discard_draft(draft_id)

    def prime(self, header: str) -> None:
        """Nothing: Gmail keeps X- fields."""


def _listing(folder: Folder, since: datetime | None, page: str | None, page_size: int) -> str:
    query: list[tuple[str, str]] = [("labelIds", _LABELS[folder]), ("labelIds", "UNREAD")]
    if folder is Folder.JUNK:
        query.append(("includeSpamTrash", "true"))
    if since is not None:
        query.append(("q", f"after:{int(since.timestamp()) - 1}"))  # `after` leaves its own second out
    if page is not None:
        query.append(("pageToken", page))
    query.append(("maxResults", str(min(page_size, MAX_PAGE))))
    return urlencode(query)
