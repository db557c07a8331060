-- Before or after the code: indexes for `why ADDRESS` and for the totals of a day.
create index sent_recipients_address on sent_recipients (address);
create index bounce_log_day on bounce_log using brin (logged_at);
