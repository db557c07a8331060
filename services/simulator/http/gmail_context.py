"""What an operation on a Gmail mailbox has at hand."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

from services.simulator.core.gmail_mailbox import GmailMailbox
from services.simulator.core.google_errors import gmail_refusal
from services.simulator.core.mailboxes import StoredMail
from services.simulator.core.registry import Grant
from services.simulator.handler import World
from services.simulator.http.wire import Request


@dataclass(slots=True)
class Context:
    """Request, grant and mailbox. `item_id`: the id after `messages` or `labels`; `path`: all parts below the user."""

    world: World
    request: Request
    grant: Grant
    item_id: str
    path: list[str]
    found: GmailMailbox | None = field(default=None)

    @property
    def mailbox(self) -> GmailMailbox:
        assert self.found is not None
        return self.found

    def mail(self) -> StoredMail:
        """The mail of the path, or 404."""
        found = self.mailbox.find(self.item_id)
        if found is None:
            raise gmail_refusal("notFound")
        return found

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object."""
        try:
            document = json.loads(self.request.body or b"{}")
        except ValueError:
            raise gmail_refusal("invalidArgument", "Invalid JSON payload received.") from None
        if not isinstance(document, dict):
            raise gmail_refusal("invalidArgument", "Invalid JSON payload received.")
        return document

    def label(self, wanted: str) -> str:
        """A label's id, or Gmail's refusal."""
        if wanted not in self.mailbox.labels:
            raise gmail_refusal("invalidLabel", wanted)
        return wanted


def raw_bytes(text: str) -> bytes:
    """base64url, padded or not (standard alphabet too, as Gmail takes it)."""
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise gmail_refusal("invalidArgument", "Invalid value for ByteString: " + text[:20]) from None
