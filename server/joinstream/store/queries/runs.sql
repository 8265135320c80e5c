-- The run queue. The transactions with rules in them are functions, in the migrations: creating in
-- 0009_run_creation.sql, claiming and finishing in 0010_fair_queue.sql, the others in
-- 0004_run_queue.sql.

-- name: create
-- Create a run, and claim it at once when a worker is given.
select outcome, other_run, (run).*
from create_run_v2($1, $2, $3, $4, $5, $6, $7, $8, null);

-- name: create_together
-- Create a run or several, and for a key only once.
select outcome, other_run, (run).*
from create_runs_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: get
-- One run, of a certain thread unless that is null, if the caller may see it.
select r.* from runs r
where r.run_id = $1 and ($2::uuid is null or r.thread_id = $2)
  and {visible};

-- name: visible
-- Not a statement: whether the caller may see run r, which its thread decides if it has one.
case when {filter}::jsonb[] is null then true
     when r.temporary then r.metadata @> any ({filter})
     else exists (
         select from threads t where t.thread_id = r.thread_id and t.metadata @> any ({filter}))
end;

-- name: status
-- How a run stands.
select status from runs where run_id = $1;

-- name: has_begun
-- Whether a run was ever claimed; null when it is gone.
select epoch > 0 from runs where run_id = $1;

-- name: queue_position
-- What a pending run waits for, and how many stand before it there, counted up to $2. What is counted
-- is put in the order of an index, so that this index is what it is read from.
select waits_for, due_at, case waits_for
    when 'thread' then least($2, (
        select count(*) from (
            select from runs r
            where r.thread_id = mine.thread_id and r.status = 'pending'
              and (r.run_after, r.run_id) < (mine.run_after, mine.run_id)
            order by r.run_after, r.run_id limit $2) as earlier
    ) + (
        select count(*) from runs r where r.thread_id = mine.thread_id and r.status = 'running'))
    when 'cap' then least($2, (
        select count(*) from (
            select from runs r
            where r.status = 'pending' and r.held_by = mine.held_by and r.priority > mine.priority
            order by r.priority desc, r.run_after, r.run_id limit $2) as preferred
    ) + (
        select count(*) from (
            select from runs r
            where r.status = 'pending' and r.held_by = mine.held_by and r.priority = mine.priority
              and (r.run_after, r.run_id) < (mine.run_after, mine.run_id)
            order by r.run_after, r.run_id limit $2) as earlier))
    when 'worker' then least($2, (
        select count(*) from (
            select from runs r
            where r.status = 'pending' and not r.blocked and r.held_by is null
              and r.priority > mine.priority and r.run_after <= now()
            order by r.priority desc, r.run_after, r.run_id limit $2) as preferred
    ) + (
        select count(*) from (
            select from runs r
            where r.status = 'pending' and not r.blocked and r.held_by is null
              and r.priority = mine.priority
              and (r.run_after, r.run_id) < (mine.run_after, mine.run_id)
            order by r.run_after, r.run_id limit $2) as earlier))
end as ahead
from (
    select *,
           case when run_after > now() then 'time'
                when blocked then 'thread'
                when held_by is not null then 'cap'
                else 'worker' end as waits_for,
           case when run_after > now() then run_after end as due_at
    from runs where run_id = $1 and status = 'pending'
) as mine;

-- name: result
-- How a run ended and what it gave.
select status, result, error from runs where run_id = $1;

-- name: search
-- The runs of a thread, newest first. A status stands in the text: some have an index of their own.
select * from runs
where thread_id = $1 and {of_status}
order by created_at desc, run_id desc
limit $2 offset $3;

-- name: count
-- How many runs a thread has, at most $2; null: all.
select count(*) from (
    select from runs where thread_id = $1 and {of_status} limit $2
) as matches;

-- name: active
-- Active runs in certain statuses, of a thread and with ids unless these are null or empty, that the
-- caller may see.
select r.run_id, r.thread_id, r.status = 'running' as is_running from runs r
where r.status in ('pending', 'running') and r.status = any($1)
  and ($2::uuid is null or r.thread_id = $2)
  and (cardinality($3::uuid[]) = 0 or r.run_id = any($3))
  and {visible};

-- name: active_of_assistant
-- Active runs of an assistant.
select run_id, thread_id, status = 'running' as is_running from runs
where assistant_id = $1 and status in ('pending', 'running');

-- name: cancel
-- Ask a run to stop, or end it at once while it is pending.
select cancel_run_v1($1, $2, $3);

-- name: set_aside
-- Runs that were set aside, newest first.
select r.* from runs r
where r.set_aside_at is not null and {visible}
order by r.set_aside_at desc, r.run_id desc
limit $2 offset $3;

-- name: count_set_aside
select count(*) from runs r where r.set_aside_at is not null and {visible};

-- name: retry
-- Put a run that was set aside back into the queue.
select retry_run_v1($1);

-- name: delete_ended
-- Delete a run that is over.
delete from runs where run_id = $1 and status not in ('pending', 'running') returning run_id;

-- name: claim
-- Claim due runs for a worker.
select * from claim_runs_v2($1, $2, $3, $4);

-- name: claim_capped
-- Claim due runs within caps; their ids.
select claimed, more from claim_capped_runs_v1($1, $2, $3, $4, $5, $6);

-- name: claimed
-- Runs that were just claimed.
select * from runs where run_id = any($1) and worker = $2 and status = 'running';

-- name: open_held
-- Let go on what caps hold without need.
select open_held_lanes_v1($1);

-- name: take_over
-- Claim runs whose lease has expired.
select * from take_over_runs_v1($1, $2, $3, $4, $5);

-- name: renew
-- Renew leases; only rows still owned come back.
update runs r
set lease_until = now() + make_interval(secs => $3)
from unnest($1::uuid[], $2::bigint[]) as lease (run_id, epoch)
where r.run_id = lease.run_id and r.epoch = lease.epoch and r.status = 'running'
returning r.run_id, r.cancel_action, r.cancel_reason;

-- name: finish
-- End an executing run.
select outcome, cancel_action, cancel_reason, work_waits
from finish_run_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: release
-- Hand an executing run back to the queue.
select release_run_v1($1, $2);

-- name: sweep_temporary
-- Delete stateless runs that ended a while ago, but for those that can still be retried.
delete from runs where run_id in (
    select run_id from runs
    where temporary and ended_at is not null and set_aside_at is null
      and greatest(ended_at, keep_until) < now() - make_interval(secs => $1)
    limit $2
);

-- name: sweep_outputs
-- Forget the outputs of runs that ended a while ago; their checkpoints still have them.
update runs set result = null where run_id in (
    select run_id from runs
    where result is not null
      and greatest(ended_at, keep_until) < now() - make_interval(secs => $1)
    limit $2
);

-- name: sweep_keys
-- Forget idempotency keys that have expired.
delete from run_keys where (user_id, key) in (
    select user_id, key from run_keys where expires_at <= now() limit $1
);

-- name: figures
-- How the queue stands.
with waiting as (
    select blocked, extract(epoch from now() - run_after)::float8 as seconds
    from runs where status = 'pending'
)
select (select count(*) from waiting) as pending,
       (select count(*) from runs where status = 'running') as running,
       max(seconds) filter (where seconds >= 0) as longest_wait,
       percentile_cont(0.5) within group (order by seconds) filter (where seconds >= 0)
           as median_wait,
       max(seconds) filter (where seconds >= 0 and not blocked) as longest_unblocked_wait
from waiting;
