"""What a deployment does to pages: the API goes away in mid-stream, and another one comes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser import test_chat_page as chat
from tests.browser import test_newest_hook as hook
from tests.browser import test_plain_page as plain
from tests.support.browser import new_page
from tests.support.gates import Essay
from tests.support.postgres import PostgresForTests
from tests.support.redis import running_redis
from tests.support.server import ApiProcess, Topology

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
async def api(postgres: PostgresForTests, gates: Path) -> AsyncIterator[ApiProcess]:
    """An API that may be restarted, with a worker that goes on meanwhile."""
    with running_redis() as redis:
        topology = Topology(await postgres.fresh_database(), redis, ESSAY_GATES=str(gates))
        try:
            await asyncio.gather(topology.apis[0].start(), topology.workers[0].start())
            yield topology.apis[0]
        finally:
            await topology.stop_all()


async def test_pages_outlive_a_restart_of_the_api(
    api: ApiProcess,
    browser: Browser,
    plain_page: str,
    chat_page: str,
    hook_page: str,
    gates: Path,
) -> None:
    """What is written meanwhile arrives when the API is back, once."""
    essays = by_source, by_fetch, in_chat, in_hook = [Essay(gates) for _ in range(4)]
    async with (
        new_page(browser) as source,
        new_page(browser) as fetch,
        new_page(browser) as chatting,
        new_page(browser) as hooked,
    ):
        await plain.ask(source, plain_page, api.url, "EventSource", by_source)
        await plain.ask(fetch, plain_page, api.url, "fetch-event-source", by_fetch)
        await chat.open_chat(chatting, chat_page, api.url)
        await chat.ask(chatting, in_chat)
        await hook.open_and_ask(hooked, hook_page, api.url, in_hook)

        await plain.assert_written(source, by_source.allow_words(3))
        await plain.assert_written(fetch, by_fetch.allow_words(3))
        await chat.assert_conversation(chatting, in_chat.topic, in_chat.allow_words(3))
        await hook.assert_conversation(hooked, in_hook.topic, in_hook.allow_words(3))

        await api.stop()
        for essay in essays:
            essay.allow_words(9)
        await api.start()

        await plain.assert_finished(source, by_source)
        await plain.assert_finished(fetch, by_fetch)
        await chat.assert_finished(chatting, in_chat)
        await hook.assert_finished(hooked, in_hook)
