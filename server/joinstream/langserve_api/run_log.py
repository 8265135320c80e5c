"""A run as a log that grows by JSON patches, as a graph's own `astream_log` tells it.

It is made of the run's events. They do not say when they were: the times are those of the reading.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from joinstream.domain.events import Frame
from joinstream.encoding import dumps
from joinstream.langserve_api.events import (
    CUSTOM,
    Event,
    EventReader,
    kind_of,
    phase_of,
)
from joinstream.langserve_api.selection import Selection

Patch = list[dict[str, Any]]
_MODELS = ("chat_model", "llm")


class RunLog:
    """Translator of `stream_log`. When a run begins anew, its log is emptied."""

    def __init__(self, reader: EventReader, wanted: Selection) -> None:
        self._reader = reader
        self._wanted = wanted
        self._paths: dict[str, str] = {}
        self._names: Counter[str] = Counter()
        self._output: Any = None

    def begin(self) -> None:
        self._paths.clear()
        self._names.clear()
        self._output = None

    def read(self, frame: Frame) -> Iterator[bytes]:
        event = self._reader.read(frame)
        if event is None or event["event"] == CUSTOM:
            return
        of_root = self._reader.is_of_root(event)
        patch = self._of_root(event) if of_root else self._of_part(event)
        if patch:
            yield dumps({"ops": patch})

    def end(self) -> None: ...

    def _of_root(self, event: Event) -> Patch:
        match phase_of(event):
            case "start":
                return [_replace("", _empty_log(event))]
            case "stream":
                chunk = event["data"]["chunk"]
                self._output = _added(self._output, chunk)
                return [
                    _add("/streamed_output/-", chunk),
                    _replace("/final_output", self._output),
                ]
        return []

    def _of_part(self, event: Event) -> Patch:
        if phase_of(event) == "start":
            return self._entered(event)
        path = self._paths.get(event["run_id"])
        if path is None:
            return []
        if phase_of(event) == "stream":
            return _streamed(path, event)
        output = _output_of(event)
        return [_add(f"{path}/final_output", output), _add(f"{path}/end_time", _now())]

    def _entered(self, event: Event) -> Patch:
        name, kind = event["name"], _kind_in_log(event)
        if not self._wanted.has(name, kind, event["tags"]):
            return []
        self._names[name] += 1
        number = self._names[name]
        path = f"/logs/{_escaped(name if number == 1 else f'{name}:{number}')}"
        self._paths[event["run_id"]] = path
        return [_add(path, _entry(event, kind))]


def _empty_log(event: Event) -> dict[str, Any]:
    return {
        "id": event["run_id"],
        "streamed_output": [],
        "final_output": None,
        "logs": {},
        "name": event["name"],
        "type": kind_of(event),
    }


def _entry(event: Event, kind: str) -> dict[str, Any]:
    # the client takes what is of type `tool` for a message, and fails when there is no such key
    message_keys = {"tool_call_id": None} if kind == "tool" else {}
    return {
        **message_keys,
        "id": event["run_id"],
        "name": event["name"],
        "type": kind,
        "tags": event["tags"],
        "metadata": event["metadata"],
        "start_time": _now(),
        "streamed_output": [],
        "streamed_output_str": [],
        "final_output": None,
        "end_time": None,
    }


def _kind_in_log(event: Event) -> str:
    """Logs are older than chat models."""
    kind = kind_of(event)
    return "llm" if kind == "chat_model" else kind


def _streamed(path: str, event: Event) -> Patch:
    chunk = event["data"]["chunk"]
    kind = kind_of(event)
    if kind not in _MODELS:
        return [_add(f"{path}/streamed_output/-", chunk)]
    token = chunk["content"] if kind == "chat_model" else chunk["text"]
    return [
        _add(f"{path}/streamed_output_str/-", token),
        _add(f"{path}/streamed_output/-", chunk if kind == "chat_model" else token),
    ]


def _output_of(event: Event) -> Any:
    if phase_of(event) == "error":
        return None
    output = event["data"].get("output")
    match kind_of(event):
        case "chat_model":
            return _of_model([[_generation(output)]], None)
        case "llm":
            return _of_model(output["generations"], output["llm_output"])
        case "retriever":
            return {"documents": output}
        case "prompt":
            return output
        case "tool":
            return {"output": output}
    return output if isinstance(output, dict) else {"output": output}


def _of_model(generations: Any, llm_output: Any) -> dict[str, Any]:
    return {
        "generations": generations,
        "llm_output": llm_output,
        "run": None,
        "type": "LLMResult",
    }


def _generation(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    is_chunk = message["type"].endswith("Chunk")
    return {
        "text": content if isinstance(content, str) else _text(content),
        "generation_info": None,
        "type": "ChatGenerationChunk" if is_chunk else "ChatGeneration",
        "message": message,
    }


def _text(blocks: list[Any]) -> str:
    return "".join(
        block if isinstance(block, str) else str(block.get("text", "")) for block in blocks
    )


def _added(before: Any, chunk: Any) -> Any:
    """What adds up does, texts above all; of everything else the latest counts."""
    try:
        return before + chunk
    except TypeError:
        return chunk


def _add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def _replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
