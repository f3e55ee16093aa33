"""What if: the state at a cut from the log alone, and what differs afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sessim
from sessim.eventlog import Event, EventLog
from sessim.history import History
from sessim.history.cut import model_at
from sessim.history.forks import go_on
from tests.history.logs import PLAN, simulated
from tests.strategies import plans, with_quality

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")


def instants(log: EventLog) -> st.SearchStrategy[int]:
    """Return a strategy for instants before the end of a log, near changes and between them."""
    times = sorted(set(log.time.tolist()))
    near = st.sampled_from(times).flatmap(lambda t: st.sampled_from([t - 1, t, t + 1]))
    return (near | st.integers(times[0] - 10, times[-1])).map(lambda t: min(t, times[-1] - 1))


def gone_on(log: EventLog, instant: int) -> pd.DataFrame:
    """Return the log that goes on from an instant to its end."""
    model = model_at(log, instant)
    model.run()
    return model.log().frame


@given(plans(), st.data())
def test_a_simulation_goes_on_as_it_did(plan: dict[str, Any], data: st.DataObject) -> None:
    log = sessim.simulate(sessim.Plan.from_dict(plan)).log
    told = gone_on(log, data.draw(instants(log)))
    assert told.astype(str).equals(log.frame.astype(str))


@given(plans(), st.data(), st.randoms(use_true_random=False))
def test_nothing_later_is_looked_at(plan: dict[str, Any], data: st.DataObject, random: Any) -> None:
    """Whatever the future is shuffled to: the forecast is the same."""
    log = sessim.simulate(sessim.Plan.from_dict(plan)).log
    instant = data.draw(instants(log))
    told = int(log.time.searchsorted(instant, "right"))
    order = [*range(told), *random.sample(range(told, len(log)), len(log) - told)]
    columns = {name: values[order] for name, values in log.columns.items()}
    columns["time"] = log.time
    columns["sent"] = np.where(np.arange(len(log)) < told, columns["sent"], 0)
    other = EventLog(columns, log.domains, log.details, log.plan, log.meta)
    assert gone_on(other, instant).astype(str).equals(gone_on(log, instant).astype(str))


# --- by hand --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def history() -> History:
    """Return the history of the plan, as it was simulated."""
    return History(simulated())


def test_without_changes_nothing_differs(history: History) -> None:
    what_if = history.what_if("2026-12-02 12:00")
    assert not what_if.diff
    assert repr(what_if.diff) == "nothing differs"


def test_a_larger_limit_from_the_next_day_on(history: History) -> None:
    """Launch has 200 emails left on the 3rd in either case; the two digests go after it."""
    what_if = history.what_if("2026-12-01 12:00", warmup={"news.example.com": [500, 5000]})
    days = what_if.diff.days.set_index(["domain", "date"])
    row = days.loc[("news.example.com", pd.Timestamp("2026-12-02"))]
    # 1,200 of Launch, 300 and 300 of the Digest: all of it on the second day
    assert (row["limit_before"], row["limit_after"]) == (1000, 5000)
    assert (row["sent_before"], row["sent_after"], row["sent_change"]) == (1000, 1800, 800)
    tasks = what_if.diff.tasks.set_index("name")
    assert tasks.loc["Launch", "finished_change_hours"] < -23
    pauses = what_if.diff.pauses
    assert set(pauses.loc[pauses["name"] == "Launch", "change"]) == {"gone"}


def test_a_task_moved_added_and_left_out(history: History) -> None:
    late = {"name": "Extra", "sender": "a@shop.example.com", "requests": 40,
            "start": "2026-12-04 10:00"}  # fmt: skip
    what_if = history.what_if(
        "2026-12-02 12:00", move={"Late": "2026-12-06 08:00"}, without="Poll", add_tasks=[late],
    )  # fmt: skip
    tasks = what_if.forecast.tasks.set_index("name")
    assert str(tasks.loc["Extra", "finished"]) == "2026-12-04 10:00:20+08:00"
    assert tasks.loc["Poll", "sent"] == 100  # the run of the morning
    assert tasks.loc["Late", "status"] == "Cancelled"  # at the time that its plan says
    assert set(what_if.diff.tasks["name"]) == {"Extra", "Poll"}


def test_a_domain_added_has_a_warm_up_of_its_own(history: History) -> None:
    what_if = history.what_if(
        "2026-12-03 12:00",
        add_domains=[{"name": "mail.example.com", "warmup": [100, 200]}],
        add_tasks=[{"name": "Third", "sender": "a@mail.example.com", "requests": 250,
                    "start": "2026-12-04 10:00"}],
    )  # fmt: skip
    daily = what_if.forecast.daily
    mine = daily[daily["domain"] == "mail.example.com"]
    assert mine["sent"].tolist() == [100, 150]
    assert not what_if.effect.days.query("domain != 'mail.example.com'").shape[0]


def test_another_rate_holds_from_then_on(history: History) -> None:
    what_if = history.what_if("2026-12-01 00:01", rate=4)
    [pause] = what_if.forecast.pauses.query("task == 1")["start"].head(1)
    # 120 emails in the first minute, 380 more at four a second
    assert str(pause) == "2026-12-01 00:02:35+08:00"


def test_two_histories_differ_in_a_table(history: History) -> None:
    other = History(simulated(rate=4))
    found = history.diff(other)
    names = [task["name"] for task in PLAN["tasks"] if "cancel_at" not in task]
    assert list(found.tasks["name"]) == names
    assert (found.tasks["finished_change_hours"] <= 0).all()
    assert history.diff(history).tasks.empty


def test_a_history_that_is_not_over_goes_on() -> None:
    plan = sessim.Plan.from_dict(PLAN)
    cut, whole = sessim.simulate(plan, until="2026-12-02 00:05"), sessim.simulate(plan)
    told = History(cut.log).forecast("2026-12-02 00:05")
    assert told.tasks.equals(whole.tasks)


@pytest.mark.parametrize(
    ("at", "changes", "said"),
    [
        ("soon", {}, "at: 'soon' is not a date or time"),
        ("2026-11-30", {}, "at: is before the history begins"),
        ("2026-12-02", {"speed": 3}, "speed: is no change"),
        ("2026-12-02", {"move": {"Lauch": "2026-12-03"}}, "did you mean 'Launch'"),
        ("2026-12-02", {"move": {"Launch": "2026-12-03"}}, "'Launch' was due before"),
        ("2026-12-02", {"move": {"Late": "2026-12-01 12:00"}}, "'Late' would be due before"),
        ("2026-12-03", {"requests": {"Launch": 100}}, "'Launch' had sent 1,500 emails"),
        ("2026-12-02", {"warmup": "standart"}, "did you mean 'standard'"),
        ("2026-12-02", {"add_tasks": [{"name": "A"}]}, "what_if: "),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    history: History, at: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(sessim.ArgumentError) as caught:
        history.what_if(at, **changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_plan_has_a_row_of_each_kind_that_a_cut_must_know() -> None:
    assert {Event.PAUSED, Event.CANCELLED, Event.SENT} <= set(simulated().event.tolist())


# --- chance ---------------------------------------------------------------------------------------


@settings(suppress_health_check=list(HealthCheck))
@given(with_quality(), st.sampled_from(["expected", "sampled"]), st.integers(0, 9), st.data())
def test_a_simulation_with_quality_goes_on_with_the_same_luck(
    plan: dict[str, Any], outcomes: str, seed: int, data: st.DataObject
) -> None:
    """Levels, blocks, shrunken lists and every outcome: exactly the same log."""
    log = sessim.simulate(sessim.Plan.from_dict(plan | {"outcomes": outcomes}), seed=seed).log
    told = gone_on(log, data.draw(instants(log)))
    assert told.astype(str).equals(log.frame.astype(str))


@settings(suppress_health_check=list(HealthCheck))
@given(with_quality(), st.integers(0, 9), st.data())
def test_with_other_luck_what_happened_before_stays(
    plan: dict[str, Any], seed: int, data: st.DataObject
) -> None:
    log = sessim.simulate(sessim.Plan.from_dict(plan | {"outcomes": "sampled"}), seed=seed).log
    instant = data.draw(instants(log))
    other = go_on(log, instant, seed=10).log
    past = int(log.time.searchsorted(instant, "right"))
    before, after = (entry.frame.head(past).astype(str) for entry in (log, other))
    assert after.equals(before)
    for name in other.outcomes:
        counts = other.frame.groupby(["task", "run"], observed=True)[name]
        assert (counts.diff().fillna(0) >= 0).all(), name
    frame = other.frame
    lost = frame["invalid"] + frame["spam_bounce"] + frame["soft_failures"]
    assert (lost <= frame["sent"]).all()
    assert (frame["complaints"] <= frame["sent"] - lost).all()


RISING: dict[str, Any] = {
    "start": "2026-12-01",
    "domains": [{"name": "a.org", "warmup": "reputation",
                 "quality": {"invalid_rate": 0.04, "open_rate": 0.3}}],
    "tasks": [{"name": "Weekly", "sender": "x@a.org", "requests": 20_000},
              {"name": "Later", "sender": "x@a.org", "requests": 500, "start": "2026-12-03 09:00"}],
}  # fmt: skip


def rising(seed: int = 5) -> History:
    """Return the history of a domain that rises by a level a day."""
    return History(sessim.simulate(sessim.Plan.from_dict(RISING), seed=seed).log)


def test_a_domain_that_is_judged_goes_on_at_its_level() -> None:
    history = rising()
    assert not history.what_if("2026-12-02 00:10").diff
    assert history.daily["sent"].tolist() == [1000, 2000, 5000, 10_000, 2500]
    several = history.what_if("2026-12-02 12:00", levels_per_day=20).forecast
    # from level 3 to 6 within the third day, whose limit is 20,000 then
    assert several.daily["sent"].tolist() == [1000, 2000, 17_500]
    assert several.daily["level"].tolist() == [2, 3, 7]


def test_another_warm_up_ends_the_judging_and_a_reputation_begins_it() -> None:
    fixed = rising().what_if("2026-12-01 12:00", warmup=800).forecast
    assert fixed.daily["sent"].tolist()[:2] == [1000, 800]
    plain = {**RISING, "domains": [{**RISING["domains"][0], "warmup": 6000}]}
    history = History(sessim.simulate(sessim.Plan.from_dict(plain), seed=5).log)
    judged = history.what_if("2026-12-01 00:01", warmup="reputation").forecast
    # the limit in force holds for the day; then level 1 with 500, and one level more at 70%
    assert judged.daily["sent"].tolist()[:3] == [6000, 1000, 2000]
    assert judged.daily["level"].tolist()[1:3] == [2, 3]
    free = {**RISING, "domains": [{**RISING["domains"][0], "warmup": "none"}]}
    history = History(sessim.simulate(sessim.Plan.from_dict(free), seed=5).log)
    judged = history.what_if("2026-12-01 00:01", warmup="reputation").forecast
    assert judged.daily["sent"].tolist()[:1] == [20_000]


def test_a_history_that_says_nothing_of_outcomes_goes_on_by_its_plans_rates() -> None:
    """A history from elsewhere: only its counts are known, and by which rates chance goes on."""
    log = rising().log
    columns = {name: values for name, values in log.columns.items() if name not in log.outcomes}
    foreign = History(EventLog(columns, log.domains, log.details, log.plan, {"mode": "live"}))
    told = foreign.forecast("2026-12-02 00:10", seed=3)
    assert told.daily["sent"].tolist()[:2] == [1000, 2000]
    assert told.tasks["sent"].tolist() == [20_000, 500]
    share = told.tasks["invalid"].sum() / told.tasks["sent"].sum()
    assert 0.036 < share < 0.044  # of 20,500 at 4%: three standard deviations are 0.41%
    assert foreign.forecast("2026-12-02 00:10", seed=3).events.equals(told.events)
    assert not foreign.forecast("2026-12-02 00:10", seed=4).events.equals(told.events)


def test_a_pause_of_a_domain_that_is_judged_is_explained_by_its_own_luck() -> None:
    """What else would have happened is simulated with the seed of the history."""
    found = rising().explain("Weekly", "2026-12-01 12:00").counterfactuals
    assert found is not None
    assert (found.anchor, found.own) == ("plan", True)


def test_a_list_may_have_shrunk_otherwise_than_the_new_luck_would_have_it() -> None:
    """Whether the first address was dead is not known to a luck that comes later."""
    segments = [{"name": "one", "requests": 1, "quality": {"invalid_rate": 0.5}},
                {"name": "fifty", "requests": 50}]  # fmt: skip
    task = {"name": "A", "sender": "x@a.org", "requests": 51, "start": "2026-12-01", "every": "1h",
            "count": 4, "segments": segments}  # fmt: skip
    plan = sessim.Plan.from_dict(
        {"start": "2026-12-01", "domains": [{"name": "a.org"}], "tasks": [task]}
    )
    results = [sessim.simulate(plan, seed=seed) for seed in range(6)]
    assert {result.runs["requests"][1] for result in results} == {50, 51}
    for result in results:
        for seed in range(10, 16):
            told = History(result.log).forecast("2026-12-01 02:30", seed=seed)
            assert told.runs["status"].tolist() == ["Sent"] * 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"requests": {"Weekly": 5000}}, "'Weekly' had begun by 2026-12-02"),
        ({"outcomes": "expected"}, "outcomes: is no change"),
        ({"seed": -1}, "seed: -1 is below 0"),
        ({"seed": "x"}, "seed: 'x' is not a whole number"),
    ],
)
def test_what_would_change_the_luck_of_the_past_is_refused(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(sessim.ArgumentError) as caught:
        rising().what_if("2026-12-02", **changes)
    assert said in str(caught.value)
    assert rising().what_if("2026-12-02", requests={"Later": 600}).forecast.tasks["sent"][1] == 600
