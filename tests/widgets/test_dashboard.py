"""The dashboard: figures and charts of what is chosen, shared with a console, and its files."""

from __future__ import annotations

import asyncio
import html
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sessim
from sessim import charts
from sessim.summary import summary
from sessim.widgets.console import Console
from sessim.widgets.dashboard import Dashboard
from sessim.widgets.markup import Html
from sessim.widgets.pictures import Pictures
from tests import results
from tests.widgets.pages import html_of, read


@pytest.fixture
def dashboard(tmp_path: Path) -> Dashboard:
    found = Dashboard(results.launch())
    found.folder = str(tmp_path / "out")
    return found


def figures(dashboard: Dashboard) -> dict[str, str]:
    page = read(dashboard.figures.value)
    names, values = page.all("dt"), page.all("dd")
    return {name.text: value.text for name, value in zip(names, values, strict=True)}


def said(dashboard: Dashboard) -> list[str | None]:
    return [image.attributes["alt"] for image in read(dashboard.charts.value).all("img")]


def test_figures_are_those_of_the_summary(dashboard: Dashboard) -> None:
    assert dashboard.summary == summary(results.launch())
    assert figures(dashboard) == {
        "Finish": "2026-12-30 08:29",
        "Requests due": "1,084,000",
        "Sent": "1,084,000",
        "Unsent at the end": "0",
        "Failed": "0",
        "Cancelled": "0",
        "Pauses": "25",
        "Paused hours, all runs": "522.6",
        "Largest backlog": "250,000",
        "Largest backlog on": "2026-12-14 09:00",
        "Days at the limit, all domains": "16",
        "Utilisation of the limits": "29.1%",
    }


def test_charts_are_images_that_say_what_they_show(dashboard: Dashboard) -> None:
    expected = [charts.description(results.launch(), chart) for chart in charts.CHARTS]
    assert said(dashboard) == expected
    assert "1,084,000 emails" in expected[0]
    images = read(dashboard.charts.value).all("img")
    assert all(image.attributes["src"].startswith("data:image/png;base64,") for image in images)


def test_chosen_tasks_and_domains(dashboard: Dashboard) -> None:
    dashboard.tasks_box.value = (3,)
    assert dashboard.selected == (3,)
    assert figures(dashboard)["Sent"] == "175,000"
    assert said(dashboard)[0] == charts.description(results.launch(), "throughput", tasks=[3])
    dashboard.selected, dashboard.domains = (), "launch.example.com"
    assert dashboard.domains_box.value == ("launch.example.com",)
    assert figures(dashboard)["Sent"] == "388,000"
    dashboard.selected = "Newsletter"
    assert "None of the chosen tasks" in dashboard.figures.value
    assert dashboard.error == ""
    dashboard.all_button.click()
    assert (dashboard.selected, dashboard.domains) == ((), ())
    assert figures(dashboard)["Sent"] == "1,084,000"


def test_it_says_how_many_tasks_are_shown(dashboard: Dashboard) -> None:
    assert read(dashboard.coverage.value).elements[0].text == ""
    assert "those of the tasks' domains" not in html.unescape(dashboard.figures.value)
    dashboard.selected = 3
    assert "1 of 8 tasks shown" in dashboard.coverage.value
    assert "those of the tasks' domains" in html.unescape(dashboard.figures.value)
    dashboard.choose((), ("launch.example.com",))
    assert "3 of 8 tasks" in dashboard.coverage.value
    dashboard.choose((3,), ("launch.example.com",))
    assert "0 of 8 tasks" in dashboard.coverage.value
    dashboard.all_button.click()
    assert read(dashboard.coverage.value).elements[0].text == ""
    dashboard.selected, dashboard.result = 3, None
    assert dashboard.coverage.value == ""


