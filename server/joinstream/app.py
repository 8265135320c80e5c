"""The API: services, routes and middleware, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Mount

from joinstream.auth.authority import Authority, load_authority
from joinstream.auth.middleware import Authentication
from joinstream.backends import Backends, creation_rules
from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import AssistantId, ThreadId
from joinstream.domain.run_request import RunRequest
from joinstream.errors import NotFound
from joinstream.http import assistants, crons, items, runs, system, thread_state, threads, webhooks
from joinstream.http.errors import UnexpectedErrors, exception_handlers
from joinstream.http.parse import validated
from joinstream.http.routing import path_params_by
from joinstream.http.schemas.runs import RunCreate
from joinstream.http.sse import OpenStreams
from joinstream.ports.access import Access
from joinstream.project import Project
from joinstream.project.webhooks import webhooks_config
from joinstream.services import Services
from joinstream.services.assistant_graphs import AssistantGraphs
from joinstream.services.assistant_removal import AssistantRemoval
from joinstream.services.assistants import Assistants
from joinstream.services.cron_scheduler import CronScheduler
from joinstream.services.crons import Crons
from joinstream.services.health import Health
from joinstream.services.items import Items
from joinstream.services.run_creation import LocalWorker, ResolveAssistant, RunCreation
from joinstream.services.run_streams import RunStreams
from joinstream.services.runs import Runs
from joinstream.services.thread_states import ThreadStates
from joinstream.services.threads import Threads
from joinstream.services.webhooks import Webhooks
from joinstream.settings import CorsConfig, Settings
from joinstream.store.assistants import PostgresAssistants
from joinstream.store.crons import PostgresCrons
from joinstream.store.errors import as_request_error
from joinstream.store.runs import PostgresRuns
from joinstream.store.threads import PostgresThreads
from joinstream.store.webhooks import PostgresWebhooks

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
    project = project.with_store(backends.store)
    webhook_urls = webhooks_config(project.config).url_policy()
    thread_store = PostgresThreads(backends.pool, checkpoints.saver_on, settings.ttl_of_new_threads)
    thread_states = ThreadStates(thread_store, checkpoints, project, access)
    thread_service = Threads(thread_store, thread_states, bus.signals, bus.events, access)
    assistant_store = PostgresAssistants(backends.database)
    assistant_service = Assistants(assistant_store, project, access)
    run_creation = RunCreation(
        backends.runs, assistant_service.resolve, bus.signals, access, webhook_urls, local_worker
    )
    run_service = Runs(backends.runs, bus.signals, bus.events, checkpoints, access)

    cron_store = PostgresCrons(
        backends.pool, lambda database: PostgresRuns(database, creation_rules(settings))
    )
    scheduler = CronScheduler(
        cron_store,
        replace(run_creation, resolve_assistant=_by_id_in(assistant_store)),
        _request_of,
        bus.signals,
        settings.cron_scheduler_sleep_time,
    )

    async def current_values(thread_id: ThreadId) -> object:
        return (await thread_states.read(thread_id, {}, subgraphs=False))["values"]

    return Services(
        assistants=assistant_service,
        assistant_graphs=AssistantGraphs(project, access),
        assistant_removal=AssistantRemoval(assistant_service, run_service, thread_service),
        threads=thread_service,
        thread_states=thread_states,
        run_creation=run_creation,
        runs=run_service,
        run_streams=RunStreams(
            run_creation,
            run_service,
            backends.runs,
            bus.events,
            bus.hub,
            current_values,
            settings.heartbeat_seconds,
        ),
        crons=Crons(
            cron_store,
            assistant_service.resolve,
            thread_service,
            access,
            webhook_urls,
            scheduler.wake,
        ),
        cron_scheduler=scheduler,
        webhooks=Webhooks(PostgresWebhooks(backends.database), access),
        items=Items(backends.store, access, filters_are_ignored=settings.auth_default_allow),
        health=Health(
            {
                "database": lambda: backends.database.execute("select 1"),
                "streams": lambda: bus.events.top(NOBODYS_STREAM),
            }
        ),
        project=project,
    )


def _by_id_in(assistants: PostgresAssistants) -> ResolveAssistant:
    """Finds an assistant for the server itself, whoever it belongs to."""

    async def resolve(assistant_id: str) -> Assistant:
        found = await assistants.get(AssistantId(UUID(assistant_id)), None)
        if found is None:
            raise NotFound(f"Assistant {assistant_id} does not exist.")
        return found

    return resolve


def _request_of(payload: dict[str, Any]) -> RunRequest:
    return validated(payload, RunCreate).request()


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
        async with _firing_crons(services.cron_scheduler, settings):
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
    resources = (assistants, threads, thread_state, crons, runs, webhooks, items)
    return [route for resource in resources for route in resource.routes]


@asynccontextmanager
async def _firing_crons(scheduler: CronScheduler, settings: Settings) -> AsyncIterator[None]:
    if not settings.ff_crons_enabled:
        yield
        return
    firing = asyncio.create_task(scheduler.run_forever(), name="cron scheduler")
    try:
        yield
    finally:
        firing.cancel()
        with suppress(asyncio.CancelledError):
            await firing


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
