"""Bodies of the cron routes."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from joinstream.domain.assistants import SortDirection
from joinstream.domain.crons import CatchUp, CronField, CronOrder
from joinstream.domain.ids import AssistantId, ThreadId
from joinstream.domain.runs import OnCompletion
from joinstream.http.schemas.base import Body, Id, Limit, Moment, Object, Offset, Query
from joinstream.http.schemas.runs import RunCreate
from joinstream.ports.crons import CronFilter
from joinstream.services.crons import CronChange, CronWanted

Expression = Annotated[str, Field(min_length=1, max_length=256)]
_OF_THE_CRON = frozenset(
    {"schedule", "timezone", "end_time", "enabled", "on_run_completed", "catch_up", "metadata"}
)


class CronCreate(RunCreate):
    """A run on a schedule: cron syntax with 5 fields, or 6 with seconds last.

    `timezone` is an IANA name, UTC when absent. `catch_up` says what becomes of times that were
    missed because nothing ran: `one` run for all of them, or none (`skip`).
    """

    run_id: None = None  # each run of a cron has an id of its own
    schedule: Expression
    timezone: str | None = None
    end_time: Moment | None = None
    enabled: bool = True
    on_run_completed: OnCompletion = "delete"
    catch_up: CatchUp = "one"

    def wanted(self) -> CronWanted:
        return CronWanted(
            assistant=self.assistant_id,
            schedule=self.schedule,
            timezone=self.timezone,
            end_time=self.end_time,
            enabled=self.enabled,
            on_run_completed=self.on_run_completed,
            catch_up=self.catch_up,
            payload=self.model_dump(mode="json", exclude_unset=True),
            metadata=self.metadata,
        )


class CronPatch(CronCreate):
    """What to change of a cron. An `end_time` of null takes the end away; the assistant stays."""

    null_means: ClassVar[frozenset[str]] = frozenset({"end_time"})

    assistant_id: Any = Field(default=None, exclude=True)
    schedule: Expression | None = None  # type: ignore[assignment]  # a change need not set it

    def change(self) -> CronChange:
        given = self.model_fields_set - {"assistant_id"}
        return CronChange(
            fields={name: getattr(self, name) for name in given & _OF_THE_CRON},
            payload=self.model_dump(mode="json", include=set(given)),
        )


class CronCount(Body):
    """All that is given must hold; `metadata` is matched by containment."""

    assistant_id: Annotated[str, Field(min_length=1)] | None = None
    thread_id: Id | None = None
    enabled: bool | None = None
    metadata: Object | None = None

    def wanted(self, assistant_id: AssistantId | None) -> CronFilter:
        thread_id = ThreadId(self.thread_id) if self.thread_id else None
        return CronFilter(assistant_id, thread_id, self.enabled, self.metadata)


class CronSearch(CronCount):
    """One page of the matching crons."""

    limit: Limit = 10
    offset: Offset = 0
    sort_by: CronOrder = "created_at"
    sort_order: SortDirection = "desc"
    select: list[CronField | Literal["now"]] | None = None


class FiringsQuery(Query):
    """One page of what came of a cron's times."""

    limit: Limit = 10
    offset: Offset = 0
