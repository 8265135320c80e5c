-- What has encrypted fields in this database. Whoever cannot decrypt them is told so when it starts,
-- and not when a run gets ciphertext for its input.

create table field_ciphers (
    name  text primary key,
    -- a known text, encrypted; null: a cipher that needs to know for whom
    proof jsonb,
    since timestamptz not null default now()
);
