"""Whether a server's provider takes a request's mail as it is: what it would drop or refuse is told when it is asked for (A081)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from services.sender.core.attachment_checks import decoded_size
from services.sender.core.recipient_checks import crossing, recipients_of
from services.sender.core.rejections import Rejection
from shared.contracts.sending import SendMail
from shared.domain.send_requests import StoredAttachment, UsableServer
from shared.domain.sending import LARGEST_ATTACHMENT_BYTES, LARGEST_MAIL_BYTES, Reason
from shared.mail.json_form import refused_headers

_LINE: Final = 78 / 76  # base64 in lines of 76 characters, each ended by two


def server_problem(
    request: SendMail, server: UsableServer, stored: Mapping[UUID, StoredAttachment], *, listed: bool = False
) -> Rejection | None:
    """What stands in the way of sending this request through this server; None if nothing does.

    listed: the settings of the send's list bring a List-Unsubscribe.
    """
    return _too_many(request, server) or _not_kept(request, server, listed) or _too_large(request, server, stored)


def list_field(request: SendMail) -> str:
    """The field that says which list a send is of: the campaign's is its list where it names none."""
    return "list" if request.list_uid else "campaign"


def _too_many(request: SendMail, server: UsableServer) -> Rejection | None:
    most = server.recipients_per_mail
    named = sum(1 for _ in recipients_of(request))
    if named <= most:
        return None
    detail = f"{named} recipients are more than the {most} that {server.uid} may send one mail to; split it into several requests"
    return Rejection(Reason.INVALID, crossing(request, most), detail)


def _not_kept(request: SendMail, server: UsableServer, listed: bool) -> Rejection | None:
    """In JSON Exchange takes five X- headers, ours among them; any other would be lost."""
    if server.mode != "json":
        return None
    asked = [(f"headers.{place}.name", header.name) for place, header in enumerate(request.headers)]
    if request.list_unsubscribe:
        asked.insert(0, ("list_unsubscribe", "List-Unsubscribe"))
    elif listed:
        asked.insert(0, (list_field(request), "List-Unsubscribe"))
    refused = refused_headers(name for _, name in asked)
    if not refused:
        return None
    named = "; ".join(f"{one.name}: {one.reason}" for one in refused)
    field = next(field for field, name in asked if name == refused[0].name)
    detail = (
        f"{server.uid} sends by JSON and would not keep {named}. Leave them out, or use a server that sends as MIME."
    )
    if listed:
        detail += " The list's settings add List-Unsubscribe to each of its mails."
    return Rejection(Reason.HEADERS_NOT_KEPT, field, detail)


def _too_large(request: SendMail, server: UsableServer, stored: Mapping[UUID, StoredAttachment]) -> Rejection | None:
    """By the attachments' sizes, which are all that can make a mail too large: bodies are bounded by the contract."""
    sizes = [
        stored[one.stored].size if one.stored is not None and one.stored in stored else decoded_size(one.content or "")
        for one in request.attachments
    ]
    one_most, all_most = LARGEST_ATTACHMENT_BYTES[server.provider], LARGEST_MAIL_BYTES[server.provider]
    for place, size in enumerate(sizes):
        if one_most is not None and size > one_most:
            detail = f"it has {size} bytes, and {server.uid} takes {one_most}; make it smaller, or put it behind a link"
            return Rejection(Reason.TOO_LARGE, f"attachments.{place}", detail)
    encoded = int(sum(sizes) * 4 / 3 * _LINE)
    if all_most is not None and encoded > all_most:
        detail = (
            f"together they make a mail of {encoded} bytes, and {server.uid} takes {all_most}; "
            "make them smaller, or put them behind links"
        )
        return Rejection(Reason.TOO_LARGE, "attachments", detail)
    return None
