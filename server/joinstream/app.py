"""The API process: puts services, routes and middleware together."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Mount

from joinstream.backends import Backends
from joinstream.http import assistants, runs, system, thread_state, threads
from joinstream.http.errors import UnexpectedErrors, exception_handlers
from joinstream.http.sse import OpenStreams
from joinstream.project import Project
from joinstream.services import Services
from joinstream.services.run_streams import RunStreams
from joinstream.services.runs import LocalWorker, Runs
from joinstream.settings import CorsConfig, Settings
from joinstream.store.errors import as_request_error

EXPOSED_HEADERS = (
    "content-location",
    "location",
    "x-pagination-total",
    "x-pagination-next",
    "x-request-id",
)
"""What browsers may read of an answer; the clients need every one of them."""
