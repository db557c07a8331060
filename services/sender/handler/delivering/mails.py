"""The mail of a send: its request is unsealed and composed. The same bytes each time."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from services.sender.core.composing import NotComposable, SenderFacts, compose
from shared.contracts.sending import SendMail
from shared.domain.errors import ApiConnectError
from shared.domain.sending import Ids, MailForm, Reason, SendState
from shared.domain.unsubscribing import ListUnsubscribing, NoTarget
from shared.storage import sends
from shared.storage.sealing import SealBroken, Sealer
from shared.storage.send_claims import SUPPRESSED_DETAIL, Claimed
from shared.storage.send_servers import Server


class NotComposed(ApiConnectError):
    """The request can't become a mail (any more); it ends in this state, for this reason. The text is for the asker."""

    def __init__(self, reason: Reason, message: str, state: SendState = SendState.FAILED) -> None:
        super().__init__(message)
        self.reason = reason
        self.state = state


def mail_of(
    sealer: Sealer, server: Server, send: Claimed, stored: Callable[[UUID], bytes | None]
) -> tuple[bytes, MailForm, str]:
    """MIME with CRLF line ends, how it is handed over, and what a person reads in it. stored: gives a stored attachment. Raises NotComposed."""
    if send.sealed is None:
        raise NotComposed(Reason.INVALID, "Its body was dropped after the time that bodies are kept; send it again.")
    try:
        request = SendMail.model_validate_json(sends.unsealed(sealer, send.send_id, send.sealed))
        files = {one.stored: stored(one.stored) for one in request.attachments if one.stored is not None}
    except SealBroken:
        raise NotComposed(
            Reason.INVALID, "What was stored of it can't be opened any more; send it again with a new key."
        ) from None
    sender = SenderFacts(server.mailbox, server.from_name, server.display_name, server.reply_to, server.provider)
    found = {uid: content for uid, content in files.items() if content is not None}
    try:
        composed = compose(
            request,
            sender,
            Ids(send.message_id, send.reference),
            date=send.accepted_at,
            stored=found,
            list_targets=() if request.list_unsubscribe else _list_targets(send),
        )
    except NotComposable as fault:
        raise NotComposed(fault.rejection.reason, str(fault)) from None
    return composed.mime, MailForm(server.mode), composed.text_sent


def _list_targets(send: Claimed) -> tuple[str, ...]:
    """What the list's settings of now put into List-Unsubscribe. Raises NotComposed: the mail never leaves without it."""
    setting = ListUnsubscribing(send.list_uid or "", send.unsubscribe_url, send.unsubscribe_mailto)
    try:
        return setting.targets(subscriber=send.subscriber_uid, campaign=send.campaign_uid)
    except NoTarget as fault:
        if fault.lacks == "subscriber" and send.recipients == 1:  # who is no subscriber any more gets no mail
            raise NotComposed(Reason.SUPPRESSED, SUPPRESSED_DETAIL, SendState.REJECTED) from None
        raise NotComposed(Reason.INVALID, str(fault)) from None
