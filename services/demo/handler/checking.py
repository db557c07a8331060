"""Collects what came of the planted mails, from PostgreSQL and from the simulator's mailboxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from services.demo.core.comparing import MailOutcome, Outcome
from services.demo.core.planting import PlannedMail, PlannedMailbox
from services.simulator.http.control_client import ControlClient
from shared.storage import demo_counts
from shared.storage.database import Database

_PLACES = {"inbox": {"inbox", "INBOX"}, "junk": {"junkemail", "SPAM"}}


def collect(
    database: Database, control: ControlClient, mails: Sequence[PlannedMail], ids: Mapping[int, str]
) -> Outcome:
    """The outcome of each mail. ids: the simulator's id of each planted number."""
    with database.transaction() as connection:
        ledger = {(line.mailbox, line.provider_mail_id): line for line in demo_counts.ledger(connection)}
        rows: dict[tuple[str, str], dict[str, tuple[bool, str]]] = defaultdict(dict)
        for mailbox, mail_id, recipient, matched, effect in demo_counts.bounces(connection):
            rows[mailbox, mail_id][recipient] = (matched, effect)
        blacklisted = demo_counts.blacklisted(connection)
        statuses = demo_counts.statuses(connection)
        dead_letters = demo_counts.waiting_dead_letters(connection)
    untouched = _untouched(control, {mail.mailbox for mail in mails})
    outcomes: dict[int, MailOutcome] = {}
    for mail in mails:
        key = (mail.mailbox.address, ids[mail.number])
        line = ledger.get(key)
        outcomes[mail.number] = MailOutcome(
            served=line is not None and line.served,
            bounce_class=line.bounce_class if line else None,
            rows=rows.get(key, {}),
            tidied=(mail.mailbox.address, ids[mail.number]) not in untouched,
        )
    return Outcome(outcomes, blacklisted, statuses, dead_letters, len(ledger))


def _untouched(control: ControlClient, mailboxes: Collection[PlannedMailbox]) -> set[tuple[str, str]]:
    """(mailbox, id) of mails that lie unread where they arrived."""
    left: set[tuple[str, str]] = set()
    for mailbox in mailboxes:
        for mail in control.mails(mailbox.provider, mailbox.address):
            arrived = _PLACES["inbox"] | _PLACES["junk"]
            if mail["unread"] and arrived & set(mail["places"]):
                left.add((mailbox.address, mail.get("lasting_id") or mail["id"]))
    return left
