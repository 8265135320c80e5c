"""One look at a row for however many want to know the same of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from uuid import UUID

Id = TypeVar("Id", bound=UUID)
T = TypeVar("T")


class SharedLooks(Generic[Id, T]):
    """Shares looks among those who ask at the same time.

    An answer is never older than the question: who asks while somebody looks waits for the next
    look, with all the others. So thousands who ask at once make two looks, one after the other.
    """

    def __init__(self, look: Callable[[Id], Awaitable[T]]) -> None:
        self._look = look
        self._looking: dict[Id, asyncio.Task[T]] = {}
        self._next: dict[Id, asyncio.Task[T]] = {}

    async def of(self, id: Id) -> T:
        """What the look gives, or raises. Whoever gives up waiting takes it from nobody else."""
        look = self._next.get(id)
        if look is None:
            look = asyncio.create_task(self._look_after(self._looking.get(id), id))
            self._next[id] = look
        return await asyncio.shield(look)

    async def _look_after(self, earlier: asyncio.Task[T] | None, id: Id) -> T:
        if earlier is not None:
            await asyncio.wait((earlier,))
        mine = self._looking[id] = self._next.pop(id)
        try:
            return await self._look(id)
        finally:
            if self._looking[id] is mine:
                del self._looking[id]
