"""The API's routes, without those that `http.disable_…` switches off."""

from dataclasses import dataclass

from starlette.routing import Route, WebSocketRoute

from joinstream.a2a_api import routes as a2a_api
from joinstream.http import (
    assistants,
    crons,
    event_socket,
    event_streams,
    items,
    runs,
    set_aside,
    system,
    thread_state,
    thread_stream,
    threads,
    webhooks,
)
from joinstream.langserve_api import routes as langserve_api
from joinstream.mcp_api import routes as mcp_api
from joinstream.mounting.config import HttpConfig
from joinstream.openai_api import routes as openai_api


@dataclass(frozen=True, slots=True)
class ApiRoutes:
    """`open` to everybody, and `guarded` by whatever auth there is; `openai` are among these."""

    open: list[Route]
    guarded: list[Route | WebSocketRoute]
    openai: list[Route]


def api_routes(config: HttpConfig) -> ApiRoutes:
    """What a server of this configuration answers."""
    guarded: list[Route | WebSocketRoute] = []
    if not config.disable_assistants:
        guarded += assistants.routes
    if not config.disable_threads:
        guarded += [*threads.routes, *thread_state.routes]
    openai = [] if config.disable_runs or config.disable_openai else openai_api.routes
    if not config.disable_runs:
        guarded += [*crons.routes, *set_aside.routes, *runs.routes, *thread_stream.routes]
        if not config.disable_event_streaming:
            guarded += [*event_streams.routes, *event_socket.routes]
        if not config.disable_langserve:
            guarded += langserve_api.routes
        if not config.disable_mcp:
            guarded += mcp_api.routes
        if not config.disable_a2a:
            guarded += a2a_api.routes
    guarded += openai
    if not config.disable_store:
        guarded += items.routes
    if not config.disable_webhooks:
        guarded += webhooks.routes
    return ApiRoutes([system.liveness] if config.disable_meta else system.routes, guarded, openai)
