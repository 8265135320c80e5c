"""Our side of an import: one transaction a thread."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
from langchain_core.runnables import RunnableConfig

from joinstream.checkpoint import PostgresCheckpoints, PostgresSaver
from joinstream.domain.ids import thread_key
from joinstream.domain.runs import thread_status_after
from joinstream.domain.thread_state import thread_state
from joinstream.encryption.fields import FieldCipher
from joinstream.errors import JoinstreamError
from joinstream.importing.copying import CopyDiffers, copy_checkpoints, require_equal
from joinstream.importing.queries import TARGET
from joinstream.importing.reader import Outline, ThreadReader
from joinstream.importing.source import SourceThread
from joinstream.project import Project
from joinstream.services.open_graph import opened_graph
from joinstream.store.database import Database

ORIGINAL_ID = "imported_thread_id"
"""The key of a thread's metadata with its id in the source, where that is not its id here."""

Copied = Literal["copied", "renewed", "in use here"]


class NoGraph(JoinstreamError):
    """It cannot be told which graph a thread belongs to."""


class Target:
    """Takes threads in. `graph_id` is for those whose checkpoints do not name one of the project.

    `fields` encrypts their rows. `kept_metadata` are keys of checkpoint metadata that become
    metadata of the thread.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        checkpoints: PostgresCheckpoints,
        project: Project,
        fields: FieldCipher | None,
        *,
        graph_id: str | None,
        kept_metadata: Iterable[str],
    ) -> None:
        self._pool = pool
        self._checkpoints = checkpoints
        self._project = project
        self._fields = fields
        self._graph_id = graph_id
        self._kept_metadata = tuple(kept_metadata)

    async def up_to_date(self, threads: Iterable[SourceThread]) -> set[SourceThread]:
        """Those that were copied as they are now."""
        wanted = set(threads)
        ids = [thread.thread_id for thread in wanted]
        rows = await self._pool.fetch(TARGET["imported"], ids)
        return wanted & {SourceThread(*row) for row in rows}

    async def take_in(self, thread: SourceThread, reader: ThreadReader) -> Copied:
        """Copy a thread, all of it or nothing; a former copy gives way unless it was used here.

        Raises NoGraph, CopyDiffers, and what the graph's own code raises.
        """
        outline = await reader.outline()
        graph_id = self._graph_of(thread, outline)
        thread_id = thread_key(thread.thread_id)
        async with self._pool.acquire() as connection, connection.transaction():
            database = Database(connection)
            saver = self._checkpoints.saver_on(connection)
            renewed = await _make_room(database, saver, thread, thread_id)
            if renewed is None:
                return "in use here"
            await database.execute(TARGET["insert"], thread_id)
            await copy_checkpoints(reader, saver, thread_id)
            await require_equal(reader, saver, thread_id)
            await _require_counts(database, outline, thread_id)
            await database.execute(
                TARGET["settle"],
                thread_id,
                await self._sealed(
                    "metadata", self._metadata(thread, thread_id, graph_id, outline)
                ),
                *await self._state_columns(graph_id, saver, thread_id),
                datetime.fromisoformat(outline.began),
                datetime.fromisoformat(outline.ended),
                thread.thread_id,
                thread.version,
            )
        return "renewed" if renewed else "copied"

    def _graph_of(self, thread: SourceThread, outline: Outline) -> str:
        named = (outline.metadata or {}).get("graph_id")
        graph_id = named if named in self._project.graph_ids else self._graph_id
        if graph_id is None:
            says = f"names graph {named!r}" if named else "does not say which graph it is of"
            raise NoGraph(
                f"Thread {thread.thread_id} {says}: give its graph with --graph, one of "
                f"{', '.join(self._project.graph_ids)}."
            )
        return graph_id

    def _metadata(
        self, thread: SourceThread, thread_id: UUID, graph_id: str, outline: Outline
    ) -> dict[str, Any]:
        found = outline.metadata or {}
        kept = {key: found[key] for key in self._kept_metadata if key in found}
        original = {} if str(thread_id) == thread.thread_id else {ORIGINAL_ID: thread.thread_id}
        return {**kept, **original, "graph_id": graph_id}

    async def _state_columns(
        self, graph_id: str, saver: PostgresSaver, thread_id: UUID
    ) -> tuple[Any, Any, str]:
        """Values, interrupts and status, as the graph sees the thread's latest checkpoint."""
        config = RunnableConfig(configurable={"thread_id": str(thread_id), "checkpoint_ns": ""})
        async with opened_graph(self._project, graph_id, config, "threads.read", saver) as graph:
            state = thread_state(await graph.aget_state(config))
        status = thread_status_after("success", more_to_do=state.more_to_do, active_runs=False)
        values = await self._sealed("values", state.values)
        return values, await self._sealed("interrupts", state.interrupts), status

    async def _sealed(self, field: str, value: Any) -> Any:
        return await self._fields.seal("thread", field, value) if self._fields else value


async def _make_room(
    database: Database, saver: PostgresSaver, thread: SourceThread, thread_id: UUID
) -> bool | None:
    """Whether a former copy was removed; None when a thread that is not one is in the way."""
    row = await database.fetchrow(TARGET["lock"], thread_id)
    if row is None:
        return False
    if row["used"] or row["source_thread_id"] != thread.thread_id:
        return None
    await saver.adelete_thread(str(thread_id))
    await database.execute(TARGET["delete"], thread_id)
    return True


async def _require_counts(database: Database, outline: Outline, thread_id: UUID) -> None:
    row = await database.fetchrow(TARGET["counts"], thread_id)
    assert row is not None
    if tuple(row) != (outline.checkpoints, outline.writes):
        raise CopyDiffers(
            f"The copy has {row['checkpoints']} checkpoints and {row['writes']} writes instead of "
            f"{outline.checkpoints} and {outline.writes}."
        )
