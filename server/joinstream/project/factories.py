"""Opens a registered object as a graph: what is static is reused, what is a factory is called.

A factory may take nothing, the run's config, the `ServerRuntime`, or both, recognised by annotation
or by the parameter names `config` and `runtime`. It may be sync or async and may return a graph, a
builder, or a context manager around one. It is called on the event loop, as the official server
does, so a slow synchronous factory delays its neighbours.
"""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, is_dataclass
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

from langchain_core.runnables import RunnableConfig
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph.store.base import BaseStore
from langgraph_sdk.auth.types import BaseUser
from langgraph_sdk.runtime import (
    AccessContext,
    ServerRuntime,
    _ExecutionRuntime,
    _ReadRuntime,
)
from pydantic import BaseModel

from joinstream.project.signatures import signature_of

AnyGraph = Pregel[Any, Any, Any, Any]
Role = Literal["config", "runtime"]


@dataclass(frozen=True, slots=True)
class Call:
    """Why and for whom a graph is opened: what a factory may ask for."""

    config: RunnableConfig
    access_context: AccessContext
    user: BaseUser | None
    store: BaseStore | None
    context: Any


class Factory:
    """A callable that makes the graph anew for each use.

    Raises TypeError when it has a required parameter that is neither config nor runtime.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._roles: dict[str, Role] = {}
        self._context_type: Any = None
        hints = _type_hints(function)
        parameters = signature_of(function).parameters.values()
        for parameter in parameters:
            self._assign(parameter, hints.get(parameter.name), alone=len(parameters) == 1)

    def _assign(self, parameter: inspect.Parameter, hint: Any, *, alone: bool) -> None:
        if role := _role(parameter.name, hint, alone=alone):
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise TypeError(f"parameter {parameter.name!r} must not be positional-only")
            self._roles[parameter.name] = role
            if role == "runtime":
                self._context_type = next(iter(get_args(hint)), None)
        elif parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            raise TypeError(
                f"parameter {parameter.name!r} is neither `config: RunnableConfig` "
                "nor `runtime: ServerRuntime`"
            )

    @asynccontextmanager
    async def open(self, call: Call) -> AsyncIterator[AnyGraph]:
        """Call the factory; what it holds open is released when the graph is left."""
        made = self._function(**{name: self._value(r, call) for name, r in self._roles.items()})
        if inspect.isawaitable(made):
            made = await made
        if isinstance(made, AbstractAsyncContextManager):
            async with made as graph:
                yield as_graph(graph)
        elif isinstance(made, AbstractContextManager):
            with made as graph:
                yield as_graph(graph)
        else:
            yield as_graph(made)

    def _value(self, role: Role, call: Call) -> Any:
        if role == "config":
            return call.config
        # A server without a store has nothing to offer here; the type has no room for that.
        store: Any = call.store
        if call.access_context != "threads.create_run":
            return _ReadRuntime(access_context=call.access_context, user=call.user, store=store)
        return _ExecutionRuntime(
            access_context=call.access_context,
            user=call.user,
            store=store,
            context=_typed_context(self._context_type, call.context),
        )


def as_graph(made: object) -> AnyGraph:
    """The object as a runnable graph; builders are compiled. Raises TypeError for anything else."""
    if isinstance(made, Pregel):
        return made
    if isinstance(made, StateGraph):
        return made.compile()
    raise TypeError(f"{type(made).__name__} is not a graph; give a StateGraph or a compiled graph")


def _type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    while isinstance(function, partial):
        function = function.func
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return get_type_hints(inspect.unwrap(target))
    except Exception:  # a hint of the user's that cannot be resolved; names still decide
        return {}


def _role(name: str, hint: Any, *, alone: bool) -> Role | None:
    for part in (hint, *get_args(hint)):
        if part is RunnableConfig:
            return "config"
        if _is_runtime(part):
            return "runtime"
    if name == "runtime":
        return "runtime"
    return "config" if name == "config" or (alone and hint in (None, dict)) else None


def _is_runtime(hint: Any) -> bool:
    return (get_origin(hint) or hint) in (ServerRuntime, _ExecutionRuntime, _ReadRuntime)


def _typed_context(context_type: Any, context: Any) -> Any:
    """A client's JSON object as the dataclass or model that `ServerRuntime[...]` asks for."""
    wanted = isinstance(context_type, type) and (
        is_dataclass(context_type) or issubclass(context_type, BaseModel)
    )
    return context_type(**context) if wanted and isinstance(context, dict) else context
