"""A server that can send nothing for a while, and one that can again: noted where claims, other services and people look."""

from __future__ import annotations

from datetime import timedelta

from services.sender.core.outcomes import HELD_FOR, Step
from shared.domain.errors import CredentialsRejected, MailboxMissing, Permanent, Throttled
from shared.domain.mailboxes import MailboxId
from shared.domain.sending import Reason
from shared.storage import api_keys, mailboxes, send_servers
from shared.storage.database import Connection
from shared.storage.send_servers import Server


def note_stop(connection: Connection, server: Server, error: Exception | None, step: Step) -> None:
    """The failure that stopped it. What is a limit of the provider holds for the whole mailbox; a refused key for all of its servers."""
    wait = step.server_waits or step.due_in or HELD_FOR
    reason = step.reason or Reason.UNAVAILABLE
    if isinstance(error, Throttled):
        send_servers.block_mailbox(connection, server, wait.total_seconds(), Reason.THROTTLED)
    if isinstance(error, CredentialsRejected):
        api_keys.refused(connection, server.api_key_id, error.diagnosis, HELD_FOR)
    elif isinstance(error, MailboxMissing):
        mailboxes.not_connected(connection, MailboxId(server.mailbox_id), error.diagnosis)
    elif isinstance(error, Permanent) or reason is not Reason.UNAVAILABLE or wait > timedelta(0):
        send_servers.block_for(connection, server.server_id, wait, reason, step.detail)


def note_works(connection: Connection, server: Server) -> None:
    """The provider took a mail: neither key nor mailbox is broken (any more)."""
    api_keys.accepted(connection, server.api_key_id)
    mailboxes.connected(connection, MailboxId(server.mailbox_id))
