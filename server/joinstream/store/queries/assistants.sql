-- name: delete_usurpers
-- Deletes what has the id of a graph's own assistant and was made for another graph: by somebody who
-- knew the name of a graph before it was there.
delete from assistants a
using assistant_versions v, unnest($1::uuid[], $2::text[]) as given (assistant_id, graph_id)
where a.assistant_id = given.assistant_id
  and v.assistant_id = a.assistant_id and v.version = 1 and v.graph_id <> given.graph_id
returning a.assistant_id;

-- name: put_system
-- Creates the assistants every graph has from the start. One that nobody has changed (version 1)
-- takes over a new name or description.
with given as (
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
        as given (assistant_id, graph_id, name, description)
), put as (
    insert into assistants as a (assistant_id, graph_id, name, description, metadata)
    select assistant_id, graph_id, name, description, $5::jsonb from given
    on conflict (assistant_id) do update
    set name = excluded.name, description = excluded.description, updated_at = now()
    where a.last_version = 1
      and (a.name, a.description) is distinct from (excluded.name, excluded.description)
    returning a.*
)
insert into assistant_versions (
    assistant_id, version, graph_id, name, description, config, context, metadata)
select assistant_id, version, graph_id, name, description, config, context, metadata from put
on conflict (assistant_id, version) do update
set name = excluded.name, description = excluded.description;

-- name: create
-- Creates an assistant with its first version; no row when the id is taken.
with created as (
    insert into assistants (assistant_id, graph_id, name, description, config, context, metadata)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict do nothing
    returning *
), first_version as (
    insert into assistant_versions (
        assistant_id, version, graph_id, name, description, config, context, metadata)
    select assistant_id, version, graph_id, name, description, config, context, metadata
    from created
)
select * from created;

-- name: get
select * from assistants
where assistant_id = $1 and ($2::jsonb[] is null or metadata @> any ($2));

-- name: matching
-- Not a statement: the condition that search and count share.
($1::text is null or graph_id = $1)
and ($2::text is null or position(lower($2) in lower(name)) > 0)
and ($3::jsonb is null or metadata @> $3)
and ($4::jsonb[] is null or metadata @> any ($4));

-- name: search
-- One page; the store fills in the condition and the order.
select * from assistants where {matching}
order by {order} limit $5 offset $6;

-- name: count
select count(*) from assistants where {matching};

-- name: add_version
-- Changes an assistant and remembers the result as a new version.
with changed as (
    update assistants
    set graph_id = coalesce($2, graph_id),
        name = coalesce($3, name),
        description = coalesce($4, description),
        config = coalesce($5, case when $6::jsonb is null then config
                                   else config || jsonb_build_object('configurable', $6) end),
        context = coalesce($6, context),
        metadata = metadata || coalesce($7, '{}'::jsonb),
        version = last_version + 1,
        last_version = last_version + 1,
        updated_at = now()
    where assistant_id = $1 and ($8::jsonb[] is null or metadata @> any ($8))
    returning *
), remembered as (
    insert into assistant_versions (
        assistant_id, version, graph_id, name, description, config, context, metadata)
    select assistant_id, version, graph_id, name, description, config, context, metadata
    from changed
)
select * from changed;

-- name: versions
-- Newest first. Who may see an assistant may see what it was.
select * from assistant_versions
where assistant_id = $1 and metadata @> $2
  and ($5::jsonb[] is null or exists (
      select from assistants a where a.assistant_id = $1 and a.metadata @> any ($5)))
order by version desc limit $3 offset $4;

-- name: set_latest
-- Makes everything a version says current again; no row when there is no such version.
update assistants a
set version = v.version, graph_id = v.graph_id, name = v.name, description = v.description,
    config = v.config, context = v.context, metadata = v.metadata, updated_at = now()
from assistant_versions v
where a.assistant_id = $1 and v.assistant_id = a.assistant_id and v.version = $2
  and ($3::jsonb[] is null or a.metadata @> any ($3))
returning a.*;

-- name: delete
-- Its versions go with it.
delete from assistants
where assistant_id = $1 and ($2::jsonb[] is null or metadata @> any ($2))
returning assistant_id;
