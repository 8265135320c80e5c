-- name: persist
-- Store writes and at most one checkpoint, if the run is still this attempt's ($1 null: no run).
-- The share lock makes a claim wait for this statement, or this statement see the claim.
with mine as (
    select 1 from runs
    where run_id = $1 and epoch = $2 and status = 'running'
    for share
),
permitted as materialized (
    select where $1::uuid is null or exists (select from mine)
),
written as (
    insert into checkpoint_writes (
        thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, run_id, type, data
    )
    select w.thread_id, w.checkpoint_ns, w.checkpoint_id, w.task_id, w.idx, w.task_path, w.channel,
        $1, w.type, w.data
    from permitted, unnest(
        $3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::integer[], $8::text[], $9::text[],
        $10::text[], $11::bytea[]
    ) as w (
        thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, data
    )
    on conflict (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) do update
    set channel = excluded.channel, task_path = excluded.task_path, run_id = excluded.run_id,
        type = excluded.type, data = excluded.data
    where excluded.idx < 0
),
saved as (
    insert into checkpoints (
        thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, part_runs, type, body,
        metadata
    )
    select $12::uuid, $13::text, $14::uuid, $15::uuid, '{}', $16::text, $17::bytea, $18::jsonb
    from permitted where $14::uuid is not null
    on conflict (thread_id, checkpoint_ns, checkpoint_id) do update
    set parent_checkpoint_id = excluded.parent_checkpoint_id, part_runs = excluded.part_runs,
        type = excluded.type, body = excluded.body, metadata = excluded.metadata
)
select exists (select from permitted);

-- name: read
-- The newest checkpoint at or below an id (null: of all), with its pending writes.
with head as (
    select * from checkpoints
    where thread_id = $1 and checkpoint_ns = $2
        and checkpoint_id <= coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    order by checkpoint_id desc
    limit 1
)
select h.*, w.*
from head h cross join lateral (
    select
        array_agg(w.task_id) as task_ids, array_agg(w.idx) as idxs,
        array_agg(w.task_path) as task_paths, array_agg(w.channel) as channels,
        array_agg(w.type) as types, array_agg(w.data) as datas
    from checkpoint_writes w
    where w.thread_id = h.thread_id and w.checkpoint_ns = h.checkpoint_ns
        and w.checkpoint_id = h.checkpoint_id
) w;

-- name: list
-- Newest first, with pending writes. Every condition but the limit may be null.
select c.*, w.*
from (
    select * from checkpoints c
    where ($1::uuid is null or thread_id = $1)
        and ($2::text is null or checkpoint_ns = $2)
        and ($3::uuid is null or checkpoint_id = $3)
        and ($4::uuid is null or checkpoint_id < $4)
        and not exists (
            select from jsonb_each($5::jsonb) as wanted
            where coalesce(c.metadata -> wanted.key, 'null') <> wanted.value
        )
    order by checkpoint_id desc
    limit $6
) c cross join lateral (
    select
        array_agg(w.task_id) as task_ids, array_agg(w.idx) as idxs,
        array_agg(w.task_path) as task_paths, array_agg(w.channel) as channels,
        array_agg(w.type) as types, array_agg(w.data) as datas
    from checkpoint_writes w
    where w.thread_id = c.thread_id and w.checkpoint_ns = c.checkpoint_ns
        and w.checkpoint_id = c.checkpoint_id
) w
order by c.checkpoint_id desc;

-- name: has_checkpoint_of_run
select exists (
    select from checkpoints
    where thread_id = $1 and checkpoint_ns = '' and metadata ->> 'run_id' = $2
);

-- name: delete_threads
-- Everything these threads have.
with mine as (
    select 1 from runs
    where run_id = $1 and epoch = $2 and status = 'running'
    for share
),
permitted as materialized (
    select where $1::uuid is null or exists (select from mine)
),
unwritten as (
    delete from checkpoint_writes where thread_id = any ($3) and exists (select from permitted)
),
emptied as (
    delete from checkpoint_parts where thread_id = any ($3) and exists (select from permitted)
),
forgotten as (
    delete from checkpoints where thread_id = any ($3) and exists (select from permitted)
)
select exists (select from permitted);

-- name: delete_runs
-- The checkpoints these runs made, with all their writes, and the writes they made elsewhere.
with mine as (
    select 1 from runs
    where run_id = $1 and epoch = $2 and status = 'running'
    for share
),
permitted as materialized (
    select where $1::uuid is null or exists (select from mine)
),
forgotten as (
    delete from checkpoints
    where ($3::uuid is null or thread_id = $3) and metadata ->> 'run_id' = any ($4::text[])
        and exists (select from permitted)
    returning thread_id, checkpoint_ns, checkpoint_id
),
unwritten as (
    delete from checkpoint_writes w
    where ($3::uuid is null or thread_id = $3) and exists (select from permitted) and (
        run_id::text = any ($4::text[])
        or (thread_id, checkpoint_ns, checkpoint_id) in (select * from forgotten)
    )
)
select exists (select from permitted);

-- name: copy_checkpoints
insert into checkpoints
select $2::uuid, checkpoint_ns, checkpoint_id, parent_checkpoint_id, part_runs, type, body, metadata
from checkpoints where thread_id = $1::uuid;

-- name: copy_writes
insert into checkpoint_writes
select $2::uuid, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, run_id, type, data,
    log, seq
from checkpoint_writes where thread_id = $1::uuid;

-- name: keep_latest
-- Delete all checkpoints but the newest of each namespace, with their writes.
with kept as (
    select distinct on (thread_id, checkpoint_ns) thread_id, checkpoint_ns, checkpoint_id
    from checkpoints where thread_id = any ($1::uuid[])
    order by thread_id, checkpoint_ns, checkpoint_id desc
),
unwritten as (
    delete from checkpoint_writes
    where thread_id = any ($1)
        and (thread_id, checkpoint_ns, checkpoint_id) not in (select * from kept)
)
delete from checkpoints
where thread_id = any ($1)
    and (thread_id, checkpoint_ns, checkpoint_id) not in (select * from kept);
