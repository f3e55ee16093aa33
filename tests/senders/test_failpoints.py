"""Row 30: a sender killed at each named point, against a server that knows what it has."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

pytest.importorskip("resource", reason="by design: processes are forked on Unix only")

from sessim.senders.courier import IN_HAND
from sessim.senders.outbox import Outbox
from sessim.senders.reading import OutboxReader
from sessim.senders.states import State
from tests.senders.faults import ACCEPT_DROP, DROP, After, Faults, Rule, Visit
from tests.senders.outboxes import addresses_by_state, check
from tests.senders.plans import ordered
from tests.senders.worker import CONNECTIONS, Worker, working

RECIPIENTS = 200
VISIT = 70  # of the server's point, when the sender is killed
LONG = 150_000  # bytes of a message that leaves in several pieces


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with working() as found:
        yield found


class Killer:
    """Kills a sender from the server's side, once."""

    def __init__(self) -> None:
        self.victim = 0
        self._known = Event()

    def aim(self, pid: int) -> None:
        self.victim = pid
        self._known.set()

    def kill(self) -> None:
        assert self._known.wait(10)
        os.kill(self.victim, signal.SIGKILL)

    def at(self, action: After) -> Callable[[Visit], After | None]:
        """Return a rule that kills at a visit and then does as the action says."""
        return lambda visit: action._replace(done=self.kill) if visit.count == VISIT else None


# Where the server kills: the rule's point, and what it does with a sender that is no more.
AT_SERVER = {
    "after MAIL": ("mail", After(DROP)),
    "in the body": ("body", After(DROP, octets=LONG // 2)),
    "after the dot": ("dot", After(ACCEPT_DROP)),
}
IN_SENDER = ("before intent", "after intent", "after the 250, before the journal")


def in_log(server: Faults) -> Counter[str]:
    return Counter(server.recipients)


def killed(worker: Worker, file: Path, point: str) -> Faults:
    """Send until the sender is killed at a point; return the server, which has ended."""
    ordered(file, RECIPIENTS, "Hello!\n" + "long text\n" * (LONG // 10))
    killer = Killer()
    rules: dict[str, Rule] = {}
    if point in AT_SERVER:
        where, action = AT_SERVER[point]
        rules[where] = killer.at(action)
    with Faults(rules) as server:
        killer.aim(worker.start("send_plan", str(file), server.port, point))
        assert worker.rest() == [], "it was not killed"
    return server


def finish(worker: Worker, file: Path) -> Faults:
    with Faults() as server:
        worker.start("send_plan", str(file), server.port)
        assert len(worker.rest()) == 3, "it has ended early"
    return server


@pytest.mark.parametrize("point", [*IN_SENDER, *AT_SERVER])
def test_row_30_killed_at_a_named_point(tmp_path: Path, worker: Worker, point: str) -> None:
    file = tmp_path / "send.outbox"
    first = killed(worker, file, point)
    log = in_log(first)
    with Outbox.resume(file) as outbox:
        check(outbox)  # I1
        accepted, unknown = (
            addresses_by_state(outbox)[state] for state in (State.ACCEPTED, State.UNKNOWN)
        )
        assert accepted <= set(log) <= accepted | unknown  # I2
        assert len(unknown) == outbox.doubtful <= IN_HAND * CONNECTIONS
        for run in outbox.runs():
            for row in list(outbox.rows(run, State.UNKNOWN)):
                outbox.recover("reconcile" if row.address in log else "resend", [row])
    log += in_log(finish(worker, file))
    assert len(log) == RECIPIENTS  # none lost
    assert set(log.values()) == {1}  # I3: none sent twice
    with OutboxReader.look(file) as reader:
        assert reader.counts()[State.ACCEPTED] == RECIPIENTS


@pytest.mark.parametrize("point", ["after intent", "after the dot"])
def test_row_30_what_is_sent_again_is_the_same_message(
    tmp_path: Path, worker: Worker, point: str
) -> None:
    file = tmp_path / "send.outbox"
    first = killed(worker, file, point)
    with Outbox.resume(file) as outbox:
        doubtful = outbox.recover("resend")
    second = finish(worker, file)
    before = {mail.recipients: mail.content for mail in first.mails}
    after = {mail.recipients: mail.content for mail in second.mails}
    again = before.keys() & after.keys()
    assert before.keys() | after.keys() == {(a,) for a in everybody(file)}
    assert len(again) <= doubtful <= IN_HAND * CONNECTIONS  # I4
    assert all(before[whom] == after[whom] for whom in again)
    assert again or point != "after the dot"


def everybody(file: Path) -> set[str]:
    with OutboxReader.look(file) as reader:
        return set().union(*addresses_by_state(reader).values())


def test_row_30_without_resending_what_is_in_doubt_stays_unknown(
    tmp_path: Path, worker: Worker
) -> None:
    file = tmp_path / "send.outbox"
    log = in_log(killed(worker, file, "after the dot")) + in_log(finish(worker, file))
    assert set(log.values()) == {1}
    with OutboxReader.look(file) as reader:
        counts = reader.counts()
        assert 0 < counts[State.UNKNOWN] <= IN_HAND * CONNECTIONS
        assert counts[State.ACCEPTED] + counts[State.UNKNOWN] == RECIPIENTS
        assert addresses_by_state(reader)[State.ACCEPTED] <= set(log)
