"""The published warm-up schedules, compared with numbers typed a second time from their sources."""

import csv
from importlib.resources import files
from itertools import pairwise

import pytest

FOLDER = files("sessim") / "schedules"

STANDARD = """
    500 1,000 2,000 5,000 10,000 20,000 40,000 60,000 80,000 100,000
    150,000 200,000 300,000 400,000 500,000 600,000 700,000 800,000 900,000 1,000,000
"""
LEGACY = """
    100 200 500 1,000 2,000 5,000 10,000 20,000 30,000 40,000
    60,000 80,000 100,000 120,000 150,000 200,000 400,000 600,000 800,000 1,000,000
"""

# By name: the number of days, and the limits of some of them.
EXPECTED: dict[str, tuple[int, dict[int, int]]] = {
    "standard": (20, {1: 500, 4: 5_000, 11: 150_000, 20: 1_000_000}),
    "legacy": (20, {1: 100, 4: 1_000, 14: 120_000, 20: 1_000_000}),
    # SendGrid publishes an hourly limit by the address's age in days, which counts from 0.
    "sendgrid-auto": (
        42,
        {
            1: 24 * 20,
            2: 24 * 28,
            3: 24 * 39,
            7: 24 * 151,
            12: 24 * 810,
            13: 24 * 1_000,
            14: 24 * 1_587,
            18: 24 * 6_098,
            19: 24 * 8_583,
            20: 24 * 11_953,
            31: 24 * 484_029,
            36: 24 * 2_603_222,
            41: 24 * 14_000_754,
            42: 24 * 19_601_056,
        },
    ),
    "sendgrid-manual": (
        17,
        {
            1: 50,
            2: 100,
            3: 500,
            5: 5_000,
            9: 70_000,
            12: 250_000,
            14: 600_000,
            16: 2_000_000,
            17: 4_000_000,
        },
    ),
    "sendgrid-marketing": (5, {1: 50, 2: 100, 3: 200, 4: 400, 5: 800}),
    "sparkpost": (
        29,
        {
            1: 200,
            2: 500,
            9: 50_000,
            10: 75_000,
            15: 325_000,
            19: 750_000,
            22: 1_750_000,
            25: 4_250_000,
            28: 7_500_000,
            29: 10_000_000,
        },
    ),
    "sitevibes": (
        16,
        {1: 50, 3: 250, 6: 2_500, 8: 7_500, 10: 15_000, 14: 55_000, 15: 70_000, 16: 100_000},
    ),
    "leanplum-aggressive": (
        25,
        {
            1: 100,
            2: 1_000,
            3: 10_000,
            6: 400_000,
            8: 2_500_000,
            9: 2_500_000,  # not stated
            10: 5_000_000,
            13: 12_500_000,
            18: 80_000_000,
            21: 200_000_000,
            25: 600_000_000,
        },
    ),
    "leanplum-normal": (
        25,
        {
            1: 50,
            2: 50,  # not stated
            3: 1_000,
            5: 10_000,
            8: 600_000,
            9: 600_000,  # not stated
            10: 1_000_000,
            11: 1_600_000,
            14: 4_500_000,
            21: 27_000_000,
            25: 75_000_000,
        },
    ),
    "sendbolt": (11, {1: 50, 3: 250, 4: 500, 6: 2_500, 8: 10_000, 9: 25_000, 11: 100_000}),
    "acellemail": (
        30,
        {
            1: 1_000,
            2: 2_000,
            3: 4_000,
            4: 8_000,
            6: 8_000,  # not stated, like every day before a jump below
            7: 15_000,
            9: 15_000,
            10: 25_000,
            13: 25_000,
            14: 50_000,
            20: 50_000,
            21: 100_000,
            29: 100_000,
            30: 250_000,
        },
    ),
}


def lines_of(name: str) -> list[str]:
    return (FOLDER / f"{name}.csv").read_text(encoding="utf-8").splitlines()


def remarks_of(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines_of(name):
        if line.startswith("#"):
            key, _, text = line.removeprefix("# ").partition(": ")
            assert key not in found, f"{name}.csv says {key!r} twice"
            found[key] = text.strip()
    return found


def rows_of(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in lines_of(name) if not line.startswith("#")))


def limits_of(name: str) -> list[int]:
    return [int(row["limit"]) for row in rows_of(name)]


def typed(text: str) -> list[int]:
    return [int(number.replace(",", "")) for number in text.split()]


def test_these_schedules_are_published() -> None:
    assert sorted(entry.name for entry in FOLDER.iterdir()) == sorted(f"{n}.csv" for n in EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
class TestEverySchedule:
    def test_remarks_come_first_then_the_header(self, name: str) -> None:
        lines = lines_of(name)
        header = lines.index("day,limit")
        assert all(line.startswith("# ") for line in lines[:header])
        assert not any(line.startswith("#") for line in lines[header:])

    def test_title_and_source_are_given(self, name: str) -> None:
        remarks = remarks_of(name)
        assert remarks.keys() <= {"title", "source", "note"}
        assert remarks["title"]
        assert remarks["source"]
        assert remarks.get("note", "omitted")

    def test_days_count_from_1_without_gaps(self, name: str) -> None:
        days = [row["day"] for row in rows_of(name)]
        assert days == [str(day) for day in range(1, len(days) + 1)]

    def test_limits_are_whole_numbers_without_separators(self, name: str) -> None:
        for row in rows_of(name):
            assert row.keys() == {"day", "limit"}
            assert row["limit"].isascii()
            assert row["limit"].isdecimal()
            assert row["limit"] == str(int(row["limit"]))

    def test_limits_never_fall_unless_the_note_says_so(self, name: str) -> None:
        falls = any(later < earlier for earlier, later in pairwise(limits_of(name)))
        assert not falls or "fall" in remarks_of(name).get("note", "")

    def test_numbers_are_those_of_the_source(self, name: str) -> None:
        count, some = EXPECTED[name]
        limits = limits_of(name)
        assert len(limits) == count
        assert {day: limits[day - 1] for day in some} == some
        assert {1, count} <= some.keys()


def test_standard_has_all_twenty_numbers() -> None:
    assert limits_of("standard") == typed(STANDARD)


def test_legacy_has_all_twenty_numbers() -> None:
    assert limits_of("legacy") == typed(LEGACY)


def test_hourly_limits_are_given_as_daily_sums_and_the_note_says_so() -> None:
    assert all(limit % 24 == 0 for limit in limits_of("sendgrid-auto"))
    assert "24 x the hourly limit" in remarks_of("sendgrid-auto")["note"]


@pytest.mark.parametrize("name", ["leanplum-aggressive", "leanplum-normal", "acellemail"])
def test_numbers_held_over_unstated_days_are_noted(name: str) -> None:
    assert "stated" in remarks_of(name)["note"]
