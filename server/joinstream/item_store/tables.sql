-- name: record_exists
-- Whether our own migrations have been applied.
select to_regclass('item_store_tables') is not null;

-- name: made
-- What has been made here.
select name from item_store_tables;

-- name: remember
insert into item_store_tables (name) values ($1) on conflict do nothing;

-- name: dimensions
-- Of the vectors that are stored; null when there are none.
select atttypmod from pg_attribute
where attrelid = to_regclass('store_vectors') and attname = 'embedding';

-- name: sweep
-- Delete items that are past their time to live; their vectors go with them.
delete from store where (prefix, key) in (
    select prefix, key from store where expires_at < now() limit $1 for update skip locked
);
