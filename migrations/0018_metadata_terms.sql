-- Threads that wait for somebody are found by what they are about without a look at each: an index
-- of documents has to compare every document that it finds, one of lists of texts need not.

-- What a thread's metadata say at the top, as texts. Numbers are left out, since those that are
-- equal may be written in several ways. Of a long text its hash stands there: an index has no room
-- for entries above some 2,700 bytes, and the status of their threads could not be stored.
create function metadata_terms_v1(p_metadata jsonb) returns text[]
language sql immutable parallel safe as $$
    select coalesce(
        array_agg(
            case when octet_length(term) <= 200 then term
                 else encode(sha256(convert_to(term, 'UTF8')), 'hex') end
        ),
        '{}'
    )
    from (
        select jsonb_build_array(key, value)::text as term
        from jsonb_each(p_metadata)
        where jsonb_typeof(value) in ('string', 'boolean', 'null')
    ) as said;
$$;

drop index threads_interrupted_by_metadata;
drop index threads_failed_by_metadata;
create index threads_interrupted_by_terms on threads using gin (metadata_terms_v1(metadata))
    with (fastupdate = off) where status = 'interrupted';
create index threads_failed_by_terms on threads using gin (metadata_terms_v1(metadata))
    with (fastupdate = off) where status = 'error';
