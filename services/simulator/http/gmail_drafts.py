"""Gmail's drafts: made, read, replaced, sent and thrown away. A draft's id is not its message's id.

Source: the discovery document gmail v1 (users.drafts), developers.google.com/workspace/gmail/api/guides/drafts.
"""

from __future__ import annotations

from typing import Any

from services.simulator.core.answers import Answer, json_answer
from services.simulator.core.gmail_messages import FORMATS, gmail_message
from services.simulator.core.google_errors import gmail_refusal
from services.simulator.core.mailboxes import StoredMail
from services.simulator.http.gmail_changing import send_raw
from services.simulator.http.gmail_context import Context, raw_bytes

DEFAULT_PAGE = 100
LARGEST_PAGE = 500


def create_draft(context: Context) -> Answer:
    """drafts.create with `message.raw` in JSON."""
    raw, thread = _message(context, context.json())
    return store_draft(context, raw, thread)


def store_draft(context: Context, raw: bytes, thread_id: str = "") -> Answer:
    """A new draft of the mail: its id, and its message's."""
    mailbox = context.mailbox
    mail = mailbox.new_mail(raw, {"DRAFT"}, context.world.now(), thread_id)
    mailbox.add(mail)
    draft_id = f"r{mail.number + 10**17}"
    mailbox.drafts[draft_id] = mail
    return json_answer(200, _shown(draft_id, mail))


def list_drafts(context: Context) -> Answer:
    """Newest first; a page token is a place in that order."""
    drafts = [(key, mail) for key, mail in reversed(context.mailbox.drafts.items()) if _is_there(context, mail)]
    size, start = _count(context, "maxResults") or DEFAULT_PAGE, _count(context, "pageToken")
    size = min(size, LARGEST_PAGE)
    page = drafts[start : start + size]
    document: dict[str, Any] = {"resultSizeEstimate": len(drafts)}
    if page:
        document["drafts"] = [
            {"id": key, "message": {"id": mail.public_id, "threadId": mail.thread_id}} for key, mail in page
        ]
    if len(drafts) > start + size:
        document["nextPageToken"] = str(start + size)
    return json_answer(200, document)


def get_draft(context: Context) -> Answer:
    """The draft with its message as minimal, full (default), raw or metadata."""
    form = context.request.asked("format", "full").lower()
    if form not in FORMATS:
        raise gmail_refusal("invalidArgument", f"Invalid value at 'format' (type.googleapis.com/...), \"{form}\"")
    mail = _draft(context, context.item_id)
    return json_answer(200, {"id": context.item_id, "message": gmail_message(context.mailbox, mail, form)})


def update_draft(context: Context) -> Answer:
    """Another content under the same draft id: the message is a new one."""
    raw, thread = _message(context, context.json())
    old = _draft(context, context.item_id)
    mail = context.mailbox.new_mail(raw, {"DRAFT"}, context.world.now(), thread or old.thread_id)
    context.mailbox.delete(old)
    context.mailbox.add(mail)
    context.mailbox.drafts[context.item_id] = mail
    return json_answer(200, _shown(context.item_id, mail))


def send_draft(context: Context) -> Answer:
    """drafts.send: the draft is gone, the sent mail is another message in the same thread."""
    document = context.json()
    draft_id = str(document.get("id") or "")
    mail = _draft(context, draft_id)
    raw = _message(context, document)[0] if document.get("message") else mail.raw
    answer = send_raw(context, raw, mail.thread_id)
    del context.mailbox.drafts[draft_id]
    context.mailbox.delete(mail)
    return answer


def delete_draft(context: Context) -> Answer:
    """For good, not into Trash."""
    mail = _draft(context, context.item_id)
    del context.mailbox.drafts[context.item_id]
    context.mailbox.delete(mail)
    return Answer(204)


def _message(context: Context, document: dict[str, Any]) -> tuple[bytes, str]:
    message = document.get("message")
    if not isinstance(message, dict) or not message.get("raw"):
        raise gmail_refusal("invalidArgument", "Missing draft message")
    return raw_bytes(str(message["raw"])), str(message.get("threadId") or "")


def _draft(context: Context, draft_id: str) -> StoredMail:
    found = context.mailbox.drafts.get(draft_id)
    if found is None or not _is_there(context, found):
        raise gmail_refusal("notFound")
    return found


def _is_there(context: Context, mail: StoredMail) -> bool:
    """Whether nobody deleted the draft's message by its own id."""
    return context.mailbox.find(mail.public_id) is not None


def _shown(draft_id: str, mail: StoredMail) -> dict[str, Any]:
    message = {"id": mail.public_id, "threadId": mail.thread_id, "labelIds": ["DRAFT"]}
    return {"id": draft_id, "message": message}


def _count(context: Context, name: str) -> int:
    text = context.request.asked(name)
    if text and not text.isdigit():
        raise gmail_refusal("invalidArgument", f"Invalid {name}")
    return int(text or 0)
