-- What the auditor keeps and asks. It watches a database from within, by a trigger.

-- name: install
-- Write down every change of a run that matters, in the order in which it was made.
create schema audit;
create table audit.changes (
    seq         bigserial primary key,
    run_id      uuid not null,
    thread_id   uuid not null,
    temporary   boolean not null,
    old_status  text,
    status      text,
    old_attempt integer,
    attempt     integer,
    old_epoch   bigint,
    epoch       bigint
);
create function audit.note() returns trigger language plpgsql as $$
begin
    insert into audit.changes (
        run_id, thread_id, temporary, old_status, status, old_attempt, attempt, old_epoch, epoch)
    values (
        coalesce(new.run_id, old.run_id), coalesce(new.thread_id, old.thread_id),
        coalesce(new.temporary, old.temporary),
        old.status, new.status, old.attempt, new.attempt, old.epoch, new.epoch);
    return null;
end $$;
create trigger audit after insert or delete or update of status, attempt, epoch on runs
for each row execute function audit.note();

-- name: changes
select * from audit.changes order by seq;

-- name: active_runs
-- Runs that are not over.
select run_id, status, attempt from runs where status in ('pending', 'running');

-- name: unsettled_threads
-- Threads that say that something executes on them.
select thread_id, status, active_run from threads where status = 'busy' or active_run is not null;

-- name: forks
-- Checkpoints that share a parent.
select thread_id, checkpoint_ns, parent_checkpoint_id, count(*) from checkpoints
where parent_checkpoint_id is not null
group by 1, 2, 3 having count(*) > 1;

-- name: falling_attempts
-- Checkpoints of a run whose parent was written by a later attempt of the same run.
select child.thread_id, child.checkpoint_id
from checkpoints child
join checkpoints parent on parent.thread_id = child.thread_id
    and parent.checkpoint_ns = child.checkpoint_ns
    and parent.checkpoint_id = child.parent_checkpoint_id
where child.metadata ->> 'run_id' = parent.metadata ->> 'run_id'
  and (child.metadata ->> 'run_attempt')::int < (parent.metadata ->> 'run_attempt')::int;

-- name: status
select status from runs where run_id = $1;
