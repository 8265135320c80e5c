"""The API: services, routes and middleware, put together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ExceptionHandler

from joinstream.auth.authority import Authority, load_authority
from joinstream.auth.middleware import Authentication
from joinstream.backends import Backends, creation_rules
from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import AssistantId, ThreadId
from joinstream.domain.run_request import RunRequest
from joinstream.errors import NotFound
from joinstream.http.errors import UnexpectedErrors
from joinstream.http.openapi_additions import Additions, Document, DocumentedAuth
from joinstream.http.parse import validated
from joinstream.http.routing import path_params_by
from joinstream.http.schemas.runs import RunCreate
from joinstream.http.sse import OpenStreams
from joinstream.mounting.config import HttpConfig, http_config
from joinstream.mounting.custom_app import CustomApp, load_custom_app
from joinstream.mounting.documents import with_custom_routes
from joinstream.mounting.door import outermost
from joinstream.mounting.exceptions import exception_handlers_of, last_handlers_of
from joinstream.mounting.mounted import Guard, Mounted
from joinstream.mounting.switches import api_routes
from joinstream.ports.access import Access
from joinstream.project import Project
from joinstream.project.webhooks import webhooks_config
from joinstream.services import Services
from joinstream.services.assistant_graphs import AssistantGraphs
from joinstream.services.assistant_removal import AssistantRemoval
from joinstream.services.assistants import Assistants
from joinstream.services.cron_scheduler import CronScheduler
from joinstream.services.crons import Crons
from joinstream.services.figures import Figures
from joinstream.services.health import Health
from joinstream.services.items import Items
from joinstream.services.run_creation import LocalWorker, ResolveAssistant, RunCreation
from joinstream.services.run_streams import RunStreams
from joinstream.services.runs import Runs
from joinstream.services.set_aside import SetAsideRuns
from joinstream.services.thread_states import ThreadStates
from joinstream.services.threads import Threads
from joinstream.services.webhooks import Webhooks
from joinstream.settings import Settings
from joinstream.store.assistants import PostgresAssistants
from joinstream.store.crons import PostgresCrons
from joinstream.store.errors import as_request_error
from joinstream.store.runs import PostgresRuns
from joinstream.store.threads import PostgresThreads
from joinstream.store.webhooks import PostgresWebhooks

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
    switched_off = http_config(project.config).disable_webhooks
    webhook_urls = None if switched_off else webhooks_config(project.config).url_policy()
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
        set_aside_runs=SetAsideRuns(backends.runs, bus.signals, access),
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
        figures=Figures(backends.runs),
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

    Raises StartupError when the project's auth or its own application cannot be loaded.
    """
    config = http_config(project.config)
    custom = load_custom_app(config.app, project, settings.mount_prefix)
    routes = api_routes(config)
    authority = load_authority(
        settings, project, path_params_by(custom.routes if custom else [], routes.guarded)
    )
    services = make_services(settings, project, backends, authority.access, local_worker)
    handlers = exception_handlers_of(custom)
    guard = _guard(authority, settings, handlers)

    api = Starlette(
        routes=[*routes.open, *_behind(guard, routes.guarded)],
        middleware=[
            Middleware(
                UnexpectedErrors,
                translate=as_request_error,
                raises_unknown=custom is not None and custom.answers_every_exception,
            )
        ],
        exception_handlers={**handlers, **last_handlers_of(custom)},
        debug=custom is not None and custom.app.debug,
    )
    api.state.services = services
    api.state.settings = settings
    api.state.open_streams = OpenStreams()
    api.state.configurable_headers = config.configurable_headers
    api.state.complete_document = _completing_documents(config, authority, project, custom)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        await services.assistants.ensure_system_assistants()
        customs: AbstractAsyncContextManager[Mapping[str, Any]] = (
            custom.lifespan() if custom else nullcontext({})
        )
        async with customs as state, _firing_crons(services.cron_scheduler, settings):
            yield state

    app = outermost(
        Mounted(custom, api, routes, config, guard, backends.store) if custom else api,
        settings,
        open_routes=routes.open,
        tells_browsers=settings.cors_is_chosen or not (custom and custom.has_cors),
        logged_headers=config.logging_headers,
        exception_handlers=handlers,
        translate=as_request_error,
        lifespan=lifespan,
    )
    app.state = api.state
    return app


def _completing_documents(
    config: HttpConfig, authority: Authority, project: Project, custom: CustomApp | None
) -> Callable[[Document], Document]:
    """What this installation adds to the API document."""
    said = authority.openapi
    auth = DocumentedAuth(said.security_schemes, said.security, said.paths)
    additions = Additions(project.graph_ids, auth)
    security = said.security if config.enable_custom_route_auth else []

    def complete(document: Document) -> Document:
        document = additions.to(document)
        return with_custom_routes(document, custom, security) if custom else document

    return complete


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


def _guard(
    authority: Authority, settings: Settings, handlers: Mapping[Any, ExceptionHandler]
) -> Guard | None:
    authenticator = authority.authenticator
    if authenticator is None:
        return None
    limit = settings.http_max_request_body_bytes
    return lambda app: ExceptionMiddleware(Authentication(app, authenticator, limit), handlers)


def _behind(guard: Guard | None, routes: list[Route]) -> list[BaseRoute]:
    """The routes, and every path there is not, for known callers only; or just as is."""
    return [Mount("", routes=routes, middleware=[Middleware(guard)])] if guard else [*routes]
