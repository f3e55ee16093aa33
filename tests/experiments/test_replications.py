"""What is known from replications: beside closed forms, by hand, and said to users."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import sessim
from sessim.experiments import frames, intervals
from tests.experiments import cases


def one_task(requests: int, warmup: Any = "none", **keys: Any) -> sessim.Plan:
    data = {
        "start": "2026-12-01",
        "timezone": "UTC",
        "domains": [{"name": "a.example.com", "warmup": warmup}],
        "tasks": [{"name": "A", "sender": "x@a.example.com", "requests": requests}],
        **keys,
    }
    return sessim.Plan.from_dict(data)


# --- closed forms ---------------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    requests=st.integers(1, 5_000), limit=st.integers(50, 2_000), rate=st.sampled_from([1, 20, 500])
)
def test_without_chance_the_finish_is_that_of_the_formula(
    requests: int, limit: int, rate: int
) -> None:
    """Full days of ``limit`` emails each, and the rest at ``rate`` emails a second."""
    found = sessim.replicate(one_task(requests, limit, rate=rate), 3)
    days, rest = divmod(requests - 1, limit)
    expected = pd.Timestamp("2026-12-01", tz="UTC") + pd.DateOffset(days=days)
    expected += pd.Timedelta(seconds=(rest + 1) / rate)
    assert (abs(found.finish["finished"] - expected) <= pd.Timedelta(microseconds=1)).all()
    mean, low, high = found.estimate("finish_hours")[:3]
    assert mean == low == high
    backlog = found.daily[found.daily["replication"] == 2]["backlog"].tolist()
    assert backlog == [max(0, requests - (day + 1) * limit) for day in range(days + 1)]


SHARE, EMAILS = 0.3, 200


@cache
def many_bounces() -> np.ndarray:
    """Return the bounces of 20,000 replications of 200 emails, each one with probability 0.3."""
    plan = one_task(EMAILS)
    [task] = plan.to_dict()["tasks"]
    task["quality"] = {"invalid_rate": SHARE}
    plan = sessim.Plan.from_dict({**plan.to_dict(), "tasks": [task]})
    return sessim.replicate(plan, 20_000, seed=11).tasks["invalid"].to_numpy()


def test_bounces_are_binomial() -> None:
    """Mean, variance and the whole distribution, against what is exact."""
    found, exact = many_bounces(), stats.binom(EMAILS, SHARE)
    error = exact.std() / np.sqrt(len(found))
    assert abs(found.mean() - exact.mean()) < 4 * error
    assert found.var() == pytest.approx(exact.var(), rel=4 * np.sqrt(2 / len(found)))
    edges = exact.ppf(np.linspace(0.1, 0.9, 9)).astype(int)
    cells = np.searchsorted(edges, found, "left")
    expected = np.diff([0, *exact.cdf(edges), 1]) * len(found)
    assert stats.chisquare(np.bincount(cells, minlength=10), expected).pvalue > 1e-4


def test_95_percent_intervals_of_replications_are_right_in_about_95_percent() -> None:
    """1,000 trials of 20 replications: of the mean, and of the probability of at most 60."""
    trials, exact = many_bounces().reshape(1000, 20), stats.binom(EMAILS, SHARE)
    means = [intervals.mean(trial) for trial in trials]
    covered = sum(found.low <= exact.mean() <= found.high for found in means)
    assert 930 <= covered <= 970
    shares = [intervals.share(int((trial <= 60).sum()), 20) for trial in trials]
    covered = sum(found.low <= exact.cdf(60) <= found.high for found in shares)
    assert 930 <= covered <= 975  # of so few replications a share has 21 values only


# --- estimates ------------------------------------------------------------------------------------


def test_probability_is_the_share_that_is_finished_by_then() -> None:
    found = cases.replications()
    done = found.finish["finished"]
    middle = done.sort_values().iloc[40]
    assert found.probability(middle).value == (done <= middle).mean()
    before = middle - pd.Timedelta(microseconds=1)
    assert found.probability(before).value == (done < middle).mean()
    digest = found.tasks.query("name == 'Digest'")["finished"]
    assert found.probability("2026-12-07", "Digest").value == (digest < "2026-12-08").mean()
    assert found.probability("2026-12-07", 2) == found.probability("2026-12-07", "Digest")
    assert found.estimate("by 2026-12-07") == found.probability("2026-12-07")


def test_a_day_is_half_open() -> None:
    """172,801 emails at one a second: the last but one is gone at midnight, a day later."""
    for requests, expected in ((172_799, 1), (172_800, 0)):
        found = sessim.replicate(one_task(requests, rate=1), 2)
        assert found.probability("2026-12-02").value == expected
        assert found.probability("2026-12-03 00:00").value == 1


def test_quantiles_of_the_finish() -> None:
    found = cases.replications()
    done = found.finish["finished"].sort_values(ignore_index=True)
    half = found.finish_quantile(0.5)
    assert half.value == done[29]
    assert half.low <= half.value <= half.high
    assert pd.isna(found.finish_quantile(0.001).low)  # 60 are too few to bound it


def test_what_is_later_is_counted_and_never_left_out() -> None:
    found = sessim.replicate(cases.plan(), 60, 7, until="2026-12-08")
    whole = cases.replications().finish["finished"]
    late = int((whole >= "2026-12-09").sum())
    assert 0 < late < 60
    assert found.finish["finished"].isna().sum() == late
    end = pd.Timestamp("2026-12-09", tz="Asia/Shanghai")
    assert (found.finish["later_than"].dropna() == end).all()
    row = found.summary().iloc[0]
    assert (row["n"], row["later"]) == (60, late)
    assert pd.isna(row["mean"])
    assert pd.isna(row["p95"])
    assert found.estimate("finish_hours").value == np.inf
    assert found.probability("2026-12-08").value == (60 - late) / 60
    assert repr(found).endswith("95% done later than 2026-12-09")
    with pytest.raises(sessim.ArgumentError, match="is behind the end of the replications"):
        found.probability("2026-12-20")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda found: found.probability("soon"), "by: 'soon' is not a date"),
        (lambda found: found.probability("2026-12-08", "Lunch"), "task: there is none named"),
        (lambda found: found.probability("2026-12-08", 3), "task: 3 is none of 1 to 2"),
        (lambda found: found.estimate("finished"), "measure: 'finished' is unknown; did you mean"),
        (lambda found: found.finish_quantile(1.5), "q: 1.5 is not between 0 and 1"),
        (lambda found: found.summary(level=95), "level: 95 is not between 0 and 1"),
        (lambda found: found.summary(quantiles=[0]), "quantiles: 0 is not between 0 and 1"),
        (lambda found: found.summary(quantiles=["a"]), "quantiles: 'a' is not between 0 and 1"),
        (lambda found: found.summary(quantiles=0.5), "quantiles: 0.5 are none; give a list"),
        (lambda found: found.measures(quantiles=None), "quantiles: None are none; give a list"),
        (lambda found: found.replication(-1), "number: -1 is no replication"),
        (lambda found: found.plot.backlog(domain="b"), "domain: there is no 'b'"),
    ],
)
def test_bad_questions_get_one_sentence(ask: Any, said: str) -> None:
    with pytest.raises(sessim.ArgumentError) as error:
        ask(cases.replications())
    assert str(error.value).startswith(said)


# --- tables ---------------------------------------------------------------------------------------


def test_summaries_are_those_of_the_rows() -> None:
    found = cases.replications()
    rows = found.summary()
    assert rows["name"].tolist() == ["all tasks", "Launch", "Digest"]
    launch = found.tasks.query("name == 'Launch'")["finished"]
    assert rows["p50"][1] == launch.sort_values().iloc[29]
    assert abs(rows["mean"][1] - launch.mean()) < pd.Timedelta(seconds=1)
    daily = found.daily_summary()
    sent = found.daily.groupby("date")["sent"]
    expected = daily.query("measure == 'sent'").set_index("date")
    pd.testing.assert_series_equal(sent.mean(), expected["mean"], check_names=False)
    assert (sent.max() >= expected["p95"]).all()
    limit = found.daily.dropna(subset="limit").groupby("date")["limit"]
    of_limit = daily.query("measure == 'limit'").set_index("date")
    assert of_limit["n"].tolist() == limit.size().tolist()
    assert of_limit["mean"].tolist() == pytest.approx(limit.mean().astype(float).tolist())
    measures = found.measures().set_index("measure")
    assert measures.loc["sent", "mean"] == found.finish["sent"].mean()
    assert measures.loc["pauses", "sd"] == pytest.approx(found.finish["pauses"].std())


def test_every_measure_has_a_figure() -> None:
    found = cases.replications()
    for name in frames.MEASURES:
        estimate = found.estimate(name)
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.n == 60


def test_what_is_saved_can_be_read(tmp_path: Path) -> None:
    found = cases.replications()
    found.save(tmp_path / "out")
    assert len(pd.read_csv(tmp_path / "out" / "finish.csv")) == 60
    assert len(pd.read_csv(tmp_path / "out" / "tasks.csv")) == 120
    assert len(pd.read_csv(tmp_path / "out" / "daily.csv")) == len(found.daily)
    assert sessim.Plan.from_yaml(tmp_path / "out" / "plan.yaml").to_dict() == found.plan.to_dict()
    first = (tmp_path / "out" / "summary.csv").read_text("utf-8").splitlines()[1]
    assert first.startswith(",all tasks,60,0,2026-12-")


def test_it_says_what_it_is() -> None:
    said = repr(cases.replications())
    assert said.startswith("60 replications: 5% done by 2026-12-")
    assert "later" in cases.replications()._repr_html_()
    assert repr(sessim.replicate(cases.plan(), 1)).startswith("1 replication: ")


def test_a_deadline_before_the_plan_is_no_probability_of_0() -> None:
    with pytest.raises(sessim.ArgumentError, match=r"^by: 2020-01-01 is before the plan's start"):
        sessim.replicate(cases.plan(), 2).probability("2020-01-01")
