"""The simple way beside ours: one mailbox after another, one call at a time: list, get, dispose of, with the same client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.installation import Box
from shared.domain.mailboxes import Capability, Disposal, Folder, Provider
from shared.domain.tokens import AccessToken
from shared.providers.catalogue import catalogue
from shared.providers.http import Transport
from shared.providers.provider import TokenSource
from shared.storage import api_keys
from shared.storage.database import Database
from shared.storage.sealing import Sealer

_PAGE = 50
_MAX_BYTES = 2 * 1024 * 1024


class _NoBudget:
    """One call at a time stays far below every limit."""

    @contextmanager
    def spend(self, units: float, slots: int = 1) -> Iterator[None]:
        yield

    def refused(self, retry_after: float | None) -> None:
        """Nothing to remember."""


def mails_per_second(database: Database, sealer: Sealer, ca_file: Path, boxes: Sequence[Box], mails_each: int) -> float:
    """Works through `mails_each` mails of each box; tokens are there before the clock starts."""
    transport = Transport(ca_file=str(ca_file), connect_timeout=10, read_timeout=60, observe=lambda *_: None)
    providers = catalogue(transport)
    opened = []
    for box in boxes:
        record = providers[Provider(box.provider)]
        with database.transaction() as connection:
            row = connection.execute("select api_key_id from mailboxes where email = %s", (box.email,)).fetchone()
            assert row is not None
            key = api_keys.load(connection, sealer, row[0])
        token = record.acquire_token(key, box.email, record.scopes[Capability.MODIFY][0])
        opened.append(record.open_mailbox(key, box.email, _always(token), _NoBudget()))
    started, done = time.monotonic(), 0
    for mailbox in opened:
        page = mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=_PAGE)
        for mail in page.mails[:mails_each]:
            mailbox.fetch_raw(mail.provider_mail_id, max_bytes=_MAX_BYTES)
            outcome = mailbox.dispose(Disposal.TRASH, [mail.provider_mail_id])
            if error := outcome[mail.provider_mail_id]:
                raise error
            done += 1
    return done / (time.monotonic() - started)


def _always(token: AccessToken) -> TokenSource:
    return lambda _renew: token
