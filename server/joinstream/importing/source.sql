-- Reads the tables of langgraph-checkpoint-postgres.

-- name: enter_schema
-- For this transaction only, which also works behind a pooler.
select set_config('search_path', quote_ident($1), true);

-- name: columns
-- What a schema has of the columns that are read.
select table_name || '.' || column_name as name from information_schema.columns
where table_schema = $1 and table_name in ('checkpoints', 'checkpoint_blobs', 'checkpoint_writes');

-- name: count
select count(distinct thread_id) from checkpoints;

-- name: threads
-- The next $2 threads after one. The version changes with whatever is added to a thread; a write
-- may also be replaced, which shows in the bytes.
select t.thread_id,
    concat_ws(' ', t.checkpoints, t.latest, w.count, w.bytes) as version
from (
    select thread_id, count(*) as checkpoints, max(checkpoint_id) as latest
    from checkpoints where thread_id > $1
    group by thread_id order by thread_id limit $2
) as t
cross join lateral (
    select count(*), sum(octet_length(blob)) as bytes
    from checkpoint_writes w where w.thread_id = t.thread_id
) as w
order by t.thread_id;

-- name: checkpoints
-- The next $4 checkpoints of a thread, oldest first.
select checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata
from checkpoints
where thread_id = $1 and (checkpoint_id, checkpoint_ns) > ($2, $3)
order by checkpoint_id, checkpoint_ns
limit $4;

-- name: heads
-- The next $3 namespaces' newest checkpoints.
select distinct on (checkpoint_ns)
    checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata
from checkpoints
where thread_id = $1 and ($2::text is null or checkpoint_ns > $2)
order by checkpoint_ns, checkpoint_id desc
limit $3;

-- name: blobs
select b.checkpoint_ns, b.channel, b.version, b.type, b.blob
from unnest($2::text[], $3::text[], $4::text[]) as wanted (checkpoint_ns, channel, version)
join checkpoint_blobs b using (checkpoint_ns, channel, version)
where b.thread_id = $1 and b.type <> 'empty';

-- name: writes
select w.checkpoint_ns, w.checkpoint_id, w.task_id, w.task_path, w.idx, w.channel, w.type, w.blob
from unnest($2::text[], $3::text[]) as wanted (checkpoint_ns, checkpoint_id)
join checkpoint_writes w using (checkpoint_ns, checkpoint_id)
where w.thread_id = $1;

-- name: outline
-- The newest metadata of a thread's root graph, when the thread was used first and last, and how
-- much there is of it. Writes without a checkpoint are left-overs of a run that died.
select
    (
        select metadata from checkpoints where thread_id = $1 and checkpoint_ns = ''
        order by checkpoint_id desc limit 1
    ) as metadata,
    min(checkpoint ->> 'ts') as began, max(checkpoint ->> 'ts') as ended,
    count(*) as checkpoints,
    (
        select count(*) from checkpoint_writes w
        where thread_id = $1 and exists (
            select from checkpoints c
            where c.thread_id = w.thread_id and c.checkpoint_ns = w.checkpoint_ns
                and c.checkpoint_id = w.checkpoint_id
        )
    ) as writes
from checkpoints where thread_id = $1;
