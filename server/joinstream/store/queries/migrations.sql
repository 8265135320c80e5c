-- name: try_lock
-- One process migrates at a time. Never the blocking variant: a waiter would hold a snapshot, and
-- statements that wait for older snapshots would then wait for the waiter.
select pg_try_advisory_lock(hashtextextended('joinstream_migrations', 0));

-- name: unlock
-- Let the next process look.
select pg_advisory_unlock(hashtextextended('joinstream_migrations', 0));

-- name: create_record
-- The table that remembers what was applied.
create table if not exists joinstream_migrations (
    name       text primary key,
    checksum   text        not null,
    applied_at timestamptz not null default now()
);

-- name: record_exists
-- Whether any migration was ever applied here.
select to_regclass('joinstream_migrations') is not null;

-- name: applied
-- Names and checksums of everything applied.
select name, checksum from joinstream_migrations;

-- name: remember
-- Record one migration, in the transaction that applied it.
insert into joinstream_migrations (name, checksum) values ($1, $2);
