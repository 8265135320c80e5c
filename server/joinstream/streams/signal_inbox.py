"""The bounded queue between signals that come in and the one who listens."""

import asyncio
from uuid import UUID

from joinstream.ports import Signal

WAKE = Signal("wake", None)
_MAX_WAITING = 10_000


def cancel_signal(run_id: UUID) -> Signal:
    return Signal("cancel", run_id)


class SignalInbox:
    """Keeps each waiting signal once. Starts with a wake, as nobody knows what came before."""

    def __init__(self) -> None:
        self._waiting: dict[Signal, None] = {WAKE: None}
        self._not_empty = asyncio.Event()
        self._not_empty.set()

    def put(self, signal: Signal) -> None:
        if len(self._waiting) < _MAX_WAITING:
            self._waiting[signal] = None
            self._not_empty.set()

    async def get(self) -> Signal:
        await self._not_empty.wait()
        signal = next(iter(self._waiting))
        del self._waiting[signal]
        if not self._waiting:
            self._not_empty.clear()
        return signal
