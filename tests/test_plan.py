"""The plan in Python: immutable, exact, in the forms that users write."""

from __future__ import annotations

import copy
import pickle
import warnings
from dataclasses import FrozenInstanceError, replace
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

import sessim
from sessim import Domain, Plan, Task, TestSend
from sessim.errors import PlanError, SessimWarning
from sessim.fields import address_parts
from sessim.lifecycle import TaskType
from tests.strategies import plans

ignore_falling_lists = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")


def contract() -> Plan:
    """Return the plan of the contract."""
    return sessim.Plan(
        start="2026-12-01",
        timezone="Asia/Shanghai",
        rate=20,
        domains=[sessim.Domain("news.example.com", warmup="standard")],
        tasks=[
            sessim.Task("Launch", sender="Example <hello@news.example.com>", requests=60_000),
            sessim.Task(
                "Invoices",
                sender="billing@news.example.com",
                requests=8_000,
                start="2026-12-03 09:00",
            ),
            sessim.Task(
                "Digest",
                sender="hello@news.example.com",
                requests=5_000,
                start="2026-12-01 08:00",
                every="24h",
                count=14,
            ),
        ],
    )


def plan(**keys: Any) -> Plan:
    """Return a small plan with some keys given."""
    small: dict[str, Any] = {
        "start": "2026-12-01",
        "domains": [Domain("a.com")],
        "tasks": [Task("T", sender="x@a.com", requests=1)],
    }
    return Plan(**small | keys)


def task(**keys: Any) -> Task:
    return Task("T", **{"sender": "x@a.com", "requests": 1} | keys)


# --- the contract -------------------------------------------------------------------------------


def test_the_contracts_plan() -> None:
    found = contract()
    assert [one.type for one in found.tasks] == [
        TaskType.IMMEDIATE,
        TaskType.SCHEDULED,
        TaskType.RECURRING,
    ]
    assert {one.domain for one in found.tasks} == {"news.example.com"}
    assert len(found.runs) == 1 + 1 + 14
    assert found.domains[0].limits.on(1) == 500


def test_what_is_not_given_is_as_the_rules_say() -> None:
    found = plan()
    assert (found.timezone, found.rate) == ("Asia/Shanghai", 20)
    assert (found.discipline, found.restart, found.window) == ("fifo", "auto", "day")
    assert (found.restart_at, found.restart_delay, found.resume_on_raise) == (None, 0, False)
    assert (found.outcomes, found.levels_per_day, found.test_sends) == ("sampled", 1, ())
    assert (found.domains[0].warmup, found.domains[0].advance) == ("standard", "calendar")
    assert (found.tasks[0].every_by, found.tasks[0].overlap) == ("elapsed", "queue")
    assert found.end_instant == found.clock.day_start(date(2027, 12, 1))


def test_parts_may_be_given_as_mappings_of_the_same_keys() -> None:
    assert plan(
        domains=({"name": "a.com"},),
        tasks=[{"name": "T", "sender": "x@a.com", "requests": 1}],
        test_sends=[{"sender": "x@a.com", "at": "2026-12-01", "recipients": 20}],
    ) == plan(test_sends=[TestSend("x@a.com", "2026-12-01", 20)])


# --- immutable ----------------------------------------------------------------------------------


def test_a_plan_does_not_change() -> None:
    found = contract()
    for part, key in [(found, "rate"), (found.tasks[0], "requests"), (found.domains[0], "warmup")]:
        with pytest.raises(FrozenInstanceError):
            setattr(part, key, 1)
    assert isinstance(found.tasks, tuple)
    assert isinstance(found.domains, tuple)


def test_what_a_plan_was_built_from_may_change_afterwards() -> None:
    limits, domains = [5, 9], [Domain("a.com")]
    found = plan(domains=domains)
    listed = Domain("a.com", warmup=limits)
    limits.append(99)
    domains.clear()
    assert listed.warmup == (5, 9)
    assert len(found.domains) == 1


def test_equal_plans_are_equal_and_hash_alike() -> None:
    assert contract() == contract()
    assert len({contract(), contract(), replace(contract(), rate=21)}) == 2
    assert plan(rate="0.5") == plan(rate=Fraction(1, 2))
    rule = {"start": 1, "factor": 1.5, "cap": 9}
    assert hash(Domain("a.com", warmup=rule)) == hash(Domain("a.com", warmup=rule))


def test_a_plan_travels_to_another_process() -> None:
    for found in (contract(), copy.deepcopy(contract())):
        assert pickle.loads(pickle.dumps(found)) == found
        assert len(pickle.loads(pickle.dumps(found)).runs) == 16


