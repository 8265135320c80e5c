"""A response that stays open, between middleware that says and does what it may."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest
from starlette.types import Message

from joinstream.http.sse import OpenStreams, ResponseCutOff, StreamingBody

HEADERS = {"Content-Type": "text/event-stream"}
SCOPE = {"type": "http"}


class Recorder:
    """What a response did at its end."""

    def __init__(self) -> None:
        self.closed = False
        self.told_of_leaving = False

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed = True

    async def on_disconnect(self) -> None:
        await asyncio.sleep(0)
        self.told_of_leaving = True

    def body(self, chunks: AsyncIterator[bytes]) -> StreamingBody:
        return StreamingBody(
            chunks,
            HEADERS,
            open_streams=OpenStreams(),
            close=self.close,
            on_disconnect=self.on_disconnect,
        )


async def one_chunk() -> AsyncIterator[bytes]:
    yield b": hello\n\n"


async def endless() -> AsyncIterator[bytes]:
    yield b": hello\n\n"
    await asyncio.Event().wait()


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_disconnect_that_middleware_makes_of_the_end_is_nobodys_leaving() -> None:
    complete = asyncio.Event()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message["more_body"]:
            complete.set()
            for _ in range(5):  # as BaseHTTPMiddleware, which waits for the outer response
                await asyncio.sleep(0)

    async def receive() -> Message:
        await complete.wait()
        return {"type": "http.disconnect"}

    recorder = Recorder()
    await recorder.body(one_chunk())(SCOPE, receive, send)
    assert (recorder.closed, recorder.told_of_leaving) == (True, False)


async def test_a_disconnect_before_the_end_is() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    recorder = Recorder()
    await recorder.body(endless())(SCOPE, receive, send)
    assert (recorder.closed, recorder.told_of_leaving) == (True, True)
    assert sent[-1]["more_body"] is False


async def test_middleware_that_gives_the_response_up_leaves_nothing_open() -> None:
    recorder = Recorder()
    began = anyio.Event()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            began.set()

    async with anyio.create_task_group() as group:
        group.start_soon(recorder.body(endless()), SCOPE, never, send)
        await began.wait()
        group.cancel_scope.cancel()
    assert recorder.closed
    assert not recorder.told_of_leaving


async def test_a_stream_that_the_server_interrupts_is_left_incomplete() -> None:
    sent: list[Message] = []
    recorder = Recorder()
    body = recorder.body(endless())

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            body.interrupt()

    with pytest.raises(ResponseCutOff):
        await body(SCOPE, never, send)
    assert sent[-1] == {"type": "http.response.body", "body": b": hello\n\n", "more_body": True}
    assert (recorder.closed, recorder.told_of_leaving) == (True, False)


async def test_so_is_one_that_had_not_begun() -> None:
    sent: list[Message] = []
    recorder = Recorder()

    async def send(message: Message) -> None:
        sent.append(message)

    body = recorder.body(endless())
    body.interrupt()
    with pytest.raises(ResponseCutOff):
        await body(SCOPE, never, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
