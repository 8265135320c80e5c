"""Encodes a run that was started by `run.start`: its events are finished envelopes.

What LangGraph names differently than the protocol is put right here: messages lose their metadata,
checkpoints everything but who they are, custom events get an envelope, and what happens to a
subgraph is said in its own namespace.
"""

import time
from collections.abc import Callable
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.stream import ProtocolEvent

from joinstream.domain.events import EventId, FrameKind
from joinstream.domain.run_record import Run
from joinstream.event_streaming import envelopes
from joinstream.event_streaming.envelopes import Event, run_event_name
from joinstream.event_streaming.filters import NAMED
from joinstream.event_streaming.unfinished import UnfinishedMessages
from joinstream.ports.runs import Ending
from joinstream.worker.protocol_messages import events_of_message
from joinstream.worker.protocol_stream import TASKS, protocol_events

EmitWritten = Callable[[FrameKind, str, int, Callable[[EventId], bytes]], None]
"""emit(kind, mode, namespace depth, what writes the body)"""


class ProtocolEncoder:
    """Encodes the events of one run's attempt and remembers its output.

    `output` is as that of `EventEncoder`.
    """

    source = staticmethod(protocol_events)

    def __init__(self, run: Run, emit: EmitWritten) -> None:
        self._run = run
        self._emit = emit
        self._held: Event | None = None
        self._message_ids: dict[str, str] = {}
        self._begun = UnfinishedMessages()
        self._values: Any = None
        self._has_values = False
        self._interrupts: dict[str, tuple[tuple[str, ...], Any]] = {}

    @property
    def output(self) -> Any:
        if not self._has_values:
            return None
        if self._interrupts and isinstance(self._values, dict):
            interrupts = [interrupt for _, interrupt in self._interrupts.values()]
            return {**self._values, "__interrupt__": interrupts}
        return self._values

    def begin(self, left_behind: UnfinishedMessages) -> None:
        run_id, epoch, at = self._run.run_id, self._run.epoch, _now()
        self._take_back(left_behind)
        name = self._run.graph_id
        self._send(envelopes.lifecycle(run_id, epoch, "running", at, graph_name=name))
        answers = (self._run.kwargs.get("event_streaming") or {}).get("answers")
        if answers:
            name = run_event_name(run_id, "answered")
            data = {"interrupt_ids": answers}
            self._send(Event("input.answered", "input", (), at, data, None, name))

    def encode(self, event: ProtocolEvent) -> None:
        method, params = event["method"], event["params"]
        namespace, at = tuple(params["namespace"]), params["timestamp"]
        data = params["data"]
        match method:
            case "messages":
                self._encode_message(namespace, at, *data)
            case "values":
                self._remember(namespace, data, params.get("interrupts", ()))
                self._hold(Event("values", "values", namespace, at, data))
            case "checkpoints":
                self._encode_checkpoint(namespace, at, data)
            case "updates":
                node = next(iter(data)) if isinstance(data, dict) and len(data) == 1 else None
                self._pass_on(
                    method, namespace, at, data, None if node == "__interrupt__" else node
                )
            case "tools":
                self._pass_on(method, namespace, at, data)
            case "custom":
                self._pass_on(method, namespace, at, {"payload": data})
            case "lifecycle":
                self._pass_on(method, tuple(data["namespace"]), at, data)
            case _ if method == TASKS:
                namespace, task = tuple(data[0]), data[1]
                self._note_interrupts(namespace, task.get("interrupts") or ())
                self._pass_on("tasks", namespace, at, task)
            case _:
                self._encode_named(method.removeprefix(NAMED), namespace, at, data)

    def end(self, outcome: Ending) -> None:
        """Say what the run asks, and how it ended; what it produced is over."""
        self._release()
        run_id, at = self._run.run_id, _now()
        asks = outcome.status == "success" and bool(self._interrupts)
        if asks:
            for id, (namespace, interrupt) in self._interrupts.items():
                self._send(envelopes.question(run_id, namespace, id, _value_of(interrupt), at))
        why = outcome.error or outcome.thread_error
        epoch, status = self._run.epoch, outcome.status
        for event in envelopes.ending(run_id, epoch, status, why, asks=asks, timestamp=at):
            self._send(event)

    def hand_back(self) -> None:
        self._release()
        self._take_back(self._begun)

    def _take_back(self, unfinished: UnfinishedMessages) -> None:
        for event in unfinished.taken_back(_now()):
            self._send(event)

    def _remember(self, namespace: tuple[str, ...], values: Any, interrupts: Any) -> None:
        self._note_interrupts(namespace, interrupts)
        if not namespace:
            self._values, self._has_values = values, True

    def _note_interrupts(self, namespace: tuple[str, ...], interrupts: Any) -> None:
        """The graph it was raised in speaks of it first, those around it later."""
        for interrupt in interrupts:
            self._interrupts.setdefault(_id_of(interrupt), (namespace, interrupt))

    def _encode_message(
        self, namespace: tuple[str, ...], at: int, message: Any, metadata: dict[str, Any]
    ) -> None:
        node = metadata.get("langgraph_node")
        if isinstance(message, BaseMessage):
            for part in events_of_message(message, node):
                self._pass_on("messages", namespace, at, part, node)
            return
        call = str(metadata.get("run_id", ""))
        part = {**message, "run_id": call} if call else dict(message)
        if message.get("event") == "message-start":
            self._message_ids[call] = message.get("id") or message.get("message_id") or ""
            part["metadata"] = {**(message.get("metadata") or {}), "langgraph_node": node}
        elif known := self._message_ids.get(call):
            part["message_id"] = known
        self._begun.note(namespace, node, part)
        self._pass_on("messages", namespace, at, part, node)

    def _encode_checkpoint(
        self, namespace: tuple[str, ...], at: int, saved: dict[str, Any]
    ) -> None:
        """Clients expect a checkpoint before the values it holds; LangGraph tells it after them."""
        held = self._held
        if held is not None and held.namespace == namespace:
            self._held = None
        elif held is not None:
            self._release()
            held = None
        self._send(envelopes.checkpoint(self._run.run_id, namespace, saved, at))
        if held is not None:
            self._send(held)

    def _encode_named(self, name: str, namespace: tuple[str, ...], at: int, data: Any) -> None:
        self._release()
        data = {"name": name, "payload": data}
        self._send(Event("custom", NAMED + name, namespace, at, data))

    def _pass_on(
        self, method: str, namespace: tuple[str, ...], at: int, data: Any, node: str | None = None
    ) -> None:
        self._release()
        self._send(Event(method, method, namespace, at, data, node))

    def _hold(self, values: Event) -> None:
        self._release()
        self._held = values

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._send(held)

    def _send(self, event: Event) -> None:
        self._emit(FrameKind.PROTOCOL, event.mode, len(event.namespace), event.written)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _id_of(interrupt: Any) -> str:
    return str(interrupt["id"] if isinstance(interrupt, dict) else interrupt.id)


def _value_of(interrupt: Any) -> Any:
    return interrupt["value"] if isinstance(interrupt, dict) else interrupt.value