def test_a_console_shares_result_and_selection() -> None:
    console = Console(results.launch())
    dashboard = Dashboard(console=console)
    assert dashboard.result is console.result
    console.selected = "Newsletter"
    assert dashboard.selected == dashboard.tasks_box.value == (3,)
    dashboard.tasks_box.value, dashboard.domains_box.value = (1, 2), ("launch.example.com",)
    assert (console.selected, console.domains) == ((1, 2), ("launch.example.com",))
    data = results.launch().plan.to_dict()
    del data["tasks"][0]
    console.result = other = sessim.simulate(sessim.Plan.from_dict(data))
    assert dashboard.result is other
    assert console.selected == dashboard.selected == (1,)
    dashboard.result = results.no_pause()
    assert console.result is results.no_pause()
    assert console.selected == dashboard.selected == ()
    assert console.error == dashboard.error == ""
    assert Dashboard(results.launch(), console=console).result is console.result


def test_out_of_sight_it_draws_later(monkeypatch: pytest.MonkeyPatch) -> None:
    dashboard = Dashboard(active=False)
    dashboard.result, dashboard.selected = results.launch(), 3
    assert dashboard.charts.value == ""
    dashboard.active = True
    assert figures(dashboard)["Sent"] == "175,000"
    drawn: list[int] = []
    monkeypatch.setattr(Dashboard, "_draw_charts", lambda *_: drawn.append(1))
    dashboard.active = False
    dashboard.active = True
    assert drawn == []


def test_with_a_loop_charts_are_drawn_behind_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[object, str]] = []
    show = Pictures.show

    def told(self: Pictures, chart: str) -> Html:
        drawn.append((self, chart))
        return show(self, chart)

    monkeypatch.setattr(Pictures, "show", told)

    async def journey() -> None:
        dashboard = Dashboard(results.no_pause())
        assert figures(dashboard)["Sent"] == "1,000"
        assert (dashboard.charts.value, dashboard.message) == ("", "Drawing the charts...")
        dashboard.selected = 1  # makes the first drawing obsolete
        while dashboard.message:
            await asyncio.sleep(0)
        assert len(said(dashboard)) == len(drawn) == 3
        dashboard.selected = ()
        dashboard.close()
        await asyncio.sleep(0.01)
        assert len(drawn) == 3

    asyncio.run(journey())


def test_a_chart_that_cannot_be_drawn_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Html:
        raise RuntimeError("no ink")

    monkeypatch.setattr(Pictures, "show", fail)

    async def journey() -> None:
        dashboard = Dashboard(results.no_pause())
        await asyncio.wait([dashboard._task])
        assert dashboard.error == "RuntimeError: no ink"
        with pytest.raises(RuntimeError):
            dashboard._task.result()

    asyncio.run(journey())
    with pytest.raises(RuntimeError):
        Dashboard(results.no_pause())


def test_no_result_yet() -> None:
    dashboard = Dashboard()
    assert dashboard.summary is None
    assert "run the plan" in dashboard.figures.value
    assert dashboard.png_button.disabled
    with pytest.raises(sessim.SessimError, match="run the plan"):
        dashboard.write_png()
    dashboard.result = results.launch()
    assert not dashboard.png_button.disabled
    dashboard.result = None
    assert dashboard.tasks_box.options == ()


# --- files ----------------------------------------------------------------------------------------


def test_export_buttons_write_files(dashboard: Dashboard, tmp_path: Path) -> None:
    dashboard.png_button.click()
    assert [file.name for file in dashboard.files] == [f"{chart}.png" for chart in charts.CHARTS]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in dashboard.files)
    assert str(tmp_path / "out" / "backlog.png") in dashboard.message
    links = read(dashboard.links.value).all("a")
    assert [link.attributes["download"] for link in links] == [f.name for f in dashboard.files]
    dashboard.html_button.click()
    (file,) = dashboard.files
    assert file.read_text("utf-8").startswith("<!DOCTYPE html>")
    dashboard.csv_button.click()
    (file,) = dashboard.files
    first = file.read_bytes()
    dashboard.csv_button.click()
    assert file.read_bytes() == first


