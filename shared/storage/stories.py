"""What is known of one address or one mail, fact by fact: what `why` tells. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from shared.storage import monitor_stories, send_looking
from shared.storage.database import Connection
from shared.storage.monitor_stories import MonitorFact
from shared.storage.send_looking import SendStory


@dataclass(frozen=True, slots=True)
class SentFact:
    """A mail that was sent. recipients: how many it had."""

    sent_mail_id: int
    customer: str
    campaign: str | None
    list: str | None
    message_id: str
    actual_message_id: str | None
    reference: str
    sent_at: datetime
    recipients: int


@dataclass(frozen=True, slots=True)
class ReportFact:
    """A mail that came into a mailbox, and where it stands. kind, bounce_class, rule: None until it is classified."""

    mail_id: int
    mailbox: str
    provider: str
    folder: str
    received_at: datetime | None
    listed_at: datetime
    fetched_at: datetime | None
    classified_at: datetime | None
    served_at: datetime | None
    stage: str
    kind: str | None
    bounce_class: str | None
    tier: int | None
    rule: str | None
    rule_set: str | None
    truncated: bool
    raw_kept: bool
    disposal: str | None
    move_to: str | None
    disposal_due: bool
    disposed_at: datetime | None
    disposal_note: str | None
    report_message_id: str | None
    provider_mail_id: str


@dataclass(frozen=True, slots=True)
class BounceFact:
    """A row of the bounce log. matched_by: which id tied it to a sent mail; None: unmatched, and unmatched_reason says why."""

    bounce_id: int
    mail_id: int
    recipient: str
    reported: str
    bounce_class: str
    tier: int
    rule: str
    rule_set: str
    reason: str
    action: str | None
    status: str | None
    reply: str | None
    diagnostic: str | None
    remote_mta: str | None
    reference_values: list[str]
    sent_mail_id: int | None
    customer: str | None
    campaign: str | None
    matched_by: str | None
    unmatched_reason: str | None
    effect: str
    effect_at: datetime | None
    logged_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriberFact:
    """A subscriber with this address."""

    subscriber_id: int
    uid: str
    customer: str
    list: str
    email: str
    status: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ChangeFact:
    """A change of a subscriber's status. cause: hard_bounce, soft_bounces, complaint, operator."""

    subscriber_id: int
    email: str
    list: str
    customer: str
    before: str
    after: str
    cause: str
    bounce_id: int | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class BlacklistFact:
    """An entry of the blacklist. customer: None for a global one."""

    customer: str | None
    address: str
    source: str
    reason: str
    bounce_id: int | None
    added_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class HeldFact:
    """A bounce that the blast guard held, whatever became of it. kind, name: of the hold."""

    bounce_id: int
    recipient: str
    customer: str | None
    hold_id: int
    kind: str
    name: str
    held_at: datetime


@dataclass(frozen=True, slots=True)
class EffectFact:
    """What a run did to a row of the log or to an entry. what: log_row or blacklist. Dry runs are left out."""

    run_id: int
    kind: str
    what: str
    address: str
    customer: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    applied_at: datetime | None
    undone_at: datetime | None
    kept: str | None
    finished_at: datetime
    run_undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Story:
    """Everything found, each kind in the order of time."""

    sent: tuple[SentFact, ...] = ()
    reports: tuple[ReportFact, ...] = ()
    bounces: tuple[BounceFact, ...] = ()
    subscribers: tuple[SubscriberFact, ...] = ()
    changes: tuple[ChangeFact, ...] = ()
    blacklist: tuple[BlacklistFact, ...] = ()
    sends: tuple[SendStory, ...] = ()
    holds: tuple[HeldFact, ...] = ()
    effects: tuple[EffectFact, ...] = ()
    monitors: tuple[MonitorFact, ...] = ()


# A story is for a person: the latest facts of a kind are enough.
_MOST = 50

_SENT = """
    select s.id as sent_mail_id, c.uid as customer, p.uid as campaign, l.uid as list, s.message_id, s.actual_message_id,
           s.reference, s.sent_at, (select count(*) from sent_recipients r where r.sent_mail_id = s.id) as recipients
    from sent_mail s join customers c on c.id = s.customer_id
    left join campaigns p on p.id = s.campaign_id left join lists l on l.id = s.list_id
"""
_BOUNCES = """
    select b.id as bounce_id, b.mail_id, b.recipient, b.reported, b.bounce_class, b.tier, b.rule, b.rule_set, b.reason,
           b.action, b.status, b.reply, b.diagnostic, b.remote_mta, b.reference_values, b.sent_mail_id,
           c.uid as customer, p.uid as campaign, b.matched_by, b.unmatched_reason, b.effect, b.effect_at, b.logged_at
    from bounce_log b left join customers c on c.id = b.customer_id left join campaigns p on p.id = b.campaign_id
"""


