"""The page without a framework, with each of its two ways to read a stream."""

import pytest
from playwright.async_api import Page, expect

from tests.support.cutting_proxy import cutting_proxy
from tests.support.gates import Essay
from tests.support.server import Deployment

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def address(plain_page: str) -> str:
    return plain_page


@pytest.fixture(params=["EventSource", "fetch-event-source"])
def reader(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def ask(page: Page, address: str, api: str, reader: str, essay: Essay) -> None:
    """Have the essay written, and go on when its run has begun to read."""
    await page.goto(f"{address}?api={api.rstrip('/')}")
    await page.get_by_label(reader).check()
    await page.get_by_label("Topic").fill(essay.topic)
    await page.get_by_role("button", name="Write").click()
    essay.begin_reading()
    await expect(page.locator("#label")).to_have_text("1 of 2 books")


async def assert_written(page: Page, text: str) -> None:
    await expect(page.locator("#text")).to_have_text(text.strip(), use_inner_text=True)


async def assert_finished(page: Page, essay: Essay) -> None:
    essay.let_it_be_finished()
    await expect(page.locator("#status")).to_have_text("success")
    await assert_written(page, essay.text)


async def run_status(page: Page, server: Deployment) -> str:
    _, _, thread_id, _, run_id = page.url.partition("#")[2].split("/")
    return (await server.client.runs.get(thread_id, run_id))["status"]


async def test_text_appears_word_by_word_and_the_bar_moves(
    page: Page, address: str, server: Deployment, reader: str, essay: Essay
) -> None:
    await ask(page, address, str(server.http.base_url), reader, essay)
    await expect(page.locator("#bar")).to_have_js_property("value", 0.5)
    for count in (1, 2, 3):
        await assert_written(page, essay.allow_words(count))
    await expect(page.locator("#label")).to_have_text("Writing")
    await expect(page.locator("#bar")).to_have_js_property("position", -1)
    await assert_finished(page, essay)
    await expect(page.locator("#bar")).to_have_js_property("value", 1)


async def test_a_reload_loses_nothing_and_doubles_nothing(
    page: Page, address: str, server: Deployment, reader: str, essay: Essay
) -> None:
    await ask(page, address, str(server.http.base_url), reader, essay)
    so_far = essay.allow_words(5)
    await assert_written(page, so_far)
    await page.reload()
    await assert_written(page, so_far)
    await assert_finished(page, essay)
    await page.reload()
    await assert_finished(page, essay)


async def test_stop_stops_the_run_on_the_server(
    page: Page, address: str, server: Deployment, reader: str, essay: Essay
) -> None:
    await ask(page, address, str(server.http.base_url), reader, essay)
    so_far = essay.allow_words(4)
    await assert_written(page, so_far)
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator("#status")).to_have_text("interrupted")
    assert await run_status(page, server) == "interrupted"
    await assert_written(page, so_far)


async def test_a_lost_connection_costs_nothing(
    page: Page, address: str, server: Deployment, reader: str, essay: Essay
) -> None:
    """What is written while the page is away arrives when it is back, once."""
    async with cutting_proxy(str(server.http.base_url)) as proxy:
        await ask(page, address, proxy.url, reader, essay)
        await assert_written(page, essay.allow_words(3))
        proxy.close_the_door()
        await expect(page.locator("#status")).to_have_text("connection lost, coming back")
        so_far = essay.allow_words(9)
        await proxy.has_turned_away(1)
        proxy.open_the_door()
        await assert_written(page, so_far)
        await assert_finished(page, essay)
