"""Webhooks: a real receiver, told of runs that a real worker has ended."""

import asyncio
import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langgraph_sdk.errors import UnprocessableEntityError
from standardwebhooks.webhooks import Webhook
from starlette.responses import RedirectResponse, Response

from joinstream.domain.webhook_urls import UrlPolicy
from joinstream.outgoing.guarded import is_as_private
from joinstream.outgoing.webhooks import HttpWebhookSender
from joinstream.ports.webhooks import DueWebhook
from tests.support.api import TEST_GRAPHS, Api, running_api
from tests.support.receiver import Received, Receiver, running_receiver
from tests.support.waiting import eventually

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as running:
        yield running


@pytest.fixture
async def api(database_uri: str) -> AsyncIterator[Api]:
    async with running_api(
        database_uri,
        config=TEST_GRAPHS,
        worker=True,
        webhook_secret=SECRET,
        webhook_retry_seconds=0.01,
        webhook_attempts=3,
        poll_seconds=0.05,
    ) as running:
        yield running


async def deliveries(api: Api, **wanted: Any) -> list[dict[str, Any]]:
    answer = await api.http.post("/webhooks/deliveries/search", json=wanted)
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found


async def settled(api: Api, run_id: str, status: str) -> dict[str, Any]:
    """The run's only delivery, once it has this status."""

    async def found() -> dict[str, Any] | None:
        (delivery,) = await deliveries(api, run_id=run_id) or [{"status": None}]
        return delivery if delivery["status"] == status else None

    return await eventually(found)


async def test_a_run_that_ended_is_told_with_all_there_is_to_say(
    api: Api, receiver: Receiver
) -> None:
    thread = await api.client.threads.create()
    run = await api.client.runs.create(
        thread["thread_id"],
        "echo",
        input={"text": "hi", "at": 1},
        metadata={"order": 7},
        webhook=f"{receiver.url}/done",
    )
    (told,) = await receiver.wait_for(1)
    assert told.path == "/done"
    payload = told.json
    assert payload["run_id"] == run["run_id"]
    assert payload["thread_id"] == thread["thread_id"]
    assert payload["assistant_id"] == run["assistant_id"]
    assert (payload["status"], payload["error"]) == ("success", None)
    assert payload["values"] == {"text": "hi"}
    assert payload["metadata"]["order"] == 7
    assert payload["kwargs"] == run["kwargs"]  # type: ignore[typeddict-item]  # not in its Run
    assert list(payload["kwargs"]["input"]) == ["text", "at"]
    moments = ("created_at", "run_started_at", "run_ended_at", "webhook_sent_at")
    assert sorted(payload[name] for name in moments) == [payload[name] for name in moments]
    delivery = await settled(api, run["run_id"], "delivered")
    assert delivery["delivery_id"] == told.headers["webhook-id"]
    assert [attempt["status_code"] for attempt in delivery["log"]] == [200]


async def test_the_signature_satisfies_the_standards_own_library(
    api: Api, receiver: Receiver
) -> None:
    await api.client.runs.create(None, "echo", input={"text": "hi"}, webhook=receiver.url)
    (told,) = await receiver.wait_for(1)
    assert Webhook(SECRET).verify(told.body, told.headers)["values"] == {"text": "hi"}
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(told.body + b" ", told.headers)


async def test_every_way_for_a_run_to_end_is_told(api: Api, receiver: Receiver) -> None:
    def hook(name: str) -> str:
        return f"{receiver.url}/{name}"

    async def thread_id() -> str:
        return (await api.client.threads.create())["thread_id"]

    create = api.client.runs.create
    faulty, hanging, doomed, waiting = [await thread_id() for _ in range(4)]
    await create(faulty, "faulty", input={"verb": "raise"}, webhook=hook("error"))
    hung = await create(hanging, "faulty", input={"verb": "hang"}, webhook=hook("cancelled"))
    gone = await create(doomed, "faulty", input={"verb": "hang"}, webhook=hook("rolled-back"))
    later = await create(
        waiting, "echo", input={"text": "x"}, after_seconds=3600, webhook=hook("never-began")
    )
    for thread, run, action in (
        (hanging, hung, "interrupt"),
        (doomed, gone, "rollback"),
        (waiting, later, "interrupt"),
    ):
        await eventually(partial(has_begun, api, thread, run))
        await api.client.runs.cancel(thread, run["run_id"], action=action)  # type: ignore[arg-type]
    told = {each.path: each.json for each in await receiver.wait_for(4)}
    assert {path: payload["status"] for path, payload in told.items()} == {
        "/error": "error",
        "/cancelled": "interrupted",
        "/rolled-back": "rollback",
        "/never-began": "interrupted",
    }
    assert told["/error"]["error"]["error"] == "ValueError"
    assert told["/never-began"]["run_started_at"] is None


