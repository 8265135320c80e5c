-- The fair queue: caps on the runs of an assistant, of a user or of a key that execute at a time,
-- and runs whose attempts are used up, which are set aside and can be retried.
--
-- A lane is what a cap counts: `assistant:<id>`, `user:<id>` or `key:<concurrency_key>`. A run is in
-- up to three. A due run that finds a lane full is held by it: it leaves the index of claimable runs,
-- so that it hides nobody and is not looked at again until its lane has room.
--
-- Caps are exact because one claim at a time looks at them, under an advisory lock. Only claims take
-- it. A run's end needs no lock: whoever ended it claims afterwards, and opens its lanes. What nobody
-- has opened, because a process died in between, the next worker that polls finds and opens.
--
-- claim_runs_v1 and finish_run_v1 stay for processes of before, which may run beside us during a
-- deploy; they know nothing of caps, and claim_runs_v1 does without the index it was made for.

alter table runs
    -- the lane that this pending run waits for
    add column held_by           text,
    -- it ended because its attempts were used up
    add column set_aside_at      timestamptz,
    -- those before its latest retry, which do not count any more
    add column forgiven_attempts integer not null default 0;

drop index runs_claimable;
create index runs_claimable on runs (priority desc, run_after, run_id)
    where status = 'pending' and not blocked and held_by is null;
create index runs_held on runs (held_by, priority desc, run_after, run_id)
    where status = 'pending' and held_by is not null;
create index runs_running_by_assistant on runs (assistant_id) where status = 'running';
create index runs_running_by_user on runs (user_id)
    where status = 'running' and user_id is not null;
create index runs_running_by_key on runs (concurrency_key)
    where status = 'running' and concurrency_key is not null;
-- handed back, or retried: they go on before anything else of their thread does
create index runs_begun on runs (thread_id)
    where status = 'pending' and epoch > 0 and not temporary;
create index runs_set_aside on runs (set_aside_at, run_id) where set_aside_at is not null;

-- Locks the thread of a claimable run that is about to be claimed.
-- Null: somebody else has it locked, which is not waited for. False: another run executes on it, or
-- has begun and is to go on first; this one is blocked until that one has ended.
create function enter_thread_v1(p_run_id uuid, p_thread_id uuid, p_epoch bigint) returns boolean
language plpgsql as $$
declare
    occupant uuid;
begin
    select active_run into occupant from threads
    where thread_id = p_thread_id for update skip locked;
    if not found then
        return null;
    end if;
    if occupant is not null or exists (
        select from runs
        where thread_id = p_thread_id and status = 'pending' and epoch > 0 and not temporary
          and epoch > p_epoch)
    then
        update runs set blocked = true where run_id = p_run_id;
        return false;
    end if;
    return true;
end $$;

-- Claims up to p_slots due runs of the worker's graphs by (priority, run_after), at most one a
-- thread. Never waits for a lock.
create function claim_runs_v2(
    p_worker text, p_slots int, p_lease_seconds double precision, p_graphs text[])
returns setof runs
language plpgsql as $$
declare
    -- fetched one by one: a loop over the query would lock rows ahead of those it takes
    due cursor for
        select run_id, thread_id, temporary, epoch from runs
        where status = 'pending' and not blocked and held_by is null and run_after <= now()
          and graph_id = any(p_graphs)
        order by priority desc, run_after, run_id
        for update skip locked;
    candidate record;
    claimed int := 0;
begin
    open due;
    while claimed < p_slots loop
        fetch due into candidate;
        exit when not found;
        continue when not candidate.temporary and enter_thread_v1(
            candidate.run_id, candidate.thread_id, candidate.epoch) is not true;
        return next take_run_v1(
            candidate.run_id, candidate.thread_id, candidate.temporary, p_worker, p_lease_seconds);
        claimed := claimed + 1;
    end loop;
end $$;

-- The lanes of a run that have a cap, narrowest first. p_caps: most runs at a time, by kind of lane.
create function lanes_v1(
    p_assistant_id uuid, p_user_id text, p_concurrency_key text, p_caps jsonb) returns text[]
language sql immutable as $$
    select array_remove(array[
        case when p_caps ? 'key' then 'key:' || p_concurrency_key end,
        case when p_caps ? 'user' then 'user:' || p_user_id end,
        case when p_caps ? 'assistant' then 'assistant:' || p_assistant_id end], null);
$$;

