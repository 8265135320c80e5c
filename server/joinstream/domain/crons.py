"""Crons: runs on a schedule."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from joinstream.domain.cron_schedule import Schedule, time_zone
from joinstream.domain.ids import AssistantId, CronId, RunId, ThreadId
from joinstream.domain.runs import OnCompletion
from joinstream.errors import Unprocessable

CatchUp = Literal["one", "skip"]
CronField = Literal[
    "cron_id",
    "assistant_id",
    "thread_id",
    "user_id",
    "schedule",
    "timezone",
    "end_time",
    "enabled",
    "on_run_completed",
    "catch_up",
    "payload",
    "metadata",
    "next_run_date",
    "created_at",
    "updated_at",
]
CRON_FIELDS: tuple[CronField, ...] = get_args(CronField)
CronOrder = Literal[
    "cron_id",
    "assistant_id",
    "thread_id",
    "next_run_date",
    "end_time",
    "created_at",
    "updated_at",
]
FiringOutcome = Literal["created", "skipped", "failed"]

MISSED_AFTER = timedelta(minutes=1)
"""A firing that is later than this was missed: its cron's `catch_up` says what becomes of it."""


@dataclass(frozen=True, slots=True)
class Cron:
    """As clients see it.

    `payload` is the body that its runs are created from; `next_run_date` is None when it will not
    fire again.
    """

    cron_id: CronId
    assistant_id: AssistantId
    thread_id: ThreadId | None
    user_id: str | None
    schedule: str
    timezone: str | None
    end_time: datetime | None
    enabled: bool
    on_run_completed: OnCompletion
    catch_up: CatchUp
    payload: dict[str, Any]
    metadata: dict[str, Any]
    next_run_date: datetime | None
    created_at: datetime
    updated_at: datetime

    def fires_after(self, moment: datetime) -> datetime | None:
        """When it is due next after this moment, in UTC; None when it is over."""
        return due_after(moment, self.schedule, self.timezone, self.end_time)

    def skips(self, slot: datetime, now: datetime) -> bool:
        """Whether a firing that is due since `slot` is left out."""
        return self.catch_up == "skip" and now - slot > MISSED_AFTER


@dataclass(frozen=True, slots=True)
class CronFiring:
    """What came of one time at which a cron was due.

    `skipped`: it was missed, or the thread was busy; `failed`: the run could not be created.
    """

    slot: datetime
    fired_at: datetime
    outcome: FiringOutcome
    run_id: RunId | None
    thread_id: ThreadId | None
    detail: str | None


def due_after(
    moment: datetime, schedule: str, timezone: str | None, end_time: datetime | None
) -> datetime | None:
    """The schedule's next time after the moment, in UTC; None when it would be past its end.

    Raises Unprocessable for a schedule or a time zone that is none.
    """
    try:
        zone = time_zone(timezone or "UTC")
    except ValueError as error:
        raise Unprocessable(f"timezone: {error}.") from None
    try:
        due = Schedule.parse(schedule, zone).next_after(moment)
    except ValueError as error:
        raise Unprocessable(f"schedule: {schedule!r} {error}.") from None
    return None if end_time is not None and due > end_time else due
