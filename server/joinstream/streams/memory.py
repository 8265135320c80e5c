"""The stream path in one process's memory: `EventLog`, `EventHub` and `Signals` for `dev`.

Everything may be used from several threads, each with an event loop of its own: the worker of `dev`
is not in the API's thread. Readers and listeners are woken in their own loops.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from joinstream.domain.events import EventId, Frame, FrameBatch
from joinstream.ports import AppendOutcome, LogPage, Retention, Signal
from joinstream.streams.cross_loop import LoopMailbox
from joinstream.streams.memory_log import MemoryLog
from joinstream.streams.reader_queue import ReaderQueue
from joinstream.streams.signal_inbox import WAKE, SignalInbox, cancel_signal

_MIB = 1024 * 1024
_SWEEP_EVERY_SECONDS = 30.0
_NOTHING = MemoryLog()


class MemoryStreams:
    """All three seams in one object. `clock` is in seconds and only ever goes forward."""

    def __init__(
        self,
        *,
        max_entries: int = 10_000,
        max_bytes: int = 64 * _MIB,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._logs: dict[UUID, MemoryLog] = {}
        self._readers: dict[UUID, dict[ReaderQueue, LoopMailbox]] = {}
        self._listeners: dict[SignalInbox, LoopMailbox] = {}
        self._mailboxes: dict[asyncio.AbstractEventLoop, LoopMailbox] = {}
        self._sweep_at = 0.0

    async def append(
        self, stream: UUID, frames: Sequence[Frame], retention: Retention
    ) -> AppendOutcome:
        with self._lock:
            if not retention.logged:
                self._publish(stream, frames)
                return "appended"
            self._sweep()
            log = self._live(stream) or self._logs.setdefault(stream, MemoryLog())
            if log.top is not None and log.top.epoch > frames[0].id.epoch:
                return "stale"
            accepted = log.append(frames)
            log.shrink(self._max_entries, self._max_bytes)
            self._extend(log, retention)
            self._publish(stream, accepted)
            return "appended"

    async def read(self, stream: UUID, after: EventId | None, limit: int = 500) -> LogPage:
        # A reader that is far behind shares the loop with everybody else.
        await asyncio.sleep(0)
        with self._lock:
            return (self._live(stream) or _NOTHING).read(after, limit)

    async def first_of_run(self, stream: UUID, run_id: UUID) -> Frame | None:
        with self._lock:
            return (self._live(stream) or _NOTHING).first_of_run(run_id)

    async def top(self, stream: UUID) -> EventId | None:
        with self._lock:
            return (self._live(stream) or _NOTHING).top

    async def touch(self, stream: UUID, retention: Retention) -> None:
        with self._lock:
            log = self._live(stream)
            if log is not None and retention.logged:
                self._extend(log, retention)

    async def check(self) -> None:
        """Memory is always there."""

    async def nudge(self, stream: UUID) -> None:
        with self._lock:
            for reader, mailbox in self._readers.get(stream, {}).items():
                mailbox.post(reader.nudge)

    @asynccontextmanager
    async def subscribe(self, stream: UUID) -> AsyncIterator[ReaderQueue]:
        reader = ReaderQueue()
        with self._lock:
            self._readers.setdefault(stream, {})[reader] = self._mailbox()
        try:
            yield reader
        finally:
            reader.close()
            with self._lock:
                del self._readers[stream][reader]
                if not self._readers[stream]:
                    del self._readers[stream]

    async def wake_workers(self) -> None:
        self._signal(WAKE)

    async def nudge_cancel(self, run_id: UUID) -> None:
        self._signal(cancel_signal(run_id))

    async def listen(self) -> AsyncIterator[Signal]:
        inbox = SignalInbox()
        with self._lock:
            self._listeners[inbox] = self._mailbox()
        try:
            while True:
                yield await inbox.get()
        finally:
            with self._lock:
                del self._listeners[inbox]

    def _signal(self, signal: Signal) -> None:
        with self._lock:
            for inbox, mailbox in self._listeners.items():
                mailbox.post(inbox.put, signal)

    def _publish(self, stream: UUID, frames: Sequence[Frame]) -> None:
        readers = self._readers.get(stream)
        if readers and frames:
            batch = FrameBatch.of(frames)
            for reader, mailbox in readers.items():
                mailbox.post(reader.put, batch)

    def _mailbox(self) -> LoopMailbox:
        """The mailbox of the running loop; those of closed loops are cleared away."""
        loop = asyncio.get_running_loop()
        if loop not in self._mailboxes:
            self._mailboxes = {
                known: box for known, box in self._mailboxes.items() if not known.is_closed()
            }
            self._mailboxes[loop] = LoopMailbox(loop)
        return self._mailboxes[loop]

    def _live(self, stream: UUID) -> MemoryLog | None:
        log = self._logs.get(stream)
        if log is not None and log.expires_at <= self._clock():
            del self._logs[stream]
            return None
        return log

    def _extend(self, log: MemoryLog, retention: Retention) -> None:
        log.expires_at = max(log.expires_at, self._clock() + retention.seconds)

    def _sweep(self) -> None:
        """Now and then, drop the logs that nobody will look at again."""
        now = self._clock()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_EVERY_SECONDS
            self._logs = {key: log for key, log in self._logs.items() if log.expires_at > now}
