"""Daily limits: published tables, lists, CSV files, exact rules, fixed numbers, none."""

from __future__ import annotations

from decimal import ROUND_DOWN, Context, Decimal
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sessim
from sessim import warmup
from sessim.advance import Days
from sessim.warmup import (
    LARGEST,
    Fixed,
    Rule,
    Table,
    Unlimited,
    limits,
    plain,
    published,
    read,
)

STANDARD = [
    *(500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000),
    *(150_000, 200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 900_000, 1_000_000),
]
LEGACY = [
    *(100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 40_000),
    *(60_000, 80_000, 100_000, 120_000, 150_000, 200_000, 400_000, 600_000, 800_000, 1_000_000),
]


def first_days(written: object, days: int, folder: Path = Path()) -> list[int | None]:
    """Return the limits of warm-up days 1 to ``days``."""
    found = limits(read(written, folder))
    return [found.on(day) for day in range(1, days + 1)]


# --- published tables ---------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "table"), [("standard", STANDARD), ("legacy", LEGACY)])
def test_after_its_last_number_a_table_holds_it(name: str, table: list[int]) -> None:
    assert first_days(name, 22) == [*table, 1_000_000, 1_000_000]
    assert limits(name).on(10**9) == 1_000_000


def test_every_published_schedule_says_what_it_is_and_where_it_comes_from() -> None:
    schedules = sessim.published()
    assert {"standard", "legacy", "sendgrid-auto", "sparkpost"} <= schedules.keys()
    for name, schedule in schedules.items():
        assert schedule.name == name
        assert schedule.title
        assert schedule.source
        assert first_days(name, len(schedule.limits)) == list(schedule.limits)
    assert "hourly" in schedules["sendgrid-auto"].note


def test_no_published_name_hides_a_word_with_another_meaning() -> None:
    assert not {"none", "reputation"} & sessim.published().keys()


# --- lists, numbers, none -----------------------------------------------------------------------


def test_a_list_holds_its_last_number() -> None:
    assert first_days([0, 5, 5, 7], 6) == [0, 5, 5, 7, 7, 7]


@pytest.mark.parametrize(
    "numbers", [(3, 4), [3, 4], np.array([3, 4]), pd.Series([3, 4]), [np.int64(3), np.int64(4)]]
)
def test_lists_of_all_makes_are_read(numbers: object) -> None:
    assert read(numbers, Path()) == (3, 4)


def test_a_number_is_a_limit_without_warm_up_days() -> None:
    assert first_days(300, 3) == [300, 300, 300]
    assert first_days(0, 1) == [0]
    assert read(np.int64(300), Path()) == 300
    assert limits(300).on(0) == 300
    assert not Fixed.counts_days


@pytest.mark.parametrize("written", ["none", None])
def test_none_is_no_limit(written: str | None) -> None:
    assert first_days(written, 2) == [None, None]
    assert not Unlimited.counts_days


def test_before_day_1_the_limit_is_0() -> None:
    for written in ("standard", [5], {"start": 5, "factor": 2, "cap": 9}):
        assert limits(read(written, Path())).on(0) == 0


def test_the_first_day_of_a_fall_is_found() -> None:
    assert Table((5, 9, 2, 8, 1)).first_fall() == 3
    assert Table((2, 1)).first_fall() == 2
    for numbers in [(5,), (5, 5, 9), *(entry.limits for entry in published().values())]:
        assert Table(numbers).first_fall() is None


# --- rules --------------------------------------------------------------------------------------


def test_a_rule_multiplies_up_to_its_cap() -> None:
    assert first_days({"start": 50, "factor": 2, "cap": 1000}, 6) == [50, 100, 200, 400, 800, 1000]
    assert first_days({"start": 3, "factor": 1.5, "cap": 99}, 4) == [3, 4, 6, 10]
    assert first_days({"start": 7, "factor": 1, "cap": 9}, 3) == [7, 7, 7]


@pytest.mark.parametrize("rule", [(0, "2", 9), (9, "2", 0), (0, "1", 0)])
def test_a_rule_may_start_or_end_at_0(rule: tuple[int, str, int]) -> None:
    start, factor, cap = rule
    assert first_days({"start": start, "factor": factor, "cap": cap}, 3) == [0, 0, 0]
    assert Rule(start, Decimal(factor), cap).on(10**9) == 0


