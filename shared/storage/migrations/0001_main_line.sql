-- Before the code. The whole of the main line: customers, keys, mailboxes, mail on its way, and what follows from it.

-- Customers, groups and limits -------------------------------------------------------------------------------------------

create table settings (
    key text primary key,
    value jsonb not null
);

create table customer_groups (
    id bigint generated always as identity primary key,
    name text not null unique,
    max_bounce_servers integer check (max_bounce_servers >= -1),  -- null: the system default applies
    max_monitors integer check (max_monitors >= -1)
);

create table group_server_types (
    group_id bigint not null references customer_groups on delete cascade,
    server_type text not null,
    primary key (group_id, server_type)
);

create table customers (
    id bigint generated always as identity primary key,
    uid text not null unique,
    name text not null,
    group_id bigint references customer_groups
);

-- API keys. Secrets are sealed (AES-GCM, key id in the first bytes) and never leave but to a provider. ----------------------

create table api_keys (
    id bigint generated always as identity primary key,
    uid text not null unique,
    customer_id bigint references customers,  -- null: system key
    owner bigint generated always as (coalesce(customer_id, 0)) stored,
    provider text not null check (provider in ('microsoft', 'google')),
    name text not null,
    tenant_id text not null default '',
    client_id text not null default '',
    service_account_email text not null default '',
    private_key_id text not null default '',
    secret_sealed bytea not null,
    credential text not null,                 -- fingerprint, secret included
    authority_url text not null,
    api_url text not null,
    secret_expires_on date,
    failed_at timestamptz,                    -- set while the provider refuses the key; tried again hourly
    retry_at timestamptz,
    failure jsonb,
    updated_at timestamptz not null default now(),
    unique (owner, id),
    unique nulls not distinct (customer_id, name)
);

create table key_capabilities (
    api_key_id bigint not null references api_keys on delete cascade,
    domain text not null,
    capability text not null,
    granted boolean not null,
    scopes text not null default '',          -- the scope set that grants it
    code text not null default '',
    checked_at timestamptz not null default now(),
    primary key (api_key_id, domain, capability)
);

-- Mailboxes: the guide's shared token row, the link of an owner to a mailbox (A127-A129) ------------------------------------

create table mailboxes (
    id bigint generated always as identity primary key,
    customer_id bigint references customers,  -- the key's owner; null: system
    owner bigint generated always as (coalesce(customer_id, 0)) stored,
    email text not null check (email = lower(btrim(email))),
    provider text not null check (provider in ('microsoft', 'google')),
    api_key_id bigint not null,
    connection text not null default 'unknown' check (connection in ('connected', 'not connected', 'unknown')),
    connection_failure jsonb,
    checked_at timestamptz,
    paused boolean not null default false,
    next_poll_at timestamptz not null default now(),
    poll_requested_until timestamptz,         -- a poll is on its way or under way; expires by itself
    lease_epoch bigint not null default 0,
    lease_holder text,
    leased_until timestamptz,
    last_polled_at timestamptz,
    last_poll jsonb,                          -- counts of the last poll
    last_tidied_at timestamptz,
    throttled_until timestamptz,
    listed_to jsonb not null default '{}',    -- per folder: received time up to which every unread mail is in the ledger
    swept_at timestamptz,                     -- last listing from the beginning
    unique nulls not distinct (customer_id, email, provider),
    foreign key (owner, api_key_id) references api_keys (owner, id)
);
create index mailboxes_due on mailboxes (next_poll_at) where not paused;
create index mailboxes_address on mailboxes (provider, email);

create table access_tokens (
    id bigint generated always as identity primary key,
    provider text not null,
    credential text not null,
    subject text not null,
    scopes text not null,
    api_key_id bigint not null references api_keys on delete cascade,
    sealed bytea,
    expires_at timestamptz,
    refreshed_at timestamptz,
    used_at timestamptz not null default now(),
    refresh_requested_until timestamptz,
    lease_holder text,
    leased_until timestamptz,
    failures integer not null default 0,
    failure jsonb,
    failed_at timestamptz,
    retry_at timestamptz,
    unique (provider, credential, subject, scopes)
);
create index access_tokens_due on access_tokens (expires_at);

-- The provider's limits for one credential and mailbox, shared by every process -----------------------------------------------

create table mailbox_budgets (
    scope text primary key,
    available double precision not null,
    refilled_at timestamptz not null default clock_timestamp(),
    blocked_until timestamptz
);

create table budget_slots (
    scope text not null,
    holder text not null,
    slots integer not null check (slots > 0),
    expires_at timestamptz not null,
    primary key (scope, holder)
);

-- Who looks into a mailbox ------------------------------------------------------------------------------------------------------

