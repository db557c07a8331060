-- Before the code. A monitor may be paused: it looks at nothing until it is resumed, and then at what came meanwhile.

alter table monitors drop constraint monitors_status_check;
alter table monitors add constraint monitors_status_check check (status in ('active', 'paused', 'inactive'));
alter table monitors add column paused_at timestamptz;

-- A mail that is read once more, for these monitors alone: the others have had it. Null: for everybody who watches.
alter table fetched_mail add column again_for bigint[];