async def has_begun(api: Api, thread_id: str, run: Any) -> bool:
    shown = await api.client.runs.get(thread_id, run["run_id"])
    return shown["status"] == "running" or run["kwargs"]["input"] == {"text": "x"}


async def test_a_receiver_that_fails_is_asked_again(api: Api, receiver: Receiver) -> None:
    receiver.answer_with(500, 429, 204)
    run = await api.client.runs.create(None, "echo", input={"text": "hi"}, webhook=receiver.url)
    delivery = await settled(api, run["run_id"], "delivered")
    assert [attempt["status_code"] for attempt in delivery["log"]] == [500, 429, 204]
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 1


async def test_a_receiver_that_goes_on_failing_is_given_up(api: Api, receiver: Receiver) -> None:
    receiver.answer_with(503)
    run = await api.client.runs.create(None, "echo", input={"text": "hi"}, webhook=receiver.url)
    delivery = await settled(api, run["run_id"], "failed")
    assert [attempt["status_code"] for attempt in delivery["log"]] == [503] * 3
    assert delivery["next_attempt"] is None


async def test_what_a_receiver_refuses_can_be_sent_again(api: Api, receiver: Receiver) -> None:
    receiver.answer_with(400, 200)
    run = await api.client.runs.create(None, "echo", input={"text": "hi"}, webhook=receiver.url)
    refused = await settled(api, run["run_id"], "failed")
    assert [attempt["status_code"] for attempt in refused["log"]] == [400]
    path = f"/webhooks/deliveries/{refused['delivery_id']}"
    assert (await api.http.post(f"{path}/resend")).json()["status"] == "pending"
    sent = await settled(api, run["run_id"], "delivered")
    assert [attempt["status_code"] for attempt in sent["log"]] == [400, 200]
    assert (await api.http.get(path)).json() == sent
    assert [one["run_id"] for one in await deliveries(api, status="delivered")] == [run["run_id"]]
    assert await deliveries(api, status="failed") == []
    missing = await api.http.post(f"/webhooks/deliveries/{uuid4()}/resend")
    assert missing.status_code == 404


