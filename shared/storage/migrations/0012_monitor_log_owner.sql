-- Before the code. Whose monitor wrote a row of the log, as it was then: the row says so itself, so that a customer's own log stays
-- its own when the monitor is deleted, and monitors of the same name of several owners don't get in each other's way.

alter table monitor_log add column owner_id bigint references customers;  -- null: the operator's

-- A customer's monitor acts on that customer's subscribers only. So a row about another's is not its doing.
update monitor_log g set owner_id = m.customer_id
from monitors m
where m.id = g.monitor_id and m.customer_id = g.customer_id;

-- Of monitors that were deleted before now only these actions tell: the operator's have none of them. The rest stays the operator's
-- to read, since a row must never be shown to the wrong customer.
update monitor_log set owner_id = customer_id
where monitor_id is null and condition ->> 'action' in ('move_to_list', 'copy_to_list', 'stop_campaign_group');

drop index monitor_log_once;
create unique index monitor_log_once on monitor_log (mail_id, coalesce(owner_id, 0), monitor_name, coalesce(subscriber_id, 0));
create index monitor_log_owner on monitor_log (owner_id, id) where owner_id is not null;