def of_address(connection: Connection, address: str) -> Story:
    """What was sent to an address (already normalized), what came back, and what followed."""
    with connection.cursor(row_factory=class_row(SentFact)) as cursor:
        sent = cursor.execute(
            f"{_SENT} where s.id in (select sent_mail_id from sent_recipients where address = %s)"
            " order by s.sent_at desc limit %s".encode(),
            (address, _MOST),
        ).fetchall()
    with connection.cursor(row_factory=class_row(BounceFact)) as cursor:
        bounces = cursor.execute(
            f"{_BOUNCES} where b.recipient = %s order by b.logged_at desc limit %s".encode(), (address, _MOST)
        ).fetchall()
    asked = send_looking.stories(connection, address, address=True)
    return _with_the_rest(connection, sent, bounces, asked, [address], [])


def of_mail(connection: Connection, name: str) -> Story:
    """What is known of a mail: by its Message-ID (ours, the provider's, or a report's own), reference, or provider id; or by
    the uid or key of a send."""
    with connection.cursor(row_factory=class_row(SentFact)) as cursor:
        sent = cursor.execute(
            f"""{_SENT} where s.id in (
                select id from sent_mail where message_id = %(name)s
                union select id from sent_mail where actual_message_id = %(name)s
                union select id from sent_mail where reference = %(name)s)
            order by s.sent_at desc limit %(most)s""".encode(),
            {"name": name, "most": _MOST},
        ).fetchall()
    mail_ids = [
        row[0]
        for row in connection.execute(
            """
            select id from fetched_mail where report_message_id = %(name)s
            union select id from fetched_mail where provider_mail_id = %(name)s
            limit %(most)s
            """,
            {"name": name, "most": _MOST},
        )
    ]
    with connection.cursor(row_factory=class_row(BounceFact)) as cursor:
        bounces = cursor.execute(
            f"""{_BOUNCES} where b.mail_id = any(%(mails)s) or b.sent_mail_id = any(%(sent)s)
               or (b.matched_by is null and b.reference_values @> array[%(name)s])
            order by b.logged_at desc limit %(most)s""".encode(),
            {"mails": mail_ids, "sent": [fact.sent_mail_id for fact in sent], "name": name, "most": _MOST},
        ).fetchall()
    known = {fact.sent_mail_id for fact in sent}
    tied = [bounce.sent_mail_id for bounce in bounces if bounce.sent_mail_id and bounce.sent_mail_id not in known]
    with connection.cursor(row_factory=class_row(SentFact)) as cursor:
        sent += cursor.execute(f"{_SENT} where s.id = any(%s)".encode(), (tied,)).fetchall()
    addresses = [bounce.recipient for bounce in bounces if bounce.recipient]
    addresses += [
        row[0]
        for row in connection.execute(
            "select address from sent_recipients where sent_mail_id = any(%s) limit %s",
            ([fact.sent_mail_id for fact in sent], _MOST),
        )
    ]
    asked = send_looking.stories(connection, name)
    addresses += [address for story in asked for address in story.addresses[:_MOST]]
    return _with_the_rest(connection, sent, bounces, asked, sorted(set(addresses)), mail_ids)


def _with_the_rest(
    connection: Connection,
    sent: Sequence[SentFact],
    bounces: Sequence[BounceFact],
    asked: Sequence[SendStory],
    addresses: Sequence[str],
    mail_ids: Sequence[int],
) -> Story:
    subscribers = _subscribers(connection, addresses)
    acted = monitor_stories.of(connection, addresses, mail_ids, _MOST)
    concerned = [*mail_ids, *(bounce.mail_id for bounce in bounces), *(fact.mail_id for fact in acted)]
    return Story(
        sent=tuple(sorted(sent, key=lambda fact: fact.sent_at)),
        reports=tuple(_reports(connection, concerned)),
        bounces=tuple(sorted(bounces, key=lambda fact: fact.logged_at)),
        subscribers=tuple(subscribers),
        changes=tuple(_changes(connection, [fact.subscriber_id for fact in subscribers])),
        blacklist=tuple(_blacklist(connection, addresses)),
        sends=tuple(asked),
        holds=tuple(_holds(connection, [bounce.bounce_id for bounce in bounces])),
        effects=tuple(_effects(connection, [bounce.bounce_id for bounce in bounces], addresses)),
        monitors=acted,
    )


