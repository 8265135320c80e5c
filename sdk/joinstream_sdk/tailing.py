"""A run on the terminal."""

from collections.abc import Sequence
from contextlib import aclosing

from langgraph_sdk.client import LangGraphClient
from rich.console import Console

from joinstream_sdk.event_lines import EventLines
from joinstream_sdk.following import FROM_THE_START, follow


async def tail(
    client: LangGraphClient,
    run_id: str,
    *,
    thread_id: str | None = None,
    stream_mode: Sequence[str] | None = None,
    live: bool = False,
    whole: bool = False,
    console: Console | None = None,
) -> bool:
    """Print a run's events from its start up to its end; whether it ended with success.

    Without `thread_id` the server is asked for it. `live` begins with the thread's current state
    instead, and goes on with what is new. `whole` lines are not cut to fit the terminal. Raises
    what `follow` raises.
    """
    lines = EventLines(console or Console(highlight=False), whole=whole)
    thread_id = thread_id or (await client.http.get(f"/runs/{run_id}"))["thread_id"]
    succeeded = False
    parts = follow(
        client,
        thread_id,
        run_id,
        stream_mode=stream_mode,
        last_event_id=None if live else FROM_THE_START,
    )
    async with aclosing(parts):
        async for part in parts:
            lines.print(part)
            succeeded = part.event == "end" and part.data["status"] == "success"
    lines.finish()
    return succeeded
