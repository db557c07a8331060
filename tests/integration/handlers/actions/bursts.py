"""Many hard bounces at once, and a person's decisions about what the blast guard holds of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.domain.bounces import BounceClass
from shared.domain.mailboxes import MailboxId
from shared.storage.customers import put_setting
from shared.storage.database import Database
from tests.builders import a_classified_mail, a_finding, a_mailbox, a_recipient, a_reference, a_sent_mail, a_subscriber
from tests.integration.shared.storage.looking import rows


def a_burst(
    database: Database,
    count: int,
    *,
    text: str = "550 5.1.1 <{address}>: user unknown (in reply to RCPT, queue {n}A7)",
    domain: str = "d{n}.example.net",
    first: int = 1,
    bounce_class: BounceClass = BounceClass.HARD,
    received_at: Sequence[datetime] = (),
    mailbox_id: MailboxId | None = None,
) -> list[int]:
    """So many classified reports, each about a mail of its own to a subscriber of its own. `{n}` and `{address}` are filled in.

    received_at: one time for each; now if left out.
    """
    box = mailbox_id or a_mailbox(database)
    mails = []
    for n in range(first, first + count):
        address, message_id = f"reader{n}@{domain.format(n=n)}", f"mail-{n}@news.example.com"
        a_subscriber(database, address)
        a_sent_mail(database, address, message_id=message_id)
        finding = a_finding(
            a_recipient(address, bounce_class, diagnostic=text.format(n=n, address=address)),
            references=(a_reference(message_id),),
            message_id=f"report-{n}@mx.example.net",
        )
        at = received_at[n - first] if received_at else datetime.now(UTC)
        mails.append(a_classified_mail(database, box, finding, f"mail-{n}", received_at=at))
    return mails


def the_guard(database: Database, *, most: int, times: int = 5, minutes: int = 10) -> None:
    """Figures of the guard that a test can reach."""
    for key, value in (("after_hard_bounces", most), ("times_weekly_rate", times), ("within_minutes", minutes)):
        a_setting(database, f"hold_{key}", value)


def a_setting(database: Database, key: str, value: int) -> None:
    """A setting of the installation."""
    with database.transaction() as connection:
        put_setting(connection, key, value)


def effects(database: Database) -> dict[str, int]:
    """Rows of the log by effect."""
    return dict(rows(database, "select effect, count(*) from bounce_log group by 1"))


def subscribers(database: Database) -> dict[str, int]:
    """Subscribers by status."""
    return dict(rows(database, "select status, count(*) from subscribers group by 1"))
