"""Bodies of the thread routes."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from joinstream.domain.assistants import IfExists, SortDirection
from joinstream.domain.extract import parse_extracts
from joinstream.domain.runs import ThreadStatus
from joinstream.domain.threads import (
    MAX_TTL_MINUTES,
    Extract,
    PruneStrategy,
    ThreadField,
    ThreadFilter,
    ThreadOrder,
    ThreadQuery,
    Ttl,
    TtlStrategy,
)
from joinstream.http.schemas.base import Body, Id, Limit, Metadata, Object, Offset, Query
from joinstream.http.schemas.thread_states import Superstep

Minutes = Annotated[float, Field(gt=0, le=MAX_TTL_MINUTES)]


class TtlBody(Body):
    """`ttl` is in minutes; `keep_latest` keeps the thread with its latest checkpoint."""

    ttl: Minutes
    strategy: TtlStrategy = "delete"

    def value(self) -> Ttl:
        return Ttl(self.strategy, self.ttl)


def _minutes_as_ttl(given: Any) -> Any:
    return {"ttl": given} if isinstance(given, int | float) else given


TtlOrMinutes = Annotated[
    TtlBody, BeforeValidator(_minutes_as_ttl, json_schema_input_type=TtlBody | Minutes)
]


class ThreadCreate(Body):
    """A new thread. `supersteps` fill its state; they need `metadata.graph_id`."""

    thread_id: Id | None = None
    metadata: Metadata = Field(default_factory=dict)
    if_exists: IfExists = "raise"
    ttl: TtlOrMinutes | None = None
    supersteps: list[Superstep] = Field(default_factory=list)


class ThreadPatch(Body):
    """Metadata to merge into the thread's, and a new time to live."""

    metadata: Metadata = Field(default_factory=dict)
    ttl: TtlOrMinutes | None = None


class ThreadCount(Body):
    """`metadata` and `values` are matched by containment."""

    metadata: Object | None = None
    values: Object | None = None
    status: ThreadStatus | None = None
    ids: list[Id] | None = None

    def wanted(self) -> ThreadFilter:
        return ThreadFilter(self.metadata, self.values, self.status, self.ids)


class ThreadSearch(ThreadCount):
    """One page of the matching threads; `extract` maps aliases to paths like `values.a[-1].b`."""

    limit: Limit = 10
    offset: Offset = 0
    sort_by: ThreadOrder = "updated_at"
    sort_order: SortDirection = "desc"
    select: list[ThreadField] | None = None
    extract: dict[str, str] = Field(default_factory=dict)

    @field_validator("extract")
    @classmethod
    def _paths_are_well_formed(cls, paths: dict[str, str]) -> dict[str, str]:
        parse_extracts(paths)
        return paths

    def query(self, *, exact: bool) -> ThreadQuery:
        return ThreadQuery(
            filter=self.wanted(),
            limit=self.limit,
            offset=self.offset,
            sort_by=self.sort_by,
            sort_order=self.sort_order,
            select=self.select,
            extract=self._extracts(),
            exact=exact,
        )

    def _extracts(self) -> list[Extract]:
        return parse_extracts(self.extract)


class ThreadPrune(Body):
    """Threads to delete, or to cut down to their latest checkpoint."""

    thread_ids: list[Id]
    strategy: PruneStrategy = "delete"


class ThreadGet(Query):
    """What to tell of a thread besides its fields."""

    include: list[Literal["ttl"]] = Field(default_factory=list)