def _reports(connection: Connection, mail_ids: Sequence[int]) -> list[ReportFact]:
    with connection.cursor(row_factory=class_row(ReportFact)) as cursor:
        return cursor.execute(
            """
            select f.id as mail_id, m.email as mailbox, m.provider, f.folder, f.received_at, f.listed_at, f.fetched_at,
                   f.classified_at, f.served_at, f.stage, f.kind, f.bounce_class, f.tier, f.rule, f.rule_set, f.truncated,
                   f.raw_on is not null as raw_kept, f.disposal, f.move_to, f.disposal_due, f.disposed_at, f.disposal_note,
                   f.report_message_id, f.provider_mail_id
            from fetched_mail f join mailboxes m on m.id = f.mailbox_id where f.id = any(%s) order by f.listed_at
            """,
            (sorted(set(mail_ids)),),
        ).fetchall()


def _subscribers(connection: Connection, addresses: Sequence[str]) -> list[SubscriberFact]:
    with connection.cursor(row_factory=class_row(SubscriberFact)) as cursor:
        return cursor.execute(
            """
            select s.id as subscriber_id, s.uid, c.uid as customer, l.uid as list, s.email, s.status, s.changed_at
            from subscribers s join customers c on c.id = s.customer_id join lists l on l.id = s.list_id
            where s.email = any(%s) order by s.email, c.uid, l.uid
            """,
            (list(addresses),),
        ).fetchall()


def _changes(connection: Connection, subscriber_ids: Sequence[int]) -> list[ChangeFact]:
    with connection.cursor(row_factory=class_row(ChangeFact)) as cursor:
        return cursor.execute(
            """
            select h.subscriber_id, s.email, l.uid as list, c.uid as customer, h.before, h.after, h.cause, h.bounce_id,
                   h.changed_at
            from subscriber_changes h join subscribers s on s.id = h.subscriber_id
            join lists l on l.id = s.list_id join customers c on c.id = s.customer_id
            where h.subscriber_id = any(%s) order by h.changed_at, h.id
            """,
            (list(subscriber_ids),),
        ).fetchall()


def _blacklist(connection: Connection, addresses: Sequence[str]) -> list[BlacklistFact]:
    with connection.cursor(row_factory=class_row(BlacklistFact)) as cursor:
        return cursor.execute(
            """
            select c.uid as customer, b.address, b.source, b.reason, b.bounce_id, b.added_at, b.expires_at
            from blacklist b left join customers c on c.id = b.customer_id
            where b.address = any(%s) order by b.added_at
            """,
            (list(addresses),),
        ).fetchall()


def _holds(connection: Connection, bounce_ids: Sequence[int]) -> list[HeldFact]:
    with connection.cursor(row_factory=class_row(HeldFact)) as cursor:
        return cursor.execute(
            """
            select x.bounce_id, b.recipient, c.uid as customer, x.hold_id, h.kind, h.name, x.held_at
            from held_bounces x join bounce_holds h on h.id = x.hold_id join bounce_log b on b.id = x.bounce_id
            left join customers c on c.id = b.customer_id where x.bounce_id = any(%s) order by x.held_at
            """,
            (list(bounce_ids),),
        ).fetchall()


def _effects(connection: Connection, bounce_ids: Sequence[int], addresses: Sequence[str]) -> list[EffectFact]:
    with connection.cursor(row_factory=class_row(EffectFact)) as cursor:
        return cursor.execute(
            """
            select e.run_id, r.kind, e.what, e.address, c.uid as customer, e.before, e.after, e.applied_at, e.undone_at, e.kept,
                   r.finished_at, r.undone_at as run_undone_at
            from run_effects e join effect_runs r on r.id = e.run_id and not r.dry and r.finished_at is not null
            left join customers c on c.id = e.customer_id
            where (e.what = 'log_row' and e.bounce_id = any(%(bounces)s))
               or (e.what = 'blacklist' and e.address = any(%(addresses)s))
            order by e.id desc limit %(most)s
            """,
            {"bounces": list(bounce_ids), "addresses": list(addresses), "most": _MOST},
        ).fetchall()


def served_since(connection: Connection, since: datetime) -> list[int]:
    """Ids of mails that were served since a time and whose raw copy is kept."""
    rows = connection.execute(
        "select id from fetched_mail where stage = 'served' and served_at >= %s and raw_on is not null order by id",
        (since,),
    )
    return [row[0] for row in rows]
