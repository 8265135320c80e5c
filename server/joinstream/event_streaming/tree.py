"""Which graphs take part in a run, as its lifecycle events tell."""

from typing import Any
from uuid import UUID

from joinstream.domain.events import Frame, FrameKind
from joinstream.domain.runs import RunStatus
from joinstream.event_streaming.envelopes import envelope_of

_STATUS: dict[RunStatus, str] = {
    "pending": "started",
    "running": "running",
    "success": "completed",
    "error": "failed",
    "timeout": "failed",
    "interrupted": "interrupted",
}


class AgentTree:
    """The tree of one run; feed it the thread's frames."""

    def __init__(self, run_id: UUID, graph_id: str, status: RunStatus, *, asks: bool) -> None:
        self._run_id = run_id
        become = "interrupted" if status == "success" and asks else _STATUS[status]
        self.root: dict[str, Any] = {"namespace": [], "status": become, "graph_name": graph_id}
        self._nodes: dict[tuple[str, ...], dict[str, Any]] = {(): self.root}

    def read(self, frame: Frame) -> None:
        is_life = frame.kind is FrameKind.PROTOCOL and frame.mode == "lifecycle"
        if frame.run_id != self._run_id or not is_life or frame.depth == 0:
            return
        params = envelope_of(frame.body)["params"]
        self._heed(tuple(params["namespace"]), params["data"])

    def _heed(self, namespace: tuple[str, ...], data: dict[str, Any]) -> None:
        node = self._nodes.get(namespace)
        if node is None:
            parent = self._nodes.get(namespace[:-1], self.root)
            name = data.get("graph_name") or namespace[-1].partition(":")[0]
            node = {"namespace": list(namespace), "graph_name": name}
            parent.setdefault("children", []).append(node)
            self._nodes[namespace] = node
        node["status"] = data["event"]
