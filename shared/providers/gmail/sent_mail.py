"""Finding a mail among those that a Gmail mailbox sent.

Gmail replaces the Message-ID of what the API sends, so a search for ours finds it only where it was kept; X- fields stay.
Source: Gmail API, users.messages.list (q=, labelIds), users.messages.get (format=metadata); Gmail help, "Search operators".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from shared.domain.errors import MailGone
from shared.domain.sending import SentIds
from shared.mail.message_ids import REFERENCE_HEADER, normalise
from shared.mail.sender_names import name_in_from
from shared.providers.answers import Answer, objects, optional_text, text
from shared.providers.authorized import AuthorizedCalls
from shared.providers.gmail.limits import MAX_PAGE

CLOCKS_APART = timedelta(seconds=30)
MOST_LOOKED_AT = 60
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,253}", re.ASCII)
_IDS = ("message-id", "x-google-original-message-id", "x-gmail-original-message-id")
_WANTED = ("From", "Message-ID", "X-Google-Original-Message-ID", "X-Gmail-Original-Message-ID", REFERENCE_HEADER)


class GmailSent:
    """The sent mail of one mailbox. `base`: the URL of the user. units: cost of each call."""

    def __init__(self, calls: AuthorizedCalls, base: str, units: Mapping[str, int], address: str) -> None:
        self._calls = calls
        self._address = address
        self._base = base
        self._units = units
        self._seen: dict[str, tuple[Answer, dict[str, str]]] = {}  # several mails are looked for in a row

    def find(self, message_id: str, reference: str, since: datetime, to: str) -> SentIds | None:
        """Two listings of 5 units; then the header of each mail sent since (to that address), oldest first, for 20 units each,
        MOST_LOOKED_AT at most.

        Sees what has the label SENT. Does not see what was sent more than MOST_LOOKED_AT such mails after `since`.
        """
        searchable = normalise(message_id) == message_id  # anything else could say more than an id in a search
        by_id = self._listed(f"in:sent rfc822msgid:{message_id}", 5) if searchable else []
        for item in by_id or self._since(since, to):
            found = self._looked_at(item, message_id, reference)
            if found is not None:
                return found
        return None

    def read_back(self, provider_mail_id: str) -> SentIds:
        """The mail as Gmail has it now."""
        return self._ids(*self._head("read_back", provider_mail_id))

    def _since(self, since: datetime, to: str) -> list[dict[str, Any]]:
        plain = _ADDRESS.fullmatch(to) is not None  # anything else could say more than an address in a search
        query = f"in:sent after:{_seconds(since)}" + (f" to:{to}" if plain else "")
        return self._listed(query, MAX_PAGE)[::-1][:MOST_LOOKED_AT]

    def _listed(self, query: str, most: int) -> list[dict[str, Any]]:
        url = f"{self._base}/messages?{urlencode({'q': query, 'maxResults': most})}"
        answer = self._calls("find_sent", "GET", url, units=self._units["list"])
        return list(objects(answer.call, answer.object(), "messages", required=False))

    def _looked_at(self, item: Mapping[str, Any], message_id: str, reference: str) -> SentIds | None:
        mail_id = str(item.get("id"))
        try:
            answer, headers = self._seen[mail_id] = self._seen.get(mail_id) or self._head("sent_head", mail_id)
        except MailGone:
            return None
        ids = {normalise(headers.get(name, "")) for name in _IDS}
        if message_id not in ids and (not reference or headers.get(REFERENCE_HEADER.lower()) != reference):
            return None
        return self._ids(answer, headers)

    def _ids(self, answer: Answer, headers: Mapping[str, str]) -> SentIds:
        found = answer.object()
        thread = optional_text(answer.call, found, "threadId")
        message_id = normalise(headers.get("message-id", "")) or None
        name = name_in_from(headers.get("from", ""), self._address)
        return SentIds(text(answer.call, found, "id"), thread, message_id, name)

    def _head(self, operation: str, mail_id: str) -> tuple[Answer, dict[str, str]]:
        query = urlencode([("format", "metadata"), *(("metadataHeaders", name) for name in _WANTED)])
        url = f"{self._base}/messages/{quote(mail_id, safe='')}?{query}"
        answer = self._calls(operation, "GET", url, units=self._units["metadata"])
        payload = answer.object().get("payload")
        listed: Sequence[dict[str, Any]] = ()
        if isinstance(payload, dict):
            listed = objects(answer.call, payload, "headers", required=False)
        return answer, {str(one.get("name")).lower(): str(one.get("value")) for one in listed}


def _seconds(since: datetime) -> int:
    return int((since - CLOCKS_APART).timestamp())
