-- Runs on a schedule. A cron goes with its assistant and with its thread.

create table crons (
    cron_id          uuid primary key,
    assistant_id     uuid        not null references assistants on delete cascade,
    -- null: each firing is a stateless run
    thread_id        uuid        references threads on delete cascade,
    -- the identity of whoever created it, and what its runs hold of them; null without auth
    user_id          text,
    caller           jsonb       not null default '{}',
    schedule         text        not null,
    timezone         text,
    end_time         timestamptz,
    enabled          boolean     not null default true,
    on_run_completed text        not null default 'delete' check (on_run_completed in ('delete', 'keep')),
    -- after a time in which nothing could fire: one run for all that was missed, or none
    catch_up         text        not null default 'one' check (catch_up in ('one', 'skip')),
    payload          jsonb       not null,
    metadata         jsonb       not null default '{}',
    -- null: it will not fire again
    next_run_date    timestamptz,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now()
);
create index crons_due on crons (next_run_date) where enabled and next_run_date is not null;
create index crons_by_created on crons (created_at desc, cron_id);
create index crons_by_assistant on crons (assistant_id);
create index crons_by_thread on crons (thread_id) where thread_id is not null;
create index crons_by_metadata on crons using gin (metadata jsonb_path_ops);

-- What came of each time at which a cron was due. The key is why no time fires twice.
create table cron_firings (
    cron_id   uuid        not null references crons on delete cascade,
    slot      timestamptz not null,
    fired_at  timestamptz not null default now(),
    outcome   text        not null check (outcome in ('created', 'skipped', 'failed')),
    run_id    uuid,
    thread_id uuid,
    detail    text,
    primary key (cron_id, slot)
);
create index cron_firings_by_age on cron_firings (fired_at);
