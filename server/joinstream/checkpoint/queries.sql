-- name: persist
-- Store writes, at most one checkpoint, and that checkpoint's new parts; all of it or nothing.
-- permitted: the run is still this attempt's ($1 null: no run). The share lock makes a claim wait
--   for this statement, or this statement see the claim.
-- based: the checkpoint whose parts the new one reuses still exists, and will until we commit.
-- complete: none of the parts' places was taken by somebody else.
with mine as (
    select from runs where run_id = $1 and epoch = $2 and status = 'running' for share
),
permitted as materialized (
    select where $1::uuid is null or exists (select from mine)
),
base as (
    select from checkpoints
    where thread_id = $3::uuid and checkpoint_ns = $4::text and checkpoint_id = $5::uuid
    for key share
),
based as materialized (
    select from permitted where $5::uuid is null or exists (select from base)
),
parted as (
    insert into checkpoint_parts (thread_id, log, seq, type, data)
    select $3, p.log, p.seq, p.type, p.data
    from based, unnest($6::bigint[], $7::integer[], $8::text[], $9::bytea[])
        as p (log, seq, type, data)
    on conflict do nothing
    returning 1
),
complete as materialized (
    select from based where (select count(*) from parted) = coalesce(cardinality($6::bigint[]), 0)
),
saved as (
    insert into checkpoints (
        thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, part_runs, type, body,
        metadata
    )
    select $3, $4, $10::uuid, $11::uuid, $12::bigint[], $13::text, $14::bytea, $15::jsonb
    from complete where $10::uuid is not null
    on conflict (thread_id, checkpoint_ns, checkpoint_id) do update
    set parent_checkpoint_id = excluded.parent_checkpoint_id, part_runs = excluded.part_runs,
        type = excluded.type, body = excluded.body, metadata = excluded.metadata
),
written as (
    insert into checkpoint_writes (
        thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, run_id,
        single, type, data, log, seq
    )
    select w.thread_id, w.checkpoint_ns, w.checkpoint_id, w.task_id, w.idx, w.task_path, w.channel,
        $1, w.single, w.type, w.data, w.log, w.seq
    from complete, unnest(
        $16::uuid[], $17::text[], $18::uuid[], $19::uuid[], $20::integer[], $21::text[],
        $22::text[], $23::boolean[], $24::text[], $25::bytea[], $26::bigint[], $27::integer[]
    ) as w (
        thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path,
        channel, single, type, data, log, seq
    )
    on conflict (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) do update
    set task_path = excluded.task_path, channel = excluded.channel, run_id = excluded.run_id,
        single = excluded.single, type = excluded.type, data = excluded.data,
        log = excluded.log, seq = excluded.seq
    where excluded.idx < 0
)
select
    exists (select from permitted) as permitted,
    exists (select from based) as based,
    exists (select from complete) as complete;

-- name: newest
-- The newest checkpoint at or below an id (null: of all); a part of `contents`.
select *
from checkpoints
where thread_id = $1::uuid and checkpoint_ns = $2::text
    and checkpoint_id <= coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
order by checkpoint_id desc
limit 1;