async def test_nobody_listening_is_a_failure_like_others(api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    run = await api.client.runs.create(
        None, "echo", input={"text": "hi"}, webhook=f"http://127.0.0.1:{port}/"
    )
    delivery = await settled(api, run["run_id"], "failed")
    assert all("ConnectError" in attempt["error"] for attempt in delivery["log"])


async def test_a_slow_receiver_holds_up_no_other(api: Api, receiver: Receiver) -> None:
    answered = asyncio.Event()

    async def slow(told: Received) -> Response:
        if told.path == "/slow":
            await answered.wait()
        return Response()

    receiver.answer = slow
    slow_run = await api.client.runs.create(
        None, "echo", input={"text": "a"}, webhook=f"{receiver.url}/slow"
    )
    quick_run = await api.client.runs.create(
        None, "echo", input={"text": "b"}, webhook=f"{receiver.url}/quick"
    )
    await settled(api, quick_run["run_id"], "delivered")
    assert (await deliveries(api, run_id=slow_run["run_id"]))[0]["status"] == "pending"
    answered.set()
    await settled(api, slow_run["run_id"], "delivered")


async def test_an_address_that_is_not_allowed_creates_no_run(database_uri: str) -> None:
    async with running_api(database_uri) as api:
        thread = await api.client.threads.create()
        for url in ("http://127.0.0.1/", "http://169.254.169.254/", "/relative"):
            with pytest.raises(UnprocessableEntityError, match="webhook: "):
                await api.client.runs.create(thread["thread_id"], "echo", webhook=url)
            with pytest.raises(UnprocessableEntityError, match="webhook: "):
                await api.client.crons.create("echo", schedule="@daily", webhook=url)
        assert await api.client.runs.list(thread["thread_id"]) == []


# --- the sender by itself -----------------------------------------------------------------------


def due(url: str) -> DueWebhook:
    return DueWebhook(uuid4(), uuid4(), url, {"run_id": "r", "kwargs": {"input": 1}}, 1)  # type: ignore[arg-type]


async def send(url: str, policy: UrlPolicy, **options: Any) -> Any:
    sender = HttpWebhookSender(
        policy, options.get("headers", {}), options.get("fields"), options.get("key")
    )
    try:
        return await sender.send(due(url))
    finally:
        await sender.close()


LOOPBACK_ALLOWED = UrlPolicy(disable_loopback=False)


async def test_a_redirect_keeps_the_method_and_the_body(receiver: Receiver) -> None:
    async def moved(told: Received) -> Response:
        return Response() if told.path == "/new" else RedirectResponse("/new", 301)

    receiver.answer = moved
    attempt = await send(f"{receiver.url}/old", LOOPBACK_ALLOWED)
    assert attempt.delivered
    assert [each.path for each in receiver.received] == ["/old", "/new"]
    assert receiver.received[0].body == receiver.received[1].body


async def test_a_redirect_leads_nowhere_that_is_forbidden(receiver: Receiver) -> None:
    async def trap(_: Received) -> Response:
        return RedirectResponse("http://169.254.169.254/latest/", 307)

    receiver.answer = trap
    attempt = await send(receiver.url, LOOPBACK_ALLOWED)
    assert (attempt.delivered, attempt.is_final) == (False, True)
    assert "infrastructure" in attempt.error


@pytest.mark.parametrize(
    ("named", "target", "is_private"),
    [
        ("https://a.example/x", "https://a.example/y", True),
        ("http://a.example/x", "http://a.example:8080/y", True),
        ("http://a.example/x", "https://a.example/x", True),
        ("https://a.example/x", "http://a.example/x", False),
        ("https://a.example/x", "https://b.example/x", False),
        ("https://a.example/x", "https://a.example.b.example/x", False),
    ],
)
def test_a_redirect_does_not_lead_secrets_astray(named: str, target: str, is_private: bool) -> None:
    assert is_as_private(httpx.URL(target), httpx.URL(named)) is is_private


async def test_redirects_come_to_an_end(receiver: Receiver) -> None:
    async def round_and_round(_: Received) -> Response:
        return RedirectResponse("/again", 302)

    receiver.answer = round_and_round
    attempt = await send(receiver.url, LOOPBACK_ALLOWED)
    assert "redirects" in attempt.error
    assert len(receiver.received) == 6


async def test_configured_headers_go_to_the_named_host_alone(receiver: Receiver) -> None:
    other_name = receiver.url.replace("127.0.0.1", "localhost")

    async def elsewhere(told: Received) -> Response:
        return Response() if told.path == "/there" else RedirectResponse(f"{other_name}/there", 307)

    receiver.answer = elsewhere
    attempt = await send(receiver.url, LOOPBACK_ALLOWED, headers={"x-token": "t"})
    assert attempt.delivered
    assert [each.headers.get("x-token") for each in receiver.received] == ["t", None]


async def test_a_name_that_resolves_to_this_machine_is_not_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rebound(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound, raising=False)
    port = receiver.url.rpartition(":")[2]
    attempt = await send(f"http://hooks.example.com:{port}/", UrlPolicy())
    assert attempt.is_final
    assert "this machine" in attempt.error
    assert receiver.received == []


async def test_only_allowed_fields_are_sent(receiver: Receiver) -> None:
    await send(receiver.url, LOOPBACK_ALLOWED, fields=["run_id", "status", "webhook_sent_at"])
    assert receiver.received[0].json.keys() == {"run_id", "webhook_sent_at"}
    assert "webhook-signature" not in receiver.received[0].headers
