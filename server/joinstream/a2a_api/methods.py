"""What agents are asked for, by its names in either version."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from joinstream.a2a_api.asking import asked_run
from joinstream.a2a_api.card import card_of
from joinstream.a2a_api.errors import (
    PushNotificationNotSupported,
    TaskNotCancelable,
    TaskNotFound,
    UnsupportedOperation,
)
from joinstream.a2a_api.listing import page_of_tasks
from joinstream.a2a_api.showing import begun, shown
from joinstream.a2a_api.tasks import find_task, open_questions, task_id
from joinstream.a2a_api.telling import TaskTeller
from joinstream.a2a_api.versions import NEWEST, OLDEST, Version, task_event, task_said
from joinstream.a2a_api.wire import (
    AgentRequest,
    ListParams,
    SendParams,
    Task,
    TaskParams,
    TaskState,
)
from joinstream.domain.assistants import Assistant
from joinstream.domain.run_record import NewRun, Run, RunKey
from joinstream.domain.runs import is_terminal
from joinstream.errors import NotFound, Unprocessable
from joinstream.http.foreground import wait_for_end
from joinstream.http.header_selection import for_graphs
from joinstream.http.idempotency import body_key
from joinstream.http.json_rpc import success
from joinstream.http.parse import validated
from joinstream.http.respond import json_response
from joinstream.http.retelling import retold
from joinstream.http.run_streams import run_path
from joinstream.http.services import services
from joinstream.services.run_streams import RunStream

_HOW_IT_IS_TOLD = {"id", "method"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an agent, in the words of one version."""

    request: Request
    assistant: Assistant
    body: AgentRequest
    version: Version

    def answered(self, result: Any, run: Run | None = None) -> Response:
        headers = {"Content-Location": run_path(self.request, run)} if run else None
        return json_response(success(self.body.id, result), headers=headers)


async def _send(call: Call) -> Response:
    """The task lives on when its client leaves, who can come back to it."""
    params = validated(call.body.params, SendParams)
    configuration = params.configuration
    new, key = await _new_run(call, params)
    if configuration.return_immediately or not configuration.blocking:
        with _in_context(new):
            run, _ = await services(call.request).run_creation.create(new, key)
    else:
        with _in_context(new):
            stream = await services(call.request).run_streams.create(new, key, only_end=True)
        await wait_for_end(call.request, stream, cancel_on_disconnect=False)
        run = stream.run
    task = await _shown(call, task_id(run), configuration.history_length)
    return call.answered(task_event(call.version, task), run)


async def _stream(call: Call) -> Response:
    new, key = await _new_run(call, validated(call.body.params, SendParams))
    with _in_context(new):
        stream = await services(call.request).run_streams.create(new, key)
    return _told(call, stream, "TASK_STATE_SUBMITTED")


async def _new_run(call: Call, params: SendParams) -> tuple[NewRun, RunKey | None]:
    if params.configuration.push is not None or params.configuration.task_push is not None:
        raise PushNotificationNotSupported(_NO_PUSH)
    asked = await asked_run(call.request, call.assistant, params.message)
    creation = services(call.request).run_creation
    new = await creation.prepare(asked.thread_id, asked.run, for_graphs(call.request))
    return new, body_key(call.request, call.body, but=_HOW_IT_IS_TOLD)


@contextmanager
def _in_context(new: NewRun) -> Iterator[None]:
    """Calls the thread that there is not, or not for this caller, what clients know it as."""
    try:
        yield
    except NotFound:
        raise Unprocessable(
            f"message.contextId: there is no context {new.thread_id}; send that of a task of "
            "yours, a new UUID, or none."
        ) from None


async def _subscribe(call: Call) -> Response:
    """All of the task's last run is told again, so that nothing is missed."""
    task = await find_task(call.request, call.assistant, _named(call))
    if is_terminal(task.run.status) and not await open_questions(call.request, task):
        raise UnsupportedOperation(f"id: task {task.id} is over; ask for it by GetTask.")
    stream = await services(call.request).run_streams.join(task.run, "start")
    return _told(call, stream, "TASK_STATE_WORKING")


def _told(call: Call, stream: RunStream, state: TaskState) -> Response:
    named = task_id(stream.run)
    told = TaskTeller(call.body.id, call.version, begun(stream.run, state))

    async def finish() -> bytes:
        try:
            return told.finish(await _shown(call, named, 0))
        except TaskNotFound:
            return told.finish(begun(stream.run, "TASK_STATE_CANCELED"))

    return retold(call.request, stream, told, finish, cancel_on_disconnect=False)


async def _cancel(call: Call) -> Response:
    """Answers when the task is really over."""
    task = await find_task(call.request, call.assistant, _named(call), "update")
    try:
        reason = "cancelled by request"
        stream = await services(call.request).run_streams.cancel(task.run, "interrupt", reason)
    except NotFound:
        raise TaskNotCancelable(f"id: nothing of task {task.id} is executing.") from None
    await wait_for_end(call.request, stream, cancel_on_disconnect=False)
    return call.answered(task_said(call.version, await _shown(call, task.id, None)))


async def _list(call: Call) -> Response:
    params = validated(call.body.params, ListParams)
    return call.answered(await page_of_tasks(call.request, call.assistant, params, call.version))


async def _get(call: Call) -> Response:
    params = validated(call.body.params, TaskParams)
    task = await _shown(call, params.id, params.history_length)
    return call.answered(task_said(call.version, task))


async def _shown(call: Call, named: str, history_length: int | None) -> Task:
    task = await find_task(call.request, call.assistant, named)
    return await shown(call.request, task, history_length=history_length)


def _named(call: Call) -> str:
    return validated(call.body.params, TaskParams).id


async def _card(call: Call) -> Response:
    """The card has no more to say to those who have to say who they are."""
    return call.answered(await card_of(call.request, call.assistant))


async def _push(_: Call) -> Response:
    raise PushNotificationNotSupported(_NO_PUSH)


_NO_PUSH = "There are no push notifications: subscribe to the task, or ask for it now and then."


class Method(NamedTuple):
    """What a method does, and the version that has it."""

    answer: Callable[[Call], Awaitable[Response]]
    version: Version


METHODS: dict[str, Method] = {
    "SendMessage": Method(_send, NEWEST),
    "SendStreamingMessage": Method(_stream, NEWEST),
    "GetTask": Method(_get, NEWEST),
    "ListTasks": Method(_list, NEWEST),
    "CancelTask": Method(_cancel, NEWEST),
    "SubscribeToTask": Method(_subscribe, NEWEST),
    "GetExtendedAgentCard": Method(_card, NEWEST),
    "CreateTaskPushNotificationConfig": Method(_push, NEWEST),
    "GetTaskPushNotificationConfig": Method(_push, NEWEST),
    "ListTaskPushNotificationConfigs": Method(_push, NEWEST),
    "DeleteTaskPushNotificationConfig": Method(_push, NEWEST),
    "message/send": Method(_send, OLDEST),
    "message/stream": Method(_stream, OLDEST),
    "tasks/get": Method(_get, OLDEST),
    "tasks/list": Method(_list, OLDEST),
    "tasks/cancel": Method(_cancel, OLDEST),
    "tasks/resubscribe": Method(_subscribe, OLDEST),
    "agent/getAuthenticatedExtendedCard": Method(_card, OLDEST),
    "tasks/pushNotificationConfig/set": Method(_push, OLDEST),
    "tasks/pushNotificationConfig/get": Method(_push, OLDEST),
    "tasks/pushNotificationConfig/list": Method(_push, OLDEST),
    "tasks/pushNotificationConfig/delete": Method(_push, OLDEST),
}
