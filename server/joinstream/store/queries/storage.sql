-- What everything takes, and what the next sweep would remove. These read whole tables: they are
-- for people at a terminal.

-- name: exists
select to_regclass($1) is not null;

-- name: table
-- Rows, and bytes on disk with indexes and out-of-line values.
select count(*) as rows, pg_total_relation_size('{table}') as bytes from {table};

-- name: biggest
-- The threads with the most bytes as serialised. Status is null for threads that graphs made
-- themselves, which have no row.
select thread_id, t.status, t.updated_at, s.checkpoints, s.bytes
from (
    select thread_id, sum(checkpoints)::bigint as checkpoints, sum(bytes)::bigint as bytes
    from (
        select thread_id, count(*) as checkpoints,
            sum(octet_length(body) + octet_length(metadata::text)) as bytes
        from checkpoints group by thread_id
        union all
        select thread_id, 0, sum(octet_length(data)) from checkpoint_parts group by thread_id
        union all
        select thread_id, 0, coalesce(sum(octet_length(data)), 0)
        from checkpoint_writes group by thread_id
    ) as sections
    group by thread_id
    order by bytes desc, thread_id
    limit $1
) as s
left join threads t using (thread_id)
order by s.bytes desc, thread_id;

-- name: due
-- Threads that a sweep would end, and the checkpoints that would go with them; $1 is how many
-- newest ones each thread keeps, null: all. Each thread is counted under one heading.
with counted as (
    select thread_id, checkpoint_ns, count(*) as checkpoints
    from checkpoints group by thread_id, checkpoint_ns
),
ending as (
    select thread_id, ttl_strategy from threads where {expired}
),
thinned as (
    select distinct thread_id from counted join threads t using (thread_id)
    where checkpoint_ns = '' and checkpoints > $1::int and t.status <> 'busy'
        and thread_id not in (select thread_id from ending)
)
select 'delete' as action, count(distinct e.thread_id) as threads,
    coalesce(sum(c.checkpoints), 0)::bigint as checkpoints
from ending e left join counted c using (thread_id) where e.ttl_strategy = 'delete'
union all
select 'keep_latest', count(distinct e.thread_id),
    coalesce(sum(c.checkpoints - 1), 0)::bigint
from ending e left join counted c using (thread_id) where e.ttl_strategy = 'keep_latest'
union all
select 'thin_out', count(distinct thread_id), coalesce(sum(greatest(checkpoints - $1, 0)), 0)::bigint
from thinned join counted using (thread_id);
