-- Creating runs: once for each idempotency key, several together, and no more than the queue may hold.

alter table runs
    -- how long one attempt may execute, in seconds; null: as long as any run may
    add column timeout_seconds double precision,
    -- until when an idempotency key stands for the run: so long the row and its output stay
    add column keep_until      timestamptz;

drop index runs_temporary_ended;
create index runs_temporary_ended on runs (greatest(ended_at, keep_until))
    where temporary and ended_at is not null;
drop index runs_with_result;
create index runs_with_result on runs (greatest(ended_at, keep_until)) where result is not null;
create index runs_pending_by_user on runs (user_id) where status = 'pending' and user_id is not null;

-- What a caller's idempotency keys stand for. The runs may be gone: the key is used all the same.
create table run_keys (
    -- empty without auth
    user_id     text        not null,
    key         text        not null,
    -- of the request that came with the key
    fingerprint bytea       not null,
    run_ids     uuid[]      not null,
    expires_at  timestamptz not null,
    primary key (user_id, key)
);
create index run_keys_by_expiry on run_keys (expires_at);

-- The run that keeps a thread busy: the one that executes (p_executing), else the next one.
create function active_run_v1(p_thread_id uuid, p_executing uuid) returns uuid
language sql stable as $$
    select coalesce(p_executing, (
        select run_id from runs
        where thread_id = p_thread_id and status = 'pending'
        order by run_after, run_id
        limit 1));
$$;

create type new_run_v2 as (
    run_id uuid, thread_id uuid, temporary boolean, create_thread boolean,
    assistant_id uuid, graph_id text, multitask_strategy text,
    delay_seconds double precision, timeout_seconds double precision,
    priority integer, concurrency_key text, user_id text,
    kwargs jsonb, assistant_metadata jsonb, metadata jsonb,
    thread_metadata jsonb, thread_config jsonb
);

-- Whether there is room for one more pending run even if every connection there can be is creating
-- one at this moment. Who has such room needs no count that is exact; its lock only makes those wait
-- who need one.
create function queue_has_much_room_v1(p_superseded uuid, p_most_pending integer) returns boolean
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
    much integer := p_most_pending - current_setting('max_connections')::integer;
begin
    if much <= 0 then
        return false;
    end if;
    perform pg_advisory_xact_lock_shared(hashtextextended('joinstream_pending', 0));
    if much > (
        select count(*) from (
            select from runs
            where status = 'pending' and thread_id is distinct from p_superseded
            limit much) as counted)
    then
        return true;
    end if;
    raise sqlstate 'JS001';
exception
    when sqlstate 'JS001' then  -- and with what came before it, the lock is undone
        return false;
end $$;

-- Whether p_more runs are more than may be pending, of anybody (queue_full) or of the user
-- (user_queue_full); null: they are not. Null limits do not limit.
-- Runs of thread p_superseded do not count: they are about to end.
-- Near a limit, whoever asks next waits until the caller's transaction is over, which makes the
-- answer exact. So ask when there is no lock left to wait for.
create function queue_refuses_v1(
    p_more integer, p_user_id text, p_superseded uuid,
    p_most_pending integer, p_most_pending_of_user integer
) returns text
language plpgsql
-- along an index up to the limit, whatever Postgres believes of how many there are and where
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
    if p_most_pending is not null
       and not (p_more = 1 and queue_has_much_room_v1(p_superseded, p_most_pending))
    then
        perform pg_advisory_xact_lock(hashtextextended('joinstream_pending', 0));
        if p_more > p_most_pending or p_most_pending < p_more + (
            select count(*) from (
                select from runs
                where status = 'pending' and thread_id is distinct from p_superseded
                limit p_most_pending) as counted)
        then
            return 'queue_full';
        end if;
    end if;
    if p_most_pending_of_user is not null and p_user_id is not null then
        perform pg_advisory_xact_lock(hashtextextended(p_user_id, 1));
        if p_more > p_most_pending_of_user or p_most_pending_of_user < p_more + (
            select count(*) from (
                select from runs
                where status = 'pending' and user_id = p_user_id
                  and thread_id is distinct from p_superseded
                limit p_most_pending_of_user) as counted)
        then
            return 'user_queue_full';
        end if;
    end if;
    return null;
