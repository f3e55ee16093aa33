"""Quality rates that a history shows: right as often as they say, and nothing is guessed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sessim
from sessim.history import History, rates
from sessim.history.rates import GROUPS
from sessim.history.told import Told, bounce
from sessim.model import Model
from sessim.quality import EXCLUSIVE, OUTCOMES, RATES
from sessim.senders.outcomes import Outcome
from sessim.senders.states import State
from tests.history.fortunes import TRUE, mail_log, simulated, webhooks
from tests.senders.outboxes import filled

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")


def own(result: sessim.Result, folder: Path) -> History:
    return History(result.log)


def by_webhooks(result: sessim.Result, folder: Path) -> History:
    return sessim.load_history(webhooks(result.log, folder / "events.jsonl"))


def by_mail_log(result: sessim.Result, folder: Path) -> History:
    return sessim.load_history(mail_log(result.log, folder / "mail.log"))


def by_export(ending: str) -> Callable[[sessim.Result, Path], History]:
    def read(result: sessim.Result, folder: Path) -> History:
        return sessim.load_history(History(result.log).export(folder / f"log{ending}"))

    return read


Source = Callable[[sessim.Result, Path], History]
SOURCES: dict[str, tuple[Source, tuple[str, ...]]] = {
    "own log": (own, RATES),
    "webhooks": (by_webhooks, RATES),
    "mail log": (by_mail_log, EXCLUSIVE),
    "csv": (by_export(".csv"), RATES),
    "xes": (by_export(".xes"), RATES),
    "ocel": (by_export(".jsonocel"), RATES),
}


def fitted(history: History) -> list[rates.Rate]:
    return rates.fit(history.evidence.told, history.plan)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_tells_the_same_counts_and_only_what_it_knows(
    source: str, tmp_path: Path
) -> None:
    result = simulated(1)
    read, known = SOURCES[source]
    found = {entry.rate: entry for entry in fitted(read(result, tmp_path)) if entry.task is None}
    assert tuple(found) == known
    tasks = result.tasks
    for rate, outcome in zip(RATES, OUTCOMES, strict=True):
        if rate in known:
            of = tasks["sent" if rate in EXCLUSIVE else "delivered"].sum()
            assert (found[rate].hits, found[rate].of) == (tasks[outcome].sum(), of)


@pytest.mark.parametrize("source", ["own log", "webhooks", "mail log"])
def test_the_true_rate_lies_in_the_interval_as_often_as_it_should(
    source: str, tmp_path: Path
) -> None:
    """Of n rates at 95%: with a chance of 1 in 1,000 fewer than the bound are right."""
    from scipy.stats import binom

    read, known = SOURCES[source]
    right = [
        entry.low <= TRUE[entry.rate] <= entry.high
        for seed in range(60 if source == "own log" else 12)
        for entry in fitted(read(simulated(seed, 1000), tmp_path))
    ]
    assert len(right) == len(known) * (60 if source == "own log" else 12)  # and nothing was split
    assert binom.ppf(0.001, len(right), 0.95) <= sum(right)
    assert sum(right) < len(right) or len(right) < 90  # nor do they hold it always


def test_a_calibrated_plan_has_the_rates_and_simulates_again(tmp_path: Path) -> None:
    history = by_webhooks(simulated(3), tmp_path)
    found = history.calibrate()
    [domain] = found.plan.domains
    assert domain.quality is not None
    for entry in fitted(history):
        assert domain.quality.mean(entry.rate) == pytest.approx(entry.value, abs=1e-6)
    again = sessim.simulate(found.plan, seed=9)
    for outcome in OUTCOMES:
        expected = simulated(3).tasks[outcome].sum()
        assert again.tasks[outcome].sum() == pytest.approx(expected, abs=5 * np.sqrt(expected) + 1)
    assert "open_rate of a.org: 0.2" in repr(found)
    assert set(found.quality_errors["rate"]) == set(RATES)
    assert (found.quality_errors["model"] < 0.05).all()


def test_rates_are_fitted_before_what_is_held_out() -> None:
    """On 30 histories the pooled shares are nearer to the future than yesterday's alone."""
    errors = []
    for seed in range(30):
        history = History(simulated(seed).log)
        cut = history.plan.clock.day_start(dt.date(2026, 12, 3))
        errors.append(rates.held_out(history.evidence.told, history.plan, cut))
    mean = sum(entry[["model", "yesterday"]].sum() for entry in errors)
    assert mean["model"] < mean["yesterday"]
    later = History(simulated(1).log)
    told = later.evidence.told
    assert told is not None
    spoilt = replace(
        told, counts={n: np.where(told.time >= cut, 0, v) for n, v in told.counts.items()}
    )
    assert rates.fit(spoilt, later.plan, cut) == rates.fit(told, later.plan, cut)


# --- tasks that differ ----------------------------------------------------------------------------


def test_tasks_that_surely_differ_get_rates_of_their_own() -> None:
    found = fitted(History(simulated(1, open_rate=0.35).log))
    split = {(entry.task, entry.rate) for entry in found if entry.task}
    assert split == {(task, rate) for task in ("First", "Second") for rate in GROUPS[2]}
    plan = rates.applied(simulated(1).plan, found)
    first, second = (task.quality for task in plan.tasks)
    assert first is not None
    assert second is not None
    assert (round(first.mean("open_rate"), 1), round(second.mean("open_rate"), 2)) == (0.2, 0.35)
    assert plan.domains[0].quality is not None  # for tasks to come


def test_tasks_are_not_split_by_a_small_margin_or_few_emails() -> None:
    assert not [e for s in range(40) for e in fitted(History(simulated(s).log)) if e.task]
    near = fitted(History(simulated(1, open_rate=0.23).log))
    few = fitted(History(simulated(1, 10, open_rate=0.6).log))
    assert not [entry for entry in (*near, *few) if entry.task]
    assert all(np.isnan(entry.alike) for entry in few)


