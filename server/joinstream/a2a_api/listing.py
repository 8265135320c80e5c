"""The tasks of a context, page by page."""

from collections.abc import AsyncIterator
from typing import Any, get_args
from uuid import UUID

from starlette.requests import Request

from joinstream.a2a_api.showing import shown, state_of
from joinstream.a2a_api.tasks import TaskRuns, tasks_of
from joinstream.a2a_api.versions import Version, state_named, task_said
from joinstream.a2a_api.wire import ListParams, TaskState
from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import ThreadId
from joinstream.errors import NotFound, Unprocessable
from joinstream.http.services import services

_DIGITS = 8


async def page_of_tasks(
    request: Request, assistant: Assistant, params: ListParams, version: Version
) -> dict[str, Any]:
    """Newest first. Raises Unprocessable for a context that there is not."""
    thread_id = await _context(request, params.context_id)
    offset = _offset(params.page_token)
    found = [task async for task in _matching(request, assistant, thread_id, params)]
    page = found[offset : offset + params.page_size]
    more = offset + len(page) < len(found)
    tasks = [
        await shown(
            request,
            task,
            history_length=params.history_length,
            with_artifacts=params.include_artifacts,
        )
        for task in page
    ]
    return {
        "tasks": [task_said(version, task) for task in tasks],
        "nextPageToken": str(offset + len(page)) if more else "",
        "pageSize": params.page_size,
        "totalSize": len(found),
    }


async def _matching(
    request: Request, assistant: Assistant, thread_id: ThreadId, params: ListParams
) -> AsyncIterator[TaskRuns]:
    state = _state(params.status)
    for task in await tasks_of(request, assistant, thread_id):
        if params.after is not None and task.since < params.after:
            continue
        if state is None or await state_of(request, task) == state:
            yield task


def _state(named: str | None) -> TaskState | None:
    if not named:
        return None
    state = state_named(named)
    if state is None:
        there_are = ", ".join(get_args(TaskState))
        raise Unprocessable(f"status: no task is ever {named!r}, but one of {there_are}.")
    return state


async def _context(request: Request, context_id: str) -> ThreadId:
    absent = Unprocessable(f"contextId: there is no context {context_id!r}.")
    try:
        thread = await services(request).threads.get(ThreadId(UUID(context_id)))
    except (ValueError, NotFound):
        raise absent from None
    return thread.thread_id


def _offset(token: str | None) -> int:
    if not token:
        return 0
    if not token.isdecimal() or len(token) > _DIGITS:
        raise Unprocessable(f"pageToken: must be a nextPageToken of ListTasks, got {token!r}.")
    return int(token)
