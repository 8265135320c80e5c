"""Authenticate handlers as users write them: what they may ask for, return and raise."""

from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from langgraph_sdk import Auth
from pydantic import BaseModel
from starlette.authentication import AuthenticationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from joinstream.auth.access import OpenAccess
from joinstream.auth.authenticator import HandlerAuthenticator
from joinstream.auth.middleware import Authentication
from joinstream.errors import StartupError
from tests.support.door import MAX_BODY, SECRET, Handler, argument, door, post


async def test_every_argument_is_given_by_its_name() -> None:
    async def all_at_once(
        request: Request,
        body: dict[str, Any],
        user: Any,
        path: str,
        method: str,
        scopes: list[str],
        path_params: dict[str, str],
        query_params: dict[str, str],
        headers: dict[bytes, bytes],
        authorization: str | None,
        scope: dict[str, Any],
    ) -> Any:
        seen = {
            "request": await request.json(),
            "body": body,
            "user": user,
            "path": path,
            "method": method,
            "scopes": scopes,
            "path_params": path_params,
            "query_params": query_params,
            "header": headers[b"x-tenant"].decode(),
            "authorization": authorization,
            "scope": scope["type"],
        }
        return {"identity": "ann", "seen": seen}

    assert await argument(all_at_once) == {
        "request": {"hello": "world"},
        "body": {"hello": "world"},
        "user": None,
        "path": "/things/one",
        "method": "POST",
        "scopes": [],
        "path_params": {"name": "one"},
        "query_params": {"a": "1", "b": "2"},
        "header": "red",
        "authorization": f"Bearer {SECRET}",
        "scope": "http",
    }


async def test_a_handler_need_not_be_async() -> None:
    def plain(authorization: str) -> Any:
        return {"identity": "ann", "seen": authorization}

    assert await argument(plain) == f"Bearer {SECRET}"


async def test_an_object_with_an_async_call_is_a_handler() -> None:
    class Authenticate:
        async def __call__(self, method: str) -> Any:
            return {"identity": "ann", "seen": method}

    assert await argument(Authenticate()) == "POST"


async def test_what_has_a_default_is_left_to_it() -> None:
    async def handler(method: str, verifier: str = "mine", **others: Any) -> Any:
        return {"identity": "ann", "seen": [method, verifier, others]}

    assert await argument(handler) == ["POST", "mine", {}]


async def test_without_a_header_or_a_body_there_is_none() -> None:
    async def handler(authorization: str | None, body: Any) -> Any:
        return {"identity": "ann", "seen": [authorization, body]}

    async with door(handler) as client:
        answer = await client.get("/things/one")
    assert answer.json()["user"]["seen"] == [None, None]


def test_what_nobody_can_give_is_found_at_the_start() -> None:
    async def handler(token: str) -> str:
        return token

    with pytest.raises(StartupError, match="'token'"):
        door(handler)


@dataclass
class UserOfData:
    identity: str
    team: str
    permissions: tuple[str, ...] = ("write",)


class UserOfPydantic(BaseModel):
    identity: str
    team: str
    permissions: list[str] = ["write"]


class UserOfProperties:
    team = "red"
    permissions = ("write",)

    @property
    def identity(self) -> str:
        return "ann"


@pytest.mark.parametrize(
    "returned",
    [
        {"identity": "ann", "permissions": ["write"]},
        UserOfData("ann", "red"),
        UserOfPydantic(identity="ann", team="red"),
        UserOfProperties(),
        (["write"], "ann"),
        (["write"], {"identity": "ann", "permissions": ["overruled"]}),
    ],
    ids=lambda returned: type(returned).__name__,
)
async def test_users_of_every_form_are_one_user(returned: Any) -> None:
    async def handler() -> Any:
        return returned

    seen = (await post(handler)).json()
    assert (seen["request_user"], seen["user"]["identity"]) == ("ann", "ann")
    assert seen["permissions"] == seen["scopes"] == seen["user"]["permissions"] == ["write"]
    assert seen["user"]["display_name"] == "ann"
    assert seen["user"]["is_authenticated"] is True


async def test_a_text_is_an_identity() -> None:
    async def handler() -> str:
        return "ann"

    seen = (await post(handler)).json()
    assert (seen["user"]["identity"], seen["permissions"]) == ("ann", [])


@pytest.mark.parametrize("returned", [{"identity": "é" * 500, "permissions": None}, (None, "ann")])
async def test_no_permissions_are_none(returned: Any) -> None:
    async def handler() -> Any:
        return returned

    seen = (await post(handler)).json()
    assert seen["permissions"] == seen["scopes"] == seen["user"]["permissions"] == []


