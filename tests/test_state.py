"""A simulation forked, saved and resumed goes on as if nothing had been."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessim
from tests.stories import instants_of, lines, log_bytes, plan_of, story, task
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

ROOT = Path(__file__).parent.parent

often_fair = plans() | plans().map(lambda plan: plan | {"discipline": "fair"})


def finished_log(model: sessim.Model) -> bytes:
    """Run a model to its end, and return its log as a file."""
    model.run()
    return log_bytes(model.log())


def saved_and_loaded(model: sessim.Model) -> sessim.Model:
    """Send a model through a file."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "model.npz"))
        return sessim.Model.load(Path(folder, "model.npz"))


def half_way() -> sessim.Model:
    """Return a model of two tasks that is sending, with a pause behind it."""
    model = sessim.Model(plan_of(task(5), task(9), warmup=[2, 5], restart_delay=60), seed=3)
    model.run("2026-12-02 00:01:02")
    return model


# --- forks --------------------------------------------------------------------------------------


@given(often_fair, st.data())
def test_a_fork_and_its_original_both_go_on_as_if_nothing_had_been(
    plain: dict[str, Any], data: st.DataObject
) -> None:
    plan = sessim.Plan.from_dict(plain)
    whole = sessim.simulate(plan, seed=5).log
    model = sessim.Model(plan, seed=5)
    model.run(data.draw(instants_of(whole)))
    fork = model.fork()
    assert finished_log(fork) == log_bytes(whole)
    assert finished_log(model) == log_bytes(whole)


@given(often_fair, st.data())
def test_a_fork_of_a_fork_of_a_fork(plain: dict[str, Any], data: st.DataObject) -> None:
    plan = sessim.Plan.from_dict(plain)
    whole = sessim.simulate(plan).log
    model = sessim.Model(plan)
    for instant in sorted(data.draw(st.lists(instants_of(whole), min_size=3, max_size=3))):
        model.run(instant)
        model = model.fork()
    assert finished_log(model) == log_bytes(whole)


def test_a_fork_in_the_middle_of_a_round_goes_on_with_the_next() -> None:
    plan = plan_of(task(3), task(2), discipline="fair")
    model = sessim.Model(plan)
    model.run(plan.clock.instant(sessim.clock.moment("2026-12-01 00:00:02")))
    fork = model.fork()  # after A's first email it is B's turn: BABA
    fork.run()
    assert story(sessim.Result(fork.log()))[2:] == lines("""
        01 00:00:04  B sent  2/2
        01 00:00:05  A sent  3/3
    """)


def test_a_fork_while_a_run_holds_a_part_that_has_died_since() -> None:
    """Run 2 was due before run 1 sent the five addresses that are all dead: it holds them, too."""
    parts = [
        {"name": "dead", "requests": 5, "quality": {"invalid_rate": 1.0}},
        {"name": "alive", "requests": 50, "quality": {"invalid_rate": 0.0}},
    ]
    task = {"name": "A", "sender": "x@a.org", "requests": 55, "segments": parts}
    recurring = task | {"start": "2026-12-01 08:00", "every": "24h", "count": 4}
    domain = {"name": "a.org", "warmup": [0, 0, 200, 200]}
    plan = sessim.Plan.from_dict(
        {"start": "2026-12-01 08:00", "rate": "1/600", "domains": [domain], "tasks": [recurring]}
    )
    whole, model = sessim.simulate(plan, 3), sessim.Model(plan, 3)
    model.run("2026-12-03 08:30")
    assert finished_log(model.fork()) == log_bytes(whole.log)
    assert whole.runs["requests"].tolist() == [55, 55, 50, 50]
    assert whole.runs["invalid"].tolist() == [5, 5, 0, 0]


def test_a_fork_shares_nothing_with_its_original() -> None:
    model = half_way()
    before = log_bytes(model.log())
    finished_log(model.fork())
    assert log_bytes(model.log()) == before
    assert not model.finished


@pytest.mark.parametrize(
    ("at", "keys"),
    [
        ("2026-12-02 00:30", {"restart_delay": 3600}),  # a restart is pending
        ("2026-12-02 00:00:01", {"window": "rolling"}),  # a window is about to open
        ("2026-12-01 09:00", {"restart": "manual", "restart_at": "09:00"}),
        ("2026-12-01 00:00:02", {"discipline": "fair"}),  # in the middle of a round
        ("2026-12-01 00:00:03", {}),  # in the instant of the pause, which is still to come
        ("2026-12-02", {}),  # in the instant of the restart
    ],
)
def test_a_fork_while_something_is_pending(at: str, keys: dict[str, Any]) -> None:
    plan = plan_of(task(5), task(5), warmup=[3, 4, 9], **keys)
    model = sessim.Model(plan)
    model.run(plan.clock.instant(sessim.clock.moment(at)))
    assert finished_log(model.fork()) == log_bytes(sessim.simulate(plan).log)


