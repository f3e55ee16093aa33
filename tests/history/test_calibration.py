"""Calibration finds the rules of accounts that nobody told it, and says when it cannot."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

import sessim
from sessim.errors import HistoryError
from sessim.history import limits
from sessim.history.limits import Days
from tests.history import hidden, looks

SEEDS = range(12)


@pytest.fixture(scope="module")
def fitted() -> list[tuple[hidden.Hidden, sessim.history.calibration.Calibration]]:
    """Twelve accounts with hidden rules, noise, missing and late polls; each calibrated."""
    found = []
    for seed in SEEDS:
        account = hidden.history(
            seed,
            discipline=("fifo", "fair")[seed % 2],
            zone=hidden.ZONES[seed % 6],
            poll=(5, 15, 30, 60)[seed % 4],
        )
        warmup = "standard" if seed % 3 == 0 else "none"  # told, or to be found out
        found.append((account, looks.of_hidden(account, warmup).calibrate()))
    return found


def test_the_discipline_and_the_zone_of_hidden_accounts_are_found(fitted) -> None:
    named = [(found.plan.discipline, found.plan.timezone) for _, found in fitted]
    hidden_ones = [(account.discipline, account.zone) for account, _ in fitted]
    assert sum(a == b for a, b in zip(named, hidden_ones, strict=True)) >= 11


def test_no_rule_is_wrong_with_confidence(fitted) -> None:
    for account, found in fitted:
        truth = {"discipline": account.discipline, "timezone": account.zone, "reset": "midnight"}
        for row in found.rules[found.rules["decided"]].itertuples():
            assert row.value == truth[row.rule]


def test_the_part_that_was_held_back_is_forecast_far_better_than_by_a_line(fitted) -> None:
    right = 0
    for _, found in fitted:
        backlog = found.errors.set_index("measure").loc["backlog"]
        right += backlog["model"] <= min(0.01, backlog["trend"] / 10)
    assert right >= 11


def test_the_sustained_rate_is_found_not_the_peak(fitted) -> None:
    """The hidden rate is 60 to 110 % of its name, 3 % of the time nothing: 82 % on average."""
    for account, found in fitted:
        assert 0.65 < float(found.plan.rate) / account.rate < 1


# --- accounts of our own, without noise ---------------------------------------------------------


def plan(**rules: object) -> sessim.Plan:
    """Return a plan in which two tasks get in each other's way on one domain for a week."""
    return sessim.Plan(
        start="2026-12-01",
        rate=2,
        domains=[sessim.Domain("a.example.com", warmup="standard")],
        tasks=[
            sessim.Task("A", sender="x@a.example.com", requests=9_000, start="2026-12-01 10:00"),
            sessim.Task("B", sender="x@a.example.com", requests=30_000, start="2026-12-02 15:00"),
            sessim.Task("C", sender="x@a.example.com", requests=8_000, start="2026-12-04 03:00"),
        ],
        **rules,
    )


@pytest.mark.parametrize(
    ("rules", "reset"),
    [
        ({"window": "rolling"}, "rolling 24 hours"),
        ({"restart": "manual", "restart_at": "09:00"}, "by hand at 09:00"),
        ({"timezone": "America/New_York"}, "midnight"),
    ],
)
def test_the_kind_of_reset_is_found(rules: dict[str, str], reset: str) -> None:
    truth = plan(**rules)
    known = replace(
        truth, window="day", restart="auto", restart_at=None,
        domains=(sessim.Domain("a.example.com", warmup="none"),),
    )  # fmt: skip
    found = looks.of_simulation(truth, 15, known).calibrate()
    row = found.rules.set_index("rule").loc["reset"]
    assert (row["value"], bool(row["decided"])) == (reset, True)
    assert found.plan.domains[0].warmup == "standard"