@ignore_falling_lists
@given(plans())
def test_a_plan_survives_to_dict_replace_and_copy(data: dict[str, Any]) -> None:
    found = Plan.from_dict(data)
    assert Plan.from_dict(found.to_dict()) == found
    assert replace(found) == found
    assert replace(found, tasks=[replace(one) for one in found.tasks]) == found
    assert pickle.loads(pickle.dumps(found)) == found
    assert hash(replace(found)) == hash(found)


def test_replace_checks_what_it_replaces() -> None:
    assert replace(contract(), horizon="30d").horizon == (30, "d")
    assert replace(replace(contract(), horizon="30d"), rate=5).horizon == (30, "d")
    with pytest.raises(PlanError, match="rate: 0 is no sending rate"):
        replace(contract(), rate=0)
    with pytest.raises(PlanError, match=r"domain 'news.example.com' is not one of the plan's"):
        replace(contract(), domains=[Domain("a.com")])
    manual = plan(restart="manual", restart_at=["2026-12-02 09:00", "2026-12-03"])
    assert replace(manual, rate=1).restart_at == (datetime(2026, 12, 2, 9), date(2026, 12, 3))  # noqa: DTZ001
    assert replace(plan(restart="manual", restart_at="9:00"), rate=1).restart_at == time(9)


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        (20, Fraction(20)),
        (0.1, Fraction(1, 10)),  # the decimal that was written, not its binary neighbour
        ("0.1", Fraction(1, 10)),
        ("70/3", Fraction(70, 3)),
        (" 1e3 ", Fraction(1000)),
        (Decimal("1.5"), Fraction(3, 2)),
        (Fraction(1, 7), Fraction(1, 7)),
        (np.int64(3), Fraction(3)),
        (np.float32(0.5), Fraction(1, 2)),
    ],
)
def test_a_rate_is_exact(written: Any, rate: Fraction) -> None:
    found = plan(rate=written)
    assert found.rate == rate
    assert Plan.from_dict(found.to_dict()).rate == rate


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("hello@news.example.com", "news.example.com"),
        ("Example <hello@news.example.com>", "news.example.com"),
        ('"Example, Inc." <hello@news.example.com>', "news.example.com"),
        ("Grüße aus 上海 <hello@news.example.com>", "news.example.com"),
        ("<hello@News.Example.COM>", "news.example.com"),
        ("  hello@news.example.com  ", "news.example.com"),
        ("hello@bücher.example", "xn--bcher-kva.example"),
        ("Example.com Inc. (Europe), O'Neil & Söhne: <o'neil+tag@a.test>", "a.test"),
        ('"Tell <us> \\"why\\"" <hello@news.example.com>', "news.example.com"),
    ],
)
def test_the_domain_is_taken_from_the_senders_address(sender: str, domain: str) -> None:
    assert task(sender=sender).domain == domain
    assert TestSend(sender, "2026-12-01", 1).domain == domain
    assert plan(domains=[Domain(domain)], tasks=[task(sender=sender)])


def test_an_addresss_parts_are_told_apart() -> None:
    assert address_parts("上海 Inc. <a@B.com>") == ("上海 Inc.", "a", "b.com")
    assert address_parts('"Say \\"hi\\", <all>" < a@b.com >') == ('Say "hi", <all>', "a", "b.com")
    assert address_parts("a@b.com") == ("", "a", "b.com")
    for wrong in ("A <a@b.com> B", "A < B <a@b.com>", 'A "B <a@b.com>', "A <>", "A <B <a@b.com>>"):
        with pytest.raises(ValueError, match="is not an e-mail address"):
            address_parts(wrong)


def test_domains_are_the_same_in_any_case_and_script() -> None:
    assert Domain(" News.Example.com ").name == "news.example.com"
    assert Domain("bücher.example") == Domain("xn--bcher-kva.example")
    with pytest.raises(PlanError, match=r"^domains: 'a.com' is given 2 times; names must differ"):
        plan(domains=[Domain("a.com"), Domain("A.COM")])


@pytest.mark.parametrize(
    ("one", "other"),
    [("A", " A"), ("A b", "A b  "), ("Gr\u00fc\u00dfe", "Gru\u0308\u00dfe"), ("\u00c5", "\u212b")],
)
def test_names_that_look_alike_are_one_name(one: str, other: str) -> None:
    assert Task(other, sender="x@a.com", requests=1).name == one
    with pytest.raises(PlanError, match=f"^tasks: '{one}' is given 2 times; names must differ"):
        plan(tasks=[Task(name, sender="x@a.com", requests=1) for name in (one, other)])


