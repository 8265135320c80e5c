"""A browser, and a server whose essays are written as fast as a test allows."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.support.browser import EXAMPLES, built_page, new_page, running_chromium
from tests.support.gates import Essay
from tests.support.server import Deployment, embedded_server

HOOK = Path(__file__).parent / "newest_hook"


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with running_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def plain_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with built_page(EXAMPLES / "plain", tmp_path_factory.mktemp("plain")) as address:
        yield address


@pytest.fixture(scope="session")
def chat_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with built_page(EXAMPLES / "chat", tmp_path_factory.mktemp("chat")) as address:
        yield address


@pytest.fixture(scope="session")
def hook_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with built_page(HOOK, tmp_path_factory.mktemp("hook")) as address:
        yield address


@pytest.fixture(scope="session")
def hook_page_on_newest_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("newest")
    with built_page(HOOK, folder, NEWEST_CLIENT="1") as address:
        yield address


@pytest.fixture(scope="session")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="session")
async def server(gates: Path) -> AsyncIterator[Deployment]:
    async with embedded_server(ESSAY_GATES=str(gates)) as deployment:
        yield deployment


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with new_page(browser) as page:
        yield page


@pytest.fixture
def essay(gates: Path) -> Essay:
    return Essay(gates)


@pytest.fixture
def another_essay(gates: Path) -> Essay:
    return Essay(gates)