-- How many more runs may execute in a lane; null when its kind has no cap.
create function room_v1(p_lane text, p_caps jsonb) returns int
language plpgsql as $$
declare
    kind text := split_part(p_lane, ':', 1);
    name text := substr(p_lane, length(kind) + 2);
    cap int := (p_caps ->> kind)::int;
begin
    if cap is null then
        return null;
    elsif kind = 'assistant' then
        return cap - (select count(*) from (
            select from runs where status = 'running' and assistant_id = name::uuid
            limit cap) as counted);
    elsif kind = 'user' then
        return cap - (select count(*) from (
            select from runs where status = 'running' and user_id = name
            limit cap) as counted);
    else
        return cap - (select count(*) from (
            select from runs where status = 'running' and concurrency_key = name
            limit cap) as counted);
    end if;
end $$;

-- The first of the lanes that is full, those of p_known being so; null: all have room.
create function full_lane_v1(p_lanes text[], p_caps jsonb, p_known text[]) returns text
language sql as $$
    select lane from unnest(p_lanes) with ordinality as of_run (lane, place)
    where lane = any(p_known) or room_v1(lane, p_caps) <= 0
    order by lane = any(p_known) desc, place
    limit 1;
$$;

-- Lets held runs of the lanes be claimed, as many as have room; those that another of their lanes
-- has no room for are held by that one instead. Opening too many does no harm, for a claim counts.
-- more: it has looked at many, and there may be others. The caller holds the lock of caps.
create function open_lanes_v1(p_lanes text[], p_caps jsonb, out opened int, out more boolean)
language plpgsql as $$
declare
    most_looks constant int := 500;
    looks int;
    lane text;
    room int;
    candidate record;
    holder text;
    full_lanes text[] := '{}';
    run_ids uuid[] := '{}';
    holders text[] := '{}';
begin
    opened := 0;
    more := false;
    for lane in select distinct unnest(p_lanes) loop
        room := room_v1(lane, p_caps);
        continue when room <= 0;
        looks := 0;
        for candidate in
            select run_id, lanes_v1(assistant_id, user_id, concurrency_key, p_caps) as lanes
            from runs
            where status = 'pending' and held_by = lane
            order by priority desc, run_after, run_id
            limit most_looks
            for update skip locked
        loop
            exit when room <= 0;
            looks := looks + 1;
            holder := full_lane_v1(candidate.lanes, p_caps, full_lanes);
            run_ids := run_ids || candidate.run_id;
            holders := holders || holder;
            if holder is null then
                room := room - 1;
                opened := opened + 1;
            elsif holder <> all(full_lanes) then
                full_lanes := full_lanes || holder;
            end if;
        end loop;
        more := more or looks = most_looks;
    end loop;
    update runs r set held_by = change.holder
    from unnest(run_ids, holders) as change (run_id, holder)
    where r.run_id = change.run_id;
end $$;

-- The lock of caps, until the transaction ends. It is held for milliseconds; who does not get it
-- soon had better come again, than get leases that are half over.
create function lock_caps_v1() returns void
language plpgsql set lock_timeout = '2s' as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('joinstream_caps', 0));
end $$;

-- Claims as claim_runs_v2 does, but nothing beyond the caps; due runs that are beyond are held.
-- Gives ids only: the lock must not be kept while rows of any size go to a client.
-- p_ended: runs that have ended on this worker since its last claim, whose lanes have room again.
-- more: it has looked at many without filling the slots; ask again at once.
create function claim_capped_runs_v1(
    p_worker text, p_slots int, p_lease_seconds double precision, p_graphs text[],
    p_caps jsonb, p_ended jsonb,
    out claimed uuid[], out more boolean)
language plpgsql as $$
declare
    due cursor for
        select run_id, thread_id, temporary, epoch,
               lanes_v1(assistant_id, user_id, concurrency_key, p_caps) as lanes
        from runs
        where status = 'pending' and not blocked and held_by is null and run_after <= now()
          and graph_id = any(p_graphs)
        order by priority desc, run_after, run_id
        for update skip locked;
    candidate record;
    looks_left int := 500;
    entered boolean;
    lane text;
    full_lanes text[] := '{}';
    held uuid[];
    holders text[];
    -- lanes in which a run has not taken the room that it was let in for
    left_open text[] := array(
        select distinct unnest(lanes_v1(assistant_id, user_id, concurrency_key, p_caps))
        from jsonb_to_recordset(p_ended)
             as ended (assistant_id uuid, user_id text, concurrency_key text));
    opening record;
