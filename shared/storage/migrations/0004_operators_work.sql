-- Before the code. What operators' commands need: a second secret per key, servers that wait for a passed check, names that
-- may be swapped, and secrets of the installation itself.

-- Secrets of the installation, sealed like all others; the one that fingerprints are made with lasts longer than any sealing key.
create table sealed_values (
    name text primary key,
    sealed bytea not null,
    made_at timestamptz not null default now()
);

-- A new secret that waits until it has worked; the one in secret_sealed goes on until then.
alter table api_keys
    add column next_secret_sealed bytea,
    add column next_credential text,
    add column next_private_key_id text not null default '',
    add column next_secret_expires_on date,
    add column next_added_at timestamptz,
    add column next_retry_at timestamptz,         -- refused: not tried before then
    add column next_failure jsonb,
    add column previous_credential text,          -- of the secret that was replaced last, so that a file can't bring it back
    add check ((next_secret_sealed is null) = (next_credential is null));

-- Set while a server that ought to be active is not, because the check of its mailbox failed.
alter table bounce_servers
    add column inactive_reason jsonb,
    add check (inactive_reason is null or status = 'inactive');

-- Two rows may swap names within one transaction: unique at its end.
alter table api_keys drop constraint api_keys_customer_id_name_key,
    add constraint api_keys_customer_id_name_key unique nulls not distinct (customer_id, name) deferrable;
alter table bounce_servers drop constraint bounce_servers_customer_id_name_key,
    add constraint bounce_servers_customer_id_name_key unique nulls not distinct (customer_id, name) deferrable;