end $$;

-- Creates a run, a new_run_v2 as JSON. With p_worker, also claims it for that worker when nothing
-- stands before it.
-- outcome: created | claimed | thread_missing | busy (strategy reject; `other_run` is in the way) |
-- queue_full | user_queue_full.
-- An existing thread that does not contain one of p_visible (null: any does) is as if missing.
-- p_keep_seconds: see runs.keep_until; null without a key.
-- For strategies interrupt and rollback `other_run` is the running run that was asked to stop.
-- A run id that exists raises unique_violation, and nothing of it has happened.
-- create_run_v1 stays for processes of before, which may run beside us during a deploy.
create function create_run_v2(
    p_new jsonb, p_visible jsonb[],
    p_worker text, p_lease_seconds double precision,
    p_ttl_strategy text, p_ttl_minutes double precision,
    p_most_pending integer, p_most_pending_of_user integer, p_keep_seconds double precision,
    out outcome text, out other_run uuid, out run runs
)
language plpgsql as $$
declare
    asked new_run_v2 := jsonb_populate_record(null::new_run_v2, p_new);
    thread threads;
    made_here boolean := false;
    supersedes boolean := false;
    waits boolean := false;
    claims boolean := p_worker is not null and asked.delay_seconds <= 0;
begin
    if not asked.temporary then
        if asked.create_thread then
            insert into threads (thread_id, metadata, ttl_strategy, ttl_minutes)
            values (asked.thread_id, asked.metadata || asked.thread_metadata,
                    p_ttl_strategy, p_ttl_minutes)
            on conflict do nothing;
            made_here := found;
        end if;
        select * into thread from threads
        where thread_id = asked.thread_id
          and (made_here or p_visible is null or metadata @> any (p_visible))
        for update;
        if not found then
            outcome := 'thread_missing';
            return;
        end if;
        if thread.status = 'busy' and asked.multitask_strategy = 'reject' then
            outcome := 'busy';
            other_run := active_run_v1(thread.thread_id, thread.active_run);
            return;
        end if;
        supersedes := thread.status = 'busy'
            and asked.multitask_strategy in ('interrupt', 'rollback');
    end if;

    if p_most_pending is not null or p_most_pending_of_user is not null then
        outcome := queue_refuses_v1(
            1, asked.user_id, case when supersedes then asked.thread_id end,
            p_most_pending, p_most_pending_of_user);
        if outcome is not null then
            if made_here then
                delete from threads where thread_id = asked.thread_id;
            end if;
            return;
        end if;
    end if;

    if supersedes then
        other_run := supersede_runs_v1(
            asked.thread_id, asked.multitask_strategy, 'superseded by run ' || asked.run_id);
    end if;
    if thread.status = 'busy' then
        waits := asked.delay_seconds <= 0 and (thread.active_run is not null or exists (
            select from runs r
            where r.thread_id = asked.thread_id and r.status = 'pending' and r.run_after <= now()));
        claims := claims and not waits;
    end if;

    insert into runs (
        run_id, thread_id, temporary, assistant_id, graph_id, status, blocked, run_after,
        attempt, epoch, worker, lease_until, started_at,
        multitask_strategy, timeout_seconds, priority, concurrency_key, user_id, keep_until,
        kwargs, metadata)
    values (
        asked.run_id, asked.thread_id, asked.temporary, asked.assistant_id, asked.graph_id,
        case when claims then 'running' else 'pending' end, waits,
        now() + make_interval(secs => greatest(asked.delay_seconds, 0)),
        claims::int, case when claims then coalesce(thread.epoch, 0) + 1 else 0 end,
        case when claims then p_worker end,
        case when claims then now() + make_interval(secs => p_lease_seconds) end,
        case when claims then now() end,
        asked.multitask_strategy, asked.timeout_seconds, asked.priority, asked.concurrency_key,
        asked.user_id, now() + make_interval(secs => p_keep_seconds),
        case when asked.temporary then asked.kwargs else jsonb_set(
            asked.kwargs, '{config,configurable}',
            coalesce(thread.config -> 'configurable', '{}')
            || (asked.kwargs #> '{config,configurable}'))
        end,
        asked.assistant_metadata || coalesce(thread.metadata, '{}') || asked.metadata)
    returning * into run;

    if not asked.temporary then
        update threads
        set status = 'busy', updated_at = now(),
            metadata = metadata || asked.thread_metadata,
            config = config || asked.thread_config || jsonb_build_object(
                'configurable',
                coalesce(config -> 'configurable', '{}')
                || coalesce(asked.thread_config -> 'configurable', '{}')),
            active_run = case when claims then asked.run_id else active_run end,
            epoch = epoch + claims::int
        where thread_id = asked.thread_id;
    end if;
    outcome := case when claims then 'claimed' else 'created' end;
end $$;

-- Creates a run, or several stateless ones of one user: all or none, and with a key only once.
-- One row for each, in the order asked for; outcomes are those of create_run_v2, and with a key also
-- repeated (the run that the key stands for, as it is now) | gone (that run, `other_run`, was deleted
-- or may no longer be seen). One row without a run: a refusal, or key_reused (by another request).
create function create_runs_v2(
    p_new jsonb[], p_visible jsonb[],
    p_worker text, p_lease_seconds double precision,
    p_ttl_strategy text, p_ttl_minutes double precision,
    p_most_pending integer, p_most_pending_of_user integer,
    p_key text, p_fingerprint bytea, p_key_seconds double precision
) returns table (outcome text, other_run uuid, run runs)
language plpgsql as $$
declare
    caller text := p_new[1] ->> 'user_id';
    alone boolean := cardinality(p_new) = 1;
    bound run_keys;
    asked jsonb;
    made record;
begin
    if p_key is not null then
        -- who comes second with a key waits here until the first one's transaction is over
        insert into run_keys as k (user_id, key, fingerprint, run_ids, expires_at)
        values (coalesce(caller, ''), p_key, p_fingerprint,
                array(select (n ->> 'run_id')::uuid from unnest(p_new) n),
                now() + make_interval(secs => p_key_seconds))
        on conflict (user_id, key) do update
        set fingerprint = excluded.fingerprint, run_ids = excluded.run_ids,
            expires_at = excluded.expires_at
        where k.expires_at <= now();
        if not found then
            select * into bound from run_keys k
            where k.user_id = coalesce(caller, '') and k.key = p_key;
            if bound.fingerprint <> p_fingerprint then
                outcome := 'key_reused';
                return next;
                return;
            end if;
            return query
                select case when r.run_id is null then 'gone' else 'repeated' end, of_key.run_id, r
                from unnest(bound.run_ids) with ordinality as of_key (run_id, place)
                left join runs r on r.run_id = of_key.run_id and (p_visible is null or
                    case when r.temporary then r.metadata @> any (p_visible)
                         else exists (select from threads t where t.thread_id = r.thread_id
                                      and t.metadata @> any (p_visible)) end)
                order by place;
            return;
        end if;
    end if;

    if not alone then
        outcome := queue_refuses_v1(
            cardinality(p_new), caller, null, p_most_pending, p_most_pending_of_user);
        if outcome is not null then
            return next;
        end if;
    end if;
    if outcome is null then
        foreach asked in array p_new loop
            select * into made from create_run_v2(
                asked, p_visible, p_worker, p_lease_seconds, p_ttl_strategy, p_ttl_minutes,
                case when alone then p_most_pending end,
                case when alone then p_most_pending_of_user end, p_key_seconds);
            outcome := made.outcome;
            other_run := made.other_run;
            run := made.run;
            return next;
        end loop;
    end if;
    if run.run_id is null and p_key is not null then
        delete from run_keys k where k.user_id = coalesce(caller, '') and k.key = p_key;
    end if;
end $$;
