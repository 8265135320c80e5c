"""What came of a run that is over."""

from typing import Any, NamedTuple

from starlette.requests import Request

from joinstream.domain.run_record import Run
from joinstream.http.services import services


class Outcome(NamedTuple):
    """`failure` says why there is no output, None when there is one."""

    output: Any
    failure: str | None


async def outcome_of(request: Request, run: Run) -> Outcome:
    result = await services(request).run_streams.outcome(run)
    if result is None:
        return Outcome(None, "The run was deleted before it had an output.")
    if result.error is not None:
        return Outcome(None, f"{result.error.get('error')}: {result.error.get('message')}")
    if result.status != "success":
        return Outcome(None, f"The run ended without an output: {result.status}.")
    return Outcome(result.output, None)
