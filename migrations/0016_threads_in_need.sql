-- Threads that wait for somebody are few, and looked for by what they are about: indexes of their
-- own find those of one graph without reading the entries of all its threads. Only a thread that is
-- interrupted or fails comes into one.
create index threads_interrupted_by_metadata on threads using gin (metadata jsonb_path_ops)
    with (fastupdate = off) where status = 'interrupted';
create index threads_failed_by_metadata on threads using gin (metadata jsonb_path_ops)
    with (fastupdate = off) where status = 'error';
