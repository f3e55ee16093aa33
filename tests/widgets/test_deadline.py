"""The deadline panel: it answers as ``plan_for`` does, stops, and says what is wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

import sessim
from sessim.widgets import Deadline, Workbench
from sessim.widgets.deadline_labels import DEADLINE_LABELS
from sessim.widgets.deadline_question import RATES, Hand
from tests.widgets.pages import html_of, read, widgets_in

DAYS = {"start": "2026-12-01", "by": "2026-12-10"}
PLAN = sessim.Plan(
    start="2026-12-01",
    domains=[sessim.Domain("shop.example.com", quality={"invalid_rate": {"uniform": [0, 0.06]}})],
    tasks=[sessim.Task("Opening", sender="hello@shop.example.com", requests=1500)],
)
PLAIN = PLAN.to_dict() | {"domains": [{"name": "shop.example.com"}]}


def small(**keys: Any) -> Deadline:
    """Return a panel that answers in well under a second."""
    panel = Deadline(**DAYS, size=9000, domains=1, **keys)
    panel.replications = 20
    return panel


def sentence(panel: Deadline) -> str:
    found = re.search('<p class="sessim-answer">(.*?)</p>', panel.said.value)
    return "" if found is None else found[1]


# --- answers ------------------------------------------------------------------------------------


def test_it_says_what_plan_for_says_and_saves_that_plan(in_a_folder: Path) -> None:
    panel = small()
    panel.answer_button.click()
    quality = {
        "invalid_rate": {"uniform": [0.0125, 0.0375]},
        "spam_bounce_rate": {"uniform": [0.0025, 0.0075]},
        "complaint_rate": {"uniform": [0.0002, 0.0006]},
        "open_rate": {"uniform": [0.1, 0.3]},
    }
    domain = sessim.Domain("new1.example.com", warmup="reputation", quality=quality)
    planned = sessim.plan_for(
        {"List": 9000}, **DAYS, domains=[domain], goal="latest", replications=20
    )
    assert panel.answer.planned.answer == planned.answer
    low, high = planned.odds.interval
    chance = f"{planned.probability:.0%} ({100 * low:.0f} to {high:.0%})"
    start = f"{planned.start.day} December"
    assert planned.meets
    assert sentence(panel) == (
        f"Start on {start} at the latest: done by 10 December with {chance}."
    )
    assert panel.message.endswith("press Answer.")
    assert panel.error == ""
    panel.save_button.click()
    assert sessim.Plan.from_yaml("deadline.yaml") == planned.plan
    assert panel.message.startswith("Saved as deadline.yaml")


def test_a_list_that_a_bad_domain_never_sends_is_no_hundred_percent() -> None:
    """30% invalid addresses: 301 emails, then the domain is blocked, and falls to level 0."""
    panel = small()
    panel.invalid_rate = 30
    panel.answer_button.click()
    assert sentence(panel) == (
        "Not by 10 December, nor later: of 9,000 emails only 301 can be sent."
    )
    assert panel.answer.odds.probability == 0
    assert "img" not in panel.charts.value


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"by": "soon"}, "by: 'soon' is not a date or time; write"),
        ({"start": "x"}, "start: 'x' is not a date or time; write"),
        ({"by": "2026-12-10 09:00"}, "by: 2026-12-10 09:00 has a time; give a date"),
    ],
)
def test_days_that_are_none(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(sessim.ArgumentError, match=said):
        Deadline(**DAYS | keys)


def test_the_charts_are_of_the_replications_that_the_sentence_counts() -> None:
    panel = small()
    answer = panel.ask()
    assert answer is panel.answer
    chance = answer.replications.probability(DAYS["by"])
    assert chance.value == answer.odds.probability
    assert answer.replications.seed == answer.odds.seed
    fan, finish = read(panel.charts.value).all("img")
    assert "20 replications" in str(fan.attributes["alt"])
    assert f"end of 10 December, {chance.value:.0%}." in str(finish.attributes["alt"])


def test_a_table_leaves_nothing_to_chance() -> None:
    panel = small()
    panel.warmup = "standard"
    panel.ask()
    assert sentence(panel).endswith("at the latest: done by 10 December.")
    assert "Nothing here is left to chance" in panel.said.value


def test_a_list_that_is_too_long_is_not_done_by_then() -> None:
    panel = small()
    panel.warmup, panel.size = "standard", 2_000_000
    panel.ask()
    assert sentence(panel) == "Not by 10 December: started on 1 December, it is done later."
    assert "more days" in panel.said.value  # the smallest change that would do


def test_a_plan_is_asked_about_with_the_rates_of_its_domain_to_begin_with() -> None:
    panel = Deadline(PLAN, by="2026-12-02")
    assert (panel.of, panel.invalid_rate, panel.rate) == ("plan", 3.0, 20.0)
    panel.ask()  # 500 on the first day, 1,000 on the second
    assert sentence(panel) == "The plan is done by 2 December."
    assert panel.answer.plan.domains[0].quality.invalid_rate.numbers == (0.015, 0.045)
    panel.by = dt.date(2026, 12, 1)
    assert panel.message == "The answer is of other settings: press Answer."
    panel.ask()
    assert sentence(panel) == "The plan is not done by 1 December."


def test_an_edit_of_the_plan_leaves_what_was_set() -> None:
    panel = Deadline(PLAN, by="2026-12-02")
    panel.of, panel.invalid_rate, panel.rate = "list", 7.0, 5.0
    data = PLAN.to_dict()
    data["tasks"][0]["requests"] = 1600
    panel.plan = sessim.Plan.from_dict(data)
    assert (panel.of, panel.invalid_rate, panel.rate) == ("list", 7.0, 5.0)
    panel.plan = sessim.Plan.from_dict(data | {"rate": 30})
    assert (panel.invalid_rate, panel.rate) == (7.0, 30.0)


def test_a_deadline_that_nobody_gave_is_not_before_the_plan() -> None:
    plan = sessim.Plan.from_dict(PLAIN | {"start": "2099-02-01"})
    assert Deadline(plan).by == dt.date(2099, 3, 4)


def test_worse_addresses_make_it_less_sure() -> None:
    domains = [{"name": "shop.example.com", "warmup": "reputation"}]
    plan = sessim.Plan.from_dict(PLAIN | {"domains": domains})
    panel = Deadline(plan, by="2026-12-02")
    panel.replications = 30
    chances = []
    for invalid in (1.0, 20.0):
        panel.invalid_rate = invalid
        chances.append(panel.ask().odds.probability)
    assert chances[0] > chances[1]


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trait", "value", "said"),
    [
        ("invalid_rate", 120.0, "Invalid % is 120; give 0 to 100."),
        ("width", -5.0, "Doubt ± % is -5; give 0 to 100."),
        ("size", 0, "list 'List': size 0 is no number of addresses; give a whole number from 1"),
        ("domains", 11, "domains: 11 cannot be planned for; give 1 to 10"),
        (
            "replications",
            0,
            "replications: 0 is no number of replications; give a whole number from 1",
        ),
        ("rate", 0.0, "rate"),
        ("by", None, "Pick a day for “Deadline”."),
        ("by", dt.date(2026, 11, 1), "by: 2026-11-01 is before the start, 2026-12-01"),
    ],
)
def test_a_mistake_is_one_sentence_and_the_answer_before_stays(
    trait: str, value: Any, said: str
) -> None:
    panel = small()
    panel.ask()
    before = panel.said.value
    setattr(panel, trait, value)
    panel.answer_button.click()
    assert said in panel.error
    assert not panel.running
    assert panel.said.value == before


def test_rates_that_sum_to_more_than_all_emails() -> None:
    panel = small()
    panel.invalid_rate, panel.spam_bounce_rate = 70.0, 60.0
    panel.ask()
    assert panel.error.startswith("invalid_rate, spam_bounce_rate and soft_failure_rate sum to 1.3")


def test_a_deadline_before_the_plan() -> None:
    panel = Deadline(PLAN, by="2026-11-30")
    panel.ask()
    assert panel.error == "by: 2026-11-30 is before the plan's start, 2026-12-01; give a later day"


# --- a panel that answers while it works --------------------------------------------------------


def test_stop_ends_it_soon_and_keeps_the_answer_before() -> None:
    async def journey() -> None:
        panel = small()
        panel.size, panel.replications = 1_000_000, 100_000
        task = panel.ask()
        assert panel.ask() is task  # a second press changes nothing
        while not panel.bar.value:
            await asyncio.sleep(0.01)
        assert (panel.stop_button.disabled, panel.bar.layout.visibility) == (False, "visible")
        assert "replications so far" in panel.message
        panel.stop_button.click()
        assert await asyncio.wait_for(task, 20) is None
        assert panel.message == "Stopped; press Answer to ask again."
        assert (panel.error, panel.running, panel.answer) == ("", False, None)

    asyncio.run(journey())


def test_a_hand_that_was_stopped_takes_nothing_more() -> None:
    hand = Hand()
    hand.stop()
    with pytest.raises(sessim.SessimError, match=r"0 of 5 replications are finished"):
        sessim.replicate(PLAN, 5, executor=hand)


# --- inputs -------------------------------------------------------------------------------------


def test_a_slider_follows_its_field_and_leads_it_but_does_not_cut_it_off() -> None:
    panel = small()
    box, slider = panel.fields["invalid_rate"].children[0], panel.fields["invalid_rate"].children[2]
    slider.value = 4.0
    assert (panel.invalid_rate, box.value) == (4.0, 4.0)
    box.value = 30.0  # the slider ends at 10
    assert (panel.invalid_rate, slider.value) == (30.0, 10.0)
    box.value = 1.5
    assert (panel.invalid_rate, slider.value) == (1.5, 1.5)


def test_what_only_a_list_has_is_hidden_for_a_plan() -> None:
    panel = Deadline(PLAN)
    hidden = {name for name, field in panel.fields.items() if field.layout.display == "none"}
    assert hidden == {"start", "size", "domains", "warmup"}
    panel.of = "list"
    assert all(field.layout.display is None for field in panel.fields.values())


def test_the_workbench_hands_its_plan_on() -> None:
    bench = Workbench(sessim.Plan.from_dict(PLAIN))
    assert bench.deadline.plan == bench.plan
    assert bench.deadline.of == "plan"
    assert bench.tabs.titles[4] == "Deadline"


def test_indonesian_has_no_english_words_but_the_figures() -> None:
    panel = small(language="id")
    panel.ask()
    assert re.match(
        r"Mulai paling lambat \d+ Desember: selesai sampai 10 Desember dengan \d+% \(\d+ sampai",
        sentence(panel),
    )
    labels = {str(getattr(w, "description", "")) for w in widgets_in(panel)}
    english = {words[0] for words in DEADLINE_LABELS.values() if words[0] != words[1]}
    assert not labels & english


def test_each_input_has_a_name_and_a_hint() -> None:
    panel = small()
    for field in panel.fields.values():
        assert field.input.description
        assert field.input.tooltip
    assert {*RATES, "width"} <= set(panel.fields)
    assert read(html_of(panel)).balanced
