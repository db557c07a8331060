-- Before the code. Attachments that are too large for a request: stored first, then named by it. And finding sends by name and age.

create table stored_attachments (
    id bigint generated always as identity primary key,
    uid uuid not null unique,
    customer_id bigint not null references customers,
    filename text not null,
    size bigint not null,
    sealed bytea not null,                    -- zlib, then AES-GCM
    stored_at timestamptz not null default now()
);
alter table stored_attachments alter column sealed set storage external;

create table send_attachments (
    send_id bigint not null references sends on delete cascade,
    attachment_id bigint not null references stored_attachments on delete cascade,
    primary key (send_id, attachment_id)
);
create index send_attachments_attachment on send_attachments (attachment_id);

create index sends_age on sends using brin (accepted_at);
create index sends_message_id on sends (message_id);
create index sends_key on sends (idempotency_key);
