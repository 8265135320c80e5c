"""Commands of the event-streaming protocol: from their params to a use case, and to the answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joinstream.domain.ids import ThreadId
from joinstream.errors import RequestError, Unprocessable
from joinstream.http.parse import validated
from joinstream.http.schemas.event_streams import CancelRun, CommandIn, Respond, StartRun
from joinstream.services import Services
from joinstream.services.thread_commands import CommandRefused

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


_HANDLERS: dict[str, Callable[[Commands, dict[str, Any]], Awaitable[Answer]]] = {
    "run.start": Commands.start,
    "run.cancel": Commands.cancel,
    "input.respond": Commands.respond,
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
