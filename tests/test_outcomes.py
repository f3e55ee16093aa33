"""What becomes of the emails: exactly as a draw for each, however the sending is cut."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import SeedSequence
from scipy import stats

import sessim
from sessim.expectation import Expected, shares
from sessim.luck import RATE, Drawn, Luck, odds, words_of
from sessim.quality import OUTCOMES, Distribution, read

RATES = (0.1, 0.05, 0.15, 0.1, 0.5, 0.2, 0.05)  # in the order of sessim.quality.RATES
QUALITY = {
    "invalid_rate": 0.04,
    "spam_bounce_rate": 0.01,
    "soft_failure_rate": 0.02,
    "complaint_rate": 0.001,
    "open_rate": 0.3,
    "click_rate": 0.05,
    "unsubscribe_rate": 0.002,
}


def plan_of(*tasks: dict[str, Any], **keys: Any) -> sessim.Plan:
    plain = {
        "start": "2026-12-01",
        "domains": [{"name": "a.org", "warmup": 700, "quality": QUALITY}],
        "tasks": [{"sender": "x@a.org", **task} for task in tasks],
    }
    return sessim.Plan.from_dict(plain | keys)


def one_by_one(generator: np.random.Generator, emails: int) -> tuple[int, ...]:
    """Draw the lot of every single email; count the lots in the order of ``OUTCOMES``."""
    found: Counter[str] = Counter()
    invalid, spam, soft, complaint, opened, click, unsubscribe = RATES
    for _ in range(emails):
        first = generator.random()
        if first < invalid + spam + soft:
            lost = "invalid", "spam_bounce", "soft_failures"
            found[lost[(first >= invalid) + (first >= invalid + spam)]] += 1
            continue
        found["complaints"] += generator.random() < complaint
        found["unsubscribes"] += generator.random() < unsubscribe
        if generator.random() < opened:
            found["opens"] += 1
            found["clicks"] += generator.random() < click / opened
    return tuple(found[name] for name in OUTCOMES)


@pytest.mark.parametrize("cuts", [(12,), (5, 7), (1, 1, 9, 1)])
def test_counts_are_distributed_as_a_draw_for_every_email(cuts: tuple[int, ...]) -> None:
    """Chi-square of each outcome, in the whole and in the last stretch, and of pairs of them."""
    generator, size = np.random.default_rng(1), 3000
    drawn: list[tuple[int, ...]] = []
    told = [
        (*one_by_one(generator, sum(cuts[:-1])), *one_by_one(generator, cuts[-1]))
        for _ in range(size)
    ]
    for seed in range(size):
        part = Drawn(Luck(words_of(SeedSequence(seed))), odds(RATES), 1, 1, sum(cuts))
        stretches = [part.take(cut) for cut in cuts]
        before = np.sum(stretches[:-1] or [np.zeros(7, int)], axis=0)
        drawn.append((*before.tolist(), *stretches[-1]))
    ours, theirs = np.array(drawn), np.array(told)
    pairs = [(0, 7), (7, 11), (11, 12), (10, 11), (7, 8), (4, 11)]
    for first, second in [(i, i) for i in range(14)] + pairs:
        joint = [table[:, first] * 100 + table[:, second] for table in (ours, theirs)]
        values = np.unique(np.concatenate(joint))
        counts = np.array([[np.sum(table == value) for value in values] for table in joint])
        often = counts.sum(axis=0) >= 20
        counts = np.column_stack((counts[:, often], counts[:, ~often].sum(axis=1)))
        counts = counts[:, counts.sum(axis=0) > 0]
        if counts.shape[1] > 1:
            assert stats.chi2_contingency(counts).pvalue > 1e-4


@given(st.lists(st.integers(1, 500), min_size=1, max_size=8), st.integers(0, 99))
def test_however_a_part_is_cut_it_ends_with_the_same_numbers(cuts: list[int], seed: int) -> None:
    luck, size = Luck(words_of(SeedSequence(seed))), sum(cuts)
    whole = Drawn(luck, odds(RATES), 7, 3, size).take(size)
    part = Drawn(luck, odds(RATES), 7, 3, size)
    assert np.sum([part.take(cut) for cut in cuts], axis=0).tolist() == list(whole)


@given(
    st.lists(st.floats(0, 0.3).map(lambda rate: round(rate, 4)), min_size=7, max_size=7),
    st.lists(st.integers(1, 500), min_size=1, max_size=8),
)
def test_what_is_expected_is_near_its_share_and_never_falls(
    rates: list[float], cuts: list[int]
) -> None:
    rates[4] = max(rates[4], rates[5])
    size = sum(cuts)
    exact, part = shares(tuple(rates)), Expected(shares(tuple(rates)), size)
    taken = [part.take(cut) for cut in cuts]
    assert all(number >= 0 for stretch in taken for number in stretch)
    assert all(sum(s[:3]) <= cut for s, cut in zip(taken, cuts, strict=True))
    totals = np.sum(taken, axis=0)
    assert totals.tolist() == list(Expected(exact, size).take(size))
    assert abs(totals[:3] - np.array(rates[:3]) * size).max() <= 2
    delivered = size - totals[:3].sum()
    assert abs(totals[3:] - np.array(rates[3:]) * delivered).max() <= 1.5


LAUNCH = {"name": "Launch", "requests": 3000}
DIGEST = {"name": "Digest", "requests": 400, "start": "2026-12-02 08:00", "every": "24h",
          "count": 4}  # fmt: skip


def lots(result: sessim.Result) -> dict[tuple[str, int], tuple[int, ...]]:
    runs = result.runs
    return {
        (row["name"], row["run"]): tuple(row[name] for name in OUTCOMES)
        for row in runs.to_dict("records")
    }


def test_the_same_task_has_the_same_luck_in_another_plan() -> None:
    first = lots(sessim.simulate(plan_of(LAUNCH, DIGEST), 5))
    slower = plan_of(DIGEST, {"name": "Other", "requests": 900}, LAUNCH, rate=3)
    other = lots(sessim.simulate(slower, 5))
    assert {key: other[key] for key in [("Launch", 1), ("Digest", 1)]} == {
        key: first[key] for key in [("Launch", 1), ("Digest", 1)]
    }
    assert lots(sessim.simulate(plan_of(LAUNCH, DIGEST), 6)) != first


def log_bytes(log: sessim.EventLog) -> bytes:
    return b"".join(log.columns[name].tobytes() for name in sorted(log.columns))


def test_looking_saving_and_forking_change_no_luck(tmp_path: Path) -> None:
    plan = plan_of(LAUNCH, DIGEST, domains=[
        {"name": "a.org", "warmup": "reputation", "quality": QUALITY}])  # fmt: skip
    seed = SeedSequence(3, spawn_key=(7, 1))
    whole = sessim.Model(plan, seed)
    whole.run()
    model = sessim.Model(plan, seed)
    for until in ("2026-12-01 00:00:11", "2026-12-01 00:00:25", "2026-12-02 08:00:03"):
        model.run(until=until)
        _ = model.log().columns
        model = model.fork()
    model.save(tmp_path / "model.npz")
    model = sessim.Model.load(tmp_path / "model.npz")
    model.run()
    assert log_bytes(model.log()) == log_bytes(whole.log())
    assert whole.log().meta["seed"] == {"entropy": 3, "spawn_key": [7, 1]}


def test_addresses_that_bounce_are_gone_from_the_next_run() -> None:
    runs = sessim.simulate(plan_of(DIGEST, outcomes="expected")).runs
    assert runs["requests"].tolist() == [400, 384, 369, 354]  # 16, 15, 15: 4% of each
    assert runs["invalid"].tolist() == [16, 15, 15, 14]


def test_runs_that_overlap_bounce_at_the_same_addresses() -> None:
    """400 addresses at 160 a day, sent to every day: a run waits for the one before it."""
    slow = [{"name": "a.org", "warmup": 160, "quality": {"invalid_rate": 0.25}}]
    runs = sessim.simulate(plan_of(DIGEST, domains=slow, outcomes="expected")).runs
    # Each sends 160 at midnight before the next is due at 08:00. Of the first run's emails 320 are
    # sent then: 80 are dead. Next all 400 and 80 of the second: 100, as its 20 beyond the 80 that
    # it began without are among the first's. Then 240 of the second: 60 beyond the 80.
    assert runs["requests"].tolist() == [400, 320, 300, 260]
    assert runs["invalid"].tolist() == [100, 80, 75, 65]


@pytest.mark.parametrize("discipline", ["fifo", "fair"])
@given(rate=st.floats(0, 1), warmup=st.integers(1, 60), seed=st.integers(0, 99))
def test_no_more_addresses_are_gone_than_there_are(
    discipline: str, rate: float, warmup: int, seed: int
) -> None:
    hourly = {**DIGEST, "requests": 20, "every": "1h", "count": 30}
    domain = {"name": "a.org", "warmup": warmup, "quality": {"invalid_rate": rate}}
    runs = sessim.simulate(plan_of(hourly, domains=[domain], discipline=discipline), seed).runs
    left = runs["requests"].to_numpy()  # 0 of a run that was skipped: nobody is left
    assert (left >= 0).all()
    assert (np.diff(left) <= 0).all()
    assert (runs["invalid"] <= left).all()


def test_a_list_whose_addresses_all_bounce_is_sent_once() -> None:
    quality = {"name": "a.org", "warmup": 700, "quality": {"invalid_rate": 1}}
    result = sessim.simulate(plan_of(DIGEST, domains=[quality]))
    assert result.runs["requests"].tolist() == [400]
    skipped = result.events[result.events["event"] == "skipped"]
    assert skipped["detail"].unique().tolist() == ["no address is left: all have bounced"]


def test_segments_are_sent_in_their_order() -> None:
    segments = [
        {"name": "engaged", "requests": 700, "quality": {"open_rate": 0.6}},
        {"name": "others", "requests": 2300, "quality": {"open_rate": 0.1, "click_rate": 0.02}},
    ]
    result = sessim.simulate(plan_of({**LAUNCH, "segments": segments}, outcomes="expected"))
    opened = (result.daily["opens"] / result.daily["delivered"]).round(2)
    assert opened.tolist() == [0.6, 0.1, 0.1, 0.1, 0.1]


def test_rates_come_and_go_through_a_file(tmp_path: Path) -> None:
    segments = [{"name": "all", "requests": 3000, "quality": {"open_rate": {"choice": [0.3, 0.4]}}}]
    rates = {"complaint_rate": {"beta": [2, 2000]}, "invalid_rate": {"uniform": [0.001, 0.003]},
             "soft_failure_rate": {"triangular": [0, 0.01, 0.02]}}  # fmt: skip
    plan = plan_of({**LAUNCH, "quality": rates, "segments": segments})
    plan.to_yaml(tmp_path / "plan.yaml")
    again = sessim.Plan.from_yaml(tmp_path / "plan.yaml")
    assert again == plan
    assert again.to_dict()["tasks"][0]["quality"] == rates
    assert lots(sessim.simulate(again, 1)) == lots(sessim.simulate(plan, 1))


def test_a_distribution_is_drawn_once_a_replication_for_all_that_share_it() -> None:
    rates = {"invalid_rate": {"choice": [0, 1]}}
    plan = plan_of(LAUNCH, {"name": "B", "requests": 50}, domains=[
        {"name": "a.org", "warmup": "none", "quality": rates}])  # fmt: skip
    shares = [sessim.simulate(plan, seed).runs["invalid"].tolist() for seed in range(40)]
    assert {tuple(share) for share in shares} == {(0, 0), (3000, 50)}


def test_a_plan_without_rates_says_nothing_of_outcomes() -> None:
    result = sessim.simulate(plan_of(LAUNCH, domains=[{"name": "a.org", "warmup": 700}]))
    assert not {*OUTCOMES, "delivered", "level"} & {*result.runs, *result.daily, *result.events}


@given(st.integers(0, 6 * 86_400))
def test_at_any_instant_each_email_has_one_lot(seconds: int) -> None:
    result = sessim.simulate(plan_of(LAUNCH, DIGEST), 2)
    at = result.at(result.plan.clock.local(result.plan.start_instant + seconds * 1_000_000))
    later = result.at(result.plan.clock.local(result.plan.start_instant + (seconds + 7) * 10**6))
    lost = at["invalid"] + at["spam_bounce"] + at["soft_failures"]
    assert (at["delivered"] + lost == at["sent"]).all()
    assert (at["clicks"] <= at["opens"]).all()
    names = ["sent", "delivered", *OUTCOMES]
    assert (later[names] >= at[names]).all(axis=None)
    daily, tasks = result.daily[names].sum(), result.tasks[names].sum()
    assert daily.to_dict() == tasks.to_dict()


def test_a_seed_is_a_whole_number_from_0_or_a_sequence() -> None:
    with pytest.raises(sessim.ArgumentError, match="seed: -1 is below 0; give a whole number"):
        sessim.simulate(plan_of(LAUNCH), -1)


def test_a_part_of_thousands_of_millions_is_drawn_stretch_by_stretch() -> None:
    """numpy's urn holds no more than a thousand million emails."""
    size, cuts = 3_000_000_000, (1_000_000, 2_000_000_000, 998_999_999, 1)
    drawn = [Drawn(Luck((3, 4)), odds(RATES), 7, 1, size) for _ in range(2)]
    told = [[part.take(cut) for cut in cuts] for part in drawn]
    assert told[0] == told[1]
    assert told[0][0] != told[0][2][:7]
    for stretch, emails in zip(told[0][:3], cuts, strict=False):
        lost, delivered = sum(stretch[:3]), emails - sum(stretch[:3])
        for count, whole, chance in [
            *zip(stretch[:3], [emails] * 3, RATES[:3], strict=True),
            (lost, emails, 0.3),
            (stretch[3], delivered, 0.1),
            (stretch[4], delivered, 0.5),
            (stretch[5], delivered, 0.2),
            (stretch[6], delivered, 0.05),
        ]:
            off = (count - whole * chance) / np.sqrt(whole * chance * (1 - chance))
            assert abs(off) < 6


