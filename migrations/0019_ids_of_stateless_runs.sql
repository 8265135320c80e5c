-- A stateless run has the id of a thread that there is not. Whoever made a thread with that id would
-- have the run on it: would see it in its list, and delete it with the thread.

create function thread_id_is_free_v1() returns trigger
language plpgsql as $$
begin
    if exists (select from runs where thread_id = new.thread_id and temporary) then
        return null;  -- as if the thread existed, for somebody else
    end if;
    return new;
end $$;

create trigger thread_id_is_free
    before insert on threads
    for each row execute function thread_id_is_free_v1();
