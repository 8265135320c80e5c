"""The graphs of a project by id, each opened for one use at a time."""

import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph.store.base import BaseStore
from langgraph_sdk.auth.types import BaseUser
from langgraph_sdk.runtime import AccessContext

from joinstream.errors import StartupError
from joinstream.project.config import (
    GraphSpec,
    ProjectConfig,
    apply_dependencies,
    apply_environment,
    read_config,
)
from joinstream.project.factories import AnyGraph, Call, Factory, as_graph
from joinstream.project.modules import load_object

UNNAMED = "LangGraph"
"""The name a compiled graph has when its author gave it none."""


@dataclass(frozen=True, slots=True)
class _Registered:
    graph: AnyGraph | Factory
    description: str | None


class Project:
    """What `langgraph.json` describes, loaded. Make one with `load_project`."""

    def __init__(
        self,
        folder: Path,
        config: ProjectConfig,
        graphs: Mapping[str, _Registered],
        store: BaseStore | None = None,
    ) -> None:
        self.folder = folder
        self.config = config
        self._graphs = graphs
        self._store = store

    def with_store(self, store: BaseStore) -> "Project":
        """The same project, whose graphs get this store from `get_store()`."""
        return Project(self.folder, self.config, self._graphs, store)

    @property
    def graph_ids(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(self._graphs)

    @property
    def made_anew(self) -> frozenset[str]:
        """The graphs that a factory makes for each use, from the config of that use."""
        return frozenset(i for i, each in self._graphs.items() if isinstance(each.graph, Factory))

    def description(self, graph_id: str) -> str | None:
        """Raises KeyError for an unknown graph."""
        return self._graphs[graph_id].description

    def assistant_name(self, graph_id: str) -> str:
        """The compiled graph's own name, else the graph id. Raises KeyError when unknown."""
        graph = self._graphs[graph_id].graph
        if isinstance(graph, Factory) or graph.name == UNNAMED:
            return graph_id
        return graph.name

    @asynccontextmanager
    async def open_graph(
        self,
        graph_id: str,
        *,
        config: RunnableConfig,
        access_context: AccessContext,
        user: BaseUser | None = None,
        context: Any = None,
        checkpointer: BaseCheckpointSaver[Any] | None = None,
    ) -> AsyncIterator[AnyGraph]:
        """A copy of the graph that uses this checkpointer, for one run or one read.

        Without a checkpointer the graph gets none, also not the one it was compiled with. It uses
        the project's store; without one it keeps its own. A factory's errors propagate as they are,
        and so does every error of the body, whatever the factory's context manager makes of it.
        Raises KeyError for an unknown graph.
        """
        registered = self._graphs[graph_id].graph
        if not isinstance(registered, Factory):
            yield _copy_with(registered, checkpointer, self._store)
            return
        call = Call(config, access_context, user, self._store, context)
        failure: BaseException | None = None
        async with registered.open(call) as graph:
            try:
                yield _copy_with(graph, checkpointer, self._store)
            except BaseException as error:
                failure = error
                raise
        if failure is not None:
            raise failure


def load_project(config_path: Path) -> Project:
    """Read `langgraph.json`, set its environment, and import every graph it names.

    Raises StartupError, with a one-line message, for anything that is wrong with the project.
    """
    config = read_config(config_path)
    folder = config_path.resolve().parent
    apply_environment(config, folder)
    apply_dependencies(config, folder)
    graphs = {graph_id: _load(graph_id, spec, folder) for graph_id, spec in config.graphs.items()}
    return Project(folder, config, graphs)


def _load(graph_id: str, spec: GraphSpec, folder: Path) -> _Registered:
    what = f'graph "{graph_id}"'
    found = load_object(spec.path, folder, what)
    return _Registered(_register(found, f"{what}: {spec.path}"), spec.description)


def _register(found: object, where: str) -> AnyGraph | Factory:
    try:
        if isinstance(found, Pregel | StateGraph):
            return as_graph(found)
        if callable(found) and not isinstance(found, type):
            return Factory(found)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise StartupError(f"{where} cannot be used: {reason}") from error
    kind = f"the class {found.__name__}" if isinstance(found, type) else type(found).__name__
    raise StartupError(
        f"{where} is {kind}, not a graph; "
        "name a StateGraph, a compiled graph, an @entrypoint or a function that returns one"
    )


def _copy_with(
    graph: AnyGraph, checkpointer: BaseCheckpointSaver[Any] | None, store: BaseStore | None
) -> AnyGraph:
    # Pregel.copy() validates the whole graph anew and loses its serializer allow-list and mappers.
    mine = copy.copy(graph)
    mine.checkpointer = checkpointer
    if store is not None:
        mine.store = store
    return mine
