"""Graph operations that change something: sending, drafts, read flag, moving and the two ways of deleting."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

from services.simulator.core.answers import Answer
from services.simulator.core.graph_errors import graph_refusal
from services.simulator.core.graph_mailbox import Folder
from services.simulator.core.graph_messages import graph_folder, graph_message
from services.simulator.core.header_fields import field as header_field
from services.simulator.core.header_fields import with_field, without_fields
from services.simulator.core.mailboxes import StoredMail
from services.simulator.core.sending import (
    custom_names,
    folded,
    graph_mime,
    new_message_id,
    recipients_of,
    saves_to_sent,
)
from services.simulator.http.graph_context import Context

MOST_RECIPIENTS = 500


def send_mail(context: Context) -> Answer:
    """sendMail, JSON or MIME. 202 with no body; what goes wrong later arrives as a report."""
    if _is_mime(context):
        raw, save = _mime(context), True
    else:
        document = folded(context.json())
        if not isinstance(document.get("message"), dict):
            raise graph_refusal("BadRequest", "The Message field is required.")
        raw = _from_json(context, document["message"])
        save = saves_to_sent(document.get("savetosentitems", True))
    _check_recipients(raw)
    context.world.send(context.mailbox, raw, save=save)
    return Answer(202)


def create_draft(context: Context) -> Answer:
    """A draft of MIME or JSON; its internetMessageId is known before it is sent."""
    raw = _mime(context) if _is_mime(context) else _from_json(context, context.json())
    if not header_field(raw, "Message-ID"):
        raw = with_field(raw, "Message-ID", new_message_id("microsoft", context.world.unique()[:16]))
    folder = context.folder() if context.folder_name else context.folder("drafts")
    mail = context.mailbox.new_mail(raw, folder, context.world.now(), unread=False, draft=True)
    context.mailbox.add(mail)
    return _shown(context, 201, mail)


def send_draft(context: Context) -> Answer:
    """The draft becomes the copy in Sent Items: same lasting id, another changeable one."""
    mail = context.mail()
    if not mail.draft:
        raise graph_refusal("ErrorInvalidRequest", "The message is not a draft and cannot be sent.")
    _check_recipients(mail.raw)
    sent, shown_at = context.world.send(context.mailbox, mail.raw, save=False, recipients=recipients_of(mail.raw))
    now = context.world.now()
    mail.draft = False
    mail.replace_raw(sent)
    context.mailbox.move(mail, context.folder("sentitems"), now)
    context.mailbox.remove(mail)  # listings go by time, and the copy's is that of its sending
    mail.received = now
    context.mailbox.add(mail, shown_at, now)
    return Answer(202)


def update_message(context: Context) -> Answer:
    """PATCH: isRead, categories, flag, importance; subject and internetMessageId only on a draft."""
    mail, changes = context.mail(), folded(context.json())
    if "isread" in changes:
        if not isinstance(changes["isread"], bool):
            raise graph_refusal("BadRequest", "Cannot convert the value of isRead to Edm.Boolean.")
        mail.unread = not changes["isread"]
    mail.overrides |= {name: changes[name] for name in ("categories", "flag", "importance") if name in changes}
    for name, header in (("subject", "Subject"), ("internetmessageid", "Message-ID")):
        if name in changes:
            if not mail.draft:
                raise graph_refusal("ErrorInvalidRequest", f"Property {name} can be set on a draft only.")
            mail.replace_raw(with_field(without_fields(mail.raw, {header.lower()}), header, str(changes[name])))
    mail.modified = context.world.now()
    return _shown(context, 200, mail)


def move_message(context: Context) -> Answer:
    """Into another folder. 201 with the message as it is there: another id unless ids are immutable."""
    mail, target = context.mail(), _destination(context)
    left = context.mailbox.folder_of(mail)
    context.mailbox.move(mail, target, context.world.now())
    _log(context, mail, "move", source=left.name, target=target.name)
    return _shown(context, 201, mail)


def copy_message(context: Context) -> Answer:
    mail, target = context.mail(), _destination(context)
    copy = context.mailbox.new_mail(mail.raw, target, mail.received, unread=mail.unread)
    context.mailbox.add(copy)
    return _shown(context, 201, copy)


def delete_message(context: Context) -> Answer:
    """DELETE: into Deleted Items; from there (and for drafts) out of reach."""
    mail = context.mail()
    left = context.mailbox.folder_of(mail)
    if left.well_known == "deleteditems":
        context.mailbox.purge(mail)
    else:
        context.mailbox.move(mail, context.folder("deleteditems"), context.world.now())
    _log(context, mail, "delete", source=left.name, target="" if left.well_known == "deleteditems" else "Deleted Items")
    return Answer(204)


def permanent_delete(context: Context) -> Answer:
    mail = context.mail()
    left = context.mailbox.folder_of(mail)
    context.mailbox.purge(mail)
    _log(context, mail, "permanentDelete", source=left.name, target="")
    return Answer(204)


def create_folder(context: Context) -> Answer:
    name = str(folded(context.json()).get("displayname") or "")
    if not name:
        raise graph_refusal("ErrorInvalidRequest", "A folder needs a displayName.")
    parent = context.folder().id if context.folder_name else ""
    created = context.mailbox.create_folder(name, parent)
    if created is None:
        raise graph_refusal("ErrorFolderExists", name)
    return context.entity(201, "mailFolders", graph_folder(context.mailbox, created))


def _shown(context: Context, status: int, mail: StoredMail) -> Answer:
    shown = graph_message(context.mailbox, mail, context.request.asked("$select"), context.immutable)
    return context.entity(status, "messages", shown)


def _destination(context: Context) -> Folder:
    wanted = str(folded(context.json()).get("destinationid") or "")
    if not wanted:
        raise graph_refusal("ErrorInvalidRequest", "The DestinationId parameter is required.")
    return context.folder(wanted)


def _is_mime(context: Context) -> bool:
    return context.request.headers.get("content-type", "").lower().startswith("text/plain")


def _mime(context: Context) -> bytes:
    try:
        raw = b64decode(b"".join(context.request.body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise graph_refusal("ErrorMimeContentInvalidBase64String") from None
    if not raw:
        raise graph_refusal("ErrorMimeContentInvalidBase64String")
    return raw


def _from_json(context: Context, message: dict[str, Any]) -> bytes:
    """As MIME; from now on the mailbox keeps the custom headers that came this way."""
    raw = _composed(context, message)
    context.mailbox.primed |= custom_names(raw)
    return raw


def _composed(context: Context, message: dict[str, Any]) -> bytes:
    name = context.mailbox.options.display_name
    sender = folded(folded(folded(message).get("from")).get("emailaddress")).get("address")
    if sender and str(sender).lower() != context.mailbox.address.lower():
        raise graph_refusal("ErrorSendAsDenied")
    return graph_mime(message, context.mailbox.address, name)


def _check_recipients(raw: bytes) -> None:
    count = len(recipients_of(raw))
    if not count:
        raise graph_refusal("ErrorInvalidRecipients", "The message has no recipient.")
    if count > MOST_RECIPIENTS:
        raise graph_refusal("ErrorInvalidRecipients", f"The message has {count} recipients, at most 500 are allowed.")


def _log(context: Context, mail: StoredMail, how: str, *, source: str, target: str) -> None:
    context.world.log_removal(
        context.mailbox, mail, context.mail_id, how, source=source, target=target, in_batch=context.request.in_batch
    )
