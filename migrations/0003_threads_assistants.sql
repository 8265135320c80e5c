-- Versions of assistants, time to live of threads.

-- the highest version ever made; assistants.version may have been set back to an older one
alter table assistants add column last_version integer not null default 1;

create table assistant_versions (
    assistant_id uuid        not null references assistants on delete cascade,
    version      integer     not null,
    graph_id     text        not null,
    name         text        not null,
    description  text,
    config       jsonb       not null,
    context      jsonb       not null,
    metadata     jsonb       not null,
    created_at   timestamptz not null default now(),
    primary key (assistant_id, version)
);

-- A deleted thread may be made again under the same id, and its event ids have to go on rising:
-- readers and the event log take a lower id for a repetition. So the claim counter starts at a
-- time (ms) and not at zero.
alter table threads alter column epoch
    set default (extract(epoch from clock_timestamp()) * 1000)::bigint;

alter table threads
    add column ttl_minutes  double precision check (ttl_minutes > 0),
    add column ttl_strategy text check (ttl_strategy in ('delete', 'keep_latest')),
    -- when keep_latest was last carried out
    add column pruned_at    timestamptz;
create index threads_with_ttl on threads (updated_at) where ttl_minutes is not null;
