"""The outbox against killed senders, full disks, damage and second senders (rows 30, 33-35)."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("resource", reason="by design: processes are forked and limited on Unix only")

from sessim.errors import OutboxBusyError, OutboxError
from sessim.senders.outbox import Outbox
from sessim.senders.outcomes import Outcome
from sessim.senders.reading import OutboxReader, Run
from sessim.senders.states import State
from tests.senders import faultydisk
from tests.senders.faults import Faults
from tests.senders.outboxes import (
    HEADER,
    Rows,
    addresses,
    addresses_by_state,
    check,
    edit,
    filled,
)
from tests.senders.plans import ordered
from tests.senders.worker import IN_HAND, Worker, working


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "send.outbox"


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with working() as found:
        yield found


def sentence(file: Path, **wanted: Any) -> str:
    """Return what is said when an outbox cannot be gone on with."""
    with pytest.raises(OutboxError) as caught:
        Outbox.resume(file, **wanted).close()
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value)
    return str(caught.value)


# --- row 30: kill -9 ----------------------------------------------------------------------------

KILLS = 40
ROWS = 2000


def in_log(server: Path) -> Counter[tuple[int, int]]:
    """Return what the server has, by run and line."""
    lines = server.read_text().split("\n") if server.exists() else []
    assert not lines or not lines.pop(), "the log ends in half a line"
    return Counter((int(run), int(line)) for run, line in map(str.split, lines))


def rows_in(outbox: OutboxReader, state: State) -> set[tuple[int, int]]:
    return {(run.run, row.line) for run in outbox.runs() for row in outbox.rows(run, state)}


def reconcile(outbox: Outbox, run: Run, log: Counter[tuple[int, int]]) -> None:
    """Decide on each unknown row as the server's log has it."""
    for row in list(outbox.rows(run, State.UNKNOWN)):
        outbox.recover("reconcile" if log[run.run, row.line] else "resend", [row])


def test_a_killed_sender_loses_nothing_and_sends_nothing_twice(
    file: Path, tmp_path: Path, worker: Worker
) -> None:
    outbox, _ = filled(file, ROWS, runs=2)
    outbox.close()
    server = tmp_path / "server.log"
    chance = random.Random(4)
    in_doubt = 0
    for _ in range(KILLS):
        pid = worker.start("send_and_wait", str(file), str(server))
        time.sleep(chance.uniform(0, 0.1))
        os.kill(pid, signal.SIGKILL)
        worker.rest()
        log = in_log(server)
        with Outbox.resume(file) as outbox:
            check(outbox)
            accepted, unknown = rows_in(outbox, State.ACCEPTED), rows_in(outbox, State.UNKNOWN)
            assert set(log.values()) <= {1}
            assert accepted <= set(log) <= accepted | unknown
            assert not rows_in(outbox, State.INTENT)
            assert len(unknown) == outbox.doubtful <= IN_HAND
            in_doubt += outbox.doubtful > 0
            for run in outbox.runs():
                reconcile(outbox, run, log)
    assert in_doubt > KILLS / 10  # the kills did hit senders at work
    worker.start("send", str(file), str(server))
    worker.rest()
    with OutboxReader.look(file) as reader:
        assert reader.counts()[State.ACCEPTED] == 2 * ROWS
    assert in_log(server) == Counter((run, line) for run in (1, 2) for line in range(2, ROWS + 2))


def test_a_list_that_was_half_taken_in_is_not_there(file: Path) -> None:
    """A kill in the middle leaves the files as they are then."""
    half = file.with_name("half.outbox")

    class Copying(Rows):
        def __iter__(self) -> Iterator[Any]:
            for number, row in enumerate(super().__iter__()):
                if number == 25_000:
                    for part in ("", "-wal"):
                        shutil.copy(f"{file}{part}", f"{half}{part}")
                yield row

    with Outbox.create(file, HEADER) as outbox:
        outbox.add_list("a", Copying(addresses(30_000)))
    with Outbox.resume(half) as outbox:
        assert outbox.lists() == []
        assert outbox.add_list("a", Rows(addresses(5))).recipients == 5


