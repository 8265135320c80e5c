"""An application of one route, which an authenticate handler guards."""

from collections.abc import Callable
from typing import Any

import httpx
from langgraph_sdk.auth.types import StudioUser
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route

from joinstream.auth.access import OpenAccess
from joinstream.auth.authenticator import HandlerAuthenticator
from joinstream.auth.middleware import Authentication
from joinstream.http.errors import UnexpectedErrors, exception_handlers
from joinstream.http.routing import path_params_by

MAX_BODY = 1000
SECRET = "s3cret"
Handler = Callable[..., Any]


async def describe(request: Request) -> JSONResponse:
    """What the route behind the door gets to see."""
    caller = OpenAccess().caller
    assert caller is not None
    return JSONResponse(
        {
            "body": (await request.body()).decode(),
            "user": caller.record,
            "permissions": caller.permissions,
            "request_user": request.user.identity,
            "scopes": request.auth.scopes,
            "studio": isinstance(request.user, StudioUser),
        }
    )


ROUTES: list[BaseRoute] = [Route("/things/{name}", describe, methods=["GET", "POST"])]


def door(handler: Handler, *, allow_studio: bool = False) -> httpx.AsyncClient:
    """A client of an application that this handler guards."""
    authenticator = HandlerAuthenticator(
        handler, allow_studio=allow_studio, path_params=path_params_by(ROUTES)
    )
    app = Starlette(
        routes=[
            Mount(
                "", routes=ROUTES, middleware=[Middleware(Authentication, authenticator, MAX_BODY)]
            )
        ],
        middleware=[Middleware(UnexpectedErrors, translate=lambda _: None)],
        exception_handlers=exception_handlers,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def post(handler: Handler) -> httpx.Response:
    """A request that has a little of everything."""
    async with door(handler) as client:
        return await client.post(
            "/things/one?a=1&b=2",
            json={"hello": "world"},
            headers={"authorization": f"Bearer {SECRET}", "x-tenant": "red"},
        )


async def argument(handler: Handler) -> Any:
    """What the handler, which returns it as the user's `seen`, was given."""
    answer = await post(handler)
    assert answer.status_code == 200, answer.text
    assert answer.json()["body"] == '{"hello":"world"}'
    return answer.json()["user"]["seen"]