def test_a_run_of_thousands_of_millions_adds_up() -> None:
    domain = {"name": "a.org", "warmup": 900_000_000, "quality": QUALITY}
    task = {"name": "Huge", "requests": 2_500_000_000}
    result = sessim.simulate(plan_of(task, domains=[domain], rate=50_000), 3)
    run, days = result.runs.iloc[0], result.daily
    assert days["sent"].tolist() == [900_000_000, 900_000_000, 700_000_000]
    assert run["delivered"] + run["invalid"] + run["spam_bounce"] + run["soft_failures"] == 25e8
    assert [days[name].sum() for name in OUTCOMES] == [run[name] for name in OUTCOMES]
    assert abs(run["invalid"] - 1e8) < 6 * np.sqrt(1e8 * 0.96)


@pytest.mark.parametrize(
    ("kind", "numbers", "judge"),
    [
        ("beta", [2, 40], stats.beta(2, 40)),
        ("beta", [0.5, 0.5], stats.beta(0.5, 0.5)),
        ("uniform", [0.01, 0.03], stats.uniform(0.01, 0.02)),
        ("triangular", [0.01, 0.02, 0.05], stats.triang(0.25, 0.01, 0.04)),
        ("triangular", [0, 0, 1], stats.triang(0, 0, 1)),
    ],
)
def test_rates_are_drawn_from_the_distribution_that_is_named(
    kind: str, numbers: list[float], judge: Any
) -> None:
    quality = read({"open_rate": {kind: numbers}})
    assert quality is not None
    rate = quality.open_rate
    assert isinstance(rate, Distribution)
    assert rate.mean == pytest.approx(judge.mean())
    luck = [Luck(words_of(SeedSequence(seed))).aim(7, RATE, 4) for seed in range(2000)]
    drawn = [rate.draw(generator) for generator in luck]
    assert stats.kstest(drawn, judge.cdf).pvalue > 1e-3
    assert np.mean(drawn) == pytest.approx(judge.mean(), abs=5 * judge.std() / np.sqrt(2000))
    assert np.std(drawn) == pytest.approx(judge.std(), rel=0.1)