def test_the_tables_in_the_archive_are_those_of_the_result(dashboard: Dashboard) -> None:
    (file,) = dashboard.write_csv()
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        tasks = pd.read_csv(archive.open("tasks.csv"))
        events = pd.read_csv(archive.open("events.csv"), dtype_backend="pyarrow")
        plan = archive.read("plan.yaml").decode()
    tables = ("tasks", "runs", "daily", "pauses", "events", "summary")
    assert names == {*(f"{name}.csv" for name in tables), "plan.yaml", "README.txt"}
    assert tasks["sent"].tolist() == results.launch().tasks["sent"].tolist()
    assert tasks["finished"][0] == "2026-12-08T00:34:35+08:00"
    assert len(events) == len(results.launch().events)
    assert plan == results.launch().plan.to_yaml()


def test_files_say_what_they_cover(dashboard: Dashboard) -> None:
    dashboard.selected = 3
    assert b"1 of 8 tasks shown" in dashboard.write_png()[0].read_bytes()
    assert "whole plan" in dashboard.csv_button.description
    with zipfile.ZipFile(dashboard.write_csv()[0]) as archive:
        said = archive.read("README.txt").decode()
    assert said == "The whole plan (tasks: 8, domains: 3).\n"
    assert "whole plan" in dashboard.html_button.description
    assert said.strip() in dashboard.write_html()[0].read_text("utf-8")
    dashboard.selected = ()
    assert b"tasks shown" not in dashboard.write_png()[0].read_bytes()


def test_a_folder_that_cannot_be_written_is_said(dashboard: Dashboard, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    dashboard.folder_box.value = str(tmp_path / "file")
    dashboard.html_button.click()
    assert "File exists" in dashboard.error
    assert dashboard.files == ()
    dashboard.folder = str(tmp_path)
    dashboard.html_button.click()
    assert (dashboard.error, len(dashboard.files)) == ("", 1)
    dashboard.result = results.no_pause()
    assert (dashboard.files, dashboard.links.value) == ((), "")


def test_large_files_have_no_link(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessim.widgets.export.LARGEST", 10)
    dashboard.png_button.click()
    assert not read(dashboard.links.value).all("a")
    assert "Written" in dashboard.message


# --- texts and sizes ------------------------------------------------------------------------------


def test_texts_are_never_markup() -> None:
    dashboard = Dashboard(results.hostile())
    dashboard.selected = 1
    page = read(html_of(dashboard))
    assert page.balanced
    assert all(image.attributes["src"].startswith("data:") for image in page.all("img"))
    assert not page.all("script")
    assert dashboard.tasks_box.options[0] == (f"1: {results.HOSTILE}", 1)


@pytest.mark.parametrize("result", [results.nothing_due, results.no_pause, results.hostile])
def test_little_to_show(result: Any, tmp_path: Path) -> None:
    dashboard = Dashboard(result(), language="id")
    dashboard.folder = str(tmp_path)
    for button in (dashboard.png_button, dashboard.csv_button, dashboard.html_button):
        button.click()
        assert (dashboard.error, len(dashboard.files) > 0) == ("", True)
    assert len(said(dashboard)) == 3


def test_no_limit_and_no_finish_in_words() -> None:
    assert figures(Dashboard(results.no_pause()))["Utilisation of the limits"] == "no limit"
    found = figures(Dashboard(results.nothing_due()))
    assert found["Finish"] == "not finished: runs are due after the end"
    assert (found["Unsent at the end"], found["Largest backlog on"]) == ("0", "never")


def test_many_tasks_are_offered_in_part() -> None:
    dashboard = Dashboard(results.many(300, 2, 2))
    assert len(dashboard.tasks_box.options) == 200
    dashboard.selected = (1, 250)
    assert len(dashboard.tasks_box.options) == 201
    assert dashboard.tasks_box.value == (1, 250)
