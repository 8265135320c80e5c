"""A graph's inputs, outputs, state and settings as JSON schemas."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypedDict

from langgraph.channels.base import BaseChannel
from pydantic import BaseModel, create_model

from joinstream.project.factories import AnyGraph

JsonSchema = dict[str, Any]


class GraphSchemas(TypedDict):
    """Each is None when the graph's types cannot be expressed as JSON schema."""

    input_schema: JsonSchema | None
    output_schema: JsonSchema | None
    state_schema: JsonSchema | None
    config_schema: JsonSchema | None
    context_schema: JsonSchema | None


def graph_schemas(graph: AnyGraph) -> GraphSchemas:
    """Describe a graph. Never raises: a schema that fails is None and harms no other."""
    return GraphSchemas(
        input_schema=_or_none(graph.get_input_jsonschema),
        output_schema=_or_none(graph.get_output_jsonschema),
        state_schema=_or_none(lambda: _state_schema(graph)),
        config_schema=_or_none(lambda: _config_schema(graph)),
        context_schema=_or_none(graph.get_context_jsonschema),
    )


def _or_none(describe: Callable[[], JsonSchema | None]) -> JsonSchema | None:
    try:
        return describe()
    except Exception:  # any type of the user's may refuse to be described
        return None


def _state_schema(graph: AnyGraph) -> JsonSchema:
    """Every channel a client can see; those without a JSON schema are left out."""
    fields: dict[str, Any] = {}
    for name in graph.stream_channels_list:
        channel = graph.channels[name]
        if isinstance(channel, BaseChannel) and _or_none(partial(_describe, channel)):
            fields[name] = (channel.UpdateType, None)
    state: type[BaseModel] = create_model(graph.get_name("State"), **fields)
    return state.model_json_schema()


def _describe(channel: BaseChannel[Any, Any, Any]) -> JsonSchema:
    return create_model("Channel", value=(channel.UpdateType, None)).model_json_schema()


def _config_schema(graph: AnyGraph) -> JsonSchema | None:
    """What may stand in `configurable`: the context schema, seen from the older API."""
    return graph.get_context_jsonschema()