@pytest.mark.slow
def test_a_million_rows_take_no_more_memory_than_ten_thousand(
    tmp_path: Path, worker: Worker
) -> None:
    peaks = []
    for rows in (10_000, 1_000_000):
        listed = tmp_path / f"{rows}.csv"
        with listed.open("w") as stream:
            stream.write("address,name\n")
            stream.writelines(f"user{k}@example.com,Name {k}\n" for k in range(rows))
        worker.start("fill", str(tmp_path / f"{rows}.outbox"), str(listed))
        pending, peak = worker.rest()
        assert int(pending) == rows - 1000
        peaks.append(int(peak))
    assert peaks[1] < peaks[0] + 20_000  # kB: SQLite's cache, full in one and not in the other


# --- row 33: disk full, not writable, torn ------------------------------------------------------


def test_a_full_disk_stops_before_anything_is_sent(file: Path, worker: Worker) -> None:
    outbox, _ = filled(file, 5000)
    outbox.close()
    worker.start("run_full", str(file), 60_000)
    said, sent, in_intent, later = worker.rest()
    assert said.startswith(f"outbox '{file.name}': the disk ")
    assert "; " in said
    assert 0 < int(sent) == int(in_intent) < 5000
    assert later == "1"
    with Outbox.resume(file) as outbox:
        check(outbox)
        assert outbox.doubtful == int(sent) + 1


def test_a_full_disk_keeps_outcomes_or_none(file: Path) -> None:
    outbox, (run,) = filled(file, 500)
    rows = outbox.claim(run, 500)
    pages = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
    outbox._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(OutboxError, match="the disk is full; make room, then resume"):
        outbox.settle([Outcome(row, State.ACCEPTED, "x" * 500) for row in rows])
    assert outbox.counts(run)[State.INTENT] == 500
    check(outbox)
    outbox._connection.execute("PRAGMA max_page_count = 100000")
    outbox.settle([Outcome(row, State.ACCEPTED, "x" * 500) for row in rows])
    assert outbox.counts(run)[State.ACCEPTED] == 500


def test_an_outbox_that_cannot_be_written_is_not_sent_from(worker: Worker) -> None:
    with tempfile.TemporaryDirectory() as folder:  # a test's own folder is not for everybody
        file = Path(folder) / "send.outbox"
        outbox, _ = filled(file, 5)
        outbox.close()
        Path(folder).chmod(0o555)
        for path in Path(folder).iterdir():
            path.chmod(0o444)
        worker.start("open_as_nobody", str(file))
        (said,) = worker.rest()
        assert said.startswith("outbox 'send.outbox': it cannot be ")
        Path(folder).chmod(0o755)


@pytest.mark.skipif(not faultydisk.IS_POSSIBLE, reason="by design: needs Linux's seccomp")
def test_a_disk_that_fails_stops_before_anything_more_is_sent(file: Path, worker: Worker) -> None:
    ordered(file, 500, "Hello!")
    with Faults() as server:
        worker.start("send_plan", str(file), server.port, "fsync")
        (said,) = worker.rest()
    broken = "the disk does not take or give its bytes; check the disk, then resume"
    assert said == f"outbox '{file.name}': {broken}"
    log = Counter(server.recipients)
    assert 0 < log.total() == len(log) < 100  # what was on its way when the disk failed
    with Outbox.resume(file) as outbox:
        check(outbox)
        found = addresses_by_state(outbox)
        assert log.keys() <= found[State.ACCEPTED] | found[State.UNKNOWN]
        assert found[State.ACCEPTED] <= log.keys()
        assert len(found[State.PENDING]) > 400


@pytest.mark.parametrize("kind", ["cut", "zeros", "old bytes"])
def test_a_torn_record_at_the_end_is_as_if_it_was_never_written(file: Path, kind: str) -> None:
    """What had returned before is all there; what had not may be there whole, or not at all."""
    torn = file.with_name("torn.outbox")
    outbox, (run,) = filled(file, 200)
    outbox.settle([Outcome(row, State.ACCEPTED) for row in outbox.claim(run, 50)])
    before = Path(f"{file}-wal").read_bytes()
    outbox.claim(run, 10)
    after = Path(f"{file}-wal").read_bytes()
    shutil.copy(file, torn)
    chance = random.Random(33)
    torn_at = [len(before), len(after) - 1, *(chance.sample(range(len(before), len(after)), 8))]
    for at in torn_at:
        rest = {
            "cut": b"",
            "zeros": bytes(len(after) - at),
            "old bytes": (before * 2)[-(len(after) - at) :],
        }
        Path(f"{torn}-wal").write_bytes(after[:at] + rest[kind])
        with Outbox.resume(torn) as found:
            check(found)
            assert found.doubtful == 0
            assert found.counts()[State.ACCEPTED] == 50
            assert [row.line for row in found.claim(run, 10)] == list(range(52, 62))
    Path(f"{torn}-wal").write_bytes(after)
    with Outbox.resume(torn) as found:
        assert found.doubtful == 10