def test_the_rate_and_the_delay_of_a_quiet_account_are_found() -> None:
    found = looks.of_simulation(plan(restart_delay=1200), 5, plan()).calibrate()
    assert found.plan.rate == 2
    assert abs(found.plan.restart_delay - 1200) <= 300
    assert (
        f"restart_delay: {found.plan.restart_delay} s after the reset" in repr(found).splitlines()
    )
    small = replace(found, plan=replace(found.plan, restart_delay=600))
    assert "counters that tell so much later of a restart at once: both look alike" in repr(small)
    assert looks.of_simulation(plan(), 5).calibrate().plan.restart_delay == 0


def test_what_nothing_tells_apart_is_not_decided_and_stays_as_it_was() -> None:
    """A task alone is sent alike in both disciplines."""
    truth = replace(plan(discipline="fair"), tasks=plan().tasks[:1])
    found = looks.of_simulation(truth, 30).calibrate()
    assert "discipline" in found.undecided
    assert found.plan.discipline == "fair"
    assert "discipline: not decided" in repr(found)


def test_a_history_in_which_nothing_was_sent_is_refused_in_one_sentence() -> None:
    idle = looks.of_simulation(plan(), 15)
    nothing = replace(idle.evidence, seen=idle.evidence.seen.before(idle.plan.start_instant + 1))
    with pytest.raises(HistoryError, match="no emails were seen between two looks"):
        sessim.history.History(idle.log, nothing).calibrate()


def test_the_future_does_not_change_what_is_fitted_before_it() -> None:
    """What the held-back part says must not reach the fit that forecasts it."""
    whole = looks.of_simulation(plan(), 15)
    seen = whole.evidence.seen
    cut = whole.plan.clock.instant(dt.date(2026, 12, 4))
    head = seen.before(cut)
    spoilt = replace(seen, sent=seen.sent.copy())
    spoilt.sent[len(head) :] = 0
    other = sessim.history.History(whole.log, replace(whole.evidence, seen=spoilt))
    fits = [
        sessim.history.calibration.fit(sessim.history.observed.Observed(history, cut))
        for history in (whole, other)
    ]
    assert [fit[0].plan for fit in fits] == [fits[0][0].plan] * 2


# --- limits -------------------------------------------------------------------------------------

NONE = sessim.Domain("a.example.com", warmup="none")
FIRST = dt.date(2026, 12, 1)


@pytest.mark.parametrize(
    ("limit", "warmup", "start"),
    [
        ([500, 1000, 2000], "standard", FIRST),
        ([2000, 5000, None, 20_000], "standard", dt.date(2026, 11, 29)),
        ([100, 200, 500, 1000], "legacy", FIRST),
        ([700, None, 700], 700, None),
        ([100, 150, 225, None], {"start": 100, "factor": 1.5, "cap": 10**15}, FIRST),
    ],
)
def test_limits_are_named_by_the_plainest_warm_up(
    limit: list[int | None], warmup: object, start: dt.date | None
) -> None:
    sent = tuple(number or 0 for number in limit)
    days = Days(FIRST.toordinal(), tuple(limit), sent)
    (found,) = limits.fitted([NONE], [days])
    assert sessim.warmup.plain(found.warmup) == warmup
    assert found.warmup_start == start


def test_limits_that_follow_nothing_known_are_listed_and_go_on_growing() -> None:
    days = Days(FIRST.toordinal(), (100, 200, None, 800, 1000), (100, 200, 300, 800, 1000))
    (found,) = limits.fitted([NONE], [days])
    assert found.warmup[:7] == (100, 200, 300, 800, 1000, 2000, 4000)


def test_a_domain_that_never_stood_still_warms_up_as_the_others_do() -> None:
    seen = Days(FIRST.toordinal(), (500, 1000), (500, 1000))
    unseen = Days(FIRST.toordinal(), (None, None), (500, 20))
    too_much = Days(FIRST.toordinal(), (None, None), (90_000, 90_000))
    domains = [sessim.Domain(f"{name}.example.com", warmup="none") for name in "abc"]
    found = limits.fitted(domains, [seen, unseen, too_much])
    assert [domain.warmup for domain in found] == ["standard", "standard", "none"]
