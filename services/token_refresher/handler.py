"""Handles `token.refresh`. Repeatable: a token that is fresh, or that another process is refreshing, is left alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from shared.contracts.commands import RefreshToken
from shared.domain.errors import CredentialsRejected, Permanent
from shared.domain.tokens import needs_refresh
from shared.mailbox_access import Tokens
from shared.messaging.received import Received
from shared.storage import api_keys, tokens
from shared.storage.database import Database
from shared.storage.sealing import SealBroken, Sealer
from shared.telemetry import log

_RETRY_BROKEN = timedelta(hours=1)


class RefreshTokenHandler:
    """Refreshes one token."""

    message = RefreshToken

    def __init__(self, database: Database, sealer: Sealer, fresh: Tokens) -> None:
        self._database = database
        self._sealer = sealer
        self._tokens = fresh

    def handle(self, received: Received[RefreshToken]) -> None:
        """Raises Throttled and ProviderUnavailable: those are tried again. What a person must correct is recorded."""
        try:
            with self._database.transaction() as connection:
                row = tokens.by_id(connection, self._sealer, received.body.token_id)
                key = api_keys.load(connection, self._sealer, row.api_key_id) if row else None
        except SealBroken as broken:
            log.error("token.key_unopened", token_id=received.body.token_id, error=str(broken))
            return  # the next poll says so on its mailbox
        if row is None or key is None or not needs_refresh(row.expires_at, datetime.fromtimestamp(time.time(), UTC)):
            return
        if key.credential != row.subject.credential:
            return  # the key was changed: its mailboxes ask for a token of their own
        try:
            self._tokens.refresh(row, key, row.subject.subject)
        except Permanent as error:
            log.warning("token.refused", token_id=row.token_id, subject=row.subject.subject, code=error.diagnosis.code)
            if isinstance(error, CredentialsRejected):
                with self._database.transaction() as connection:
                    api_keys.refused(connection, key.api_key_id, error.diagnosis, _RETRY_BROKEN)
            return
        log.info("token.refreshed", token_id=row.token_id, provider=key.provider, subject=row.subject.subject)
