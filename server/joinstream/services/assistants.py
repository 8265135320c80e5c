"""Assistants: the system's own and those clients make."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from joinstream.domain.access import Filter, metadata_of
from joinstream.domain.assistants import (
    Assistant,
    AssistantOrder,
    AssistantVersion,
    IfExists,
    SortDirection,
    is_graphs_own,
    mirrored_settings,
    system_assistant_id,
)
from joinstream.domain.ids import AssistantId
from joinstream.domain.pages import Total, told_by_page
from joinstream.errors import Conflict, NotFound, Unprocessable
from joinstream.ports.access import Access
from joinstream.ports.assistants import (
    AssistantChange,
    AssistantFilter,
    AssistantStore,
    NewAssistant,
)
from joinstream.project import Project

SYSTEM_CACHE_SECONDS = 1.0
"""How long a change to a system assistant may take to reach the other processes."""
_PAGE = 1000


class Assistants:
    """Every use case of assistants but those that reach beyond them."""

    def __init__(
        self,
        assistants: AssistantStore,
        project: Project,
        access: Access,
    ) -> None:
        self._assistants = assistants
        self._project = project
        self._access = access
        self._system_ids = {system_assistant_id(name): name for name in project.graph_ids}
        self._system_cache: dict[AssistantId, tuple[float, Assistant]] = {}

    async def ensure_system_assistants(self) -> None:
        """Make one assistant for each graph of the project; at start-up, in every process."""
        await self._assistants.put_system(
            [
                NewAssistant(
                    assistant_id=assistant_id,
                    graph_id=graph_id,
                    name=self._project.assistant_name(graph_id),
                    description=self._project.description(graph_id),
                    config={},
                    context={},
                    metadata={},
                )
                for assistant_id, graph_id in self._system_ids.items()
            ]
        )

    def identify(self, id_or_graph: str) -> AssistantId:
        """The id itself, or that of a graph's system assistant.

        Raises Unprocessable for what is neither a UUID nor a graph.
        """
        if id_or_graph in self._project.graph_ids:
            return system_assistant_id(id_or_graph)
        try:
            return AssistantId(UUID(id_or_graph))
        except ValueError:
            raise Unprocessable(
                f"assistant_id: {id_or_graph!r} is neither the UUID of an assistant nor "
                f"a graph of this server; its graphs are {self._graph_list()}."
            ) from None

    async def resolve(self, id_or_graph: str) -> Assistant:
        """The assistant a run is to be created for; at most one indexed lookup.

        Who may run a graph may use its system assistant; others ask for `assistants.read`.
        Raises NotFound for an unknown UUID, Unprocessable for an unknown name.
        """
        assistant_id = self.identify(id_or_graph)
        cached = self._system_cache.get(assistant_id)
        if cached is not None and cached[0] > time.monotonic():
            return cached[1]
        if assistant_id not in self._system_ids:
            return await self.get(assistant_id)
        assistant = _found(await self._assistants.get(assistant_id, None), assistant_id)
        self._system_cache[assistant_id] = (time.monotonic() + SYSTEM_CACHE_SECONDS, assistant)
        return assistant

    async def get(self, assistant_id: AssistantId) -> Assistant:
        """Raises NotFound."""
        visible = await self._visible(assistant_id)
        return _found(await self._assistants.get(assistant_id, visible), assistant_id)

    async def _visible(self, assistant_id: AssistantId) -> Filter:
        asked = {"assistant_id": assistant_id, "metadata": {}}
        return await self._access.authorize("assistants", "read", asked)

    async def search(
        self,
        wanted: AssistantFilter,
        *,
        limit: int,
        offset: int,
        sort_by: AssistantOrder,
        sort_order: SortDirection,
    ) -> tuple[list[Assistant], Total]:
        """A page, and the number of all matches. Raises NotFound for an unknown graph."""
        self._require_graph(wanted.graph_id)
        wanted = await self._as_far_as_visible(wanted, limit=limit, offset=offset)
        page = await self._assistants.search(
            wanted, limit=limit, offset=offset, sort_by=sort_by, sort_order=sort_order
        )
        told = told_by_page(len(page), limit=limit, offset=offset)
        return page, told or Total(await self._assistants.count(wanted))

    async def usable(self) -> AsyncIterator[Assistant]:
        """What the caller may run: the assistant of each graph, in the order of langgraph.json,
        then those made by clients, oldest first. None is of a graph that is no longer there."""
        for graph_id in self._project.graph_ids:
            yield await self.resolve(graph_id)
        offset, more = 0, True
        while more:
            page, _ = await self.search(
                AssistantFilter(),
                limit=_PAGE,
                offset=offset,
                sort_by="created_at",
                sort_order="asc",
            )
            for each in page:
                if each.graph_id in self._project.graph_ids and not is_graphs_own(each):
                    yield each
            offset, more = offset + _PAGE, len(page) == _PAGE

    async def count(self, wanted: AssistantFilter) -> int:
        """Raises NotFound for an unknown graph."""
        self._require_graph(wanted.graph_id)
        return await self._assistants.count(
            await self._as_far_as_visible(wanted, limit=0, offset=0)
        )

    async def _as_far_as_visible(
        self, wanted: AssistantFilter, *, limit: int, offset: int
    ) -> AssistantFilter:
        asked = {
            "graph_id": wanted.graph_id,
            "metadata": dict(wanted.metadata or {}),
            "limit": limit,
            "offset": offset,
        }
        visible = await self._access.authorize("assistants", "search", asked)
        return replace(wanted, metadata=metadata_of(asked) or wanted.metadata, visible=visible)

    async def create(self, new: NewAssistant, if_exists: IfExists) -> Assistant:
        """Raises NotFound for an unknown graph, Conflict when the id is taken,
        BadRequest when config.configurable and context are both given.
        """
        self._require_graph(new.graph_id)
        config, context = mirrored_settings(new.config, new.context)
        asked = {
            "assistant_id": new.assistant_id,
            "graph_id": new.graph_id,
            "config": config,
            "context": context,
            "metadata": dict(new.metadata),
            "if_exists": if_exists,
            "name": new.name,
            "description": new.description,
        }
        visible = await self._access.authorize("assistants", "create", asked)
        created = await self._assistants.create(
            replace(new, config=config, context=context, metadata=metadata_of(asked))
        )
        if created is not None:
            return created
        if if_exists == "do_nothing":
            existing = await self._assistants.get(new.assistant_id, visible)
            if existing is not None:
                return existing
        raise Conflict(
            f"Assistant {new.assistant_id} exists already; "
            "send if_exists: do_nothing to get it instead."
        )

    async def update(self, assistant_id: AssistantId, change: AssistantChange) -> Assistant:
        """Make a new version. Raises NotFound for an unknown assistant or graph,
        BadRequest when config.configurable and context are both given.
        """
        self._require_graph(change.graph_id)
        if change.config is not None:
            config, context = mirrored_settings(change.config, change.context or {})
            change = replace(change, config=config, context=context)
        asked = {
            "assistant_id": assistant_id,
            "graph_id": change.graph_id,
            "config": change.config,
            "context": change.context,
            "metadata": dict(change.metadata or {}),
            "name": change.name,
            "description": change.description,
        }
        visible = await self._access.authorize("assistants", "update", asked)
        change = replace(change, metadata=metadata_of(asked) or change.metadata)
        changed = await self._assistants.add_version(assistant_id, change, visible)
        self._system_cache.pop(assistant_id, None)
        return _found(changed, assistant_id)

    async def versions(
        self, assistant_id: AssistantId, metadata: dict[str, object], *, limit: int, offset: int
    ) -> Sequence[AssistantVersion]:
        """Newest first. Raises NotFound for an unknown assistant."""
        visible = await self._visible(assistant_id)
        versions = await self._assistants.versions(
            assistant_id, metadata, limit=limit, offset=offset, visible=visible
        )
        if not versions:
            _found(await self._assistants.get(assistant_id, visible), assistant_id)
        return versions

    async def set_latest(self, assistant_id: AssistantId, version: int) -> Assistant:
        """Make an older version current again. Raises NotFound for an unknown one."""
        asked = {"assistant_id": assistant_id, "version": version, "metadata": {}}
        visible = await self._access.authorize("assistants", "update", asked)
        changed = await self._assistants.set_latest(assistant_id, version, visible)
        self._system_cache.pop(assistant_id, None)
        if changed is None:
            _found(await self._assistants.get(assistant_id, visible), assistant_id)
            raise NotFound(f"Assistant {assistant_id} has no version {version}.")
        return changed

    async def delete(self, assistant_id: AssistantId) -> None:
        """Raises NotFound, and Conflict for the system assistant of a graph."""
        asked = {"assistant_id": assistant_id, "metadata": {}}
        visible = await self._access.authorize("assistants", "delete", asked)
        if graph_id := self._system_ids.get(assistant_id):
            raise Conflict(
                f"This is the system assistant of graph {graph_id!r}, which runs by graph name "
                "use; to be rid of it, take the graph out of langgraph.json."
            )
        if not await self._assistants.delete(assistant_id, visible):
            raise _unknown(assistant_id)

    def _require_graph(self, graph_id: str | None) -> None:
        if graph_id is not None and graph_id not in self._project.graph_ids:
            raise NotFound(
                f"There is no graph {graph_id!r}; this server's graphs are {self._graph_list()}."
            )

    def _graph_list(self) -> str:
        return ", ".join(self._project.graph_ids)


def new_assistant_id() -> AssistantId:
    return AssistantId(uuid4())


def _found(assistant: Assistant | None, assistant_id: AssistantId) -> Assistant:
    if assistant is None:
        raise _unknown(assistant_id)
    return assistant


def _unknown(assistant_id: AssistantId) -> NotFound:
    return NotFound(f"Assistant {assistant_id} does not exist.")
