"""`joinstream tail`: the SDK's, with its errors in one line."""

import asyncio
from uuid import UUID

import httpx
from langgraph_sdk.errors import APIStatusError

from joinstream.errors import StartupError

_MISSING = "tail is part of the client: pip install 'joinstream-sdk[tail]'."


def run_tail(
    url: str | None,
    run_id: UUID,
    thread_id: UUID | None,
    modes: list[str],
    *,
    live: bool,
    whole: bool,
) -> int:
    """Print events until the run ends; the exit code. Raises StartupError."""
    return asyncio.run(_tail(url, run_id, thread_id, modes, live=live, whole=whole))


async def _tail(
    url: str | None,
    run_id: UUID,
    thread_id: UUID | None,
    modes: list[str],
    *,
    live: bool,
    whole: bool,
) -> int:
    try:
        from joinstream_sdk import get_client
        from joinstream_sdk.tailing import tail
    except ImportError as error:
        raise StartupError(_MISSING) from error
    async with get_client(url) as client:
        where = str(client.http.client.base_url)
        try:
            succeeded = await tail(
                client,
                str(run_id),
                thread_id=str(thread_id) if thread_id else None,
                stream_mode=modes or None,
                live=live,
                whole=whole,
            )
        except APIStatusError as error:
            raise StartupError(f"{where} answers {error.status_code}: {error.message}") from error
        except httpx.TransportError as error:
            raise StartupError(f"Nothing answers on {where}: start it, or give --url.") from error
    return 0 if succeeded else 1
