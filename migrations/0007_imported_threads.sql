-- Threads that came from elsewhere: what was copied, so that an import can go on where it stopped.

create table imported_threads (
    thread_id        uuid        primary key references threads on delete cascade,
    source_thread_id text        not null,
    -- changes with every change of the thread in the source
    source_version   text        not null,
    -- the thread's own updated_at after the copy: a later one tells that it is in use here
    updated_at       timestamptz not null
);
