"""Gmail operations that read: list with q and labels, get in four formats, history, labels, profile."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from itertools import islice
from typing import Any

from services.simulator.core.answers import Answer, json_answer
from services.simulator.core.gmail_messages import (
    FORMATS,
    attachment,
    gmail_history,
    gmail_label,
    gmail_message,
)
from services.simulator.core.gmail_query import Search, parse_query
from services.simulator.core.google_errors import gmail_refusal
from services.simulator.core.mailboxes import StoredMail
from services.simulator.core.registry import METADATA_SCOPE
from services.simulator.http.gmail_context import Context

DEFAULT_PAGE = 100
LARGEST_PAGE = 500
_PAGE_BASE = 10**6


def list_messages(context: Context) -> Answer:
    """Ids, newest first; Spam and Trash only when asked for. A page token is a place in the order of time."""
    request, mailbox = context.request, context.mailbox
    query = request.asked("q")
    if query and _metadata_only(context):
        raise gmail_refusal("forbidden", "Metadata scope does not support 'q' parameter")
    try:
        search = parse_query(query, mailbox, context.world.now())
    except (ValueError, KeyError, IndexError):
        raise gmail_refusal("invalidArgument", "Invalid query") from None
    search.labels |= {context.label(label) for label in request.all_asked("labelIds")}
    hidden = _hidden(context, search)
    size = _page_size(context)
    before = _token(context)
    found = (mail for mail in _candidates(context, search) if _fits(mail, search, hidden, before))
    page = list(islice(found, size + 1))
    document: dict[str, Any] = {"resultSizeEstimate": len(page)}
    if page:
        document["messages"] = [{"id": mail.public_id, "threadId": mail.thread_id} for mail in page[:size]]
    if len(page) > size:
        last = page[size - 1]
        document["nextPageToken"] = f"{int(last.received * _PAGE_BASE):d}{last.number:09d}"
        document["resultSizeEstimate"] = 201 if size < 201 else len(page)
    return json_answer(200, document)


def get_message(context: Context) -> Answer:
    """One mail as minimal, full (default), raw or metadata."""
    form = context.request.asked("format", "full").lower()
    if form not in FORMATS:
        raise gmail_refusal("invalidArgument", f"Invalid value at 'format' (type.googleapis.com/...), \"{form}\"")
    if form in ("raw", "full") and _metadata_only(context):
        raise gmail_refusal("forbidden", f"Metadata scope doesn't allow format {form.upper()}")
    wanted = context.request.all_asked("metadataHeaders") or None
    return json_answer(200, gmail_message(context.mailbox, context.mail(), form, wanted))


def get_attachment(context: Context) -> Answer:
    found = attachment(context.mail(), context.path[3])
    if found is None:
        raise gmail_refusal("invalidArgument", "Invalid attachment token")
    return json_answer(200, {"size": len(found), "data": urlsafe_b64encode(found).decode()})


def list_history(context: Context) -> Answer:
    """Changes after startHistoryId; 404 when that is older than what is kept."""
    request, mailbox = context.request, context.mailbox
    start = request.asked("startHistoryId")
    if not start.isdigit():
        raise gmail_refusal("invalidArgument", "Missing or invalid startHistoryId")
    if int(start) < mailbox.oldest_history_id:
        raise gmail_refusal("notFound")
    kinds = {_HISTORY_TYPES[kind] for kind in request.all_asked("historyTypes") if kind in _HISTORY_TYPES}
    label = request.asked("labelId")
    size, after = _page_size(context), int(request.asked("pageToken") or start)
    found = [
        change
        for change in mailbox.history
        if change.id > after
        and (not kinds or change.kind in kinds)
        and (not label or label in change.label_ids or label in change.labels)
    ]
    document: dict[str, Any] = {"historyId": str(mailbox.history_id)}
    if found:
        document["history"] = [gmail_history(change) for change in found[:size]]
    if len(found) > size:
        document["nextPageToken"] = str(found[size - 1].id)
    return json_answer(200, document)


_HISTORY_TYPES = {
    "messageAdded": "messagesAdded", "messageDeleted": "messagesDeleted", "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}  # fmt: skip


def list_labels(context: Context) -> Answer:
    labels = [gmail_label(context.mailbox, label, False) for label in context.mailbox.labels]
    return json_answer(200, {"labels": labels})


def get_label(context: Context) -> Answer:
    if context.item_id not in context.mailbox.labels:
        raise gmail_refusal("notFound")
    return json_answer(200, gmail_label(context.mailbox, context.item_id, True))


def profile(context: Context) -> Answer:
    total = len(context.mailbox.everything)
    return json_answer(200, {
        "emailAddress": context.mailbox.address, "messagesTotal": total, "threadsTotal": total,
        "historyId": str(context.mailbox.history_id),
    })  # fmt: skip


def _metadata_only(context: Context) -> bool:
    rights = context.grant.rights
    return METADATA_SCOPE in rights and not any(
        scope.endswith(("gmail.readonly", "gmail.modify", "mail.google.com/")) for scope in rights
    )


def _hidden(context: Context, search: Search) -> set[str]:
    """Labels whose mails are left out: `in:spam` shows Spam, includeSpamTrash shows both."""
    if search.with_spam_and_trash or context.request.asked("includeSpamTrash").lower() in ("true", "1"):
        return set()
    return {"SPAM", "TRASH"}


def _candidates(context: Context, search: Search) -> Any:
    """The shortest list that holds every hit."""
    mailbox = context.mailbox
    if not search.labels:
        return mailbox.everything.newest_first()
    return min((mailbox.place(label) for label in search.labels), key=len).newest_first()


def _fits(mail: StoredMail, search: Search, hidden: set[str], before: tuple[float, int] | None) -> bool:
    if before is not None and (int(mail.received * _PAGE_BASE), mail.number) >= before:
        return False
    return search.labels <= mail.places and not hidden & mail.places and search.fits(mail)


def _page_size(context: Context) -> int:
    text = context.request.asked("maxResults")
    if text and not text.isdigit():
        raise gmail_refusal("invalidArgument", f"Invalid value at 'max_results' (TYPE_UINT32), \"{text}\"")
    return min(int(text) if text and int(text) else DEFAULT_PAGE, LARGEST_PAGE)


def _token(context: Context) -> tuple[float, int] | None:
    text = context.request.asked("pageToken")
    if not text:
        return None
    if not text.isdigit() or len(text) < 10:
        raise gmail_refusal("invalidArgument", "Invalid pageToken")
    return int(text[:-9]), int(text[-9:])
