"""Attachments of a Graph draft: small ones in JSON, large ones by an upload session in ranges.

A session's address is its own credential: it is asked without a token, and lies outside /v1.0 as the real one does.
Source: learn.microsoft.com/graph/outlook-large-attachments, attachment-createuploadsession.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from services.simulator.core.answers import Answer, json_answer
from services.simulator.core.faults import Call
from services.simulator.core.graph_errors import graph_refusal
from services.simulator.core.mailboxes import StoredMail
from services.simulator.core.sending import Attachment, attachment_of, folded, with_attachment
from services.simulator.handler import World
from services.simulator.http.graph_context import Context
from services.simulator.http.pipeline import Job, perform
from services.simulator.http.wire import Request

LARGEST_RANGE = 4 * 1024 * 1024
LARGEST_BYTES = 150 * 1024 * 1024
SESSION_SECONDS = 3_600
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_PATH = ("api", "v2.0", "AttachmentSessions")


@dataclass(slots=True)
class Session:
    """An upload on its way."""

    mail: StoredMail
    mailbox: str
    attachment: Attachment
    size: int
    expires_at: float
    content: bytearray = field(default_factory=bytearray)


def add_attachment(context: Context) -> Answer:
    """POST attachments: a file in JSON."""
    mail, given = _draft(context), folded(context.json())
    attachment = attachment_of(given)
    mail.replace_raw(with_attachment(mail.raw, attachment))
    return context.entity(201, "attachments", _shown(attachment, len(attachment.content)))


def create_upload_session(context: Context) -> Answer:
    """POST attachments/createUploadSession: where the ranges go."""
    mail, given = _draft(context), folded(folded(context.json()).get("attachmentitem"))
    size = given.get("size")
    if not isinstance(size, int) or not given.get("name") or str(given.get("attachmenttype")).lower() != "file":
        raise graph_refusal("ErrorInvalidRequest", "AttachmentItem needs attachmentType, name and size.")
    if size > LARGEST_BYTES:
        raise graph_refusal("ErrorMessageSizeExceeded")
    name = context.world.unique()
    kind = str(given.get("contenttype") or "application/octet-stream")
    inline, content_id = bool(given.get("isinline")), str(given.get("contentid") or "")
    attachment = Attachment(str(given["name"]), kind, b"", inline, content_id)
    expires_at = context.world.now() + SESSION_SECONDS
    context.world.uploads[name] = {"session": Session(mail, context.address, attachment, size, expires_at)}
    url = f"{context.request.base}/{'/'.join(_PATH)}('{name}')?authtoken={context.world.unique()}"
    return json_answer(201, {"uploadUrl": url, **_expected(0, expires_at)})


class GraphUploads:
    """Answers the addresses that upload sessions name."""

    def __init__(self, world: World) -> None:
        self.world = world

    def knows(self, request: Request) -> bool:
        return request.segments[:2] == list(_PATH[:2])

    async def respond(self, request: Request) -> Answer:
        name = request.segments[-1].partition("('")[2].removesuffix("')")
        state = self.world.uploads.get(name, {})
        session = state.get("session")
        if not isinstance(session, Session) or session.expires_at < self.world.now():
            return json_answer(404, {"error": {"code": "ErrorItemNotFound", "message": "The session is over."}})
        operations: dict[str, tuple[str, Callable[[], Answer]]] = {
            "PUT": ("upload_range", lambda: self._range(request, name, session)),
            "GET": ("upload_state", lambda: json_answer(200, _expected(len(session.content), session.expires_at))),
        }
        operation, work = operations.get(request.method, ("upload_state", lambda: Answer(405)))
        call = Call("microsoft", operation, mailbox=session.mailbox)
        return await perform(self.world, Job(call, request, work))

    def _range(self, request: Request, name: str, session: Session) -> Answer:
        given = _RANGE.fullmatch(request.headers.get("content-range", ""))
        if given is None or len(request.body) > LARGEST_RANGE or int(given[3]) != session.size:
            return json_answer(400, {"error": {"code": "ErrorInvalidRequest", "message": "Content-Range is wrong."}})
        start, end = int(given[1]), int(given[2])
        if start > len(session.content) or end - start + 1 != len(request.body):
            return json_answer(416, {"error": {"code": "ErrorInvalidRange", "message": "The range is not expected."}})
        session.content[start:] = request.body  # a range that comes again takes its own place
        if len(session.content) < session.size:
            return json_answer(200, _expected(len(session.content), session.expires_at))
        one = session.attachment
        whole = Attachment(one.name, one.kind, bytes(session.content), one.inline, one.content_id)
        session.mail.replace_raw(with_attachment(session.mail.raw, whole))
        del self.world.uploads[name]
        return Answer(201, b"", "", (("Location", f"{request.base}/{'/'.join(_PATH[:2])}/Attachments('{name}')"),))


def _expected(at: int, expires_at: float) -> dict[str, Any]:
    moment = datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {"expirationDateTime": moment, "nextExpectedRanges": [f"{at}-"]}


def _draft(context: Context) -> StoredMail:
    mail = context.mail()
    if not mail.draft:
        raise graph_refusal("ErrorInvalidRequest", "Attachments can be added to a draft only.")
    return mail


def _shown(attachment: Attachment, size: int) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.fileAttachment", "id": f"AAMkAD{size}", "name": attachment.name,
        "contentType": attachment.kind, "size": size, "isInline": attachment.inline,
        "contentId": attachment.content_id or None,
    }  # fmt: skip
