"""Attachments that are too large for a request: an upload session for each, in ranges, asked where to go on after a fault.

The upload's address is its own credential: our token is not sent there. Source: outlook-large-attachments,
attachment-createuploadsession.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from shared.domain.errors import Diagnosis, PayloadRejected, ProviderUnavailable, Throttled
from shared.domain.mailboxes import Provider
from shared.mail.detaching import Detached
from shared.providers.answers import Answer, Call, text, unreadable
from shared.providers.authorized import AuthorizedCalls
from shared.providers.graph.disposal import IMMUTABLE_IDS
from shared.providers.graph.limits import LARGEST_ATTACHMENT_BYTES, RANGE_BYTES

_TRIES = 4
_EXPECTED = re.compile(r"(\d{1,12})-")


class GraphAttachments:
    """Attachments for the drafts of one mailbox. `base`: the URL of the user; api: the key's API."""

    def __init__(self, calls: AuthorizedCalls, api: str, base: str, address: str) -> None:
        self._calls = calls
        self._https_only = urlsplit(api).scheme == "https"
        self._base = base
        self._address = address

    def check(self, attachments: Iterable[Detached]) -> None:
        """Raises PayloadRejected for one that Exchange will not take."""
        for attachment in attachments:
            if len(attachment.content) > LARGEST_ATTACHMENT_BYTES:
                raise self._too_large(attachment)

    def upload(self, draft_id: str, attachment: Detached) -> None:
        """Adds the attachment to a draft. Every range may be repeated, so nothing here is ever left open."""
        size = len(attachment.content)
        session = self._session(draft_id, attachment)
        at, tries = 0, _TRIES
        while at < size:
            piece = attachment.content[at : at + RANGE_BYTES]
            try:
                answer = self._put(session, piece, at, size)
                if answer.status in (200, 202):
                    at = _next(answer, at + len(piece))
                else:
                    return  # 201: that was the last
            except (ProviderUnavailable, Throttled) as fault:
                tries -= 1
                if tries <= 0 or isinstance(fault, Throttled):
                    raise
                at = self._resumed(session, size)

    def _session(self, draft_id: str, attachment: Detached) -> str:
        item: dict[str, Any] = {
            "attachmentType": "file",
            "name": attachment.name,
            "size": len(attachment.content),
            "contentType": attachment.kind,
        }
        if attachment.content_id:
            item |= {"isInline": attachment.inline, "contentId": attachment.content_id}
        url = f"{self._base}/messages/{quote(draft_id, safe='')}/attachments/createUploadSession"
        body: Mapping[str, Any] = {"AttachmentItem": item}
        answer = self._calls("create_upload", "POST", url, units=1, headers=IMMUTABLE_IDS, json_body=body)
        session = text(answer.call, answer.object(), "uploadUrl")
        if self._https_only and urlsplit(session).scheme != "https":
            raise unreadable(answer.call, "the upload is not over https")
        return session

    def _put(self, session: str, piece: bytes, at: int, size: int) -> Answer:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"bytes {at}-{at + len(piece) - 1}/{size}",
        }
        return self._calls("upload_range", "PUT", session, units=1, headers=headers, body=piece, token=False)

    def _resumed(self, session: str, size: int) -> int:
        """Where Exchange wants us to go on."""
        answer = self._calls("upload_state", "GET", session, units=1, token=False)
        return _next(answer, size)

    def _too_large(self, attachment: Detached) -> PayloadRejected:
        words = f"An attachment has {len(attachment.content)} bytes; Exchange takes {LARGEST_ATTACHMENT_BYTES}."
        found = Diagnosis("attachmentTooLarge", words, "Make it smaller, or put it behind a link.")
        call = Call(Provider.MICROSOFT, "create_upload", self._address)
        return PayloadRejected(f"{call}: {words}", found, mailbox=self._address, call=call.operation)


def _next(answer: Answer, otherwise: int) -> int:
    """The first byte that is still wanted; `otherwise` where the answer names none."""
    wanted = answer.object().get("nextExpectedRanges") or answer.object().get("NextExpectedRanges")
    first = _EXPECTED.match(str(wanted[0])) if isinstance(wanted, list) and wanted else None
    return int(first.group(1)) if first else otherwise
