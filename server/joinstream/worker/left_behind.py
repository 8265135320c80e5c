"""What a worker that died was writing when it did, as the log of the run's thread tells."""

from contextlib import suppress

from joinstream.domain.events import EventId, FrameKind
from joinstream.domain.run_record import Run
from joinstream.event_streaming.envelopes import envelope_of
from joinstream.event_streaming.unfinished import UnfinishedMessages
from joinstream.ports import EventLog
from joinstream.worker.encoders import is_event_streaming


async def left_behind(run: Run, events: EventLog) -> UnfinishedMessages:
    """The messages that attempts before this one have begun and not ended.

    None while the log is away, and none of runs of the other routes: those are told by the reader.
    """
    found = UnfinishedMessages()
    if run.attempt > 1 and is_event_streaming(run):
        with suppress(ConnectionError):
            await _read(run, events, found)
    return found


async def _read(run: Run, events: EventLog, found: UnfinishedMessages) -> None:
    after = EventId(max(run.epoch - run.attempt, 0), 0)  # each attempt was a claim of the thread
    while True:
        page = await events.read(run.thread_id, after)
        for frame in page.frames:
            is_message = frame.kind is FrameKind.PROTOCOL and frame.mode == "messages"
            if is_message and frame.run_id == run.run_id:
                params = envelope_of(frame.body)["params"]
                found.note(params["namespace"], params.get("node"), params["data"])
        if not page.more:
            return
        after = page.frames[-1].id
