-- Before the code. What a program outside has published may hold mail: its dead letters are sealed, and their size is bounded.

alter table dead_letters
    alter column payload drop not null,       -- null: `sealed` has it
    add column sealed bytea,                  -- zlib, then AES-GCM
    add column size bigint,                   -- of the message as it came; null in rows of earlier releases
    add column sha256 bytea,
    add column whole boolean not null default true,   -- false: only the beginning is kept
    add constraint dead_letters_payload_check check ((payload is null) <> (sealed is null));
alter table dead_letters alter column sealed set storage external;
