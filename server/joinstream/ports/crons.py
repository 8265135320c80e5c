"""Where crons are kept, and how one fires."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from joinstream.domain.access import Filter
from joinstream.domain.assistants import SortDirection
from joinstream.domain.crons import CatchUp, Cron, CronFiring, CronOrder, FiringOutcome
from joinstream.domain.ids import AssistantId, CronId, ThreadId
from joinstream.domain.run_record import NewRun
from joinstream.domain.runs import OnCompletion
from joinstream.ports.runs import Created


@dataclass(frozen=True, slots=True)
class NewCron:
    """What a cron is created from. `caller` is what its runs hold of whoever created it."""

    cron_id: CronId
    assistant_id: AssistantId
    thread_id: ThreadId | None
    user_id: str | None
    caller: dict[str, Any]
    schedule: str
    timezone: str | None
    end_time: datetime | None
    enabled: bool
    on_run_completed: OnCompletion
    catch_up: CatchUp
    payload: dict[str, Any]
    metadata: dict[str, Any]
    next_run_date: datetime | None


@dataclass(frozen=True, slots=True)
class CronFilter:
    """All that is given must hold; `visible` is what the caller may see."""

    assistant_id: AssistantId | None = None
    thread_id: ThreadId | None = None
    enabled: bool | None = None
    metadata: dict[str, Any] | None = None
    visible: Filter = None


class DueCron(Protocol):
    """A cron that is due, locked until what becomes of it is committed, all in one transaction."""

    @property
    def cron(self) -> Cron: ...

    @property
    def slot(self) -> datetime:
        """The time at which it was due."""
        ...

    @property
    def caller(self) -> dict[str, Any]:
        """What its runs hold of whoever created it."""
        ...

    @property
    def now(self) -> datetime:
        """Postgres' time."""
        ...

    @property
    def fired(self) -> bool:
        """Whether it has fired for this slot already: then only the next one is to be settled."""
        ...

    async def create_run(self, new: NewRun) -> Created:
        """Create the run as part of the firing; when that raises, the firing can still settle."""
        ...

    async def settle(
        self,
        outcome: FiringOutcome,
        next_due: datetime | None,
        *,
        run: NewRun | None = None,
        detail: str | None = None,
    ) -> None:
        """Write down what became of it, and when it is due next."""
        ...


class LockedCron(Protocol):
    """A cron that nobody else can change or fire until the transaction ends."""

    @property
    def cron(self) -> Cron: ...

    async def replace(self, cron: Cron) -> Cron:
        """Write everything that a change may change."""
        ...


class CronStore(Protocol):
    """Crons and their firings. One that is not `visible` is as if it did not exist."""

    async def create(self, new: NewCron) -> Cron: ...

    async def get(self, cron_id: CronId, visible: Filter) -> Cron | None: ...

    def locked(
        self, cron_id: CronId, visible: Filter
    ) -> AbstractAsyncContextManager["LockedCron | None"]:
        """The cron, which neither fires nor changes meanwhile; None when there is none."""
        ...

    async def delete(self, cron_id: CronId, visible: Filter) -> bool: ...

    async def search(
        self,
        wanted: CronFilter,
        *,
        limit: int,
        offset: int,
        sort_by: CronOrder,
        sort_order: SortDirection,
    ) -> list[Cron]: ...

    async def count(self, wanted: CronFilter) -> int: ...

    async def firings(self, cron_id: CronId, *, limit: int, offset: int) -> list[CronFiring]:
        """Newest first."""
        ...

    async def count_firings(self, cron_id: CronId) -> int: ...

    async def seconds_until_due(self) -> float | None:
        """How long until the next cron is due, below 0 when one is; None when there is none."""
        ...

    def next_due(self) -> AbstractAsyncContextManager[DueCron | None]:
        """Lock one due cron that nobody else has locked; None when there is none.

        Its transaction is committed at the end of the body, and undone when that raises.
        """
        ...
