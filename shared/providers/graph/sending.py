"""Sending through Graph: MIME in one call, a draft that is then sent, or JSON.

A mail that is larger than a request becomes a draft of everything but its large attachments, which follow one by one. Graph takes
a mail with 202 and says nothing about it: transport, Sent Items and reports come later. Saving to Sent Items is never switched
off. Source: user-sendmail, user-post-messages, message-send, outlook-immutable-id.
"""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from shared.domain.errors import (
    ApiConnectError,
    Diagnosis,
    MailGone,
    PayloadRejected,
    PermissionMissing,
    SendOutcomeUnknown,
)
from shared.domain.mailboxes import Provider
from shared.domain.sending import DraftState, MailForm, SentIds
from shared.mail.detaching import CanNotPart, Parted, parted
from shared.mail.json_form import JsonFormRefused, graph_message
from shared.providers.answers import Answer, Call, text, unreadable
from shared.providers.authorized import AuthorizedCalls
from shared.providers.graph.attachments import GraphAttachments
from shared.providers.graph.disposal import IMMUTABLE_IDS
from shared.providers.graph.limits import LARGEST_MIME_BYTES, LARGEST_REQUEST_BYTES

_MIME = {**IMMUTABLE_IDS, "Content-Type": "text/plain"}


class GraphSending:
    """The sends of one mailbox. `base`: the URL of the user."""

    def __init__(self, calls: AuthorizedCalls, api: str, base: str, address: str) -> None:
        self._calls = calls
        self._base = base
        self._address = address
        self._call = Call(Provider.MICROSOFT, "send", address)
        self._attachments = GraphAttachments(calls, api, base, address)

    def send(self, mime: bytes, form: MailForm) -> SentIds:
        """One call; above LARGEST_MIME_BYTES a draft, one for each attachment and each of its ranges, and one more."""
        url = f"{self._base}/sendMail"
        if form is MailForm.JSON:
            body = {"message": self._message(mime), "saveToSentItems": True}
            if len(json.dumps(body)) > LARGEST_REQUEST_BYTES:
                raise self._refused("mailTooLarge", "The mail is too large for JSON.", "Send it as MIME.")
            return _accepted(self._calls.submit("send", url, units=1, headers=IMMUTABLE_IDS, json_body=body))
        if len(mime) > LARGEST_MIME_BYTES:
            return self._send_large(mime)
        return _accepted(self._calls.submit("send", url, units=1, headers=_MIME, body=b64encode(mime)))

    def create_draft(self, mime: bytes) -> str:
        """The draft's immutable id, which is that of the sent copy as well."""
        found = self._parted(mime)
        self._attachments.check(found.attachments)
        url = f"{self._base}/messages"
        answer = self._calls("create_draft", "POST", url, units=1, headers=_MIME, body=b64encode(found.rest))
        draft_id = text(answer.call, answer.object(), "id")
        try:
            for attachment in found.attachments:
                self._attachments.upload(draft_id, attachment)
        except ApiConnectError:
            with suppress(ApiConnectError):  # the first error is the one to tell
                self.discard_draft(draft_id)
            raise
        return draft_id

    def send_draft(self, draft_id: str) -> SentIds:
        """One call. The ids can be read as soon as the copy is in Sent Items."""
        url = f"{self._draft(draft_id)}/send"
        answer = self._calls.submit("send_draft", url, units=1, headers=IMMUTABLE_IDS, body=b"", draft_id=draft_id)
        _accepted(answer)
        return SentIds(provider_mail_id=draft_id)

    def draft_state(self, draft_id: str) -> DraftState:
        """One call. A mail that was just taken may still be shown as a draft, or not at all, for a while."""
        try:
            url = f"{self._draft(draft_id)}?$select=isDraft"
            answer = self._calls("draft_state", "GET", url, units=1, headers=IMMUTABLE_IDS)
        except MailGone:
            return DraftState.GONE
        is_draft = answer.object().get("isDraft")
        if not isinstance(is_draft, bool):
            raise unreadable(answer.call, "isDraft is missing")
        return DraftState.DRAFT if is_draft else DraftState.SENT

    def discard_draft(self, draft_id: str) -> None:
        """Into Deleted Items, from where Exchange clears it by its own rules."""
        try:
            self._calls("discard_draft", "DELETE", self._draft(draft_id), units=1, headers=IMMUTABLE_IDS)
        except MailGone:
            return

    def prime(self, header: str) -> None:
        """A draft in JSON with this header, thrown away again; without the right to write, a mail to the mailbox itself.

        Exchange drops X- fields of MIME that a mailbox has never had by JSON. Source: graph-docs issue 17444. That a draft is enough is
        our reading of it: the header becomes a property of the mailbox when an item with it is stored.
        """
        message: dict[str, Any] = {
            "subject": "API Connect prepares this mailbox for sending",
            "body": {"contentType": "Text", "content": f"So that Exchange keeps the header {header}. Nothing to do."},
            "toRecipients": [{"emailAddress": {"address": self._address}}],
            "internetMessageHeaders": [{"name": header, "value": "1"}],
        }
        url = f"{self._base}/messages"
        try:
            made = self._calls("create_draft", "POST", url, units=1, headers=IMMUTABLE_IDS, json_body=message)
        except PermissionMissing:
            body = {"message": message, "saveToSentItems": True}
            _accepted(self._calls.submit("send", f"{self._base}/sendMail", units=1, json_body=body))
        else:
            self.discard_draft(text(made.call, made.object(), "id"))

    def _send_large(self, mime: bytes) -> SentIds:
        draft_id = self.create_draft(mime)
        try:
            return self.send_draft(draft_id)
        except SendOutcomeUnknown:
            raise
        except ApiConnectError:
            with suppress(ApiConnectError):
                self.discard_draft(draft_id)
            raise

    def _parted(self, mime: bytes) -> Parted:
        try:
            return parted(mime, LARGEST_MIME_BYTES)
        except CanNotPart as why:
            fix = "Make it smaller, or put large content behind a link. Signed mail can't be taken apart."
            raise self._refused("mailTooLarge", f"The mail is larger than a request: {why}.", fix) from None

    def _message(self, mime: bytes) -> dict[str, Any]:
        try:
            return graph_message(mime)
        except JsonFormRefused as why:
            raise self._refused("notForJson", f"The mail can't go by JSON: {why}.", "Send it as MIME.") from None

    def _refused(self, code: str, cause: str, fix: str) -> PayloadRejected:
        found = Diagnosis(code, cause, fix)
        return PayloadRejected(f"{self._call}: {cause}", found, mailbox=self._address, call="send")

    def _draft(self, draft_id: str) -> str:
        return f"{self._base}/messages/{quote(draft_id, safe='')}"


def _accepted(answer: Answer) -> SentIds:
    """202 is Graph's word for taken. Anything else that looks like success may come from something in between."""
    if answer.status != 202:
        raise SendOutcomeUnknown(f"{answer.call}: status {answer.status} where Graph answers 202")
    return SentIds()
