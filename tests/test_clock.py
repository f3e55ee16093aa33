"""Instants, days of 23 to 25 hours and less, and the times that users write."""

# Plans keep local times without their zone:
# ruff: noqa: DTZ001, DTZ901

from __future__ import annotations

import datetime as dt
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessim.clock import (
    DAY,
    HOUR,
    SECOND,
    Clock,
    SkippedHourError,
    format_moment,
    moment,
    time_of_day,
    whole_hours,
    zone,
    zones,
)

MINUTE = 60 * SECOND
ONE_DAY = timedelta(days=1)
NASTY = [
    "America/Goose_Bay",  # turned its clocks at 00:01
    "America/Havana",
    "America/Santiago",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Shanghai",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Kiritimati",
]


def local(text: str, zone: str) -> int:
    """Return the instant of a time that is neither skipped nor repeated."""
    aware = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return round(aware.timestamp()) * SECOND


def hours(clock: Clock, day: str) -> float:
    this = date.fromisoformat(day)
    return (clock.day_start(this + ONE_DAY) - clock.day_start(this)) / HOUR


# --- days ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "length", "begins"),
    [
        ("Asia/Shanghai", "2026-12-01", 24, "00:00"),
        ("UTC", "2024-02-29", 24, "00:00"),
        ("Europe/Berlin", "2026-03-29", 23, "00:00"),
        ("Europe/Berlin", "2026-10-25", 25, "00:00"),
        ("Australia/Lord_Howe", "2026-10-04", 23.5, "00:00"),
        ("Australia/Lord_Howe", "2026-04-05", 24.5, "00:00"),
        # midnight is skipped
        ("America/Havana", "2026-03-08", 23, "01:00"),
        ("Asia/Beirut", "2026-03-29", 23, "01:00"),
        ("Africa/Cairo", "2026-04-24", 23, "01:00"),
        ("America/Santiago", "2026-09-06", 23, "01:00"),
        # the hour after midnight, or the one before it, is repeated
        ("America/Havana", "2026-11-01", 25, "00:00"),
        ("Africa/Cairo", "2026-10-29", 25, "00:00"),
        ("America/Santiago", "2026-04-04", 25, "00:00"),
        ("America/Toronto", "1919-03-31", 23.5, "00:30"),  # from 23:30 of the day before
        # around a date that never was
        ("Pacific/Apia", "2011-12-29", 24, "00:00"),
        ("Pacific/Apia", "2011-12-31", 24, "00:00"),
    ],
)
def test_a_day_lasts_from_its_first_instant_to_the_next_days(
    zone: str, day: str, length: float, begins: str
) -> None:
    clock = Clock(zone)
    assert hours(clock, day) == length
    assert f"{clock.local(clock.day_start(date.fromisoformat(day))):%Y-%m-%d %H:%M}" == (
        f"{day} {begins}"
    )


def test_a_skipped_date_has_no_day() -> None:
    samoa = Clock("Pacific/Apia")
    assert hours(samoa, "2011-12-30") == 0
    dateline = samoa.day_start(date(2011, 12, 31))
    assert samoa.date(dateline) == date(2011, 12, 31)
    assert samoa.date(dateline - 1) == date(2011, 12, 29)


def test_a_date_that_the_clocks_go_back_to_is_over() -> None:
    """Goose Bay showed 00:00 of 7 November, a minute later 23:01 of the 6th again."""
    labrador = Clock("America/Goose_Bay")
    begins = labrador.day_start(date(2010, 11, 7))
    assert labrador.date(begins - 1) == date(2010, 11, 6)
    assert labrador.local(begins + 30 * MINUTE).date() == date(2010, 11, 6)
    assert labrador.date(begins + 30 * MINUTE) == date(2010, 11, 7)
    assert hours(labrador, "2010-11-07") == 25


def test_an_instant_counts_microseconds_since_1970() -> None:
    assert Clock("UTC").day_start(date(1970, 1, 1)) == 0
    assert Clock("UTC").instant(datetime(1970, 1, 2, 0, 0, 0, 7)) == DAY + 7
    assert Clock("Asia/Shanghai").day_start(date(1970, 1, 1)) == -8 * HOUR
    assert Clock("UTC").local(1) == datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


@cache
def change_days(name: str) -> list[date]:
    """Return the days from 1990 on at whose noons the clocks have changed since the day before."""
    noon = datetime(1990, 1, 1, 12, tzinfo=ZoneInfo(name))
    noons = [noon + k * ONE_DAY for k in range(50 * 365)]
    offsets = [noon.utcoffset() for noon in noons]
    changed = [k for k in range(1, len(noons)) if offsets[k] != offsets[k - 1]]
    return [noons[k].date() for k in changed] or [noon.date()]


@st.composite
def zones_and_days(draw: st.DrawFn) -> tuple[str, date]:
    """Draw a zone and a date, often one at which its clocks change."""
    if draw(st.booleans()):
        any_day = st.dates(date(1973, 1, 1), date(2100, 1, 1))
        return draw(st.sampled_from(zones())), draw(any_day)
    name = draw(st.sampled_from(NASTY))
    near = draw(st.sampled_from(change_days(name)))
    return name, near + draw(st.integers(-2, 2)) * ONE_DAY


