-- Ended runs by age, for their retention. Runs end about in the order in which they are stored, so
-- a few pages serve any number of them.
create index runs_by_end on runs using brin (ended_at);

create index webhook_deliveries_settled on webhook_deliveries (created_at)
    where status <> 'pending';
