"""Gmail operations that change something: sending, labels, trash and the two ways of deleting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.simulator.core.answers import Answer, json_answer
from services.simulator.core.gmail_mailbox import FIXED_LABELS
from services.simulator.core.gmail_messages import gmail_label, gmail_message
from services.simulator.core.google_errors import gmail_refusal
from services.simulator.core.mailboxes import StoredMail
from services.simulator.core.sending import recipients_of
from services.simulator.http.gmail_context import Context, raw_bytes

MOST_IDS = 1000
MOST_LABELS = 100
MOST_RECIPIENTS = 500


def send(context: Context) -> Answer:
    """messages.send with `raw` in JSON."""
    document = context.json()
    if not document.get("raw"):
        raise gmail_refusal(
            "invalidArgument", "'raw' RFC822 payload message string or uploading message via /upload/* URL required"
        )
    return send_raw(context, raw_bytes(str(document["raw"])), str(document.get("threadId") or ""))


def send_raw(context: Context, raw: bytes, thread_id: str = "") -> Answer:
    """The sent mail's id, thread and labels; its Message-ID is not in the answer."""
    to = recipients_of(raw)
    if not to:
        raise gmail_refusal("invalidArgument", "Recipient address required")
    if len(to) > MOST_RECIPIENTS:
        raise gmail_refusal("invalidArgument", "Too many recipients")
    mailbox = context.mailbox
    final, shown_at = context.world.send(mailbox, raw, save=False, recipients=to)
    now = context.world.now()
    mail = mailbox.new_mail(final, {"SENT"}, now, thread_id)
    mailbox.add(mail, shown_at, now)
    return json_answer(200, {"id": mail.public_id, "threadId": mail.thread_id, "labelIds": ["SENT"]})


def modify(context: Context) -> Answer:
    mail = context.mail()
    add, remove = _labels(context, context.json())
    _relabel(context, mail, add, remove, "modify")
    return json_answer(200, _short(context, mail))


def trash(context: Context) -> Answer:
    mail = context.mail()
    _log(context, mail, "trash")
    context.mailbox.trash(mail, context.world.now())
    return json_answer(200, _short(context, mail))


def untrash(context: Context) -> Answer:
    mail = context.mail()
    context.mailbox.relabel(mail, set(), {"TRASH"}, context.world.now())
    return json_answer(200, _short(context, mail))


def delete(context: Context) -> Answer:
    mail = context.mail()
    _log(context, mail, "delete")
    context.mailbox.delete(mail)
    return Answer(204)


def batch_modify(context: Context) -> Answer:
    """Unknown ids are passed over, as batchDelete does."""
    document = context.json()
    add, remove = _labels(context, document)
    for mail in _mails(context, document):
        _relabel(context, mail, add, remove, "batchModify")
    return Answer(204)


def batch_delete(context: Context) -> Answer:
    for mail in _mails(context, context.json()):
        _log(context, mail, "batchDelete")
        context.mailbox.delete(mail)
    return Answer(204)


def create_label(context: Context) -> Answer:
    name = str(context.json().get("name") or "")
    if not name:
        raise gmail_refusal("invalidArgument", "Invalid label name")
    label = context.mailbox.create_label(name)
    if label is None:
        raise gmail_refusal("aborted")
    return json_answer(200, gmail_label(context.mailbox, label, False))


def _short(context: Context, mail: StoredMail) -> dict[str, Any]:
    shown = gmail_message(context.mailbox, mail, "metadata", [])
    return {key: shown[key] for key in ("id", "threadId", "labelIds")}


def _labels(context: Context, document: dict[str, Any]) -> tuple[set[str], set[str]]:
    add = {context.label(str(one)) for one in document.get("addLabelIds") or []}
    remove = {context.label(str(one)) for one in document.get("removeLabelIds") or []}
    if not add and not remove:
        raise gmail_refusal("invalidArgument", "No label add or removes specified")
    if fixed := (add | remove) & FIXED_LABELS:
        raise gmail_refusal("invalidLabel", min(fixed))
    if max(len(add), len(remove)) > MOST_LABELS:
        raise gmail_refusal("invalidArgument", "Too many labels")
    return add, remove


def _mails(context: Context, document: dict[str, Any]) -> Iterable[StoredMail]:
    ids = [str(one) for one in document.get("ids") or []]
    if not ids:
        raise gmail_refusal("invalidArgument", "No message ids specified")
    if len(ids) > MOST_IDS:
        raise gmail_refusal("invalidArgument", "Too many message ids specified")
    found = (context.mailbox.find(one) for one in dict.fromkeys(ids))
    return [mail for mail in found if mail is not None]


def _relabel(context: Context, mail: StoredMail, add: set[str], remove: set[str], how: str) -> None:
    """A mail that leaves the inbox or Spam is a removal; other label changes are not."""
    if remove & mail.places & {"INBOX", "SPAM"} or "TRASH" in add - mail.places:
        _log(context, mail, how, added=sorted(add), removed=sorted(remove))
    context.mailbox.relabel(mail, add, remove, context.world.now())


def _log(context: Context, mail: StoredMail, how: str, **more: Any) -> None:
    places = sorted(mail.places)
    context.world.log_removal(
        context.mailbox, mail, mail.public_id, how, places=places, in_batch=context.request.in_batch, **more
    )
