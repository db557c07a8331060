"""A stored mail as Gmail's `Message` resource in its four formats. int64 fields are JSON strings.

Source: the discovery document gmail v1 (schemas Message, MessagePart).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from email.message import Message
from typing import Any

from services.simulator.core.gmail_mailbox import Change, GmailMailbox
from services.simulator.core.mailboxes import StoredMail, opaque
from services.simulator.core.message_bodies import content, main_text, parsed

FORMATS = ("minimal", "full", "raw", "metadata")


def gmail_message(
    mailbox: GmailMailbox, mail: StoredMail, form: str, wanted_headers: list[str] | None = None
) -> dict[str, Any]:
    """The resource; `wanted_headers` limits the headers of format metadata (None = all)."""
    document: dict[str, Any] = {
        "id": mail.public_id,
        "threadId": mail.thread_id,
        "labelIds": sorted(mail.places),
        "snippet": "",
        "sizeEstimate": len(mail.raw),
        "historyId": str(mail.version or mailbox.history_id),
        "internalDate": str(int(mail.received * 1000)),
    }
    if form == "raw":
        return document | {"raw": urlsafe_b64encode(mail.raw).decode()}
    if form == "minimal":
        return document | {"snippet": _snippet(parsed(mail.raw))}
    message = parsed(mail.raw)
    document["snippet"] = _snippet(message)
    if form == "metadata":
        document["payload"] = {"mimeType": message.get_content_type(), "headers": _headers(message, wanted_headers)}
    else:
        document["payload"] = _part(message, "", mail.public_id)
    return document


def attachment(mail: StoredMail, attachment_id: str) -> bytes | None:
    """The decoded bytes behind an attachmentId of format full."""
    found: list[bytes] = []

    def look(part: Message, part_id: str) -> None:
        for number, child in enumerate(_children(part)):
            look(child, f"{part_id}.{number}" if part_id else str(number))
        if not found and _attachment_id(mail.public_id, part_id) == attachment_id:
            found.append(_bytes(part))

    look(parsed(mail.raw), "")
    return found[0] if found else None


def gmail_label(mailbox: GmailMailbox, label: str, counted: bool) -> dict[str, Any]:
    """A label; counts are shown by labels.get only."""
    system = mailbox.labels[label] == label
    document: dict[str, Any] = {"id": label, "name": mailbox.labels[label], "type": "system" if system else "user"}
    if counted:
        mails = mailbox.place(label).mails.values()
        unread = sum(1 for mail in mails if mail.unread)
        document |= {"messagesTotal": len(mails), "messagesUnread": unread}
        document |= {"threadsTotal": len(mails), "threadsUnread": unread}
    return document


def gmail_history(change: Change) -> dict[str, Any]:
    """One history record."""
    message = {"id": change.mail_id, "threadId": change.thread_id, "labelIds": sorted(change.label_ids)}
    entry: dict[str, Any] = {"message": message}
    if change.labels:
        entry["labelIds"] = list(change.labels)
    short = {"id": change.mail_id, "threadId": change.thread_id}
    return {"id": str(change.id), "messages": [short], change.kind: [entry]}


def _headers(message: Message, wanted: list[str] | None) -> list[dict[str, str]]:
    names = None if wanted is None else {name.lower() for name in wanted}
    return [
        {"name": name, "value": str(value)} for name, value in message.items() if names is None or name.lower() in names
    ]


def _part(part: Message, part_id: str, mail_id: str) -> dict[str, Any]:
    children = _children(part)
    document: dict[str, Any] = {
        "partId": part_id,
        "mimeType": part.get_content_type(),
        "filename": part.get_filename() or "",
        "headers": _headers(part, None),
        "body": {"size": 0},
    }
    if children:
        document["parts"] = [
            _part(child, f"{part_id}.{number}" if part_id else str(number), mail_id)
            for number, child in enumerate(children)
        ]
        return document
    data = _bytes(part)
    if document["filename"] or not part.get_content_type().startswith("text/"):
        document["body"] = {"attachmentId": _attachment_id(mail_id, part_id), "size": len(data)}
    else:
        document["body"] = {"size": len(data), "data": urlsafe_b64encode(data).decode()}
    return document


def _children(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _bytes(part: Message) -> bytes:
    return b"" if part.is_multipart() else content(part)


def _attachment_id(mail_id: str, part_id: str) -> str:
    return opaque("ANGjdJ", mail_id, part_id)


def _snippet(message: Message) -> str:
    kind, text = main_text(message)
    return " ".join(text.split())[:200] if kind == "text" else ""
