-- What the fair queue shares out by: who asked for a run, and the key it was given.

alter table runs
    -- the identity of the caller who created it; null without auth
    add column user_id         text,
    -- runs with the same key may be limited together
    add column concurrency_key text;
