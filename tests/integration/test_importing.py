"""Moving in from `langgraph-checkpoint-postgres`: what its graphs see, ours see too."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import psycopg
import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from joinstream.checkpoint import PostgresCheckpoints
from joinstream.domain.ids import thread_key
from joinstream.errors import StartupError
from joinstream.importing import Importer, Report, Target, open_source
from joinstream.project import Project, load_project
from joinstream.store.pool import create_pool
from tests.support.moving_in import (
    HISTORIES,
    Source,
    official_source,
    opened,
    seen,
)
from tests.support.server import GRAPHS


@dataclass
class Move:
    """A source, and our database."""

    source: Source
    pool: asyncpg.Pool
    project: Project

    @property
    def checkpoints(self) -> PostgresCheckpoints:
        return PostgresCheckpoints(self.pool)

    async def run(
        self,
        graph_id: str | None = None,
        *kept_metadata: str,
        on_thread: Callable[[], None] = lambda: None,
    ) -> Report:
        target = Target(
            self.pool,
            self.checkpoints,
            self.project,
            None,
            graph_id=graph_id,
            kept_metadata=kept_metadata,
        )
        serde = self.checkpoints.saver().serde
        async with open_source(self.source.uri, "public", serde, connections=2) as source:
            return await Importer(source, target).run(on_thread)

    async def fill(self, graph: str, thread_id: str | None = None, **configurable: Any) -> str:
        """A thread in the source with a history of its graph's own."""
        thread_id = thread_id or str(uuid4())
        await self.source.fill(graph, thread_id, HISTORIES[graph], configurable)
        return thread_id

    async def row(self, thread_id: UUID | str) -> Any:
        return await self.pool.fetchrow("select * from threads where thread_id = $1", thread_id)


@pytest.fixture
async def move(database_uri: str, empty_database_uri: str) -> AsyncIterator[Move]:
    project = load_project(GRAPHS)
    pool = await create_pool(database_uri)
    async with official_source(empty_database_uri, project) as source:
        yield Move(source, pool, project)
    await pool.close()


@asynccontextmanager
async def unchanged(uri: str) -> AsyncIterator[None]:
    """The block must leave every row of every table of a database as it was."""

    async def contents() -> list[Any]:
        connection = await asyncpg.connect(uri)
        tables = await connection.fetch(
            "select tablename from pg_tables where schemaname = 'public' order by 1"
        )
        rows = [
            await connection.fetch(f"select t::text, xmin from {name} t order by 1")
            for (name,) in tables
        ]
        await connection.close()
        return rows

    before = await contents()
    yield
    assert await contents() == before


@pytest.mark.parametrize("graph_id", sorted(HISTORIES))
async def test_a_graph_sees_in_the_copy_what_it_saw_in_the_source(
    move: Move, graph_id: str
) -> None:
    thread_id = await move.fill(graph_id)
    async with unchanged(move.source.uri):
        report = await move.run(graph_id)
    assert (report.outcomes, report.reasons) == ({"copied": 1}, {})
    theirs = await seen(move.project, graph_id, thread_id, move.source.saver)
    ours = await seen(move.project, graph_id, thread_id, move.checkpoints.saver())
    assert ours == theirs
    assert len(ours) > 1


@pytest.mark.parametrize("graph_id", sorted(HISTORIES))
async def test_a_graph_goes_on_from_the_copy_as_it_would_have(move: Move, graph_id: str) -> None:
    thread_id = await move.fill(graph_id)
    await move.run(graph_id)
    states = []
    for saver in (move.source.saver, move.checkpoints.saver()):
        async with opened(move.project, graph_id, thread_id, saver) as (graph, config):
            await graph.ainvoke({}, config)
            states.append((await graph.aget_state(config)).values)
    theirs, ours = states
    assert ours.keys() == theirs.keys()
    comparable = theirs.keys() - {"messages"}  # new messages have random ids
    assert {key: ours[key] for key in comparable} == {key: theirs[key] for key in comparable}
    assert len(ours.get("messages", ())) == len(theirs.get("messages", ()))


async def test_the_thread_shows_what_its_runs_would_have_shown(move: Move) -> None:
    thread_id = await move.fill("approval")
    await move.run("approval")
    row = await move.row(thread_id)
    async with opened(move.project, "approval", thread_id, move.source.saver) as (graph, config):
        snapshot = await graph.aget_state(config)
        *_, oldest = [found async for found in graph.aget_state_history(config)]
    assert row["status"] == "interrupted"
    assert row["values"] == snapshot.values
    ((task_id, (shown,)),) = row["interrupts"].items()
    assert task_id == snapshot.tasks[0].id
    assert shown["id"] == snapshot.interrupts[0].id
    assert row["created_at"].isoformat() == oldest.created_at
    assert row["updated_at"].isoformat() == snapshot.created_at
    assert row["ttl_minutes"] is None


