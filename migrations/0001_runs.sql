-- Assistants, threads and the run queue.
-- Lock order everywhere: thread row first, then its runs; a claim skips what is locked and never waits.

create table assistants (
    assistant_id uuid primary key,
    graph_id     text        not null,
    name         text        not null,
    description  text,
    config       jsonb       not null default '{}',
    context      jsonb       not null default '{}',
    metadata     jsonb       not null default '{}',
    version      integer     not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now()
);
create index assistants_by_graph on assistants (graph_id);
create index assistants_by_metadata on assistants using gin (metadata jsonb_path_ops);

create table threads (
    thread_id        uuid primary key,
    status           text        not null default 'idle'
                     check (status in ('idle', 'busy', 'interrupted', 'error')),
    -- claim counter: raised by every claim of a run of this thread; fences writers, orders events
    epoch            bigint      not null default 0,
    -- the run that executes now; at most one, so two runs of a thread never execute at once
    active_run       uuid,
    metadata         jsonb       not null default '{}',
    config           jsonb       not null default '{}',
    "values"         jsonb,
    interrupts       jsonb       not null default '{}',
    error            jsonb,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    state_updated_at timestamptz not null default now()
);
create index threads_by_created on threads (created_at desc, thread_id);
create index threads_by_updated on threads (updated_at desc, thread_id);
create index threads_by_status on threads (status, updated_at desc);
create index threads_by_metadata on threads using gin (metadata jsonb_path_ops);

create table runs (
    run_id             uuid primary key,
    -- a temporary (stateless) run has a thread id of its own but no thread row
    thread_id          uuid        not null,
    temporary          boolean     not null,
    assistant_id       uuid        not null,
    graph_id           text        not null,
    status             text        not null default 'pending'
                       check (status in ('pending', 'running', 'success', 'error', 'timeout', 'interrupted')),
    -- behind another active run of its thread: not claimable until that one ends
    blocked            boolean     not null default false,
    priority           integer     not null default 0,
    run_after          timestamptz not null default now(),
    attempt            integer     not null default 0,
    -- the thread's claim counter at this run's latest claim: the fence of every write about the run
    epoch              bigint      not null default 0,
    worker             text,
    lease_until        timestamptz,
    cancel_action      text        check (cancel_action in ('interrupt', 'rollback')),
    cancel_reason      text,
    multitask_strategy text        not null default 'enqueue',
    kwargs             jsonb       not null,
    metadata           jsonb       not null default '{}',
    -- json, not jsonb: sent back to clients exactly as it was encoded
    result             json,
    error              jsonb,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    started_at         timestamptz,
    ended_at           timestamptz
);
create index runs_claimable on runs (priority desc, run_after, run_id)
    where status = 'pending' and not blocked;
create index runs_leased on runs (lease_until) where status = 'running';
create index runs_by_thread on runs (thread_id, created_at desc);
create index runs_active_by_thread on runs (thread_id, run_after, run_id)
    where status in ('pending', 'running');
create index runs_temporary_ended on runs (ended_at) where temporary and ended_at is not null;
create index runs_with_result on runs (ended_at) where result is not null;
