-- Crons and their firings.

-- name: create
insert into crons (
    cron_id, assistant_id, thread_id, user_id, caller, schedule, timezone, end_time, enabled,
    on_run_completed, catch_up, payload, metadata, next_run_date)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
returning *;

-- name: get
select * from crons
where cron_id = $1 and ($2::jsonb[] is null or metadata @> any ($2));

-- name: lock
select * from crons
where cron_id = $1 and ($2::jsonb[] is null or metadata @> any ($2))
for update;

-- name: replace
-- Everything that a change may change.
update crons
set schedule = $2, timezone = $3, end_time = $4, enabled = $5, on_run_completed = $6,
    catch_up = $7, payload = $8, metadata = $9, next_run_date = $10, updated_at = now()
where cron_id = $1
returning *;

-- name: delete
delete from crons
where cron_id = $1 and ($2::jsonb[] is null or metadata @> any ($2))
returning cron_id;

-- name: matching
-- Not a statement: the condition that search and count share.
($1::uuid is null or assistant_id = $1)
and ($2::uuid is null or thread_id = $2)
and ($3::boolean is null or enabled = $3)
and ($4::jsonb is null or metadata @> $4)
and ($5::jsonb[] is null or metadata @> any ($5));

-- name: search
-- One page; the store fills in the condition and the order.
select * from crons where {matching}
order by {order} limit $6 offset $7;

-- name: count
select count(*) from crons where {matching};

-- name: firings
-- What came of a cron's times, newest first.
select * from cron_firings where cron_id = $1
order by slot desc limit $2 offset $3;

-- name: count_firings
select count(*) from cron_firings where cron_id = $1;

-- name: seconds_until_due
-- Null: never. Below zero, when the time is over.
select extract(epoch from min(next_run_date) - now())::float8
from crons where enabled and next_run_date is not null;

-- name: lock_due
-- One cron that is due and that nobody else is firing.
select *, now() as now, exists (
    select from cron_firings f where f.cron_id = crons.cron_id and f.slot = next_run_date) as fired
from crons
where enabled and next_run_date <= now()
order by next_run_date
limit 1
for update skip locked;

-- name: settle
-- What became of a due time, and the next one.
with firing as (
    insert into cron_firings (cron_id, slot, outcome, run_id, thread_id, detail)
    values ($1, $2, $3, $4, $5, $6)
    on conflict do nothing
)
update crons set next_run_date = $7 where cron_id = $1;
