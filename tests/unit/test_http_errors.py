"""Requests that cannot be served, seen from the client: a status, a reason, a living connection."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Annotated, Literal

import httpx
import pytest
from pydantic import AfterValidator, Field
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from joinstream.errors import RequestError, Unavailable
from joinstream.http.errors import UnexpectedErrors, exception_handlers
from joinstream.http.parse import path_uuid
from joinstream.http.respond import json_response
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.schemas.base import Body, Config, Id, Metadata, Query

LIMIT = 1000


class Limits(Body):
    recursion_limit: int = 10


def _short(marks: dict[str, int]) -> dict[str, int]:
    if any(" " in name for name in marks):
        raise ValueError("take short names")
    return marks


class Order(Body):
    assistant_id: Annotated[str, Field(min_length=1)]
    marks: Annotated[dict[str, int], AfterValidator(_short)] = Field(default_factory=dict)
    tags: Annotated[list[str], Field(min_length=1)] | None = None
    thread_id: Id | None = None
    config: Limits = Limits()
    metadata: Metadata = Field(default_factory=dict)
    run_config: Config = Field(default_factory=dict)
    modes: Literal["values", "updates"] | list[Literal["values", "updates"]] = "values"
    limit: Annotated[int, Field(ge=1, le=1000)] = 10


class Look(Query):
    flag: bool = False
    limit: Annotated[int, Field(ge=1, le=50)] = 10
    after: Id | None = None
    kind: Literal["a", "b"] | None = None
    select: list[Literal["a", "b"]] = Field(default_factory=list)


async def echo(_: Request, body: Order) -> Response:
    return json_response(body.model_dump())


async def read(request: Request, query: Look) -> Response:
    given = query.model_dump(exclude_unset=True)
    return json_response({"id": path_uuid(request, "thing_id"), **given})


async def fail(_: Request) -> Response:
    raise ZeroDivisionError


async def lose_postgres(_: Request) -> Response:
    raise ConnectionRefusedError


def as_unavailable(error: Exception) -> RequestError | None:
    return Unavailable("Postgres is away") if isinstance(error, ConnectionError) else None


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(
        routes=[
            operation_with_body("POST", "/orders", echo, body=Order, summary="Echo"),
            operation("GET", "/things/{thing_id}", read, query=Look, summary="Read"),
            operation("DELETE", "/things/{thing_id}", read, query=Look, summary="Delete"),
            operation("GET", "/fail", fail, summary="Fail"),
            operation("GET", "/away", lose_postgres, summary="Lose Postgres"),
        ],
        exception_handlers=exception_handlers,
        middleware=[Middleware(UnexpectedErrors, translate=as_unavailable)],
    )
    app.state.settings = SimpleNamespace(http_max_request_body_bytes=LIMIT)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        yield client


async def post(client: httpx.AsyncClient, body: str) -> str:
    response = await client.post("/orders", content=body)
    assert response.status_code == 422
    return str(response.json()["detail"])


async def test_a_missing_field_is_named(client: httpx.AsyncClient) -> None:
    assert await post(client, "{}") == "assistant_id: is required."


async def test_a_wrong_type_deep_in_the_body_is_named_with_its_path(
    client: httpx.AsyncClient,
) -> None:
    detail = await post(client, '{"assistant_id":"a","config":{"recursion_limit":"ten"}}')
    assert detail == "config.recursion_limit: must be a valid integer, got 'ten'."


async def test_a_config_is_checked_as_far_as_it_is_known(client: httpx.AsyncClient) -> None:
    given = '{"assistant_id":"a","run_config":{"recursion_limit":"10","configurable":[],"x":1}}'
    assert (await post(client, given)).splitlines() == [
        "run_config.recursion_limit: must be a valid integer, got '10'.",
        "run_config.configurable: must be an object, got an array.",
    ]


async def test_several_faults_have_a_line_each(client: httpx.AsyncClient) -> None:
    detail = await post(client, '{"limit":0,"thread_id":"x"}')
    assert [line.split(":")[0] for line in detail.splitlines()] == [
        "assistant_id",
        "thread_id",
        "limit",
    ]


async def test_a_field_with_alternatives_lists_all_of_them_on_one_line(
    client: httpx.AsyncClient,
) -> None:
    detail = await post(client, '{"assistant_id":"a","modes":"tools"}')
    assert detail == ("modes: must be 'values' or 'updates' or must be a valid list, got 'tools'.")


async def test_a_bad_item_of_a_list_is_named_by_its_position(client: httpx.AsyncClient) -> None:
    detail = await post(client, '{"assistant_id":"a","modes":["values","tools"]}')
    assert "modes[1]: must be 'values' or 'updates', got 'tools'." in detail


async def test_what_an_object_or_an_array_lacks_is_told_without_a_word_of_pydantic(
    client: httpx.AsyncClient,
) -> None:
    detail = await post(client, '{"assistant_id":"","marks":{"long name":1},"tags":[]}')
    assert detail.splitlines() == [
        "assistant_id: must have at least 1 character, got ''.",
        "marks: take short names.",
        "tags: must have at least 1 item.",
    ]


@pytest.mark.parametrize("body", ["[]", "null", "3", '"text"'])
async def test_a_body_that_is_no_object_is_refused(client: httpx.AsyncClient, body: str) -> None:
    assert (await post(client, body)).startswith("body: must be an object, got ")


async def test_broken_json_is_refused_with_its_position(client: httpx.AsyncClient) -> None:
    assert "at line 2 column" in await post(client, '{"assistant_id":\n "a"')


@pytest.mark.parametrize("body", ["", "  \n"])
async def test_an_empty_body_is_refused(client: httpx.AsyncClient, body: str) -> None:
    assert "is empty" in await post(client, body)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x00", b'"\xed\xa0\x80"'])
async def test_bytes_that_are_no_text_are_refused(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await client.post("/orders", content=body)).status_code == 422


async def test_nul_characters_become_replacement_characters(client: httpx.AsyncClient) -> None:
    response = await client.post("/orders", content=r'{"assistant_id":"a\u0000b\\u0000"}')
    assert response.json()["assistant_id"] == "a\ufffdb\\u0000"


async def test_keys_only_the_server_may_set_are_dropped(client: httpx.AsyncClient) -> None:
    body = {
        "assistant_id": "a",
        "metadata": {"thread_id": 1, "mine": 2},
        "run_config": {
            "configurable": {"langgraph_auth_user": 1, "mine": 2},
            "metadata": {"run_id": 1, "mine": 2},
        },
    }
    answer = (await client.post("/orders", json=body)).json()
    assert answer["metadata"] == {"mine": 2}
    assert answer["run_config"] == {"configurable": {"mine": 2}, "metadata": {"mine": 2}}


async def test_a_declared_size_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/orders", content=b"x" * (LIMIT + 1))
    assert response.status_code == 413
    assert str(LIMIT) in response.json()["detail"]


async def test_an_endless_body_is_refused_at_the_limit(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100

    assert (await client.post("/orders", content=endless())).status_code == 413


async def test_an_id_that_is_no_uuid_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.get("/things/zz")
    assert (response.status_code, response.json()["detail"]) == (
        422,
        "thing_id: must be a UUID, got 'zz'.",
    )


ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("?select=&limit=&flag=&kind=&after=", {}),
        ("?flag=YES&limit=50", {"flag": True, "limit": 50}),
        ("?flag=true&flag=0", {"flag": False}),
        (f"?after={ID}&kind=b", {"after": ID, "kind": "b"}),
        ("?select=a&select=b", {"select": ["a", "b"]}),
        ('?select=["a","b"]', {"select": ["a", "b"]}),
        ("?select=a,b", {"select": ["a", "b"]}),
        ("?unknown=1", {}),
    ],
)
async def test_queries_are_read_in_every_form_the_clients_send(
    client: httpx.AsyncClient, query: str, expected: dict[str, object]
) -> None:
    assert (await client.get(f"/things/{ID}{query}")).json() == {"id": ID, **expected}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=abc", "limit: must be a valid integer, got 'abc'."),
        ("limit=0", "limit: must be greater than or equal to 1, got '0'."),
        ("limit=51", "limit: must be less than or equal to 50, got '51'."),
        ("flag=maybe", "flag: must be a valid boolean, got 'maybe'."),
        ("after=yesterday", "after: must be a valid UUID, got 'yesterday'."),
        ("kind=c", "kind: must be 'a' or 'b', got 'c'."),
        ("select=a,c", "select[1]: must be 'a' or 'b', got 'c'."),
        ("select=[1]", "select: must be a JSON array of strings, got '[1]'."),
        ("select=[", "select: must be a JSON array of strings, got '['."),
        (
            "limit=x&kind=c",
            "limit: must be a valid integer, got 'x'.\nkind: must be 'a' or 'b', got 'c'.",
        ),
    ],
)
async def test_bad_query_values_are_refused_by_name(
    client: httpx.AsyncClient, query: str, expected: str
) -> None:
    response = await client.get(f"/things/{ID}?{query}")
    assert (response.status_code, response.json()["detail"]) == (422, expected)


async def test_an_unknown_path_is_a_json_404(client: httpx.AsyncClient) -> None:
    response = await client.get("/nowhere")
    assert (response.status_code, response.json()["detail"]) == (
        404,
        "There is nothing at /nowhere.",
    )


async def test_a_wrong_method_is_told_every_right_one(client: httpx.AsyncClient) -> None:
    response = await client.put(f"/things/{ID}")
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, HEAD"
    assert "use DELETE, GET, HEAD" in response.json()["detail"]


async def test_a_fault_of_ours_is_a_json_500_with_the_request_id(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/fail", headers={"x-request-id": "r-17"})
    assert response.status_code == 500
    assert response.headers["x-request-id"] == "r-17"
    assert "r-17" in response.json()["detail"]


async def test_a_lost_backing_service_is_a_503_that_says_when_to_come_back(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/away")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