def test_the_factor_is_the_decimal_that_was_written() -> None:
    """As a binary fraction 1.1 is a bit more, and 10 x 1.1 x 1.1 is 12.100000000000001."""
    assert first_days({"start": 1000, "factor": 1.1, "cap": 10**6}, 4)[-1] == 1331
    assert first_days({"start": 10**15, "factor": 1.001, "cap": 10**15}, 2) == [10**15] * 2
    assert read({"start": 1, "factor": 1.1, "cap": 2}, Path()) == Rule(1, Decimal("1.1"), 2)
    long = "1.0000000000000000000000000000000001"
    assert first_days({"start": 10**15, "factor": long, "cap": LARGEST}, 2) == [10**15] * 2
    assert read({"start": 1, "factor": long, "cap": 2}, Path()) == Rule(1, Decimal(long), 2)


DIGITS = st.text("0123456789", min_size=1, max_size=6)
FACTORS = st.one_of(
    DIGITS.map(lambda digits: Decimal(f"1.{digits}")),
    DIGITS.map(lambda digits: Decimal(f"1.000{digits}")),
    st.decimals(1, 100, allow_nan=False, places=2),
)


@given(st.integers(0, LARGEST), FACTORS, st.integers(0, LARGEST), st.integers(1, 400))
def test_a_rule_is_exact(start: int, factor: Decimal, cap: int, day: int) -> None:
    exact = floor(start * Fraction(str(factor)) ** (day - 1))
    assert Rule(start, factor, cap).on(day) == min(cap, exact)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(60, 3000))
def test_a_slow_rule_is_exact_on_late_days(start: int, millionth: int, day: int) -> None:
    """Here the power is rounded first: its exact form has thousands of digits."""
    factor = 1 + Decimal(millionth).scaleb(-10)
    exact = floor(start * Fraction(str(factor)) ** (day - 1))
    assert Rule(start, factor, LARGEST).on(day) == exact


def test_a_whole_number_hit_exactly_is_not_missed() -> None:
    """Just below day k the rounded power could fall either side of a whole number."""
    for power in range(1, 50):
        assert Rule(2**power, Decimal("1.5"), LARGEST).on(power + 1) == min(3**power, LARGEST)
        assert Rule(2**power, Decimal("1.5"), LARGEST).on(power + 2) == min(
            3 ** (power + 1) // 2, LARGEST
        )


def test_a_whole_number_missed_by_a_hair_is_not_reached() -> None:
    """Cut off after 70 decimals, the hundredth root of 2 ends a hair below twice the start."""
    exact = Context(prec=100)
    root = exact.power(2, exact.divide(1, 100)).quantize(Decimal(1).scaleb(-70), ROUND_DOWN, exact)
    assert Rule(10**14, root, LARGEST).on(101) == 2 * 10**14 - 1
    above = exact.add(root, Decimal(1).scaleb(-70))
    assert Rule(10**14, above, LARGEST).on(101) == 2 * 10**14


@pytest.mark.parametrize("factor", ["1", "1.0000000001", "1.000000000000000000001", "1.01", "2"])
def test_late_days_need_no_exact_power(factor: str) -> None:
    rule = Rule(50, Decimal(factor), LARGEST)
    # The exact power of the last one has more digits than a memory holds.
    found = [rule.on(day) for day in range(10**6 - 500, 10**6)] + [rule.on(10**12)]
    assert found == sorted(found)
    assert found[0] == {"1": 50, "1.0000000001": 50, "1.000000000000000000001": 50}.get(
        factor, LARGEST
    )


