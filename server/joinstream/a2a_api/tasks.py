"""Tasks: the runs they are made of, how they stand, and what came of them."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request

from joinstream.a2a_api.errors import TaskNotFound
from joinstream.a2a_api.wire import Artifact, Message, Part, Role, Status, Task, TaskState
from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.run_record import Run
from joinstream.domain.runs import RunStatus
from joinstream.encoding import dumps, loads
from joinstream.errors import NotFound
from joinstream.http.answer import answer_of, text_of
from joinstream.http.services import services
from joinstream.services.run_streams import Outcome
from joinstream.services.runs import RunPurpose

ABOUT = "a2a"
"""Where a run's metadata has what it is to its task."""
MOST_RUNS = 1000
"""So many runs of a context are looked at, from the newest on."""
_PAGE = 100

_STATES: dict[RunStatus, TaskState] = {
    "pending": "TASK_STATE_SUBMITTED",
    "running": "TASK_STATE_WORKING",
    "success": "TASK_STATE_COMPLETED",
    "error": "TASK_STATE_FAILED",
    "timeout": "TASK_STATE_FAILED",
    "interrupted": "TASK_STATE_CANCELED",
}

Questions = Mapping[str, Any]
"""What a graph has asked, by the ids of its interrupts."""


@dataclass(frozen=True, slots=True)
class TaskRuns:
    """The runs of a task, oldest first. `is_last`: nothing has come after it on its thread."""

    runs: Sequence[Run]
    is_last: bool

    @property
    def run(self) -> Run:
        """The run that says how the task stands."""
        return self.runs[-1]

    @property
    def id(self) -> str:
        return task_id(self.run)

    @property
    def thread_id(self) -> ThreadId:
        return self.run.thread_id

    @property
    def since(self) -> datetime:
        """When it came into its state."""
        return self.run.ended_at or self.run.started_at or self.run.created_at


def task_id(run: Run) -> str:
    """The id of the task that the run belongs to."""
    return f"{run.thread_id}:{first_run_of(run)}"


def first_run_of(run: Run) -> str:
    about = run.metadata.get(ABOUT)
    named = about.get("task") if isinstance(about, dict) else None
    return str(named or run.run_id)


async def find_task(
    request: Request, assistant: Assistant, named: str, to: RunPurpose = "read"
) -> TaskRuns:
    """The task of the agent, for what the caller is going to do with it. Raises TaskNotFound."""
    absent = TaskNotFound(f"id: there is no task {named!r}.")
    thread, _, run_id = named.partition(":")
    try:
        thread_id = ThreadId(UUID(thread))
        first = await services(request).runs.get(thread_id, RunId(UUID(run_id)), to)
    except ValueError:
        raise TaskNotFound(f"id: there is no task {named!r}; ids are <context>:<run>.") from None
    except NotFound:
        raise absent from None
    if first.assistant_id != assistant.assistant_id or first_run_of(first) != str(first.run_id):
        raise absent
    if first.status != "success":
        return TaskRuns([first], is_last=False)
    later = [run async for run in _newest_first(request, thread_id) if run.run_id > first.run_id]
    answers = [run for run in later if first_run_of(run) == str(first.run_id)]
    is_last = not later or (bool(answers) and answers[0] is later[0])
    return TaskRuns([first, *reversed(answers)], is_last)


async def tasks_of(request: Request, assistant: Assistant, thread_id: ThreadId) -> list[TaskRuns]:
    """The agent's tasks on a thread, newest first. The caller has to be allowed to see that."""
    runs_of: dict[str, list[Run]] = {}
    newest: Run | None = None
    async for run in _newest_first(request, thread_id):
        newest = newest or run
        if run.assistant_id == assistant.assistant_id:
            runs_of.setdefault(first_run_of(run), []).insert(0, run)
    return [TaskRuns(runs, runs[-1] is newest) for runs in runs_of.values()]


async def open_questions(request: Request, task: TaskRuns) -> Questions:
    """What a task waits to be told, which it does until something else happens on its thread."""
    if task.run.status != "success" or not task.is_last:
        return {}
    thread = await services(request).threads.get(task.thread_id)
    if thread.status != "interrupted":
        return {}
    asked = [each for of_task in thread.interrupts.values() for each in of_task]
    return {each["id"]: each["value"] for each in asked}


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
    answers = (run.kwargs.get("command") or {}).get("resume")
    if answers is not None:
        for answer in answers.values() if isinstance(answers, dict) else [answers]:
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


async def _newest_first(request: Request, thread_id: ThreadId) -> AsyncIterator[Run]:
    for offset in range(0, MOST_RUNS, _PAGE):
        page, _ = await services(request).runs.search(
            thread_id, status=None, limit=_PAGE, offset=offset, exact=False
        )
        for run in page:
            yield run
        if len(page) < _PAGE:
            return
