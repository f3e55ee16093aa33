"""Reputation (rule R7) against the reference that sends every email by itself."""

from __future__ import annotations

from math import ceil, isinf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

import sessim
from sessim.cli import main
from sessim.quality import OUTCOMES
from sessim.reputation import prospects
from tests.reference import simulate as by_hand
from tests.strategies import with_quality
from tests.test_model_reference import (
    daily_of,
    pauses_of,
    reference_daily,
    reference_pauses,
    reference_runs,
    runs_of,
)

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")


@settings(max_examples=max(200, settings().max_examples), suppress_health_check=list(HealthCheck))
@given(with_quality())
def test_model_and_reference_agree_on_outcomes_and_reputation(plan: dict[str, Any]) -> None:
    reference = by_hand(plan)
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    told, found = reference_runs(reference), runs_of(result)
    assert {key: found.pop(key) for key in told} == told
    assert pauses_of(result) == reference_pauses(reference)
    assert daily_of(result) == reference_daily(reference, result.plan)
    if not result.plan.has_outcomes:
        return
    runs = result.runs.set_index(["task", "run"])
    for key, record in reference.runs.items():
        names = ("delivered", *OUTCOMES)
        assert [runs[name][key] for name in names] == [record.lots[name] for name in names]


def story(rates: dict[str, float], requests: int = 3000, **keys: Any) -> sessim.Result:
    """Simulate one domain with a reputation, and what is expected of its emails."""
    domain = {
        "name": "a.org",
        "warmup": "reputation",
        "quality": rates,
        "level": keys.pop("level", 1),
    }
    tasks = keys.pop("tasks", [{"name": "A", "sender": "x@a.org", "requests": requests}])
    plain = {"start": "2026-12-01", "outcomes": "expected", "domains": [domain], "tasks": tasks}
    return sessim.simulate(sessim.Plan.from_dict(plain | keys))


def days(result: sessim.Result) -> list[tuple[int, int, int]]:
    return list(zip(*(result.daily[name] for name in ("level", "limit", "sent")), strict=True))


def test_good_mail_rises_by_a_level_a_day_and_goes_on() -> None:
    result = story({"open_rate": 0.2})
    assert days(result) == [(2, 1000, 1000), (3, 2000, 2000)]
    at = result.events.query("event == 'limit'").drop_duplicates("limit", keep="first")
    assert at["sent_today"].tolist() == [0, 350, 700]  # 70% of 500, of 1,000


def test_old_accounts_rise_as_far_as_a_day_carries_them() -> None:
    result = story({}, 1_000_000, levels_per_day=20)
    assert days(result) == [(20, 1_000_000, 1_000_000)]
    assert result.pauses.empty


def test_opens_make_up_for_invalid_addresses() -> None:
    assert days(story({"invalid_rate": 0.06}))[0] == (1, 500, 500)
    assert days(story({"invalid_rate": 0.06, "open_rate": 0.6}))[0] == (2, 1000, 1000)
    assert days(story({"invalid_rate": 0.06, "open_rate": 0.5}))[0] == (1, 500, 500)


def test_bad_addresses_lower_the_level_from_the_next_day_until_nothing_is_sent() -> None:
    result = story({"invalid_rate": 0.1}, level=2, horizon="5d")
    assert days(result) == [(2, 1000, 1000), (1, 500, 500), (0, 0, 0), (0, 0, 0), (0, 0, 0)]
    assert "level 2 to 1: invalid 9.97% > 9% after 301 sent" in result.log.details


def test_a_blocked_domain_fails_what_is_due_that_day_only() -> None:
    def task(name: str, start: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "sender": "x@a.org", "requests": 900, "start": start, **more}

    tasks = [
        task("Bad", "2026-12-01", quality={"invalid_rate": 0.2}),
        task("Same day", "2026-12-01 12:00"),
        task("Next day", "2026-12-02"),
    ]
    tests = [{"sender": "x@a.org", "at": "2026-12-01 10:00", "recipients": 3}]
    result = story({}, tasks=tasks, level=3, test_sends=tests)
    assert result.tasks["status"].tolist() == ["Error", "Error", "Sent"]
    assert result.tasks["sent"].tolist() == [301, 0, 900]
    assert result.tasks["failed"].tolist() == [599, 900, 0]
    assert result.daily["failed"].tolist() == [599 + 900 + 3, 0]
    assert result.daily["level"].tolist() == [3, 3]  # fell by one, and rose by one


def test_a_raise_may_restart_what_is_paused() -> None:
    old = {"name": "Old", "sender": "x@a.org", "requests": 600}
    new = {"name": "New", "sender": "x@a.org", "requests": 800, "start": "2026-12-02 01:00"}
    by_hand = {"tasks": [old | {"quality": {"invalid_rate": 0.06}}, new], "restart": "manual",
               "restart_at": "23:00", "horizon": "3d"}  # fmt: skip
    ends = [
        story({}, resume_on_raise=resumes, **by_hand).pauses.query("task == 1")["end"].iloc[0]
        for resumes in (False, True)
    ]
    assert f"{ends[1]:%d %H:%M:%S}" < f"{ends[0]:%d %H:%M:%S}"


