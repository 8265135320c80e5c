"""When a cron fires: cron expressions on the clock of a time zone, daylight saving included.

A schedule is read on the wall clock. Where the clock is turned:

- A schedule for certain hours fires once for each of its times. A time that the clock skips comes
  as much later as the clock is put forward: 02:30 becomes 03:30. One that comes twice counts only
  the first time.
- A schedule for every hour, or every few hours (its hour field begins with `*`), goes by real time:
  it fires in the repeated hour too, and has nothing to make up for in the skipped one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter
from croniter.croniter import CroniterBadDateError, CroniterError

_LONGEST_TURN = timedelta(hours=3)
"""No clock has been turned further than this in living memory."""

_FIELDS = (5, 6)


class NeverFires(ValueError):
    """A schedule that fits no day there is, such as the 30th of February."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression of 5 fields, or 6 with the seconds last, and the zone of its clock."""

    expression: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, expression: str, zone: ZoneInfo) -> "Schedule":
        """Raises ValueError, with what is wrong, for an expression that is none."""
        count = len(expression.split())
        if not expression.startswith("@") and count not in _FIELDS:
            raise ValueError(
                "needs 5 fields (minute hour day month weekday), or 6 with seconds last, "
                f"got {count}"
            )
        try:
            croniter(expression)
        except (CroniterError, ValueError, TypeError, KeyError) as error:
            raise ValueError(f"is no cron expression: {error}") from None
        return cls(expression, zone)

    def next_after(self, moment: datetime) -> datetime:
        """The first time after this moment, in UTC. Raises NeverFires."""
        local = moment.astimezone(self.zone)
        if self._goes_by_real_time():
            return self._next_by_real_time(moment, local)
        return next(
            fires
            for fires in map(self._instant, self._wall_times(_unturned(local)))
            if fires > moment
        )

    def _goes_by_real_time(self) -> bool:
        hours: str = croniter(self.expression).expressions[1]
        return hours.startswith("*")

    def _next_by_real_time(self, moment: datetime, local: datetime) -> datetime:
        offset = _offset(local)
        fires = self._under(offset, moment)
        if _offset(fires.astimezone(self.zone)) == offset:
            return fires
        turned = self._turn_between(moment, fires)
        return self._under(
            _offset(turned.astimezone(self.zone)), turned - timedelta(microseconds=1)
        )

    def _under(self, offset: timedelta, moment: datetime) -> datetime:
        """The first time after the moment on a clock that is never turned."""
        naive = moment.astimezone(UTC).replace(tzinfo=None)
        return (next(self._wall_times(naive + offset)) - offset).replace(tzinfo=UTC)

    def _turn_between(self, before: datetime, after: datetime) -> datetime:
        """When the clock is turned first between two moments, to the second."""
        offset = _offset(before.astimezone(self.zone))
        day = timedelta(days=1)
        while before + day < after and _offset((before + day).astimezone(self.zone)) == offset:
            before += day
        after = min(after, before + day)
        while after - before > timedelta(seconds=1):
            middle = before + (after - before) / 2
            if _offset(middle.astimezone(self.zone)) == offset:
                before = middle
            else:
                after = middle
        return after.replace(microsecond=0)

    def _wall_times(self, after: datetime) -> Iterator[datetime]:
        """The times of the schedule on a plain clock, without a zone."""
        times = croniter(self.expression, after, ret_type=datetime)
        while True:
            try:
                yield times.get_next()
            except CroniterBadDateError:
                raise NeverFires("fits no day in the coming years") from None

    def _instant(self, wall_time: datetime) -> datetime:
        """The first moment at which the clock shows this time, or would have."""
        return wall_time.replace(tzinfo=self.zone, fold=0).astimezone(UTC)


def time_zone(name: str) -> ZoneInfo:
    """Raises ValueError for a name that is in no IANA database."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is no IANA time zone; they look like Europe/Berlin or UTC"
        ) from None


def _offset(local: datetime) -> timedelta:
    offset = local.utcoffset()
    assert offset is not None
    return offset


def _unturned(local: datetime) -> datetime:
    """The wall clock's time, or what it would show had it not been put forward a while ago.

    From there on, skipped times that are still to come are found.
    """
    earlier = (local.astimezone(UTC) - _LONGEST_TURN).astimezone(local.tzinfo)
    ahead = max(_offset(local) - _offset(earlier), timedelta(0))
    return local.replace(tzinfo=None) - ahead
