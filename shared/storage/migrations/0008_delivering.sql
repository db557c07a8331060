-- Before the code. Delivering: what is due at a server, what expires, and sent mails whose ids are still to be read.

create index sends_due_at on sends (server_id, due_at) where state in ('accepted', 'deferred');
create index sends_expiring on sends (expires_at) where state in ('accepted', 'deferred') and expires_at is not null;
create index sends_sent_mail on sends (sent_mail_id) where sent_mail_id is not null;

-- A sent mail whose Message-ID, as the provider made it, is read back from Sent Items. Gone when it is known or given up.
create table send_read_backs (
    send_id bigint primary key references sends on delete cascade,
    server_id bigint not null references delivery_servers,
    due_at timestamptz not null,
    tries integer not null default 0
);
create index send_read_backs_due on send_read_backs (due_at);