@given(zones_and_days())
def test_a_day_begins_at_the_first_minute_that_bears_its_date(where: tuple[str, date]) -> None:
    name, day = where
    zone = ZoneInfo(name)
    noon = datetime.combine(day, time(12), UTC)
    minutes = [noon + timedelta(minutes=k) for k in range(-27 * 60, 27 * 60)]
    bearing = [minute for minute in minutes if minute.astimezone(zone).date() == day]
    if not bearing:  # skipped: its day is over as it begins
        bearing = [minute for minute in minutes if minute.astimezone(zone).date() > day]
    assert Clock(name).day_start(day) == round(bearing[0].timestamp()) * SECOND


@given(zones_and_days(), st.integers(1, 30))
def test_days_follow_each_other(where: tuple[str, date], later: int) -> None:
    clock, day = Clock(where[0]), where[1]
    starts = [clock.day_start(day + k * ONE_DAY) for k in range(later + 1)]
    assert starts == sorted(starts)
    for k, start in enumerate(starts[:-1]):
        if start < starts[k + 1]:
            assert clock.date(start) == day + k * ONE_DAY
            assert clock.date(starts[k + 1] - 1) == day + k * ONE_DAY


@given(zones_and_days(), st.integers(0, 3 * DAY))
def test_the_date_of_an_instant_is_that_of_the_day_that_holds_it(
    where: tuple[str, date], offset: int
) -> None:
    clock = Clock(where[0])
    instant = clock.day_start(where[1]) + offset
    day = clock.date(instant)
    assert clock.day_start(day) <= instant < clock.day_start(day + ONE_DAY)
    assert clock.instant(clock.local(instant)) == instant


# --- local times --------------------------------------------------------------------------------


def test_a_repeated_hour_means_the_first() -> None:
    berlin = Clock("Europe/Berlin")
    first = berlin.instant(datetime(2026, 10, 25, 2, 30))
    assert berlin.local(first).utcoffset() == timedelta(hours=2)
    assert berlin.instant(datetime(2026, 10, 25, 2, 30, fold=1)) == first
    assert berlin.instant(moment("2026-10-25 02:30+01:00")) == first + HOUR


