-- The run queue's transactions, one function each, so that each is one round trip.
-- They are versioned (`_v1`): old and new processes may run side by side during a deploy.
--
-- Invariants they keep together:
--   1. threads.active_run is the thread's only running run;
--   2. a pending run with `blocked` false is claimable once it is due; when the thread has no
--      active run, at least one of its pending runs is not blocked;
--   3. threads.status is busy exactly while the thread has a pending or running run.

-- Makes the thread's next waiting run claimable, if nothing executes on the thread.
-- The caller holds the thread row's lock.
create function unblock_next_run_v1(p_thread_id uuid) returns void
language sql as $$
    update runs set blocked = false
    where run_id = (
        select run_id from runs
        where thread_id = p_thread_id and status = 'pending' and blocked
        order by run_after, run_id
        limit 1
    )
    and not exists (select from threads where thread_id = p_thread_id and active_run is not null);
$$;

-- Brings the thread's status in line with its runs after one of them went away without executing.
-- The caller holds the thread row's lock.
create function settle_thread_v1(p_thread_id uuid) returns void
language plpgsql as $$
begin
    perform unblock_next_run_v1(p_thread_id);
    update threads t
    set status = case when t.error is not null and t.error ->> 'error' not in ('UserInterrupt', 'UserRollback')
                      then 'error'
                      when t.interrupts <> '{}' then 'interrupted'
                      else 'idle' end,
        updated_at = now()
    where t.thread_id = p_thread_id
      and t.status = 'busy'
      and not exists (
          select from runs r
          where r.thread_id = p_thread_id and r.status in ('pending', 'running')
      );
end $$;

-- Ends the thread's other active runs for a new run with strategy interrupt or rollback.
-- Pending ones end here; the running one is asked to stop and its id is returned.
create function supersede_runs_v1(p_thread_id uuid, p_action text, p_reason text) returns uuid
language plpgsql as $$
declare
    running uuid;
begin
    if p_action = 'rollback' then
        delete from runs where thread_id = p_thread_id and status = 'pending';
    else
        update runs
        set status = 'interrupted', ended_at = now(), updated_at = now(),
            cancel_action = p_action, cancel_reason = p_reason
        where thread_id = p_thread_id and status = 'pending';
    end if;
    update runs set cancel_action = p_action, cancel_reason = p_reason, updated_at = now()
    where thread_id = p_thread_id and status = 'running' and cancel_action is null
    returning run_id into running;
    return running;
end $$;

-- Creates a run. With p_worker, also claims it for that worker when nothing stands before it.
-- outcome: created | claimed | thread_missing | busy (strategy reject; `other_run` is in the way).
-- An existing thread that does not contain one of p_visible (null: any does) is as if missing.
-- For strategies interrupt and rollback `other_run` is the running run that was asked to stop.
create function create_run_v1(
    p_run_id uuid, p_thread_id uuid, p_temporary boolean, p_create_thread boolean,
    p_assistant_id uuid, p_graph_id text, p_strategy text, p_delay_seconds double precision,
    p_kwargs jsonb, p_assistant_metadata jsonb, p_metadata jsonb,
    p_thread_metadata jsonb, p_thread_config jsonb,
    p_worker text, p_lease_seconds double precision,
    p_ttl_strategy text, p_ttl_minutes double precision,
    p_visible jsonb[],
    out outcome text, out other_run uuid, out run runs
)
language plpgsql as $$
declare
    thread threads;
    waits boolean := false;
    made_here boolean := false;
    claims boolean := p_worker is not null and p_delay_seconds <= 0;
