"""Calls as runs: which graph is meant, what it is given, and where."""

from typing import Any

from starlette.requests import Request

from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import ThreadId
from joinstream.domain.run_record import NewRun
from joinstream.domain.run_request import CHECKPOINT_KEYS, RunRequest
from joinstream.domain.stream_modes import StreamMode
from joinstream.errors import NotFound, Unprocessable
from joinstream.http.header_selection import for_graphs
from joinstream.http.services import services
from joinstream.langserve_api.inputs import graph_input
from joinstream.langserve_api.path_config import with_path_config
from joinstream.langserve_api.schemas import CallKwargs

_OF_A_CALLING_GRAPH = "__pregel_"


async def assistant_of(request: Request) -> Assistant:
    """The assistant that the path names. Raises NotFound."""
    graph: str = request.path_params["graph"]
    try:
        return await services(request).assistants.resolve(graph)
    except (NotFound, Unprocessable):
        raise NotFound(
            f"graph: {graph!r} is neither a graph of this server nor the UUID of an assistant."
        ) from None


async def prepared(
    request: Request,
    assistant: Assistant,
    call_input: Any,
    config: dict[str, Any],
    kwargs: CallKwargs,
    modes: tuple[StreamMode, ...] = (),
) -> NewRun:
    """The run of one call. Raises what preparing a run raises."""
    config = with_path_config(request, config)
    configurable = _without_callers(config.get("configurable") or {})
    thread_id = _thread_of(request, configurable.pop("thread_id", None))
    asked = RunRequest(
        assistant=str(assistant.assistant_id),
        input=graph_input(call_input),
        config={**config, "configurable": configurable},  # type: ignore[typeddict-item]  # checked
        context=kwargs.context,
        stream_mode=modes or ("values",),
        subgraphs=kwargs.subgraphs,
        interrupt_before=kwargs.interrupt_before,
        interrupt_after=kwargs.interrupt_after,
        durability=kwargs.durability,
        if_not_exists="create",
    )
    return await services(request).run_creation.prepare(thread_id, asked, for_graphs(request))


def _without_callers(configurable: dict[str, Any]) -> dict[str, Any]:
    """Without what is about the graph that makes the call, if one does: its clients send the whole
    config that they are called with."""
    if not any(key.startswith(_OF_A_CALLING_GRAPH) for key in configurable):
        return dict(configurable)
    return {
        key: value
        for key, value in configurable.items()
        if key not in CHECKPOINT_KEYS and not key.startswith("__")
    }


def _thread_of(request: Request, name: Any) -> ThreadId | None:
    """Raises Unprocessable for what names no thread."""
    if name is None:
        return None
    if not isinstance(name, str | int) or name == "":
        raise Unprocessable("config.configurable.thread_id: must be a text that is not empty.")
    return services(request).run_creation.thread_named(str(name))
