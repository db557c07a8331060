"""Reads back what the providers made of our ids, so that reports which quote theirs can be tied; and of a sender without a name."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from services.sender.handler.delivering.batch_pool import BatchPool
from services.sender.handler.delivering.works import Works, ids
from shared.contracts.sending import SendMail
from shared.domain.errors import ApiConnectError, BrokerOrDatabaseDown, MailGone, Permanent
from shared.domain.mailboxes import Capability
from shared.domain.sending import SentIds
from shared.mailbox_access import OpenMailbox
from shared.storage import send_lookups, send_servers, sends
from shared.storage.database import Connection
from shared.storage.sealing import SealBroken
from shared.storage.send_lookups import ReadBack
from shared.storage.send_servers import Server
from shared.telemetry import log

_AT_ONCE = 4
_BATCH = 30


class ReadingBack:
    """Batches of one server each. What can't be read after some tries is given up: our own ids still tie most reports."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._pool = BatchPool("send-read-back", _AT_ONCE, self._take, self._read, failed="sends.read_back_failed")

    def run(self, stop: threading.Event) -> None:
        """Reads until `stop` is set."""
        self._pool.run(stop)

    def _take(self) -> list[ReadBack]:
        try:
            with self._works.units.database.transaction() as connection:
                return send_lookups.take_read_backs(connection, self._works.settings.look_lease, _BATCH)
        except BrokerOrDatabaseDown as down:
            log.warning("sends.not_read_back", error=str(down))
            return []

    def _read(self, batch: Sequence[ReadBack], _: threading.Event) -> None:
        with self._works.units.database.transaction() as connection:
            server = send_servers.by_id(connection, [batch[0].server_id])[batch[0].server_id]
        found: list[tuple[int, SentIds]] = []
        missing: list[ReadBack] = []
        try:
            with self._works.access.open(server.api_key_id, server.mailbox, Capability.SEND) as opened:
                for one in batch:
                    told = _ids(opened, one)
                    if told is None:
                        missing.append(one)
                    else:
                        found.append((one.send_id, told))
        except Permanent as error:
            log.info("sends.read_back_refused", server=server.uid, error=str(error))
            done = {send_id for send_id, _ in found}
            self._write(server, found, [one for one in batch if one.send_id not in done], give_up=True)
            return
        except ApiConnectError as error:
            log.info("sends.read_back_postponed", server=server.uid, error=str(error))
            done = {send_id for send_id, _ in found}
            missing = [one for one in batch if one.send_id not in done]
        self._write(server, found, missing)

    def _write(
        self,
        server: Server,
        found: Sequence[tuple[int, SentIds]],
        missing: Sequence[ReadBack],
        *,
        give_up: bool = False,
    ) -> None:
        waits = self._works.settings.read_backs
        with self._works.units.database.transaction() as connection:
            send_lookups.read_back(connection, [(one, told.provider_mail_id, told.message_id) for one, told in found])
            self._note_name(connection, server, found)
            over = [one for one in missing if give_up or one.tries >= len(waits)]
            send_lookups.give_up_read_backs(connection, ids(over))
            for one in missing:
                if one not in over:
                    send_lookups.read_back_later(connection, [one.send_id], waits[one.tries])

    def _note_name(self, connection: Connection, server: Server, found: Sequence[tuple[int, SentIds]]) -> None:
        """The mailbox's own name, as the provider wrote it into the latest mail that was sent without one (A074)."""
        if server.from_name:
            return
        for send_id, told in reversed(found):
            if (
                told.sender_name
                and told.sender_name != server.display_name
                and self._left_without_name(connection, send_id)
            ):
                send_servers.note_display_name(connection, server, told.sender_name)
                return

    def _left_without_name(self, connection: Connection, send_id: int) -> bool:
        try:
            body = sends.body(connection, self._works.sealer, send_id)
        except SealBroken:
            return False
        return body is not None and not (SendMail.model_validate_json(body).from_name or "").strip()


def _ids(opened: OpenMailbox, one: ReadBack) -> SentIds | None:
    """What the mail left with; None: not there yet."""
    if one.provider_mail_id is None:
        return opened.mailbox.find_sent(one.message_id, one.reference, one.since, to=one.to)
    try:
        return replace(opened.mailbox.read_back(one.provider_mail_id), provider_mail_id=one.provider_mail_id)
    except MailGone:
        return None
