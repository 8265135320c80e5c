"""Keys a client may not set: the server, the tracer or the graph runtime writes them itself.

They are dropped without an error, as in the official server, because clients send back what they
once received.
"""

from collections.abc import Mapping
from typing import Any

RESERVED_CONFIGURABLE: frozenset[str] = frozenset(
    {
        "langgraph_auth_user",
        "langgraph_auth_user_id",
        "langgraph_auth_permissions",
        "langgraph_request_id",
        "__langsmith_project__",
        "__langsmith_example_id__",
        "__request_start_time_ms__",
        "__after_seconds__",
        "__otel_traceparent__",
        "__otel_tracestate__",
        "__dd_trace_headers__",
        "__pregel_node_finished",
        "__context_provided__",
    }
)
"""Refused in `config.configurable` and `context`."""

RESERVED_METADATA: frozenset[str] = frozenset(
    {"thread_id", "assistant_id", "run_id", "cron_id", "counters_since_delta_snapshot"}
)
"""Refused in `metadata` and `config.metadata` of a write."""

SERVERS_OWN: frozenset[str] = frozenset(
    {
        "assistant_id",
        "checkpoint_id",
        "checkpoint_map",
        "checkpoint_ns",
        "counters_since_delta_snapshot",
        "cron_id",
        "graph_id",
        "langgraph_api_url",
        "langgraph_api_version",
        "langgraph_auth_permissions",
        "langgraph_auth_user_id",
        "langgraph_host",
        "langgraph_plan",
        "langgraph_request_id",
        "langgraph_version",
        "max_concurrency",
        "recursion_limit",
        "run_id",
        "task_id",
        "thread_id",
    }
)
"""Keys of metadata and configs that are never encrypted: the server reads them."""


def client_configurable(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in RESERVED_CONFIGURABLE}


def client_metadata(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in RESERVED_METADATA}


def client_config(given: Mapping[str, Any]) -> dict[str, Any]:
    """A run or assistant config with its `configurable` and `metadata` cleaned."""
    config = dict(given)
    if isinstance(config.get("configurable"), Mapping):
        config["configurable"] = client_configurable(config["configurable"])
    if isinstance(config.get("metadata"), Mapping):
        config["metadata"] = client_metadata(config["metadata"])
    return config
