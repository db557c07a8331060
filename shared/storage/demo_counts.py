"""Counts over the whole main line, for the demo's progress and its final table."""

from __future__ import annotations

from dataclasses import dataclass

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Progress:
    """Mails that have at least reached each stage. tidy_due: decided, not yet carried out."""

    listed: int
    fetched: int
    classified: int
    served: int
    tidied: int
    tidy_due: int


def progress(connection: Connection) -> Progress:
    """How far the mails are."""
    row = connection.execute(
        """
        select count(*), count(*) filter (where fetched_at is not null), count(*) filter (where classified_at is not null),
               count(*) filter (where served_at is not null), count(*) filter (where disposed_at is not null),
               count(*) filter (where disposal_due)
        from fetched_mail
        """
    ).fetchone()
    assert row is not None
    return Progress(*row)


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One mail of the ledger, by its address and id at the provider."""

    provider: str
    mailbox: str
    provider_mail_id: str
    served: bool
    bounce_class: str | None


def ledger(connection: Connection) -> list[LedgerLine]:
    """Every mail of the ledger."""
    rows = connection.execute(
        """
        select m.provider, m.email, f.provider_mail_id, f.stage = 'served', f.bounce_class
        from fetched_mail f join mailboxes m on m.id = f.mailbox_id
        """
    )
    return [LedgerLine(*row) for row in rows]


def bounces(connection: Connection) -> list[tuple[str, str, str, bool, str]]:
    """(mailbox, provider's mail id, recipient, matched, effect) of every row in the bounce log."""
    return list(
        connection.execute(
            "select mailbox, provider_mail_id, recipient, matched_by is not null, effect from bounce_log"
        ).fetchall()
    )


def blacklisted(connection: Connection) -> frozenset[str]:
    """Addresses with a blacklist entry and, if they are subscribers, with the status that goes with it."""
    rows = connection.execute(
        """
        select b.address from blacklist b
        where not exists (select 1 from subscribers s where s.email = b.address and s.status <> 'blacklisted'
                          and s.customer_id = b.customer_id)
        """
    )
    return frozenset(row[0] for row in rows)


def statuses(connection: Connection) -> dict[str, str]:
    """The status of every subscriber."""
    return dict(connection.execute("select email, status from subscribers").fetchall())


def waiting_dead_letters(connection: Connection) -> int:
    """Dead letters that nobody has replayed."""
    row = connection.execute("select count(*) from dead_letters where replayed_at is null").fetchone()
    return row[0] if row else 0


def served_in(connection: Connection, addresses: list[str]) -> int:
    """Mails of these mailboxes that are served, and tidied away if they are to be."""
    row = connection.execute(
        """
        select count(*) from fetched_mail f join mailboxes m on m.id = f.mailbox_id
        where m.email = any(%s) and f.stage = 'served' and not f.disposal_due
        """,
        (addresses,),
    ).fetchone()
    return row[0] if row else 0


def monitor_effects(connection: Connection) -> dict[tuple[str, str], str]:
    """(monitor, sender) -> what it logged."""
    rows = connection.execute("select monitor_name, sender, effect from monitor_log").fetchall()
    return {(row[0], row[1]): row[2] for row in rows}


def group_stops(connection: Connection) -> int:
    """Subscribers that a campaign group skips."""
    row = connection.execute("select count(*) from campaign_group_stops").fetchone()
    return row[0] if row else 0
