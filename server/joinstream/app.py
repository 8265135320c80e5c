"""The API: its use cases, routes and middleware, put together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, ExceptionHandler

from joinstream.auth.authority import Authority, load_authority
from joinstream.auth.middleware import Authentication
from joinstream.backends import Backends
from joinstream.encryption.configured import Ciphers
from joinstream.encryption.middleware import EncryptionContexts
from joinstream.http.errors import UnexpectedErrors
from joinstream.http.headers import ENCRYPTION_CONTEXT
from joinstream.http.openapi_additions import Additions, Document, DocumentedAuth
from joinstream.http.origins import KnownPages
from joinstream.http.routing import path_params_by
from joinstream.http.sse import OpenStreams
from joinstream.mounting.config import HttpConfig, http_config
from joinstream.mounting.custom_app import CustomApp, load_custom_app
from joinstream.mounting.documents import with_custom_routes
from joinstream.mounting.door import outermost
from joinstream.mounting.exceptions import exception_handlers_of, last_handlers_of
from joinstream.mounting.mounted import Guard, Mounted
from joinstream.mounting.switches import api_routes
from joinstream.project import Project
from joinstream.services.cron_scheduler import CronScheduler
from joinstream.services.run_creation import LocalWorker
from joinstream.settings import Settings
from joinstream.store.errors import as_request_error
from joinstream.use_cases import make_services
from joinstream.vitals import make_vitals


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
    if not settings.ff_v2_event_streaming:
        config = config.model_copy(update={"disable_event_streaming": True})
    custom = load_custom_app(config.app, project, settings.mount_prefix)
    routes = api_routes(config)
    authority = load_authority(
        settings, project, path_params_by(custom.routes if custom else [], routes.guarded)
    )
    services = make_services(settings, project, backends, authority.access, local_worker)
    handlers = exception_handlers_of(custom)
    guard = _guard(authority, settings, handlers, backends.ciphers)

    api = Starlette(
        routes=[*routes.open, *_behind(guard, routes.guarded)],
        middleware=[
            Middleware(
                UnexpectedErrors,
                translate=as_request_error,
                raises_unknown=custom is not None and custom.answers_every_exception,
            ),
            Middleware(KnownPages),
        ],
        exception_handlers={**handlers, **last_handlers_of(custom)},
        debug=custom is not None and custom.app.debug,
    )
    api.state.services = services
    api.state.vitals = make_vitals(backends)
    api.state.settings = settings
    api.state.open_streams = OpenStreams()
    api.state.configurable_headers = config.configurable_headers
    api.state.complete_document = _completing_documents(
        config,
        authority,
        project,
        custom,
        encrypts_in_contexts=backends.ciphers.handlers is not None,
    )

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
        openai_routes=routes.openai,
        has_custom_app=custom is not None,
        tells_browsers=settings.cors_is_chosen or not (custom and custom.has_cors),
        logged_headers=config.logging_headers,
        exception_handlers=handlers,
        translate=as_request_error,
        lifespan=lifespan,
    )
    app.state = api.state
    return app


def _completing_documents(
    config: HttpConfig,
    authority: Authority,
    project: Project,
    custom: CustomApp | None,
    *,
    encrypts_in_contexts: bool,
) -> Callable[[Document], Document]:
    """What this installation adds to the API document."""
    said = authority.openapi
    auth = DocumentedAuth(said.security_schemes, said.security, said.paths)
    headers = [ENCRYPTION_CONTEXT] if encrypts_in_contexts else []
    additions = Additions(project.graph_ids, auth, headers)
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
    authority: Authority,
    settings: Settings,
    handlers: Mapping[Any, ExceptionHandler],
    ciphers: Ciphers,
) -> Guard | None:
    """What stands before the API: who calls, and for whom is encrypted."""
    authenticator, encrypts = authority.authenticator, ciphers.fields is not None
    if authenticator is None and not encrypts:
        return None
    limit = settings.http_max_request_body_bytes

    def guarded(app: ASGIApp) -> ASGIApp:
        if encrypts:
            app = EncryptionContexts(app, ciphers.handlers)
        if authenticator is not None:
            app = Authentication(app, authenticator, limit)
        return ExceptionMiddleware(app, handlers)

    return guarded


def _behind(guard: Guard | None, routes: Sequence[BaseRoute]) -> list[BaseRoute]:
    """The routes, and every path there is not, behind the guard; or just as is."""
    return [Mount("", routes=routes, middleware=[Middleware(guard)])] if guard else [*routes]
