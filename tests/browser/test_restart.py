"""What deployments and accidents do to pages: an API or a worker goes away in mid-stream."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser import test_chat_page as chat
from tests.browser import test_newest_hook as hook
from tests.browser import test_plain_page as plain
from tests.support.browser import new_page
from tests.support.essay_pages import assert_conversation
from tests.support.gates import Essay
from tests.support.postgres import PostgresForTests
from tests.support.redis import running_redis
from tests.support.server import ApiProcess, ServerProcess, Topology
from tests.support.site import QUICK_TO_NOTICE

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
async def topology(postgres: PostgresForTests, gates: Path) -> AsyncIterator[Topology]:
    """One API and one worker of it run."""
    uri = await postgres.fresh_database()
    with running_redis() as redis:
        topology = Topology(uri, redis, ESSAY_GATES=str(gates), **QUICK_TO_NOTICE)
        try:
            await asyncio.gather(topology.apis[0].start(), topology.workers[0].start())
            yield topology
        finally:
            await topology.stop_all()


@pytest.fixture
def api(topology: Topology) -> ApiProcess:
    return topology.apis[0]


@pytest.fixture
def worker(topology: Topology) -> ServerProcess:
    return topology.workers[0]


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
        await assert_conversation(chatting, in_chat.topic, in_chat.allow_words(3))
        await assert_conversation(hooked, in_hook.topic, in_hook.allow_words(3))

        await api.stop()
        for essay in essays:
            essay.allow_words(9)
        await api.start()

        await plain.assert_finished(source, by_source)
        await plain.assert_finished(fetch, by_fetch)
        await chat.assert_finished(chatting, in_chat)
        await hook.assert_finished(hooked, in_hook)


async def test_pages_outlive_the_death_of_a_worker(
    api: ApiProcess,
    worker: ServerProcess,
    browser: Browser,
    plain_page: str,
    chat_page: str,
    hook_page: str,
    hook_page_on_newest_client: str,
    gates: Path,
) -> None:
    """The next attempt writes the answer anew; what the first had written is taken back."""
    on_plain_page, in_chat, in_hook, in_old_hook = [Essay(gates) for _ in range(4)]
    async with (
        new_page(browser) as source,
        new_page(browser) as chatting,
        new_page(browser) as hooked,
        new_page(browser) as hooked_of_old,
    ):
        await plain.ask(source, plain_page, api.url, "EventSource", on_plain_page)
        await chat.open_chat(chatting, chat_page, api.url)
        await chat.ask(chatting, in_chat)
        await hook.open_and_ask(hooked, hook_page_on_newest_client, api.url, in_hook)
        await hook.open_and_ask(
            hooked_of_old, hook_page, api.url, in_old_hook, transport="websocket"
        )
        await plain.assert_written(source, on_plain_page.allow_words(9))
        await assert_conversation(chatting, in_chat.topic, in_chat.allow_words(9))
        await assert_conversation(hooked, in_hook.topic, in_hook.allow_words(9))
        so_far = in_old_hook.allow_words(9)
        await assert_conversation(hooked_of_old, in_old_hook.topic, so_far)

        await worker.kill()
        await worker.start()

        await plain.assert_finished(source, on_plain_page)
        await chat.assert_finished(chatting, in_chat)
        await hook.assert_finished(hooked, in_hook)
        in_old_hook.let_it_be_finished()
        await expect(hooked_of_old.locator("output")).to_have_text("over")
        emptied = ""  # client 1.11.0 has no way to drop it
        await assert_conversation(hooked_of_old, in_old_hook.topic, in_old_hook.text, emptied)
