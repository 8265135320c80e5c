-- What has encrypted fields here.

-- name: known
select name, proof from field_ciphers;

-- name: add
insert into field_ciphers (name, proof) values ($1, $2) on conflict do nothing;
