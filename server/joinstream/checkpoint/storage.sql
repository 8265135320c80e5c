-- Measures what a thread's checkpoints take.

-- name: bodies
-- Every checkpoint as stored, and the bytes of its other large columns.
select type, body, part_runs,
    octet_length(body) + octet_length(metadata::text) + 8 * cardinality(part_runs) as bytes
from checkpoints where thread_id = $1;

-- name: logs
-- The parts, log by log.
select log, count(*), sum(octet_length(data))::bigint as bytes
from checkpoint_parts where thread_id = $1 group by log;

-- name: writes
-- The values that writes have to themselves.
select count(*), coalesce(sum(octet_length(data)), 0)::bigint as bytes
from checkpoint_writes where thread_id = $1;