create table bounce_servers (
    id bigint generated always as identity primary key,
    uid text not null unique,
    customer_id bigint references customers,  -- null: the operator's, for every customer's mail
    mailbox_id bigint not null references mailboxes,
    name text not null,
    locked boolean not null default false,
    status text not null default 'active' check (status in ('active', 'inactive')),
    disposal text not null default 'trash' check (disposal in ('leave', 'mark_read', 'move', 'trash', 'delete')),
    move_to text,
    read_junk boolean not null default true,
    dry_run boolean not null default false,
    only_mail_from timestamptz,
    poll_seconds integer not null default 600 check (poll_seconds >= 60),
    blacklist_scope text not null default 'customer' check (blacklist_scope in ('customer', 'global')),
    check (disposal <> 'move' or move_to is not null),
    check (blacklist_scope = 'customer' or customer_id is null),
    unique nulls not distinct (customer_id, name)
);
create index bounce_servers_mailbox on bounce_servers (mailbox_id);

-- Mail on its way: the ledger and the stages ------------------------------------------------------------------------------------

create table fetched_mail (
    id bigint generated always as identity primary key,
    mailbox_id bigint not null references mailboxes,
    provider_mail_id text not null,
    folder text not null,
    received_at timestamptz,
    stage text not null default 'listed' check (stage in ('listed', 'fetched', 'classified', 'served', 'gone')),
    stage_at timestamptz not null default now(),
    listed_at timestamptz not null default now(),
    fetched_at timestamptz,
    classified_at timestamptz,
    served_at timestamptz,
    republished integer not null default 0,
    generation integer not null default 0,    -- goes up when a mail is opened again (new rules, ids that became known)
    correlation_id uuid not null,
    raw_on date,                              -- partition of raw_mail; null: no raw copy (any more)
    size integer,
    truncated boolean not null default false,
    kind text,
    bounce_class text,
    tier smallint,
    rule text,
    rule_set text,
    report_message_id text,
    finding jsonb,
    disposal text check (disposal in ('leave', 'mark_read', 'move', 'trash', 'delete')),
    move_to text,
    disposal_due boolean not null default false,
    disposed_at timestamptz,
    disposal_note text,
    fetch_failures integer not null default 0,
    unique (mailbox_id, provider_mail_id)
) with (fillfactor = 85);
create index fetched_mail_listed on fetched_mail (mailbox_id, id) where stage = 'listed';
create index fetched_mail_waiting on fetched_mail (stage_at) where stage in ('fetched', 'classified');
create index fetched_mail_disposal on fetched_mail (mailbox_id, id) where disposal_due;
create index fetched_mail_provider_id on fetched_mail (provider_mail_id);
create index fetched_mail_report on fetched_mail (report_message_id) where report_message_id is not null;

create table raw_mail (
    fetched_on date not null,
    mail_id bigint not null,
    sealed bytea not null,                    -- zlib, then AES-GCM
    primary key (mail_id, fetched_on)
) partition by range (fetched_on);
alter table raw_mail alter column sealed set storage external;

-- The mailing platform's own things, light --------------------------------------------------------------------------------------

create table lists (
    id bigint generated always as identity primary key,
    uid text not null unique,
    customer_id bigint not null references customers,
    name text not null,
    unique (customer_id, id)
);

create table subscribers (
    id bigint generated always as identity primary key,
    uid text not null unique,
    customer_id bigint not null,
    list_id bigint not null,
    email text not null check (email = lower(btrim(email))),
    status text not null default 'confirmed'
        check (status in ('confirmed', 'unconfirmed', 'unsubscribed', 'blacklisted')),
    changed_at timestamptz not null default now(),
    unique (list_id, email),
    foreign key (customer_id, list_id) references lists (customer_id, id)
);
create index subscribers_address on subscribers (email, customer_id);

create table subscriber_changes (
    id bigint generated always as identity primary key,
    subscriber_id bigint not null references subscribers on delete cascade,
    before text not null,
    after text not null,
    cause text not null,                      -- 'bounce', 'complaint', 'operator', …
    bounce_id bigint,
    changed_at timestamptz not null default now()
);
create index subscriber_changes_subscriber on subscriber_changes (subscriber_id);

create table campaigns (
    id bigint generated always as identity primary key,
    uid text not null unique,
    customer_id bigint not null references customers,
    list_id bigint,
    name text not null,
    unique (customer_id, id),
    foreign key (customer_id, list_id) references lists (customer_id, id)
);

