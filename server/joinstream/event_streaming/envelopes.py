"""One event of the protocol as bytes, and back."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from joinstream.domain.events import EventId
from joinstream.encoding import dumps
from joinstream.event_streaming.sequence import seq_of
from joinstream.streams.codec import data_of, sse_bytes

_LONGEST_MODE = 255
_OF_REFUSALS = ("reason", "interrupt_ids", "pending_ids")
"""What clients are told of an answer that nobody waited for."""


class Event(NamedTuple):
    """An event before it has its place in the log.

    `name` replaces its id in the log as `event_id`. `channel` may be `custom:<name>`. `timestamp`
    is in milliseconds.
    """

    method: str
    channel: str
    namespace: tuple[str, ...]
    timestamp: int
    data: Any
    node: str | None = None
    name: str | None = None

    @property
    def mode(self) -> str:
        """The channel as far as a frame's header has room for it."""
        return self.channel.encode()[:_LONGEST_MODE].decode(errors="ignore")

    def written(self, id: EventId) -> bytes:
        """The finished server-sent event."""
        params: dict[str, Any] = {
            "namespace": self.namespace,
            "timestamp": self.timestamp,
            "data": self.data,
        }
        if self.node is not None:
            params["node"] = self.node
        seq = seq_of(id)
        envelope = {
            "type": "event",
            "event_id": self.name or str(id),
            "seq": seq,
            "method": self.method,
            "params": params,
        }
        return sse_bytes(self.method, dumps(envelope), seq)


def run_event_name(run_id: UUID, what: str, namespace: Sequence[str] = (), key: str = "") -> str:
    """How an event about a run is named, so that clients see whose it is."""
    return f"synth:{run_id}:{what}|{'|'.join(namespace)}|{key}"


def lifecycle(run_id: UUID, epoch: int, event: str, timestamp: int, **more: Any) -> Event:
    """What has become of a whole run: running, completed, failed or interrupted.

    `epoch` is that of the claim in which it did: a run can begin, and fail, more than once.
    """
    name = run_event_name(run_id, "lc", (), f"{event}:{epoch}")
    return Event("lifecycle", "lifecycle", (), timestamp, {"event": event, **more}, None, name)


def question(
    run_id: UUID, namespace: tuple[str, ...], interrupt_id: str, value: Any, timestamp: int
) -> Event:
    """What a run waits for; clients read `payload`, or `value`."""
    name = run_event_name(run_id, "input", namespace, interrupt_id)
    data = {"interrupt_id": interrupt_id, "payload": value, "value": value}
    return Event("input.requested", "input", namespace, timestamp, data, None, name)


def checkpoint(
    run_id: UUID, namespace: tuple[str, ...], saved: dict[str, Any], timestamp: int
) -> Event:
    """Which checkpoint was saved, of what LangGraph says about it."""
    metadata = saved["metadata"] or {}
    known = {
        "id": _checkpoint_id(saved["config"]),
        "parent_id": _checkpoint_id(saved["parent_config"]),
        "step": metadata.get("step"),
        "source": metadata.get("source"),
    }
    name = run_event_name(run_id, "checkpoint", namespace, str(known["id"]))
    data = {key: value for key, value in known.items() if value is not None}
    return Event("checkpoints", "checkpoints", namespace, timestamp, data, None, name)


def _checkpoint_id(config: dict[str, Any] | None) -> str | None:
    return config["configurable"].get("checkpoint_id") if config else None


def ending(
    run_id: UUID,
    epoch: int,
    status: str,
    error: Mapping[str, Any] | None,
    *,
    asks: bool,
    timestamp: int,
) -> list[Event]:
    """How a run ended, by its status and what its row has as error. `asks`: it waits for an answer.

    A cancelled run ends twice over: JavaScript clients, who stop at the first, know `interrupted`
    as the end; Python's take it for a pause and wait for `completed` or `failed`.
    """
    if status == "success":
        return [lifecycle(run_id, epoch, "interrupted" if asks else "completed", timestamp)]
    why = (error or {}).get("message")
    if status in ("interrupted", "rollback"):
        why = why or "the run was cancelled"
        return [
            lifecycle(run_id, epoch, "interrupted", timestamp, reason="cancelled"),
            lifecycle(run_id, epoch, "failed", timestamp, error=why),
        ]
    refusal = {key: error[key] for key in _OF_REFUSALS if error and key in error}
    return [lifecycle(run_id, epoch, "failed", timestamp, error=why or status, **refusal)]


def envelope_of(body: bytes) -> dict[str, Any]:
    """The envelope of a frame's body."""
    envelope: dict[str, Any] = orjson.loads(data_of(body))
    return envelope