async def test_an_id_that_is_no_uuid_is_mapped_and_remembered(move: Move) -> None:
    await move.fill("counter", "customer 7")
    await move.run("counter")
    mapped = thread_key("customer 7")
    row = await move.row(mapped)
    assert row["metadata"] == {"graph_id": "counter", "imported_thread_id": "customer 7"}
    ours = await seen(move.project, "counter", str(mapped), move.checkpoints.saver())
    assert ours == await seen(move.project, "counter", "customer 7", move.source.saver)


async def test_checkpoints_may_say_which_graph_they_are_of(move: Move) -> None:
    named = await move.fill("counter", graph_id="counter")
    unnamed = await move.fill("parallel")
    await move.run("parallel")
    assert (await move.row(named))["metadata"] == {"graph_id": "counter"}
    assert (await move.row(unnamed))["metadata"] == {"graph_id": "parallel"}


@pytest.mark.parametrize(
    ("configurable", "reason"), [({}, "does not say"), ({"graph_id": "gone"}, "gone")]
)
async def test_a_thread_of_unknown_graph_stops_the_import_with_the_remedy(
    move: Move, configurable: dict[str, str], reason: str
) -> None:
    await move.fill("counter", **configurable)
    with pytest.raises(StartupError, match=rf"{reason}.*--graph"):
        await move.run()
    assert await move.pool.fetchval("select count(*) from threads") == 0


async def test_checkpoint_metadata_is_kept_where_asked(move: Move) -> None:
    thread_id = await move.fill("counter", owner="ada", team="blue")
    await move.run("counter", "owner", "missing")
    assert (await move.row(thread_id))["metadata"] == {"owner": "ada", "graph_id": "counter"}


async def test_a_second_import_copies_nothing(move: Move) -> None:
    for thread_id in ("a", "b", "c"):
        await move.fill("counter", thread_id)
    assert (await move.run("counter")).outcomes == {"copied": 3}
    before = await move.pool.fetch("select *, xmin from threads order by 1")
    assert (await move.run("counter")).outcomes == {"unchanged": 3}
    assert await move.pool.fetch("select *, xmin from threads order by 1") == before


async def test_what_was_added_in_the_source_comes_with_the_next_import(move: Move) -> None:
    grown, same = await move.fill("chat"), await move.fill("chat")
    await move.run("chat")
    await move.fill("chat", grown)
    assert (await move.run("chat")).outcomes == {"renewed": 1, "unchanged": 1}
    for thread_id in (grown, same):
        theirs = await seen(move.project, "chat", thread_id, move.source.saver)
        assert await seen(move.project, "chat", thread_id, move.checkpoints.saver()) == theirs


async def test_an_answer_given_in_the_source_is_a_change(move: Move) -> None:
    thread_id = await move.fill("approval")
    await move.run("approval")
    async with opened(move.project, "approval", thread_id, move.source.saver) as (graph, config):
        await graph.ainvoke(Command(resume="yes"), config)
    assert (await move.run("approval")).outcomes == {"renewed": 1}
    assert (await move.row(thread_id))["values"]["published"] is True


async def test_a_thread_that_is_in_use_here_is_left_alone(move: Move) -> None:
    thread_id = await move.fill("counter")
    await move.run("counter")
    await move.pool.execute("update threads set metadata = '{}', updated_at = now()")
    await move.fill("counter", thread_id)
    assert (await move.run("counter")).outcomes == {"in use here": 1}
    assert (await move.row(thread_id))["metadata"] == {}


async def test_a_thread_of_our_own_with_the_same_id_is_left_alone(move: Move) -> None:
    thread_id = await move.fill("counter")
    await move.pool.execute("insert into threads (thread_id) values ($1)", thread_id)
    assert (await move.run("counter")).outcomes == {"in use here": 1}
    assert await move.pool.fetchval("select count(*) from checkpoints") == 0


async def test_a_thread_deleted_here_is_copied_again(move: Move) -> None:
    await move.fill("counter")
    await move.run("counter")
    await move.pool.execute("delete from checkpoints")
    await move.pool.execute("delete from threads")
    assert (await move.run("counter")).outcomes == {"copied": 1}


async def test_a_thread_that_cannot_be_read_is_named_and_the_others_are_copied(move: Move) -> None:
    broken, whole = await move.fill("chat"), await move.fill("chat")
    await break_blobs(move, broken)
    report = await move.run("chat")
    assert report.outcomes == {"copied": 1, "failed": 1}
    assert report.reasons.keys() == {broken}
    assert await move.row(broken) is None
    assert await move.row(whole) is not None
    stored = await move.pool.fetch("select distinct thread_id::text from checkpoints")
    assert [row["thread_id"] for row in stored] == [whole]


