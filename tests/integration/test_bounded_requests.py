"""What anybody may send before they are known: not without end, and not for ever."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from joinstream.encoding import dumps
from joinstream.processes import bounded_requests
from joinstream.processes.bounded_requests import MOST_BYTES_OF_HEAD
from tests.support.api import Api, running_api

PART = b"a" * 65536
MOST_PARTS = 20 * MOST_BYTES_OF_HEAD // len(PART)


@pytest.fixture
async def api(database_uri: str) -> AsyncIterator[Api]:
    async with running_api(database_uri, over_tcp=True, heartbeat_seconds=0.1) as running:
        yield running


async def connected(api: Api) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = api.http.base_url
    return await asyncio.open_connection(url.host, url.port)


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server hangs up, with a reset if it has not read everything."""
    received = b""
    async with asyncio.timeout(20):
        try:
            while part := await reader.read(65536):
                received += part
        except ConnectionError:
            pass
    return received


def headers() -> Iterator[bytes]:
    for number in range(MOST_PARTS):
        yield b"x%d: %s\r\n" % (number, PART)


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /ok?",
        b"GET /ok HTTP/1.1\r\nx: ",
        b"GET /ok HTTP/1.1\r\nHost: x\r\n",
        b"POST /threads/count HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        b"POST /threads/count HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;",
    ],
    ids=["address", "header", "headers", "trailers", "extension"],
)
async def test_what_has_no_end_is_not_waited_for(api: Api, begin: bytes) -> None:
    reader, writer = await connected(api)
    writer.write(begin)
    has_lines = begin.endswith(b"\n")
    with suppress(ConnectionError):
        for line in headers():
            writer.write(line if has_lines else PART)
            await writer.drain()
    await all_of(reader)
    writer.close()


async def test_who_sends_too_much_is_told(api: Api) -> None:
    reader, writer = await connected(api)
    writer.write(b"GET /ok HTTP/1.1\r\nx: " + PART * (MOST_BYTES_OF_HEAD // len(PART) + 1))
    answer = await all_of(reader)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert str(MOST_BYTES_OF_HEAD).encode() in answer
    writer.close()


async def test_large_heads_and_bodies_get_through(api: Api) -> None:
    large = "a" * (MOST_BYTES_OF_HEAD // 2)
    for _ in range(4):
        assert (await api.http.get("/ok", headers={"x-large": large})).status_code == 200
    thread = {"metadata": {"large": large * 10}}
    assert (await api.http.post("/threads", json=thread)).status_code == 200
    assert (await api.http.post("/threads", content=streamed(large))).status_code == 200


async def streamed(text: str) -> AsyncIterator[bytes]:
    yield b'{"metadata": {"large": "'
    for _ in range(10):
        yield text.encode()
    yield b'"}}'


@pytest.mark.parametrize("begin", [b"", b"GET /ok HTTP/1.1\r\nHost:", b"\r\n"])
async def test_a_head_is_not_waited_for_without_end(
    api: Api, begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_requests, "HEAD_SECONDS", 0.2)
    reader, writer = await connected(api)
    writer.write(begin)
    assert await all_of(reader) == b""
    writer.close()


async def test_the_head_of_a_next_request_does_not_end_the_answer_before(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_requests, "HEAD_SECONDS", 0.01)
    run = {"assistant_id": "echo", "input": {"text": "?"}, "after_seconds": 1}
    body = dumps({**run, "on_disconnect": "cancel"})
    reader, writer = await connected(api)
    head = b"POST /runs/stream HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % len(body) + body + b"GET /ok HTTP/1.1\r\n")
    async with asyncio.timeout(20):
        assert await reader.readuntil(b": heartbeat")
        assert await reader.readuntil(b": heartbeat")
    writer.close()


async def test_a_second_head_on_a_connection_is_not_waited_for_either(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = await connected(api)
    writer.write(b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readuntil(b"}}")).startswith(b"HTTP/1.1 200 ")
    monkeypatch.setattr(bounded_requests, "HEAD_SECONDS", 0.2)
    writer.write(b"GET /ok HTTP/1.1\r\n")
    assert await all_of(reader) == b""
    writer.close()
