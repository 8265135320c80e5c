"""The event-streaming protocol over a WebSocket: commands and events on one connection."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.client import get_client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.support.api import TENANTS
from tests.support.event_streams import (
    ALL,
    ends_run,
    lifecycle_of,
    lives_of,
    names_of,
    of_method,
    start,
)
from tests.support.server import Deployment, embedded_server
from tests.support.streaming import collect

Frame = dict[str, Any]


class Socket:
    """Sends commands and sorts what comes back."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def next(self) -> Frame:
        frame: Frame = json.loads(await self.connection.recv())
        return frame

    async def command(self, method: str, **params: Any) -> tuple[list[Frame], Frame]:
        """The events that came before its answer, and the answer."""
        await self.connection.send(json.dumps({"id": 3, "method": method, "params": params}))
        events = []
        while (frame := await self.next())["type"] == "event":
            events.append(frame)
        return events, frame

    async def to_the_end(self) -> list[Frame]:
        """Events up to the end of a run."""
        events = [await self.next()]
        while not ends_run(events[-1]):
            events.append(await self.next())
        return events


def url_of(deployment: Deployment, thread_id: str) -> str:
    base = str(deployment.http.base_url).rstrip("/").replace("http", "ws", 1)
    return f"{base}/threads/{thread_id}/stream/events"


@asynccontextmanager
async def connected(
    deployment: Deployment, thread_id: str, **options: Any
) -> AsyncIterator[Socket]:
    async with connect(url_of(deployment, thread_id), **options) as connection:
        yield Socket(connection)


async def test_a_run_is_started_and_followed_on_one_connection(deployment: Deployment) -> None:
    async with connected(deployment, str(uuid4())) as socket:
        before, subscribed = await socket.command("subscription.subscribe", channels=ALL)
        assert (before, subscribed["result"]["replayed_events"]) == ([], 0)
        given = {"assistant_id": "echo", "input": {"text": "hi"}}
        early, started = await socket.command("run.start", **given)
        seen = [*early, *await socket.to_the_end()]
        run_id = started["result"]["run_id"]
        assert lives_of(seen)[-1] == (run_id, "completed")
        assert of_method(seen, "values")[-1] == {"text": "hi"}


async def test_the_past_comes_before_the_answer(deployment: Deployment) -> None:
    thread_id, run_id = await start(deployment.http, "echo", {"text": "hi"})
    await collect(deployment.client.runs.join_stream(thread_id, run_id, last_event_id="-1"))
    async with connected(deployment, thread_id) as socket:
        replayed, answer = await socket.command("subscription.subscribe", channels=ALL)
        assert answer["result"]["replayed_events"] == len(replayed)
        assert lifecycle_of(replayed[0]) == "running"
        assert lifecycle_of(replayed[-1]) == "completed"
        again, _ = await socket.command("subscription.subscribe", channels=["values"])
        assert again == [event for event in replayed if event["method"] == "values"]
        since = replayed[2]["seq"]
        rest, answer = await socket.command("subscription.reconnect", channels=ALL, since=since)
        assert (answer["type"], rest) == ("success", replayed[3:])


async def test_what_several_subscriptions_want_is_sent_once(deployment: Deployment) -> None:
    thread_id = str(uuid4())
    async with connected(deployment, thread_id) as socket:
        for channels in (["values", "lifecycle"], ["lifecycle"], ["values"]):
            await socket.command("subscription.subscribe", channels=channels)
        await start(deployment.http, "echo", {"text": "hi"}, thread_id)
        names = names_of(await socket.to_the_end())
        assert len(names) == len(set(names)) == 4


async def test_who_unsubscribes_gets_no_more(deployment: Deployment) -> None:
    thread_id = str(uuid4())
    async with connected(deployment, thread_id) as socket:
        _, values = await socket.command("subscription.subscribe", channels=["values"])
        await socket.command("subscription.subscribe", channels=["lifecycle"])
        name = values["result"]["subscription_id"]
        _, answer = await socket.command("subscription.unsubscribe", subscription_id=name)
        assert answer["type"] == "success"
        _, answer = await socket.command("subscription.unsubscribe", subscription_id=name)
        assert answer["error"] == "no_such_subscription"
        await start(deployment.http, "echo", {"text": "hi"}, thread_id)
        assert {event["method"] for event in await socket.to_the_end()} == {"lifecycle"}


