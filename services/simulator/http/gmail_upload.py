"""Gmail's media uploads: uploadType media, multipart and resumable, ending in messages.send or drafts.create.

Source: developers.google.com/workspace/gmail/api/guides/uploads.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
from typing import Any, cast

from services.simulator.core.answers import Answer
from services.simulator.core.google_errors import gmail_refusal
from services.simulator.http.gmail_changing import send_raw
from services.simulator.http.gmail_context import Context
from services.simulator.http.gmail_drafts import store_draft
from services.simulator.http.wire import Request

LARGEST_BYTES = 36_700_160
UPLOADED = ("send", "create_draft")
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


def upload(context: Context) -> Answer:
    """The mail as media, with or without JSON beside it, in one go or in pieces."""
    request = context.request
    if len(request.body) > LARGEST_BYTES:
        raise gmail_refusal("uploadTooLarge")
    kind = request.asked("uploadType") or request.headers.get("x-goog-upload-protocol", "")
    if kind == "media":
        return _uploaded(context, request.body)
    if kind == "multipart":
        return _multipart(context)
    if kind == "resumable":
        return _continue(context) if request.asked("upload_id") else _begin(context)
    raise gmail_refusal("invalidArgument", "Invalid uploadType")


def step_of(request: Request, operation: str) -> str:
    """What this request of an upload is called: only the one that completes it is the operation itself."""
    if request.asked("uploadType") != "resumable":
        return operation
    if not request.asked("upload_id"):
        return "upload_begin"
    given = _RANGE.match(request.headers.get("content-range", ""))
    if given is None or given[3] == "*":
        return operation if given is None else "upload_piece"
    if given[1] is None:
        return "upload_state"
    return operation if int(given[2]) + 1 == int(given[3]) else "upload_piece"


def _multipart(context: Context) -> Answer:
    kind = context.request.headers.get("content-type", "").encode()
    policy = email.policy.compat32.clone(linesep="\r\n")
    outer = email.message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + context.request.body, policy=policy)
    parts = outer.get_payload()
    if not isinstance(parts, list) or len(parts) != 2:
        raise gmail_refusal("invalidArgument", "Multipart body must have exactly two parts")
    boundary = outer.get_boundary() or ""
    # The mail is cut out of the body as it came: parsing and printing it again could change it.
    pieces = re.split(rb"\r?\n?--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*\r?\n?", context.request.body)
    described, media = (_content(piece) for piece in [piece for piece in pieces if piece.strip()][:2])
    return _uploaded(context, media, _thread(json.loads(described or b"{}")))


def _uploaded(context: Context, raw: bytes, thread: str = "") -> Answer:
    """What the path asks for: a draft, or the mail sent."""
    return store_draft(context, raw, thread) if context.path[0] == "drafts" else send_raw(context, raw, thread)


def _thread(described: dict[str, Any]) -> str:
    """The thread out of a Message, or out of the Message in a Draft."""
    message = described.get("message")
    return str((message if isinstance(message, dict) else described).get("threadId") or "")


def _content(piece: bytes) -> bytes:
    found = re.search(rb"\r?\n\r?\n", piece)
    return piece[found.end() :] if found else b""


def _begin(context: Context) -> Answer:
    request = context.request
    upload_id = "AFiumC" + context.world.unique()
    thread = _thread(context.json()) if request.body else ""
    context.world.uploads[upload_id] = {"bytes": b"", "thread": thread, "mailbox": context.mailbox.address}
    location = f"{request.base}{request.path}?uploadType=resumable&upload_id={upload_id}"
    return Answer(200, b"", "", (("Location", location), ("X-GUploader-UploadID", upload_id)))


def _continue(context: Context) -> Answer:
    upload_id = context.request.asked("upload_id")
    state = context.world.uploads.get(upload_id)
    if state is None or state["mailbox"] != context.mailbox.address:
        raise gmail_refusal("notFound")
    if "answer" in state:  # it was complete, and asks again for want of an answer
        return cast(Answer, state["answer"])
    given = _RANGE.match(context.request.headers.get("content-range", ""))
    if given and given[1] is not None:
        state["bytes"] = state["bytes"][: int(given[1])]  # a piece that comes again takes its own place
    state["bytes"] += context.request.body
    got = len(state["bytes"])
    if (given and given[3] == "*") or (given and got < int(given[3])):
        headers = (("Range", f"bytes=0-{got - 1}"),) if got else ()
        return Answer(308, b"", "", headers)
    answer = _uploaded(context, state["bytes"], state["thread"])
    state |= {"answer": answer, "bytes": b""}
    return answer
