"""Plans side by side: the table of differences, overlaid charts, plans added by clicking."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import sessim
from sessim.charts import comparison as overlay
from sessim.comparison import ComparisonError, compare, with_second_domain, with_warmup
from sessim.widgets.compare import Compare
from tests import results
from tests.widgets.pages import html_of, read

LAUNCH = "launch.example.com"
FASTER = {"start": 2_000, "factor": 2, "cap": 1_000_000}


@pytest.fixture
def panel() -> Compare:
    plan = results.launch().plan
    return Compare(
        [results.launch(), with_warmup(plan, FASTER, LAUNCH), with_second_domain(plan, LAUNCH)],
        ["Standard", "Faster", "Two domains"],
    )


def rows(html: str, first: str) -> dict[str, dict[str, str]]:
    (table,) = read(html).tables
    return {row[first]: row for row in table}


def test_figures_and_differences(panel: Compare) -> None:
    found, table = rows(panel.figures.value, "Figure"), panel.table
    assert table.equals(compare(panel.results))
    assert list(found["Pauses"]) == ["Figure", "Standard", "Faster", "Two domains"]
    pauses, changes = table["pauses"], table["pauses_change"]
    assert found["Pauses"]["Standard"] == f"{pauses[0]}"
    assert found["Pauses"]["Faster"] == f"{pauses[1]} ({changes[1]:+})"
    hours = table["paused_hours_change"][2]
    assert found["Paused hours, all runs"]["Two domains"].endswith(f"({hours:+,.1f})")
    assert found["Finish"]["Faster"] == "2026-12-30 08:29 (same)"
    assert found["Utilisation of the limits"]["Faster"].endswith(" points)")
    assert "Failed" not in found


def test_when_each_task_finished(panel: Compare) -> None:
    found = rows(panel.task_list.value, "Task")
    change = panel.tasks.set_index(["name", "plan"])["change_hours"]
    opening = found["Grand opening"]
    assert opening["Standard"] == "2026-12-08 00:34"
    for name in ("Faster", "Two domains"):
        assert opening[name].endswith(f"({-change['Grand opening', name]:,.1f} h earlier)")
    assert found["Grand opening (2)"]["Standard"] == "not in this plan"


def test_a_second_domain_is_explained(panel: Compare) -> None:
    (note,) = read(panel.task_list.value).all("p")
    assert note.text == (
        f"Two domains: each task of {LAUNCH} is split; “(2)” behind a task's name is its other "
        f"half, sent from second.{LAUNCH}."
    )
    panel.remove("Two domains")
    assert not read(panel.task_list.value).all("p")


def test_charts_lie_over_each_other_and_say_so(panel: Compare) -> None:
    images = read(panel.charts.value).all("img")
    assert [image.attributes["alt"] for image in images] == [
        overlay.describe(panel.results, chart) for chart in overlay.CHARTS
    ]
    assert "Two domains: 1,084,000 emails" in images[0].attributes["alt"]


def test_plans_are_added_and_removed_by_code(panel: Compare) -> None:
    panel.add(results.no_pause(), "Small")
    assert list(panel.results)[-1] == "Small"
    panel.add(results.no_pause().plan)
    assert list(panel.results)[-1] == "Plan 5"
    with pytest.raises(ComparisonError, match="'Small' is taken"):
        panel.add(results.no_pause(), "Small")
    panel.remove("Standard")
    assert "difference from Faster" in panel.figures.value
    with pytest.raises(ComparisonError, match="no plan"):
        panel.remove("Standard")
    seen: list[Any] = []
    panel.observe(lambda change: seen.append(list(change["new"])), "results")
    panel.remove("Small")
    assert seen == [["Faster", "Two domains", "Plan 5"]]


def test_variants_by_clicking() -> None:
    panel = Compare({"Standard": results.launch()})
    assert "Add two or more plans" in panel.figures.value
    panel.domain_box.value, panel.warmup_box.value = LAUNCH, "legacy"
    panel.warmup_button.click()
    assert panel.message == "Standard, legacy was added."
    panel.second_button.click()
    panel.warmup_button.click()
    assert list(panel.results) == [
        "Standard", "Standard, legacy", "Standard, two domains", "Standard, legacy (2)",
    ]  # fmt: skip
    plan = results.launch().plan
    assert panel.results["Standard, legacy"].plan == with_warmup(plan, "legacy", LAUNCH)
    assert panel.results["Standard, two domains"].plan == with_second_domain(plan, LAUNCH)
    panel.remove_box.value = "Standard, legacy (2)"
    panel.remove_button.click()
    assert len(panel.results) == 3
    panel.domain_box.value = ""
    panel.second_button.click()
    domains = panel.results["Standard, two domains (2)"].plan.domains
    assert len(domains) == 6


def test_a_plan_file_by_clicking(tmp_path: Path) -> None:
    panel = Compare()
    assert panel.warmup_button.disabled
    assert panel.remove_button.disabled
    file = tmp_path / "my plan.yaml"
    results.launch().plan.to_yaml(file)
    panel.file_box.value = f" {file} "
    panel.file_button.click()
    assert list(panel.results) == ["my plan"]
    assert not panel.warmup_button.disabled
    panel.file_box.value = str(tmp_path / "other.yaml")
    panel.file_button.click()
    assert "cannot read the file" in panel.error
    assert panel.message == ""
    file.write_text("start: 2026-12-01\ntasks: []\ndomains: []\n")
    panel.file_box.value = str(file)
    panel.file_button.click()
    assert "is empty" in panel.error
    assert list(panel.results) == ["my plan"]


def test_too_many_domains_are_an_error_in_the_panel() -> None:
    panel = Compare([results.many(20, 2, 10)])
    panel.second_button.click()
    assert "at most 10" in panel.error


def test_with_a_loop_plans_run_in_the_background() -> None:
    async def journey() -> None:
        panel = Compare({"Standard": results.launch()})
        panel.second_button.click()
        assert panel.progress.layout.display == "flex"
        assert panel.warmup_button.disabled
        while panel.runner.running or len(panel.results) < 2:
            await asyncio.sleep(0.01)
        assert panel.progress.layout.display == "none"
        assert not panel.warmup_button.disabled
        panel.second_button.click()
        panel.runner.stop_button.click()
        while panel.runner.running:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(panel.results) == 2
        assert panel.message.startswith("Stopped")
        assert panel.error == ""

    asyncio.run(journey())


def test_a_failure_in_the_background_is_shown() -> None:
    async def broken(*_: Any, **__: Any) -> sessim.Result:
        await asyncio.sleep(0)
        raise RuntimeError("broken")

    async def journey() -> None:
        panel = Compare({"Standard": results.launch()})
        panel.runner._simulate = broken
        panel.second_button.click()
        for _ in range(10):
            await asyncio.sleep(0)
        assert panel.error == "RuntimeError: broken"
        assert not panel.second_button.disabled

    asyncio.run(journey())


def test_texts_are_never_markup() -> None:
    panel = Compare({results.HOSTILE: results.hostile(), results.ENDING: results.no_pause()})
    page = read(html_of(panel))
    assert page.balanced
    assert all(image.attributes["src"].startswith("data:") for image in page.all("img"))
    assert not page.all("script")
    figures, tasks = page.tables
    assert list(figures[0])[1:] == list(tasks[0])[1:] == [results.HOSTILE, results.ENDING]
    assert tasks[0]["Task"] == results.HOSTILE


def test_indonesian_and_nothing_at_all() -> None:
    panel = Compare([results.nothing_due(), results.no_pause()], language="id")
    assert panel.error == ""
    assert list(panel.results) == ["Plan 1", "Plan 2"]
    found = rows(panel.figures.value, "Angka")
    later = "belum selesai: ada putaran yang jatuh tempo setelah akhir"
    assert found["Selesai"] == {
        "Angka": "Selesai", "Plan 1": later, "Plan 2": "2026-12-01 00:00",
    }  # fmt: skip
    panel.remove("Plan 1")
    panel.remove("Plan 2")
    assert panel.charts.value == ""
    panel.add(results.no_pause())
    assert list(panel.results) == ["Rencana 1"]


def test_many_tasks_are_cut_with_a_note() -> None:
    panel = Compare([results.many(300, 2, 2), results.no_pause()])
    assert len(rows(panel.task_list.value, "Task")) == 200
    assert "200 of 301 tasks" in panel.task_list.value
