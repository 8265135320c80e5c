-- What is kept for a time: which rows are due, to remove them or to count them.

-- name: runs
-- Not a statement, like the next two. Ended runs of threads, but for those that can still be retried;
-- stateless ones have a shorter time.
ended_at < now() - make_interval(secs => $1) and not temporary
    and set_aside_at is null and (keep_until is null or keep_until < now());

-- name: firings
fired_at < now() - make_interval(secs => $1);

-- name: deliveries
-- A webhook that is still to be delivered is kept, however old.
status <> 'pending' and created_at < now() - make_interval(secs => $1);

-- name: remove
-- At most $2 of them.
delete from {table}
where ctid = any (array(select ctid from {table} where {due} limit $2));

-- name: count
select count(*) from {table} where {due};
