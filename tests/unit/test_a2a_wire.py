"""What agents send: each kind of event is written in one place, and tells the whole in the end."""

import ast
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from a2a.compat.v0_3 import types as old_words
from a2a.types import a2a_pb2 as words
from google.protobuf.json_format import ParseDict

import joinstream.a2a_api
from joinstream.a2a_api.telling import TaskTeller
from joinstream.a2a_api.versions import NEWEST, OLDEST, Version, state_named, task_said
from joinstream.a2a_api.wire import PartIn, Task
from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.streams.codec import sse_bytes

PACKAGE = Path(joinstream.a2a_api.__file__).parent
NEW_EVENTS = {"task", "statusUpdate", "artifactUpdate"}
OLD_EVENTS = {"task", "status-update", "artifact-update"}
WHEN = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


def written() -> tuple[Counter[str], Counter[str]]:
    """How often each event is written: as the sole key of an object, or as its kind."""
    keys, kinds = Counter[str](), Counter[str]()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                names, values = [*map(text_of, node.keys)], [*map(text_of, node.values)]
                keys.update(name for name in names if names == [name])
                kinds.update(values[at] for at, name in enumerate(names) if name == "kind")
    return keys, kinds


def text_of(node: ast.expr | None) -> str:
    """Of a constant, its text."""
    return str(node.value) if isinstance(node, ast.Constant) else ""


def test_each_event_is_written_once() -> None:
    keys, kinds = written()
    assert {name: keys[name] for name in NEW_EVENTS - {"task"}} == {
        "statusUpdate": 1,
        "artifactUpdate": 1,
    }
    assert {name: kinds[name] for name in OLD_EVENTS} == dict.fromkeys(OLD_EVENTS, 1)
    assert set(kinds) == OLD_EVENTS | {"message", "text", "data", "file"}


def frame(kind: FrameKind, mode: str, data: Any) -> Frame:
    id = EventId(1, 0)
    return Frame(id, None, UUID(int=7), kind, mode, 0, sse_bytes(mode, orjson.dumps(data), id))


def begins() -> Frame:
    return frame(FrameKind.METADATA, "metadata", {})


def says(text: str, message_id: str = "m") -> Frame:
    chunk = {"type": "AIMessageChunk", "id": message_id, "content": text}
    return frame(FrameKind.EVENT, "messages", [chunk, {}])


def task(state: Any, text: str | None = None) -> Task:
    status: Any = {"state": state, "timestamp": WHEN}
    said = Task(id="c:r", contextId="c", status=status)
    if text is not None:
        said["artifacts"] = [{"artifactId": "r", "parts": [{"text": text}]}]
    return said


def teller(version: Version = NEWEST) -> TaskTeller:
    return TaskTeller(1, version, task("TASK_STATE_SUBMITTED"))


def results(told: bytes) -> list[Any]:
    events = told.decode().split("\n\n")[:-1]
    return [orjson.loads(each.removeprefix("event: message\ndata: "))["result"] for each in events]


def pieces(told: bytes) -> list[tuple[bool, str]]:
    updates = [each["artifactUpdate"] for each in results(told) if "artifactUpdate" in each]
    return [(each["append"], each["artifact"]["parts"][0]["text"]) for each in updates]


def test_a_run_that_begins_again_begins_its_artifact_again() -> None:
    frames = [begins(), says("once "), begins(), says("twice "), says("upon")]
    told = pieces(teller().tell(frames))
    assert told == [(False, "once "), (False, "twice "), (True, "upon")]


def test_messages_are_set_apart() -> None:
    told = pieces(teller().tell([begins(), says("one", "a"), says("two", "b")]))
    assert told == [(False, "one"), (True, "\n\ntwo")]


def test_after_a_loss_only_the_whole_is_told() -> None:
    telling = teller()
    telling.tell([begins(), says("once ")])
    telling.miss()
    assert pieces(telling.tell([says("a time")])) == []
    whole = telling.finish(task("TASK_STATE_COMPLETED", "once upon a time"))
    assert pieces(whole) == [(False, "once upon a time")]
    assert results(whole)[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


def test_whole_numbers_are_no_fractions() -> None:
    given: Any = {"a": 2.0, "b": [2.5, {"c": -0.0}], "d": True, "e": "2.0", "f": None}
    part = PartIn.model_validate({"data": given})
    assert repr(part.data) == repr({**given, "a": 2, "b": [2.5, {"c": 0}]})


def test_what_is_said_is_what_either_version_knows() -> None:
    asks = task("TASK_STATE_INPUT_REQUIRED", "text")
    parts: Any = [{"text": "a"}, {"data": [1]}, {"url": "https://a.example", "mediaType": "a/b"}]
    message: Any = {
        "messageId": "m",
        "contextId": "c",
        "taskId": "c:r",
        "role": "ROLE_AGENT",
        "parts": parts,
    }
    asks["status"]["message"] = message
    asks["history"] = [message]
    assert ParseDict(task_said(NEWEST, asks), words.Task()).id == "c:r"
    old = old_words.Task.model_validate(task_said(OLDEST, asks))
    assert old.status.state == old_words.TaskState.input_required
    for event in results(teller(OLDEST).begin() + teller(OLDEST).finish(asks)):
        assert event["kind"] in OLD_EVENTS
    assert results(teller(OLDEST).finish(asks))[-1]["final"] is True


@pytest.mark.parametrize("name", ["input-required", "TASK_STATE_INPUT_REQUIRED"])
def test_states_are_known_by_either_name(name: str) -> None:
    assert state_named(name) == "TASK_STATE_INPUT_REQUIRED"
    assert state_named("rejected") is None
