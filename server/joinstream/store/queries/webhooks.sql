-- The outbox of webhooks. The functions that fill it are in migrations/0013_webhooks.sql.

-- name: claim
-- Webhooks that are due. Until its attempt is settled, a webhook is due again after a while.
update webhook_deliveries
set attempts = attempts + 1, next_attempt = now() + make_interval(secs => $2)
where delivery_id in (
    select delivery_id from webhook_deliveries
    where status = 'pending' and next_attempt <= now()
    order by next_attempt
    limit $1
    for update skip locked
)
returning delivery_id, run_id, url, payload, attempts;

-- name: settle
-- What came of an attempt, unless a later one has begun.
update webhook_deliveries
set status = $3,
    log = log || jsonb_build_array(
        jsonb_build_object('at', now(), 'status_code', $4::int, 'error', $5::text)),
    next_attempt = case when $3 = 'pending' then now() + make_interval(secs => $6) end
where delivery_id = $1 and attempts = $2 and status = 'pending';

-- name: get
select * from webhook_deliveries
where delivery_id = $1 and ($2::jsonb[] is null or metadata @> any ($2));

-- name: matching
-- Not a statement: the condition that search and count share.
($1::uuid is null or run_id = $1)
and ($2::uuid is null or thread_id = $2)
and ($3::text is null or status = $3)
and ($4::jsonb[] is null or metadata @> any ($4));

-- name: search
-- Newest first; without the payloads, which may be large.
select delivery_id, run_id, thread_id, url, status, attempts, log, created_at, next_attempt
from webhook_deliveries where {matching}
order by created_at desc, delivery_id desc
limit $5 offset $6;

-- name: count
select count(*) from webhook_deliveries where {matching};

-- name: send_again
update webhook_deliveries set status = 'pending', attempts = 0, next_attempt = now()
where delivery_id = $1 and ($2::jsonb[] is null or metadata @> any ($2))
returning *;
