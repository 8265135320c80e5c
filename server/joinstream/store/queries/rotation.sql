-- Going through tables for what a former key has encrypted. What is in braces is filled in.

-- name: json_columns
select table_name as name, json_object_agg(column_name, data_type)::text as columns
from information_schema.columns
where table_schema = current_schema() and data_type in ('json', 'jsonb')
group by table_name order by table_name;

-- name: blocks
select pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint;

-- name: page
select ctid::text as place, xmin::text as version, {columns}
from {table}
where ctid >= format('(%s,0)', $1::bigint)::tid and ctid < format('(%s,0)', $2::bigint)::tid
  and ({wanted});

-- name: replace
update {table} set {columns} where ctid = $1::text::tid and xmin::text = $2;

-- name: renew_proof
update field_ciphers set proof = $2 where name = $1;
