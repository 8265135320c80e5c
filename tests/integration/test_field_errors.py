"""Whatever is wrong with a field or a parameter, the answer is a 422 that calls it by its name.

The faults are made of `/openapi.json`, so a route that checks less than its document says fails
here, and so does one whose document says too little to be wrong.
"""

from collections.abc import AsyncIterator
from functools import cache
from typing import Any
from uuid import uuid4

import httpx
import pytest

from joinstream.http.openapi import openapi_document
from joinstream.mounting.config import HttpConfig
from joinstream.mounting.switches import api_routes
from tests.support.api import Api, running_api
from tests.support.postgres import PostgresForTests
from tests.support.wrong_values import Document, Fault

OF_ANY_TYPE = {
    "input",
    "inputs[0]",
    "values[0]",
    "command.resume",
    "command.goto.input",
    "command.goto[0].input",
}
"""What the graph, and nobody else, knows the type of."""

IGNORED = {
    ("PATCH /runs/crons/{cron_id}", "assistant_id"),
    ("POST /v1/conversations", "items[0]"),
}
"""What clients send, and cannot be changed; and what none may send, of whatever type."""


@cache
def document() -> dict[str, Any]:
    routes = api_routes(HttpConfig())
    return openapi_document([*routes.open, *routes.guarded], "")


def operations() -> dict[str, dict[str, Any]]:
    """By method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema


WITH_BODY = sorted(name for name, operation in operations().items() if "requestBody" in operation)
WITH_PARAMETERS = sorted(
    name for name, operation in operations().items() if operation["parameters"]
)


OTHER_PROTOCOLS = {
    "POST /threads/{thread_id}/commands": 400,
    "POST /mcp": 400,
    "POST /a2a/{assistant_id}": 200,
}
"""They refuse in the words of their protocols, with these statuses."""


@pytest.fixture(scope="module")
async def api(postgres: PostgresForTests) -> AsyncIterator[Api]:
    uri = await postgres.fresh_database()
    async with running_api(uri) as running:
        yield running
    await postgres.drop_database(uri)


@pytest.mark.parametrize("route", WITH_BODY)
async def test_a_wrong_field_is_named(api: Api, route: str) -> None:
    body = body_of(operations()[route])
    method, _, path = route.partition(" ")
    tried = 0
    for fault in Document(document()).faulty_bodies(body):
        answer = await api.http.request(method, filled(path), json=fault.value)
        assert_named(answer, fault, OTHER_PROTOCOLS.get(route, 422))
        tried += 1
    assert tried


@pytest.mark.parametrize("route", WITH_PARAMETERS)
async def test_a_wrong_parameter_is_named(api: Api, route: str) -> None:
    method, _, path = route.partition(" ")
    content = b"{}" if "requestBody" in operations()[route] else b""
    for parameter in operations()[route]["parameters"]:
        for fault in Document(document()).faulty_parameters(parameter):
            name, place = parameter["name"], parameter["in"]
            answer = await api.http.request(
                method,
                filled(path.replace(f"{{{name}}}", fault.value) if place == "path" else path),
                params={name: fault.value} if place == "query" else None,
                headers={name: fault.value} if place == "header" else None,
                content=content,
            )
            assert_named(answer, fault)


@pytest.mark.parametrize("route", WITH_BODY)
def test_only_what_a_graph_knows_may_be_anything(route: str) -> None:
    for field in Document(document()).fields_of_any_type(body_of(operations()[route])):
        assert (route, field) in IGNORED or field.endswith(tuple(OF_ANY_TYPE)), field


def filled(path: str) -> str:
    """The path with ids in it that nothing has."""
    for name in ("thread_id", "run_id", "assistant_id", "checkpoint_id", "cron_id"):
        path = path.replace(f"{{{name}}}", str(uuid4()))
    return path


def assert_named(answer: httpx.Response, fault: Fault, status: int = 422) -> None:
    assert answer.status_code == status, f"{fault} was answered {answer.status_code} {answer.text}"
    said = answer.json()
    text = said["detail"] if "detail" in said else said["error"]["message"]
    named = [line.partition(":")[0] for line in text.splitlines()]
    assert fault.field in named, f"{fault} was answered {answer.text}"
