"""The console: numbers as in the result's tables at every time, filters, lives, time control."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
import traitlets

import sessim
from sessim.lifecycle import TaskStatus
from sessim.widgets import markup
from sessim.widgets.console import MOST_ROWS, Console
from tests import results
from tests.widgets.pages import html_of, read, widgets_in

TIMES = [
    *("2026-12-01", "2026-12-01 00:00:10", "2026-12-05 12:00"),
    *("2026-12-14 10:30", "2026-12-29 18:00"),
]


@pytest.fixture
def console() -> Console:
    return Console(results.launch())


def rows(console: Console) -> list[dict[str, str]]:
    tables = read(console.task_list.value).tables
    return tables[0] if tables else []


def percent(progress: float) -> str:
    return "<1%" if 0 < progress < 0.01 else f"{int(100 * progress)}%"


def wall(time: str) -> dt.datetime:
    return dt.datetime.fromisoformat(time)


def listed(console: Console) -> list[str]:
    return [row["Task"].split("\n")[0] for row in rows(console)]


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", TIMES)
def test_the_list_has_the_numbers_of_the_result(console: Console, time: str) -> None:
    console.time = time
    tasks = console.result.at(time)
    assert rows(console) == [
        {
            "Task": f"{task.name}\n{task.task} · {task.domain}",
            "Sending Progress": "<1%"
            if 0 < task.progress < 0.01
            else f"{int(100 * task.progress)}%",
            "Task Type": task.type,
            "Task Status": f"{markup.SIGNS[task.status]}{task.status}",
            "Requests": f"{task.requests:,}",
            "Sent": f"{task.sent:,}",
            "Cache queue": f"{task.cached:,}",
        }
        for task in tasks.itertuples()
    ]


@pytest.mark.parametrize("time", TIMES)
def test_the_domains_have_the_numbers_of_the_result(console: Console, time: str) -> None:
    console.time = time
    (found,) = read(console.domain_list.value).tables
    for row, domain in zip(found, console.result.domains_at(time).itertuples(), strict=True):
        numbers = [row[key] for key in ("Day's limit", "Used", "Left", "Cache queue", "Backlog")]
        expected = (domain.limit, domain.used, domain.left, domain.cached, domain.backlog)
        assert [row["Domain"], *numbers] == [domain.domain, *(f"{n:,}" for n in expected)]


def test_a_bar_stands_still_while_paused_and_grows_after_the_restart(console: Console) -> None:
    widths = {}
    for time in ("2026-12-05 01:00", "2026-12-05 23:59", "2026-12-06 00:05", "2026-12-06 12:00"):
        console.time = time
        widths[time] = read(console.task_list.value).all("i")[0].attributes
    still, later, grown, paused = widths.values()
    assert still == later == {"class": "paused", "style": "width:15.4%"}
    assert grown == {"class": "sending", "style": "width:20.4%"}
    assert paused["class"] == "paused"


def test_a_status_is_a_word_and_a_sign(console: Console) -> None:
    console.time = "2026-12-05 12:00"
    signs = read(console.task_list.value).all("span", class_="sign")
    assert {sign.text for sign in signs} == {"‖", "○"}
    assert all(sign.attributes["aria-hidden"] == "true" for sign in signs)
    assert "5 To start, 3 Paused" in console.task_list.value


def test_tables_can_be_read_out(console: Console) -> None:
    console.selected = 1
    page = read(html_of(console))
    assert page.balanced
    tables = page.all("table")
    assert len(tables) == len(page.all("caption")) == 3
    assert all(head.attributes["scope"] in ("row", "col") for head in page.all("th"))
    assert page.all("div", role="status")
    assert console.task_list.tabbable


# --- time -----------------------------------------------------------------------------------------


def test_time_is_a_trait_that_takes_what_at_takes(console: Console) -> None:
    assert str(console.time) == "2026-12-01 00:00:00+08:00"
    seen: list[Any] = []
    console.observe(lambda change: seen.append(change["new"]), "time")
    console.time = "2026-12-05 12:00"
    console.time = dt.date(2026, 12, 6)
    console.time = dt.datetime(2026, 12, 6, 1, tzinfo=dt.UTC)
    assert [time.isoformat() for time in seen] == [
        "2026-12-05T12:00:00+08:00", "2026-12-06T00:00:00+08:00", "2026-12-06T09:00:00+08:00",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="not a date or time"):
        console.time = "noon"


def test_slider_field_and_time_go_together(console: Console) -> None:
    bar = console.time_bar
    console.time = "2026-12-05 12:07:30"
    assert bar.field.value == wall("2026-12-05 12:07:30")
    assert bar.slider.value == 4 * 1440 + 12 * 60  # the nearest step
    bar.step = 10
    assert bar.slider.value == 4 * 1440 + 12 * 60 + 10
    assert str(console.time) == "2026-12-05 12:07:30+08:00"
    bar.slider.value = 1440
    assert str(console.time) == "2026-12-02 00:00:00+08:00"
    bar.field.value = wall("2026-12-05 09:00")
    assert (str(console.time), bar.slider.value) == ("2026-12-05 09:00:00+08:00", 4 * 1440 + 540)
    bar.slider.value = bar.slider.max
    assert console.time == console.result.end
    assert set(console.result.tasks["status"]) == {"Sent"}
    assert "8 Sent" in console.task_list.value


def test_steps_and_changes(console: Console) -> None:
    bar = console.time_bar
    bar.step_box.value = 60
    bar.on.click()
    bar.on.click()
    bar.back.click()
    assert str(console.time) == "2026-12-01 01:00:00+08:00"
    console.selected = "Newsletter"
    bar.next.click()
    assert str(console.time) == "2026-12-02 08:00:00+08:00"
    bar.next.click()
    bar.previous.click()
    assert str(console.time) == "2026-12-02 08:00:00+08:00"
    bar.previous.click()
    assert str(console.time) == "2026-12-01 00:00:00+08:00"
    bar.back.click()
    assert (str(console.time), console.message) == ("2026-12-01 00:00:00+08:00", "")
    bar.step = 45
    assert bar.step_box.value == 45


def test_buttons_of_the_time_stay_where_they_are(console: Console) -> None:
    bar = console.time_bar
    (row,) = (child for child in bar.children if bar.next in child.children)
    assert row.children == bar.buttons  # the field, which shows seconds or not, is in another
    assert "sessim-time" in bar.field._dom_classes
    assert ".sessim-time input" in html_of(console)


def test_lists_that_are_scrolled_have_an_edge(console: Console) -> None:
    for scrolled in (console.task_list, console.life_list):
        assert scrolled.layout.overflow == "auto"
        assert "sessim-list" in scrolled._dom_classes
    assert ".sessim-list" in html_of(console)
    assert float(console.task_list.layout.max_height.removesuffix("rem")) * 16 >= 12 * 60


def test_a_time_outside_says_so(console: Console) -> None:
    console.time_bar.field.value = wall("2027-03-01 12:00")
    assert console.time == console.result.end
    assert "2027-03-01 12:00 is outside" in console.message
    assert console.time_bar.field.value == console.result.end.replace(tzinfo=None)
    console.time = "2026-12-05"
    assert console.message == ""
    console.time = "2026-11-01"
    assert str(console.time) == "2026-12-01 00:00:00+08:00"
    assert "outside" in console.message


def test_playing_goes_on_to_the_end_and_can_be_paused(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessim.widgets.timebar._INTERVAL", 0)
    bar = console.time_bar
    assert bar.play() is None  # nobody looks on where no loop is running

    async def journey() -> None:
        bar.play_button.click()
        assert bar.playing
        assert bar.play_button.description == "Pause"
        for _ in range(5):
            await asyncio.sleep(0)
        bar.play_button.click()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not bar.playing
        assert console.result.plan.clock.instant(dt.date(2026, 12, 1)) < bar.instant < bar.end
        await bar.play()
        assert bar.instant == bar.end
        task = bar.play()  # from the beginning again
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert bar.instant < bar.end
        bar.pause()
        await task

    asyncio.run(journey())
    assert bar.play_button.description == "Play"


def test_days_with_a_clock_change_have_all_their_instants() -> None:
    plan = sessim.Plan(
        start="2026-10-25",
        timezone="Europe/Berlin",
        domains=[sessim.Domain("a.example.com", warmup=[10_000, 10_000, 10_000])],
        tasks=[sessim.Task("A", sender="x@a.example.com", requests=25_000)],
    )
    console = Console(sessim.simulate(plan))
    bar = console.time_bar
    bar.step = 30
    bar.slider.value = 150
    assert console.time.isoformat() == "2026-10-25T02:30:00+02:00"
    bar.slider.value = 210
    assert console.time.isoformat() == "2026-10-25T02:30:00+01:00"
    assert bar.slider.value == 210


# --- filters --------------------------------------------------------------------------------------


def test_filters_by_status_and_type_as_the_api_has_them(console: Console) -> None:
    console.time = "2026-12-05 12:00"
    console.status_filter = TaskStatus.PAUSED
    assert (console.status_filter, console.status_box.value) == ("Paused", "Paused")
    assert listed(console) == ["Grand opening", "Early birds", "Weekend deals"]
    assert "3 of 8 tasks shown" in console.task_list.value
    console.type_filter = 1
    assert listed(console) == ["Grand opening"]
    console.status_box.value = "Error"
    assert listed(console) == []
    assert "No task matches" in console.task_list.value
    console.status_filter, console.type_box.value = "", "Recurring"
    assert listed(console) == ["Newsletter", "Weekend deals", "Invoices"]
    console.type_filter, console.name_box.value = None, " NEW"
    assert listed(console) == ["Newsletter", "New Year greeting"]
    with pytest.raises(traitlets.TraitError, match="'Paused'"):
        console.status_filter = "Waiting"


def test_chosen_domains_narrow_the_lists(console: Console) -> None:
    console.domains = "news.example.com"
    assert listed(console) == ["Newsletter", "Weekend deals", "New Year greeting"]
    assert len(read(console.domain_list.value).tables[0]) == 1
    with pytest.raises(sessim.LogError, match="did you mean"):
        console.domains = "new.example.com"


# --- lives ----------------------------------------------------------------------------------------


def test_a_chosen_task_shows_its_life(console: Console) -> None:
    console.time = "2026-12-04 12:00"
    console.life_box.value = 3
    assert console.selected == (3,)
    life = console.result.life(3)
    (table,) = read(console.life_list.value).tables
    assert [row["Time"] for row in table] == [f"{time:%Y-%m-%d %H:%M:%S}" for time in life["time"]]
    assert [row["Reason"] for row in table] == list(life["reason"])
    assert [row["Sent"].split(" / ")[0] for row in table] == [f"{sent:,}" for sent in life["sent"]]
    page = read(console.life_list.value)
    (now,) = page.all("tr", aria_current="true")
    assert now.text.startswith("2026-12-04 00:15:39")
    (chosen,) = read(console.task_list.value).all("tr", aria_current="true")
    assert chosen.attributes["data-row"] == "3"
    console.life_box.value = 0
    assert (console.selected, console.life_list.value) == ((), "")


def test_several_tasks_and_many_changes_are_cut_with_a_note(console: Console) -> None:
    console.selected = ["Invoices", 1]
    assert console.selected == (5, 1)
    assert console.life_box.value == 0
    assert "2 tasks" in console.life_box.label
    first, second = read(console.life_list.value).tables
    assert (len(first), len(second)) == (40, len(console.result.life(1)))
    total = len(console.result.life(5))
    assert f"0 earlier and {total - 40} later changes" in console.life_list.value
    console.time = console.result.end
    assert f"{total - 40} earlier and 0 later changes" in console.life_list.value
    console.selected = range(1, 9)
    assert "first 3 of 8 chosen tasks" in console.life_list.value
    with pytest.raises(sessim.LogError, match="Newsletter"):
        console.selected = "Newsleter"


def test_a_task_that_has_not_begun_has_no_life() -> None:
    console = Console(results.nothing_due())
    console.selected = 1
    assert "Nothing happens" in console.life_list.value


# --- results --------------------------------------------------------------------------------------


def test_a_new_result_keeps_what_still_makes_sense(console: Console) -> None:
    console.time, console.selected = "2026-12-05 12:00", ["Newsletter", "Last call"]
    console.domains, console.status_filter = "billing.example.com", "Paused"
    data = results.launch().plan.to_dict()
    del data["tasks"][0], data["tasks"][5]  # the launch, and the last call
    console.result = sessim.simulate(sessim.Plan.from_dict(data))
    assert str(console.time) == "2026-12-05 12:00:00+08:00"
    assert (console.selected, console.domains) == ((2,), ("billing.example.com",))
    assert console.status_filter == "Paused"
    console.result = None
    assert (console.time, console.selected) == (None, ())
    assert "run the plan" in console.task_list.value
    console.result = results.launch()
    assert str(console.time) == "2026-12-01 00:00:00+08:00"
    assert len(listed(console)) == 0
    assert "No task matches" in console.task_list.value


def test_a_new_result_is_drawn_once(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(Console, "_draw", lambda self: drawn.append(1))
    console.result = results.many()
    assert len(drawn) == 1
    console.time = "2026-12-20"
    assert len(drawn) == 2


def test_two_consoles_do_not_disturb_each_other(console: Console) -> None:
    other = Console(results.launch(), language="id")
    other.time, other.status_filter = "2026-12-05 12:00", "Paused"
    assert str(console.time) == "2026-12-01 00:00:00+08:00"
    assert len(listed(console)) == 8
    assert "Dijeda" in other.task_list.value


def test_an_error_is_shown_in_the_panel(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("<b>broken</b>")

    monkeypatch.setattr(sessim.Result, "domains_at", fail)
    with pytest.raises(RuntimeError):
        console.time_bar.next.click()
    assert console.error == "RuntimeError: <b>broken</b>"
    assert "&lt;b&gt;broken" in console.status.value
    monkeypatch.undo()
    console.time_bar.next.click()
    assert console.error == ""


# --- texts ----------------------------------------------------------------------------------------


def test_texts_are_never_markup() -> None:
    console = Console(results.hostile())
    console.selected = (1, 2)
    console.name_box.value = results.HOSTILE[:4]
    page = read(html_of(console))
    assert not page.all("img")
    assert not page.all("script")
    assert page.balanced
    (row,) = rows(console)
    assert row["Task"].startswith(results.HOSTILE)
    assert results.ENDING in page.all("caption")[-1].text
    assert f"1: {results.HOSTILE}" in [label for label, _ in console.life_box.options]
    handlers = {name for e in page.elements for name in e.attributes if name.startswith("on")}
    assert handlers == {"onload"}


def test_indonesian() -> None:
    console = Console(results.launch(), language="id")
    console.selected = 3
    assert list(rows(console)[0])[:4] == [
        "Tugas",
        "Progres Pengiriman",
        "Jenis Tugas",
        "Status Tugas",
    ]
    assert "batas harian tercapai" in console.life_list.value
    assert console.status_filter == ""
    console.status_box.value = "Sent"
    assert ("Terkirim", "Sent") in console.status_box.options


# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [results.nothing_due, results.no_pause])
def test_little_to_show(result: Any) -> None:
    console = Console(result())
    assert console.error == ""
    assert len(rows(console)) == 1
    console.time_bar.next.click()
    console.time_bar.slider.value = console.time_bar.slider.max
    assert console.error == ""
    assert rows(console)[0]["Sent"] in ("0", "1,000")
    assert "no limit" in console.domain_list.value


def test_a_plan_that_ends_where_it_begins() -> None:
    plan = results.nothing_due().plan
    console = Console(sessim.simulate(plan, until=plan.start))
    console.time_bar.on.click()
    assert console.error == ""


def test_a_rolling_window_that_has_not_begun() -> None:
    plan = sessim.Plan(
        start="2026-12-01",
        window="rolling",
        domains=[sessim.Domain("a.example.com")],
        tasks=[sessim.Task("A", sender="x@a.example.com", requests=5, start="2026-12-02")],
    )
    console = Console(sessim.simulate(plan))
    assert "not begun" in console.domain_list.value


def test_many_tasks_are_cut_with_a_note() -> None:
    console = Console(results.many(2_000, 3, 10))
    assert len(rows(console)) == MOST_ROWS
    assert "The first 200 of 2,000 tasks are shown" in console.task_list.value
    assert len(console.life_box.options) == MOST_ROWS + 1
    console.name_filter = "task 1999"
    assert listed(console) == ["Task 1999"]
    console.life_box.value = 2000
    console.name_filter = ""
    assert console.life_box.value == 2000
    assert len(console.life_box.options) == MOST_ROWS + 2
    assert len(widgets_in(console)) < 40
