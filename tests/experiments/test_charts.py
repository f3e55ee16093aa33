"""The charts of replications, by their data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.dates import num2date
from matplotlib.figure import Figure

import sessim
from sessim.experiments.charts import save_all
from tests.experiments import cases


def axes() -> object:
    return Figure().add_subplot()


def test_the_median_of_the_throughput_is_that_of_the_days() -> None:
    found = cases.replications()
    ax = found.plot.throughput(ax=axes())
    [line] = ax.get_lines()
    each = found.daily.pivot(index="replication", columns="date", values="sent").to_numpy()
    expected = np.sort(each, axis=0)[29]
    drawn = line.get_ydata()[:-1].tolist()  # type: ignore[union-attr]
    assert drawn == expected[: len(drawn)].tolist()
    assert len(drawn) >= np.flatnonzero(np.sort(each, axis=0)[56]).max()
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["Median", "90% of replications", "50% of replications", "Daily limit, median"]


def test_the_fan_of_the_backlog_holds_its_share_of_the_replications() -> None:
    found = cases.replications()
    ax = found.plot.backlog(ax=axes(), domain=cases.DOMAIN)
    each = found.daily.pivot(index="replication", columns="date", values="backlog").to_numpy()
    wide = ax.collections[0].get_paths()[0].vertices
    assert wide[:, 1].max() == np.sort(each, axis=0)[56].max()
    assert ax.get_legend().get_title().get_text().startswith("Backlog at the end of each day")


def test_the_finish_rises_to_the_share_that_is_finished() -> None:
    found = cases.replications()
    deadline = found.finish_quantile(0.5).value
    ax = found.plot.finish(ax=axes(), by=deadline)
    line = ax.get_lines()[0]
    assert line.get_ydata()[-1] == found.finish["finished"].notna().mean()  # type: ignore[index]
    texts = " / ".join(text.get_text() for text in ax.get_legend().get_texts())
    sure = found.probability(deadline)
    assert f"Deadline: {sure.value:.1%} ({sure.low:.1%} to {sure.high:.1%})" in texts
    dots = [num2date(mark.get_xdata()[0]) for mark in ax.get_lines()[1:4]]  # type: ignore[index]
    assert abs((dots[1] - deadline).total_seconds()) < 1


def test_what_is_later_than_the_end_is_said() -> None:
    found = sessim.replicate(cases.plan(), 30, 7, until="2026-12-08")
    ax = found.plot.finish(ax=axes(), task="Launch")
    texts = " / ".join(text.get_text() for text in ax.get_legend().get_texts())
    assert "% later than 9 Dec 00:00" in texts
    assert ax.get_legend().get_title().get_text() == "Launch finished: 30 replications"


def test_nothing_finished_is_a_chart_too() -> None:
    found = sessim.replicate(cases.plan(), 3, 7, until="2026-12-02")
    for chart in ("throughput", "backlog", "finish"):
        ax = getattr(found.plot, chart)(ax=axes())
        ax.get_figure().draw_without_rendering()


@pytest.mark.parametrize("warmup", ["none", 100])
def test_without_chance_a_fan_is_a_line(warmup: object) -> None:
    plan = sessim.Plan(
        start="2026-12-01",
        domains=[sessim.Domain("a.example.com", warmup=warmup)],
        tasks=[sessim.Task("A", sender="x@a.example.com", requests=250)],
    )
    ax = sessim.replicate(plan, 2).plot.throughput(ax=axes())
    expected = [250, 250] if warmup == "none" else [100, 100, 50, 50]
    assert ax.get_lines()[0].get_ydata().tolist() == expected  # type: ignore[union-attr]


def test_pictures_are_written(tmp_path: Path) -> None:
    files = save_all(cases.replications().plot, tmp_path)
    assert [file.name for file in files] == ["throughput.png", "backlog.png", "finish.png"]
    again = [file.read_bytes() for file in files]
    assert [file.read_bytes() for file in save_all(cases.replications().plot, tmp_path)] == again
