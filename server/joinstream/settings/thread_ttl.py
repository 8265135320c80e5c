"""How long threads live: LANGGRAPH_THREAD_TTL, or `checkpointer.ttl` of `langgraph.json`."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from joinstream.domain.threads import MAX_TTL_MINUTES, TtlStrategy

Minutes = Annotated[float, Field(gt=0, le=MAX_TTL_MINUTES)]


class ThreadTtlConfig(BaseModel):
    """The default for new threads, and the sweeps that end them.

    Times are in minutes. `sweep_limit` is the most threads that one sweep touches.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: TtlStrategy = "delete"
    default_ttl: Minutes | None = None
    sweep_interval_minutes: Minutes = 5.0
    sweep_limit: PositiveInt = 10_000


def parse_thread_ttl(value: Any) -> Any:
    """The official server's two forms: a number of minutes, or a JSON object."""
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.lstrip().startswith("{") else {"default_ttl": value}
