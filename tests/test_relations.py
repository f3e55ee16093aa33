"""Relations between two plans (rule R10): what a change of the plan may do to the others' times.

They hold in ``fifo`` with one domain, a warm-up that does not depend on volume, an explicit
``warmup_start`` and a zone without clock changes, at the defaults of the other rules; where a test
is about several domains or ``fair``, it says so. Nobody asks for the instants themselves here: two
simulations answer for each other.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from fractions import Fraction
from itertools import zip_longest
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import sessim
from tests.stories import NEWS, plan_of, task
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

Plain = dict[str, Any]
Key = tuple[str, int]  # a task's name and the number of a run
NO_CLOCK_CHANGES = ("UTC", "Asia/Shanghai")


# --- plans --------------------------------------------------------------------------------------


def calm(plan: Plain) -> Plain:
    """Return a plan at the defaults, its warm-up explicit and counted by the calendar."""
    account = ("timezone", "start", "horizon", "rate")
    kept = {key: plan[key] for key in account if key in plan}
    tasks = [
        {key: value for key, value in spec.items() if key not in ("cancel_at", "overlap")}
        for spec in plan["tasks"]
    ]
    first_day = str(plan["start"])[:10]
    domains = [
        {
            "name": spec["name"],
            "warmup": numbers(spec["warmup"]),
            "warmup_start": spec.get("warmup_start", first_day),
        }
        for spec in plan["domains"]
    ]
    return {**kept, "domains": domains, "tasks": tasks}


def numbers(warmup: Any) -> Any:
    """Write a warm-up as a list of limits, so that they can be multiplied."""
    if warmup == "none" or isinstance(warmup, int | list):
        return warmup
    limits = sessim.Domain(NEWS, warmup=warmup).limits
    return [limits.on(day) for day in range(1, 31)]


def fair(plan: Plain) -> Plain:
    """Return a plan whose runs take turns."""
    return plan | {"discipline": "fair"}


one_domain = plans(most_domains=1, zones=NO_CLOCK_CHANGES).map(calm)
several_domains = plans(zones=NO_CLOCK_CHANGES).map(calm)


def with_limits(plan: Plain, factor: int) -> Plain:
    """Return a plan whose limits are all multiplied."""

    def multiplied(warmup: Any) -> Any:
        if isinstance(warmup, list):
            return [limit * factor for limit in warmup]
        return warmup * factor if isinstance(warmup, int) else warmup

    domains = [spec | {"warmup": multiplied(spec["warmup"])} for spec in plan["domains"]]
    return plan | {"domains": domains}


def with_rate(plan: Plain, factor: int) -> Plain:
    """Return a plan whose rate is multiplied."""
    return plan | {"rate": str(Fraction(str(plan["rate"])) * factor)}


def with_task(plan: Plain, place: int, *specs: Plain, instead: int = 0) -> Plain:
    """Return a plan with tasks put in at a place, instead of so many that were there."""
    tasks = list(plan["tasks"])
    tasks[place : place + instead] = specs
    return plan | {"tasks": tasks}


def split(plan: Plain, data: st.DataObject) -> Plain:
    """Split one of the tasks in two neighbours with the same due time; the later has its name."""
    place = data.draw(st.integers(0, len(plan["tasks"]) - 1), label="task to split")
    whole = plan["tasks"][place]
    assume(whole["requests"] > 1)
    size = data.draw(st.integers(1, whole["requests"] - 1), label="emails of the first part")
    first = whole | {"name": "First part", "requests": size}
    rest = whole | {"requests": whole["requests"] - size}
    return with_task(plan, place, first, rest, instead=1)


def later(plan: Plain, time: str | None, minutes: int) -> str:
    """Return a time of a plan, or its start, so many minutes later."""
    moved = dt.datetime.fromisoformat(time or plan["start"]) + dt.timedelta(minutes=minutes)
    return f"{moved:%Y-%m-%d %H:%M}"


# --- what came of them --------------------------------------------------------------------------


def simulate(plan: Plain) -> sessim.Result:
    return sessim.simulate(sessim.Plan.from_dict(plan))


def microseconds_or_never(time: Any) -> float:
    """Return a table's time in microseconds, infinity if it is empty."""
    return math.inf if time != time else time.value // 1000


def finishes(plan: Plain) -> dict[Key, float]:
    """Return when each run was finished; infinity if it was not."""
    runs = simulate(plan).runs
    return {(row.name, row.run): microseconds_or_never(row.finished) for row in runs.itertuples()}


def all_times(plan: Plain) -> dict[Key, list[float]]:
    """Return when each run was due, started and finished, and when its pauses began and ended."""
    result = simulate(plan)
    names = [entry.name for entry in result.plan.tasks]
    found = {
        (row.name, row.run): [*map(microseconds_or_never, (row.due, row.started, row.finished))]
        for row in result.runs.itertuples()
    }
    for row in result.pauses.itertuples():
        pause = [microseconds_or_never(row.start), microseconds_or_never(row.end)]
        found[names[row.task - 1], row.run] += pause
    return found


