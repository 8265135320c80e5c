-- Writes threads that come from elsewhere.

-- name: imported
-- Which of these threads of a source were copied, and in which version.
select source_thread_id, source_version from imported_threads
where source_thread_id = any ($1::text[]);

-- name: lock
-- The thread with this id, whether this import made it, and whether it was used since.
select i.source_thread_id, i.source_version, t.updated_at is distinct from i.updated_at as used
from threads t left join imported_threads i using (thread_id)
where t.thread_id = $1
for update of t;

-- name: insert
insert into threads (thread_id) values ($1);

-- name: delete
-- A former copy. It was never used here, so it has no runs.
delete from threads where thread_id = $1;

-- name: counts
select (select count(*) from checkpoints where thread_id = $1) as checkpoints,
    (select count(*) from checkpoint_writes where thread_id = $1) as writes;

-- name: settle
-- The thread's row as its runs would have left it; and what was copied.
with settled as (
    update threads
    set metadata = $2, "values" = $3, interrupts = $4, status = $5,
        created_at = $6, updated_at = $7, state_updated_at = $7
    where thread_id = $1
    returning updated_at
)
insert into imported_threads (thread_id, source_thread_id, source_version, updated_at)
select $1, $8, $9, updated_at from settled;