begin
    if not p_temporary then
        if p_create_thread then
            insert into threads (thread_id, metadata, ttl_strategy, ttl_minutes)
            values (p_thread_id, p_metadata || p_thread_metadata, p_ttl_strategy, p_ttl_minutes)
            on conflict do nothing;
            made_here := found;
        end if;
        select * into thread from threads
        where thread_id = p_thread_id
          and (made_here or p_visible is null or metadata @> any (p_visible))
        for update;
        if not found then
            outcome := 'thread_missing';
            return;
        end if;
        if thread.status = 'busy' then
            if p_strategy = 'reject' then
                outcome := 'busy';
                other_run := coalesce(thread.active_run, (
                    select r.run_id from runs r
                    where r.thread_id = p_thread_id and r.status = 'pending'
                    order by r.run_after, r.run_id limit 1));
                return;
            elsif p_strategy in ('interrupt', 'rollback') then
                other_run := supersede_runs_v1(
                    p_thread_id, p_strategy, 'superseded by run ' || p_run_id);
            end if;
            waits := p_delay_seconds <= 0 and (thread.active_run is not null or exists (
                select from runs r
                where r.thread_id = p_thread_id and r.status = 'pending' and r.run_after <= now()));
        end if;
        claims := claims and not waits;
    end if;

    insert into runs (
        run_id, thread_id, temporary, assistant_id, graph_id, status, blocked, run_after,
        attempt, epoch, worker, lease_until, started_at,
        multitask_strategy, kwargs, metadata)
    values (
        p_run_id, p_thread_id, p_temporary, p_assistant_id, p_graph_id,
        case when claims then 'running' else 'pending' end, waits,
        now() + make_interval(secs => greatest(p_delay_seconds, 0)),
        claims::int, case when claims then coalesce(thread.epoch, 0) + 1 else 0 end,
        case when claims then p_worker end,
        case when claims then now() + make_interval(secs => p_lease_seconds) end,
        case when claims then now() end,
        p_strategy,
        case when p_temporary then p_kwargs else jsonb_set(
            p_kwargs, '{config,configurable}',
            coalesce(thread.config -> 'configurable', '{}') || (p_kwargs #> '{config,configurable}'))
        end,
        p_assistant_metadata || coalesce(thread.metadata, '{}') || p_metadata)
    returning * into run;

    if not p_temporary then
        update threads
        set status = 'busy', updated_at = now(),
            metadata = metadata || p_thread_metadata,
            config = config || p_thread_config || jsonb_build_object(
                'configurable',
                coalesce(config -> 'configurable', '{}')
                || coalesce(p_thread_config -> 'configurable', '{}')),
            active_run = case when claims then p_run_id else active_run end,
            epoch = epoch + claims::int
        where thread_id = p_thread_id;
    end if;
    outcome := case when claims then 'claimed' else 'created' end;
end $$;

-- Marks one run as executing on a worker. The caller has locked the run row, and checked and locked
-- the thread row unless the run is temporary.
create function take_run_v1(
    p_run_id uuid, p_thread_id uuid, p_temporary boolean,
    p_worker text, p_lease_seconds double precision
) returns runs
language plpgsql as $$
declare
    taken runs;
    thread_epoch bigint;
begin
    if not p_temporary then
        update threads set active_run = p_run_id, epoch = epoch + 1
        where thread_id = p_thread_id
        returning epoch into thread_epoch;
    end if;
    update runs
    set status = 'running', attempt = attempt + 1, epoch = coalesce(thread_epoch, epoch + 1),
        worker = p_worker, lease_until = now() + make_interval(secs => p_lease_seconds),
        started_at = coalesce(started_at, now()), blocked = false
    where run_id = p_run_id
    returning * into taken;
    return taken;
end $$;

-- Claims up to p_slots due runs of the worker's graphs by (priority, run_after), at most one a
-- thread. Never waits for a lock. A due run that finds its thread occupied is marked blocked, so it is not looked at again
-- until the thread is free.
create function claim_runs_v1(
    p_worker text, p_slots int, p_lease_seconds double precision, p_graphs text[])
returns setof runs
language plpgsql as $$
declare
    -- fetched one by one: a loop over the query would lock rows ahead of those it takes
    due cursor for
        select run_id, thread_id, temporary from runs
        where status = 'pending' and not blocked and run_after <= now()
          and graph_id = any(p_graphs)
        order by priority desc, run_after, run_id
        for update skip locked;
    candidate record;
    occupant uuid;
    claimed int := 0;
begin
    open due;
    while claimed < p_slots loop
        fetch due into candidate;
        exit when not found;
        if not candidate.temporary then
            select active_run into occupant from threads
            where thread_id = candidate.thread_id for update skip locked;
            continue when not found;
            if occupant is not null then
                update runs set blocked = true where run_id = candidate.run_id;
                continue;
            end if;
        end if;
        return next take_run_v1(
            candidate.run_id, candidate.thread_id, candidate.temporary, p_worker, p_lease_seconds);
        claimed := claimed + 1;
    end loop;
end $$;

-- Locks a run in the order that holds everywhere: its thread's row first, then its own.
-- All fields are null when there is no such run.
create function lock_run_v1(p_run_id uuid, out locked runs)
language plpgsql as $$
begin
    select * into locked from runs where run_id = p_run_id;
    if found and not locked.temporary then
        perform from threads where thread_id = locked.thread_id for update;
    end if;
    select * into locked from runs where run_id = p_run_id for update;
end $$;

-- Ends an executing run and hands its thread on. Fenced by the epoch.
-- outcome: finished | cancelled (a cancel came first: finish as it says) | lost.
-- work_waits: a run could be claimed now, so the free slot is worth a look.
-- p_status 'rollback' deletes the run. p_values null leaves the thread's values as they are.
create function finish_run_v1(
    p_run_id uuid, p_epoch bigint, p_status text, p_result json, p_error jsonb,
    p_values jsonb, p_interrupts jsonb, p_more_to_do boolean, p_thread_error jsonb,
    out outcome text, out cancel_action text, out cancel_reason text, out work_waits boolean
)
language plpgsql as $$
declare
    ended runs;
begin
    ended := lock_run_v1(p_run_id);
    if ended.epoch is distinct from p_epoch then
        outcome := 'lost';
        return;
    end if;
    cancel_action := ended.cancel_action;
    cancel_reason := ended.cancel_reason;
    if ended.status <> 'running' then
        -- our own commit whose answer got lost, or an end forced by somebody else
        outcome := case when ended.status = p_status then 'finished' else 'lost' end;
        return;
    end if;
    if p_status = 'success' and ended.cancel_action is not null then
        outcome := 'cancelled';
        return;
    end if;

    if p_status = 'rollback' then
        delete from runs where run_id = p_run_id;
    else
        update runs
        set status = p_status, result = p_result, error = p_error,
            ended_at = now(), updated_at = now(), lease_until = null
        where run_id = p_run_id;
    end if;
    if not ended.temporary then
        update threads t
        set active_run = null,
            status = case
                when exists (select from runs r where r.thread_id = t.thread_id
                             and r.status in ('pending', 'running')) then 'busy'
                when p_status in ('error', 'timeout') then 'error'
                when p_more_to_do then 'interrupted'
                else 'idle' end,
            "values" = coalesce(p_values, t."values"),
            interrupts = coalesce(p_interrupts, t.interrupts),
            error = p_thread_error,
            updated_at = now(),
            state_updated_at = case when p_values is null then t.state_updated_at else now() end
        where t.thread_id = ended.thread_id;
        perform unblock_next_run_v1(ended.thread_id);
    end if;
    work_waits := exists (
        select from runs where status = 'pending' and not blocked and run_after <= now());
    outcome := 'finished';
end $$;

-- Hands an executing run back to the queue without spending an attempt. False: it was lost.
create function release_run_v1(p_run_id uuid, p_epoch bigint) returns boolean
language plpgsql as $$
declare
    released runs := lock_run_v1(p_run_id);
begin
    if released.epoch is distinct from p_epoch or released.status <> 'running' then
        return false;
    end if;
    update runs
    set status = 'pending', attempt = attempt - 1, worker = null, lease_until = null, blocked = false
    where run_id = p_run_id;
    update threads set active_run = null
    where thread_id = released.thread_id and active_run = p_run_id;
    return true;
end $$;

-- Takes over runs whose lease has expired: claims them again for p_worker.
-- Runs that were asked to stop, or that used up their attempts, are not executed again: they are
-- claimed too, so that the worker ends them with the stream, thread and checkpoints as they should be.
-- A run that has seen two workers die may be what killed them. It is taken alone, so that it takes no
-- neighbour with it, and by an idle worker; once it has waited for a minute, by any worker.
create function take_over_runs_v1(
    p_worker text, p_slots int, p_lease_seconds double precision, p_graphs text[], p_idle boolean)
returns setof runs
language plpgsql as $$
declare
    expired cursor for
        select run_id, thread_id, temporary, attempt >= 2 as suspect,
               lease_until < now() - interval '1 minute' as waited from runs
        where status = 'running' and lease_until < now() and graph_id = any(p_graphs)
        order by lease_until
        for update skip locked;
    candidate record;
    taken int := 0;
begin
    open expired;
    while taken < p_slots loop
        fetch expired into candidate;
        exit when not found;
        continue when candidate.suspect and (taken > 0 or not (p_idle or candidate.waited));
        if not candidate.temporary then
            perform from threads where thread_id = candidate.thread_id for update skip locked;
            continue when not found;
        end if;
        return next take_run_v1(
            candidate.run_id, candidate.thread_id, candidate.temporary, p_worker, p_lease_seconds);
        taken := taken + 1;
        exit when candidate.suspect;
    end loop;
end $$;

-- Asks a run to stop. outcome: missing | ended | cancelled (was pending; it is over) |
-- requested (is running; the worker will end it).
create function cancel_run_v1(p_run_id uuid, p_action text, p_reason text)
returns text
language plpgsql as $$
declare
    target runs;
begin
    target := lock_run_v1(p_run_id);
    if target.run_id is null then
        return 'missing';
    elsif target.status = 'running' then
        update runs
        set cancel_action = p_action, cancel_reason = coalesce(cancel_reason, p_reason), updated_at = now()
        where run_id = p_run_id and (cancel_action is null or p_action = 'rollback');
        return 'requested';
    elsif target.status <> 'pending' then
        return 'ended';
    end if;
    if p_action = 'rollback' then
        delete from runs where run_id = p_run_id;
    else
        update runs
        set status = 'interrupted', ended_at = now(), updated_at = now(), blocked = false,
            cancel_action = p_action, cancel_reason = p_reason
        where run_id = p_run_id;
    end if;
    if not target.temporary then
        perform settle_thread_v1(target.thread_id);
    end if;
    return 'cancelled';
end $$;
