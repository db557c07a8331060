"""One mailbox through Graph: listing, raw MIME; tidying up, sending and what was sent are in files of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from shared.domain.api_keys import ApiKey
from shared.domain.errors import ApiConnectError
from shared.domain.mailboxes import Disposal, Folder, ListedMail, Provider
from shared.domain.sending import DraftState, MailForm, SentIds
from shared.providers.answers import Call, objects, optional_text, text, unreadable, utc_time
from shared.providers.authorized import AuthorizedCalls
from shared.providers.graph.disposal import IMMUTABLE_IDS, GraphDisposal
from shared.providers.graph.errors import explain
from shared.providers.graph.limits import MAX_PAGE
from shared.providers.graph.sending import GraphSending
from shared.providers.graph.sent_items import GraphSentItems
from shared.providers.http import Transport
from shared.providers.provider import Budget, Page, RawMail, TokenSource

_FOLDERS = {Folder.INBOX: "inbox", Folder.JUNK: "junkemail"}  # well-known names: display names differ by language
_BEGINNING = "1900-01-01T00:00:00Z"


class GraphMailbox:
    """A mailbox of Microsoft 365. Implements shared.providers.provider.Mailbox."""

    def __init__(
        self, transport: Transport, key: ApiKey, address: str, token_source: TokenSource, budget: Budget
    ) -> None:
        self.address = address
        self._api = key.endpoints.api
        self._user = f"/users/{quote(address, safe='@')}"
        self._calls = AuthorizedCalls(transport, Provider.MICROSOFT, address, token_source, budget, explain)
        self._disposal = GraphDisposal(self._calls, self._api, self._user, address)
        base = f"{self._api}/v1.0{self._user}"
        self._sending = GraphSending(self._calls, self._api, base, address)
        self._sent_items = GraphSentItems(self._calls, base, address)

    def list_unread(self, folder: Folder, *, since: datetime | None, page: str | None, page_size: int) -> Page:
        """Oldest first. `page`: the provider's own nextLink, followed as it is."""
        call = Call(Provider.MICROSOFT, "list_unread", self.address)
        url = page or self._listing(folder, since, page_size)
        self._same_origin(call, url)
        found = self._calls("list_unread", "GET", url, units=1, headers=IMMUTABLE_IDS).object()
        following = optional_text(call, found, "@odata.nextLink")
        if following is not None:
            self._same_origin(call, following)
            if following == url:
                raise unreadable(call, "the next page is this page")
        mails = tuple(_listed(call, folder, item) for item in objects(call, found, "value", required=True))
        return Page(mails, following)

    def fetch_raw(self, provider_mail_id: str, *, max_bytes: int) -> RawMail:
        """The MIME as Exchange hands it out."""
        url = f"{self._api}/v1.0{self._user}/messages/{quote(provider_mail_id, safe='')}/$value"
        answer = self._calls("fetch_raw", "GET", url, units=1, headers=IMMUTABLE_IDS, max_bytes=max_bytes)
        if answer.headers.get("content-type", "").startswith("text/html"):
            raise unreadable(answer.call, "a page instead of a mail")
        stated = answer.headers.get("content-length", "")
        whole = stated.isdigit() and "content-encoding" not in answer.headers
        return RawMail(answer.body, answer.truncated, int(stated) if whole else len(answer.body))

    def dispose(
        self, disposal: Disposal, provider_mail_ids: Sequence[str], *, move_to: str | None = None
    ) -> Mapping[str, ApiConnectError | None]:
        """See Mailbox.dispose. Twenty mails a call."""
        return self._disposal.dispose(disposal, provider_mail_ids, move_to=move_to)

    def oldest_unread_at(self, folder: Folder) -> datetime | None:
        """One call: the listing is sorted."""
        first = self.list_unread(folder, since=None, page=None, page_size=1).mails
        return first[0].received_at if first else None

    def send(self, mime: bytes, *, form: MailForm = MailForm.MIME) -> SentIds:
        """See Mailbox.send and GraphSending."""
        return self._sending.send(mime, form)

    def find_sent(
        self, message_id: str, reference: str, since: datetime, *, to: str = "", thorough: bool = True
    ) -> SentIds | None:
        """See Mailbox.find_sent and GraphSentItems.find."""
        return self._sent_items.find(message_id, reference, since, thorough=thorough)

    def read_back(self, provider_mail_id: str) -> SentIds:
        """One call."""
        return self._sent_items.read_back(provider_mail_id)

    def create_draft(self, mime: bytes) -> str:
        """See GraphSending.create_draft."""
        return self._sending.create_draft(mime)

    def send_draft(self, draft_id: str) -> SentIds:
        """See GraphSending.send_draft."""
        return self._sending.send_draft(draft_id)

    def draft_state(self, draft_id: str) -> DraftState:
        """See GraphSending.draft_state."""
        return self._sending.draft_state(draft_id)

    def discard_draft(self, draft_id: str) -> None:
        """See GraphSending.discard_draft."""
        self._sending.discard_draft(draft_id)

    def prime(self, header: str) -> None:
        """See GraphSending.prime."""
        self._sending.prime(header)

    def _listing(self, folder: Folder, since: datetime | None, page_size: int) -> str:
        """Graph sorts only by what stands first in the filter, so the time is always there (InefficientFilter)."""
        start = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if since else _BEGINNING
        query = urlencode(
            {
                "$filter": f"receivedDateTime ge {start} and isRead eq false",
                "$orderby": "receivedDateTime asc",
                "$select": "id,receivedDateTime",
                "$top": min(page_size, MAX_PAGE),
            },
            quote_via=quote,
        )
        return f"{self._api}/v1.0{self._user}/mailFolders/{_FOLDERS[folder]}/messages?{query}"

    def _same_origin(self, call: Call, url: str) -> None:
        """A page's address is followed only where the key's token may go."""
        there, ours = urlsplit(url), urlsplit(self._api)
        if (there.scheme, there.netloc) != (ours.scheme, ours.netloc):
            raise unreadable(call, f"the next page is at {there.netloc[:100]!r}, not at the key's API")


def _listed(call: Call, folder: Folder, item: Mapping[str, Any]) -> ListedMail:
    return ListedMail(text(call, item, "id"), folder, utc_time(call, text(call, item, "receivedDateTime")))
