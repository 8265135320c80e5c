"""Every route, asked by the owner, by another tenant and by nobody. Each cell is asserted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal
from uuid import uuid4

import httpx
import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError

from joinstream.http.routing import leaf_routes
from tests.support.api import TENANTS, Api, running_api
from tests.support.event_streams import ALL
from tests.support.postgres import PostgresForTests

ANN = {"authorization": "Bearer ann-key"}
BOB = {"authorization": "Bearer bob-key"}
NOBODY: dict[str, str] = {}
SECRET = "only ann may read this"
ITEM: dict[str, Any] = {"namespace": ["notes"], "key": "k"}
PUBLIC = {"/", "/ok", "/info", "/metrics", "/docs", "/openapi.json"}


@dataclass(frozen=True)
class Things:
    """What Ann has: a thread with a run that is over, an assistant, runs that have not begun.

    `model` and `graph` are an assistant that can be talked to, `response_id` names the run, too.
    """

    thread_id: str
    run_id: str
    checkpoint_id: str
    assistant_id: str
    waiting_thread_id: str
    waiting_run_id: str
    stateless_run_id: str
    waiting_stateless_run_id: str
    cron_id: str
    delivery_id: str
    model: str
    response_id: str
    conversation_id: str
    graph: str


@dataclass(frozen=True)
class Cell:
    """A request, made of Ann's things, and the statuses that she and Bob get.

    `path_ids` says which of the things stand in the path.
    """

    ann: int
    bob: int
    body: Callable[[Things], Any] | None = None
    path_ids: dict[str, str] = field(default_factory=dict)
    query: str = ""


def new_run(things: Things) -> dict[str, Any]:
    return {"assistant_id": "echo", "input": {"text": "hi"}}


def run_of_anns_assistant(things: Things) -> dict[str, Any]:
    return {"assistant_id": things.assistant_id, "input": {"text": "hi"}}


def taken(name: Literal["thread_id", "assistant_id"]) -> Callable[[Things], dict[str, Any]]:
    """Creates what exists already, and would like to have it."""
    return lambda things: {
        name: getattr(things, name),
        "graph_id": "echo",
        "if_exists": "do_nothing",
    }


def scheduled(run: Callable[[Things], dict[str, Any]]) -> Callable[[Things], dict[str, Any]]:
    return lambda things: {**run(things), "schedule": "0 0 1 1 *"}


def started_by_command(things: Things) -> dict[str, Any]:
    return {"id": 1, "method": "run.start", "params": new_run(things)}


def all_channels(_: Things) -> dict[str, Any]:
    return {"channels": list(ALL)}


def nothing(_: Things) -> dict[str, Any]:
    return {}


def said_to_anns_assistant(things: Things) -> dict[str, Any]:
    return {"model": things.model, "messages": [{"role": "user", "content": SECRET}]}


def called(_: Things) -> dict[str, Any]:
    return {"input": {"messages": [{"role": "user", "content": SECRET}]}}


def listing_tools(_: Things) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def getting_anns_task(things: Things) -> dict[str, Any]:
    id = f"{things.thread_id}:{things.run_id}"
    return {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": id}}


def continuing_anns_thread(things: Things) -> dict[str, Any]:
    return {"model": "chat", "input": "hi", "previous_response_id": things.response_id}


WAITING = {"thread_id": "waiting_thread_id", "run_id": "waiting_run_id"}
STATELESS = {"run_id": "stateless_run_id"}
WAITING_STATELESS = {"run_id": "waiting_stateless_run_id"}

CELLS: dict[str, Cell] = {
    "POST /assistants": Cell(200, 409, taken("assistant_id")),
    "POST /assistants/search": Cell(200, 200, nothing),
    "POST /assistants/count": Cell(200, 200, nothing),
    "GET /assistants/{assistant_id}": Cell(200, 404),
    "PATCH /assistants/{assistant_id}": Cell(200, 404, lambda _: {"name": "renamed"}),
    "DELETE /assistants/{assistant_id}": Cell(204, 404),
    "POST /assistants/{assistant_id}/versions": Cell(200, 404, nothing),
    "POST /assistants/{assistant_id}/latest": Cell(200, 404, lambda _: {"version": 1}),
    "GET /assistants/{assistant_id}/graph": Cell(200, 404),
    "GET /assistants/{assistant_id}/schemas": Cell(200, 404),
    "GET /assistants/{assistant_id}/subgraphs": Cell(200, 404),
    "GET /assistants/{assistant_id}/subgraphs/{namespace}": Cell(200, 404),
    "POST /threads": Cell(200, 409, taken("thread_id")),
    "POST /threads/search": Cell(200, 200, nothing),
    "POST /threads/count": Cell(200, 200, nothing),
    "POST /threads/prune": Cell(200, 200, lambda things: {"thread_ids": [things.thread_id]}),
    "GET /threads/{thread_id}": Cell(200, 404),
    "PATCH /threads/{thread_id}": Cell(200, 404, lambda _: {"metadata": {"a": 1}}),
    "DELETE /threads/{thread_id}": Cell(204, 404),
    "POST /threads/{thread_id}/copy": Cell(200, 404),
    "GET /threads/{thread_id}/state": Cell(200, 404),
    "POST /threads/{thread_id}/state": Cell(200, 404, lambda _: {"values": {"text": "new"}}),
    "GET /threads/{thread_id}/state/{checkpoint_id}": Cell(200, 404),
    "POST /threads/{thread_id}/state/checkpoint": Cell(
        200, 404, lambda things: {"checkpoint": {"checkpoint_id": things.checkpoint_id}}
    ),
    "GET /threads/{thread_id}/history": Cell(200, 404),
    "POST /threads/{thread_id}/history": Cell(200, 404, nothing),
    "GET /threads/{thread_id}/storage": Cell(200, 404),
    "GET /threads/{thread_id}/runs": Cell(200, 404),
    "POST /threads/{thread_id}/runs": Cell(200, 404, new_run),
    "POST /threads/{thread_id}/runs/stream": Cell(200, 404, new_run),
    "POST /threads/{thread_id}/runs/wait": Cell(200, 404, new_run),
    "GET /threads/{thread_id}/runs/{run_id}": Cell(200, 404),
    "DELETE /threads/{thread_id}/runs/{run_id}": Cell(204, 404),
    "GET /threads/{thread_id}/runs/{run_id}/join": Cell(200, 404),
    "GET /threads/{thread_id}/runs/{run_id}/stream": Cell(200, 404),
    "GET /threads/{thread_id}/stream": Cell(200, 404),
    "POST /threads/{thread_id}/runs/{run_id}/cancel": Cell(202, 404, path_ids=WAITING),
    "POST /threads/{thread_id}/runs/{run_id}/retry": Cell(409, 404),
    "POST /threads/{thread_id}/commands": Cell(200, 404, started_by_command),
    "POST /threads/{thread_id}/stream/events": Cell(200, 404, all_channels),
    "GET /runs/set-aside": Cell(200, 200),
    "POST /runs/{run_id}/retry": Cell(409, 404, path_ids=STATELESS),
    "POST /runs": Cell(200, 404, run_of_anns_assistant),
    "POST /runs/stream": Cell(200, 404, run_of_anns_assistant),
    "POST /runs/wait": Cell(200, 404, run_of_anns_assistant),
    "POST /runs/batch": Cell(200, 404, lambda things: [run_of_anns_assistant(things)]),
    "POST /runs/cancel": Cell(
        204,
        404,
        lambda things: {"thread_id": things.waiting_thread_id, "run_ids": [things.waiting_run_id]},
    ),
    "GET /runs/{run_id}": Cell(200, 404, path_ids=STATELESS),
    "DELETE /runs/{run_id}": Cell(204, 404, path_ids=STATELESS),
    "GET /runs/{run_id}/join": Cell(200, 404, path_ids=STATELESS),
    "GET /runs/{run_id}/stream": Cell(200, 404, path_ids=STATELESS),
    "POST /runs/{run_id}/cancel": Cell(202, 404, path_ids=WAITING_STATELESS),
    "POST /runs/crons": Cell(200, 404, scheduled(run_of_anns_assistant)),
    "POST /threads/{thread_id}/runs/crons": Cell(200, 404, scheduled(new_run)),
    "POST /runs/crons/search": Cell(200, 200, nothing),
    "POST /runs/crons/count": Cell(200, 200, nothing),
    "GET /runs/crons/{cron_id}": Cell(200, 404),
    "PATCH /runs/crons/{cron_id}": Cell(200, 404, lambda _: {"enabled": False}),
    "DELETE /runs/crons/{cron_id}": Cell(204, 404),
    "GET /runs/crons/{cron_id}/firings": Cell(200, 404),
    "PUT /store/items": Cell(204, 204, lambda _: {**ITEM, "value": {"new": True}}),
    "GET /store/items": Cell(200, 200, query="?namespace=notes&key=k"),
    "DELETE /store/items": Cell(204, 204, lambda _: ITEM),
    "POST /store/items/search": Cell(200, 200, nothing),
    "POST /store/namespaces": Cell(200, 200, nothing),
    "GET /v1/models": Cell(200, 200),
    "GET /v1/models/{model}": Cell(200, 404),
    "POST /v1/chat/completions": Cell(200, 404, said_to_anns_assistant),
    "POST /v1/responses": Cell(200, 404, continuing_anns_thread),
    "GET /v1/responses/{response_id}": Cell(200, 404),
    "DELETE /v1/responses/{response_id}": Cell(200, 404),
    "POST /v1/responses/{response_id}/cancel": Cell(200, 404),
    "POST /v1/conversations": Cell(200, 200, nothing),
    "GET /v1/conversations/{conversation_id}": Cell(200, 404),
    "POST /v1/conversations/{conversation_id}": Cell(200, 404, lambda _: {"metadata": {"a": 1}}),
    "DELETE /v1/conversations/{conversation_id}": Cell(200, 404),
    "POST /langserve/{graph}/invoke": Cell(200, 404, called),
    "POST /langserve/{graph}/batch": Cell(
        200, 404, lambda things: {"inputs": [called(things)["input"]]}
    ),
    "POST /langserve/{graph}/stream": Cell(200, 404, called),
    "POST /langserve/{graph}/stream_events": Cell(200, 404, called),
    "POST /langserve/{graph}/stream_log": Cell(200, 404, called),
    "POST /langserve/{graph}/c/{config_hash}/invoke": Cell(200, 404, called),
    "POST /langserve/{graph}/c/{config_hash}/batch": Cell(
        200, 404, lambda things: {"inputs": [called(things)["input"]]}
    ),
    "POST /langserve/{graph}/c/{config_hash}/stream": Cell(200, 404, called),
    "POST /langserve/{graph}/c/{config_hash}/stream_events": Cell(200, 404, called),
    "POST /langserve/{graph}/c/{config_hash}/stream_log": Cell(200, 404, called),
    "GET /langserve/{graph}/input_schema": Cell(200, 404),
    "GET /langserve/{graph}/output_schema": Cell(200, 404),
    "GET /langserve/{graph}/config_schema": Cell(200, 404),
    "POST /mcp": Cell(200, 200, listing_tools),
    "POST /a2a/{assistant_id}": Cell(200, 200, getting_anns_task),
    "GET /a2a/{assistant_id}": Cell(200, 404),
    "GET /a2a/{assistant_id}/.well-known/agent-card.json": Cell(200, 404),
    "GET /a2a/{assistant_id}/.well-known/agent.json": Cell(200, 404),
    "GET /.well-known/agent-card.json": Cell(200, 404, query="?assistant_id={assistant_id}"),
    "POST /webhooks/deliveries/search": Cell(200, 200, nothing),
    "GET /webhooks/deliveries/{delivery_id}": Cell(200, 404),
    "POST /webhooks/deliveries/{delivery_id}/resend": Cell(200, 404),
}

ENDLESS = {"GET /threads/{thread_id}/stream", "POST /threads/{thread_id}/stream/events"}

every_route = pytest.mark.parametrize("route", CELLS)


@pytest.fixture(scope="module")
async def api(postgres: PostgresForTests) -> AsyncIterator[Api]:
    uri = await postgres.fresh_database()
    async with running_api(uri, config=TENANTS, worker=True, over_tcp=True) as running:
        yield running
    await postgres.drop_database(uri)


@pytest.fixture
async def things(api: Api) -> Things:
    """Made anew for each cell, because the owner's requests use them up."""
    ann = api.client_with(ANN)
    thread, waiting, assistant, model = await asyncio.gather(
        ann.threads.create(),
        ann.threads.create(),
        ann.assistants.create("echo", metadata={"note": SECRET}),
        ann.assistants.create("chat", metadata={"note": SECRET}),
    )
    later: Any = {"assistant_id": "echo", "input": {"text": SECRET}, "after_seconds": 3600}
    waiting_run = await ann.runs.create(waiting["thread_id"], **later)
    waiting_stateless_run = await ann.runs.create(None, **later)
    await ann.runs.wait(thread["thread_id"], "echo", input={"text": SECRET})
    stateless_run = await ann.runs.create(None, "echo", input={"text": SECRET})
    await api.http.get(f"/runs/{stateless_run['run_id']}/join", headers=ANN)
    await ann.store.put_item(ITEM["namespace"], ITEM["key"], {"text": SECRET})
    await api.client_with(BOB).store.delete_item(ITEM["namespace"], ITEM["key"])
    state = await ann.threads.get_state(thread["thread_id"])
    runs = await ann.runs.list(thread["thread_id"])
    cron: Any = await ann.crons.create_for_thread(
        thread["thread_id"], "echo", schedule="0 0 1 1 *", input={"text": SECRET}
    )
    told = await ann.runs.create(
        waiting["thread_id"], "echo", after_seconds=3600, webhook="https://ann.example/hook"
    )
    await ann.runs.cancel(waiting["thread_id"], told["run_id"])
    deliveries = await api.http.post(
        "/webhooks/deliveries/search", json={"run_id": told["run_id"]}, headers=ANN
    )
    return Things(
        thread_id=thread["thread_id"],
        run_id=runs[0]["run_id"],
        checkpoint_id=str(state["checkpoint"]["checkpoint_id"]),
        assistant_id=assistant["assistant_id"],
        waiting_thread_id=waiting["thread_id"],
        waiting_run_id=waiting_run["run_id"],
        stateless_run_id=stateless_run["run_id"],
        waiting_stateless_run_id=waiting_stateless_run["run_id"],
        cron_id=cron["cron_id"],
        delivery_id=deliveries.json()[0]["delivery_id"],
        model=model["assistant_id"],
        response_id=f"resp_{runs[0]['run_id']}",
        conversation_id=f"conv_{thread['thread_id']}",
        graph=model["assistant_id"],
    )


