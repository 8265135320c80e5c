"""A task while it goes on: updates, made of what comes of its run."""

from collections.abc import Iterator, Sequence
from typing import Any

from joinstream.a2a_api.showing import artifact, parts_of
from joinstream.a2a_api.versions import Version, artifact_event, status_event, task_event
from joinstream.a2a_api.wire import (
    Artifact,
    ArtifactUpdate,
    Message,
    Part,
    Status,
    StatusUpdate,
    Task,
)
from joinstream.domain.events import Frame, FrameKind
from joinstream.encoding import loads
from joinstream.http.answer import BETWEEN_MESSAGES
from joinstream.http.deltas import DeltaReader, TextDelta
from joinstream.http.json_rpc import MessageId, message_event, success
from joinstream.streams.codec import data_of


class TaskTeller:
    """A `Teller`: the task, then what becomes of it, piece by piece, and in the end as a whole.

    When a run begins again, because its worker died, so does the artifact.
    """

    def __init__(self, message_id: MessageId, version: Version, task: Task) -> None:
        self._message_id = message_id
        self._version = version
        self._task = task
        self._reader = DeltaReader()
        self._last_message: str | None = None
        self._waits_for_end = False

    def begin(self) -> bytes:
        return self._event(task_event(self._version, self._task))

    def tell(self, frames: Sequence[Frame]) -> bytes:
        return b"".join(event for frame in frames for event in self._of(frame))

    def miss(self) -> None:
        self._waits_for_end = True

    def finish(self, task: Task) -> bytes:
        """The run is over, and the task stands like this."""
        artifacts = task.get("artifacts", ())
        events = [self._piece(each, append=False, last=True) for each in artifacts]
        return b"".join([*events, self._status(task["status"])])

    def _of(self, frame: Frame) -> Iterator[bytes]:
        if frame.kind is FrameKind.METADATA:
            self._last_message = None
            yield self._works()
        if frame.kind is FrameKind.EVENT and frame.mode == "custom":
            data = loads(data_of(frame.body))
            if isinstance(data, dict) and data.get("type") == "progress":
                yield self._works(self._progress(frame, data))
        if self._waits_for_end:
            return
        for delta in self._reader.read(frame):
            if isinstance(delta, TextDelta):
                yield self._goes_on(delta)

    def _works(self, message: Message | None = None) -> bytes:
        since = self._task["status"]["timestamp"]
        status = Status(state="TASK_STATE_WORKING", timestamp=since)
        return self._status({**status, "message": message} if message else status)

    def _progress(self, frame: Frame, data: dict[str, Any]) -> Message:
        """What a node tells: in words, and as it told it."""
        words = str(data.get("label") or data.get("stage") or data.get("node"))
        return Message(
            messageId=f"{frame.run_id}-{frame.id}",
            contextId=self._task["contextId"],
            taskId=self._task["id"],
            role="ROLE_AGENT",
            parts=[Part(text=words), Part(data=data)],
        )

    def _goes_on(self, delta: TextDelta) -> bytes:
        is_first = self._last_message is None
        is_next = not is_first and delta.message_id != self._last_message
        self._last_message = delta.message_id
        text = BETWEEN_MESSAGES + delta.text if is_next else delta.text
        return self._piece(
            artifact(self._task["id"], parts_of(text)), append=not is_first, last=False
        )

    def _piece(self, piece: Artifact, *, append: bool, last: bool) -> bytes:
        update = ArtifactUpdate(
            taskId=self._task["id"],
            contextId=self._task["contextId"],
            artifact=piece,
            append=append,
            lastChunk=last,
        )
        return self._event(artifact_event(self._version, update))

    def _status(self, status: Status) -> bytes:
        task = self._task
        update = StatusUpdate(taskId=task["id"], contextId=task["contextId"], status=status)
        return self._event(status_event(self._version, update))

    def _event(self, said: Any) -> bytes:
        return message_event(success(self._message_id, said))
