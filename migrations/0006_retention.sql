-- Sweeps find the threads whose time is over without looking at the others.

-- In UTC, because only without a time zone is the sum immutable, as an index needs it.
drop index threads_with_ttl;
create index threads_expiring
    on threads (((updated_at at time zone 'UTC') + make_interval(secs => ttl_minutes * 60)))
    where ttl_minutes is not null and (pruned_at is null or pruned_at < updated_at);
