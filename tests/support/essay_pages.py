"""Pages on which essays are asked for, in the ways in which they are alike."""

from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page, expect

from tests.support.server import Deployment


async def assert_conversation(page: Page, *texts: str) -> None:
    """Exactly these messages stand there, in this order."""
    await expect(page.locator("article p")).to_have_text([text.strip() for text in texts])


def thread_of(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query)["thread"][0]


async def stop(page: Page, server: Deployment) -> None:
    """Press the button, and see on the server that the run has stopped."""
    async with page.expect_response("**/cancel*") as cancelled:
        await page.get_by_role("button", name="Stop").click()
    assert (await cancelled.value).ok
    [run] = await server.client.runs.list(thread_of(page))
    await server.client.runs.join(run["thread_id"], run["run_id"])
    run = await server.client.runs.get(run["thread_id"], run["run_id"])
    assert run["status"] == "interrupted"
