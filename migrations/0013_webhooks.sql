-- Webhooks: what is to be told when a run ends. Written by the very transaction that ends the run,
-- whoever does it and however, so that no death of a process loses one.

alter table runs
    add column webhook text generated always as (kwargs ->> 'webhook') stored;

create table webhook_deliveries (
    delivery_id  uuid primary key,
    run_id       uuid        not null,
    thread_id    uuid        not null,
    -- of the thread, or of a stateless run: decides who may see it
    metadata     jsonb       not null,
    url          text        not null,
    payload      jsonb       not null,
    status       text        not null default 'pending'
                 check (status in ('pending', 'delivered', 'failed')),
    -- since it was last asked for; also fences the answer of an attempt that took too long
    attempts     integer     not null default 0,
    log          jsonb       not null default '[]',
    created_at   timestamptz not null default now(),
    -- null: no more
    next_attempt timestamptz default now()
);
create index webhook_deliveries_due on webhook_deliveries (next_attempt)
    where status = 'pending';
create index webhook_deliveries_by_run on webhook_deliveries (run_id);
create index webhook_deliveries_by_age on webhook_deliveries (created_at desc, delivery_id);
create index webhook_deliveries_by_thread on webhook_deliveries (thread_id);
create index webhook_deliveries_by_metadata on webhook_deliveries
    using gin (metadata jsonb_path_ops);

-- A uuid7 of now: ids sort by time.
create function new_uuid7_v1() returns uuid
language sql volatile as $$
    select encode(
        set_bit(set_bit(overlay(
            uuid_send(gen_random_uuid())
            placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
            from 1 for 6), 52, 1), 53, 1), 'hex')::uuid;
$$;

-- The end of a run, as its webhook tells it. Deferred to the commit, when the thread's row says what
-- the run has left there.
create function record_webhook_v1() returns trigger
language plpgsql as $$
declare
    ended runs := old;
    outcome text := 'rollback';
    thread threads;
begin
    if tg_op = 'UPDATE' then
        ended := new;
        outcome := new.status;
    end if;
    if not ended.temporary then
        select * into thread from threads where thread_id = ended.thread_id;
        if not found then
            -- deleted with its thread: there is nobody left to tell of it
            return null;
        end if;
    end if;
    insert into webhook_deliveries (delivery_id, run_id, thread_id, metadata, url, payload)
    values (
        new_uuid7_v1(), ended.run_id, ended.thread_id,
        case when ended.temporary then ended.metadata else thread.metadata end,
        ended.webhook,
        jsonb_build_object(
            'run_id', ended.run_id,
            'thread_id', ended.thread_id,
            'assistant_id', ended.assistant_id,
            'status', outcome,
            'metadata', ended.metadata,
            'kwargs', ended.kwargs,
            'multitask_strategy', ended.multitask_strategy,
            'attempt', ended.attempt,
            'error', ended.error,
            'created_at', ended.created_at,
            'updated_at', ended.updated_at,
            'run_started_at', ended.started_at,
            'run_ended_at', coalesce(ended.ended_at, now()),
            'values', case when ended.temporary then ended.result::jsonb else thread."values" end));
    return null;
end $$;

create constraint trigger webhook_of_an_ended_run
    after update of status on runs deferrable initially deferred
    for each row when (
        new.webhook is not null
        and old.status in ('pending', 'running') and new.status not in ('pending', 'running'))
    execute function record_webhook_v1();

create constraint trigger webhook_of_a_rolled_back_run
    after delete on runs deferrable initially deferred
    for each row when (old.webhook is not null and old.status in ('pending', 'running'))
    execute function record_webhook_v1();
