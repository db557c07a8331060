"""A stored mail as Graph's `message` resource, only with the properties asked for.

Source: learn.microsoft.com/graph/api/resources/message.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message
from typing import Any

from services.simulator.core.graph_mailbox import Folder, GraphMailbox
from services.simulator.core.header_fields import addresses, fields, readable
from services.simulator.core.header_fields import field as header_field
from services.simulator.core.mailboxes import StoredMail
from services.simulator.core.message_bodies import has_attachments, main_text, parsed


class View:
    """One mail while it is shown; the MIME is parsed once and only if a property needs it."""

    def __init__(self, mailbox: GraphMailbox, mail: StoredMail, immutable: bool) -> None:
        self.mailbox = mailbox
        self.mail = mail
        self.immutable = immutable
        self._parsed: Message | None = None

    @property
    def message(self) -> Message:
        if self._parsed is None:
            self._parsed = parsed(self.mail.raw)
        return self._parsed

    @property
    def id(self) -> str:
        return self.mail.lasting_id if self.immutable else self.mail.public_id


def graph_time(seconds: float) -> str:
    """Seconds since the epoch as Graph writes times."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _person(name: str, address: str) -> dict[str, Any]:
    return {"emailAddress": {"name": name or address, "address": address}}


def _people(view: View, name: str) -> list[dict[str, Any]]:
    return [_person(*one) for one in addresses(header_field(view.mail.raw, name))]


def _from(view: View) -> dict[str, Any] | None:
    name, address = view.mail.sender
    return _person(name, address) if address else None


def _body(view: View) -> dict[str, str]:
    kind, text = main_text(view.message)
    return {"contentType": kind, "content": text}


def _is_sent(view: View) -> bool:
    """What was sent has no internetMessageHeaders, though its MIME has the headers. Source: graph-docs issues 3066, 18761."""
    return view.mailbox.folder_of(view.mail).well_known == "sentitems"


PROPERTIES: dict[str, Callable[[View], Any]] = {
    "createdDateTime": lambda view: graph_time(view.mail.received),
    "lastModifiedDateTime": lambda view: graph_time(view.mail.modified),
    "changeKey": lambda view: f"CQAAABYAAAD{view.mail.number:06d}{view.mail.version:04d}",
    "categories": lambda view: view.mail.overrides.get("categories", []),
    "receivedDateTime": lambda view: graph_time(view.mail.received),
    "sentDateTime": lambda view: graph_time(view.mail.received),
    "hasAttachments": lambda view: has_attachments(view.message),
    "internetMessageId": lambda view: view.mail.message_id or None,
    "subject": lambda view: view.mail.subject,
    "bodyPreview": lambda view: main_text(view.message)[1][:255],
    "importance": lambda view: view.mail.overrides.get("importance", "normal"),
    "parentFolderId": lambda view: view.mailbox.folder_of(view.mail).id,
    "conversationId": lambda view: view.mail.thread_id,
    "isDeliveryReceiptRequested": lambda view: False,
    "isReadReceiptRequested": lambda view: False,
    "isRead": lambda view: not view.mail.unread,
    "isDraft": lambda view: view.mail.draft,
    "webLink": lambda view: f"https://outlook.office365.com/owa/?ItemID={view.id}&exvsurl=1&viewmodel=ReadMessageItem",
    "inferenceClassification": lambda view: "focused",
    "body": _body,
    "sender": _from,
    "from": _from,
    "toRecipients": lambda view: _people(view, "To"),
    "ccRecipients": lambda view: _people(view, "Cc"),
    "bccRecipients": lambda view: _people(view, "Bcc"),
    "replyTo": lambda view: _people(view, "Reply-To"),
    "flag": lambda view: view.mail.overrides.get("flag", {"flagStatus": "notFlagged"}),
}
_ON_REQUEST: dict[str, Callable[[View], Any]] = {
    "internetMessageHeaders": lambda view: [
        {"name": name, "value": readable(value)} for name, value in fields(view.mail.raw)
    ],
    "uniqueBody": _body,
}
_BY_FOLDED_NAME = {name.lower(): name for name in (*PROPERTIES, *_ON_REQUEST)}


def unknown_property(select: str) -> str:
    """The first name of a $select that no message has, or ""."""
    return next((name for name in _names(select) if name.lower() not in _BY_FOLDED_NAME and name.lower() != "id"), "")


def graph_message(mailbox: GraphMailbox, mail: StoredMail, select: str, immutable: bool) -> dict[str, Any]:
    """The resource; `select` is $select as written, "" for the default set (without internetMessageHeaders)."""
    view = View(mailbox, mail, immutable)
    document: dict[str, Any] = {"@odata.etag": f'W/"CQAAABYAAAD{mail.number:06d}{mail.version:04d}"', "id": view.id}
    if not select:
        return document | {name: show(view) for name, show in PROPERTIES.items()}
    for wanted in _names(select):
        name = _BY_FOLDED_NAME.get(wanted.lower())
        if name is not None and not (name == "internetMessageHeaders" and _is_sent(view)):
            document[name] = (PROPERTIES.get(name) or _ON_REQUEST[name])(view)
    return document


def graph_folder(mailbox: GraphMailbox, folder: Folder) -> dict[str, Any]:
    """A `mailFolder` resource with its counts."""
    place = mailbox.place(folder.id)
    return {
        "id": folder.id,
        "displayName": folder.name,
        "parentFolderId": folder.parent,
        "childFolderCount": sum(1 for one in mailbox.folders.values() if one.parent == folder.id),
        "unreadItemCount": sum(1 for mail in place.mails.values() if mail.unread),
        "totalItemCount": len(place),
        "sizeInBytes": sum(len(mail.raw) for mail in place.mails.values()),
        "isHidden": False,
    }


def _names(select: str) -> list[str]:
    return [name for name in (part.strip() for part in select.split(",")) if name]
