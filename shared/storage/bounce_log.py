"""The bounce log: one row for each recipient that a report names, tied to what we sent or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain.bounces import BounceClass, RecipientFinding, ReferenceSource
from shared.storage.database import Connection
from shared.storage.mailboxes import SEES
from shared.storage.texts import clean


@dataclass(frozen=True, slots=True)
class BounceRow:
    """One row as it is written. reported: the recipient as the report has it (key); recipient: whom it was tied to.

    effect: what is to follow: blacklisted, unsubscribed, logged, dry_run, unmatched. guard_key: of a hard bounce's diagnostic.
    """

    mail_id: int
    provider: str
    mailbox: str
    provider_mail_id: str
    finding: RecipientFinding
    rule_set: str
    recipient: str
    reference_values: tuple[str, ...]
    effect: str
    sent_mail_id: int | None = None
    customer_id: int | None = None
    campaign_id: int | None = None
    list_id: int | None = None  # not stored: the list that an unsubscription is for
    subscriber_id: int | None = None
    matched_by: ReferenceSource | None = None
    unmatched_reason: str | None = None
    guard_key: int | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes the row one of a kind: the mail in its mailbox, and the recipient as reported."""
        return self.provider, self.mailbox, self.provider_mail_id, self.finding.address


def write(connection: Connection, rows: Sequence[BounceRow]) -> dict[tuple[str, str, str, str], int]:
    """Writes the rows; returns key -> id of those that are new or were changed.

    A row that exists changes only if it was not tied before (and is now, or for another reason not), or if new rules
    changed its class. A tied row never loses its tie. Rows go in sorted by key: two workers wait for each other instead
    of deadlocking.
    """
    unique = {row.key: row for row in rows}
    ordered = [unique[key] for key in sorted(unique)]
    if not ordered:
        return {}
    written = connection.execute(
        """
        insert into bounce_log as log (
            mail_id, provider, mailbox, provider_mail_id, reported, recipient, bounce_class, tier, rule, rule_set, reason,
            action, status, reply, diagnostic, remote_mta, reference_values, sent_mail_id, customer_id, campaign_id,
            subscriber_id, matched_by, unmatched_reason, effect, guard_key, effect_at)
        select mail_id, provider, mailbox, provider_mail_id, reported, recipient, bounce_class, tier, rule, rule_set, reason,
            action, status, reply, diagnostic, remote_mta, string_to_array(refs, E'\\x1f'), sent_mail_id, customer_id,
            campaign_id, subscriber_id, matched_by, unmatched_reason, effect, guard_key,
            case when effect in ('blacklisted', 'unsubscribed') then now() end
        from unnest(
            %s::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %s::smallint[], %b::text[],
            %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %s::bigint[],
            %s::bigint[], %s::bigint[], %s::bigint[], %b::text[], %b::text[], %b::text[], %s::bigint[]
        ) as t (mail_id, provider, mailbox, provider_mail_id, reported, recipient, bounce_class, tier, rule, rule_set, reason,
            action, status, reply, diagnostic, remote_mta, refs, sent_mail_id, customer_id, campaign_id, subscriber_id,
            matched_by, unmatched_reason, effect, guard_key)
        on conflict (provider, mailbox, provider_mail_id, reported) do update
        set bounce_class = excluded.bounce_class, tier = excluded.tier, rule = excluded.rule, rule_set = excluded.rule_set,
            reason = excluded.reason, action = excluded.action, status = excluded.status, reply = excluded.reply,
            diagnostic = excluded.diagnostic, recipient = excluded.recipient, sent_mail_id = excluded.sent_mail_id,
            customer_id = excluded.customer_id, campaign_id = excluded.campaign_id, subscriber_id = excluded.subscriber_id,
            matched_by = excluded.matched_by, unmatched_reason = excluded.unmatched_reason, effect = excluded.effect,
            guard_key = excluded.guard_key, effect_at = coalesce(log.effect_at, excluded.effect_at)
        where (log.matched_by is null and excluded.matched_by is not null)
           or (log.matched_by is null and log.unmatched_reason is distinct from excluded.unmatched_reason)
           or (log.bounce_class <> excluded.bounce_class
               and (log.matched_by is null or excluded.sent_mail_id = log.sent_mail_id))
        returning provider, mailbox, provider_mail_id, reported, id
        """,
        _columns(ordered),
    )
    return {(row[0], row[1], row[2], row[3]): row[4] for row in written}


