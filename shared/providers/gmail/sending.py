"""Sending through Gmail: as JSON, above its size by upload, or as a draft first.

Google puts a Message-ID of its own in place of ours, keeps X- fields, and takes From only if it is the mailbox or an alias of it.
Source: Gmail API, users.messages.send, users.drafts, guide "Create and send mail".
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from shared.domain.errors import Diagnosis, MailGone, PayloadRejected, SendOutcomeUnknown, Temporary
from shared.domain.mailboxes import Provider
from shared.domain.sending import DraftState, SentIds
from shared.providers.answers import Answer, Call, optional_text, text
from shared.providers.authorized import AuthorizedCalls
from shared.providers.gmail.limits import LARGEST_JSON_MAIL_BYTES, LARGEST_MAIL_BYTES
from shared.providers.gmail.upload import GmailUpload


class GmailSending:
    """The sends of one mailbox. `api`: the key's API; `user`: the path of the mailbox; units: cost of each call."""

    def __init__(self, calls: AuthorizedCalls, api: str, user: str, units: Mapping[str, int], address: str) -> None:
        self._calls = calls
        self._base = f"{api}{user}"
        self._units = units
        self._address = address
        self._upload = GmailUpload(calls, api, f"{api}/upload{user}", address)

    def send(self, mime: bytes) -> SentIds:
        """One call; above LARGEST_JSON_MAIL_BYTES one for each piece and one more."""
        self._check_size(mime)
        if len(mime) > LARGEST_JSON_MAIL_BYTES:
            return _ids(self._upload.send(mime, units=self._units["send"]))
        url, body = f"{self._base}/messages/send", {"raw": _encoded(mime)}
        return _ids(self._calls.submit("send", url, units=self._units["send"], json_body=body))

    def create_draft(self, mime: bytes) -> str:
        """The draft's id, which is not its message's."""
        self._check_size(mime)
        if len(mime) > LARGEST_JSON_MAIL_BYTES:
            answer = self._upload.draft(mime, units=self._units["drafts.create"])
        else:
            body: dict[str, Any] = {"message": {"raw": _encoded(mime)}}
            url, units = f"{self._base}/drafts", self._units["drafts.create"]
            answer = self._calls("create_draft", "POST", url, units=units, json_body=body)
        return text(answer.call, answer.object(), "id")

    def send_draft(self, draft_id: str) -> SentIds:
        """The sent mail is another message than the draft's."""
        url, units = f"{self._base}/drafts/send", self._units["drafts.send"]
        body = {"id": draft_id}
        return _ids(self._calls.submit("send_draft", url, units=units, json_body=body, draft_id=draft_id))

    def draft_state(self, draft_id: str) -> DraftState:
        """DRAFT, or GONE: Gmail keeps no tie between a draft and what was sent of it. Who did not delete it, sent it."""
        try:
            units = self._units["drafts.get"]
            self._calls("draft_state", "GET", f"{self._draft(draft_id)}?format=minimal", units=units)
        except MailGone:
            return DraftState.GONE
        return DraftState.DRAFT

    def discard_draft(self, draft_id: str) -> None:
        """For good; a draft never was in the trash."""
        try:
            self._calls("discard_draft", "DELETE", self._draft(draft_id), units=self._units["drafts.delete"])
        except MailGone:
            return

    def _draft(self, draft_id: str) -> str:
        return f"{self._base}/drafts/{quote(draft_id, safe='')}"

    def _check_size(self, mime: bytes) -> None:
        if len(mime) > LARGEST_MAIL_BYTES:
            words = f"The mail has {len(mime)} bytes; Gmail takes {LARGEST_MAIL_BYTES}."
            found = Diagnosis("mailTooLarge", words, "Make it smaller, or put the attachment behind a link.")
            call = Call(Provider.GOOGLE, "send", self._address)
            raise PayloadRejected(f"{call}: {words}", found, mailbox=self._address, call="send")


def _encoded(mime: bytes) -> str:
    return urlsafe_b64encode(mime).decode()


def _ids(answer: Answer) -> SentIds:
    """What Gmail says of a mail that it sent. An answer that can't be read leaves open whether it is Gmail's."""
    try:
        found = answer.object()
        return SentIds(text(answer.call, found, "id"), optional_text(answer.call, found, "threadId"))
    except Temporary as unreadable:
        raise SendOutcomeUnknown(str(unreadable)) from None
