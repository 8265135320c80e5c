"""Waiting for something to become true that no event announces."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.005


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look until the answer is truthy, and return it. The test's own time limit is the limit."""
    while True:
        found = await look()
        if found:
            return found
        await asyncio.sleep(_POLL_SECONDS)
