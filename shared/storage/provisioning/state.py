"""The installation as the database holds it, for comparing with a file."""

from __future__ import annotations

from shared.domain.installation import (
    BounceServerRecord,
    CampaignGroupRecord,
    CampaignRecord,
    CustomerRecord,
    DeliveryServerRecord,
    GroupRecord,
    Installation,
    KeyRecord,
    ListRecord,
)
from shared.storage.database import Connection
from shared.storage.provisioning import monitors

# Any number that nothing else uses: two applies must not plan from the same state at once.
_ADVISORY_LOCK = 0x0A71C7


def lock(connection: Connection) -> None:
    """Waits for any other apply to end; held until this transaction does. Names are compared at its end: they may be swapped."""
    connection.execute("set constraints all deferred")
    connection.execute("select pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))


def read(connection: Connection) -> Installation:
    """Everything but subscribers and sent mail. Secrets stay where they are."""
    return Installation(
        settings=settings(connection),
        groups={group.name: group for group in _groups(connection)},
        customers={customer.uid: customer for customer in _customers(connection)},
        keys={key.uid: key for key in _keys(connection)},
        lists={row.uid: row for row in _lists(connection)},
        campaign_groups={group.uid: group for group in _campaign_groups(connection)},
        campaigns={campaign.uid: campaign for campaign in _campaigns(connection)},
        bounce_servers={server.uid: server for server in _bounce_servers(connection)},
        delivery_servers={server.uid: server for server in _delivery_servers(connection)},
        monitors={monitor.uid: monitor for monitor in monitors.read(connection)},
    )


def settings(connection: Connection) -> dict[str, object]:
    """Every setting by its key."""
    return {row[0]: row[1] for row in connection.execute("select key, value from settings")}


def _groups(connection: Connection) -> list[GroupRecord]:
    rows = connection.execute(
        """
        select g.name, g.max_bounce_servers, g.max_monitors,
               array(select server_type from group_server_types where group_id = g.id)
        from customer_groups g order by g.name
        """
    )
    return [GroupRecord(row[0], row[1], row[2], frozenset(row[3])) for row in rows]


def _customers(connection: Connection) -> list[CustomerRecord]:
    rows = connection.execute(
        "select c.uid, c.name, g.name, c.tracking_url from customers c left join customer_groups g on g.id = c.group_id order by c.uid"
    )
    return [CustomerRecord(*row) for row in rows]


def _keys(connection: Connection) -> list[KeyRecord]:
    rows = connection.execute(
        """
        select k.uid, k.name, k.provider, c.uid, k.tenant_id, k.client_id, k.service_account_email, k.private_key_id,
               k.credential, k.authority_url, k.api_url, k.secret_expires_on, k.send_limits,
               coalesce(k.next_credential, ''), coalesce(k.previous_credential, '')
        from api_keys k left join customers c on c.id = k.customer_id order by k.uid
        """
    )
    return [KeyRecord(*row) for row in rows]


def _lists(connection: Connection) -> list[ListRecord]:
    rows = connection.execute(
        """
        select l.uid, c.uid, l.name, l.unsubscribe_url, l.unsubscribe_mailto
        from lists l join customers c on c.id = l.customer_id
        """
    )
    return [ListRecord(*row) for row in rows]


def _campaign_groups(connection: Connection) -> list[CampaignGroupRecord]:
    rows = connection.execute(
        "select g.uid, c.uid, g.name from campaign_groups g join customers c on c.id = g.customer_id"
    )
    return [CampaignGroupRecord(*row) for row in rows]


def _campaigns(connection: Connection) -> list[CampaignRecord]:
    rows = connection.execute(
        """
        select p.uid, c.uid, p.name, l.uid, g.uid
        from campaigns p join customers c on c.id = p.customer_id left join lists l on l.id = p.list_id
        left join campaign_groups g on g.id = p.group_id
        """
    )
    return [CampaignRecord(*row) for row in rows]


def _bounce_servers(connection: Connection) -> list[BounceServerRecord]:
    # One that waits for a passed check is wanted active: its file has not changed.
    rows = connection.execute(
        """
        select s.uid, s.name, m.provider, m.email, k.uid, c.uid, s.locked,
               case when s.inactive_reason is null then s.status else 'active' end, s.disposal, s.move_to, s.read_junk,
               s.dry_run, s.only_mail_from, s.poll_seconds, s.blacklist_scope
        from bounce_servers s
        join mailboxes m on m.id = s.mailbox_id
        join api_keys k on k.id = m.api_key_id
        left join customers c on c.id = s.customer_id
        order by s.uid
        """
    )
    return [BounceServerRecord(*row) for row in rows]


def _delivery_servers(connection: Connection) -> list[DeliveryServerRecord]:
    rows = connection.execute(
        """
        select s.uid, s.name, m.provider, m.email, k.uid, c.uid, s.from_name, s.reply_to, s.locked,
               case when s.inactive_reason is null then s.status else 'active' end, s.hourly_quota, s.daily_quota,
               s.monthly_quota, s.pause_seconds, s.warm_up, s.warm_up_from, s.mode, s.draft_first
        from delivery_servers s
        join mailboxes m on m.id = s.mailbox_id
        join api_keys k on k.id = m.api_key_id
        left join customers c on c.id = s.customer_id
        order by s.uid
        """
    )
    return [
        DeliveryServerRecord(*(*row[:14], tuple((day, daily) for day, daily in row[14] or ()), *row[15:]))
        for row in rows
    ]
