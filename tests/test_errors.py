"""Bad input: one sentence that names the field, the value and the remedy, and nothing else."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
import re
from decimal import Decimal
from fractions import Fraction
from math import inf, nan
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sessim
from sessim.errors import LogError, PlanError, Problem, SessimError, nearest, shown
from sessim.plan import Plan
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

NOISE = re.compile(r"pydantic|type=|nput should|Traceback|Errno|For further| at 0x|\n")

PLAN: dict[str, Any] = {
    "start": "2026-12-01",
    "timezone": "Asia/Shanghai",
    "domains": [{"name": "news.example.com", "warmup": "standard"}],
    "tasks": [
        {"name": "Launch", "sender": "Example <hello@news.example.com>", "requests": 60_000},
        {
            "name": "Digest",
            "sender": "hello@news.example.com",
            "requests": 5_000,
            "start": "2026-12-01 08:00",
            "every": "24h",
            "count": 14,
        },
    ],
    "test_sends": [{"sender": "a@news.example.com", "at": "2026-12-02", "recipients": 3}],
}


def changed(place: str, value: object, plan: dict[str, Any] = PLAN) -> dict[str, Any]:
    """Return a copy of a plan with one value changed: ``"tasks 0 requests"``."""
    plan = copy.deepcopy(plan)
    *way, last = (int(word) if word.isdecimal() else word for word in place.split())
    part: Any = plan
    for step in way:
        part = part[step]
    part[last] = value
    return plan


def said(plan: object) -> str:
    """Return the sentence with which a plan is refused."""
    with pytest.raises(PlanError) as caught:
        Plan.from_dict(plan)
    assert type(caught.value) is PlanError
    text = str(caught.value)
    assert not NOISE.search(text), text
    assert len(text) < 600
    return text


def test_the_plan_that_is_spoilt_below_is_sound() -> None:
    assert Plan.from_dict(PLAN).tasks[1].every == 24


# --- the list of the issue ----------------------------------------------------------------------

DATE = "is not a date or time; write for example 2026-12-01 09:00"
EARLY = "is before the plan's start, 2026-12-01; give a later time"
YEAR = "is out of range; give a year from 1970 to 2999"
HOURS = "is not a whole number of hours; write for example 24h"
NO_WHOLE = "is not a whole number; give one from 1"
TOO_LOW = "is out of range; give a whole number from 1"
ADDRESS = "is not an e-mail address; write name@domain or Name <name@domain>"
DOMAIN, NO_DOMAIN = "news.example.com", "is not one of the plan's domains"
NO_RATE = "is no sending rate; give emails a second above 0, for example 20"
MOST = 1_000_000_000_000_000
FROM_1 = "give a number from 1, as a warm-up never shrinks"
FILE_ONLY = "give the path of a file and nothing else"
RATE = "give a number from 0 to 1, or a distribution such as {uniform: [0.001, 0.003]}"
SWITCH = "is neither true nor false; write one of them"
GROUP = "is not a group of keys; write key: value"
BREAKS = "has line breaks or control characters; leave them out"
TASK_KEYS = (
    "cancel_at, count, every, every_by, name, overlap, quality, recipients, reply_to, requests, "
    "segments, sender, start, subject, template, until"
)
FORMS = (
    "a published name, none, reputation, a number, a list of numbers, {start, factor, cap} or "
    "{csv: FILE}"
)
BCC = "a@news.example.com\r\nBcc: b@c.com"

# By place in the plan: a bad value, and what is said of it behind the name of the place.
BAD_VALUES: dict[str, list[tuple[Any, str]]] = {
    # unknown keys
    "discplin": [("fair", "is not known; did you mean 'discipline'?")],
    "domains 0 warm_up": [(1, "is not known; did you mean 'warmup'?")],
    "tasks 0 requets": [(1, "is not known; did you mean 'requests'?")],
    "tasks 0 qqq": [(1, f"is not known; known are {TASK_KEYS}")],
    "test_sends 0 recipient": [(1, "is not known; did you mean 'recipients'?")],
    # numbers
    "tasks 0 requests": [
        (0, f"0 {TOO_LOW}"),
        (-5, f"-5 {TOO_LOW}"),
        (2.5, f"2.5 {NO_WHOLE}"),
        (True, f"True {NO_WHOLE}"),
        ("100", f"'100' {NO_WHOLE}"),
        (nan, f"nan {NO_WHOLE}"),
        (10 * MOST, f"{10 * MOST} {TOO_LOW} to {MOST}"),
        (10**5000, f"a number of thousands of digits {TOO_LOW} to {MOST}"),
    ],
    "tasks 1 count": [(0, f"0 {TOO_LOW}"), ("two", f"'two' {NO_WHOLE}")],
    "test_sends 0 recipients": [(0, f"0 {TOO_LOW} to 20"), (21, f"21 {TOO_LOW} to 20")],
    "restart_delay": [(-1, "-1 is out of range; give a whole number from 0 to 31622400")],
    "rate": [
        (0, f"0 {NO_RATE}"),
        (True, f"True {NO_RATE}"),
        (nan, f"nan {NO_RATE}"),
        ("1/0", f"'1/0' {NO_RATE}"),
        ("1e999999999", f"'1e999999999' {NO_RATE}"),  # as a fraction it would take for ever
    ],
    # senders
    "tasks 0 sender": [
        ("Example", f"'Example' {ADDRESS}"),
        (7, "7 is not an e-mail address; write name@domain as text"),
        (BCC, f"{BCC!r} {BREAKS}"),
        ("a@news.example.com\n", f"'a@news.example.com\\n' {BREAKS}"),
        ("Ex\r\n <a@news.example.com>", f"'Ex\\r\\n <a@news.example.com>' {BREAKS}"),
        ("a@new.example.com", f"domain 'new.example.com' {NO_DOMAIN}; did you mean {DOMAIN!r}?"),
    ],
    "tasks 0 reply_to": [("nobody", f"'nobody' {ADDRESS}")],
    "test_sends 0 sender": [
        ("a@other.org", f"domain 'other.org' {NO_DOMAIN}; known are {DOMAIN}"),
    ],
    # texts
    "tasks 0 subject": [
        ("a\r\nb", f"'a\\r\\nb' {BREAKS}"),
        ("x" * 999, "has 999 characters; write at most 998"),
        (3, "3 is not a text; put it in quotes"),
        ([], "[] is not a text; write some words"),
    ],
    "tasks 0 template": [(2026, "2026 is not a text; put it in quotes")],
    # times
    "start": [
        ("tomorrow", f"'tomorrow' {DATE}"),
        ("2026-02-30", f"'2026-02-30' {DATE}"),
        ("2026-12-01 25:00", f"'2026-12-01 25:00' {DATE}"),
        (20261201, f"20261201 {DATE}"),
        (pd.NaT, f"NaT {DATE}"),
        ("0001-01-01", f"'0001-01-01' {YEAR}"),
        ("9999-12-31", f"'9999-12-31' {YEAR}"),
    ],
    "timezone": [
        ("Asia/Shangai", "'Asia/Shangai' is not a known time zone; did you mean 'Asia/Shanghai'?"),
        ("Mars", "'Mars' is not a known time zone; write one as Asia/Shanghai or UTC"),
        ("", "'' is not a known time zone; write one as Asia/Shanghai or UTC"),
        (
            "/etc/passwd",
            "'/etc/passwd' is not a known time zone; write one as Asia/Shanghai or UTC",
        ),
        ("CST", "'CST' is not a known time zone; write one as Asia/Shanghai or UTC"),
        ("localtime", "'localtime' is not a known time zone; write one as Asia/Shanghai or UTC"),
        (8, "8 is not a text; write for example Asia/Shanghai"),
    ],
    "horizon": [
        ("2026-11-30", "2026-11-30 is not after the plan's start, 2026-12-01; give a later one"),
        ("0d", "'0d' is out of range; give 1h to 1000000h, or 1d to 1000000d"),
        ((1, 2), f"(1, 2) {DATE} or 90d"),
        (90, f"90 {DATE} or 90d"),
    ],
    "tasks 1 start": [("2026-11-30 23:59", f"2026-11-30 23:59 {EARLY}")],
    "tasks 0 cancel_at": [("2026-11-30", f"2026-11-30 {EARLY}")],
    "test_sends 0 at": [("2026-11-30", f"2026-11-30 {EARLY}")],
    "domains 0 warmup_start": [
        (
            "2026-12-01 09:00",
            "'2026-12-01 09:00' has a time of day; give a date, for example 2026-12-01",
        ),
    ],
    # recurrence
    "tasks 1 every": [
        ("30m", f"'30m' {HOURS}"),
        ("1.5h", f"'1.5h' {HOURS}"),
        (0.5, f"0.5 {HOURS}"),
        (dt.timedelta(minutes=90), f"datetime.timedelta(seconds=5400) {HOURS}"),
        ("-2h", f"'-2h' {HOURS}"),
        (0, "0 is out of range; give 1h to 1000000h"),
        (-24, "-24 is out of range; give 1h to 1000000h"),
        ("9" * 5000 + "h", f"{shown('9' * 5000 + 'h')} {HOURS}"),
    ],
    "tasks 1 until": [
        (
            "2026-12-01 07:59",
            "2026-12-01 07:59 is before the task's start, 2026-12-01 08:00; give a later time",
        ),
    ],
    # warm-up
    "domains 0 warmup": [
        (-1, f"limit of day 1 is -1; give a number from 0 to {MOST}"),
        ([5, -1], f"limit of day 2 is -1; give a number from 0 to {MOST}"),
        ([5, 1.5], "limit of day 2 is 1.5; give a whole number"),
        ([5, None], "limit of day 2 is None; give a whole number"),
        ([], "is an empty list of limits; give at least one number"),
        ({"start": 50, "factor": 0.99, "cap": 9}, f"factor is 0.99; {FROM_1}"),
        ({"start": 50, "factor": nan, "cap": 9}, f"factor is nan; {FROM_1}"),
        ({"start": 50, "factor": "two", "cap": 9}, "factor is 'two'; give a number from 1"),
        ({"start": 50, "factor": [2], "cap": 9}, "factor is [2]; give a number from 1"),
        ({"start": 50, "factor": "1e999999999", "cap": 9}, f"factor is '1e999999999'; {FROM_1}"),
        (
            {"start": 50, "factor": "1." + "1" * 100, "cap": 9},
            "factor has more than 100 digits; round it",
        ),
        (
            {"start": -1, "factor": 2, "cap": 9},
            f"start is -1; give a whole number from 0 to {MOST}",
        ),
        ({"start": 50, "factor": 2}, "cap is missing; give all of start, factor and cap"),
        ({"start": 1, "factr": 2}, "key 'factr' is not known; did you mean 'factor'?"),
        ({"csv": 3}, f"csv is 3; {FILE_ONLY}"),
        ({"csv": "no\0where"}, f"csv is 'no\\x00where'; {FILE_ONLY}"),
        ({"csv": "a.csv", "cap": 3}, f"csv stands beside other keys; {FILE_ONLY}"),
        ("standart", "'standart' is not a published schedule; did you mean 'standard'?"),
        (True, f"True is no warm-up; give {FORMS}"),
        (1.5, f"1.5 is no warm-up; give {FORMS}"),
    ],
    "domains 0 level": [
        (2, "belongs to warmup: reputation; leave it out, or set that"),
        (21, "21 is out of range; give a whole number from 0 to 20"),
        (True, "True is not a whole number; give one from 0"),
    ],
    "domains 0 quality": [
        (0.1, "0.1 is no group of rates; write for example open_rate: 0.2"),
        ({"invalid": 0.1}, "key 'invalid' is not known; did you mean 'invalid_rate'?"),
        ({"invalid_rate": 1.2}, f"invalid_rate is 1.2; {RATE}"),
        ({"invalid_rate": -0.1}, f"invalid_rate is -0.1; {RATE}"),
        ({"open_rate": "20%"}, f"open_rate is '20%'; {RATE}"),
        ({"open_rate": True}, f"open_rate is True; {RATE}"),
        ({"open_rate": float("nan")}, f"open_rate is nan; {RATE}"),
        (
            {"open_rate": {}},
            "open_rate is an empty distribution; give one, such as {uniform: [0.001, 0.003]}",
        ),
        (
            {"open_rate": {"weibull": [0, 1]}},
            "open_rate: 'weibull' is no distribution; known are beta, choice, triangular, uniform",
        ),
        (
            {"open_rate": {"choice": []}},
            (
                "open_rate: choice is []; give a list of at least one "
                "rate from 0 to 1, each as likely as the others"
            ),
        ),
        (
            {"open_rate": {"uniform": [0.3, 0.1]}},
            (
                "open_rate: uniform is [0.3, 0.1]; give a list "
                "of the lowest and the highest rate, from 0 to 1"
            ),
        ),
        (
            {"open_rate": {"beta": [0, 3]}},
            "open_rate: beta is [0, 3]; give a list of two numbers above 0",
        ),
        (
            {"invalid_rate": 0.6, "soft_failure_rate": {"uniform": [0.4, 0.6]}},
            (
                "invalid_rate, spam_bounce_rate and soft_failure_rate sum to 1.1; "
                "an email has one of them at most: "
                "give rates that sum to 1 or less"
            ),
        ),
        (
            {"click_rate": 0.1},
            (
                "click_rate is 0.1 and open_rate 0; only who opens can click: give "
                "an open_rate that is not below the click_rate"
            ),
        ),
    ],
    "tasks 0 segments": [
        (3, "3 is no list of segments; write one a line"),
        ([], "is an empty list; give at least one segment, or leave it out"),
        ([{"name": "a"}], "segment 'a', requests is None; give a whole number from 1"),
        ([{"requests": 3}], "segment 1, name is None; write some words"),
        (
            [{"name": "a", "request": 3}],
            "segment 1, key 'request' is not known; did you mean 'requests'?",
        ),
    ],
    # choices
    "discipline": [("lifo", "'lifo' is not known; choose 'fifo' or 'fair'")],
    "window": [
        (None, "None is not known; choose 'day' or 'rolling'"),
        ("\ud800", "'\\ud800' is not a text; write plain words"),
    ],
    "tasks 1 overlap": [(["skip"], "['skip'] is not known; choose 'queue' or 'skip'")],
    "resume_on_raise": [(1, f"1 {SWITCH}"), ("maybe", f"'maybe' {SWITCH}")],
    # restarts
    "restart_at": [
        ("09:00", "belongs to restart: manual; leave it out, or set restart: manual"),
        ("09:00+08:00", "'09:00+08:00' is not a time of day; write for example 09:00"),
        (["09:00"], f"'09:00' {DATE}"),
        ([], "is an empty list; give times such as 2026-12-02 09:00, or 09:00"),
    ],
    # the wrong shape
    "domains": [
        ([], "is empty; give at least one (and 3 more problems)"),
        (
            [{"name": f"{i}.com"} for i in range(11)] + PLAN["domains"],
            "has 12 entries; an account has at most 10",
        ),
    ],
    "tasks": [
        ([], "is empty; give at least one"),
        ("Launch", "'Launch' is not a list; write one entry a line"),
        ({"name": "Launch"}, "{'name': 'Launch'} is not a list; write one entry a line"),
    ],
    "tasks 0": [("Launch", f"'Launch' {GROUP}"), ([PLAN], f"{shown([PLAN])} {GROUP}")],
}
SPOKEN = {
    "tasks 0": "task 1",
    "tasks 0 ": "task 'Launch', ",
    "tasks 1 ": "task 'Digest', ",
    "domains 0 ": "domain 'news.example.com', ",
    "test_sends 0 ": "test send 1, ",
}


@pytest.mark.parametrize("place", BAD_VALUES)
def test_one_sentence_names_field_value_and_remedy(place: str) -> None:
    group, key = re.fullmatch(r"(\w+ \d ?)?(.*)", place).groups(default="")  # type: ignore[union-attr]
    for value, sentence in BAD_VALUES[place]:
        assert said(changed(place, value)) == f"{SPOKEN.get(group, '')}{key}: {sentence}"


def test_one_sentence_names_what_is_missing_or_does_not_fit_together() -> None:
    said_of = {
        ("tasks 0 requests", None): "task 'Launch': requests is missing; give their number, or "
        "recipients: FILE.csv",
        ("tasks 1 start", None): "task 'Digest': start is missing; a recurring task needs its "
        "first time",
        ("tasks 0 count", 3): "task 'Launch': count belongs to a recurring task; add every, or "
        "leave it out",
        ("tasks 0 until", "2027-01-01"): "task 'Launch': until belongs to a recurring task; add "
        "every, or leave it out",
        ("restart", "manual"): "restart_at: belongs to restart: manual; give it",
        ("tasks 1 name", "Launch"): "tasks: 'Launch' is given 2 times; names must differ",
        ("tasks 0 name", ""): "task 1, name: '' is not a text; write some words",
        ("tasks 0 name", " "): "task ' ', name: ' ' is not a text; write some words",
        ("tasks 0 name", None): "task 1, name: None is not a text; write some words",
        ("tasks 0 name", True): "task 1, name: True is not a text; put it in quotes",
        ("tasks 0 name", 2026): "task 1, name: 2026 is not a text; put it in quotes",
        ("tasks 1 name", " Launch "): "tasks: 'Launch' is given 2 times; names must differ",
        ("domains 0 name", 3): "domain 1, name: 3 is not a domain; write for example "
        "news.example.com",
        ("domains 0 name", "x <a@b.com>"): "domain 'x <a@b.com>', name: 'x <a@b.com>' is not a "
        "domain; write for example news.example.com",
    }
    for (place, value), sentence in said_of.items():
        assert said(changed(place, value)) == sentence


# The places where a clock change skips an hour, or half of one.
SKIPPED = [
    ("Europe/Berlin", "2026-03-29 02:00", "2026-03-29 02:59", "2026-03-29 03:00"),
    ("America/Havana", "2026-03-08 00:00", "2026-03-08 00:59", "2026-03-08 01:00"),
    ("Australia/Lord_Howe", "2026-10-04 02:00", "2026-10-04 02:29", "2026-10-04 02:30"),
]


@pytest.mark.parametrize(("zone", "first", "last", "after"), SKIPPED)
def test_a_start_in_a_skipped_hour_is_refused(zone: str, first: str, last: str, after: str) -> None:
    plan = PLAN | {"timezone": zone, "start": "2026-03-01", "test_sends": []}
    for skipped in (first, last):
        reason = (
            f"{skipped} does not exist in {zone}: the clocks skip it; "
            "write a time before or after the change"
        )
        assert said(changed("tasks 1 start", skipped, plan)) == f"task 'Digest', start: {reason}"
        assert said(changed("start", skipped, plan)) == f"start: {reason}"
    assert Plan.from_dict(changed("tasks 1 start", after, plan))
    # A date begins at its first instant, be its midnight skipped or not.
    assert Plan.from_dict(changed("tasks 1 start", first[:10], plan))


def test_a_start_on_a_skipped_date_is_refused() -> None:
    plan = PLAN | {"timezone": "Pacific/Apia", "start": "2011-12-01", "test_sends": []}
    reason = "does not exist in Pacific/Apia: the clocks skip it; write a"
    end = "before or after the change"
    for skipped, kind in [("2011-12-30", "date"), ("2011-12-30 00:00", "time")]:
        sentence = f"start: {skipped} {reason} {kind} {end}"
        assert said(changed("start", skipped, plan)) == sentence
        assert said(changed("tasks 1 start", skipped, plan)) == f"task 'Digest', {sentence}"
    for day in ("2011-12-29", "2011-12-31"):
        assert Plan.from_dict(changed("tasks 1 start", day, plan))


@pytest.mark.parametrize("by", ["elapsed", "wall"])
def test_more_than_a_million_runs_are_refused_unbuilt(by: str) -> None:
    digest = PLAN["tasks"][1] | {"every": "1h", "every_by": by, "count": 600_000}
    # Should it build the runs, this would take minutes: each of them alone is allowed.
    plan = PLAN | {"horizon": "1000000d", "tasks": [digest, digest | {"name": "Too much"}]}
    assert said(plan) == (
        "task 'Too much', every: 1h makes more than 1,000,000 runs up to the horizon; "
        "give a count, an earlier until or horizon, or a longer interval"
    )


def test_ends_are_looked_at_before_runs_are_counted() -> None:
    digest = {key: value for key, value in PLAN["tasks"][1].items() if key != "count"}
    plan = PLAN | {"horizon": "1000000d", "tasks": [digest | {"every": 1}]}
    assert "more than 1,000,000 runs" in said(plan)
    assert len(Plan.from_dict(changed("tasks 0 until", "2026-12-31", plan)).runs) == 24 * 31 - 8
    assert len(Plan.from_dict(changed("horizon", "30d", plan)).runs) == 24 * 30 - 8


def test_a_missing_key_is_named_at_each_level() -> None:
    for place in ("start", "tasks 0 sender", "domains 0 name", "test_sends 0 at"):
        plan = copy.deepcopy(PLAN)
        *way, last = place.split()
        part: Any = plan
        for step in way:
            part = part[int(step) if step.isdecimal() else step]
        del part[last]
        assert re.search(rf"\b{last}: is missing; add it", said(plan))


def test_whatever_is_no_group_of_keys_is_no_plan() -> None:
    for other in (None, True, 3, nan, "plan", [PLAN], (PLAN,)):
        assert said(other) == "a plan is a group of keys; write start, domains, tasks and others"
    assert said({}) == "start: is missing; add it (and 2 more problems)"


def test_a_key_that_is_no_text_is_named_at_each_level() -> None:
    for key in (1, 2.5, None):
        sentence = f"{key}: is no key; write keys as words"
        assert said({**PLAN, key: 1}) == sentence
        assert said(changed("domains 0", {"name": DOMAIN, key: 1})) == (
            f"domain 'news.example.com', {sentence}"
        )
    assert said({1: 2}) == "1: is no key; write keys as words (and 3 more problems)"


# A required key, misspelt: it is not missing as well.
MISSPELT = {
    "start": "strat",
    "domains": "domain",
    "tasks": "task",
    "domains 0 name": "nmae",
    "tasks 0 name": "nam",
    "tasks 0 sender": "sendr",
    "tasks 0 requests": "requets",
    "test_sends 0 at": "att",
    "test_sends 0 recipients": "recipient",
}


@pytest.mark.parametrize("place", MISSPELT)
def test_a_misspelt_key_is_not_a_missing_one_too(place: str) -> None:
    plan = copy.deepcopy(PLAN)
    *way, right = place.split()
    part: Any = plan
    for step in way:
        part = part[int(step) if step.isdecimal() else step]
    part[MISSPELT[place]] = part.pop(right)
    assert said(plan).endswith(f"{MISSPELT[place]}: is not known; did you mean {right!r}?")


def test_unknown_keys_come_before_missing_ones() -> None:
    sentence = "qqq: is not known; known are "
    assert said({"qqq": 1}).startswith(sentence)
    assert said({"qqq": 1}).endswith("window (and 3 more problems)")
    assert said(changed("tasks 0", {"name": "A", "qqq": 1})).startswith(f"task 'A', {sentence}")
    both = changed("tasks", [{"name": "A", "sendr": 1}, {"name": "B", "sender": "a@b.com", "q": 1}])
    del both["start"]
    with pytest.raises(PlanError) as caught:
        Plan.from_dict(both)
    assert [problem.where for problem in caught.value.problems] == [
        ("tasks", 0, "sendr"),
        ("tasks", 1, "q"),
        ("start",),
    ]


JUNK: list[Any] = [
    *(True, False, None, -1, 10**30, 10**5000, 0.5, nan, inf, "", " ", "text", "x" * 5000, "\0"),
    *("\ud800", b"bytes", [], {}, [[[[]]]], {1: 2}, {"a": [{"b": [{}]}]}, dt.time(9), object),
    *(Decimal("sNaN"), Fraction(1, 3), dt.date(1, 1, 1), dt.timedelta.max, pd.NaT, pd.NA, "٣"),
]  # fmt: skip
KEYS: dict[str, Any] = {
    "": Plan,
    "domains 0 ": sessim.Domain,
    "tasks 1 ": sessim.Task,
    "test_sends 0 ": sessim.TestSend,
}


@pytest.mark.parametrize(
    "place",
    [
        *(f"{before}{key}" for before, cls in KEYS.items() for key in cls.__dataclass_fields__),
        *("domains 0", "tasks 0", "test_sends 0"),
    ],
)
def test_the_wrong_type_anywhere_is_refused_in_a_sentence(place: str) -> None:
    """Each key gets each kind of junk; what is no junk there makes a plan."""
    for value in JUNK:
        try:
            Plan.from_dict(changed(place, value))
        except PlanError:
            said(changed(place, value))


def test_values_are_shown_short_and_on_one_line() -> None:
    assert shown("x") == "'x'"
    assert shown(10**5000) == "a number of thousands of digits"
    assert len(shown("x" * 10**6)) < 100
    assert len(shown([["x" * 1000] * 1000] * 1000)) < 150
    assert "\n" not in shown(pd.DataFrame({"a": [1, 2]}))
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "[[[[...]]]]"
    said(changed("tasks 0 requests", deep))


# --- in Python ----------------------------------------------------------------------------------


def test_parts_name_themselves_when_built_alone() -> None:
    with pytest.raises(PlanError, match=r"^task 'X', requets: is not known; did you mean 'requ"):
        sessim.Task("X", sender="a@b.com", requets=5)
    with pytest.raises(PlanError, match=r"^domain 'b.com', advance: 'x' is not known; choose"):
        sessim.Domain("b.com", advance="x")  # type: ignore[arg-type]
    with pytest.raises(PlanError, match=r"^test send, recipients: 0 is out of range"):
        sessim.TestSend("a@b.com", "2026-12-01", 0)
    with pytest.raises(PlanError, match=r"^test send, sender: 'b' is not an e-mail address"):
        sessim.TestSend("b", "2026-12-01", 1)
    with pytest.raises(PlanError, match=r"^task 'X', sender: is missing; add it$"):
        sessim.Task("X", requests=5)  # type: ignore[call-arg]
    with pytest.raises(
        PlanError, match=r"^task 'X', sendr: is not known; did you mean 'sender'\?$"
    ):
        sessim.Task("X", sendr="a@b.com", requests=5)  # type: ignore[call-arg]
    with pytest.raises(PlanError, match=r"^task 'X', sender: 'a@b.com' stands without its key;"):
        sessim.Task("X", "a@b.com", requests=5)  # type: ignore[misc]
    with pytest.raises(PlanError, match=r"^task 'X', name: is given twice; leave one out"):
        sessim.Task("X", name="X", sender="a@b.com", requests=5)  # type: ignore[misc]
    with pytest.raises(PlanError, match=r"^task 'X', sender: 'b@c.com' stands without its key;"):
        sessim.Task("X", "b@c.com", sender="a@b.com", requests=5)  # type: ignore[misc]
    with pytest.raises(PlanError, match=r"^task 'X', self: is not known; known are cancel_at, "):
        sessim.Task("X", sender="a@b.com", requests=5, self=1)  # type: ignore[call-arg]
    with pytest.raises(PlanError, match=r"^task, name: is missing; add it"):
        sessim.Task(sender="a@b.com", requests=5)  # type: ignore[call-arg]


def test_tasks_from_a_generator_are_named_by_number() -> None:
    with pytest.raises(PlanError, match=r"^task 1, sender: is missing"):
        Plan(start="2026-12-01", domains=[{"name": "a.com"}], tasks=iter([{"name": "X"}]))


def test_an_error_is_also_the_builtin_that_a_caller_expects() -> None:
    assert issubclass(PlanError, SessimError)
    assert issubclass(PlanError, ValueError)
    assert issubclass(LogError, ValueError)


def test_every_problem_is_found_with_its_place_for_programs() -> None:
    plan = changed("tasks 0 requests", 0, changed("domains 0 warmup", "x", changed("rate", -1)))
    with pytest.raises(PlanError) as caught:
        Plan.from_dict(plan)
    assert [problem.where for problem in caught.value.problems] == [
        ("rate",),
        ("domains", 0, "warmup"),
        ("tasks", 0, "requests"),
    ]
    assert str(caught.value).endswith("for example 20 (and 2 more problems)")


def test_an_error_survives_the_way_to_another_process() -> None:
    error = PlanError([Problem("rate", "is wrong", ("rate",)), Problem("start", "is late")])
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), back.problems) == (PlanError, str(error), error.problems)
    assert str(pickle.loads(pickle.dumps(PlanError("is no plan")))) == "is no plan"


def test_nearest_suggests_or_lists() -> None:
    assert nearest("requets", ["requests", "sender"]) == "did you mean 'requests'?"
    assert nearest("zzz", ["b", "a"]) == "known are a, b"


# --- whatever comes -----------------------------------------------------------------------------

EXAMPLES = max(300, settings().max_examples)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 30),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["2026-12-01", "2026-12-01 09:00", "24h", "90d", "09:00", "Asia/Shanghai"]),
    st.sampled_from(["news.example.com", "a@news.example.com", "standard", "none", "manual"]),
    st.sampled_from(["x" * 3000, "\ud800", 10**20]),
)
WORDS = st.text(max_size=8) | st.sampled_from(["name", "sender", "requests", "csv", "start", "cap"])
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


KNOWN = [key for cls in KEYS.values() for key in cls.__dataclass_fields__]


def places(part: Any) -> list[tuple[Any, Any]]:
    """Return all containers within a plan, each with one of its keys."""
    items = part.items() if isinstance(part, dict) else enumerate(part)
    found = []
    for key, value in items:
        found.append((part, key))
        if isinstance(value, dict | list):
            found.extend(places(value))
    return found


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a plan in which a few things have been changed, left out or renamed."""
    plan = draw(plans(most_tasks=3))
    for _ in range(draw(st.integers(1, 3))):
        if found := places(plan):
            part, key = draw(st.sampled_from(found))
            what = draw(st.sampled_from(["change", "change", "omit", "rename"]))
            if what == "change":
                part[key] = draw(ANYTHING)
            elif what == "omit":
                del part[key]
            elif isinstance(part, dict):
                part[draw(WORDS | st.sampled_from(KNOWN))] = part.pop(key)
    return plan


def plan_or_sentence(data: object) -> None:
    try:
        assert isinstance(Plan.from_dict(data), Plan)
    except PlanError:
        said(data)


@settings(max_examples=EXAMPLES)
@given(ANYTHING)
def test_anything_is_a_plan_or_gets_a_sentence(data: object) -> None:
    plan_or_sentence(data)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.data_too_large])
@given(spoilt())
def test_a_spoilt_plan_is_a_plan_or_gets_a_sentence(data: dict[str, Any]) -> None:
    plan_or_sentence(data)
