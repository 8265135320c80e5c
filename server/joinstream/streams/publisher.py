"""The writing end of one attempt's stream: never in the graph's way, never the run's failure."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from uuid import UUID

from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.ports import EventLog, Retention
from joinstream.streams.codec import sse_bytes

log = logging.getLogger(__name__)

PACE_SECONDS = 0.005
"""A quiet run's event leaves at once; a busy run's wait so long for company."""
ROOM_BYTES = 1024 * 1024
"""Above this much unsent, the run should wait."""
HOLD_SECONDS = 5.0
"""How long events are held for a log that is away. Then no run waits for it any longer: what there
is no room for is dropped."""
_BATCH_BYTES = 1024 * 1024
_FIRST_RETRY_SECONDS = 0.05
_MAX_RETRY_SECONDS = 1.0


class RunPublisher:
    """Numbers, frames and sends the events of one claim (`epoch`) of a run.

    `emit` is synchronous and belongs to one event loop. Batches are sent one at a time; what is
    emitted meanwhile is the next batch. `stale` turns True when a later claim has written to the
    log; from then on everything emitted is ignored. `dropped` counts events that were given up
    because the log was away; their numbers are used up, so readers see the hole.
    """

    def __init__(
        self,
        log: EventLog,
        stream: UUID,
        run_id: UUID,
        epoch: int,
        retention: Retention,
        *,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        self._log = log
        self._stream = stream
        self._run_id = run_id
        self._epoch = epoch
        self._retention = retention
        self._hold_seconds = hold_seconds
        self._loop = asyncio.get_running_loop()
        self._next_k = 0
        self._buffer: deque[Frame] = deque()
        self._bytes = 0  # of the buffer and of the batch that is being sent
        self._sender: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next_send_at = 0.0
        self._flushes = 0
        self._room = asyncio.Event()
        self._away_since: float | None = None
        self.stale = False
        self.dropped = 0

    @property
    def is_full(self) -> bool:
        """Whether the run should `wait_for_room` before it produces more."""
        return self._bytes > ROOM_BYTES

    def emit(self, kind: FrameKind, event_name: str, mode: str, depth: int, data: bytes) -> None:
        """Send one event on its way. `data` is JSON; `depth` counts subgraph levels."""
        self.emit_written(kind, mode, depth, lambda id: sse_bytes(event_name, data, id))

    def emit_written(
        self, kind: FrameKind, mode: str, depth: int, write: Callable[[EventId], bytes]
    ) -> None:
        """Send one event on its way whose body `write` makes, once its id is known."""
        if self.stale:
            return
        k = self._next_k
        self._next_k += 1
        id = EventId(self._epoch, k)
        prev = EventId(self._epoch, k - 1) if k else None
        body = write(id)
        self._buffer.append(Frame(id, prev, self._run_id, kind, mode, depth, body))
        self._bytes += len(body)
        if self._is_given_up:
            self._drop_above_room()
        if self._sender is None and self._timer is None:
            self._schedule()

    async def wait_for_room(self) -> None:
        """Return once less than ROOM_BYTES are unsent, so that no run outruns Redis for long."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()

    async def flush(self) -> None:
        """Return once all that was emitted is in the log, or given up. Never raises."""
        self._flushes += 1
        try:
            while self._buffer or self._sender is not None:
                self._start_sending()
                assert self._sender is not None
                await asyncio.wait([self._sender])
        finally:
            self._flushes -= 1

    async def close(self) -> None:
        """Flush, and leave nothing behind. Call it once, when nothing more is emitted."""
        await self.flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        if self._loop.time() >= self._next_send_at:
            self._start_sending()
        else:
            self._timer = self._loop.call_at(self._next_send_at, self._start_sending)

    def _start_sending(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sender is None:
            self._sender = self._loop.create_task(self._send())

    async def _send(self) -> None:
        """Send what is buffered, until a pause is due."""
        try:
            while self._buffer:
                self._next_send_at = self._loop.time() + PACE_SECONDS
                batch = self._take_batch()
                await self._deliver(batch)
                self._settle(batch)
                if not self._flushes and self._bytes < _BATCH_BYTES:
                    break
        finally:
            self._sender = None
            if self._buffer:
                self._schedule()

    def _take_batch(self) -> list[Frame]:
        batch = [self._buffer.popleft()]
        size = len(batch[0].body)
        while self._buffer and size + len(self._buffer[0].body) <= _BATCH_BYTES:
            frame = self._buffer.popleft()
            size += len(frame.body)
            batch.append(frame)
        return batch

    async def _deliver(self, batch: list[Frame]) -> None:
        retry_after = _FIRST_RETRY_SECONDS
        while True:
            try:
                outcome = await self._log.append(self._stream, batch, self._retention)
            except ConnectionError as error:
                if self._give_up(error):
                    self.dropped += len(batch)
                    return
                await asyncio.sleep(retry_after)
                retry_after = min(2 * retry_after, _MAX_RETRY_SECONDS)
            except Exception:
                log.exception("events of run %s cannot be sent", self._run_id)
                self.dropped += len(batch)
                return
            else:
                self._away_since = None
                if outcome == "stale":
                    self._stop()
                return

    def _give_up(self, error: ConnectionError) -> bool:
        now = self._loop.time()
        if self._away_since is None:
            self._away_since = now
            log.warning("events of run %s have to wait: %s", self._run_id, error)
        self._next_send_at = now + _MAX_RETRY_SECONDS
        return self._is_given_up

    @property
    def _is_given_up(self) -> bool:
        """Whether the log has been away for longer than anything is held for it."""
        away_since = self._away_since
        return away_since is not None and self._loop.time() - away_since >= self._hold_seconds

    def _drop_above_room(self) -> None:
        while self._buffer and self.is_full:
            self._bytes -= len(self._buffer.popleft().body)
            self.dropped += 1

    def _settle(self, batch: list[Frame]) -> None:
        self._bytes -= sum(len(frame.body) for frame in batch)
        self._room.set()

    def _stop(self) -> None:
        self.stale = True
        log.info("run %s was claimed again; this attempt's events stop", self._run_id)
        self._bytes -= sum(len(frame.body) for frame in self._buffer)
        self._buffer.clear()
