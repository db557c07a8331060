"""Types of the fixtures, and steps that several tests take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from click.testing import Result

from services.actions.handler.mail_classified import MailClassifiedHandler
from shared.contracts.events import MailClassified
from shared.domain.mailboxes import MailId
from shared.messaging.memory import MemoryBroker
from shared.messaging.received import Received
from shared.messaging.unit import UnitFactory
from shared.storage.database import Database

Console = Callable[..., Result]
AskJson = Callable[..., Any]


def changed(file: Path, before: str, after: str) -> Path:
    """The file with one piece of its text replaced."""
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    return file


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    """What a query finds."""
    with database.transaction() as connection:
        return connection.execute(query.encode()).fetchall()


def act_on(database: Database, mail_id: MailId) -> None:
    """What the actions service does with a classified mail."""
    handler = MailClassifiedHandler(database, soft_window=timedelta(days=30))
    message = Received(MailClassified(mail_id=mail_id), uuid4(), uuid4(), 1)
    facts = handler.read([message])  # type: ignore[list-item]
    outcome = handler.decide(message, facts)  # type: ignore[arg-type]
    with UnitFactory(database, MemoryBroker().publisher()).begin() as unit:
        handler.write(unit, [(message, outcome)])  # type: ignore[list-item]