# --- CSV ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "limit\n5\n7\n",
        "day,limit\n1,5\n2,7\n",
        "limit,day,remark\n5,1,first\n7,2\n",
        "# from the team\n\nday,limit\n1,5\n# later\n2,7\n\n",
        "\ufeffday,limit\r\n1,5\r\n2,7\r\n",
        'Day;Limit \n1;" 5"\n2;7',
        "day\tlimit\n1\t5\n2\t7\n",
    ],
)
def test_a_csv_file_is_a_table(text: str, tmp_path: Path) -> None:
    (tmp_path / "limits.csv").write_text(text, "utf-8")
    assert first_days({"csv": "limits.csv"}, 3, tmp_path) == [5, 7, 7]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "has no column named limit; write a header line: day,limit"),
        (b"5\n7\n", "has no column named limit; write a header line: day,limit"),
        (b"limit\n", "is an empty list of limits; give at least one number"),
        (b"limit\n5\nmany\n", "line 3: limit 'many' is not a whole number; give one"),
        (b"# note\nlimit\n5\n1_000\n", "line 4: limit '1_000' is not a whole number; give one"),
        (b"limit\n5\n1.5\n", "line 3: limit '1.5' is not a whole number; give one"),
        (b"limit\n-5\n", "limit of day 1 is -5; give a number from 0 to 1000000000000000"),
        (b"day,limit\n1,5\n3,7\n", "line 3: day '3' should be 2"),
        (b"day,limit\n1\n", "line 2: limit '' is not a whole number; give one"),
        (b"limit\n" + b"9" * 5000, "limit '99999"),
        (b"limit\n" + b"9" * 200_000, "is not readable as CSV (field larger than field limit"),
        (b"limit\n\xff\n", "is not UTF-8 text; save it as UTF-8"),
    ],
)
def test_a_spoilt_csv_file_is_named_with_the_line(text: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "limits.csv").write_bytes(text)
    with pytest.raises(ValueError, match=r"^file 'limits\.csv'") as caught:
        read({"csv": "limits.csv"}, tmp_path)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_csv_file_that_is_none_is_named(tmp_path: Path) -> None:
    for path, reason in {
        "nowhere.csv": r"^cannot read the file 'nowhere.csv' \(No such file or directory\)",
        ".": r"^'.' is not a file; name a CSV file$",
        "/dev/zero": r"^'/dev/zero' is not a file",
    }.items():
        with pytest.raises(ValueError, match=reason):
            read({"csv": path}, tmp_path)


def test_a_huge_csv_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "limits.csv").open("wb") as file:
        file.truncate(50 * 2**20 + 1)  # sparse
    with pytest.raises(ValueError, match=r"^file 'limits.csv' is larger than 50 MB; limits are"):
        read({"csv": "limits.csv"}, tmp_path)


# --- there and back -----------------------------------------------------------------------------

RULES = st.fixed_dictionaries(
    {"start": st.integers(0, LARGEST), "factor": FACTORS.map(str), "cap": st.integers(0, LARGEST)}
)
WRITTEN = st.one_of(
    st.sampled_from(["none", *sessim.published()]),
    st.integers(0, LARGEST),
    st.lists(st.integers(0, LARGEST), min_size=1).map(sorted),
    RULES,
)


@given(WRITTEN)
def test_what_is_written_is_read_back(written: object) -> None:
    once = read(written, Path())
    assert read(plain(once), Path()) == once
    assert read(once, Path()) == once


# --- how far a domain has come ------------------------------------------------------------------


def test_on_the_calendar_each_date_counts() -> None:
    days = Days(Table((5, 7, 9)), first=100, sending=False)
    assert [days.day(today) for today in (98, 99, 100, 101, 400)] == [0, 0, 1, 2, 301]
    assert [days.limit(today) for today in (99, 100, 101, 400)] == [0, 5, 7, 9]


def test_by_sending_only_dates_count_on_which_something_was_sent() -> None:
    days = Days(Table((5, 7, 9)), first=100, sending=True)
    told = []
    for today, total in [(99, 0), (100, 5), (101, 5), (102, 6), (103, 6)]:
        told.append((days.day(today), days.limit(today)))
        days.pass_midnight(total)
    # Nothing may be sent on the first, nothing was sent on the third and the last.
    assert told == [(0, 0), (1, 5), (2, 7), (2, 7), (3, 9)]


def test_without_warm_up_there_is_no_limit_to_come_to() -> None:
    assert Days(Unlimited(), first=100, sending=False).limit(101) is None
    assert Days(Fixed(3), first=100, sending=True).limit(101) == 3


def test_words_that_are_no_warm_up_are_refused() -> None:
    with pytest.raises(ValueError, match=r"did you mean 'standard'\?"):
        read("Standard", Path())
    with pytest.raises(ValueError, match=r"known are acellemail, .*, none, "):
        read("quickly", Path())
    assert warmup.LARGEST == 10**15
