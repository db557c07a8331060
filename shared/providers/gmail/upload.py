"""Mail that is too large for a JSON body: Gmail's resumable upload, in pieces, asked where to go on after a fault.

The last piece lets the mail go. A piece that got no answer is not sent again unseen: Gmail is asked how far it is, and says so, or
answers with the sent mail. Source: Gmail API, guide "Uploading attachments", "Resumable upload".
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from shared.domain.errors import OutcomeUnknown, ProviderUnavailable, SendOutcomeUnknown, Temporary
from shared.domain.mailboxes import Provider
from shared.providers.answers import Answer, Call, unreadable
from shared.providers.authorized import AuthorizedCalls

PIECE_BYTES = 16 * 256 * 1024  # a multiple of 256 KiB, as Google asks
_TRIES = 4
_GO_ON = 308
_RANGE = re.compile(r"bytes=0-(\d{1,12})")


class GmailUpload:
    """Uploads of one mailbox. api: the key's API, the only place where its token may go; base: the upload path of the user."""

    def __init__(self, calls: AuthorizedCalls, api: str, base: str, address: str) -> None:
        self._calls = calls
        self._api = api
        self._base = base
        self._address = address

    def send(self, mime: bytes, *, units: float) -> Answer:
        """Sends. Raises SendOutcomeUnknown if only the last piece's answer is missing."""
        try:
            return self._run("send", f"{self._base}/messages/send", mime, units)
        except OutcomeUnknown as unknown:
            raise SendOutcomeUnknown(str(unknown)) from None

    def draft(self, mime: bytes, *, units: float) -> Answer:
        """Files a draft."""
        return self._run("create_draft", f"{self._base}/drafts", mime, units)

    def _run(self, operation: str, url: str, mime: bytes, units: float) -> Answer:
        session = self._begin(operation, url, mime)
        at, tries, answer = 0, _TRIES, None
        while answer is None or answer.status == _GO_ON:
            piece = mime[at : at + PIECE_BYTES]
            last = at + len(piece) == len(mime)
            try:
                answer = self._put(operation, session, piece, at, len(mime), units if last else 0.0)
            except ProviderUnavailable as fault:
                tries -= 1
                answer = self._state(operation, session, len(mime), fault, last=last, tries=tries)
            if answer.status == _GO_ON:
                at = _received(answer)
        return answer

    def _begin(self, operation: str, url: str, mime: bytes) -> str:
        headers = {"X-Upload-Content-Type": "message/rfc822", "X-Upload-Content-Length": str(len(mime))}
        address = f"{url}?uploadType=resumable"
        answer = self._calls(f"{operation}_begin", "POST", address, units=0, headers=headers, body=b"")
        session = answer.headers.get("location", "")
        there, ours = urlsplit(session), urlsplit(self._api)
        if (there.scheme, there.netloc) != (ours.scheme, ours.netloc):
            raise unreadable(answer.call, f"the upload is at {there.netloc[:100]!r}, not at the key's API")
        return session

    def _put(self, operation: str, session: str, piece: bytes, at: int, size: int, units: float) -> Answer:
        headers = {"Content-Type": "message/rfc822", "Content-Range": f"bytes {at}-{at + len(piece) - 1}/{size}"}
        return self._calls(
            f"{operation}_piece", "PUT", session, units=units, headers=headers, body=piece, repeatable=False
        )

    def _state(
        self, operation: str, session: str, size: int, fault: ProviderUnavailable, *, last: bool, tries: int
    ) -> Answer:
        """How far the upload is. When that can't be found out, and it was the last piece, nobody knows."""
        unknown = isinstance(fault, OutcomeUnknown) and last
        call = Call(Provider.GOOGLE, operation, self._address)
        if tries <= 0:
            raise OutcomeUnknown(str(fault)) if unknown else ProviderUnavailable(f"{call}: {fault}")
        try:
            headers = {"Content-Range": f"bytes */{size}"}
            return self._calls(f"{operation}_state", "PUT", session, units=0, headers=headers, body=b"")
        except Temporary as second:
            raise (
                OutcomeUnknown(f"{fault}; {second}") if unknown else ProviderUnavailable(f"{call}: {second}")
            ) from None


def _received(answer: Answer) -> int:
    """How many bytes Gmail has."""
    found = _RANGE.match(answer.headers.get("range", ""))
    return int(found.group(1)) + 1 if found else 0
