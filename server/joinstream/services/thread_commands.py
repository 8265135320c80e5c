"""What a client may have a thread do, by the commands of the event-streaming protocol."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from joinstream.domain.failures import KNOWS_STRICT_RESUME
from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.run_record import Run, RunKey
from joinstream.domain.run_request import RunRequest
from joinstream.domain.runs import is_terminal
from joinstream.domain.threads import Thread
from joinstream.errors import Conflict, JoinstreamError, NotFound
from joinstream.ports.runs import RunStore
from joinstream.services.run_creation import RunCreation
from joinstream.services.run_streams import RunStreams
from joinstream.services.runs import Runs
from joinstream.services.threads import Threads

PATIENCE_SECONDS = 5.0
"""How long an answer waits for the thread's run to end, so that its questions are known."""

ErrorCode = Literal[
    "invalid_argument",
    "unknown_command",
    "unknown_error",
    "permission_denied",
    "no_such_run",
    "no_such_interrupt",
    "no_such_subscription",
    "resume_gap",
    "not_supported",
]


class CommandRefused(JoinstreamError):
    """A command that cannot be carried out; `code` is one of the protocol's."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code


@dataclass(slots=True)
class ThreadCommands:
    """The use cases behind the commands that have to do with runs."""

    creation: RunCreation
    streams: RunStreams
    runs: Runs
    store: RunStore
    threads: Threads

    async def start(
        self, thread_id: ThreadId, request: RunRequest, headers: Mapping[str, str]
    ) -> Run:
        """Start a run; on a thread that waits for an answer, the input is the answer.

        Raises CommandRefused when it cannot be told which of several questions it answers, and
        what creating a run raises.
        """
        request = await self._as_answer(thread_id, request)
        new = await self.creation.prepare(thread_id, request, headers)
        return (await self.creation.create(new)).run

    async def respond(
        self,
        thread_id: ThreadId,
        answers: Mapping[str, Any],
        request: RunRequest,
        headers: Mapping[str, str],
    ) -> Run:
        """Answer questions by the ids of their interrupts, and go on.

        `request` has whatever else is to be told to the graph; its assistant is that of the
        thread. Raises CommandRefused when there is no such question, NotFound. A strict request is
        refused by its run, which says why to everybody who follows the thread.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    asker = await self.newest_run(thread_id)
                    thread = await self.threads.get(thread_id)
                    if thread.active_run_id is not None:
                        await self._end_of(thread_id, thread.active_run_id)
                        continue
                    command = {**(request.command or {}), "resume": dict(answers)}
                    if not (request.strict_resume and KNOWS_STRICT_RESUME):
                        _require_asked(thread, answers)
                    answering = replace(
                        request,
                        assistant=_assistant_of(thread),
                        command=command,  # type: ignore[arg-type]  # it has the keys of one
                        event_streaming={"answers": list(answers)},
                        multitask_strategy="reject",
                    )
                    new = await self.creation.prepare(thread_id, answering, headers)
                    # lets one through of those who answer the same question at once
                    key = RunKey(f"input.respond {asker.run_id} {' '.join(sorted(answers))}", b"")
                    try:
                        created = await self.creation.create(new, key)
                    except Conflict:
                        continue  # somebody else was faster: see what the thread waits for then
                    if created.repeated:
                        raise _not_asked(answers, [])
                    return created.run
        except TimeoutError:
            raise CommandRefused(
                "no_such_interrupt",
                f"The thread is still busy after {PATIENCE_SECONDS:g} s; answer when its run has "
                "asked.",
            ) from None

    async def cancel(self, thread_id: ThreadId, run_id: RunId | None) -> Run:
        """Stop a run of the thread, the one that keeps it busy unless another is named."""
        if run_id is None:
            thread = await self.threads.get(thread_id)
            run_id = thread.active_run_id
        if run_id is None:
            raise CommandRefused("no_such_run", "The thread has no run that could be cancelled.")
        try:
            run = await self.runs.get(thread_id, run_id, "update")
            await self.runs.cancel(run, "interrupt", "cancelled by request")
        except NotFound as error:
            raise CommandRefused("no_such_run", error.detail) from None
        return run

    async def fork(
        self,
        thread_id: ThreadId,
        checkpoint_id: str,
        request: RunRequest,
        headers: Mapping[str, str],
    ) -> Run:
        """Start a run of the thread's assistant from one of the thread's checkpoints."""
        thread = await self.threads.get(thread_id)
        forking = replace(
            request, assistant=_assistant_of(thread), checkpoint={"checkpoint_id": checkpoint_id}
        )
        new = await self.creation.prepare(thread_id, forking, headers)
        return (await self.creation.create(new)).run

    async def newest_run(self, thread_id: ThreadId) -> Run:
        """Raises NotFound without the thread, CommandRefused without a run."""
        await self.threads.get(thread_id)
        found = await self.store.search(thread_id, status=None, limit=1, offset=0)
        if not found:
            raise CommandRefused("no_such_run", "The thread has had no run yet.")
        return found[0]

    async def _as_answer(self, thread_id: ThreadId, request: RunRequest) -> RunRequest:
        forks = "checkpoint_id" in (request.config.get("configurable") or {})
        if request.input is None or forks:
            return request
        try:
            thread = await self.threads.get(thread_id)
        except NotFound:
            return request  # the run creates it, or is refused
        asked = _asked(thread)
        if thread.status != "interrupted" or not asked:
            return request
        resume = {asked[0]: request.input} if len(asked) == 1 else request.input
        if not (isinstance(resume, Mapping) and set(resume) <= set(asked)):
            raise CommandRefused(
                "invalid_argument",
                f"The thread waits for {len(asked)} answers ({', '.join(asked)}). Send "
                "input.respond with responses, or an input with these ids as its keys.",
            )
        return replace(
            request,
            input=None,
            command={"resume": dict(resume)},
            event_streaming={"answers": [*resume]},
        )

    async def _end_of(self, thread_id: ThreadId, run_id: RunId) -> None:
        run = await self.store.get(thread_id, run_id, None)
        if run is None or is_terminal(run.status):
            return
        stream = await self.streams.join(run, "now", only_end=True)
        try:
            async for _ in stream.items:
                pass
        finally:
            await stream.close()


def _asked(thread: Thread) -> Sequence[str]:
    return [str(each["id"]) for of_task in thread.interrupts.values() for each in of_task]


def _require_asked(thread: Thread, answers: Mapping[str, Any]) -> None:
    asked = _asked(thread)
    if unknown := [interrupt_id for interrupt_id in answers if interrupt_id not in asked]:
        raise _not_asked(unknown, asked)


def _not_asked(unknown: Iterable[str], asked: Sequence[str]) -> CommandRefused:
    return CommandRefused(
        "no_such_interrupt",
        f"The thread does not wait for interrupt {', '.join(unknown)}. It waits for: "
        f"{', '.join(asked) or 'nothing'}.",
    )


def _assistant_of(thread: Thread) -> str:
    """Whose runs the thread has had. Raises CommandRefused when there were none."""
    assistant = thread.metadata.get("assistant_id") or thread.graph_id
    if assistant is None:
        raise CommandRefused("no_such_run", "The thread has had no run yet.")
    return str(assistant)
