"""The chat in one file of HTML, which speaks OpenAI's API by fetch."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import EXAMPLES, served_page
from tests.support.gates import Essay
from tests.support.server import Deployment
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served_page(EXAMPLES / "openai") as url:
        yield url


async def open_chat(page: Page, address: str, server: Deployment, model: str) -> None:
    api = str(server.http.base_url).rstrip("/")
    await page.goto(f"{address}?api={api}&model={model}")
    await expect(page.get_by_label("Model")).to_have_value(model)


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Message").fill(text)
    await page.get_by_role("button", name="Send").click()


async def assert_said(page: Page, *texts: str) -> None:
    lines = page.locator("#talk .assistant")
    await expect(lines).to_have_text([text.strip() for text in texts])


async def test_words_appear_as_they_are_written(
    page: Page, address: str, server: Deployment, essay: Essay
) -> None:
    await open_chat(page, address, server, "essay")
    await say(page, essay.topic)
    for count in (1, 2, 5):
        await assert_said(page, essay.allow_words(count))
    essay.let_it_be_finished()
    await assert_said(page, essay.text)
    await expect(page.get_by_role("button", name="Send")).to_be_visible()


async def test_the_conversation_goes_on_and_tools_are_shown(
    page: Page, address: str, server: Deployment
) -> None:
    await open_chat(page, address, server, "agent")
    await say(page, "What is 2 + 3?")
    await assert_said(page, "The answer is 5")
    await say(page, "And 4 * 5?")
    await assert_said(page, "The answer is 5", "The answer is 20")
    await expect(page.locator("#talk .tool")).to_have_text(
        ['add {"a": 2, "b": 3}', 'multiply {"a": 4, "b": 5}']
    )


async def test_stop_stops_the_run_on_the_server(
    page: Page, address: str, server: Deployment, essay: Essay
) -> None:
    await open_chat(page, address, server, "essay")
    async with page.expect_response("**/chat/completions") as answered:
        await say(page, essay.topic)
    run = (await answered.value).headers["content-location"]
    so_far = essay.allow_words(4)
    await assert_said(page, so_far)
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()

    async def is_cancelled() -> bool:
        return (await server.http.get(run)).json()["status"] == "interrupted"  # type: ignore[no-any-return]  # JSON

    await eventually(is_cancelled)
    await assert_said(page, so_far)


async def test_an_error_of_the_graph_is_shown(page: Page, address: str, server: Deployment) -> None:
    await open_chat(page, address, server, "speaker")
    await say(page, '{"fail": "told to fail"}')
    await expect(page.locator("#talk .error")).to_have_text("told to fail")