def test_names_may_differ_in_case_and_inner_spaces() -> None:
    names = ("A b", "a b", "A  b")
    found = plan(tasks=[Task(name, sender="x@a.com", requests=1) for name in names])
    assert tuple(one.name for one in found.tasks) == names


@pytest.mark.parametrize("written", ["24h", "24H", "24 Hours", "24 HOUR"])
def test_units_may_be_capitals(written: str) -> None:
    found = plan(tasks=[task(start="2026-12-01", every=written)], horizon=written)
    assert (found.tasks[0].every, found.horizon) == (24, (24, "h"))
    assert plan(horizon="3 Days").horizon == (3, "d")


def test_numbers_of_numpy_and_times_of_pandas_are_welcome() -> None:
    found = task(
        requests=np.int64(5),
        start=pd.Timestamp("2026-12-02 09:00"),
        every=pd.Timedelta("1D"),
        count=np.int32(3),
    )
    assert (found.requests, found.every, found.count) == (5, 24, 3)
    assert type(found.requests) is int
    assert len(plan(tasks=[found], timezone=ZoneInfo("Europe/Berlin")).runs) == 3


@pytest.mark.parametrize(
    ("written", "on"), [(True, True), ("yes", True), ("on", True), ("No", False), ("off", False)]
)
def test_a_switch_is_a_truth_value_or_its_word(written: Any, on: bool) -> None:
    assert plan(resume_on_raise=written).resume_on_raise is on


def test_a_start_in_a_repeated_hour_is_the_first() -> None:
    found = plan(start="2026-10-25 02:30", timezone="Europe/Berlin")
    assert f"{found.clock.local(found.start_instant):%H:%M %z}" == "02:30 +0200"


def test_a_start_may_bring_its_own_offset() -> None:
    found = plan(start="2026-12-01 00:00+00:00", tasks=[task(start="2026-12-01 08:00")])
    assert f"{found.clock.local(found.start_instant):%H:%M}" == "08:00"


# --- what is allowed, but hardly meant ----------------------------------------------------------


def test_ten_domains_are_allowed() -> None:
    assert len(plan(domains=[Domain(f"{x}.com") for x in "abcdefghij"]).domains) == 10


def test_more_than_ten_addresses_of_a_domain_are_a_warning() -> None:
    tasks = [Task(f"T{k}", sender=f"x{k}@a.com", requests=1) for k in range(11)]
    with pytest.warns(SessimWarning, match=r"domain 'a.com' has 11 sender addresses") as caught:
        plan(tasks=tasks)
    assert len(caught) == 1
    again = [Task(f"T{k}", sender=f"Some {k} <x@a.com>", requests=1) for k in range(11)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan(tasks=again)


def test_a_warm_up_that_falls_is_one_warning_with_the_name_of_its_domain(tmp_path: Path) -> None:
    (tmp_path / "limits.csv").write_text("day,limit\n1,500\n2,400\n")
    domains = [
        Domain("a.com"),
        Domain("b.com", warmup=[5, 9, 2, 8, 1]),
        Domain("c.com", warmup={"csv": str(tmp_path / "limits.csv")}),
    ]
    with pytest.warns(SessimWarning) as caught:
        plan(domains=domains)
    assert [str(entry.message) for entry in caught] == [
        "b.com: the warm-up falls from 9 to 2 on day 3",
        "c.com: the warm-up falls from 500 to 400 on day 2",
    ]


def test_a_task_may_be_cancelled_before_it_starts() -> None:
    assert plan(tasks=[task(start="2026-12-05", cancel_at="2026-12-02")])


@pytest.mark.parametrize("keys", [{}, {"every": "24h"}])
def test_a_task_that_starts_at_or_behind_the_horizon_is_a_warning(keys: dict[str, Any]) -> None:
    late, later = (task(start=f"2026-12-0{day}", **keys) for day in (4, 5))
    with pytest.warns(SessimWarning) as caught:
        found = plan(
            horizon="2026-12-03",
            tasks=[task(), replace(late, name="Late"), replace(later, name="Later")],
        )
    assert [str(entry.message) for entry in caught] == [
        f"task {name!r} starts at or after the horizon, 2026-12-04 00:00; "
        "give a later horizon, or it sends nothing"
        for name in ("Late", "Later")
    ]
    assert len(found.tasks) == 3
    assert plan(horizon="2026-12-04", tasks=[late])