def test_at_the_end_of_a_day_a_domain_may_still_rise() -> None:
    """The list turns good behind 70% of the limit, and the day ends before the limit."""
    segments = [
        {"name": "old", "requests": 350, "quality": {"invalid_rate": 0.06}},
        {"name": "new", "requests": 130},
    ]
    tasks = [
        {"name": "A", "sender": "x@a.org", "requests": 480, "segments": segments},
        {"name": "B", "sender": "x@a.org", "requests": 900, "start": "2026-12-02"},
    ]
    result = story({}, tasks=tasks)
    assert days(result) == [(1, 500, 480), (3, 2000, 900)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"window": "rolling"}, "window: 'rolling' does not go with warmup: reputation"),
        (
            {"domains": [{"name": "a.org", "warmup": "reputation", "advance": "sending"}]},
            "advance: 'sending' does not go with warmup: reputation, whose days do not count",
        ),
    ],
)
def test_what_does_not_go_with_reputation_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(sessim.PlanError, match=said):
        story({}, **change)


def test_a_test_send_may_be_the_one_that_blocks() -> None:
    """300 emails are judged by nobody; the 301st is a test send, and 60 of 301 are invalid."""
    bad = {"name": "Bad", "sender": "x@a.org", "requests": 300, "quality": {"invalid_rate": 0.2}}
    late = {"name": "Late", "sender": "x@a.org", "requests": 10, "start": "2026-12-01 12:00"}
    tests = [{"sender": "x@a.org", "at": "2026-12-01 10:00", "recipients": 5}]
    result = story({}, tasks=[bad, late], test_sends=tests)
    assert result.tasks["status"].tolist() == ["Sent", "Error"]
    told = result.events[result.events["detail"].str.startswith("test send").fillna(False)]
    assert list(zip(told["event"], told["sent"], told["failed"], strict=True)) == [
        ("sent", 1, 0),
        ("error", 0, 4),
    ]
    assert "blocked at level 1: invalid 19.93% > 11% after 301 sent" in result.log.details


def test_what_lowered_a_domain_is_not_forgotten_when_the_day_turns_good() -> None:
    """30 of the first 301 are invalid, 9.97%; of the day's 1,000 only 30 are, 3%."""
    segments = [
        {"name": "old", "requests": 301, "quality": {"invalid_rate": 0.1}},
        {"name": "new", "requests": 699},
    ]
    tasks = [
        {"name": "A", "sender": "x@a.org", "requests": 1000, "segments": segments},
        {"name": "B", "sender": "x@a.org", "requests": 100, "start": "2026-12-02"},
    ]
    result = story({}, tasks=tasks, level=2)
    assert days(result) == [(3, 2000, 1000), (2, 1000, 100)]  # rose at 700, and fell at night


def test_half_of_the_emails_opened_is_not_enough_and_any_more_is() -> None:
    """Behind 350 emails, of which 21 are invalid: 175 opens are 50% exactly, 176 are more."""

    def level(opens: int) -> int:
        rates = {"invalid_rate": 0.06}
        opened = {"open_rate": opens / 329}
        return days(story(rates | opened, 400))[0][0]

    assert [level(opens) for opens in (175, 176, 190)] == [1, 2, 2]


def test_a_real_send_of_a_plan_that_goes_by_reputation_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, outbox = tmp_path / "plan.yaml", tmp_path / "outbox.db"
    story({"open_rate": 0.2}, 10).plan.to_yaml(plan)
    send = ["send", str(plan), "--mode", "loopback", "--outbox", str(outbox)]
    assert main(send) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].endswith(
        "domain 'a.org', warmup: 'reputation' is simulated only; choose a schedule or a number to "
        "send by"
    )
    assert not outbox.exists()


rate = st.floats(0, 0.2).map(lambda number: round(number, 4))


@given(st.lists(st.tuples(rate, rate, rate, rate, st.floats(0, 0.8)), min_size=1, max_size=3))
def test_judgements_are_left_out_only_where_chance_would_never_act(
    rates: list[tuple[float, ...]],
) -> None:
    """From so many emails on, the binomial tails beyond each threshold are below 2**-53."""
    padded = frozenset((*entry, 0.0, 0.0) for entry in rates)
    found = prospects(padded)
    if isinf(found.harmless_from):
        return
    highest = [max(entry[i] for entry in rates) for i in range(5)]
    lost = max(sum(entry[:3]) for entry in rates)
    for n in {max(1, ceil(found.harmless_from)), 3 * ceil(found.harmless_from)}:
        # the rates are invalid, spam bounce, soft failure, complaint, open; shares in 10,000
        for chance, share in [(highest[0], 900), (highest[1], 500), (highest[3], 50), (lost, 3500)]:
            most = n * share // 10_000  # as many fulfil no bound
            assert stats.binom.sf(most, n, min(chance, 1.0)) <= 2**-53
    if not found.asks_for_opens:
        assert stats.binom.sf(175, 350, highest[4]) <= 2**-53
