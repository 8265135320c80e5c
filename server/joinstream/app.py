"""The API: services, routes and middleware, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Mount

from joinstream.auth.authority import Authority, load_authority
from joinstream.auth.middleware import Authentication
from joinstream.backends import Backends
from joinstream.domain.ids import ThreadId
from joinstream.http import assistants, runs, system, thread_state, threads
from joinstream.http.errors import UnexpectedErrors, exception_handlers
from joinstream.http.routing import path_params_by
from joinstream.http.sse import OpenStreams
from joinstream.ports.access import Access
from joinstream.project import Project
from joinstream.services import Services
from joinstream.services.assistant_graphs import AssistantGraphs
from joinstream.services.assistant_removal import AssistantRemoval
from joinstream.services.assistants import Assistants
from joinstream.services.health import Health
from joinstream.services.run_streams import RunStreams
from joinstream.services.runs import LocalWorker, Runs
from joinstream.services.thread_states import ThreadStates
from joinstream.services.threads import Threads
from joinstream.settings import CorsConfig, Settings
from joinstream.store.assistants import PostgresAssistants
from joinstream.store.errors import as_request_error
from joinstream.store.threads import PostgresThreads

EXPOSED_HEADERS = (
    "content-location",
    "location",
    "retry-after",
    "x-pagination-next",
    "x-pagination-total",
    "x-request-id",
    "x-stream-position",
)
"""What browsers may read of an answer; the JavaScript clients need every one of them."""

NOBODYS_STREAM = UUID(int=0)
"""Asked for to learn whether the event log answers."""


def make_services(
    settings: Settings,
    project: Project,
    backends: Backends,
    access: Access,
    local_worker: LocalWorker | None,
) -> Services:
    """The use cases over these backends."""
    bus, checkpoints = backends.bus, backends.checkpoints
    thread_store = PostgresThreads(backends.pool, checkpoints.saver_on, settings.ttl_of_new_threads)
    thread_states = ThreadStates(thread_store, checkpoints, project, access)
    thread_service = Threads(thread_store, thread_states, bus.signals, bus.events, access)
    assistant_store = PostgresAssistants(backends.database)
    assistant_service = Assistants(assistant_store, project, access)
    run_service = Runs(
        backends.runs,
        assistant_service.resolve,
        bus.signals,
        bus.events,
        checkpoints,
        access,
        local_worker,
    )

    async def current_values(thread_id: ThreadId) -> object:
        return (await thread_states.read(thread_id, {}, subgraphs=False))["values"]

    return Services(
        assistants=assistant_service,
        assistant_graphs=AssistantGraphs(project, access),
        assistant_removal=AssistantRemoval(assistant_service, run_service, thread_service),
        threads=thread_service,
        thread_states=thread_states,
        runs=run_service,
        run_streams=RunStreams(
            run_service,
            backends.runs,
            bus.events,
            bus.hub,
            current_values,
            settings.heartbeat_seconds,
        ),
        health=Health(
            {
                "database": lambda: backends.database.execute("select 1"),
                "streams": lambda: bus.events.top(NOBODYS_STREAM),
            }
        ),
        project=project,
    )


def create_app(
    settings: Settings,
    project: Project,
    backends: Backends,
    *,
    local_worker: LocalWorker | None = None,
) -> Starlette:
    """The ASGI application of one API process. Call it in the loop that will serve it.

    Raises StartupError when the project's auth cannot be loaded.
    """
    protected = protected_routes()
    authority = load_authority(settings, project, path_params_by(protected))
    services = make_services(settings, project, backends, authority.access, local_worker)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await services.assistants.ensure_system_assistants()
        yield

    app = Starlette(
        routes=_routes(settings, _behind_auth(settings, authority, protected)),
        middleware=[
            Middleware(UnexpectedErrors, translate=as_request_error),
            _cors(settings),
        ],
        exception_handlers=exception_handlers,
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.settings = settings
    app.state.open_streams = OpenStreams()
    return app


def protected_routes() -> list[BaseRoute]:
    """What callers have to be known for, where there is auth."""
    return [*assistants.routes, *threads.routes, *thread_state.routes, *runs.routes]


def _behind_auth(
    settings: Settings, authority: Authority, protected: list[BaseRoute]
) -> list[BaseRoute]:
    """The routes, and every path there is not, for authenticated callers only; or just as is."""
    if authority.authenticator is None:
        return protected
    authentication = Middleware(
        Authentication, authority.authenticator, settings.http_max_request_body_bytes
    )
    return [Mount("", routes=protected, middleware=[authentication])]


def _routes(settings: Settings, protected: list[BaseRoute]) -> list[BaseRoute]:
    """Everything under the mount prefix; what load balancers ask for stays at the root too."""
    everything = [*system.routes, *protected]
    if not settings.mount_prefix:
        return everything
    probes = [route for route in system.routes if getattr(route, "path", "") in ("/", "/ok")]
    return [Mount(settings.mount_prefix, routes=everything), *probes]


def _cors(settings: Settings) -> Middleware:
    cors = settings.cors_config or CorsConfig(allow_origins=settings.cors_allow_origins)
    return Middleware(
        CORSMiddleware,
        allow_origins=cors.allow_origins,
        allow_methods=cors.allow_methods,
        allow_headers=cors.allow_headers,
        allow_credentials=cors.allow_credentials,
        allow_origin_regex=cors.allow_origin_regex,
        expose_headers=(*EXPOSED_HEADERS, *cors.expose_headers),
        max_age=cors.max_age,
    )
