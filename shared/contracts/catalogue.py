"""Every message class by its type. The topology table names a queue for each; a test compares the two."""

from __future__ import annotations

from typing import Final

from shared.contracts.commands import ClassifyReplay, PollMailbox, RefreshToken
from shared.contracts.envelope import Body
from shared.contracts.events import MailClassified, MailFetched, ReplayClassified

MESSAGES: Final[dict[str, type[Body]]] = {
    message.type: message
    for message in (RefreshToken, PollMailbox, MailFetched, MailClassified, ClassifyReplay, ReplayClassified)
}