@given(st.integers(0, 999), st.sampled_from(["reputation", 700]), st.integers(1, 5 * 86_400))
def test_what_became_of_runs_in_the_end_is_what_the_log_tells_last(
    seed: int, warmup: object, seconds: int
) -> None:
    domain = {"name": "a.org", "warmup": warmup, "quality": QUALITY}
    plan = plan_of(LAUNCH, DIGEST, domains=[domain])
    model = sessim.Model(plan, seed)
    model.run(plan.start_instant + seconds * 10**6)
    writer = model.log().writer  # type: ignore[attr-defined]
    last = np.zeros_like(writer.totals)
    for rank, _, *lots in writer.knots.tolist():
        last[rank] = lots
    assert writer.totals.tolist() == last.tolist()


def test_what_is_known_of_a_day_does_not_change_as_days_go_on() -> None:
    """The rows of a log up to an instant are those of the log of the whole."""
    plan = plan_of(LAUNCH, DIGEST, domains=[
        {"name": "a.org", "warmup": "reputation", "quality": QUALITY}])  # fmt: skip
    early = sessim.simulate(plan, 5, until="2026-12-02 08:00:11").events
    whole = sessim.simulate(plan, 5).events
    told = early[early["event"] != "end"]
    assert len(told) > 10
    for name in told:
        assert told[name].astype(str).tolist() == whole[name][: len(told)].astype(str).tolist()
