"""The state of threads: read at any checkpoint, changed between runs.

A state update holds the lock on the thread's row, and writes the checkpoint in the same
transaction as the row: no run can start in between, and no reader finds one without the other.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import EmptyInputError, InvalidUpdateError
from langgraph.types import StateUpdate
from langgraph_sdk.runtime import AccessContext

from joinstream.domain.access import Filter
from joinstream.domain.failures import failure_of
from joinstream.domain.ids import ThreadId
from joinstream.domain.run_request import settings_of
from joinstream.domain.runs import thread_status_after
from joinstream.domain.state_view import (
    CheckpointView,
    StateView,
    checkpoint_view,
    empty_state_view,
    state_view,
)
from joinstream.domain.storage import ThreadStorage
from joinstream.domain.thread_state import ThreadState, thread_state
from joinstream.domain.threads import Thread
from joinstream.errors import BadRequest, Conflict, NotFound, RequestError
from joinstream.ports.access import Access
from joinstream.ports.checkpoints import Checkpoints
from joinstream.ports.runs import RunStore
from joinstream.ports.threads import LockedThread, ThreadStore
from joinstream.project import Project
from joinstream.services.open_graph import Graph, opened_graph

Checkpoint = Mapping[str, Any]
"""Any of checkpoint_id, checkpoint_ns and checkpoint_map; empty for the root graph's latest."""

AnnounceUpdate = Callable[[ThreadId, int, StateView], Awaitable[None]]
"""Tells of an update that was committed: of which thread, in which epoch, what the state is now."""

log = structlog.get_logger(__name__)

_FAULTS_OF_A_GRAPH = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RuntimeError,
    NotImplementedError,
    InvalidUpdateError,
    EmptyInputError,
)
"""What LangGraph, or a graph's reducers, raise on values that do not fit."""

