"""Lists, their subscribers, campaigns, and the log of sent mail: the mailing platform's own things, in bulk."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.installation import (
    CampaignGroupRecord,
    CampaignRecord,
    ListRecord,
    SentMailRecord,
    SubscriberRecord,
    Tally,
)
from shared.storage import blacklist_causes
from shared.storage.database import Connection

# A subscriber only ever moves towards silence by an import: confirmed and unconfirmed, then unsubscribed, then blacklisted. Only who
# unsubscribed comes back, and only if that is forced.
_RANK = """
    case {} when 'blacklisted' then 2 when 'unsubscribed' then case when %(resubscribe)s then 0 else 1 end else 0 end
"""

_WANTED = f"""
    with wanted as (
        select t.email, t.status, t.uid, l.id as list_id, l.customer_id, s.id as subscriber_id, s.status as present,
               exists (select 1 from blacklist b where b.address = t.email
                         and (b.customer_id is null or b.customer_id = c.id)
                         and (b.expires_at is null or b.expires_at > now())) as on_blacklist,
               s.id is not null and t.status is not null and t.status <> s.status
                 and {_RANK.format("t.status")} >= {_RANK.format("s.status")} as changes,
               s.id is not null and {_RANK.format("s.status")} > {_RANK.format("coalesce(t.status, 'confirmed')")} as kept
        from unnest(%(emails)s::text[], %(statuses)s::text[], %(uids)s::text[]) as t (email, status, uid)
        cross join (select %(customer)s::text as customer) as given
        left join customers c on c.uid = given.customer
        left join lists l on l.uid = %(list)s
        left join subscribers s on s.list_id = l.id and s.email = t.email
    )
