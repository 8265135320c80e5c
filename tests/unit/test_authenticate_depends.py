"""Authenticate handlers with FastAPI's dependencies, beside what every handler may ask for."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import Body, Depends, Header, HTTPException, Query, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from langgraph_sdk import Auth
from pydantic import BaseModel

from joinstream.auth.authenticator import HandlerAuthenticator
from joinstream.errors import StartupError
from joinstream.http.routing import path_params_by
from tests.support.door import MAX_BODY, ROUTES, SECRET, argument, door, post


def tenant(x_tenant: Annotated[str, Header()]) -> str:
    return x_tenant


async def shouted(tenant: Annotated[str, Depends(tenant)], a: Annotated[int, Query()]) -> str:
    return tenant.upper() * a


Bearer = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


async def test_dependencies_stand_beside_what_every_handler_may_ask_for() -> None:
    async def handler(
        method: str,
        credentials: Bearer,
        authorization: str | None,
        shouted: str = Depends(shouted),
        unasked: str = "default",
    ) -> Any:
        seen = [method, credentials.credentials, authorization, shouted, unasked]
        return {"identity": "ann", "seen": seen}

    assert await argument(handler) == ["POST", SECRET, f"Bearer {SECRET}", "RED", "default"]


async def test_a_handler_with_dependencies_need_not_be_async() -> None:
    def handler(request: Request, tenant: str = Depends(tenant)) -> Any:
        return {"identity": "ann", "seen": [request.method, tenant]}

    assert await argument(handler) == ["POST", "red"]


async def test_hints_may_be_text() -> None:
    async def handler(tenant: "Annotated[str, Depends(tenant)]", path: "str") -> Any:
        return {"identity": "ann", "seen": [tenant, path]}

    assert await argument(handler) == ["red", "/things/one"]


async def test_a_dependency_may_read_the_body_and_the_route_still_has_it() -> None:
    class Greeting(BaseModel):
        hello: str

    def greeting(body: Annotated[Greeting, Body()]) -> str:
        return body.hello

    async def handler(greeting: Annotated[str, Depends(greeting)]) -> Any:
        return {"identity": "ann", "seen": greeting}

    assert await argument(handler) == "world"


async def test_what_a_dependency_holds_open_is_closed_after_the_handler() -> None:
    steps = []

    async def session() -> AsyncIterator[str]:
        steps.append("open")
        yield "session"
        steps.append("close")

    async def handler(session: str = Depends(session)) -> str:
        steps.append(session)
        return "ann"

    assert (await post(handler)).status_code == 200
    assert steps == ["open", "session", "close"]


async def test_a_dependency_may_refuse() -> None:
    def refuse() -> str:
        raise HTTPException(402, "Pay first.", headers={"x-price": "7"})

    async def handler(paid: str = Depends(refuse)) -> str:
        return "ann"

    answer = await post(handler)
    assert (answer.status_code, answer.json()) == (402, {"detail": "Pay first."})
    assert answer.headers["x-price"] == "7"


async def test_the_handler_itself_may_refuse() -> None:
    async def handler(tenant: str = Depends(tenant)) -> str:
        raise Auth.exceptions.HTTPException(status_code=403, detail=f"Not {tenant}.")

    answer = await post(handler)
    assert (answer.status_code, answer.json()) == (403, {"detail": "Not red."})


@pytest.mark.parametrize(
    "scheme", [HTTPBearer(), APIKeyHeader(name="x-key")], ids=["bearer", "key"]
)
async def test_without_credentials_a_security_scheme_answers_for_itself(scheme: Any) -> None:
    async def handler(key: Annotated[Any, Security(scheme)]) -> str:
        return "ann"

    async with door(handler) as client:
        answer = await client.get("/things/one")
    assert answer.status_code in (401, 403)
    assert answer.json()["detail"]


async def test_what_a_dependency_lacks_is_named_and_nobody_gets_in() -> None:
    async def handler(shouted: str = Depends(shouted)) -> str:
        return "ann"

    async with door(handler) as client:
        answer = await client.get("/things/one", params={"a": SECRET})
    assert answer.status_code == 401
    assert "header x-tenant: Field required" in answer.json()["detail"]
    assert "query a: " in answer.json()["detail"]
    assert SECRET not in answer.text


async def test_a_dependency_that_fails_is_an_error_of_ours() -> None:
    def broken() -> str:
        raise ZeroDivisionError(SECRET)

    async def handler(broken: str = Depends(broken)) -> str:
        return "ann"

    answer = await post(handler)
    assert (answer.status_code, SECRET in answer.text) == (500, False)


async def test_a_dependency_reads_no_more_of_a_body_than_the_limit() -> None:
    def reads(body: Annotated[Any, Body()]) -> str:
        return "read"

    async def handler(read: str = Depends(reads)) -> str:
        return "ann"

    async with door(handler) as client:
        answer = await client.post("/things/one", json="x" * MAX_BODY)
    assert answer.status_code == 413


def test_dependencies_that_cannot_be_are_found_at_the_start() -> None:
    class Unknown:
        pass

    def wants(unknown: Unknown) -> str:
        return "never"

    async def handler(unknown: str = Depends(wants)) -> str:
        return "ann"

    with pytest.raises(StartupError, match="FastAPI cannot use the dependencies") as failed:
        HandlerAuthenticator(handler, allow_studio=False, path_params=path_params_by(ROUTES))
    assert "\n" not in str(failed.value)
