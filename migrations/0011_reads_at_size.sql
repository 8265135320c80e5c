-- Indexes that keep reads as quick on a million runs as on a thousand.

-- What of a thread's values can be looked up by an index: the texts, numbers and truth values at
-- the top. Whatever contains other values contains what this leaves of them, so an index of it finds
-- all candidates; it stays small, however long the lists of messages beside them become.
create function searchable_values_v1(p_values jsonb) returns jsonb
language sql immutable parallel safe as $$
    select coalesce(jsonb_object_agg(key, value), '{}')
    from jsonb_each(case jsonb_typeof(p_values) when 'object' then p_values else '{}' end)
    where jsonb_typeof(value) not in ('object', 'array');
$$;

create index threads_by_values on threads using gin (searchable_values_v1("values") jsonb_path_ops);

-- The runs of a thread that did not succeed may be few, and far back.
create index runs_failed_by_thread on runs (thread_id, status, created_at desc, run_id desc)
    where status in ('error', 'timeout', 'interrupted');

-- A search reads all that waits to be put into an index of this kind: so nothing waits.
alter index threads_by_metadata set (fastupdate = off);
alter index threads_by_values set (fastupdate = off);
select gin_clean_pending_list('threads_by_metadata');