"""


def save_list(connection: Connection, row: ListRecord) -> None:
    """Creates or updates a list; its customer does not change."""
    connection.execute(
        """
        insert into lists (uid, customer_id, name, unsubscribe_url, unsubscribe_mailto)
        values (%s, (select id from customers where uid = %s), %s, %s, %s)
        on conflict (uid) do update set name = excluded.name, unsubscribe_url = excluded.unsubscribe_url,
            unsubscribe_mailto = excluded.unsubscribe_mailto
        """,
        (row.uid, row.customer, row.name, row.unsubscribe_url, row.unsubscribe_mailto),
    )


def save_campaign_group(connection: Connection, row: CampaignGroupRecord) -> None:
    """Creates or renames a campaign group; its customer does not change."""
    connection.execute(
        """
        insert into campaign_groups (uid, customer_id, name) values (%s, (select id from customers where uid = %s), %s)
        on conflict (uid) do update set name = excluded.name
        """,
        (row.uid, row.customer, row.name),
    )


def save_campaign(connection: Connection, row: CampaignRecord) -> None:
    """Creates or updates a campaign; its customer does not change."""
    connection.execute(
        """
        insert into campaigns (uid, customer_id, name, list_id, group_id)
        values (%s, (select id from customers where uid = %s), %s, (select id from lists where uid = %s),
                (select id from campaign_groups where uid = %s))
        on conflict (uid) do update set name = excluded.name, list_id = excluded.list_id, group_id = excluded.group_id
        """,
        (row.uid, row.customer, row.name, row.list, row.campaign_group),
    )


def compare_subscribers(
    connection: Connection, row: ListRecord, subscribers: Sequence[SubscriberRecord], *, prune: bool, resubscribe: bool
) -> Tally:
    """What saving these subscribers of one list would do. Writes nothing; the list need not exist yet.

    resubscribe: also those who unsubscribed get the status that their row states; who is blacklisted does not.
    """
    found = connection.execute(
        f"""{_WANTED}
        select count(*) filter (where subscriber_id is null), count(*) filter (where changes),
               count(*) filter (where subscriber_id is not null and not changes),
               count(*) filter (where kept), count(*) filter (where subscriber_id is null and on_blacklist),
               case when %(prune)s then (select count(*) from subscribers s join lists l on l.id = s.list_id
                    where l.uid = %(list)s and s.status in ('confirmed', 'unconfirmed')
                      and s.email <> all(%(emails)s::text[])) else 0 end
        from wanted
        """.encode(),
        {**_arrays(row, subscribers, resubscribe=resubscribe), "prune": prune},
    ).fetchone()
    return Tally(*found) if found else Tally()


def foreign_uids(connection: Connection, row: ListRecord, subscribers: Sequence[SubscriberRecord]) -> list[str]:
    """Addresses whose uid in the file is not theirs: another subscriber has it, or they have another one."""
    rows = connection.execute(
        f"""{_WANTED}
        select w.email from wanted w left join subscribers s on s.id = w.subscriber_id
        where w.uid <> '' and (s.uid <> w.uid or exists (
            select 1 from subscribers o where o.uid = w.uid and o.id is distinct from w.subscriber_id))
        """.encode(),
        _arrays(row, subscribers),
    )
    return [found[0] for found in rows]


def save_subscribers(
    connection: Connection, row: ListRecord, subscribers: Sequence[SubscriberRecord], *, resubscribe: bool = False
) -> None:
    """Creates what is new (blacklisted if the address is), changes status only towards silence, notes each change (A160).

    resubscribe: as for compare_subscribers.
    """
    arrays = _arrays(row, subscribers, resubscribe=resubscribe)
    connection.execute(
        f"""{_WANTED}
        , moved as (
            update subscribers s set status = w.status, changed_at = now()
            from wanted w where w.changes and s.id = w.subscriber_id
            returning s.id, w.present, w.status
        )
        insert into subscriber_changes (subscriber_id, before, after, cause)
        select id, present, status, 'operator' from moved
        """.encode(),
        arrays,
    )
    born = connection.execute(
        f"""{_WANTED}
        , made as (
            insert into subscribers (uid, customer_id, list_id, email, status)
            select coalesce(nullif(uid, ''), gen_random_uuid()::text), customer_id, list_id, email,
                   case when on_blacklist then 'blacklisted' else coalesce(status, 'confirmed') end
            from wanted where subscriber_id is null
            returning id, email, status
        )
        select made.id, coalesce(w.status, 'confirmed') from made join wanted w on w.email = made.email
        where made.status = 'blacklisted'
        """.encode(),
        arrays,
    ).fetchall()
    blacklist_causes.note_born(connection, [one[0] for one in born], [one[1] for one in born])


def prune_subscribers(connection: Connection, row: ListRecord, subscribers: Sequence[SubscriberRecord]) -> int:
    """Deletes those of a list that are not named. Suppressed ones stay: they must be known if they are imported again."""
    return connection.execute(
        """
        delete from subscribers s using lists l
        where l.uid = %s and s.list_id = l.id and s.status in ('confirmed', 'unconfirmed') and s.email <> all(%s::text[])
        """,
        (row.uid, [subscriber.email for subscriber in subscribers]),
    ).rowcount


def subscribers_left(connection: Connection, list_uid: str) -> tuple[int, int]:
    """(subscribers of a list, suppressed ones among them)."""
    row = connection.execute(
        """
        select count(*), count(*) filter (where s.status in ('unsubscribed', 'blacklisted'))
        from subscribers s join lists l on l.id = s.list_id where l.uid = %s
        """,
        (list_uid,),
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def mails_sent_for(connection: Connection, *, list_uid: str = "", campaign_uid: str = "") -> int:
    """Rows of the log of sent mail that name a list or a campaign."""
    row = connection.execute(
        """
        select count(*) from sent_mail
        where list_id = (select id from lists where uid = %s) or campaign_id = (select id from campaigns where uid = %s)
        """,
        (list_uid, campaign_uid),
    ).fetchone()
    return int(row[0]) if row else 0


def remove_list(connection: Connection, uid: str) -> None:
    """Deletes a list and its subscribers. The caller has seen that nothing names it."""
    connection.execute("delete from subscribers s using lists l where l.uid = %s and s.list_id = l.id", (uid,))
    connection.execute("delete from lists where uid = %s", (uid,))


def remove_campaign(connection: Connection, uid: str) -> None:
    """Deletes a campaign that no sent mail names."""
    connection.execute("delete from campaigns where uid = %s", (uid,))


def remove_campaign_group(connection: Connection, uid: str) -> None:
    """Deletes a group that no campaign and no send names, and with it who was taken out of it."""
    connection.execute("delete from campaign_groups where uid = %s", (uid,))


def compare_sent_mail(connection: Connection, mails: Sequence[SentMailRecord]) -> Tally:
    """What adding these to the log would do. `refused`: references or Message-IDs that stand for another mail already."""
    rows = connection.execute(
        """
        select t.reference, t.message_id, r.id is not null,
               r.id is not null and (r.message_id <> t.message_id or rc.uid <> t.customer),
               m.id is not null and m.reference <> t.reference
        from unnest(%s::text[], %s::text[], %s::text[]) as t (customer, message_id, reference)
        left join customers c on c.uid = t.customer
        left join sent_mail r on r.reference = t.reference
        left join customers rc on rc.id = r.customer_id
        left join sent_mail m on m.customer_id = c.id and m.message_id = t.message_id
        """,
        ([mail.customer for mail in mails], [mail.message_id for mail in mails], [mail.reference for mail in mails]),
    ).fetchall()
    refused = [
        f"reference {row[0]!r} belongs to another mail" if row[3] else f"message_id {row[1]!r} has another reference"
        for row in rows
        if row[3] or row[4]
    ]
    known = sum(1 for row in rows if row[2])
    return Tally(new=len(rows) - known, unchanged=known, refused=tuple(refused))


def add_sent_mail(connection: Connection, mails: Sequence[SentMailRecord]) -> None:
    """Adds to the log what it does not have, with its recipients; a list that is not named is the campaign's."""
    connection.execute(
        """
        insert into sent_mail (customer_id, campaign_id, list_id, sender, message_id, actual_message_id, reference, sent_at)
        select c.id, p.id, coalesce(l.id, p.list_id), t.sender, t.message_id, t.actual, t.reference, t.sent_at
        from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
             as t (customer, campaign, list, sender, message_id, actual, reference, sent_at)
        join customers c on c.uid = t.customer
        left join campaigns p on p.uid = t.campaign
        left join lists l on l.uid = t.list
        on conflict (reference) do nothing
        """,
        (
            [mail.customer for mail in mails], [mail.campaign for mail in mails], [mail.list for mail in mails],
            [mail.sender for mail in mails], [mail.message_id for mail in mails],
            [mail.actual_message_id for mail in mails], [mail.reference for mail in mails],
            [mail.sent_at for mail in mails],
        ),
    )  # fmt: skip
    pairs = [(mail.reference, address) for mail in mails for address in mail.recipients]
    connection.execute(
        """
        insert into sent_recipients (sent_mail_id, address, subscriber_id)
        select m.id, t.address, s.id
        from unnest(%s::text[], %s::text[]) as t (reference, address)
        join sent_mail m on m.reference = t.reference
        left join subscribers s on s.list_id = m.list_id and s.email = t.address
        on conflict do nothing
        """,
        ([reference for reference, _ in pairs], [address for _, address in pairs]),
    )


def _arrays(
    row: ListRecord, subscribers: Sequence[SubscriberRecord], *, resubscribe: bool = False
) -> dict[str, object]:
    return {
        "resubscribe": resubscribe,
        "list": row.uid,
        "customer": row.customer,
        "emails": [subscriber.email for subscriber in subscribers],
        "statuses": [subscriber.status for subscriber in subscribers],
        "uids": [subscriber.uid for subscriber in subscribers],
    }
