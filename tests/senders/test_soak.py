"""Row 43: a long list, and a server where a quarter of it meets with something."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import pytest

pytest.importorskip("resource", reason="by design: processes are forked on Unix only")

from sessim.senders.reading import OutboxReader
from sessim.senders.states import State
from tests.benchmarks import latesink
from tests.senders.faults import ACCEPT_DROP, DROP, Action, After, Faults, Visit
from tests.senders.outboxes import addresses_by_state, check
from tests.senders.plans import ordered
from tests.senders.worker import Worker, working

SHARE = 0.05
CLOSING = "421 4.3.2 closing"
UNKNOWN_USER = "550 5.1.1 no such user"


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with working() as found:
        yield found


class Trouble:
    """Five percent each of rows 16, 19, 22, 24 and 26 of the matrix, by a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = Lock()  # every connection has a thread
        self.unknown_users: set[str] = set()
        self.done: Counter[str] = Counter()

    def _meets(self, row: str, share: float = SHARE) -> bool:
        with self._lock:
            meets = self._random.random() < share
            self.done[row] += meets
            return meets

    def _closes(self) -> bool:
        return self._meets("22", SHARE / 4)  # at each of four points

    def mail(self, visit: Visit) -> Action:
        return CLOSING if self._closes() else "450 4.2.0 later" if self._meets("16") else None

    def rcpt(self, visit: Visit) -> Action:
        if visit.recipient in self.unknown_users or self._meets("19"):
            self.unknown_users.add(visit.recipient)
            return UNKNOWN_USER
        return CLOSING if self._closes() else None

    def data(self, visit: Visit) -> Action:
        return CLOSING if self._closes() else None

    def body(self, visit: Visit) -> Action:
        return After(DROP, octets=1) if self._meets("24") else None

    def dot(self, visit: Visit) -> Action:
        return CLOSING if self._closes() else ACCEPT_DROP if self._meets("26") else None


@pytest.mark.parametrize("rows", [3000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_row_43_a_quarter_meets_with_something(tmp_path: Path, worker: Worker, rows: int) -> None:
    file = tmp_path / "send.outbox"
    ordered(file, rows, "Hello!\n" * 20, warmup=[rows // 3])
    trouble = Trouble(43)
    points = ("mail", "rcpt", "data", "body", "dot")
    with Faults({point: getattr(trouble, point) for point in points}) as server:
        worker.start("send_plan", str(file), server.port)
        kilobytes, above_limit, counted = map(int, worker.rest())
    assert all(done > rows * SHARE / 2 for done in trouble.done.values()), trouble.done
    log = Counter(server.recipients)
    with OutboxReader.look(file) as outbox:
        check(outbox)  # I1, with the counts of the plan's own log below
        found = addresses_by_state(outbox)
        assert found.keys() == {State.ACCEPTED, State.REJECTED, State.UNKNOWN}
        assert sum(map(len, found.values())) == rows
        accepted, unknown = found[State.ACCEPTED], found[State.UNKNOWN]
        assert accepted <= log.keys() <= accepted | unknown  # I2
        assert set(log.values()) == {1}  # I3
        assert found[State.REJECTED] == trouble.unknown_users == outbox.suppressed().keys()
    assert above_limit == 0  # I5
    assert counted == len(accepted) + len(unknown)
    assert kilobytes < 40_000


@pytest.mark.slow
def test_sending_takes_the_same_memory_however_long_the_list(
    tmp_path: Path, worker: Worker
) -> None:
    peaks = []
    for rows in (10_000, 300_000):
        file = tmp_path / f"{rows}.outbox"
        ordered(file, rows, "Hello!\n" * 100)
        with latesink.running() as port:
            worker.start("send_plan", str(file), port)
            kilobytes, _, counted = map(int, worker.rest())
        assert counted == rows
        peaks.append(kilobytes)
    assert peaks[1] < peaks[0] + 12_000  # SQLite's cache of 8 MB: full in one, not in the other
