"""`useStream` of `@langchain/react`, which speaks the event-streaming protocol and nothing else.

It brings client 1.11.0. What depends on the client's version is tested on the newest one too.
"""

from urllib.parse import urlencode

import pytest
from playwright.async_api import Page, WebSocket, expect

from tests.support.cutting_proxy import cutting_proxy
from tests.support.essay_pages import assert_conversation, stop
from tests.support.gates import Essay
from tests.support.server import Deployment

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def address(hook_page: str) -> str:
    return hook_page


async def ask(page: Page, essay: Essay, button: str = "Write") -> None:
    await page.get_by_label("Topic").fill(essay.topic)
    await page.get_by_role("button", name=button).click()
    essay.begin_reading()
    await expect(page.locator("output")).to_have_text("1 of 2 books")


async def open_and_ask(page: Page, address: str, api: str, essay: Essay, **query: str) -> None:
    await page.goto(f"{address}?{urlencode({'api': api.rstrip('/'), **query})}")
    await ask(page, essay)


async def assert_finished(page: Page, essay: Essay, *before: str) -> None:
    essay.let_it_be_finished()
    await expect(page.locator("output")).to_have_text("over")
    await assert_conversation(page, *before, essay.topic, essay.text)


async def test_text_appears_word_by_word_and_progress_is_heard(
    page: Page, address: str, server: Deployment, essay: Essay, another_essay: Essay
) -> None:
    await open_and_ask(page, address, str(server.http.base_url), essay)
    for count in (1, 2, 3):
        await assert_conversation(page, essay.topic, essay.allow_words(count))
    await expect(page.locator("output")).to_have_text("Writing")
    await assert_finished(page, essay)
    await ask(page, another_essay)
    await assert_finished(page, another_essay, essay.topic, essay.text)


@pytest.mark.parametrize("transport", ["sse", "websocket"])
@pytest.mark.parametrize("client", ["hook_page", "hook_page_on_newest_client"])
async def test_a_reload_loses_nothing_and_doubles_nothing(
    page: Page,
    request: pytest.FixtureRequest,
    client: str,
    transport: str,
    server: Deployment,
    essay: Essay,
) -> None:
    address, api = request.getfixturevalue(client), str(server.http.base_url)
    await open_and_ask(page, address, api, essay, transport=transport)
    so_far = essay.allow_words(5)
    await assert_conversation(page, essay.topic, so_far)
    await page.reload()
    await assert_conversation(page, essay.topic, so_far)
    await expect(page.locator("output")).to_have_text("Writing")
    await assert_conversation(page, essay.topic, essay.allow_words(8))
    await assert_finished(page, essay)
    await page.reload()
    await assert_finished(page, essay)


async def test_stop_stops_the_run_on_the_server(
    page: Page, address: str, server: Deployment, essay: Essay
) -> None:
    await open_and_ask(page, address, str(server.http.base_url), essay)
    await assert_conversation(page, essay.topic, essay.allow_words(4))
    await stop(page, server)
    await expect(page.locator("output")).to_have_text("over")


@pytest.mark.parametrize("transport", ["sse", "websocket"])
async def test_a_lost_connection_costs_nothing(
    page: Page, address: str, server: Deployment, essay: Essay, transport: str
) -> None:
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    async with cutting_proxy(str(server.http.base_url)) as proxy:
        await open_and_ask(page, address, proxy.url, essay, transport=transport)
        assert bool(sockets) == (transport == "websocket")
        await assert_conversation(page, essay.topic, essay.allow_words(3))
        proxy.cut()
        await assert_conversation(page, essay.topic, essay.allow_words(9))
        await assert_finished(page, essay)


async def test_a_question_of_the_graph_is_answered_also_after_a_reload(
    page: Page, address: str, server: Deployment, essay: Essay
) -> None:
    await open_and_ask(page, address, str(server.http.base_url), essay, ask="1")
    essay.let_it_be_finished()
    asked = page.get_by_text(f"All books are read. Shall I write about {essay.topic}?")
    await expect(asked).to_be_visible()
    await page.reload()
    await expect(asked).to_be_visible()
    await page.get_by_role("button", name="Yes").click()
    await expect(asked).to_be_hidden()
    await assert_finished(page, essay)


async def test_another_question_may_be_asked_instead(
    page: Page,
    hook_page_on_newest_client: str,
    server: Deployment,
    essay: Essay,
    another_essay: Essay,
) -> None:
    """Client 1.11.0 goes back to a state that still has the first question."""
    await open_and_ask(page, hook_page_on_newest_client, str(server.http.base_url), essay)
    await assert_finished(page, essay)
    await ask(page, another_essay, "Ask this instead")
    await assert_finished(page, another_essay)
