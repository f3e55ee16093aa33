"""The report: one file, complete, closed in itself, whatever is in it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sessim import charts
from sessim.planfile import yaml_text
from sessim.widgets import report
from tests import results
from tests.widgets.pages import Page, read


@pytest.fixture(scope="module")
def page() -> Page:
    return read(report.html(results.launch()))


def captions(page: Page) -> list[str]:
    return [caption.text for caption in page.all("caption")]


def test_nothing_is_asked_of_another_place(page: Page) -> None:
    for element in page.elements:
        for name in ("src", "href", "srcset", "action", "data"):
            assert (element.attributes.get(name) or "data:").startswith("data:")
    styles = "".join(style.text for style in page.all("style"))
    assert "url(" not in styles
    assert "@import" not in styles
    assert not page.all("script")
    assert not page.all("link")
    (policy,) = page.all("meta", http_equiv="Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'")


def test_it_can_be_read_by_everybody(page: Page) -> None:
    assert page.balanced
    (html,) = page.all("html")
    assert html.attributes["lang"] == "en"
    assert page.all("title")[0].text == page.all("h1")[0].text == "Warm-up report"
    assert len(page.all("main")) == 1
    assert [h.text for h in page.all("h2")] == [
        "Summary", "Tasks", "Charts", "Days", "Pauses", "Plan",
    ]  # fmt: skip
    assert all(head.attributes["scope"] in ("row", "col") for head in page.all("th"))
    assert len(captions(page)) == len(page.all("table")) == 3
    regions = page.all("div", class_="scroll")
    assert all(r.attributes["tabindex"] == "0" and r.attributes["aria-label"] for r in regions)
    style = page.all("style")[0].text
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def test_charts_are_inside_and_described(page: Page) -> None:
    images = page.all("img")
    assert [image.attributes["alt"] for image in images] == [
        charts.description(results.launch(), chart) for chart in charts.CHARTS
    ]
    for image in images:
        kind, data = (image.attributes["src"] or "").split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")


def test_tables_have_the_numbers_of_the_result(page: Page) -> None:
    result = results.launch()
    tasks, days, pauses = page.tables
    assert [(row["Task"], row["Sent"], row["Finished"]) for row in tasks] == [
        (
            f"{task.name}\n{task.task} · {task.domain}",
            f"{task.sent:,}",
            f"{task.finished:%Y-%m-%d %H:%M}",
        )
        for task in result.tasks.itertuples()
    ]
    assert [(row["Date"], row["Domain"], row["Sent"], row["Limit"]) for row in days] == [
        (f"{day.date:%Y-%m-%d}", day.domain, f"{day.sent:,}", f"{day.limit:,}")
        for day in result.daily.itertuples()
    ]
    assert [(row["Start"], row["Cache queue"], row["Reason"]) for row in pauses] == [
        (f"{pause.start:%Y-%m-%d %H:%M:%S}", f"{pause.cached:,}", pause.reason)
        for pause in result.pauses.itertuples()
    ]


def test_the_plan_is_told_as_yaml(page: Page) -> None:
    (code,) = page.all("code")
    assert code.text == yaml_text(results.launch().plan.to_dict())


def test_texts_are_never_markup() -> None:
    page = read(report.html(results.hostile(), title=results.ENDING))
    assert page.balanced
    assert not page.all("script")
    assert len(page.all("img")) == 3
    assert page.all("h1")[0].text == page.all("title")[0].text == results.ENDING
    tasks, _, pauses = page.tables
    names = [row["Task"].split("\n")[0] for row in tasks]
    assert names == [results.HOSTILE, results.ENDING]
    assert pauses[0]["Task"].startswith(results.HOSTILE)
    assert results.HOSTILE in page.all("code")[0].text
    handlers = [n for e in page.elements for n in e.attributes if n.startswith("on")]
    assert handlers == []


@pytest.mark.parametrize("result", [results.nothing_due, results.no_pause])
def test_little_to_tell(result: Any) -> None:
    page = read(report.html(result(), language="id"))
    assert page.balanced
    assert page.all("html")[0].attributes["lang"] == "id"
    assert "Tidak ada jeda." in page.all("main")[0].text


def test_long_tables_are_cut_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_ROWS", 5)
    page = read(report.html(results.launch()))
    assert [len(table) for table in page.tables] == [5, 5, 5]
    assert "The first 5 of 8 rows are shown" in page.all("main")[0].text


def test_work_left_is_said() -> None:
    text = read(report.html(results.many(20, 2, 2))).all("main")[0].text
    assert "Work was left at the end." in text
    text = read(report.html(results.nothing_due())).all("main")[0].text
    assert "All that was due was done; runs are due after the end." in text
