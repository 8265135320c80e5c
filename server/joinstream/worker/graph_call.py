"""From a run's stored kwargs to the arguments of a graph call."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

import langgraph.version
from langchain_core.runnables import RunnableConfig
from langgraph.pregel import Pregel
from pydantic import BaseModel

from joinstream import __version__
from joinstream.domain.commands import as_command
from joinstream.domain.identity import USER_KEY, user_of
from joinstream.domain.kwargs import RunKwargs
from joinstream.domain.run_record import Run
from joinstream.domain.run_request import CHECKPOINT_KEYS

STRICT_RESUME = "__pregel_strict_resume"
"""The key by which LangGraph, from 1.2.20 on, is told to refuse answers that nobody waits for."""


Graph = Pregel[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class GraphCall:
    """One execution of a graph. `durable` says that its steps are checkpointed."""

    graph: Graph
    input: Any
    config: RunnableConfig
    kwargs: RunKwargs
    durable: bool

    def arguments(self) -> dict[str, Any]:
        """What a graph takes besides, in whichever way it is called."""
        arguments: dict[str, Any] = {
            "context": run_context(self.graph, self.kwargs),
            "interrupt_before": self.kwargs["interrupt_before"],
            "interrupt_after": self.kwargs["interrupt_after"],
        }
        if self.durable:
            arguments["durability"] = self.kwargs["durability"]
        return arguments


def graph_input(kwargs: RunKwargs, *, resuming: bool) -> Any:
    """The graph's input. None continues from the last checkpoint, as after a worker's death."""
    if resuming:
        return None
    if kwargs["command"]:
        return as_command(kwargs["command"])
    return kwargs["input"]


def run_config(
    run: Run, kwargs: RunKwargs, *, name: str, default_recursion_limit: int | None, resuming: bool
) -> RunnableConfig:
    """The RunnableConfig of one attempt. Ids set by the server win over what the client sent.

    `name` is the run's in traces, unless the client gave it one.
    """
    asked = kwargs["config"]
    configurable = {
        **asked.get("configurable", {}),
        "run_id": str(run.run_id),
        "thread_id": str(run.thread_id),
        "graph_id": run.graph_id,
        "assistant_id": str(run.assistant_id),
    }
    if (user := user_of(configurable)) is not None:
        configurable[USER_KEY] = user
    if kwargs.get("strict_resume"):
        configurable[STRICT_RESUME] = True
    if resuming:
        for key in CHECKPOINT_KEYS:
            configurable.pop(key, None)
    config = RunnableConfig(
        run_id=run.run_id,
        run_name=asked.get("run_name", name),
        max_concurrency=asked.get("max_concurrency"),
        tags=list(asked.get("tags", [])),
        configurable=configurable,
        metadata={
            **run.metadata,
            **asked.get("metadata", {}),
            "run_id": str(run.run_id),
            "thread_id": str(run.thread_id),
            "graph_id": run.graph_id,
            "assistant_id": str(run.assistant_id),
            "run_attempt": run.attempt,
            "langgraph_version": langgraph.version.__version__,
            "langgraph_api_version": __version__,
            "langgraph_host": "self-hosted",
        },
    )
    limit = asked.get("recursion_limit", default_recursion_limit)
    if limit is not None:
        config["recursion_limit"] = limit
    return config


def run_context(graph: Graph, kwargs: RunKwargs) -> dict[str, Any] | None:
    """The static context: what was sent, without keys the graph's context schema does not know.

    A client may send `config.configurable` instead, as before LangGraph 0.6; it is the same thing.
    """
    asked: Mapping[str, Any] = kwargs["context"] or kwargs["config"].get("configurable", {})
    known = _schema_keys(graph.context_schema)
    if known is None:
        return dict(kwargs["context"]) or None
    return {key: value for key, value in asked.items() if key in known}


def _schema_keys(schema: Any) -> frozenset[str] | None:
    if schema is None:
        return None
    if is_dataclass(schema):
        return frozenset(field.name for field in fields(schema))
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return frozenset(schema.model_fields)
    try:
        return frozenset(get_type_hints(schema))
    except (TypeError, NameError):
        return None