@pytest.mark.parametrize(
    ("zone", "skipped", "becomes"),
    [
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 03:30"),
        ("America/Havana", "2026-03-08 00:00", "2026-03-08 01:00"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-04 02:45"),
        ("Pacific/Apia", "2011-12-30 09:00", "2011-12-31 09:00"),
    ],
)
def test_a_skipped_time_moves_by_the_gap_or_is_an_error(
    zone: str, skipped: str, becomes: str
) -> None:
    clock, wall = Clock(zone), datetime.fromisoformat(skipped)
    assert clock.instant(wall) == local(becomes, zone)
    with pytest.raises(SkippedHourError, match=f"^{skipped} does not exist in {zone}: "):
        clock.instant(wall, skipped="error")
    assert clock.instant(datetime.fromisoformat(becomes), skipped="error") == clock.instant(wall)


@pytest.mark.parametrize(
    ("zone", "skipped"),
    [
        ("Pacific/Apia", "2011-12-30"),
        ("Pacific/Kwajalein", "1993-08-21"),
        ("Pacific/Enderbury", "1994-12-31"),
    ],
)
def test_a_skipped_date_moves_to_the_next_or_is_an_error(zone: str, skipped: str) -> None:
    clock, day = Clock(zone), date.fromisoformat(skipped)
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    assert clock.instant(day) == clock.instant(after, skipped="error")
    assert clock.instant(before, skipped="error") < clock.instant(day)
    with pytest.raises(SkippedHourError, match=f"^{skipped} does not exist in {zone}: .* a date"):
        clock.instant(day, skipped="error")


def test_a_time_with_its_own_offset_is_never_skipped() -> None:
    aware = moment("2026-03-29 02:30+01:00")
    assert Clock("Europe/Berlin").instant(aware, skipped="error") == local(
        "2026-03-29 01:30", "UTC"
    )


def test_the_end_of_a_bare_date_is_the_next_days_start() -> None:
    berlin = Clock("Europe/Berlin")
    day = date(2026, 3, 29)
    assert berlin.end_instant(day) == berlin.day_start(day) + 23 * HOUR
    assert berlin.instant(day) == berlin.day_start(day)
    assert berlin.end_instant(datetime(2026, 3, 29)) == berlin.day_start(day)


@pytest.mark.parametrize("name", ["", "Mars", "../etc/passwd", "a\0b", "x" * 5000])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is not a known time zone; write one as Asia/Shanghai"):
        Clock(name)


@pytest.mark.parametrize(
    "name", ["localtime", "posixrules", "Factory", "posix/UTC", "right/UTC", "right/Asia/Tokyo"]
)
def test_a_zone_that_depends_on_the_machine_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a known time zone; "):
        zone(name)


@pytest.mark.parametrize("name", ["CST", "PST", "BST", "utc", "UTC+8", "GMT+8", "China"])
def test_no_zone_far_away_is_suggested(name: str) -> None:
    with pytest.raises(ValueError, match=r"time zone; write one as Asia/Shanghai or UTC$"):
        zone(name)


def test_an_almost_known_zone_is_suggested() -> None:
    with pytest.raises(ValueError, match=r"^'Asia/Shangai' .*; did you mean 'Asia/Shanghai'\?$"):
        zone("Asia/Shangai")
    with pytest.raises(ValueError, match=r"; did you mean 'Asia/Singapore'\?$"):
        zone("Singapor")


# --- what users write ---------------------------------------------------------------------------

EAST = dt.timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-12-01", date(2026, 12, 1)),
        (" 2026-12-01 ", date(2026, 12, 1)),
        (date(2026, 12, 1), date(2026, 12, 1)),
        ("2026-12-01 09:00", datetime(2026, 12, 1, 9)),
        ("2026-12-01 9:00", datetime(2026, 12, 1, 9)),
        ("2026-12-01T09:00", datetime(2026, 12, 1, 9)),
        ("2026-12-01  09:00", datetime(2026, 12, 1, 9)),
        ("2026-12-01 09:00:07", datetime(2026, 12, 1, 9, 0, 7)),
        ("2026-12-01 09:00:07.5", datetime(2026, 12, 1, 9, 0, 7, 500_000)),
        ("2026-12-01 09:00:07.000001999", datetime(2026, 12, 1, 9, 0, 7, 1)),
        ("2026-12-01T09:00Z", datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ("2026-12-01T09:00:00+08:00", datetime(2026, 12, 1, 9, tzinfo=EAST)),
        ("2026-12-01 09:00+0800", datetime(2026, 12, 1, 9, tzinfo=EAST)),
        ("2026-12-01 09:00 +08", datetime(2026, 12, 1, 9, tzinfo=EAST)),
        (datetime(2026, 12, 1, 9), datetime(2026, 12, 1, 9)),
        (datetime(2026, 12, 1, 9, tzinfo=ZoneInfo("Asia/Shanghai")), datetime(2026, 12, 1, 9,
         tzinfo=EAST)),
        (pd.Timestamp("2026-12-01 09:00"), datetime(2026, 12, 1, 9)),
        (pd.Timestamp("2026-12-01"), datetime(2026, 12, 1)),
        (pd.Timestamp("2026-12-01 09:00", tz="Asia/Shanghai"), datetime(2026, 12, 1, 9,
         tzinfo=EAST)),
    ],
)  # fmt: skip
def test_dates_and_times_are_read_in_all_their_forms(written: object, read: date) -> None:
    found = moment(written)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    "written",
    [
        *("", "tomorrow", "2026-12", "2026-13-01", "2026-02-29", "26-12-01", "2026/12/01"),
        *("20261201", "2026-W49-2", "2026-12-01 09", "2026-12-01 24:00", "2026-12-01 09:60"),
        *("2026-12-01 09:000", "2026-12-01 09:00 Asia/Shanghai", "2026-12-01 09:00+99:00", "٢٠٢٦"),
        *(None, True, 20261201, 1.5, [], pd.NaT, np.datetime64("2026-12-01"), time(9)),
    ],
)
def test_what_is_no_date_or_time_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"is not a date or time; write for example 2026-12-01"):
        moment(written)


@pytest.mark.parametrize("written", ["1969-12-31", "3000-01-01", date.min, datetime.max])
def test_years_that_no_arithmetic_could_stand_are_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is out of range; give a year from 1970 to 2999"):
        moment(written)


OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(
    lambda delta: dt.timezone(timedelta(seconds=delta // timedelta(seconds=1)))
)
DATETIMES = st.datetimes(
    datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.none() | OFFSETS
)


@given(st.dates(date(1970, 1, 1), date(2999, 12, 31)) | DATETIMES)
def test_what_is_written_is_read_back(value: date) -> None:
    assert moment(format_moment(value)) == value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("09:00", time(9)),
        ("9:00", time(9)),
        (" 23:59:59 ", time(23, 59, 59)),
        (time(9), time(9)),
    ],
)
def test_a_time_of_day_is_read(written: object, read: time) -> None:
    assert time_of_day(written) == read


@pytest.mark.parametrize(
    "written", ["", "9", "24:00", "09:00Z", "T09:00", 540, None, time(9, tzinfo=UTC)]
)
def test_what_is_no_time_of_day_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is not a time of day; write for example 09:00"):
        time_of_day(written)


@pytest.mark.parametrize(
    "written", ["24h", "24H", "24 h", "24 Hours", "24", 24, ONE_DAY, pd.Timedelta("1D")]
)
def test_whole_hours_are_read(written: object) -> None:
    assert whole_hours(written) == 24


@pytest.mark.parametrize(
    "written", ["", "h", "1.5h", "90m", "1d", "-1h", 1.0, True, None, timedelta(minutes=90)]
)
def test_parts_of_hours_are_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is not a whole number of hours; write for example 24h"):
        whole_hours(written)
