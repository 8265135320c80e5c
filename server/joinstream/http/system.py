"""What the server says about itself: its health, its version, its API."""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from joinstream import __version__
from joinstream.domain.failures import KNOWS_STRICT_RESUME
from joinstream.errors import Unavailable
from joinstream.http.openapi import openapi_document
from joinstream.http.respond import json_response
from joinstream.http.routing import leaf_routes, operation
from joinstream.http.schemas.base import Query
from joinstream.http.services import vitals


class OkQuery(Query):
    """Whether every backing service is asked too."""

    check_db: bool = False


async def ok(request: Request, query: OkQuery) -> Response:
    """Alive; with `check_db`, also whether every backing service answers, else 503."""
    verdicts = await vitals(request).health.check() if query.check_db else {}
    healthy = "unhealthy" not in verdicts.values()
    if healthy:
        return json_response({"ok": True, "services": verdicts})
    away = ", ".join(name for name, verdict in verdicts.items() if verdict == "unhealthy")
    answer = {"ok": False, "services": verdicts, "detail": f"Not reachable: {away}."}
    return json_response(answer, 503, {"Retry-After": "2"})


async def alive(_: Request) -> Response:
    """As `ok`, but never looks at anything: for servers that say nothing of themselves."""
    return json_response({"ok": True, "services": {}})


class MetricsQuery(Query):
    """`json` has a few of them, in the official server's keys."""

    format: Literal["prometheus", "json"] = "prometheus"


async def metrics(request: Request, query: MetricsQuery) -> Response:
    figures = vitals(request).figures
    if query.format == "json":
        return json_response(await figures.as_json())
    return Response(await figures.for_prometheus(), media_type=CONTENT_TYPE_LATEST)


async def info(request: Request) -> Response:
    paths = {route.path for route in leaf_routes(request.app.routes)}
    return json_response(
        {
            "version": __version__,
            "langgraph_py_version": version("langgraph"),
            "flags": {
                "assistants": "/assistants" in paths,
                "crons": "/runs/crons" in paths,
                "stream_namespaces": True,
                "strict_resume": KNOWS_STRICT_RESUME,
                "langsmith": False,
                "langsmith_tracing_replicas": False,
                "langsmith_tracing_session_on_runs": False,
            },
            "host": {
                "kind": "self-hosted",
                "project_id": None,
                "host_revision_id": None,
                "revision_id": None,
                "tenant_id": None,
            },
        }
    )


async def openapi(request: Request) -> Response:
    state = request.app.state
    if not hasattr(state, "openapi"):
        own = openapi_document(request.app.routes, request.scope.get("root_path", ""))
        state.openapi = state.complete_document(own)
    return json_response(state.openapi)


@cache
def _docs_page() -> str:
    return Path(__file__).with_name("docs.html").read_text(encoding="utf-8")


async def docs(_: Request) -> Response:
    """A page that renders openapi.json; it needs nothing from any other host."""
    return HTMLResponse(_docs_page())


routes: list[Route] = [
    operation(
        "GET",
        "/ok",
        ok,
        query=OkQuery,
        returns=dict[str, Any],
        raises=(Unavailable,),
        summary="Whether the server, and with check_db what it stands on, is well",
        public=True,
    ),
    operation(
        "GET",
        "/",
        ok,
        query=OkQuery,
        returns=dict[str, Any],
        raises=(Unavailable,),
        summary="The same as /ok",
        public=True,
    ),
    operation(
        "GET",
        "/metrics",
        metrics,
        query=MetricsQuery,
        content="text/plain",
        or_as={"application/json": dict[str, Any]},
        summary="What the server counts, for Prometheus",
        public=True,
    ),
    operation(
        "GET", "/info", info, returns=dict[str, Any], summary="Versions and features", public=True
    ),
    operation(
        "GET",
        "/openapi.json",
        openapi,
        returns=dict[str, Any],
        summary="This document",
        public=True,
    ),
    operation(
        "GET", "/docs", docs, content="text/html", summary="This document as a page", public=True
    ),
]

liveness = operation(
    "GET", "/ok", alive, returns=dict[str, Any], summary="Whether the server is up", public=True
)
"""The one that stays with `http.disable_meta`."""
