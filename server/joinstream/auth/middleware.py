"""Stands before the routes and lets nobody pass who is nobody."""

from langgraph_sdk.auth.exceptions import HTTPException as AuthRefusal
from starlette.authentication import AuthCredentials
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from joinstream.auth.access import as_caller
from joinstream.auth.authenticator import Authenticator
from joinstream.auth.body import RecordedBody
from joinstream.errors import RequestError

CALLER = "joinstream.caller"
"""Where the scope of a request that has been let in has its caller."""


class Authentication:
    """ASGI middleware. Refusals are raised, for the application's error handlers to answer; of a
    WebSocket, the upgrade is refused, which clients see as 403.

    `max_body` bounds what an authenticate handler may read of a body, in bytes. Routes find the
    user in `request.user`, its permissions in `request.auth.scopes`. A request that has been let in
    before, further out, is not asked again.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator, max_body: int) -> None:
        self._app = app
        self._authenticator = authenticator
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (caller := scope.get(CALLER)) is not None:
            with as_caller(caller):
                await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            try:
                caller = await self._authenticator(HTTPConnection(scope))
            except (RequestError, HTTPException, AuthRefusal):
                await send({"type": "websocket.close"})
                return
        else:
            body = RecordedBody(receive, self._max_body)
            caller = await self._authenticator(Request(scope, body.record))
            receive = body.replay
        known = {"user": caller.user, "auth": AuthCredentials(caller.permissions), CALLER: caller}
        with as_caller(caller):
            await self._app({**scope, **known}, receive, send)
