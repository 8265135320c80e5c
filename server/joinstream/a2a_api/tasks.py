"""Tasks: the runs they are made of, and what they wait for."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request

from joinstream.a2a_api.errors import TaskNotFound
from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.run_record import Run
from joinstream.errors import NotFound
from joinstream.http.services import services
from joinstream.services.runs import RunPurpose

ABOUT = "a2a"
"""Where a run's metadata has what it is to its task."""
MOST_RUNS = 1000
"""So many runs of a context are looked at, from the newest on."""
_PAGE = 100

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
    later: list[Run] = []
    async for run in _newest_first(request, thread_id):
        if run.run_id == first.run_id:
            break
        later.append(run)
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


async def _newest_first(request: Request, thread_id: ThreadId) -> AsyncIterator[Run]:
    for offset in range(0, MOST_RUNS, _PAGE):
        page, _ = await services(request).runs.search(
            thread_id, status=None, limit=_PAGE, offset=offset, exact=False
        )
        for run in page:
            yield run
        if len(page) < _PAGE:
            return