_MISTAKES_OF_CLIENTS = (InvalidUpdateError, EmptyInputError)


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which checkpoints of a thread to list, newest first."""

    limit: int
    before: Checkpoint = field(default_factory=dict)
    checkpoint: Checkpoint = field(default_factory=dict)
    metadata: dict[str, Any] | None = None


class ThreadStates:
    """Every use case of a thread's state."""

    def __init__(
        self,
        threads: ThreadStore,
        runs: RunStore,
        checkpoints: Checkpoints,
        project: Project,
        access: Access,
        announce: AnnounceUpdate,
    ) -> None:
        self._threads = threads
        self._runs = runs
        self._checkpoints = checkpoints
        self._project = project
        self._access = access
        self._announce = announce

    async def get(
        self, thread_id: ThreadId, checkpoint: Checkpoint, *, subgraphs: bool
    ) -> StateView:
        """The state at a checkpoint; of a checkpoint that does not exist it is empty.

        Raises NotFound for an unknown thread, BadRequest for a namespace the graph does not have.
        """
        visible = await self._visible(thread_id, "read")
        return await self.read(thread_id, checkpoint, subgraphs=subgraphs, visible=visible)

    async def read(
        self,
        thread_id: ThreadId,
        checkpoint: Checkpoint,
        *,
        subgraphs: bool,
        visible: Filter = None,
    ) -> StateView:
        """As `get`, for a caller who has been allowed to."""
        thread = await self._thread(thread_id, visible)
        if thread.graph_id is None:
            return empty_state_view(str(thread_id), checkpoint.get("checkpoint_id"))
        config = _config(thread, checkpoint)
        settings = await self._settings(thread)
        saver = self._checkpoints.saver()
        async with self._opened(thread, settings, config, "threads.read", saver) as graph:
            with _unreadable_is_bad_request():
                return state_view(await graph.aget_state(config, subgraphs=subgraphs))

    async def history(self, thread_id: ThreadId, query: HistoryQuery) -> list[StateView]:
        """Newest first. Raises NotFound and BadRequest as `get` does."""
        thread = await self._thread(thread_id, await self._visible(thread_id, "read"))
        if thread.graph_id is None:
            return []
        config = _config(thread, query.checkpoint)
        before = RunnableConfig(configurable=dict(query.before)) if query.before else None
        settings = await self._settings(thread)
        saver = self._checkpoints.saver()
        async with self._opened(thread, settings, config, "threads.read", saver) as graph:
            with _unreadable_is_bad_request():
                snapshots = graph.aget_state_history(
                    config, filter=query.metadata, before=before, limit=query.limit
                )
                return [state_view(snapshot) async for snapshot in snapshots]

    async def storage(self, thread_id: ThreadId) -> ThreadStorage:
        """The room that the thread's states take. Raises NotFound."""
        await self._thread(thread_id, await self._visible(thread_id, "read"))
        return await self._checkpoints.storage(thread_id)

    async def update(
        self, thread_id: ThreadId, checkpoint: Checkpoint, values: Any, as_node: str | None
    ) -> CheckpointView:
        """Write values as if a node had returned them; returns the new checkpoint.

        Raises NotFound; Conflict while a run is active; BadRequest for values or a node that do
        not fit the graph, and for a thread that no graph belongs to yet.
        """
        supersteps = [[StateUpdate(values, as_node)]]
        visible = await self._visible(thread_id, "update")
        return await self.write(thread_id, supersteps, checkpoint=checkpoint, visible=visible)

    async def write(
        self,
        thread_id: ThreadId,
        supersteps: Sequence[Sequence[StateUpdate]],
        *,
        checkpoint: Checkpoint | None = None,
        visible: Filter = None,
    ) -> CheckpointView:
        """As `update`, one checkpoint for each superstep, for a caller who has been allowed to."""
        # before the lock, which holds a connection already
        settings = await self._settings(await self._thread(thread_id, visible))
        await self._checkpoints.require(thread_id, checkpoint or {})
        async with self._threads.locked(thread_id, visible) as locked:
            if locked is None:
                raise _unknown(thread_id)
            _require_updatable(locked.thread)
            updated, epoch, state = await self._update(
                locked, settings, supersteps, checkpoint or {}
            )
        await self._announce(thread_id, epoch, state)
        return updated

    async def _update(
        self,
        locked: LockedThread,
        settings: Mapping[str, Any],
        supersteps: Sequence[Sequence[StateUpdate]],
        checkpoint: Checkpoint,
    ) -> tuple[CheckpointView, int, StateView]:
        """The new checkpoint; the epoch that the update took, and the thread's state now."""
        config = _config(locked.thread, checkpoint)
        opened = self._opened(
            locked.thread, settings, config, "threads.update", locked.checkpointer
        )
        async with opened as graph:
            with _as_bad_request("The graph does not take this", *_FAULTS_OF_A_GRAPH):
                updated = await graph.abulk_update_state(config, supersteps)
            snapshot = await graph.aget_state(_config(locked.thread, {}))
        epoch = await _record(locked, thread_state(snapshot))
        return checkpoint_view(updated), epoch, state_view(snapshot)

    async def _visible(self, thread_id: ThreadId, action: Literal["read", "update"]) -> Filter:
        asked = {"thread_id": thread_id, "metadata": {}}
        return await self._access.authorize("threads", action, asked)

    async def _thread(self, thread_id: ThreadId, visible: Filter) -> Thread:
        thread = await self._threads.get(thread_id, visible)
        if thread is None:
            raise _unknown(thread_id)
        return thread

    async def _settings(self, thread: Thread) -> dict[str, Any]:
        """What the thread's newest run was configured with, if its graph was made from that."""
        if thread.graph_id not in self._project.made_anew:
            return {}
        newest = await self._runs.search(thread.thread_id, status=None, limit=1, offset=0)
        if not newest:
            return {}
        (run,) = newest
        ids = {"graph_id": run.graph_id, "assistant_id": str(run.assistant_id)}
        return settings_of(run.kwargs["config"]["configurable"]) | ids

    def _opened(
        self,
        thread: Thread,
        settings: Mapping[str, Any],
        config: RunnableConfig,
        access_context: AccessContext,
        saver: BaseCheckpointSaver[Any],
    ) -> AbstractAsyncContextManager[Graph]:
        assert thread.graph_id is not None
        caller = self._access.caller
        user = caller.user if caller else None
        who = caller.configurable() if caller else {}
        making = RunnableConfig(configurable={**settings, **who, **config["configurable"]})
        return opened_graph(self._project, thread.graph_id, making, access_context, saver, user)


async def _record(locked: LockedThread, state: ThreadState) -> int:
    """Bring the thread's row in line with its latest checkpoint, whichever was updated."""
    status = thread_status_after("success", more_to_do=state.more_to_do, active_runs=False)
    return await locked.record_state(state.values, state.interrupts, status)


def _require_updatable(thread: Thread) -> None:
    if thread.status == "busy":
        raise Conflict(
            f"Thread {thread.thread_id} is busy with run {thread.active_run_id}. Wait for its runs "
            "or cancel them, then update the state."
        )
    if thread.graph_id is None:
        raise BadRequest(
            f"Thread {thread.thread_id} belongs to no graph yet: run one on it, "
            "or create it with metadata.graph_id."
        )


def _config(thread: Thread, checkpoint: Checkpoint) -> RunnableConfig:
    return RunnableConfig(
        configurable={"checkpoint_ns": "", **checkpoint, "thread_id": str(thread.thread_id)}
    )


def _unreadable_is_bad_request() -> AbstractContextManager[None]:
    """Reading applies what the last step wrote, by reducers that may refuse it ever again."""
    return _as_bad_request("The graph cannot tell its state", *_FAULTS_OF_A_GRAPH)


@contextmanager
def _as_bad_request(what: str, *kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except RequestError:
        raise
    except kinds as error:
        failure = failure_of(error)
        # of a client's mistake, where in the graph it came up is of no interest
        where = None if isinstance(error, _MISTAKES_OF_CLIENTS) else error
        log.warning("state request refused", reason=failure["error"], exc_info=where)
        raise BadRequest(f"{what}: {failure['error']}: {failure['message']}") from error


def _unknown(thread_id: ThreadId) -> NotFound:
    return NotFound(f"Thread {thread_id} does not exist.")
