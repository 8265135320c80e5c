"""A project's own application, `http.app` of `langgraph.json`."""

import inspect
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Mount
from starlette.types import ExceptionHandler

from joinstream.errors import StartupError
from joinstream.project import Project, explain, load_object

log = structlog.get_logger(__name__)

EVERYTHING = (500, Exception)
"""Keys of an exception handler for whatever no other handler is for."""


@dataclass(frozen=True, slots=True)
class CustomApp:
    """The user's Starlette or FastAPI application. `target` is how `langgraph.json` names it."""

    app: Starlette
    target: str
    folder: Path

    @property
    def routes(self) -> list[BaseRoute]:
        """As they are now: a lifespan may add some."""
        return self.app.router.routes

    @property
    def has_cors(self) -> bool:
        """Whether it tells browsers itself which pages may call."""
        return any(
            isinstance(item.cls, type) and issubclass(item.cls, CORSMiddleware)
            for item in self.app.user_middleware
        )

    @property
    def answers_every_exception(self) -> bool:
        """By a handler of its own, or by the page for debugging."""
        return self.app.debug or any(key in self.app.exception_handlers for key in EVERYTHING)

    @property
    def exception_handlers(self) -> Mapping[Any, ExceptionHandler]:
        """Those that the user has written, by status or class, without one for everything."""
        return {
            key: handler
            for key, handler in self.app.exception_handlers.items()
            if key not in EVERYTHING and not _is_fastapis(handler)
        }

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[Mapping[str, Any]]:
        """Its own start and end; gives the state that its requests share.

        Raises StartupError in one line when the start fails.
        """
        async with AsyncExitStack() as stack:
            context = self.app.router.lifespan_context(self.app)
            try:
                state = await stack.enter_async_context(context)
            except (Exception, SystemExit) as error:
                raise StartupError(
                    f"http.app: the lifespan of {self.target} failed at its start: "
                    f"{explain(error, self.folder)}"
                ) from error
            yield state or {}


def load_custom_app(target: str | None, project: Project, mount_prefix: str) -> CustomApp | None:
    """The application that `http.app` names. Raises StartupError in one line."""
    if target is None:
        return None
    found = load_object(target, project.folder, "http.app")
    if not isinstance(found, Starlette):
        raise StartupError(
            f"http.app: {target} is {_kind(found)}, not a Starlette or FastAPI application; "
            f"{_remedy(found)}"
        )
    if mount_prefix and getattr(found, "root_path", "") not in ("", mount_prefix):
        raise StartupError(
            f"http.app: {target} has a root_path, and there is the mount prefix {mount_prefix}; "
            "take root_path out, the prefix is given to the application as such"
        )
    if any(isinstance(route, Mount) and not route.path for route in found.routes):
        log.warning("http.app mounts something at /, which hides the whole API", app=target)
    return CustomApp(found, target, project.folder)


def _kind(found: object) -> str:
    if isinstance(found, type):
        return f"the class {found.__name__}"
    if inspect.isroutine(found):
        return f"the function {found.__name__}"
    return f"of type {type(found).__name__}"


def _remedy(found: object) -> str:
    if isinstance(getattr(found, "app", None), Starlette):
        return "name the one inside of it, and wrap that by its own add_middleware"
    return "name a variable that holds one"


def _is_fastapis(handler: ExceptionHandler) -> bool:
    """Whether FastAPI has put it there by itself."""
    return getattr(handler, "__module__", "").startswith("fastapi.")
