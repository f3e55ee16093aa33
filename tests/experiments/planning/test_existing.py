"""``sessim deadline``: verdicts on tasks; every remedy is tried, and one less is not enough.

The standard warm-up lets 78,500 go in 7 days and 138,500 in 8.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sessim
from sessim import ArgumentError, Domain, Plan, Task
from sessim.cli import main
from sessim.experiments.planning.existing import verdict

PLAN = Plan(
    start="2026-12-01",
    domains=[Domain("new.example.com"), Domain("old.example.com", warmup=30_000)],
    tasks=[
        Task("Launch", sender="Shop <hi@new.example.com>", requests=120_000),
        Task("Late", sender="hi@old.example.com", requests=45_000, start="2026-12-10 09:00"),
    ],
)


def test_yes_in_one_sentence() -> None:
    found = verdict(PLAN, "Launch", "2026-12-08")
    assert found.meets
    assert found.remedies == ()
    assert found.answer == (
        "Yes: Launch is done by 8 December 2026, 00:34; the deadline is the end of 8 December 2026."
    )
    assert found.reason == (
        "It is paused 7 times, 167 hours in all, at the daily limit of new.example.com."
    )


def test_no_with_what_would_do() -> None:
    found = verdict(PLAN, "Launch", "2026-12-07")
    assert not found.meets
    assert found.remedies == (
        "a deadline 1 day later, 8 December 2026",
        "sending it from old.example.com",
        "41,500 of its 120,000 emails fewer",
        "cutting it into parts for all 2 domains (sessim.plan_for)",
    )
    for requests, meets in ((78_500, True), (78_501, False)):
        other = _with(PLAN, 0, requests=requests)
        assert verdict(other, "Launch", "2026-12-07").meets == meets
    assert verdict(_with(PLAN, 0, sender="hi@old.example.com"), "Launch", "2026-12-07").meets


def _with(plan: Plan, place: int, **changes: Any) -> Plan:
    tasks = list(plan.tasks)
    tasks[place] = replace(tasks[place], **changes)
    return replace(plan, tasks=tuple(tasks))


def test_an_earlier_start() -> None:
    """45,000 at 30,000 a day need two days: begun on the 10th, all is sent on the 11th."""
    found = verdict(PLAN, "Late", "2026-12-10")
    assert "starting 1 day earlier, 9 December 2026" in found.remedies
    assert verdict(_with(PLAN, 1, start="2026-12-09 09:00"), "Late", "2026-12-10").meets


def test_alone_on_one_domain_only_another_domain_helps() -> None:
    plan = replace(PLAN, domains=PLAN.domains[:1], tasks=PLAN.tasks[:1])
    found = verdict(plan, "Launch", "2026-12-07")
    assert found.remedies[-1] == "1 more domain, and the task cut into parts (sessim.plan_for)"
    dealt = sessim.plan_for(
        {"Launch": 120_000}, by="2026-12-07", start="2026-12-01",
        domains=[*plan.domains, Domain("second.example.com")],
    )  # fmt: skip
    assert dealt.meets


def test_a_recurring_task_counts_with_all_its_runs() -> None:
    plan = _with(PLAN, 1, every=24, count=3)
    result = sessim.simulate(plan).tasks.set_index("name")
    assert result.loc["Late", "finished"].date().isoformat() == "2026-12-14"
    assert not verdict(plan, "Late", "2026-12-13").meets
    assert verdict(plan, "Late", "2026-12-14").meets


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "plan.yaml")
    PLAN.to_yaml(file)
    assert main(["deadline", file, "--task", "Launch", "--by", "2026-12-07"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("No: Launch is done by 8 December 2026, 00:34")
    assert said[2] == "Any of these would do:"
    assert len(said) == 7


def test_where_chance_has_a_say_the_verdict_says_how_sure_it_is() -> None:
    rates = {"invalid_rate": {"uniform": [0.01, 0.05]}, "complaint_rate": 0.0005}
    plan = Plan(
        start="2026-12-01",
        domains=[Domain("a.example.com", warmup="reputation", quality=rates)],
        tasks=[Task("Launch", sender="hi@a.example.com", requests=60_000)],
    )
    found = verdict(plan, "Launch", "2026-12-06", replications=60)
    assert not found.meets
    assert 0 < found.odds.probability < 0.9
    assert "in half of 60 replications, and in time in" in found.answer
    assert verdict(plan, "Launch", "2026-12-20", replications=60).meets


def test_a_remedy_is_as_sure_as_the_task_has_to_be() -> None:
    """As is expected the task is in time: what would do is then not one email fewer."""
    rates = {"invalid_rate": {"uniform": [0.01, 0.07]}, "open_rate": 0.2}
    plan = Plan(
        start="2026-12-01",
        domains=[Domain("a.example.com", warmup="reputation", quality=rates),
                 Domain("b.example.com", warmup=30_000)],
        tasks=[Task("Launch", sender="hi@a.example.com", requests=60_000)],
    )  # fmt: skip
    found = verdict(plan, "Launch", "2026-12-09", replications=60)
    calm = verdict(replace(plan, outcomes="expected"), "Launch", "2026-12-09")
    assert calm.meets
    assert not found.meets
    [fewer] = [remedy for remedy in found.remedies if "emails fewer" in remedy]
    less = int(fewer.split()[0].replace(",", ""))
    assert 1_200 <= less < 60_000
    other = verdict(_with(plan, 0, requests=60_000 - less), "Launch", "2026-12-09", replications=60)
    assert other.odds.probability > found.odds.probability + 0.2
    assert "sending it from b.example.com" in found.remedies
    assert found.remedies[-1].endswith(", if all goes as is expected (sessim.plan_for)")


@pytest.mark.parametrize(
    ("name", "value", "least"), [("replications", 0, 1), ("workers", 0, 1), ("seed", -1, 0)]
)
def test_a_count_that_is_too_small_is_one_sentence(
    name: str, value: int, least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["deadline", "x.yaml", "--task", "T", "--by", "2026-12-07", f"--{name}", str(value)]
    assert main(command) == 2
    said = f"sessim: --{name}: {value} is too small; give a whole number from {least}\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sure": "0.9"}, "sure: '0.9' is no probability"),
        ({"seed": -1}, "seed: -1 is no seed"),
        ({"replications": 0}, "replications: 0 is no number of replications"),
    ],
)
def test_arguments_of_a_verdict_are_checked(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        verdict(PLAN, "Launch", "2026-12-08", **changed)


@pytest.mark.parametrize(
    ("task", "by", "said"),
    [
        ("Lunch", "2026-12-07", "task: there is none named 'Lunch'; did you mean 'Launch'?"),
        ("Launch", "tomorrow", "by: 'tomorrow' is not a date or time"),
        ("Late", "2026-12-09", "by: 2026-12-09 is before the task is due, 2026-12-10 09:00"),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str, by: str, said: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        verdict(PLAN, task, by)
    assert said in str(caught.value)
    file = str(tmp_path / "plan.yaml")
    PLAN.to_yaml(file)
    assert main(["deadline", file, "--task", task, "--by", by]) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert said in captured.err
    assert captured.err.count("\n") == 1
