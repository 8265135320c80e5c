"""When a schedule fires, also where clocks are turned."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joinstream.domain.cron_schedule import NeverFires, Schedule, time_zone
from joinstream.domain.crons import due_after
from joinstream.errors import Unprocessable


def times(expression: str, zone: str, start: str, count: int) -> list[str]:
    """The next times on the zone's clock, each with its offset from UTC."""
    schedule = Schedule.parse(expression, ZoneInfo(zone))
    moment = datetime.fromisoformat(start)
    shown = []
    for _ in range(count):
        moment = schedule.next_after(moment)
        assert moment.tzinfo is UTC
        shown.append(moment.astimezone(ZoneInfo(zone)).strftime("%d %H:%M:%S %z"))
    return shown


def test_a_time_that_the_clock_skips_comes_later() -> None:
    assert times("30 2 * * *", "America/New_York", "2026-03-07T12:00-05:00", 2) == [
        "08 03:30:00 -0400",
        "09 02:30:00 -0400",
    ]


def test_a_skipped_time_is_found_when_looked_for_just_after_the_turn() -> None:
    assert times("30 2 * * *", "America/New_York", "2026-03-08T03:10-04:00", 1) == [
        "08 03:30:00 -0400"
    ]


def test_a_skipped_time_that_meets_another_one_fires_once() -> None:
    assert times("30 2,3 * * *", "America/New_York", "2026-03-08T00:00-05:00", 2) == [
        "08 03:30:00 -0400",
        "09 02:30:00 -0400",
    ]


def test_a_time_that_comes_twice_counts_the_first_time() -> None:
    assert times("30 1 * * *", "America/New_York", "2026-11-01T00:00-04:00", 2) == [
        "01 01:30:00 -0400",
        "02 01:30:00 -0500",
    ]


def test_every_hour_is_every_real_hour() -> None:
    assert times("0 * * * *", "America/New_York", "2026-11-01T00:30-04:00", 3) == [
        "01 01:00:00 -0400",
        "01 01:00:00 -0500",
        "01 02:00:00 -0500",
    ]
    assert times("0 * * * *", "America/New_York", "2026-03-08T00:30-05:00", 3) == [
        "08 01:00:00 -0500",
        "08 03:00:00 -0400",
        "08 04:00:00 -0400",
    ]


def test_a_clock_may_be_turned_by_half_an_hour() -> None:
    assert times("45 * * * *", "Australia/Lord_Howe", "2026-04-05T01:20+11:00", 3) == [
        "05 01:45:00 +1100",
        "05 01:45:00 +1030",
        "05 02:45:00 +1030",
    ]


def test_six_fields_have_the_seconds_last() -> None:
    assert times("* * * * * */20", "UTC", "2026-01-01T00:00:05+00:00", 3) == [
        "01 00:00:20 +0000",
        "01 00:00:40 +0000",
        "01 00:01:00 +0000",
    ]


def test_offsets_that_are_no_whole_hours() -> None:
    assert times("0 9 * * *", "Asia/Kathmandu", "2026-01-01T00:00+00:00", 1) == [
        "01 09:00:00 +0545"
    ]


@pytest.mark.parametrize("bad", ["* * *", "61 * * * *", "a b c d e", "* * * * * * *", "@often", ""])
def test_what_is_no_schedule_is_said_to_be_none(bad: str) -> None:
    with pytest.raises(Unprocessable, match="schedule: "):
        due_after(datetime.now(UTC), bad, None, None)


@pytest.mark.parametrize("bad", ["Mars/Olympus", "../etc/passwd", "/etc/passwd", "\0"])
def test_what_is_no_time_zone_is_said_to_be_none(bad: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        time_zone(bad)


def test_a_schedule_without_a_day_never_fires() -> None:
    with pytest.raises(NeverFires):
        Schedule.parse("0 0 30 2 *", ZoneInfo("UTC")).next_after(datetime.now(UTC))


def test_nothing_is_due_after_the_end() -> None:
    now = datetime(2026, 1, 1, 8, 30, tzinfo=UTC)
    nine = datetime(2026, 1, 1, 9, tzinfo=UTC)
    assert due_after(now, "0 9 * * *", None, nine) == nine
    assert due_after(now, "0 9 * * *", None, nine - timedelta(seconds=1)) is None


ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"]
FIXED = ["30 2 * * *", "15,45 1-3 * * *", "0 3 * * 0", "59 23 * * *"]
MOMENTS = st.integers(1_704_067_200, 1_830_297_600).map(lambda s: datetime.fromtimestamp(s, UTC))
REAL_TIME = ["* * * * *", "*/15 * * * *", "0 * * * *", "5 */2 * * *"]


@given(
    expression=st.sampled_from(FIXED + REAL_TIME),
    zone=st.sampled_from(ZONES),
    moment=MOMENTS,
    later=st.integers(1, 3600),
)
def test_time_goes_forward_and_nothing_is_skipped(
    expression: str, zone: str, moment: datetime, later: int
) -> None:
    schedule = Schedule.parse(expression, ZoneInfo(zone))
    due = schedule.next_after(moment)
    assert due > moment
    looked_later = moment + timedelta(seconds=later)
    if looked_later < due:
        assert schedule.next_after(looked_later) == due


@given(
    expression=st.sampled_from(REAL_TIME),
    zone=st.sampled_from(ZONES),
    moment=MOMENTS,
)
def test_real_time_schedules_show_a_time_of_theirs(
    expression: str, zone: str, moment: datetime
) -> None:
    due = Schedule.parse(expression, ZoneInfo(zone)).next_after(moment)
    shown = due.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    plain = Schedule.parse(expression, ZoneInfo("UTC"))
    just_before = (shown - timedelta(seconds=1)).replace(tzinfo=UTC)
    assert plain.next_after(just_before).replace(tzinfo=None) == shown
