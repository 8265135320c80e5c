-- name: columns
-- Not a statement: the columns of a Thread.
thread_id, created_at, updated_at, state_updated_at, metadata, status, config, "values",
interrupts, error,
case when status = 'busy' then active_run_v1(thread_id, active_run) end as active_run_id;

-- name: create
-- No row when the id is taken.
insert into threads (thread_id, metadata, ttl_strategy, ttl_minutes)
values ($1, $2, $3, $4)
on conflict do nothing
returning {columns};

-- name: get
select {columns} from threads
where thread_id = $1 and ($2::jsonb[] is null or metadata @> any ($2));

-- name: lock
-- The thread, with its row locked until the transaction ends.
select {columns} from threads
where thread_id = $1 and ($2::jsonb[] is null or metadata @> any ($2))
for update;

-- name: ttl
select ttl_strategy, ttl_minutes, updated_at + make_interval(secs => ttl_minutes * 60) as expires_at
from threads where thread_id = $1 and ttl_minutes is not null;

-- name: patch
update threads
set metadata = metadata || $2,
    ttl_strategy = coalesce($3, ttl_strategy),
    ttl_minutes = coalesce($4, ttl_minutes),
    updated_at = now()
where thread_id = $1 and ($5::jsonb[] is null or metadata @> any ($5))
returning {columns};

-- name: copy
-- The row of a copied thread. It has no runs, so it cannot be busy.
insert into threads (
    thread_id, status, metadata, config, "values", interrupts, state_updated_at,
    ttl_strategy, ttl_minutes)
select $2, case when interrupts = '{}' then 'idle' else 'interrupted' end,
       metadata || $3, config, "values", interrupts, state_updated_at, ttl_strategy, ttl_minutes
from threads where thread_id = $1
returning {columns};

-- name: delete_runs
-- Returns all runs of the thread; the caller has locked the thread row.
delete from runs where thread_id = $1 returning run_id, status;

-- name: delete
delete from threads where thread_id = $1;

-- name: record_state
-- The caller has locked the thread row.
update threads
set "values" = $2, interrupts = $3, status = $4, error = null,
    epoch = epoch + 1, updated_at = now(), state_updated_at = now()
where thread_id = $1
returning epoch;

-- name: of_assistant
select thread_id from threads
where metadata @> jsonb_build_object('assistant_id', $1::uuid);

-- name: expired
-- Not a statement: the condition of threads past their time to live; one index serves it. A busy
-- thread lives on, and one that was pruned does until it is used again.
ttl_minutes is not null and (pruned_at is null or pruned_at < updated_at)
and (updated_at at time zone 'UTC') + make_interval(secs => ttl_minutes * 60)
    < now() at time zone 'UTC'
and status <> 'busy';

-- name: lock_expired
-- One thread whose time to live is over, with its row locked; one that others have locked is not
-- waited for.
select {columns}, ttl_strategy from threads
where {expired}
order by (updated_at at time zone 'UTC') + make_interval(secs => ttl_minutes * 60)
limit 1
for update skip locked;

-- name: mark_pruned
update threads set pruned_at = now() where thread_id = $1;

-- name: used_after
-- The next $3 threads in the order of their last use, after a time and an id: which of them have
-- more than $4 checkpoints, and can be pruned now.
select thread_id, updated_at, status <> 'busy' and exists (
    select from checkpoints c
    where c.thread_id = t.thread_id and c.checkpoint_ns = ''
    order by c.checkpoint_id
    offset $4
) as overfull
from threads t
where (updated_at, thread_id) > ($1, $2::uuid)
order by updated_at, thread_id
limit $3;
