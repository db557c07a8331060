-- Before the code. Sending: delivery servers, integrations, sends and their ledger, campaign groups.

-- Who may publish send requests: one RabbitMQ user each. customer_id null: the operator's own, which names a customer per request.
create table integrations (
    id bigint generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    customer_id bigint references customers,
    password_hash text not null,              -- as RabbitMQ stores it, so that a wiped broker gets the same user again
    enabled boolean not null default true,
    created_at timestamptz not null default now()
);

create table campaign_groups (
    id bigint generated always as identity primary key,
    uid text not null unique,
    customer_id bigint not null references customers,
    name text not null,
    unique (customer_id, id)
);
alter table campaigns
    add column group_id bigint,
    add foreign key (customer_id, group_id) references campaign_groups (customer_id, id);

-- A subscriber whom a campaign group skips from now on.
create table campaign_group_stops (
    group_id bigint not null references campaign_groups on delete cascade,
    subscriber_id bigint not null references subscribers on delete cascade,
    cause text not null,
    stopped_at timestamptz not null default now(),
    primary key (group_id, subscriber_id)
);

create table delivery_servers (
    id bigint generated always as identity primary key,
    uid text not null unique,
    customer_id bigint references customers,  -- null: the operator's, for every customer
    mailbox_id bigint not null references mailboxes,
    name text not null,
    from_name text not null default '',       -- '': the mailbox's own
    reply_to text,
    locked boolean not null default false,
    status text not null default 'active' check (status in ('active', 'inactive')),
    inactive_reason jsonb,                     -- set while it ought to be active and its check has not passed
    connection text not null default 'unknown' check (connection in ('connected', 'not connected', 'unknown')),
    connection_failure jsonb,                  -- of sending; the mailbox's own row tells of reading
    checked_at timestamptz,
    hourly_quota integer check (hourly_quota > 0),   -- null: no limit
    daily_quota integer check (daily_quota > 0),
    monthly_quota integer check (monthly_quota > 0),
    pause_seconds double precision not null default 0 check (pause_seconds >= 0),
    warm_up jsonb,                             -- [[from day, mails a day], …], ordered; day 1 is warm_up_from
    warm_up_from date,
    mode text not null default 'mime' check (mode in ('mime', 'json')),
    draft_first boolean not null default false,
    -- What only the sender writes:
    next_free_at timestamptz not null default '-infinity',  -- nothing can leave before
    next_free_reason text,
    next_free_detail text not null default '',
    served_at timestamptz not null default '-infinity',     -- last claim: the server that waited longest comes first
    display_name text not null default '',     -- as last seen on a sent mail
    primed_at timestamptz,
    check (inactive_reason is null or status = 'inactive'),
    check ((warm_up is null) = (warm_up_from is null)),
    constraint delivery_servers_customer_id_name_key unique nulls not distinct (customer_id, name) deferrable
);
create index delivery_servers_mailbox on delivery_servers (mailbox_id);

create table sends (
    id bigint generated always as identity primary key,
    uid uuid not null unique,
    customer_id bigint not null references customers,
    integration text not null default '',      -- name of who asked; '' for the operator's commands
    idempotency_key text not null,
    request_hash bytea not null,
    correlation_id uuid not null,
    client_correlation_id text,                -- the AMQP property, given back with each result
    reply_to text,
    state text not null default 'accepted' check (state in
        ('accepted', 'deferred', 'claimed', 'sending', 'unknown', 'sent', 'failed', 'cancelled', 'rejected')),
    reason text not null default '',
    detail text not null default '',
    state_at timestamptz not null default now(),
    accepted_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    expires_at timestamptz,
    server_id bigint not null references delivery_servers,
    any_server boolean not null default false, -- asked for "any of the customer's"
    fail_over boolean not null default false,
    list_id bigint,
    campaign_id bigint,
    campaign_group_id bigint,
    recipients integer not null check (recipients > 0),
    tags text[] not null default '{}',
    claimed_by text,
    claimed_until timestamptz,
    attempts integer not null default 0,
    lookups integer not null default 0,
    first_call_at timestamptz,
    message_id text not null,                  -- without angle brackets
    reference text not null,
    draft_id text,
    provider_mail_id text,
    sent_at timestamptz,
    sent_mail_id bigint references sent_mail on delete set null,
    unique (customer_id, idempotency_key),
    foreign key (customer_id, list_id) references lists (customer_id, id),
    foreign key (customer_id, campaign_id) references campaigns (customer_id, id),
    foreign key (customer_id, campaign_group_id) references campaign_groups (customer_id, id)
) with (fillfactor = 80);
create index sends_due on sends (server_id, customer_id, due_at, id) where state in ('accepted', 'deferred');
create index sends_in_hand on sends (claimed_until) where state in ('claimed', 'sending');
create index sends_unknown on sends (due_at) where state = 'unknown';
create index sends_customer on sends (customer_id, accepted_at);
create index sends_reference on sends (reference);
create index sends_group_waiting on sends (campaign_group_id) where state in ('accepted', 'deferred');

create table send_recipients (
    send_id bigint not null references sends on delete cascade,
    position integer not null,
    kind text not null check (kind in ('to', 'cc', 'bcc')),
    address text not null check (address = lower(btrim(address))),
    subscriber_id bigint references subscribers on delete set null,
    primary key (send_id, position)
);
create index send_recipients_address on send_recipients (address);

-- The request as it came, compressed and sealed; dropped after a retention time.
create table send_bodies (
    send_id bigint primary key references sends on delete cascade,
    sealed bytea not null,
    stored_at timestamptz not null default now()
);
alter table send_bodies alter column sealed set storage external;
create index send_bodies_age on send_bodies using brin (stored_at);

-- Each step of a send, with time and reason.
create table send_steps (
    id bigint generated always as identity primary key,
    send_id bigint not null references sends on delete cascade,
    at timestamptz not null default clock_timestamp(),
    state text not null,
    reason text not null default '',
    detail text not null default ''
);
create index send_steps_send on send_steps (send_id);

-- Requests that were readable and refused. They use no idempotency key up. customer_id null: an unknown one was named.
create table rejected_requests (
    id bigint generated always as identity primary key,
    customer_id bigint references customers,
    integration text not null default '',
    idempotency_key text not null default '',
    reason text not null,
    field text not null default '',
    detail text not null default '',
    rejected_at timestamptz not null default now()
);
create index rejected_requests_age on rejected_requests (rejected_at);
create index rejected_requests_customer on rejected_requests (customer_id, rejected_at);

-- One row for each call that may have sent something: what the rolling windows are counted from.
create table send_ledger (
    id bigint generated always as identity primary key,
    send_id bigint not null references sends on delete cascade,
    server_id bigint not null references delivery_servers,
    provider text not null,
    mailbox text not null,
    recipients integer not null,
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz not null default 'infinity'
);
create index send_ledger_server on send_ledger (server_id, ended_at desc);
create index send_ledger_mailbox on send_ledger (provider, mailbox, ended_at desc);
create index send_ledger_send on send_ledger (send_id);

-- The lock under which a mailbox's windows are counted: several servers, of several owners, may send from one mailbox.
create table sending_mailboxes (
    provider text not null,
    mailbox text not null,
    next_free_at timestamptz not null default '-infinity',
    next_free_reason text,
    primary key (provider, mailbox)
);

-- Results go to an exchange and a key of their own, with the asker's correlation id.
alter table outbox
    add column exchange text,                  -- null: the internal exchange, by type
    add column routing_key text,
    add column correlation text;