async def test_frames_that_are_no_commands_are_refused_and_the_socket_lives(
    deployment: Deployment,
) -> None:
    async with connected(deployment, str(uuid4())) as socket:
        too_deep = '{"id": 1, "method": "run.start", "params": ' + '{"a": ' * 300 + "1" + "}" * 301
        for sent in ("no JSON", "", "[]", '{"method": "run.start"}', too_deep):
            await socket.connection.send(sent)
            refused = await socket.next()
            assert (refused["type"], refused["error"]) == ("error", "invalid_argument")
        for method, params, code in (
            ("run.fly", {}, "unknown_command"),
            ("subscription.subscribe", {"channels": []}, "invalid_argument"),
            ("subscription.subscribe", {"channels": ["colours"]}, "invalid_argument"),
            ("subscription.reconnect", {"channels": ["values"]}, "invalid_argument"),
            ("run.cancel", {"run_id": str(uuid4())}, "no_such_run"),
        ):
            _, answer = await socket.command(method, **params)
            assert (answer["type"], answer["id"], answer["error"]) == ("error", 3, code)


async def test_what_is_no_text_closes_the_socket(deployment: Deployment) -> None:
    async with connected(deployment, str(uuid4())) as socket:
        await socket.connection.send(b"\x00")
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1003


async def test_a_connection_cannot_ask_for_ever_more(embedded: Deployment) -> None:
    async with connected(embedded, str(uuid4())) as socket:
        half: Any = {"channels": ["values"], "namespaces": [[f"n:{n}"] for n in range(500)]}
        _, first = await socket.command("subscription.subscribe", **half)
        _, second = await socket.command("subscription.subscribe", **half)
        assert (first["type"], second["type"]) == ("success", "success")
        _, refused = await socket.command("subscription.subscribe", channels=["values"])
        assert (refused["error"], "1000 namespaces" in refused["message"]) == (
            "invalid_argument",
            True,
        )
        name = first["result"]["subscription_id"]
        _, again = await socket.command(
            "subscription.reconnect", **half, since=0, subscription_id=name
        )
        assert again["type"] == "success"
        await socket.command("subscription.unsubscribe", subscription_id=name)
        _, after = await socket.command("subscription.subscribe", channels=["values"])
        assert after["type"] == "success"
        half["namespaces"] *= 3
        _, refused = await socket.command("subscription.subscribe", **half)
        assert "namespaces" in refused["message"]


async def test_no_thread_can_have_such_an_id(embedded: Deployment) -> None:
    async with connected(embedded, "no-uuid") as socket:
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4422


async def test_the_official_client_follows_by_websocket(deployment: Deployment) -> None:
    client = get_client(url=str(deployment.http.base_url))
    stream = client.threads.stream(assistant_id="approval", transport="websocket")
    async with client, stream as thread:
        await thread.run.start(input={"topic": "rain"})
        async for _ in thread.values:
            pass
        await thread.run.respond("yes")
        assert (await thread.output)["published"] is True


async def test_strangers_do_not_get_in_and_foreign_threads_are_not_there() -> None:
    ann, bob = {"Authorization": "Bearer ann-key"}, {"Authorization": "Bearer bob-key"}
    async with embedded_server(TENANTS) as server:
        thread = await server.http.post("/threads", json={}, headers=ann)
        thread_id = thread.json()["thread_id"]
        with pytest.raises(InvalidStatus) as refused:
            async with connected(server, thread_id):
                pass
        assert refused.value.response.status_code == 403
        async with connected(server, thread_id, additional_headers=bob) as socket:
            with pytest.raises(ConnectionClosedError) as closed:
                await socket.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4404
        async with connected(server, thread_id, additional_headers=ann) as socket:
            await socket.command("subscription.subscribe", channels=["lifecycle"])
            _, started = await socket.command("run.start", assistant_id="echo", input={"text": ""})
            assert started["type"] == "success"
            await server.http.delete(f"/threads/{thread_id}", headers=ann)
            await socket.connection.wait_closed()
            assert socket.connection.close_code == 4404