def test_an_outbox_needs_a_folder_and_a_name_of_its_own(file: Path, tmp_path: Path) -> None:
    outbox, _ = filled(file, 3)
    outbox.close()
    for path, said in {
        tmp_path / "no" / "a.outbox": "it cannot be opened; check that folder and file",
        tmp_path: "is not a file; name another",
        file: "is there already; resume it or name a new",
    }.items():
        with pytest.raises(OutboxError, match=said):
            Outbox.create(path, HEADER)
    half_made = tmp_path / "half.outbox"
    half_made.touch()
    Outbox.create(half_made, HEADER).close()
    assert "there is no outbox " in sentence(tmp_path / "b.outbox")
    assert not (tmp_path / "b.outbox.lock").exists()
    Outbox.resume(file).close()


# --- row 34: other versions, damage, edits ------------------------------------------------------


def test_what_is_no_outbox_is_refused_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    tables = "CREATE TABLE header (a);"
    for name, text in {"plain": tables, "logged": f"PRAGMA journal_mode = WAL; {tables}"}.items():
        sqlite3.connect(tmp_path / name).executescript(text).connection.close()
    (tmp_path / "text").write_text("address\na@x.com\n" * 100)
    (tmp_path / "empty").touch()
    before = sorted(tmp_path.iterdir())
    assert len(before) == 4
    for path in before:
        assert "is no outbox; name another file" in sentence(path)
        if path.name != "empty":
            with pytest.raises(OutboxError, match="is there already; resume it or name a new"):
                Outbox.create(path, HEADER)
    assert sorted(tmp_path.iterdir()) == before


def test_other_files_and_other_versions_are_refused(file: Path) -> None:
    file.write_text("address\na@x.com\n" * 100)
    assert sentence(file) == "outbox 'send.outbox': it is no outbox; name another file"
    for text in ("", "PRAGMA user_version = 1; CREATE TABLE header (a)"):
        file.unlink()
        sqlite3.connect(file).executescript(text).connection.close()
        assert "is no outbox; name another file, or start a new send" in sentence(file)
    file.unlink()
    outbox, _ = filled(file, 3)
    outbox.close()
    edit(file, "PRAGMA user_version = 99")
    assert "has format 99 and this sessim knows 3; go on with the sessim" in sentence(file)
    with pytest.raises(OutboxError, match="has format 99"):
        OutboxReader.look(file)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE row SET state = 0 WHERE line = 3", "the row of line 3 was edited"),
        ("UPDATE row SET words = 'x' WHERE line = 4", "the row of line 4 was edited"),
        ("UPDATE row SET due = 5 WHERE line = 5", "the row of line 5 was edited"),
        ("UPDATE row SET taken = 5 WHERE line = 6", "the row of line 6 was edited"),
        ("UPDATE recipient SET address = 'b@x.com' WHERE line = 2", "the recipient of line 2 was"),
        ("UPDATE recipient SET vals = '[]' WHERE line = 2", "the recipient of line 2 was edited"),
        ("DELETE FROM row WHERE line = 2", "rows were added or removed"),
        ("DELETE FROM recipient WHERE line = 2", "recipients were added or removed"),
        ("UPDATE tally SET rows = rows + 1 WHERE state = 3", "rows were added or removed"),
        (
            "INSERT INTO row SELECT run, 99, 0, 0, due, taken, '', 0 FROM row LIMIT 1",
            "the row of line 99",
        ),
        ("UPDATE run SET domain = 'x.org'", "a run was edited"),
        ("UPDATE list SET variables = '[]'", "a recipient list was edited"),
        ("UPDATE suppression SET key = key || 'x'", "the suppression list was edited"),
        ("UPDATE checkpoint SET state = x'00'", "the checkpoint was edited"),
        ("UPDATE header SET value = 'live' WHERE name = 'mode'", "its header was edited"),
        ("DELETE FROM header WHERE name = 'token'", "its header was edited"),
        ("DROP TABLE tally", "it is damaged"),
    ],
)
def test_an_edited_outbox_is_refused(file: Path, statement: str, said: str) -> None:
    outbox, (run,) = filled(file, 5)
    outbox.settle(
        [Outcome(row, State.REJECTED, "550 5.1.1 no") for row in outbox.claim(run, 4)], b"\1"
    )
    outbox.close()
    Outbox.resume(file).close()
    edit(file, statement)
    assert said in sentence(file)
    assert sentence(file).endswith("as any other could send twice")  # a copy of last week would