def test_what_the_plan_said_stays_where_nothing_was_seen(tmp_path: Path) -> None:
    told = fitted(by_mail_log(simulated(1), tmp_path))
    plan = simulated(1, open_rate=0.3, invalid_rate=0.5).plan
    fixed = rates.applied(plan, told)
    domain, second = fixed.domains[0].quality, fixed.tasks[1].quality
    assert domain is not None
    assert second is not None
    assert domain.mean("open_rate") == TRUE["open_rate"]
    assert domain.mean("invalid_rate") == pytest.approx(0.03, abs=0.01)
    assert second.given == {"open_rate": 0.3}


def test_shares_that_do_not_go_with_the_plan_replace_all_of_it() -> None:
    """Two of three losses were seen; with the third that the plan had they would pass 1."""
    plan = sessim.Plan.from_dict({
        "start": "2026-12-01",
        "domains": [{"name": "a.org", "quality": {"soft_failure_rate": 0.9}}],
        "tasks": [{"name": "A", "sender": "x@a.org", "requests": 100}],
    })  # fmt: skip
    told = Told.of_rows([(0, 1, 1, 100, {"invalid": 40, "spam_bounce": 2})], OUTCOMES[:2])
    quality = rates.applied(plan, rates.fit(told, plan)).domains[0].quality
    assert quality is not None
    assert quality.given == {"invalid_rate": 0.4, "spam_bounce_rate": 0.02}


# --- what is not known ----------------------------------------------------------------------------


def test_what_nobody_tells_is_said_and_not_guessed(tmp_path: Path) -> None:
    result = simulated(1)
    log = result.log
    bare = {name: values for name, values in log.columns.items() if name not in log.outcomes}
    plan = sessim.Plan.from_dict(
        {**result.plan.to_dict(), "domains": [{"name": "a.org", "warmup": "standard"}]}
    )
    silent = History(replace(log_of(log, bare), plan=plan)).calibrate()
    assert silent.quality.empty
    assert silent.plan.domains[0].quality is None
    assert "quality: the history does not tell what became of emails" in repr(silent)
    postfix = by_mail_log(result, tmp_path).calibrate()
    assert "tells nothing of complaint_rate, open_rate, click_rate" in repr(postfix)
    assert postfix.plan.domains[0].quality.open_rate is None


def log_of(log: Any, columns: dict[str, Any]) -> Any:
    return sessim.EventLog(columns, log.domains, log.details, log.plan, log.meta)


def test_a_kind_of_event_that_never_comes_tells_nothing(tmp_path: Path) -> None:
    """Nobody knows whether nobody opened anything, or nobody subscribed to that event."""
    file = webhooks(simulated(1).log, tmp_path / "events.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if '"open"' not in line and "click" not in line))
    found = {entry.rate for entry in fitted(sessim.load_history(file))}
    assert found == {*RATES} - {"open_rate", "click_rate"}


def test_a_reputation_stays_one_and_its_rules_are_found_without_luck() -> None:
    plan = simulated(1).plan.to_dict()
    plan["domains"][0] |= {"warmup": "reputation"}
    found = History(sessim.simulate(sessim.Plan.from_dict(plan), seed=4).log).calibrate()
    assert found.plan.domains[0].warmup == "reputation"
    assert (found.plan.outcomes, found.plan.rate) == ("sampled", 20)
    assert found.rules.set_index("rule")["value"]["reset"] == "midnight"
    sessim.simulate(found.plan)


# --- bounces --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "is_hard", "kind"),
    [
        ("550 5.1.1 no such user", None, "invalid"),
        ("550 5.1.1 no such user", True, "invalid"),
        ("550 User unknown", None, "invalid"),
        ("554 5.7.1 refused", True, "spam_bounce"),
        ("554 message looks like SPAM", True, "spam_bounce"),
        ("blocked by reputation", False, "spam_bounce"),
        ("552 5.2.2 mailbox full", None, "soft_failures"),
        ("452 4.2.2 mailbox full", False, "soft_failures"),
        ("", True, "invalid"),
        ("", False, "soft_failures"),
        ("", None, "soft_failures"),
    ],
)
def test_what_a_bounce_counts_as(words: str, is_hard: bool | None, kind: str) -> None:
    assert bounce(words, is_hard=is_hard) == kind


def test_an_outbox_tells_who_was_refused(tmp_path: Path) -> None:
    """Of ten, two have no such mailbox, one is spam, one never left; six were accepted."""
    outbox, [run] = filled(tmp_path / "some.outbox", 10)
    words = ["550 5.1.1 no such user"] * 2 + ["554 5.7.1 spam", "too large for its recipient"]
    taken = outbox.claim(run, 10, now=10**15)
    refused = [Outcome(row, State.REJECTED, w) for row, w in zip(taken, words, strict=False)]
    accepted = [Outcome(row, State.ACCEPTED, "250 ok") for row in taken[4:]]
    plan = sessim.Plan.from_dict({
        "start": "2026-12-01", "domains": [{"name": "news.example.com"}],
        "tasks": [{"name": "A", "sender": "x@news.example.com", "requests": 10}],
    })  # fmt: skip
    model = Model(plan)
    model.run()
    model.save(tmp_path / "model.npz")
    outbox.settle([*refused, *accepted], (tmp_path / "model.npz").read_bytes())
    outbox.close()
    found = {
        entry.rate: (entry.hits, entry.of) for entry in fitted(sessim.load_history(outbox.path))
    }
    assert found == {
        "invalid_rate": (2, 9),
        "spam_bounce_rate": (1, 9),
        "soft_failure_rate": (0, 9),
    }
