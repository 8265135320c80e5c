-- Checkpoints of graphs. The layout is explained in server/joinstream/checkpoint/__init__.py.

create table checkpoints (
    thread_id            uuid   not null,
    checkpoint_ns        text   collate "C" not null,
    checkpoint_id        uuid   not null,
    parent_checkpoint_id uuid,
    -- the parts that hold the larger channel values: log, first, last, log, first, last, …
    part_runs            bigint[] not null,
    -- the checkpoint without its larger values, serialised
    type                 text   not null,
    body                 bytea  not null,
    metadata             jsonb  not null,
    primary key (thread_id, checkpoint_ns, checkpoint_id)
);

-- Serialised values, or runs of list items, in the order in which a log got them.
create table checkpoint_parts (
    thread_id uuid    not null,
    log       bigint  not null,
    seq       integer not null,
    type      text    not null,
    data      bytea   not null,
    primary key (thread_id, log, seq)
);

-- What the tasks of a superstep wrote, until and after the next checkpoint holds it.
create table checkpoint_writes (
    thread_id     uuid    not null,
    checkpoint_ns text    collate "C" not null,
    checkpoint_id uuid    not null,
    task_id       uuid    not null,
    idx           integer not null,
    task_path     text    not null,
    channel       text    not null,
    -- the run that wrote it; null for a state update
    run_id        uuid,
    -- the value is the only item of what is stored
    single        boolean not null,
    -- the value itself, or the part that holds it
    type          text,
    data          bytea,
    log           bigint,
    seq           integer,
    primary key (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);