async def ask(api: Api, route: str, things: Things, headers: dict[str, str]) -> httpx.Response:
    cell = CELLS[route]
    method, _, path = route.partition(" ")
    path += cell.query
    for name in (each.name for each in fields(Things)):
        path = path.replace(f"{{{name}}}", getattr(things, cell.path_ids.get(name, name)))
    path = path.replace("{namespace}", "any").replace("{config_hash}", "N4XyA")
    body = cell.body(things) if cell.body else None
    request = api.http.build_request(method, path, json=body, headers=headers)
    answer = await api.http.send(request, stream=True)
    if answer.status_code != 200 or route not in ENDLESS:
        await answer.aread()
    await answer.aclose()
    return answer


async def what_ann_has(api: Api, things: Things) -> list[Any]:
    paths = (
        f"/threads/{things.thread_id}",
        f"/threads/{things.thread_id}/history?limit=100",
        f"/threads/{things.thread_id}/runs",
        f"/threads/{things.waiting_thread_id}/runs",
        f"/assistants/{things.assistant_id}",
        f"/runs/{things.stateless_run_id}",
        f"/runs/{things.waiting_stateless_run_id}",
        f"/runs/crons/{things.cron_id}",
        f"/store/items{CELLS['GET /store/items'].query}",
    )
    answers = [await api.http.get(path, headers=ANN) for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


def test_every_route_has_its_cells(api: Api) -> None:
    routes = {
        f"{method} {route.path}"
        for route in leaf_routes(api.app.routes)
        for method in route.methods or ()
        if method != "HEAD" and route.path not in PUBLIC
    }
    assert routes == set(CELLS)


@every_route
async def test_the_owner_gets_what_the_route_is_for(api: Api, things: Things, route: str) -> None:
    answer = await ask(api, route, things, ANN)
    assert answer.status_code == CELLS[route].ann, answer.text


@every_route
async def test_another_tenant_sees_nothing_and_changes_nothing(
    api: Api, things: Things, route: str
) -> None:
    before = await what_ann_has(api, things)
    answer = await ask(api, route, things, BOB)
    assert answer.status_code == CELLS[route].bob, answer.text
    assert SECRET not in answer.text
    if answer.status_code == 200:
        assert_nothing_of_anns(answer, things)
    elif answer.status_code != 204:
        assert set(answer.json()) == {"error" if of_openai(route) else "detail"}
        assert "location" not in answer.headers
    assert await what_ann_has(api, things) == before


def of_openai(route: str) -> bool:
    return " /v1/" in route


def assert_nothing_of_anns(answer: httpx.Response, things: Things) -> None:
    assert answer.headers.get("x-pagination-total", "0") == "0"
    if answer.request.url.path == "/v1/models":
        assert [model["id"] for model in answer.json()["data"]] == ["chat"]
        return
    if answer.request.url.path == "/v1/conversations":
        assert "owner" not in answer.text or "bob" in answer.text
        return
    if answer.request.url.path.startswith("/a2a/"):
        assert answer.json()["error"]["code"] == -32602, "no such agent"
        return
    if answer.request.url.path == "/mcp":
        tools = {tool["title"] for tool in answer.json()["result"]["tools"]}
        assert tools == {"Echo", "chat", "whoami"}, "one for each graph"
        return
    assert answer.json() in ([], 0, {"pruned_count": 0}, None, {"items": []}, {"namespaces": []})


@every_route
async def test_nobody_gets_past_the_door(api: Api, things: Things, route: str) -> None:
    before = await what_ann_has(api, things)
    for headers in (NOBODY, {"authorization": "Bearer wrong"}):
        answer = await ask(api, route, things, headers)
        said = answer.json()
        told = said["error"]["message"] if of_openai(route) else said["detail"]
        assert (answer.status_code, told) == (401, "Who are you?")
    assert await what_ann_has(api, things) == before


async def test_an_owner_finds_and_counts_what_they_have(api: Api, things: Things) -> None:
    ann, bob = api.client_with(ANN), api.client_with(BOB)
    found = await ann.threads.search(ids=[things.thread_id, things.waiting_thread_id])
    assert {thread["thread_id"] for thread in found} == {things.thread_id, things.waiting_thread_id}
    assert await ann.threads.count(values={"text": SECRET}) > 0
    assert await bob.threads.count(values={"text": SECRET}) == 0
    mine = await bob.threads.create()
    assert [t["thread_id"] for t in await bob.threads.search(ids=[mine["thread_id"]])] != []
    assert await ann.threads.search(ids=[mine["thread_id"]]) == []


async def test_metadata_cannot_claim_what_belongs_to_another(api: Api, things: Things) -> None:
    bob = api.client_with(BOB)
    mine: Any = await bob.threads.create(metadata={"owner": "ann"})
    assert mine["metadata"]["owner"] == "bob"
    assert await bob.threads.search(metadata={"owner": "ann"}, ids=[things.thread_id]) == []
    changed: Any = await bob.threads.update(mine["thread_id"], metadata={"owner": "ann"})
    assert changed["metadata"]["owner"] == "bob"


async def test_a_run_cannot_create_a_thread_whose_id_another_has(api: Api, things: Things) -> None:
    body = {**new_run(things), "if_not_exists": "create"}
    taken = await api.http.post(f"/threads/{things.thread_id}/runs", json=body, headers=BOB)
    assert taken.status_code == 404
    thread_id = str(uuid4())
    created = await api.http.post(f"/threads/{thread_id}/runs/wait", json=body, headers=BOB)
    assert created.status_code == 200
    assert (await api.http.get(f"/threads/{thread_id}", headers=BOB)).status_code == 200
    assert (await api.http.get(f"/threads/{thread_id}", headers=ANN)).status_code == 404


async def test_cancelling_everything_reaches_only_ones_own(api: Api, things: Things) -> None:
    before = await what_ann_has(api, things)
    bob = api.client_with(BOB)
    mine = await bob.runs.create(None, "echo", input={"text": "hi"}, after_seconds=3600)
    cancelled = await api.http.post("/runs/cancel", json={"status": "all"}, headers=BOB)
    assert cancelled.status_code == 204
    run = (await api.http.get(f"/runs/{mine['run_id']}", headers=BOB)).json()
    assert run["status"] == "interrupted"
    assert await what_ann_has(api, things) == before


async def test_runs_that_were_set_aside_are_listed_for_their_owner_alone(
    api: Api, things: Things
) -> None:
    """One of a thread, one stateless."""
    run_ids = [things.run_id, things.stateless_run_id]
    await api.backends.pool.execute(
        "update runs set status = 'error', set_aside_at = now() where run_id = any($1::uuid[])",
        run_ids,
    )
    anns = await api.http.get("/runs/set-aside?limit=1000", headers=ANN)
    assert {run["run_id"] for run in anns.json()} >= set(run_ids)
    assert anns.headers["x-pagination-total"] == str(len(anns.json()))
    bobs = await api.http.get("/runs/set-aside", headers=BOB)
    assert (bobs.json(), bobs.headers["x-pagination-total"]) == ([], "0")
    for path in (f"/threads/{things.thread_id}/runs/{run_ids[0]}", f"/runs/{run_ids[1]}"):
        assert (await api.http.post(f"{path}/retry", headers=BOB)).status_code == 404
        assert (await api.http.post(f"{path}/retry", headers=ANN)).status_code == 200


async def test_deleting_an_assistant_leaves_the_threads_of_others(api: Api) -> None:
    ann, bob = api.client_with(ANN), api.client_with(BOB)
    assistant = await ann.assistants.create("echo")
    thread = await bob.threads.create(
        metadata={"assistant_id": assistant["assistant_id"], "graph_id": "echo"}
    )
    await ann.assistants.delete(assistant["assistant_id"], delete_threads=True)
    assert (await bob.threads.get(thread["thread_id"]))["thread_id"] == thread["thread_id"]


async def test_a_copy_belongs_to_whoever_made_it(api: Api, things: Things) -> None:
    ann = api.client_with(ANN)
    await ann.threads.copy(things.thread_id)
    owned: Any = await ann.threads.search(values={"text": SECRET}, limit=1000)
    assert {thread["metadata"]["owner"] for thread in owned} == {"ann"}


async def test_unknown_paths_are_told_only_to_those_who_are_known(api: Api) -> None:
    assert (await api.http.get("/nowhere")).status_code == 401
    assert (await api.http.get("/nowhere", headers=ANN)).status_code == 404
    wrong_method = await api.http.put("/threads", json={}, headers=ANN)
    assert (wrong_method.status_code, wrong_method.headers["allow"]) == (405, "POST")


async def test_probes_and_documents_are_for_everybody(api: Api) -> None:
    for path in PUBLIC:
        assert (await api.http.get(path)).status_code == 200


async def test_browsers_may_ask_what_they_may_ask_before_they_are_known(api: Api) -> None:
    headers = {"origin": "http://app", "access-control-request-method": "POST"}
    assert (await api.http.options("/threads", headers=headers)).status_code == 200
    refused = await api.http.post("/threads", json={}, headers={"origin": "http://app"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")


async def test_nobody_makes_a_thread_of_the_id_that_a_stateless_run_has(api: Api) -> None:
    """They would see the run in the thread's list, and delete it with the thread."""
    ann, bob = api.client_with(ANN), api.client_with(BOB)
    run = await ann.runs.create(None, "echo", input={"text": SECRET}, after_seconds=1000)
    thread_id = run["thread_id"]
    with pytest.raises(ConflictError):
        await bob.threads.create(thread_id=thread_id, if_exists="do_nothing")
    for key in ({}, {"idempotency-key": "k"}):
        body = {"assistant_id": "echo", "input": {"text": "?"}, "if_not_exists": "create"}
        answer = await api.http.post(
            f"/threads/{thread_id}/runs", json=body, headers={**BOB, **key}
        )
        assert answer.status_code == 404
    with pytest.raises(NotFoundError):
        await bob.runs.list(thread_id)
    assert (await api.http.get(f"/runs/{run['run_id']}", headers=ANN)).status_code == 200