create table blacklist (
    id bigint generated always as identity primary key,
    customer_id bigint references customers,  -- null: global
    address text not null check (address = lower(btrim(address))),
    source text not null,                     -- 'hard_bounce', 'soft_bounces', 'operator', …
    reason text not null default '',
    bounce_id bigint,
    added_at timestamptz not null default now(),
    expires_at timestamptz,
    unique nulls not distinct (customer_id, address)
);
create index blacklist_address on blacklist (address);

-- What was sent: the key that ties a report to a subscriber ------------------------------------------------------------------------

create table sent_mail (
    id bigint generated always as identity primary key,
    customer_id bigint not null references customers,
    campaign_id bigint,
    list_id bigint,
    sender text not null default '',
    message_id text not null,                 -- without angle brackets, as we asked for it
    actual_message_id text,                   -- as the provider changed it
    reference text not null unique,           -- value of the X-ApiConnect-Reference header
    sent_at timestamptz not null,
    foreign key (customer_id, campaign_id) references campaigns (customer_id, id),
    foreign key (customer_id, list_id) references lists (customer_id, id)
);
create unique index sent_mail_message_id on sent_mail (customer_id, message_id);
create index sent_mail_any_message_id on sent_mail (message_id);
create index sent_mail_actual_message_id on sent_mail (actual_message_id) where actual_message_id is not null;

create table sent_recipients (
    sent_mail_id bigint not null references sent_mail on delete cascade,
    address text not null check (address = lower(btrim(address))),
    subscriber_id bigint references subscribers on delete set null,
    primary key (sent_mail_id, address)
);

-- What reports said, one row per recipient -------------------------------------------------------------------------------------------

create table bounce_log (
    id bigint generated always as identity primary key,
    mail_id bigint not null references fetched_mail,
    provider text not null,
    mailbox text not null,
    provider_mail_id text not null,
    reported text not null,                   -- recipient as reported, '' in a redacted complaint
    recipient text not null,                  -- recipient it was tied to, else as reported
    bounce_class text not null check (bounce_class in ('hard', 'soft', 'internal', 'feedback_loop')),
    tier smallint not null,
    rule text not null,
    rule_set text not null,
    reason text not null,
    action text,
    status text,
    reply text,
    diagnostic text,
    remote_mta text,
    reference_values text[] not null default '{}',
    sent_mail_id bigint references sent_mail,
    customer_id bigint references customers,
    campaign_id bigint,
    subscriber_id bigint references subscribers on delete set null,
    matched_by text,                          -- ReferenceSource; null: unmatched
    unmatched_reason text,
    effect text not null default 'logged',    -- 'blacklisted', 'unsubscribed', 'logged', 'dry_run', 'unmatched'
    effect_at timestamptz,
    logged_at timestamptz not null default now(),
    unique (provider, mailbox, provider_mail_id, reported)
);
create index bounce_log_recipient on bounce_log (recipient);
create index bounce_log_mail on bounce_log (mail_id);
create index bounce_log_unmatched on bounce_log (logged_at) where matched_by is null;
create index bounce_log_customer on bounce_log (customer_id, logged_at);
create index bounce_log_sent_mail on bounce_log (sent_mail_id) where sent_mail_id is not null;

-- Messages ------------------------------------------------------------------------------------------------------------------------------

create table inbox (
    consumer text not null,
    message_id uuid not null,
    received_at timestamptz not null default now(),
    primary key (consumer, message_id)
);
create index inbox_age on inbox using brin (received_at);

create table outbox (
    id bigint generated always as identity primary key,
    message_id uuid not null,
    type text not null,
    payload bytea not null,
    added_at timestamptz not null default now()
);

create table dead_letters (
    id bigint generated always as identity primary key,
    queue text not null,
    message_key text not null,
    message_id uuid,
    type text not null,
    reason text not null,
    attempts integer not null,
    payload bytea not null,
    headers jsonb not null default '{}',
    parked_at timestamptz not null default now(),
    replayed_at timestamptz
);
create unique index dead_letters_once on dead_letters (queue, message_key) where replayed_at is null;

-- Who is alive: a row per running service, so that an absent scheduler is seen ------------------------------------------------------------

create table heartbeats (
    service text not null,
    instance text not null,
    started_at timestamptz not null default now(),
    beat_at timestamptz not null default now(),
    note text not null default '',
    primary key (service, instance)
);

insert into settings (key, value) values
    ('extension_enabled', 'true'),
    ('microsoft_enabled', 'true'),
    ('google_enabled', 'true'),
    ('microsoft_customer_keys', 'true'),
    ('google_customer_keys', 'true'),
    ('max_bounce_servers', '0'),
    ('max_monitors', '0'),
    ('soft_bounces_to_blacklist', '0'),
    ('bounce_blacklist_scope', '"customer"'),
    ('match_within_days', '90');