# --- files --------------------------------------------------------------------------------------


@given(often_fair, st.data())
def test_a_saved_model_goes_on_as_if_nothing_had_been(
    plain: dict[str, Any], data: st.DataObject
) -> None:
    plan = sessim.Plan.from_dict(plain)
    whole = sessim.simulate(plan, seed=5).log
    model = sessim.Model(plan, seed=5)
    model.run(data.draw(instants_of(whole)))
    other = saved_and_loaded(model)
    assert (other.now, other.emails, other.finished) == (model.now, model.emails, model.finished)
    assert log_bytes(other.log()) == log_bytes(model.log())
    assert finished_log(other) == log_bytes(whole)


GO_ON = """
import hashlib, sys
from pathlib import Path
import sessim
for name in sys.argv[1:]:
    model = sessim.Model.load(name)
    model.run()
    model.log().write(f"{name}.parquet")
    print(hashlib.sha256(Path(f"{name}.parquet").read_bytes()).hexdigest())
"""


@settings(max_examples=2)
@given(st.lists(often_fair, min_size=6, max_size=6), st.data())
def test_a_saved_model_goes_on_in_a_fresh_process(
    some_plans: list[dict[str, Any]], data: st.DataObject
) -> None:
    expected = []
    with tempfile.TemporaryDirectory() as folder:
        for number, plain in enumerate(some_plans):
            plan = sessim.Plan.from_dict(plain)
            whole = sessim.simulate(plan).log
            expected.append(hashlib.sha256(log_bytes(whole)).hexdigest())
            model = sessim.Model(plan)
            model.run(data.draw(instants_of(whole)))
            model.save(Path(folder, f"{number}.npz"))
        files = sorted(map(str, Path(folder).iterdir()))
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", GO_ON, *files],
            capture_output=True, text=True, check=True, cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": "11"},
        )  # fmt: skip
    assert done.stdout.split() == expected


def test_a_saved_file_is_small_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        half_way().save(tmp_path / name)
    one, two = (np.load(tmp_path / name) for name in ("one", "two"))
    assert all(np.array_equal(one[name], two[name]) for name in one.files)
    assert (tmp_path / "one").stat().st_size < 4096


# --- files that hold no model -------------------------------------------------------------------


def refusal(path: Path) -> str:
    """Return what is said when a file is loaded that holds no model."""
    with pytest.raises(sessim.LogError) as caught:
        sessim.Model.load(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def write_npz(path: Path, **arrays: Any) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def test_there_is_no_such_file(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "absent.npz")
    assert "directory" in refusal(tmp_path)


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("start: 2026-12-01\n")
    (tmp_path / "bytes").write_bytes(bytes(range(256)))
    np.save(tmp_path / "array.npy", np.arange(3))
    write_npz(tmp_path / "other.npz", numbers=np.arange(3))
    write_npz(tmp_path / "words.npz", head=np.array("not JSON"))
    write_npz(tmp_path / "list.npz", head=np.array("[1, 2]"))
    write_npz(tmp_path / "objects.npz", head=np.array({"format": 1}, dtype=object))
    for file in tmp_path.iterdir():
        assert "holds no state" in refusal(file) or "cannot read" in refusal(file)


def altered(path: Path, **changes: Any) -> Path:
    """Save a model with other values in its head; return the file."""
    half_way().save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    head = json.loads(str(arrays.pop("head"))) | changes
    write_npz(path, head=np.array(json.dumps(head)), **arrays)
    return path


def test_a_file_of_another_version_says_so(tmp_path: Path) -> None:
    assert "another version" in refusal(altered(tmp_path / "model.npz", format=99))


@pytest.mark.parametrize(
    "changes", [{"plan": {}}, {"plan": {"start": "2026-12-01"}}, {"state": {}}, {"state": None}]
)
def test_a_file_whose_parts_do_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert "holds no state" in refusal(altered(tmp_path / "model.npz", **changes))


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    half_way().save(tmp_path / "whole.npz")
    data = (tmp_path / "whole.npz").read_bytes()
    for length in range(0, len(data), 40):
        (tmp_path / "part.npz").write_bytes(data[:length])
        refusal(tmp_path / "part.npz")


@given(st.data())
def test_a_damaged_file_is_refused_or_harmless(data: st.DataObject) -> None:
    """Damage within an array is found by its checksum; elsewhere it may not matter."""
    model = half_way()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        model.save(path)
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        try:
            other = sessim.Model.load(path)
        except sessim.LogError:
            return
    assert log_bytes(other.log()) == log_bytes(model.log())
