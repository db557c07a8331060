"""What an operation on a Graph mailbox has at hand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from services.simulator.core.answers import Answer, json_answer
from services.simulator.core.graph_errors import graph_refusal
from services.simulator.core.graph_mailbox import Folder, GraphMailbox
from services.simulator.core.mailboxes import StoredMail
from services.simulator.core.registry import Grant
from services.simulator.handler import World
from services.simulator.http.wire import Request

_WELL_FORMED = re.compile(r"A[A-Za-z0-9_\-=+/]{20,}")


@dataclass(slots=True)
class Context:
    """Request, grant and the mailbox asked for. `folder_name` and `mail_id` come from the path, "" when not in it."""

    world: World
    request: Request
    grant: Grant
    address: str
    folder_name: str = ""
    mail_id: str = ""
    found: GraphMailbox | None = field(default=None)

    @property
    def mailbox(self) -> GraphMailbox:
        assert self.found is not None
        return self.found

    @property
    def immutable(self) -> bool:
        """Whether the client asked for ids that survive a move."""
        return "immutableid" in self.request.headers.get("prefer", "").lower()

    def shown_id(self, mail: StoredMail) -> str:
        return mail.lasting_id if self.immutable else mail.public_id

    def mail(self) -> StoredMail:
        """The mail of the path. Refuses a malformed id with 400, an unknown one with 404."""
        found = self.mailbox.find(self.mail_id)
        if found is None:
            known = _WELL_FORMED.fullmatch(self.mail_id) is not None
            raise graph_refusal("ErrorItemNotFound" if known else "ErrorInvalidIdMalformed")
        if self.folder_name and self.folder().id not in found.places:
            raise graph_refusal("ErrorItemNotFound")
        return found

    def folder(self, name: str = "") -> Folder:
        """The folder of the path or of that name or id."""
        wanted = name or self.folder_name
        found = self.mailbox.folder(wanted)
        if found is None:
            known = _WELL_FORMED.fullmatch(wanted) is not None
            raise graph_refusal("ErrorItemNotFound" if known else "ErrorInvalidIdMalformed")
        return found

    def metadata(self, what: str) -> str:
        """@odata.context of an answer that is `what` below the user: "messages", "messages/$entity", …"""
        return f"{self.request.base}/v1.0/$metadata#users('{quote(self.address)}')/{what}"

    def entity(self, status: int, kind: str, shown: dict[str, Any]) -> Answer:
        """One message or folder as the whole answer."""
        return json_answer(status, {"@odata.context": self.metadata(f"{kind}/$entity"), **shown})

    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        try:
            document = json.loads(self.request.body)
        except ValueError:
            raise graph_refusal("BadRequest", "Unable to read JSON request payload.") from None
        if not isinstance(document, dict):
            raise graph_refusal("BadRequest", "Unable to read JSON request payload.")
        return document
