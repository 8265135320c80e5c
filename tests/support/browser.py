"""Pages of examples/web, built, and a browser that is shown them."""

import os
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.javascript import needs

EXAMPLES = Path(__file__).parents[2] / "examples" / "web"

# On a busy machine a page takes its time.
expect.set_options(timeout=30_000)

# What a browser does of its own accord has no place in a test.
_ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    program = needs("chromium")
    # As root it has no sandbox to go into.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=[*_ARGUMENTS, *sandbox]
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def new_page(browser: Browser) -> AsyncIterator[Page]:
    """A page in a browser that has seen nothing yet. An error that it does not catch is raised."""
    errors: list[str] = []
    context = await browser.new_context()
    page = await context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
    finally:
        await context.close()
    assert errors == []


@contextmanager
def built_page(page: Path, folder: Path, **environment: str) -> Iterator[str]:
    """Build a page with its own command, into a folder, and serve it. Gives its address."""
    build = [needs("npm", page), "run", "build", "--", "--outDir", str(folder)]
    subprocess.run(build, cwd=page, env={**os.environ, **environment}, check=True)
    with served_page(folder) as address:
        yield address


@contextmanager
def served_page(folder: Path) -> Iterator[str]:
    """Serve a page as it is. Gives its address."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass
