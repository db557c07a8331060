-- Before the code. What a list's mails say in List-Unsubscribe where a request names no target of its own: an https URL and an address,
-- both with placeholders (shared/domain/unsubscribing.py). Null: nothing.

alter table lists
    add column unsubscribe_url text check (unsubscribe_url like 'https://%' and unsubscribe_url !~ '[^!-~]'),
    add column unsubscribe_mailto text check (unsubscribe_mailto like 'mailto:%' and unsubscribe_mailto !~ '[^!-~]');