def served_at_midnight(plan: Plain) -> bool:
    """Tell whether a run is being served at the first instant of a day."""
    return bool((simulate(plan).events["event"] == "day").any())


def without(times: dict[Key, Any], name: str) -> dict[Key, Any]:
    """Leave the runs of a task out."""
    return {key: value for key, value in times.items() if key[0] != name}


def none_later(before: dict[Key, float], after: dict[Key, float]) -> bool:
    """Tell whether every run that was there finishes no later than it did."""
    return all(after[key] <= finish for key, finish in before.items())


def same_but_one_email(before: Iterable[float], after: Iterable[float], plan: Plain) -> bool:
    """Tell whether times are the same to within the time of one email, of the plan's rate.

    So close to the horizon, the one may happen and the other not.
    """
    one_email = math.ceil(1_000_000 / Fraction(str(plan["rate"])))
    latest = sessim.Plan.from_dict(plan).end_instant - one_email
    return all(
        a == b or abs(a - b) <= one_email or min(a, b) >= latest
        for a, b in zip_longest(before, after, fillvalue=math.inf)
    )


# --- limits and rate ----------------------------------------------------------------------------


@given(one_domain)
def test_with_every_limit_doubled_no_task_finishes_later(plan: Plain) -> None:
    assert none_later(finishes(plan), finishes(with_limits(plan, 2)))


@given(one_domain)
def test_with_the_rate_doubled_no_task_finishes_later(plan: Plain) -> None:
    assert none_later(finishes(plan), finishes(with_rate(plan, 2)))


@given(several_domains)
def test_with_the_rate_doubled_no_task_finishes_later_with_several_domains(plan: Plain) -> None:
    assert none_later(finishes(plan), finishes(with_rate(plan, 2)))


@given(one_domain, st.integers(2, 7))
def test_with_counts_limits_and_rate_multiplied_every_time_stays(plan: Plain, factor: int) -> None:
    """To within one email's time, as long as nobody is served at a midnight.

    What the one sends before it as a whole email, the other sends on both sides of it, and so the
    new day's limit ends elsewhere.
    """
    tasks = [spec | {"requests": spec["requests"] * factor} for spec in plan["tasks"]]
    larger = with_limits(with_rate(plan, factor), factor) | {"tasks": tasks}
    assume(not (served_at_midnight(plan) or served_at_midnight(larger)))
    before, after = all_times(plan), all_times(larger)
    assert all(same_but_one_email(times, after[key], plan) for key, times in before.items())


# --- tasks --------------------------------------------------------------------------------------


@given(one_domain | several_domains, st.data())
def test_a_task_split_in_two_finishes_when_the_whole_did(plan: Plain, data: st.DataObject) -> None:
    """No other task changes; with several domains neither."""
    before, after = finishes(plan), finishes(split(plan, data))
    assert without(after, "First part") == before


@given(one_domain, st.data())
def test_with_a_task_added_no_other_finishes_sooner(plan: Plain, data: st.DataObject) -> None:
    like = data.draw(st.sampled_from(plan["tasks"]), label="like")
    added = like | {"name": "Added", "requests": data.draw(st.integers(1, 500))}
    place = data.draw(st.integers(0, len(plan["tasks"])), label="place")
    before, after = finishes(plan), finishes(with_task(plan, place, added))
    assert none_later(without(after, "Added"), before)


def behind(plan: Plain, data: st.DataObject) -> tuple[Plain, int]:
    """Add a task behind the others; return the plan, and when the task is due."""
    minutes = data.draw(st.integers(0, 4 * 24 * 60), label="minutes after the start")
    added = {
        "name": "Added",
        "sender": data.draw(st.sampled_from(plan["tasks"]), label="sender of")["sender"],
        "requests": data.draw(st.integers(1, 500)),
        "start": later(plan, None, minutes),
    }
    longer = with_task(plan, len(plan["tasks"]), added)
    clock = sessim.Plan.from_dict(longer).clock
    return longer, clock.instant(dt.datetime.fromisoformat(added["start"]))


@given(one_domain, st.data())
def test_a_task_added_behind_changes_no_earlier_run(plan: Plain, data: st.DataObject) -> None:
    longer, due = behind(plan, data)
    before, after = all_times(plan), without(all_times(longer), "Added")
    earlier = [key for key, times in before.items() if times[0] <= due]
    assert all(after[key] == before[key] for key in earlier)


