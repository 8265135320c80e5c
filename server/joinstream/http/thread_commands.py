"""Commands of the event-streaming protocol: from their params to a use case, and to the answer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.state_view import StateView
from joinstream.errors import NotFound, RequestError, Unprocessable
from joinstream.http.parse import validated
from joinstream.http.schemas.event_streams import (
    CancelRun,
    CommandIn,
    Fork,
    GetState,
    GetTree,
    ListCheckpoints,
    Respond,
    StartRun,
)
from joinstream.services import Services
from joinstream.services.thread_commands import CommandRefused
from joinstream.services.thread_states import HistoryQuery

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of one thread, for one caller. `headers` are those that graphs are to know."""

    services: Services
    thread_id: ThreadId
    headers: Mapping[str, str]

    async def carry_out(self, command: CommandIn) -> Answer:
        """The answer to send. Raises RequestError for what the caller may not see or do."""
        handler = _HANDLERS.get(command.method)
        try:
            if command.method in _NOT_SUPPORTED:
                raise CommandRefused("not_supported", _NOT_SUPPORTED[command.method])
            if handler is None:
                raise CommandRefused(
                    "unknown_command",
                    f"There is no command {command.method}. There are: {', '.join(_HANDLERS)}.",
                )
            seq = await self.services.thread_events.top_seq(self.thread_id)
            result = await handler(self, command.params)
        except CommandRefused as refusal:
            return refused(command.id, refusal)
        except Unprocessable as error:
            return refused(command.id, CommandRefused("invalid_argument", error.detail))
        return succeeded(command.id, result, seq)

    async def start(self, params: dict[str, Any]) -> Answer:
        request = validated(params, StartRun).request()
        run = await self.services.thread_commands.start(self.thread_id, request, self.headers)
        return {"run_id": run.run_id}

    async def respond(self, params: dict[str, Any]) -> Answer:
        asked = validated(params, Respond)
        answers = asked.answers()
        if not answers:
            raise CommandRefused("invalid_argument", "Send interrupt_id, or responses.")
        await self.services.thread_commands.respond(
            self.thread_id, answers, asked.request(), self.headers
        )
        return {}

    async def cancel(self, params: dict[str, Any]) -> Answer:
        wanted = validated(params, CancelRun).run()
        run = await self.services.thread_commands.cancel(self.thread_id, wanted)
        return {"run_id": run.run_id}

    async def tree(self, params: dict[str, Any]) -> Answer:
        run_id = validated(params, GetTree).run_id
        if run_id is None:
            run = await self.services.thread_commands.newest_run(self.thread_id)
        else:
            try:
                run = await self.services.runs.get(self.thread_id, RunId(run_id))
            except NotFound as error:
                raise CommandRefused("no_such_run", error.detail) from None
        return {"tree": await self.services.thread_events.tree(self.thread_id, run)}

    async def state(self, params: dict[str, Any]) -> Answer:
        asked = validated(params, GetState)
        checkpoint = _checkpoint(asked.namespace)
        state = await self.services.thread_states.get(self.thread_id, checkpoint, subgraphs=False)
        values = state["values"]
        if asked.keys is not None and isinstance(values, dict):
            values = {key: values[key] for key in asked.keys if key in values}
        found: Answer = {"values": values}
        if (checkpoint_id := state["checkpoint_id"]) is not None:
            found["checkpoint"] = {"id": checkpoint_id, "ns": "|".join(asked.namespace)}
        return found

    async def checkpoints(self, params: dict[str, Any]) -> Answer:
        asked = validated(params, ListCheckpoints)
        query = HistoryQuery(
            limit=asked.limit,
            checkpoint=_checkpoint(asked.namespace),
            before={"checkpoint_id": asked.before} if asked.before else {},
        )
        states = await self.services.thread_states.history(self.thread_id, query)
        return {"checkpoints": [_summary(state) for state in states]}

    async def fork(self, params: dict[str, Any]) -> Answer:
        asked = validated(params, Fork)
        run = await self.services.thread_commands.fork(
            self.thread_id, asked.checkpoint_id, asked.request(), self.headers
        )
        return {"run_id": run.run_id, "thread_id": run.thread_id}


_HANDLERS: dict[str, Callable[[Commands, dict[str, Any]], Awaitable[Answer]]] = {
    "run.start": Commands.start,
    "run.cancel": Commands.cancel,
    "input.respond": Commands.respond,
    "agent.getTree": Commands.tree,
    "state.get": Commands.state,
    "state.listCheckpoints": Commands.checkpoints,
    "state.fork": Commands.fork,
}


_SUBSCRIBE = "Over HTTP, each POST to /threads/{thread_id}/stream/events is a subscription"
_NOT_SUPPORTED = {
    "subscription.subscribe": f"{_SUBSCRIBE}; commands for it are for WebSockets.",
    "subscription.unsubscribe": f"{_SUBSCRIBE}: close it to end it.",
    "subscription.reconnect": f"{_SUBSCRIBE}: send `since` to go on after an event.",
    "input.inject": "A run takes no messages while it executes. Send run.start with "
    "multitask_strategy `enqueue`, to have it come after the run, or `interrupt`, to stop the run.",
}
"""Commands of the protocol that are none here, or not over HTTP."""


def _checkpoint(namespace: Sequence[str]) -> dict[str, str]:
    return {"checkpoint_ns": "|".join(namespace)} if namespace else {}


def _summary(state: StateView) -> Answer:
    return {
        "id": state["checkpoint_id"],
        "timestamp": state["created_at"],
        "step": state["metadata"].get("step"),
        "metadata": state["metadata"],
    }


def succeeded(command_id: int, result: Answer, seq: int) -> Answer:
    """`seq` is that of an event that came before everything the command has caused."""
    meta = {"applied_through_seq": seq}
    return {"type": "success", "id": command_id, "result": result, "meta": meta}


def refused(command_id: int | None, refusal: CommandRefused) -> Answer:
    return {"type": "error", "id": command_id, "error": refusal.code, "message": str(refusal)}


def refused_by_request(command_id: int | None, error: RequestError) -> Answer:
    """Where there is no HTTP status to say it by."""
    code: Any = "permission_denied" if error.status in (401, 403) else "unknown_error"
    return refused(command_id, CommandRefused(code, f"{error.status}: {error.detail}"))