begin
    claimed := '{}';
    more := false;
    perform lock_caps_v1();
    opening := open_lanes_v1(left_open, p_caps);
    loop
        more := more or opening.more;
        left_open := '{}';
        held := '{}';
        holders := '{}';
        open due;
        while cardinality(claimed) < p_slots and looks_left > 0 loop
            fetch due into candidate;
            exit when not found;
            looks_left := looks_left - 1;
            lane := full_lane_v1(candidate.lanes, p_caps, full_lanes);
            if lane is not null then
                if lane <> all(full_lanes) then
                    full_lanes := full_lanes || lane;
                end if;
                held := held || candidate.run_id;
                holders := holders || lane;
                left_open := left_open || candidate.lanes;
                continue;
            end if;
            if not candidate.temporary then
                entered := enter_thread_v1(
                    candidate.run_id, candidate.thread_id, candidate.epoch);
                if entered is false then
                    left_open := left_open || candidate.lanes;
                end if;
                continue when entered is not true;
            end if;
            perform take_run_v1(
                candidate.run_id, candidate.thread_id, candidate.temporary,
                p_worker, p_lease_seconds);
            claimed := claimed || candidate.run_id;
        end loop;
        close due;
        update runs r set held_by = change.holder
        from unnest(held, holders) as change (run_id, holder)
        where r.run_id = change.run_id;
        exit when cardinality(claimed) = p_slots or looks_left = 0;
        opening := open_lanes_v1(left_open, p_caps);
        exit when opening.opened = 0;
    end loop;
    more := cardinality(claimed) < p_slots and (more or opening.more or looks_left = 0);
end $$;

-- Opens every lane that has room and holds runs, whatever the reason why nobody did before: a worker
-- died after a run's end, a cap was raised or removed. How many runs may be claimed now. Takes no
-- lock when there is nothing to do.
create function open_held_lanes_v1(p_caps jsonb) returns int
language plpgsql as $$
declare
    lane text := '';
    to_open text[] := '{}';
begin
    loop
        select held_by into lane from runs
        where status = 'pending' and held_by > lane
        order by held_by limit 1;
        exit when not found;
        if (room_v1(lane, p_caps) > 0) is not false then
            to_open := to_open || lane;
        end if;
    end loop;
    if to_open = '{}' then
        return 0;
    end if;
    perform lock_caps_v1();
    return (open_lanes_v1(to_open, p_caps)).opened;
end $$;

-- Ends an executing run and hands its thread on. Fenced by the epoch.
-- outcome: finished | cancelled (a cancel came first: finish as it says) | lost.
-- work_waits: a run could be claimed now, so the free slot is worth a look.
-- p_status 'rollback' deletes the run. p_values null leaves the thread's values as they are.
-- p_set_aside: it failed because its attempts are used up.
create function finish_run_v2(
    p_run_id uuid, p_epoch bigint, p_status text, p_result json, p_error jsonb,
    p_values jsonb, p_interrupts jsonb, p_more_to_do boolean, p_thread_error jsonb,
    p_set_aside boolean,
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
            ended_at = now(), updated_at = now(), lease_until = null,
            set_aside_at = case when p_set_aside then now() end
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
        select from runs
        where status = 'pending' and not blocked and held_by is null and run_after <= now());
    outcome := 'finished';
end $$;

-- Puts a run that was set aside back into the queue, where it stood, with all its attempts.
-- outcome: missing | not_set_aside | overtaken (a later run of its thread has executed since, so
-- that it cannot go on from where it was) | retried.
create function retry_run_v1(p_run_id uuid) returns text
language plpgsql as $$
declare
    target runs := lock_run_v1(p_run_id);
begin
    if target.run_id is null then
        return 'missing';
    elsif target.set_aside_at is null then
        return 'not_set_aside';
    elsif not target.temporary and exists (
        select from threads where thread_id = target.thread_id and epoch > target.epoch)
    then
        return 'overtaken';
    end if;
    update runs
    set status = 'pending', blocked = false, held_by = null, worker = null,
        set_aside_at = null, forgiven_attempts = attempt,
        cancel_action = null, cancel_reason = null,
        error = null, ended_at = null, updated_at = now()
    where run_id = p_run_id;
    update threads set status = 'busy', updated_at = now()
    where thread_id = target.thread_id and not target.temporary;
    return 'retried';
end $$;
