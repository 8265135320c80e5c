"""The chat in React, which is `useStream` of the official SDK with us."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import new_page
from tests.support.cutting_proxy import cutting_proxy
from tests.support.essay_pages import assert_conversation, stop, thread_of
from tests.support.gates import Essay
from tests.support.server import Deployment
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def address(chat_page: str) -> str:
    return chat_page


async def open_chat(page: Page, address: str, api: str) -> None:
    await page.goto(f"{address}?api={api.rstrip('/')}")


async def ask(page: Page, essay: Essay) -> None:
    """Have the essay written, and go on when its run has begun to read."""
    await page.get_by_label("Topic").fill(essay.topic)
    await page.get_by_label("Topic").press("Enter")
    essay.begin_reading()
    await expect(page.locator(".progress")).to_have_text("1 of 2 books")


async def assert_finished(page: Page, essay: Essay, *before: str) -> None:
    essay.let_it_be_finished()
    await expect(page.get_by_role("button", name="Write")).to_be_visible()
    await assert_conversation(page, *before, essay.topic, essay.text)


async def test_text_appears_word_by_word_and_the_bar_moves(
    page: Page, address: str, server: Deployment, essay: Essay
) -> None:
    await open_chat(page, address, str(server.http.base_url))
    await ask(page, essay)
    await expect(page.locator("progress")).to_have_js_property("value", 0.5)
    for count in (1, 2, 3):
        await assert_conversation(page, essay.topic, essay.allow_words(count))
    await expect(page.locator("progress")).to_have_js_property("position", -1)
    await assert_finished(page, essay)
    state = await server.client.threads.get_state(thread_of(page))
    assert isinstance(state["values"], dict)
    assert state["values"]["messages"][-1]["content"] == essay.text


async def test_a_reload_loses_nothing_and_doubles_nothing(
    page: Page, address: str, server: Deployment, essay: Essay
) -> None:
    await open_chat(page, address, str(server.http.base_url))
    await ask(page, essay)
    so_far = essay.allow_words(5)
    await assert_conversation(page, essay.topic, so_far)
    await page.reload()
    await assert_conversation(page, essay.topic, so_far)
    await expect(page.locator(".progress")).to_have_text("Writing")
    await assert_conversation(page, essay.topic, essay.allow_words(8))
    await assert_finished(page, essay)
    await page.reload()
    await assert_finished(page, essay)


async def test_stop_stops_the_run_on_the_server(
    page: Page, address: str, server: Deployment, essay: Essay
) -> None:
    await open_chat(page, address, str(server.http.base_url))
    await ask(page, essay)
    so_far = essay.allow_words(4)
    await assert_conversation(page, essay.topic, so_far)
    await stop(page, server)
    await expect(page.get_by_role("button", name="Write")).to_be_visible()
    await assert_conversation(page, essay.topic, so_far)


async def test_a_lost_connection_costs_nothing(
    page: Page, address: str, server: Deployment, essay: Essay
) -> None:
    """What is written while the page is away arrives when it is back, once."""
    async with cutting_proxy(str(server.http.base_url)) as proxy:
        await open_chat(page, address, proxy.url)
        await ask(page, essay)
        await assert_conversation(page, essay.topic, essay.allow_words(3))
        proxy.close_the_door()
        so_far = essay.allow_words(9)
        await proxy.has_turned_away(1)
        proxy.open_the_door()
        await assert_conversation(page, essay.topic, so_far)
        await assert_finished(page, essay)


async def test_a_question_that_is_edited_has_two_versions_to_go_between(
    page: Page, address: str, server: Deployment, essay: Essay, another_essay: Essay
) -> None:
    await open_chat(page, address, str(server.http.base_url))
    await ask(page, essay)
    await assert_finished(page, essay)
    await page.get_by_role("button", name="Edit").click()
    await expect(page.get_by_label("Topic")).to_have_value(essay.topic)
    await ask(page, another_essay)
    await assert_conversation(page, another_essay.topic)
    await assert_finished(page, another_essay)
    versions = page.get_by_label("Versions")
    await expect(versions).to_contain_text("2 / 2")
    await versions.get_by_label("Previous").click()
    await expect(versions).to_contain_text("1 / 2")
    await assert_conversation(page, essay.topic, essay.text)


@pytest.mark.parametrize("answer", ["Yes", "No"])
async def test_a_question_of_the_graph_is_answered_also_after_a_reload(
    page: Page, address: str, server: Deployment, essay: Essay, answer: str
) -> None:
    await open_chat(page, address, str(server.http.base_url))
    await page.get_by_label("ask me before writing").check()
    await ask(page, essay)
    essay.let_it_be_finished()
    asked = page.get_by_text(f"All books are read. Shall I write about {essay.topic}?")
    await expect(asked).to_be_visible()
    await page.reload()
    await expect(asked).to_be_visible()
    await page.get_by_role("button", name=answer).click()

    async def is_idle() -> bool:
        return (await server.client.threads.get(thread_of(page)))["status"] == "idle"

    await eventually(is_idle)
    await assert_conversation(page, essay.topic, *([essay.text] if answer == "Yes" else []))
    await expect(asked).to_be_hidden()


async def test_a_conversation_goes_on_in_another_browser(
    page: Page,
    address: str,
    server: Deployment,
    browser: Browser,
    essay: Essay,
    another_essay: Essay,
) -> None:
    await open_chat(page, address, str(server.http.base_url))
    await ask(page, essay)
    await assert_finished(page, essay)
    async with new_page(browser) as elsewhere:
        await elsewhere.goto(page.url)
        await assert_conversation(elsewhere, essay.topic, essay.text)
        await ask(elsewhere, another_essay)
        await assert_finished(elsewhere, another_essay, essay.topic, essay.text)