@given(several_domains, st.data())
def test_a_task_added_behind_changes_no_earlier_run_with_several_domains(
    plan: Plain, data: st.DataObject
) -> None:
    """To within one email's time: it may keep the account busy over midnight, and then the first
    email of another domain's restarted run falls in its rhythm.
    """
    longer, due = behind(plan, data)
    before, after = all_times(plan), without(all_times(longer), "Added")
    earlier = [key for key, times in before.items() if times[0] <= due]
    assert all(same_but_one_email(before[key], after[key], plan) for key in earlier)


@given(one_domain, st.data())
def test_a_task_that_starts_later_never_finishes_sooner(plan: Plain, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(plan["tasks"]) - 1), label="task")
    minutes = data.draw(st.integers(1, 3 * 24 * 60), label="minutes later")
    spec = {key: value for key, value in plan["tasks"][place].items() if key != "until"}
    moved = spec | {"start": later(plan, spec.get("start"), minutes)}
    before = finishes(with_task(plan, place, spec, instead=1))
    after = finishes(with_task(plan, place, moved, instead=1))
    # Where the horizon lets fewer runs happen, there is nothing to compare the others with.
    assert all(after[key] >= before[key] for key in after if key[0] == spec["name"])


# --- days ---------------------------------------------------------------------------------------


def by_days(plan: Any, days: int) -> Any:
    """Shift every date and time of a plan by whole days."""
    if isinstance(plan, dict):
        return {key: by_days(value, days) for key, value in plan.items()}
    if isinstance(plan, list):
        return [by_days(value, days) for value in plan]
    if not isinstance(plan, str) or not plan.startswith("202"):
        return plan
    moved = str(dt.datetime.fromisoformat(plan) + dt.timedelta(days=days))
    return moved[:10] if len(plan) == len("2026-12-01") else moved


@given(plans(zones=NO_CLOCK_CHANGES), st.integers(1, 400))
def test_shifted_by_whole_days_every_time_shifts_by_as_much(plan: Plain, days: int) -> None:
    """With all rules, several domains and in `fair` too: the logs are equal but for the times."""
    day = dt.timedelta(days=1)
    keys = {
        "horizon": plan.get("horizon", str(dt.datetime.fromisoformat(plan["start"]) + 90 * day))
    }
    before = simulate(plan | keys).log
    after = simulate(by_days(plan | keys, days)).log
    assert (after.time - before.time == days * day // dt.timedelta(microseconds=1)).all()
    assert after.details == before.details
    for name in set(before.columns) - {"time"}:
        assert np.array_equal(after.columns[name], before.columns[name]), name


# --- fair ---------------------------------------------------------------------------------------


@given(one_domain.map(fair), st.data())
def test_in_fair_the_last_finish_stays_when_a_task_is_split(
    plan: Plain, data: st.DataObject
) -> None:
    before, after = finishes(plan), finishes(split(plan, data))
    assert max(after.values()) == max(before.values())


@given(one_domain.map(fair))
def test_in_fair_the_last_finish_is_no_later_when_limits_double(plan: Plain) -> None:
    assert max(finishes(with_limits(plan, 2)).values()) <= max(finishes(plan).values())


# --- where a relation ends ----------------------------------------------------------------------


def test_with_several_domains_more_for_one_may_be_later_for_another() -> None:
    """Why limits are not in the relations of several domains: they share the account's rate."""
    tasks = [task(2), task(1, "shop.example.org")]
    shop = [{"name": "shop.example.org", "warmup": "none"}]
    tight = sessim.simulate(plan_of(*tasks, warmup=1, more_domains=shop))
    wide = sessim.simulate(plan_of(*tasks, warmup=2, more_domains=shop))
    assert tight.tasks["finished"][1] < wide.tasks["finished"][1]


@pytest.mark.parametrize(
    "keys", [{"restart": "manual", "restart_at": "09:00"}, {"restart_delay": 9 * 3600}]
)
def test_with_a_later_restart_a_higher_rate_may_finish_a_paused_task_later(keys: Plain) -> None:
    """Why restarts are at their defaults above: a newer task may use the day up before one."""
    newer = task(9, start="2026-12-02 08:55")
    finished = [
        sessim.simulate(plan_of(task(2), newer, warmup=[1, 5, 9], rate=rate, **keys)).tasks
        for rate in ("1/100", "1/50")
    ]
    assert finished[0]["finished"][0] < finished[1]["finished"][0]


def test_with_a_task_cancelled_a_higher_rate_may_finish_another_later() -> None:
    """Why no task above is cancelled: at the higher rate it has used more of the day by then."""
    tasks = [task(50, cancel_at="2026-12-01 00:05"), task(5, start="2026-12-01 01:00")]
    finished = [
        sessim.simulate(plan_of(*tasks, warmup=10, rate=rate)).tasks["finished"][1]
        for rate in ("1/60", "1/30")
    ]
    assert finished[0] < finished[1]
