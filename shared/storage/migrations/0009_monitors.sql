-- Before the code. Monitors: conditions on replies, what they did, and the texts that were sent (to take them out of replies).

create table monitors (
    id bigint generated always as identity primary key,
    uid text not null unique,
    customer_id bigint references customers,   -- null: the operator's, for every customer's lists
    mailbox_id bigint not null references mailboxes,
    name text not null,
    identify_by text not null default 'email' check (identify_by in ('email', 'uid', 'uid_or_email')),
    locked boolean not null default false,
    status text not null default 'active' check (status in ('active', 'inactive')),
    inactive_reason jsonb,                      -- set while it ought to be active and its check has not passed
    read_junk boolean not null default false,
    disposal text not null default 'leave' check (disposal in ('leave', 'mark_read', 'move', 'trash', 'delete')),
    move_to text,                               -- both for mail that it acted on; all other mail is left alone
    dry_run boolean not null default false,
    ignore_machine_mail boolean not null default true,
    plus_addressing boolean not null default false,  -- anna+x@… is anna@…
    blacklist_scope text not null default 'global' check (blacklist_scope in ('customer', 'global')),
    only_mail_from timestamptz,
    poll_seconds integer not null default 600 check (poll_seconds >= 60),
    check (inactive_reason is null or status = 'inactive'),
    check (disposal <> 'move' or move_to is not null),
    constraint monitors_customer_id_name_key unique nulls not distinct (customer_id, name) deferrable
);
create index monitors_mailbox on monitors (mailbox_id);

-- target_uid stays when its list or group is deleted: the condition is then invalid and shown so, never another one (A159).
create table monitor_conditions (
    monitor_id bigint not null references monitors on delete cascade,
    position integer not null check (position > 0),
    field text not null default 'body' check (field in ('body', 'subject', 'sender')),
    operator text not null default 'contains' check (operator in ('contains', 'equals', 'starts_with', 'ends_with')),
    value text not null check (btrim(value) <> ''),
    ignore_case boolean not null default false,
    any_content boolean not null default false,
    action text not null check (action in ('unsubscribe', 'blacklist', 'unconfirm', 'delete', 'move_to_list', 'copy_to_list',
                                           'stop_campaign_group')),
    target_uid text,
    primary key (monitor_id, position),
    check (any_content or btrim(value, ' *') <> ''),
    check ((action in ('move_to_list', 'copy_to_list', 'stop_campaign_group')) = (target_uid is not null))
);

-- What a monitor made of one mail for one subscriber (A161). One row for each monitor, mail and subscriber; for a mail that led
-- to nothing, one row without a subscriber, if it matched or could not be read.
create table monitor_log (
    id bigint generated always as identity primary key,
    mail_id bigint not null references fetched_mail,
    monitor_id bigint references monitors on delete set null,
    monitor_name text not null,
    customer_id bigint references customers,    -- whose subscriber it is; the monitor's own if there is none
    sender text not null,
    condition jsonb,                            -- as it stood; null: nothing matched
    matched_text text not null default '',
    identified_by text,                         -- 'email', 'reference', 'message_id', 'tracking_link'; null: nobody
    subscriber_id bigint,                       -- no reference: a deleted subscriber's row stays
    subscriber_email text not null default '',
    effect text not null check (effect in ('done', 'already', 'dry_run', 'no_subscriber', 'invalid', 'no_text', 'undone')),
    detail text not null default '',
    before jsonb,
    after jsonb,
    logged_at timestamptz not null default now(),
    undone_at timestamptz,
    undone_by text
);
create unique index monitor_log_once on monitor_log (mail_id, monitor_name, coalesce(subscriber_id, 0));
create index monitor_log_monitor on monitor_log (monitor_id, logged_at);
create index monitor_log_address on monitor_log (subscriber_email);
create index monitor_log_sender on monitor_log (sender);

-- Which monitor's row changed a subscriber, or made a blacklist entry.
alter table subscriber_changes add column monitor_log_id bigint;
alter table blacklist add column monitor_log_id bigint;

-- The text of a mail as it was sent, sealed; dropped after a retention time.
create table sent_texts (
    sent_mail_id bigint primary key references sent_mail on delete cascade,
    sealed bytea not null,
    stored_at timestamptz not null default now()
);
create index sent_texts_age on sent_texts using brin (stored_at);

-- Where a customer's tracking links carry the subscriber's uid: a URL with {subscriber} in it, such as
-- https://mail.acme.example/lists/*/unsubscribe/{subscriber}. Null: the usual shapes.
alter table customers add column tracking_url text;

-- Everybody who looks into a mailbox.
create view watchers as
    select mailbox_id, 'bounce_server' as kind, id, status, read_junk, only_mail_from, poll_seconds, dry_run, disposal, move_to
    from bounce_servers
    union all
    select mailbox_id, 'monitor', id, status, read_junk, only_mail_from, poll_seconds, dry_run, disposal, move_to
    from monitors;
