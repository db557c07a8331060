-- Before or after the code: operators' own rules. The newest row is in force; an empty text puts none in force.
create table operator_rules (
    id bigint generated always as identity primary key,
    text text not null check (length(text) <= 500000),
    loaded_by text not null default '',
    loaded_at timestamptz not null default now()
);
