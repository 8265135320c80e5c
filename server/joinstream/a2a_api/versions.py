"""The versions of the protocol, of which the older one says the same in other words."""

from typing import Any, Literal, get_args

from starlette.requests import Request

from joinstream.a2a_api.errors import VersionNotSupported
from joinstream.a2a_api.wire import (
    ArtifactUpdate,
    Message,
    Part,
    Status,
    StatusUpdate,
    Task,
    TaskState,
)

Version = Literal["0.3", "1.0"]
NEWEST: Version = "1.0"
OLDEST: Version = "0.3"

_STATE = "TASK_STATE_"
_ENDED = ("completed", "failed", "canceled", "input-required")


def require_known_version(request: Request) -> None:
    """Raises VersionNotSupported. Who says nothing speaks what its methods are named in."""
    asked = request.headers.get("a2a-version") or NEWEST
    if ".".join(asked.split(".")[:2]) not in (NEWEST, OLDEST):
        raise VersionNotSupported(
            f"A2A-Version: {asked!r} is not spoken here; these are: {OLDEST}, {NEWEST}."
        )


def task_said(version: Version, task: Task) -> Any:
    return task if version == NEWEST else _old_task(task)


def task_event(version: Version, task: Task) -> Any:
    """The task as one of several things that might be said; so is each of these below."""
    return {"task": task} if version == NEWEST else _old_task(task)


def status_event(version: Version, update: StatusUpdate) -> Any:
    if version == NEWEST:
        return {"statusUpdate": update}
    status = _old_status(update["status"])
    return {**update, "kind": "status-update", "status": status, "final": status["state"] in _ENDED}


def artifact_event(version: Version, update: ArtifactUpdate) -> Any:
    if version == NEWEST:
        return {"artifactUpdate": update}
    return {**update, "kind": "artifact-update", "artifact": _with_old_parts(update["artifact"])}


def state_named(name: str) -> TaskState | None:
    """The state, whichever version's name of it is given; None when tasks are never in it."""
    states: tuple[TaskState, ...] = get_args(TaskState)
    wanted = name.upper().replace("-", "_").removeprefix(_STATE)
    return next((state for state in states if state == _STATE + wanted), None)


def _old_task(task: Task) -> dict[str, Any]:
    old: dict[str, Any] = {**task, "kind": "task", "status": _old_status(task["status"])}
    if "artifacts" in task:
        old["artifacts"] = [_with_old_parts(artifact) for artifact in task["artifacts"]]
    if "history" in task:
        old["history"] = [_old_message(message) for message in task["history"]]
    return old


def _old_status(status: Status) -> dict[str, Any]:
    state = status["state"].removeprefix(_STATE).lower().replace("_", "-")
    old: dict[str, Any] = {**status, "state": state}
    if "message" in status:
        old["message"] = _old_message(status["message"])
    return old


def _old_message(message: Message) -> dict[str, Any]:
    role = message["role"].removeprefix("ROLE_").lower()
    return {**_with_old_parts(message), "kind": "message", "role": role}


def _with_old_parts(holder: Any) -> dict[str, Any]:
    return {**holder, "parts": [_old_part(part) for part in holder["parts"]]}


def _old_part(part: Part) -> dict[str, Any]:
    """Its data must be an object."""
    about = {"metadata": part["metadata"]} if "metadata" in part else {}
    if "data" in part:
        data = part["data"] if isinstance(part["data"], dict) else {"value": part["data"]}
        return {"kind": "data", "data": data, **about}
    if "text" in part:
        return {"kind": "text", "text": part["text"], **about}
    named = {"bytes": part.get("raw"), "uri": part.get("url"), "mimeType": part.get("mediaType")}
    file = {name: value for name, value in named.items() if value is not None}
    return {"kind": "file", "file": file, **about}
