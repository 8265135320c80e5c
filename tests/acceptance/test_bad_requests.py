"""Whatever a client sends wrongly is answered 4xx with a reason, and harms nobody."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.server import Deployment

ECHO = {"assistant_id": "echo", "input": {"text": "x"}}
ROUTES = ["/runs", "/runs/stream", "/runs/wait"]


async def assert_refused(response: httpx.Response, status: int, *reasons: str) -> None:
    await response.aread()
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    detail = response.json()["detail"]
    for reason in reasons:
        assert reason in detail


async def post(deployment: Deployment, path: str, content: bytes) -> httpx.Response:
    return await deployment.http.post(path, content=content)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"{", "not valid JSON"),
        (b"nothing", "not valid JSON"),
        (b'{"assistant_id": "echo", "input": NaN}', "not valid JSON"),
        (b'{"assistant_id": "echo", "input": "\xff"}', "not valid JSON"),
        (b'{"assistant_id": "echo", "input": "\\ud800"}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"assistant_id": "echo", "input": %b}' % (b"[" * 200 + b"]" * 200), "more than 200"),
        (b"[]", "must be an object"),
        (b'"echo"', "must be an object"),
    ],
    ids=[
        "empty",
        "cut off",
        "text",
        "NaN",
        "no UTF-8",
        "surrogate",
        "unreadably deep",
        "unwritably deep",
        "array",
        "string",
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    deployment: Deployment, route: str, content: bytes, reason: str
) -> None:
    await assert_refused(await post(deployment, route, content), 422, reason)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("assistant_id", 7),
        ("assistant_id", ""),
        ("assistant_id", None),
        ("command", "resume"),
        ("command", {"goto": 7}),
        ("command", {"goto": {"input": 1}}),
        ("command", {"update": [["only a key"]]}),
        ("command", {"update": [[7, "for a key"]]}),
        ("config", []),
        ("config", {"recursion_limit": "10"}),
        ("config", {"recursion_limit": 0}),
        ("config", {"configurable": []}),
        ("config", {"configurable": {"checkpoint_id": "latest"}}),
        ("config", {"configurable": {"checkpoint_id": 7}}),
        ("config", {"tags": "t"}),
        ("config", {"metadata": 1}),
        ("context", "tenant"),
        ("metadata", []),
        ("stream_mode", "everything"),
        ("stream_mode", ["values", 7]),
        ("stream_subgraphs", "yes"),
        ("stream_resumable", 1),
        ("interrupt_before", 7),
        ("interrupt_after", [7]),
        ("multitask_strategy", "fight"),
        ("if_not_exists", "maybe"),
        ("on_completion", "burn"),
        ("on_disconnect", "cry"),
        ("durability", "eternal"),
        ("after_seconds", "soon"),
        ("after_seconds", 1e300),
        ("checkpoint", "latest"),
        ("checkpoint_id", "latest"),
        ("webhook", ""),
        ("feedback_keys", "key"),
    ],
)
async def test_a_field_of_the_wrong_kind_is_refused_by_its_name(
    deployment: Deployment, field: str, value: Any
) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    for route in (*ROUTES, *(f"/threads/{thread_id}{route}" for route in ROUTES)):
        response = await deployment.http.post(route, json=ECHO | {field: value})
        await assert_refused(response, 422, field)
    assert await deployment.client.runs.list(thread_id) == []


async def test_a_field_that_nobody_knows_is_ignored(deployment: Deployment) -> None:
    response = await deployment.http.post("/runs/wait", json=ECHO | {"fancyNewField": 1})
    assert response.json() == {"text": "x"}


@pytest.mark.parametrize("route", ROUTES)
async def test_an_unknown_graph_is_refused_and_an_unknown_assistant_not_found(
    deployment: Deployment, route: str
) -> None:
    response = await deployment.http.post(route, json=ECHO | {"assistant_id": "nowhere"})
    await assert_refused(response, 422, "nowhere")
    unknown = str(uuid4())
    response = await deployment.http.post(route, json=ECHO | {"assistant_id": unknown})
    await assert_refused(response, 404, unknown)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/threads/xyz/runs"),
        ("POST", "/threads/xyz/runs/stream"),
        ("GET", "/threads/xyz/runs"),
        ("GET", "/threads/xyz/runs/abc"),
        ("GET", "/threads/xyz/runs/abc/join"),
        ("GET", "/threads/xyz/runs/abc/stream"),
        ("POST", "/threads/xyz/runs/abc/cancel"),
        ("DELETE", "/threads/xyz/runs/abc"),
        ("GET", "/runs/abc/stream"),
        ("GET", "/threads/xyz/state"),
        ("POST", "/threads/xyz/history"),
        ("GET", "/threads/%00/state"),
    ],
)
async def test_an_id_that_is_no_uuid_is_refused(
    deployment: Deployment, method: str, path: str
) -> None:
    body = ECHO if method == "POST" else None
    response = await deployment.http.request(method, path, json=body)
    await assert_refused(response, 422, "must be a UUID")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/join"),
        ("GET", "/stream"),
        ("POST", "/cancel"),
        ("POST", "/cancel?wait=1"),
        ("DELETE", ""),
    ],
)
async def test_an_unknown_run_is_not_found(deployment: Deployment, method: str, path: str) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    for place in (f"/threads/{thread_id}", f"/threads/{uuid4()}", ""):
        response = await deployment.http.request(method, f"{place}/runs/{uuid4()}{path}")
        await assert_refused(response, 404, "does not exist")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=ten",
        "offset=-1",
        "limit=99999999999999999999",
        "offset=99999999999999999999",
        "status=flying",
    ],
)
async def test_a_page_that_cannot_be_is_refused(deployment: Deployment, query: str) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    response = await deployment.http.get(f"/threads/{thread_id}/runs?{query}")
    await assert_refused(response, 422, query.partition("=")[0])


@pytest.mark.parametrize(
    "bounds", [{"limit": 0}, {"offset": -1}, {"offset": 10**9 + 1}, {"limit": 1.5}]
)
async def test_a_page_of_threads_that_cannot_be_is_refused(
    deployment: Deployment, bounds: dict[str, Any]
) -> None:
    response = await deployment.http.post("/threads/search", json=bounds)
    await assert_refused(response, 422, *bounds)


async def test_context_and_configurable_together_are_refused(deployment: Deployment) -> None:
    body = {"context": {"a": 1}, "config": {"configurable": {"b": 2}}}
    response = await deployment.http.post("/runs/wait", json=ECHO | body)
    await assert_refused(response, 400, "context", "configurable")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_a_body_over_the_limit_is_refused_by_its_size(
    deployment: Deployment, route: str, declared: bool
) -> None:
    async def chunks() -> Any:
        for _ in range(50):
            yield b" " * 100_000

    content = b" " * 5_000_000 if declared else chunks()
    response = await deployment.http.post(route, content=content)
    await assert_refused(response, 413, "4000000")


async def test_a_wrong_method_or_path_is_refused_as_json(deployment: Deployment) -> None:
    await assert_refused(await deployment.http.put("/runs", json=ECHO), 405, "POST")
    await assert_refused(await deployment.http.get("/no/such/page"), 404, "/no/such/page")


async def test_what_postgres_cannot_store_is_replaced(deployment: Deployment) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    body = {
        "assistant_id": "echo",
        "input": {"text": "a\0b"},
        "metadata": {"k\0": "\0"},
        "config": {"configurable": {"c": "\0"}},
    }
    response = await deployment.http.post(f"/threads/{thread_id}/runs/wait", json=body)
    assert response.json() == {"text": "a\ufffdb"}
    runs: Any = await deployment.client.runs.list(thread_id)
    assert runs[0]["metadata"]["k\ufffd"] == "\ufffd"


async def test_what_is_nested_as_deeply_as_may_be_comes_back(deployment: Deployment) -> None:
    given: Any = "the bottom"
    for _ in range(198):
        given = [given]
    thread = await deployment.client.threads.create(metadata={"deep": given})
    found: Any = await deployment.client.threads.search(ids=[thread["thread_id"]])
    assert found[0]["metadata"]["deep"] == given
    assert await deployment.client.runs.wait(None, "echo", input={"text": given[0]}) == {
        "text": given[0]
    }


async def test_numbers_and_text_of_any_size_come_back_as_they_were(
    deployment: Deployment,
) -> None:
    text = '\u2028 🜁 \\u0000 " \\ \x7f' + "x" * 100_000
    assert await deployment.client.runs.wait(None, "echo", input={"text": text}) == {"text": text}
    numbers: Any = {"text": [2**63, -(2**63), 1e308, 1e-308, 0.1, -0.0]}
    assert await deployment.client.runs.wait(None, "echo", input=numbers) == numbers


async def test_a_connection_survives_being_refused(deployment: Deployment) -> None:
    """One connection: refusals, then a run."""
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(base_url=deployment.http.base_url, limits=limits) as http:
        for content in (b"{", b"[]", b"{}", b""):
            assert (await http.post("/runs/wait", content=content)).status_code == 422
        assert (await http.post("/runs/wait", json=ECHO)).json() == {"text": "x"}