def _columns(rows: Sequence[BounceRow]) -> list[Sequence[object]]:
    """The rows turned into one array per column, in the order of the statement."""
    findings = [row.finding for row in rows]
    text = [_clean(finding.diagnostic) for finding in findings]
    return [
        [row.mail_id for row in rows],
        [row.provider for row in rows],
        [row.mailbox for row in rows],
        [row.provider_mail_id for row in rows],
        [finding.address for finding in findings],
        [row.recipient for row in rows],
        [finding.bounce_class.value for finding in findings],
        [finding.tier for finding in findings],
        [finding.rule for finding in findings],
        [row.rule_set for row in rows],
        [finding.reason for finding in findings],
        [finding.action for finding in findings],
        [finding.status for finding in findings],
        [finding.reply for finding in findings],
        text,
        [_clean(finding.remote_mta) for finding in findings],
        ["\x1f".join(row.reference_values) for row in rows],
        [row.sent_mail_id for row in rows],
        [row.customer_id for row in rows],
        [row.campaign_id for row in rows],
        [row.subscriber_id for row in rows],
        [row.matched_by.value if row.matched_by else None for row in rows],
        [row.unmatched_reason for row in rows],
        [row.effect for row in rows],
        [row.guard_key for row in rows],
    ]


def as_columns(row: BounceRow) -> dict[str, Any]:
    """A row's columns and values as they would be written, without those that are made in writing it."""
    finding = row.finding
    return {
        "mail_id": row.mail_id,
        "provider": row.provider,
        "mailbox": row.mailbox,
        "provider_mail_id": row.provider_mail_id,
        "reported": finding.address,
        "recipient": row.recipient,
        "reference_values": list(row.reference_values),
        **as_reported(finding, row.rule_set),
        "sent_mail_id": row.sent_mail_id,
        "customer_id": row.customer_id,
        "campaign_id": row.campaign_id,
        "subscriber_id": row.subscriber_id,
        "matched_by": row.matched_by.value if row.matched_by else None,
        "unmatched_reason": row.unmatched_reason,
        "effect": row.effect,
        "guard_key": row.guard_key,
    }


def as_reported(finding: RecipientFinding, rule_set: str) -> dict[str, Any]:
    """The columns that say what a report says, as JSON takes them."""
    return {
        "bounce_class": finding.bounce_class.value,
        "tier": finding.tier,
        "rule": finding.rule,
        "rule_set": rule_set,
        "reason": finding.reason,
        "action": finding.action,
        "status": finding.status,
        "reply": finding.reply,
        "diagnostic": clean(text) if (text := _clean(finding.diagnostic)) else None,
        "remote_mta": clean(text) if (text := _clean(finding.remote_mta)) else None,
    }


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as it is. key: see BounceRow.key. columns: those that a run may change."""

    bounce_id: int
    key: tuple[str, str, str, str]
    customer_id: int | None
    recipient: str
    columns: dict[str, Any]


def of_mails(connection: Connection, mails: Sequence[tuple[str, str, str]]) -> list[StoredRow]:
    """All rows of mails, each named by provider, mailbox and the provider's id."""
    rows = connection.execute(
        """
        select b.id, b.provider, b.mailbox, b.provider_mail_id, b.reported, b.customer_id, b.recipient, to_jsonb(b)
        from (select distinct * from unnest(%s::text[], %s::text[], %s::text[]) as t (provider, mailbox, id)) t
        join bounce_log b on b.provider = t.provider and b.mailbox = t.mailbox and b.provider_mail_id = t.id
        order by b.id
        """,
        ([mail[0] for mail in mails], [mail[1] for mail in mails], [mail[2] for mail in mails]),
    )
    return [
        StoredRow(row[0], (row[1], row[2], row[3], row[4]), row[5], row[6], {name: row[7][name] for name in CHANGEABLE})
        for row in rows
    ]


