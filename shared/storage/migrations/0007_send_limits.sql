-- Before the code. What a provider lets a mailbox send may differ for the mailboxes of one key (a trial account, another plan).

-- Fields of SendLimits, each a number or null for no limit; what is not named is the provider's figure.
alter table api_keys add column send_limits jsonb not null default '{}' check (jsonb_typeof(send_limits) = 'object');