@pytest.mark.parametrize("returned", [None, {"identity": "ann", "is_authenticated": False}])
async def test_nobody_is_unauthorized(returned: Any) -> None:
    async def handler() -> Any:
        return returned

    answer = await post(handler)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


NUMBER: Any = {"retry-after": 5}
"""What type checkers refuse, and handlers send all the same."""

REFUSALS = [
    (Auth.exceptions.HTTPException(), 401, "Unauthorized"),
    (Auth.exceptions.HTTPException(status_code=403, detail="no"), 403, "no"),
    (Auth.exceptions.HTTPException(status_code=418, detail="teapot"), 418, "teapot"),
    (Auth.exceptions.HTTPException(status_code=429, headers=NUMBER), 429, "Too Many Requests"),
    (HTTPException(status_code=402, detail="pay"), 402, "pay"),
    (AuthenticationError("expired"), 403, "expired"),
]


@pytest.mark.parametrize(
    ("error", "status", "detail"), REFUSALS, ids=[str(status) for _, status, _ in REFUSALS]
)
async def test_a_refusal_has_the_status_it_asks_for(
    error: Exception, status: int, detail: str
) -> None:
    async def handler() -> Any:
        raise error

    answer = await post(handler)
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


async def test_a_refusal_may_send_headers() -> None:
    async def handler() -> Any:
        raise Auth.exceptions.HTTPException(headers={"WWW-Authenticate": "Basic"})

    assert (await post(handler)).headers["www-authenticate"] == "Basic"


@pytest.mark.parametrize(
    "returned_or_raised",
    [
        RuntimeError("broken"),
        TimeoutError("the identity provider is away"),
        AssertionError("broken"),
        Auth.exceptions.HTTPException(status_code=200),
        42,
        {"name": "ann"},
        {"identity": ""},
        {"identity": "é" * 501},
    ],
    ids=repr,
)
async def test_a_handler_that_fails_is_an_error_of_ours_that_is_logged(
    returned_or_raised: Any,
) -> None:
    async def handler(authorization: str) -> Any:
        if isinstance(returned_or_raised, Exception):
            raise returned_or_raised
        return returned_or_raised

    with structlog.testing.capture_logs() as logs:
        answer = await post(handler)
    assert answer.status_code == 500
    assert set(answer.json()) == {"detail"}
    assert "broken" not in answer.text
    (line,) = logs
    assert line["event"] == "request_failed"
    assert line["request_id"] == answer.headers["x-request-id"]
    assert SECRET not in repr(line)


async def test_studio_is_nobody_unless_it_is_let_in() -> None:
    async def handler() -> Any:
        raise Auth.exceptions.HTTPException()

    studio = {"x-auth-scheme": "langsmith"}
    async with door(handler) as client:
        assert (await client.get("/things/one", headers=studio)).status_code == 401
    async with door(handler, allow_studio=True) as client:
        answer = (await client.get("/things/one", headers=studio)).json()
        assert (await client.get("/things/one")).status_code == 401
    assert (answer["studio"], answer["user"]["kind"]) == (True, "StudioUser")


@pytest.mark.parametrize("wanted", ["request", "body"])
async def test_a_handler_reads_no_more_of_a_body_than_the_limit(wanted: str) -> None:
    async def by_request(request: Request) -> Any:
        return {"identity": "ann", "seen": len(await request.body())}

    async def by_body(body: Any) -> Any:
        return {"identity": "ann", "seen": len(body)}

    async with door(by_request if wanted == "request" else by_body) as client:
        answer = await client.post("/things/one", json="x" * MAX_BODY)
    assert answer.status_code == 413


async def upgrade(handler: Handler) -> list[str]:
    """What a WebSocket gets to see, of which a route behind the door would accept."""
    sent: list[str] = []

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})

    async def receive() -> Message:
        raise AssertionError("nobody reads from a socket that is not accepted")

    async def send(message: Message) -> None:
        sent.append(message["type"])

    authenticator = HandlerAuthenticator(handler, allow_studio=False, path_params=lambda _: {})
    guarded = Authentication(route, authenticator, MAX_BODY)
    headers = [(b"authorization", b"ann")]
    scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": headers}
    await guarded(scope, receive, send)
    return sent


async def test_a_websocket_is_accepted_from_those_who_are_known() -> None:
    async def known(authorization: str) -> str:
        return authorization

    async def unknown(authorization: str) -> str:
        raise Auth.exceptions.HTTPException()

    async def wants_a_request(request: Request) -> str:
        return "ann"

    assert await upgrade(known) == ["websocket.accept"]
    assert await upgrade(unknown) == ["websocket.close"]
    assert await upgrade(wants_a_request) == ["websocket.close"]


async def test_no_caller_is_left_behind_after_a_request() -> None:
    async def handler() -> str:
        return "ann"

    await post(handler)
    assert OpenAccess().caller is None
