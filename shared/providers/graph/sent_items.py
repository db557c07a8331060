"""Finding a mail in Sent Items.

The copy's Message-ID is ours unless a policy of the tenant put another in its place. Our reference is in the copy's MIME: the
property internetMessageHeaders is mostly empty on what was sent, so the head of the MIME itself is read.
Source: user-list-messages, message-get ("Get MIME content"); graph-docs issues 3066, 18761.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from shared.domain.errors import MailGone
from shared.domain.sending import SentIds
from shared.mail.headers import Headers
from shared.mail.message_ids import REFERENCE_HEADER, normalise
from shared.mail.mime import split_head
from shared.mail.sender_names import own_name
from shared.providers.answers import Call, objects, optional_text, text
from shared.providers.authorized import AuthorizedCalls
from shared.providers.graph.disposal import IMMUTABLE_IDS

CLOCKS_APART = timedelta(seconds=30)
MOST_LOOKED_AT = 60
_HEAD_BYTES = 64 * 1024
_SELECT = "id,internetMessageId,conversationId,from"


class GraphSentItems:
    """The sent mail of one mailbox. `base`: the URL of the user."""

    def __init__(self, calls: AuthorizedCalls, base: str, address: str) -> None:
        self._calls = calls
        self._base = base
        self._address = address
        self._seen: dict[str, set[str]] = {}  # marks of heads that were read: several mails are looked for in a row

    def find(self, message_id: str, reference: str, since: datetime, *, thorough: bool) -> SentIds | None:
        """By Message-ID in one call; if thorough then one listing, and one call for the head of each mail sent since, oldest
        first, MOST_LOOKED_AT at most. A copy whose Message-ID is of our domain has kept its own, and is another mail: not looked at.

        Does not see a mail whose Message-ID was replaced and whose X- fields were dropped, nor one that was sent more than
        MOST_LOOKED_AT mails after `since`.
        """
        quoted = message_id.replace("'", "''")
        for ids in self._listed({"$filter": f"internetMessageId eq '<{quoted}>'", "$top": 1}):
            return ids
        if not thorough:
            return None
        start = (since - CLOCKS_APART).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        recent: dict[str, str | int] = {
            "$filter": f"receivedDateTime ge {start}",
            "$orderby": "receivedDateTime asc",
            "$top": MOST_LOOKED_AT,
        }
        marks = {message_id, reference} - {""}
        ours = "@" + message_id.rpartition("@")[2]
        replaced = (ids for ids in self._listed(recent) if not (ids.message_id or "").endswith(ours))
        return next((ids for ids in replaced if marks & self._marks(str(ids.provider_mail_id))), None)

    def read_back(self, provider_mail_id: str) -> SentIds:
        """The mail as Exchange has it now."""
        url = f"{self._base}/messages/{quote(provider_mail_id, safe='')}?$select={_SELECT}"
        answer = self._calls("read_back", "GET", url, units=1, headers=IMMUTABLE_IDS)
        text(answer.call, answer.object(), "internetMessageId")
        return self._ids(answer.call, answer.object())

    def _listed(self, query: dict[str, str | int]) -> list[SentIds]:
        asked = urlencode({**query, "$select": _SELECT}, quote_via=quote)
        url = f"{self._base}/mailFolders/sentitems/messages?{asked}"
        answer = self._calls("find_sent", "GET", url, units=1, headers=IMMUTABLE_IDS)
        return [self._ids(answer.call, item) for item in objects(answer.call, answer.object(), "value", required=True)]

    def _ids(self, call: Call, item: Mapping[str, Any]) -> SentIds:
        sender = item.get("from")
        shown = sender.get("emailAddress") if isinstance(sender, dict) else None
        who = shown if isinstance(shown, dict) else {}
        return SentIds(
            text(call, item, "id"),
            optional_text(call, item, "conversationId"),
            normalise(optional_text(call, item, "internetMessageId") or "") or None,
            own_name(str(who.get("name") or ""), str(who.get("address") or ""), self._address),
        )

    def _marks(self, provider_mail_id: str) -> set[str]:
        """The reference and the Message-IDs that stand in a mail's head, also those that were moved aside."""
        if provider_mail_id in self._seen:
            return self._seen[provider_mail_id]
        url = f"{self._base}/messages/{quote(provider_mail_id, safe='')}/$value"
        try:
            answer = self._calls("sent_head", "GET", url, units=1, headers=IMMUTABLE_IDS, max_bytes=_HEAD_BYTES)
        except MailGone:
            return set()
        head, _ = split_head(answer.body.replace(b"\r\n", b"\n"))
        headers = Headers(head)
        moved = {normalise(headers.get(name)) for name in ("message-id", "x-microsoft-original-message-id")}
        marks = self._seen[provider_mail_id] = moved | {headers.get(REFERENCE_HEADER.lower())}
        return marks
