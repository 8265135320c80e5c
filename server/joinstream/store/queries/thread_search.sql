-- Searching for threads.

-- name: typed
-- Not a statement, like the next seven: what search and count ask for is put together from them.
-- Always true; tells Postgres the types of the arguments that no other condition uses.
(true or $1::jsonb[] is null or $2::jsonb is null or $3::uuid[] is null or $4::jsonb[] is null);

-- name: by_metadata
metadata @> any ($1);

-- name: by_terms
-- The same for one document: what an index of its own finds of the threads of some statuses.
metadata_terms_v1(metadata) @> metadata_terms_v1(($1)[1]);

-- name: by_values
"values" @> $2;

-- name: by_searchable_values
-- What an index finds of the same; there is none of values that are lists and objects all over.
searchable_values_v1("values") @> searchable_values_v1($2);

-- name: by_status
-- The status stands in the text: how many threads have it differs so much that it decides the plan.
status = '{status}';

-- name: by_ids
thread_id = any ($3);

-- name: by_caller
metadata @> any ($4);

-- name: search
-- One page. Large columns are read only when selected ($6); $7 lists what to extract.
-- The store fills in where to look, the condition and the order, what tells how much matches, the
-- limit, and the offset, unless where it looks is a page already.
select {matches} as matches,
       thread_id, created_at, updated_at, state_updated_at, metadata, status, error,
       case when status = 'busy' then active_run_v1(thread_id, active_run) end as active_run_id,
       case when 'config' = any ($6::text[]) then config end as config,
       case when 'values' = any ($6::text[]) then "values" end as "values",
       case when 'interrupts' = any ($6::text[]) then interrupts end as interrupts,
       (
           select jsonb_object_agg(e.alias, case e.root
               when 'values' then threads."values"
               when 'metadata' then threads.metadata
               when 'config' then threads.config
               when 'interrupts' then threads.interrupts end #> e.path)
           from jsonb_to_recordset($7::jsonb) as e (alias text, root text, path text[])
       ) as extracted
from {among}
order by {order} limit {limit} offset {offset};

-- name: in_order
-- Not a statement: where to look for a page whose condition and order one index serves.
threads where {matching};

-- name: few
-- Not a statement: finds whatever matches, and how much that is, unless there is too much of it.
-- Whole rows are read of the page alone.
(
    select count(*) as matches, (array_agg(thread_id order by {order}))[$5 + 1 : $5 + {limit}] as ids
    from (
        select thread_id, created_at, updated_at, state_updated_at, status
        from threads where {matching} limit $8
    ) as matching
) as page join threads on thread_id = any (ids);

-- name: first
-- Not a statement: looks at the first threads in the order, and no further.
(select * from threads where {served} order by {order} limit 1000) as threads where {compared};

-- name: counted
-- Not a statement: how much matches, where looking for the page does not tell.
(select count(*) from (select from threads where {matching} limit $8) as matching);

-- name: known
-- Not a statement: the same, when it is known to be too much to count.
$8::bigint;

-- name: matching_first
-- Not a statement: finds whatever matches, then puts it in order. The offset keeps Postgres from
-- walking along the order instead, until as many are found as it wants.
(select * from threads where {matching} offset 0) as threads;

-- name: count
-- At most $5; null: all.
select count(*) from (select from threads where {matching} limit $5) as matches;
