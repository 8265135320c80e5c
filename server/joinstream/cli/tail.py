"""`joinstream tail`."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import orjson
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIStatusError
from langgraph_sdk.schema import StreamPart
from rich.console import Console
from rich.text import Text

from joinstream.errors import StartupError

_STYLES = {"error": "bold red", "gap": "bold yellow", "end": "dim", "metadata": "cyan"}


def run_tail(url: str, thread_id: UUID, run_id: UUID | None, *, full: bool) -> int:
    """Print events until the run ends or, for a thread, until Ctrl-C; the exit code."""
    return asyncio.run(_tail(url, thread_id, run_id, full=full))


async def _tail(url: str, thread_id: UUID, run_id: UUID | None, *, full: bool) -> int:
    console = Console(highlight=False)
    failed = False
    try:
        # The official client would try for seconds to reach a server that is not there.
        async with httpx.AsyncClient() as http:
            await http.get(f"{url}/ok")
        async for part in await _events(get_client(url=url), str(thread_id), run_id):
            failed = failed or part.event == "error"
            _print(console, part, full=full)
    except APIStatusError as error:
        raise StartupError(f"{url} answers {error.status_code}: {error.message}") from error
    except httpx.TransportError as error:
        raise StartupError(f"Nothing answers on {url}: start it, or give --url.") from error
    return 1 if failed else 0


async def _events(
    client: LangGraphClient, thread_id: str, run_id: UUID | None
) -> AsyncIterator[StreamPart]:
    if run_id is None:
        return await client.threads.join_stream(thread_id)
    return client.runs.join_stream(thread_id, str(run_id), last_event_id="-1")


def _print(console: Console, part: StreamPart, *, full: bool) -> None:
    line = Text.assemble(
        (f"{part.id or '-':>8} ", "dim"),
        (f"{part.event:<10} ", _STYLES.get(part.event.partition("|")[0], "green")),
    )
    options = orjson.OPT_INDENT_2 if full else None
    line.append(orjson.dumps(part.data, option=options).decode())
    console.print(line, overflow="fold" if full else "ellipsis", no_wrap=not full)
