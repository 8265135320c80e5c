-- name: columns
-- Not a statement: the columns of a Thread.
thread_id, created_at, updated_at, state_updated_at, metadata, status, config, "values",
interrupts, error;

-- name: create
-- No row when the id is taken.
insert into threads (thread_id, metadata, ttl_strategy, ttl_minutes)
values ($1, $2, $3, $4)
on conflict do nothing
returning {columns};

-- name: get
select {columns} from threads where thread_id = $1;

-- name: lock
-- The thread, with its row locked until the transaction ends.
select {columns} from threads where thread_id = $1 for update;

-- name: ttl
select ttl_strategy, ttl_minutes, updated_at + make_interval(secs => ttl_minutes * 60) as expires_at
from threads where thread_id = $1 and ttl_minutes is not null;

-- name: patch
update threads
set metadata = metadata || $2,
    ttl_strategy = coalesce($3, ttl_strategy),
    ttl_minutes = coalesce($4, ttl_minutes),
    updated_at = now()
where thread_id = $1
returning {columns};

-- name: copy
-- The row of a copied thread. It has no runs, so it cannot be busy.
insert into threads (
    thread_id, status, metadata, config, "values", interrupts, state_updated_at,
    ttl_strategy, ttl_minutes)
select $2, case when interrupts = '{}' then 'idle' else 'interrupted' end,
       metadata, config, "values", interrupts, state_updated_at, ttl_strategy, ttl_minutes
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
    updated_at = now(), state_updated_at = now()
where thread_id = $1;

-- name: of_assistant
select thread_id from threads
where metadata @> jsonb_build_object('assistant_id', $1::uuid);

-- name: lock_expired
-- One thread whose time to live is over, with its row locked; one that others have locked is not
-- waited for. A busy thread lives on.
select {columns}, ttl_strategy from threads
where ttl_minutes is not null
  and updated_at + make_interval(secs => ttl_minutes * 60) < now()
  and status <> 'busy'
  and (pruned_at is null or pruned_at < updated_at)
order by updated_at
limit 1
for update skip locked;

-- name: mark_pruned
update threads set pruned_at = now() where thread_id = $1;