# What a run may change of a row; the tie too, for a row that had none.
CHANGEABLE = (
    "recipient", "bounce_class", "tier", "rule", "rule_set", "reason", "action", "status", "reply", "diagnostic", "remote_mta",
    "sent_mail_id", "customer_id", "campaign_id", "subscriber_id", "matched_by", "unmatched_reason", "effect", "effect_at",
    "guard_key",
)  # fmt: skip


def _clean(text: str | None) -> str | None:
    """Text that PostgreSQL takes: no NUL, and no more than a person reads."""
    return text.replace("\x00", "")[:2000] if text else None


def over_soft_threshold(
    connection: Connection, pairs: Sequence[tuple[int, str]], threshold: int, within: timedelta
) -> list[tuple[int, str]]:
    """Those (customer, recipient) whose soft bounces within that time reach `threshold`. Delays don't count (A121)."""
    rows = connection.execute(
        """
        select t.customer_id, t.recipient
        from (select distinct * from unnest(%s::bigint[], %s::text[]) as p (customer_id, recipient)) t
        join bounce_log b on b.recipient = t.recipient and b.customer_id = t.customer_id
        where b.bounce_class = 'soft' and b.action is distinct from 'delayed' and b.logged_at > now() - %s
          and b.effect <> 'dry_run'
        group by 1, 2 having count(*) >= %s order by 1, 2
        """,
        ([pair[0] for pair in pairs], [pair[1] for pair in pairs], within, threshold),
    )
    return [(row[0], row[1]) for row in rows]


def newly_known(connection: Connection, since: timedelta, limit: int) -> list[int]:
    """Ids of mails with unmatched rows whose ids name a sent mail by now (it was entered after the report came).

    Mails that nobody is to see any more are left out: they would stay unmatched, and be found again for ever.
    """
    rows = connection.execute(
        f"""
        select distinct b.mail_id
        from bounce_log b cross join lateral unnest(b.reference_values) as v (value)
        join fetched_mail f on f.id = b.mail_id and f.stage = 'served'
        where b.matched_by is null and b.unmatched_reason = 'unknown_reference' and b.logged_at > now() - %s
          and exists (select 1 from bounce_servers w where w.mailbox_id = f.mailbox_id and {SEES})
          and exists (
              select 1 from sent_mail s where s.reference = v.value
              union all select 1 from sent_mail s where s.message_id = v.value
              union all select 1 from sent_mail s where s.actual_message_id = v.value)
        limit %s
        """,
        (since, limit),
    )
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class UnmatchedBounce:
    """A row that could not be tied, for a person to look at."""

    bounce_id: int
    mail_id: int
    mailbox: str
    recipient: str
    bounce_class: BounceClass
    reason: str
    diagnostic: str | None
    why: str
    logged_at: datetime


def unmatched(connection: Connection, limit: int) -> list[UnmatchedBounce]:
    """The latest rows that could not be tied, newest first."""
    rows = connection.execute(
        """
        select id, mail_id, mailbox, recipient, bounce_class, reason, diagnostic, coalesce(unmatched_reason, ''), logged_at
        from bounce_log where matched_by is null order by logged_at desc limit %s
        """,
        (limit,),
    )
    return [
        UnmatchedBounce(row[0], row[1], row[2], row[3], BounceClass(row[4]), row[5], row[6], row[7], row[8])
        for row in rows
    ]
