"""Tasks as clients see them: how they stand, what was said, and what came of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from joinstream.a2a_api.errors import TaskNotFound
from joinstream.a2a_api.tasks import (
    ABOUT,
    Questions,
    TaskRuns,
    first_run_of,
    open_questions,
    task_id,
)
from joinstream.a2a_api.wire import Artifact, Message, Part, Role, Status, Task, TaskState
from joinstream.domain.run_record import Run
from joinstream.domain.runs import RunStatus
from joinstream.encoding import dumps, loads
from joinstream.http.answer import answer_of, text_of
from joinstream.http.services import services
from joinstream.services.run_streams import Outcome

_STATES: dict[RunStatus, TaskState] = {
    "pending": "TASK_STATE_SUBMITTED",
    "running": "TASK_STATE_WORKING",
    "success": "TASK_STATE_COMPLETED",
    "error": "TASK_STATE_FAILED",
    "timeout": "TASK_STATE_FAILED",
    "interrupted": "TASK_STATE_CANCELED",
}


async def state_of(request: Request, task: TaskRuns) -> TaskState:
    return _status(task, await open_questions(request, task))["state"]


async def shown(
    request: Request,
    task: TaskRuns,
    *,
    history_length: int | None = None,
    with_artifacts: bool = True,
) -> Task:
    """The task as it stands. Raises TaskNotFound when it is deleted meanwhile."""
    questions = await open_questions(request, task)
    said = Task(id=task.id, contextId=str(task.thread_id), status=_status(task, questions))
    if with_artifacts:
        said["artifacts"] = await _artifacts(request, task)
    history = _history(task)
    if history and history_length != 0:
        said["history"] = history[-history_length:] if history_length else history
    return said


def begun(run: Run, state: TaskState) -> Task:
    """The task of a run before anything has come of it."""
    task = TaskRuns([run], is_last=True)
    status = Status(state=state, timestamp=_moment(task.since))
    said = Task(id=task_id(run), contextId=str(run.thread_id), status=status)
    return {**said, "history": history} if (history := _history(task)) else said


def artifact(task_id: str, parts: list[Part]) -> Artifact:
    """A task has one, named after its first run."""
    return Artifact(artifactId=task_id.partition(":")[2], parts=parts)


def parts_of(value: Any) -> list[Part]:
    """Any JSON: a text as such, all else as data."""
    return [Part(text=value) if isinstance(value, str) else Part(data=value)]


def _status(task: TaskRuns, questions: Questions) -> Status:
    run = task.run
    status = Status(state=_STATES[run.status], timestamp=_moment(task.since))
    if questions:
        status["state"] = "TASK_STATE_INPUT_REQUIRED"
        asked = [
            Part({**part, "metadata": {"interrupt_id": id}})
            for id, value in questions.items()
            for part in parts_of(value)
        ]
        status["message"] = _message(task, f"{run.run_id}-asks", "ROLE_AGENT", asked)
    elif run.error is not None:
        why = f"{run.error.get('error')}: {run.error.get('message')}"
        status["message"] = _message(task, f"{run.run_id}-failed", "ROLE_AGENT", parts_of(why))
    return status


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(task: TaskRuns, id: str, role: Role, parts: list[Part]) -> Message:
    thread_id = str(task.thread_id)
    return Message(messageId=id, contextId=thread_id, taskId=task.id, role=role, parts=parts)


def _history(task: TaskRuns) -> list[Message]:
    """What the user said; what the agent answered is an artifact."""
    return [
        _message(task, _message_id(run), "ROLE_USER", parts)
        for run in task.runs
        if (parts := list(_given_to(run)))
    ]


def _message_id(run: Run) -> str:
    about = run.metadata.get(ABOUT)
    named = about.get("message_id") if isinstance(about, dict) else None
    return str(named or run.run_id)


def _given_to(run: Run) -> Iterator[Part]:
    """The run's input, as the parts of a message; or the answers that it was given."""
    answer = (run.kwargs.get("command") or {}).get("resume")
    if isinstance(answer, dict) and first_run_of(run) != str(run.run_id):
        for each in answer.values():
            yield from parts_of(each)
    elif answer is not None:
        yield from parts_of(answer)
    given = run.kwargs.get("input")
    if not isinstance(given, dict):
        if given is not None:
            yield from parts_of(given)
        return
    messages = given.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and (text := text_of(message)):
            yield Part(text=text)
    if rest := {name: value for name, value in given.items() if name != "messages"}:
        yield Part(data=rest)


async def _artifacts(request: Request, task: TaskRuns) -> list[Artifact]:
    if task.run.status != "success":
        return []
    outcome = await services(request).run_streams.outcome(task.run)
    if outcome is None:
        raise TaskNotFound(f"id: there is no task {task.id!r} any more.")
    return _made(task, outcome)


def _made(task: TaskRuns, outcome: Outcome) -> list[Artifact]:
    """Of a conversation what the agent said in it, else the whole output."""
    output = loads(dumps(outcome.output))
    if isinstance(output, dict) and isinstance(output.get("messages"), list):
        answer = answer_of(task.run, output, is_own=outcome.is_own)
        text = replace(answer, questions=[]).text
        return [artifact(task.id, parts_of(text))] if text else []
    if isinstance(output, dict):
        output = {name: value for name, value in output.items() if name != "__interrupt__"}
    if output is None or output == {}:
        return []
    return [artifact(task.id, parts_of(output))]
