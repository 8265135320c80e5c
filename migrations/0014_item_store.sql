-- Which tables of LangGraph's Postgres store have been made here. It makes them itself, and only
-- `joinstream migrate` asks it to.

create table item_store_tables (
    name    text primary key,
    made_at timestamptz not null default now()
);
