-- Pages of threads are read along an index, in either direction, for every order of a search.

drop index threads_by_created;
drop index threads_by_updated;
drop index threads_by_status;
create index threads_by_created on threads (created_at, thread_id);
create index threads_by_updated on threads (updated_at, thread_id);
create index threads_by_state_updated on threads (state_updated_at, thread_id);
create index threads_by_status on threads (status, updated_at, thread_id);