def contents(outbox: Outbox) -> list[Any]:
    rows = [(row.line, row.state, row.words, row.address, row.values)
            for run in outbox.runs() for row in outbox.rows(run)]  # fmt: skip
    return [rows, outbox.header.rows(), outbox.counts(), outbox.suppressed(), outbox.checkpoint()]


def test_any_flipped_bit_is_found_or_changes_nothing(file: Path) -> None:
    outbox, (run,) = filled(file, 40)
    outbox.settle(
        [Outcome(row, State.REJECTED, "550 5.1.1 no") for row in outbox.claim(run, 30)], b"\1" * 99
    )
    outbox.close()
    with Outbox.resume(file) as outbox:
        whole = contents(outbox)
    data = file.read_bytes()
    used = [k for k, byte in enumerate(data) if byte]
    chance = random.Random(34)
    found = 0
    for _ in range(200):
        flipped = bytearray(data)
        flipped[chance.choice(used)] ^= 1 << chance.randrange(8)
        for part in ("-wal", "-shm"):
            Path(f"{file}{part}").unlink(missing_ok=True)
        file.write_bytes(flipped)
        try:
            with Outbox.resume(file) as outbox:
                assert contents(outbox) == whole
        except OutboxError:
            found += 1
    assert found > 100


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"mode": "live"}, "was made for another mode ('loopback', not 'live'); go on as it began"),
        ({"host": "mx.example.org"}, "was made for another host"),
        ({"token": "other"}, "was made for another token"),
        ({"plan": "{}"}, "was made for another plan; go on as it began, or start a new one"),
        ({"digests": {"list 'a.csv'": "cd"}}, "list 'a.csv' is not what it was when the send"),
        ({"digests": {}}, "list 'a.csv' is not what it was"),
        ({"digests": {"list 'a.csv'": "ab", "template": "x"}}, "template is not what it was"),
    ],
)
def test_an_outbox_goes_on_only_as_it_began(file: Path, wanted: Any, said: str) -> None:
    outbox, (run,) = filled(file, 3)
    outbox.claim(run, 1)
    outbox.close()
    assert said in sentence(file, **wanted)
    same = {"mode": HEADER.mode, "host": HEADER.host, "token": HEADER.token, "plan": HEADER.plan}
    with Outbox.resume(file, **same, digests=HEADER.digests) as outbox:
        assert outbox.doubtful == 1  # nothing was changed by being refused


# --- row 35: a second sender --------------------------------------------------------------------


def test_a_second_sender_is_refused_until_the_first_is_gone(file: Path, worker: Worker) -> None:
    outbox, _ = filled(file, 3)
    outbox.close()
    pid = worker.start("hold", str(file))
    assert worker.hear() == "held"
    for again in (lambda: Outbox.resume(file), lambda: Outbox.create(file, HEADER)):
        with pytest.raises(OutboxBusyError, match="in use by another sender; wait for it or stop"):
            again()
    link = file.with_name("link.outbox")
    link.symlink_to(file)
    with pytest.raises(OutboxBusyError):
        Outbox.resume(link)
    with OutboxReader.look(file) as reader:
        check(reader)
    os.kill(pid, signal.SIGKILL)
    worker.rest()
    with Outbox.resume(file) as outbox, pytest.raises(OutboxBusyError):
        Outbox.resume(file)
    Outbox.resume(file).close()