-- name: page
-- Checkpoints below a position, newest first; a part of `contents`. Each condition may be null.
-- The bounds repeat other conditions in a form that an index can use.
select *
from checkpoints c
where {scope}
    and checkpoint_id >= coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
    and checkpoint_id <= coalesce($3, $5::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    and checkpoint_id <= coalesce($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    and ($4 is null or checkpoint_id < $4)
    and (
        $5 is null
        or (checkpoint_id, thread_id, checkpoint_ns) < ($5, $6::uuid, $7::text collate "C")
    )
    and not exists (
        select from jsonb_each($8::jsonb) as wanted
        where coalesce(c.metadata -> wanted.key, 'null') <> wanted.value
    )
order by checkpoint_id desc, thread_id desc, checkpoint_ns desc
limit $9;

-- name: in_namespace
-- A scope of `page`.
thread_id = $1::uuid and checkpoint_ns = $2::text;

-- name: in_thread
-- A scope of `page`.
thread_id = $1::uuid and $2::text is null;

-- name: anywhere
-- A scope of `page`.
$1::uuid is null and $2::text is null;

-- name: contents
-- Some checkpoints with their pending writes and, on the first row, the parts of all of them.
-- The planner cannot know how few runs there are: `offset 0` keeps it to one index scan a run.
-- (Runs are unnested with their ordinality because it expects a thousand of `generate_series`.)
with page as materialized ({checkpoints}),
numbered as (
    select *, row_number() over (
        order by checkpoint_id desc, thread_id desc, checkpoint_ns desc
    ) as number
    from page
),
stretches as (
    select thread_id, log,
        unnest(range_agg(int8range(part_runs[i + 1], part_runs[i + 2], '[]'))) as seqs
    from page, unnest(part_runs) with ordinality as run (log, i)
    where i % 3 = 1
    group by thread_id, log
),
parts as materialized (
    select
        array_agg(p.log) as part_logs, array_agg(p.seq) as part_seqs,
        array_agg(p.type) as part_types, array_agg(p.data) as part_datas
    from stretches s cross join lateral (
        select * from checkpoint_parts p
        where p.thread_id = s.thread_id and p.log = s.log
            and p.seq >= lower(s.seqs) and p.seq < upper(s.seqs)
        offset 0
    ) p
)
select
    c.thread_id::text, c.checkpoint_ns, c.checkpoint_id::text, c.parent_checkpoint_id::text,
    c.part_runs, c.type, c.body, c.metadata, w.*, p.*,
    not exists (
        select from checkpoints newer
        where newer.thread_id = c.thread_id and newer.checkpoint_ns = c.checkpoint_ns
            and newer.checkpoint_id > c.checkpoint_id
    ) as newest
from numbered c
cross join lateral (
    select
        array_agg(w.task_id::text) as task_ids, array_agg(w.idx) as idxs,
        array_agg(w.task_path) as task_paths, array_agg(w.channel) as channels,
        array_agg(w.single) as singles,
        array_agg(coalesce(w.type, p.type)) as types, array_agg(coalesce(w.data, p.data)) as datas
    from checkpoint_writes w
    left join checkpoint_parts p on p.thread_id = w.thread_id and p.log = w.log and p.seq = w.seq
    where w.thread_id = c.thread_id and w.checkpoint_ns = c.checkpoint_ns
        and w.checkpoint_id = c.checkpoint_id
) w
left join parts p on c.number = 1
order by c.number;

-- name: ancestors
-- The parent of a checkpoint, its parent, and so on, nearest first, without their parts' contents.
with recursive chain as (
    select c.*, 1 as distance
    from checkpoints target join checkpoints c
        on c.thread_id = target.thread_id and c.checkpoint_ns = target.checkpoint_ns
        and c.checkpoint_id = target.parent_checkpoint_id
    where target.thread_id = $1 and target.checkpoint_ns = $2 and target.checkpoint_id = $3
    union all
    select c.*, child.distance + 1
    from chain child join checkpoints c
        on c.thread_id = child.thread_id and c.checkpoint_ns = child.checkpoint_ns
        and c.checkpoint_id = child.parent_checkpoint_id
    where child.distance < $4
)
select checkpoint_id::text, part_runs, type, body from chain order by distance;

-- name: history
-- What was written to some channels at some checkpoints, and the parts on a list of runs.
with written as (
    select
        array_agg(w.checkpoint_id::text) as checkpoint_ids, array_agg(w.task_id::text) as task_ids,
        array_agg(w.idx) as idxs, array_agg(w.task_path) as task_paths,
        array_agg(w.channel) as channels, array_agg(w.single) as singles,
        array_agg(coalesce(w.type, p.type)) as types, array_agg(coalesce(w.data, p.data)) as datas
    from checkpoint_writes w
    left join checkpoint_parts p on p.thread_id = w.thread_id and p.log = w.log and p.seq = w.seq
    where w.thread_id = $1 and w.checkpoint_ns = $2 and w.checkpoint_id = any ($3::uuid[])
        and w.channel = any ($4::text[])
),
parts as (
    select
        array_agg(p.log) as part_logs, array_agg(p.seq) as part_seqs,
        array_agg(p.type) as part_types, array_agg(p.data) as part_datas
    from unnest($5::bigint[]) with ordinality as run (log, i) cross join lateral (
        select * from checkpoint_parts p
        where i % 3 = 1 and p.thread_id = $1 and p.log = run.log
            and p.seq >= ($5::bigint[])[i + 1] and p.seq <= ($5::bigint[])[i + 2]
        offset 0
    ) p
)
select * from written, parts;

-- name: has_checkpoint
-- A row if the root namespace has the checkpoint.
select from checkpoints where thread_id = $1 and checkpoint_ns = '' and checkpoint_id = $2;

-- name: has_checkpoint_of_run
-- A row if the run has a checkpoint in the root namespace.
select from checkpoints
where thread_id = $1 and checkpoint_ns = '' and metadata ->> 'run_id' = $2
limit 1;

-- name: lock_run
-- A row if the run is still this attempt's; it stays so until the transaction ends.
select from runs where run_id = $1 and epoch = $2 and status = 'running' for share;

-- name: lock_runs
-- Waits for statements under way that store something on behalf of these runs.
select from runs where run_id::text = any ($1::text[]) for no key update;

-- name: delete_threads
-- Everything these threads have.
with parts as (
    delete from checkpoint_parts where thread_id = any ($1::uuid[])
),
writes as (
    delete from checkpoint_writes where thread_id = any ($1)
)
delete from checkpoints where thread_id = any ($1);

-- name: delete_runs
-- The checkpoints these runs made, with all their writes, and the writes they made elsewhere.
-- Returns the threads that lost something.
with made as (
    delete from checkpoints
    where {scope} and metadata ->> 'run_id' = any ($2::text[])
    returning thread_id, checkpoint_ns, checkpoint_id
),
written as (
    delete from checkpoint_writes w
    where {scope} and (
        run_id::text = any ($2::text[])
        or exists (
            select from made
            where made.thread_id = w.thread_id and made.checkpoint_ns = w.checkpoint_ns
                and made.checkpoint_id = w.checkpoint_id
        )
    )
    returning thread_id
)
select thread_id from made union select thread_id from written;

-- name: of_thread
-- A scope of `delete_runs`.
thread_id = $1::uuid;

-- name: of_any_thread
-- A scope of `delete_runs`, which then looks at all there is.
$1::uuid is null;

-- name: heads
-- The newest $2 checkpoints of each of a thread's namespaces, and the delta channels each depends on.
select
    checkpoint_ns, checkpoint_id::text,
    array(
        select jsonb_object_keys(coalesce(metadata -> 'counters_since_delta_snapshot', '{}'))
    ) as delta_channels
from (
    select *, row_number() over (partition by checkpoint_ns order by checkpoint_id desc) as place
    from checkpoints where thread_id = $1
) as c
where place <= $2
order by checkpoint_ns, place;

-- name: keep_only
-- Delete a thread's checkpoints but those listed (namespaces, ids), with their writes. With a
-- checkpoint of the root go the calls of subgraphs made from it, whose namespaces hold a colon.
with kept as (
    select * from unnest($2::text[], $3::uuid[]) as k (checkpoint_ns, checkpoint_id)
),
dropped_roots as (
    select checkpoint_id::text from checkpoints c
    where thread_id = $1 and checkpoint_ns = ''
        and not exists (
            select from kept k where k.checkpoint_ns = '' and k.checkpoint_id = c.checkpoint_id
        )
),
dropped_calls as (
    select distinct c.checkpoint_ns from checkpoints c join kept k using (checkpoint_ns, checkpoint_id)
    where c.thread_id = $1 and c.checkpoint_ns like '%:%'
        and c.metadata -> 'parents' ->> '' in (select * from dropped_roots)
),
dropped as (
    delete from checkpoints c
    where thread_id = $1 and (
        checkpoint_ns in (select * from dropped_calls)
        or not exists (
            select from kept k
            where k.checkpoint_ns = c.checkpoint_ns and k.checkpoint_id = c.checkpoint_id
        )
    )
    returning checkpoint_ns, checkpoint_id
),
written as (
    delete from checkpoint_writes w using dropped d
    where w.thread_id = $1 and w.checkpoint_ns = d.checkpoint_ns
        and w.checkpoint_id = d.checkpoint_id
)
update checkpoints c set parent_checkpoint_id = null
where thread_id = $1 and parent_checkpoint_id is not null
    and not exists (
        select from kept k
        where k.checkpoint_ns = c.checkpoint_ns and k.checkpoint_id = c.parent_checkpoint_id
    )
    and not exists (
        select from dropped d
        where d.checkpoint_ns = c.checkpoint_ns and d.checkpoint_id = c.checkpoint_id
    );

-- name: delete_unused_parts
-- A statement of its own, after the deletion of checkpoints: it must see what was saved meanwhile.
with used as (
    select thread_id, log, int8range(part_runs[i + 1], part_runs[i + 2], '[]') as seqs
    from checkpoints, unnest(part_runs) with ordinality as run (log, i)
    where thread_id = any ($1::uuid[]) and i % 3 = 1
    union all
    select thread_id, log, int8range(seq, seq, '[]')
    from checkpoint_writes where thread_id = any ($1) and log is not null
),
stretches as (
    select thread_id, log, range_agg(seqs) as seqs from used group by thread_id, log
)
delete from checkpoint_parts p
where thread_id = any ($1) and not exists (
    select from stretches s
    where s.thread_id = p.thread_id and s.log = p.log and s.seqs @> p.seq::bigint
);

-- name: copy_thread
-- $3 gives the copy's logs ids of their own, since both threads may go on in them.
with parts as (
    insert into checkpoint_parts (thread_id, log, seq, type, data)
    select $2::uuid, log # $3::bigint, seq, type, data
    from checkpoint_parts where thread_id = $1::uuid
),
writes as (
    insert into checkpoint_writes
    select $2, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, run_id, single,
        type, data, log # $3, seq
    from checkpoint_writes where thread_id = $1
)
insert into checkpoints
select $2, checkpoint_ns, checkpoint_id, parent_checkpoint_id,
    array(
        select case when place % 3 = 1 then number # $3 else number end
        from unnest(part_runs) with ordinality as n (number, place)
        order by place
    ),
    type, body, metadata
from checkpoints where thread_id = $1;
