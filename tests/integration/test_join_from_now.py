"""Where a stream that is joined without a `Last-Event-ID` begins."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from joinstream.auth.access import OpenAccess
from joinstream.domain.events import EventId, FrameBatch
from joinstream.domain.ids import RunId, ThreadId
from joinstream.http.run_streams import position
from joinstream.services import Services
from joinstream.services.run_streams import RunStream
from joinstream.settings import load_settings
from joinstream.streams.join import Now
from joinstream.use_cases import make_services
from tests.support.api import Api
from tests.support.streams import KEPT, frames


@pytest.fixture
def services(api: Api, database_uri: str) -> Services:
    settings = load_settings(database_uri=database_uri)
    return make_services(settings, api.project, api.backends, OpenAccess(), None)


@asynccontextmanager
async def joined(api: Api, services: Services, *, earlier: int) -> AsyncIterator[RunStream]:
    """The stream of a pending run, joined when its thread has so many events of an earlier run."""
    thread = await api.client.threads.create()
    run = await api.client.runs.create(thread["thread_id"], "echo", input={"text": "hello"})
    found = await services.runs.get(ThreadId(UUID(thread["thread_id"])), RunId(UUID(run["run_id"])))
    if earlier:
        await append(api, found.thread_id, UUID(int=1), epoch=1, count=earlier)
    stream = await services.run_streams.join(found, "now")
    try:
        yield stream
    finally:
        await stream.close()


async def append(api: Api, thread_id: UUID, run_id: UUID, *, epoch: int, count: int) -> None:
    await api.backends.bus.events.append(thread_id, frames(epoch, range(count), run_id), KEPT)


@pytest.mark.parametrize("earlier", [0, 3])
async def test_what_is_produced_between_the_join_and_the_first_read_is_not_lost(
    api: Api, services: Services, earlier: int
) -> None:
    async with joined(api, services, earlier=earlier) as stream:
        await append(api, stream.run.thread_id, stream.run.run_id, epoch=2, count=2)
        first = await anext(stream.items)
    assert isinstance(first, FrameBatch), "a heartbeat came first: the events are lost"
    assert [str(frame.id) for frame in first.frames] == ["2-0", "2-1"]


@pytest.mark.parametrize(("earlier", "expected"), [(0, "0"), (3, "1-2")])
async def test_a_joined_stream_says_where_it_begins(
    api: Api, services: Services, earlier: int, expected: str
) -> None:
    async with joined(api, services, earlier=earlier) as stream:
        assert stream.cursor == Now(EventId(1, 2) if earlier else None)
        assert position(stream.cursor) == {"X-Stream-Position": expected}
