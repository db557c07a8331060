-- Before the code. The blast guard, and runs: changes of the log and of suppressions that a person made and can undo.

-- A replay may find that a mail reports no failure at all: its row stays, as history.
alter table bounce_log drop constraint bounce_log_bounce_class_check;
alter table bounce_log add constraint bounce_log_bounce_class_check
    check (bounce_class in ('hard', 'soft', 'internal', 'feedback_loop', 'none')) not valid;

-- effect 'held' too. guard_key: of the diagnostic pattern of a hard bounce, see services/actions/core/diagnostic_patterns.py.
alter table bounce_log add column guard_key bigint;
create index bounce_log_held on bounce_log (id) where effect = 'held';

-- An operator who adds an address that is there by a bounce wants it there whatever becomes of the bounce.
alter table blacklist add column operator_at timestamptz;

-- How many hard bounces a diagnostic pattern or a recipient domain made, by minute of their arrival. Each connection counts in
-- rows of its own (writer), so that nobody waits for anybody.
create table hard_bounce_counts (
    key bigint not null,
    minute timestamptz not null,
    writer integer not null,
    hits integer not null,
    primary key (key, minute, writer)
) with (fillfactor = 70);
create index hard_bounce_counts_age on hard_bounce_counts using brin (minute);

-- A pattern or domain for which blacklisting was held. One at a time is open for each key.
create table bounce_holds (
    id bigint generated always as identity primary key,
    key bigint not null,
    kind text not null check (kind in ('diagnostic', 'domain')),
    name text not null,                       -- the pattern in words, or the domain
    tripped_at timestamptz not null default now(),
    counted_from timestamptz not null,        -- bounces that arrived since then were counted
    hits integer not null,                    -- so many
    usual double precision not null,          -- so many come in the same time, by the week before
    closed_at timestamptz,
    closed text check (closed in ('released', 'discarded', 'quiet')),
    closed_by text not null default '',
    passes_until timestamptz                  -- released: not held again before then
);
create unique index bounce_holds_open on bounce_holds (key) where closed_at is null;
create index bounce_holds_passes on bounce_holds (key, passes_until) where passes_until is not null;

create table held_bounces (
    bounce_id bigint primary key references bounce_log on delete cascade,
    hold_id bigint not null references bounce_holds,
    everywhere boolean not null default false,
    held_at timestamptz not null default now()
);
create index held_bounces_hold on held_bounces (hold_id);

-- Runs, and each of their effects with what was there before and after.
create table effect_runs (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('replay', 'release', 'discard', 'take_back')),
    dry boolean not null default false,       -- only says what would change
    hold_id bigint references bounce_holds,
    since timestamptz,
    until timestamptz,
    mailbox text,
    started_by text not null default '',
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    undone_at timestamptz,
    undone_by text not null default '',
    figures jsonb not null default '{}'
);

-- One replay at a time.
create unique index effect_runs_replay on effect_runs (kind) where kind = 'replay' and finished_at is null;

create table run_effects (
    id bigint generated always as identity primary key,
    run_id bigint not null references effect_runs on delete cascade,
    what text not null check (what in ('mail', 'log_row', 'blacklist', 'subscriber')),
    key text not null,                        -- names the thing within its run: nothing is planned twice
    target_id bigint,                         -- row in fetched_mail, bounce_log, blacklist, subscribers; null: not there yet
    bounce_id bigint,                         -- the log row that it follows from
    customer_id bigint,
    address text not null default '',
    everywhere boolean not null default false,
    before jsonb,                             -- null: the row was not there
    after jsonb,                              -- null: the row is gone
    applied_at timestamptz,
    undone_at timestamptz,
    kept text,                                -- why it was not applied, or not undone
    unique (run_id, what, key)
);
create index run_effects_address on run_effects (address) where address <> '';
create index run_effects_bounce on run_effects (bounce_id) where bounce_id is not null;

-- A replay goes through the queues in parts. Stage is state: see docs/adr/0007-replay.md.
create table replay_parts (
    run_id bigint not null references effect_runs on delete cascade,
    part integer not null,
    mail_ids bigint[] not null,
    stage text not null default 'asked' check (stage in ('asked', 'classified', 'decided')),
    stage_at timestamptz not null default now(),
    republished integer not null default 0,
    findings jsonb,                           -- [[mail id, finding], …]; dropped once decided
    skipped jsonb not null default '{}',      -- reason -> mails that were left as they are
    primary key (run_id, part)
);
create index replay_parts_waiting on replay_parts (stage_at) where stage <> 'decided';