async def break_blobs(move: Move, thread_id: str) -> None:
    connection = await asyncpg.connect(move.source.uri)
    await connection.execute(
        "update checkpoint_blobs set blob = '\\xc1' where thread_id = $1 and channel = 'messages'",
        thread_id,
    )
    await connection.close()


async def test_an_id_that_no_uuid_column_holds_is_told_with_its_thread(move: Move) -> None:
    thread_id = await move.fill("counter")
    connection = await asyncpg.connect(move.source.uri)
    await connection.execute("update checkpoint_writes set task_id = 'task 1'")
    await connection.close()
    report = await move.run("counter")
    assert "task 1" in report.reasons[thread_id]


@pytest.mark.parametrize("lost", ["source", "target"])
async def test_a_lost_connection_ends_the_import_with_the_remedy(
    move: Move, database_uri: str, lost: str
) -> None:
    for number in range(8):
        await move.fill("counter", f"thread {number}")

    def lose_connections() -> None:
        with psycopg.connect({"source": move.source.uri, "target": database_uri}[lost]) as session:
            session.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
                " and state = 'idle in transaction'"
            )

    with pytest.raises(StartupError, match="start the import again"):
        await move.run("counter", on_thread=lose_connections)
    finished = await move.run("counter")
    assert finished.outcomes["copied"] + finished.outcomes["unchanged"] == 8


@pytest.mark.parametrize(
    ("table", "damage", "told"),
    [
        ("checkpoints", "new.metadata = new.metadata || '{\"step\": 77}'", "another metadata"),
        ("checkpoints", "new.parent_checkpoint_id = null", "another parent"),
        ("checkpoint_writes", "return null", "another set of writes"),
        ("checkpoint_writes", "if new.idx > 0 then return null; end if", "writes"),
    ],
)
async def test_a_copy_that_differs_from_its_source_is_undone(
    move: Move, table: str, damage: str, told: str
) -> None:
    thread_id = await move.fill("approval")
    await move.pool.execute(
        f"""
        create function damage() returns trigger language plpgsql as
        $$ begin {damage}; return new; end $$;
        create trigger damage before insert on {table} for each row execute function damage();
        """
    )
    report = await move.run("approval")
    assert told in report.reasons[thread_id]
    for emptied in ("threads", "checkpoints", "checkpoint_writes", "checkpoint_parts"):
        assert await move.pool.fetchval(f"select count(*) from {emptied}") == 0


async def test_sends_of_the_old_format_are_found_at_the_parent(move: Move) -> None:
    thread_id = await move.fill("parallel")
    connection = await asyncpg.connect(move.source.uri)
    await connection.execute(
        """
        update checkpoints set checkpoint = jsonb_set(checkpoint, '{v}', '3')
            #- '{channel_versions,__pregel_tasks}'
        """
    )
    await connection.close()
    await move.run("parallel")
    config = RunnableConfig(configurable={"thread_id": thread_id, "checkpoint_ns": ""})
    theirs = [found async for found in move.source.saver.alist(config)]
    ours = [found async for found in move.checkpoints.saver().alist(config)]
    assert [found.checkpoint for found in ours] == [found.checkpoint for found in theirs]
    sent = [found.checkpoint["channel_values"].get("__pregel_tasks") for found in ours]
    assert [len(sends) for sends in sent if sends] == [3]


async def test_writes_whose_checkpoint_was_never_stored_stay_behind(move: Move) -> None:
    thread_id = await move.fill("counter")
    connection = await asyncpg.connect(move.source.uri)
    await connection.execute(
        "insert into checkpoint_writes select thread_id, checkpoint_ns, gen_random_uuid()::text,"
        " task_id, idx, channel, type, blob from checkpoint_writes"
    )
    await connection.close()
    assert (await move.run("counter")).outcomes == {"copied": 1}
    theirs = await seen(move.project, "counter", thread_id, move.source.saver)
    assert await seen(move.project, "counter", thread_id, move.checkpoints.saver()) == theirs


async def test_a_schema_without_the_tables_is_told_with_the_remedy(move: Move) -> None:
    serde = move.checkpoints.saver().serde
    with pytest.raises(StartupError, match=r"--schema"):
        async with open_source(move.source.uri, "elsewhere", serde, connections=1):
            pass


async def test_our_own_tables_are_not_taken_for_the_source(move: Move, database_uri: str) -> None:
    serde = move.checkpoints.saver().serde
    with pytest.raises(StartupError, match=r"lacks checkpoints"):
        async with open_source(database_uri, "public", serde, connections=1):
            pass


async def test_the_source_refuses_to_be_written(move: Move) -> None:
    serde = move.checkpoints.saver().serde
    async with (
        open_source(move.source.uri, "public", serde, connections=1) as source,
        source.reading("any") as reader,
    ):
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await reader._connection.execute("delete from checkpoints")
