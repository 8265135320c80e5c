"""`batch`: several calls in one request, each a run of its own."""

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from joinstream.domain.run_record import NewRun
from joinstream.http.foreground import Foreground
from joinstream.http.respond import json_response
from joinstream.http.run_outcome import outcome_of
from joinstream.http.services import services
from joinstream.langserve_api.asking import assistant_of, prepared
from joinstream.langserve_api.invoking import failed, metadata_of
from joinstream.langserve_api.schemas import BatchMetadata, BatchOut, BatchRequest, InvokeOut

MOST_AT_ONCE = 100
"""How many runs of one request there are at the same time; `max_concurrency` may say less."""


class _CallFailed(Exception):
    """One of the calls has no output; the message says which, and why."""


async def batch(request: Request, body: BatchRequest) -> Response:
    """The outputs in the order of the inputs. The first call that fails cancels the others."""
    assistant = await assistant_of(request)
    runs = [await prepared(request, assistant, *call) for call in body.calls()]
    foreground = Foreground(request)
    try:
        answers = await foreground.attend(_answers(request, foreground, runs, body.max_concurrency))
    except _CallFailed as failure:
        return failed(request, str(failure), {})
    responses = [answer["metadata"] for answer in answers]
    run_ids = [each["run_id"] for each in responses]
    return json_response(
        BatchOut(
            output=[answer["output"] for answer in answers],
            metadata=BatchMetadata(responses=responses, run_ids=run_ids),
        )
    )


async def _answers(
    request: Request, foreground: Foreground, runs: Sequence[NewRun], at_once: int | None
) -> list[InvokeOut]:
    places = asyncio.Semaphore(min(at_once or MOST_AT_ONCE, MOST_AT_ONCE))

    async def answer(number: int, new: NewRun) -> InvokeOut:
        async with places:
            creating = services(request).run_streams.create(new, only_end=True)
            stream = await foreground.create(creating)
            await foreground.end_of(stream)
        outcome = await outcome_of(request, stream.run)
        if outcome.failure is not None:
            raise _CallFailed(f"inputs[{number}]: {outcome.failure}")
        return InvokeOut(output=outcome.output, metadata=metadata_of(stream.run))

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(answer(*each)) for each in enumerate(runs)]
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return [task.result() for task in tasks]
