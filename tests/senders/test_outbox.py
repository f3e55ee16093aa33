"""The outbox: what it keeps, in which order it gives rows out, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessim.errors import ArgumentError, OutboxError, RecipientError
from sessim.recipients import RecipientFile
from sessim.senders.outbox import Outbox
from sessim.senders.outcomes import Outcome
from sessim.senders.reading import OutboxReader
from sessim.senders.states import MOVES, OUTCOMES, State
from tests.senders.outboxes import HEADER, Rows, addresses, check, filled, states


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "send.outbox"


# --- lists (row 45) -----------------------------------------------------------------------------


def test_an_address_is_taken_once_whatever_its_case(file: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text(
        "address,name\nAnn@x.com,A\nann@X.COM,B\nann+news@x.com,C\nAnn@x.com,D\nnobody,E\n"
        "b@bücher.de,F\nB@xn--bcher-kva.de,G\n"
    )
    with Outbox.create(file, HEADER) as outbox:
        summary = outbox.add_list("a", RecipientFile(listed))
        assert (summary.recipients, summary.refused) == (3, 4)
        assert outbox.lists() == [summary]
        reasons = {refusal.line: refusal.reason for refusal in outbox.refusals("a")}
        assert sorted(reasons) == [3, 5, 6, 8]
        for line, first in {3: 2, 5: 2, 8: 7}.items():
            assert reasons[line] == f"address is that of line {first} again; remove one of them"
        rows = outbox.claim(outbox.add_run(1, 1, "a", "x.org", 0), 10)
        assert [(row.line, row.address, row.values) for row in rows] == [
            (2, "Ann@x.com", ("A",)),
            (4, "ann+news@x.com", ("C",)),
            (7, "b@xn--bcher-kva.de", ("F",)),
        ]


def test_a_list_is_taken_in_as_a_whole_or_not_at_all(file: Path, tmp_path: Path) -> None:
    class Broken(Rows):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield from super().__iter__()
            raise RecipientError("cannot be read")

    with Outbox.create(file, HEADER) as outbox:
        with pytest.raises(RecipientError, match="cannot be read"):
            outbox.add_list("a", Broken(addresses(25_000)))
        assert outbox.lists() == []
        assert outbox.add_list("a", Rows(addresses(3))).recipients == 3
        with pytest.raises(OutboxError, match="has a list 'a' already"):
            outbox.add_list("a", Rows([]))
        with pytest.raises(OutboxError, match="has no list 'b'"):
            outbox.add_run(1, 1, "b", "x.org", 0)


def test_a_run_that_is_added_again_is_the_same_run(file: Path) -> None:
    outbox, (run,) = filled(file, 3)
    outbox.claim(run, 1)
    assert outbox.add_run(1, 1, "a", "news.example.com", 0) == run
    assert outbox.counts(run)[State.INTENT] == 1
    with pytest.raises(OutboxError, match="run 1 of task 1 with another list, sender or date"):
        outbox.add_run(1, 1, "a", "other.example.com", 0)
    with pytest.raises(OutboxError, match="has no run 2 of task 1"):
        outbox.run(1, 2)


# --- sending ------------------------------------------------------------------------------------


def test_rows_are_given_out_in_order_and_once(file: Path) -> None:
    outbox, (run, again) = filled(file, 5, runs=2)
    first, second, third = outbox.claim(run, 2), outbox.claim(run, 2), outbox.claim(run, 2)
    assert [[row.line for row in rows] for rows in (first, second, third)] == [[2, 3], [4, 5], [6]]
    assert outbox.claim(run, 2) == []
    assert {row.state for row in first} == {State.INTENT}
    assert [row.line for row in outbox.claim(again, 9)] == [2, 3, 4, 5, 6]
    check(outbox)


def test_a_row_has_its_message_id_for_ever(file: Path) -> None:
    outbox, (run,) = filled(file, 1)
    (row,) = outbox.claim(run, 1)
    assert row.identity == f"<{HEADER.id}.1.1.2@news.example.com>"
    outbox.settle([Outcome(row, State.DEFERRED, "451 later", due=5)])
    outbox.close()
    with Outbox.resume(file) as outbox:
        assert outbox.claim(run, 1, now=5)[0].identity == row.identity
        assert outbox.serial(run) == f"{HEADER.id}.1.1"


def test_deferred_rows_come_first_when_they_are_due(file: Path) -> None:
    outbox, (run,) = filled(file, 4)
    a, b = outbox.claim(run, 2)
    outbox.settle([Outcome(a, State.DEFERRED, "450", 30), Outcome(b, State.DEFERRED, "450", 20)])
    assert outbox.next_due(run) == 20
    assert [row.line for row in outbox.claim(run, 1, now=19)] == [4]
    assert [(row.line, row.attempts) for row in outbox.claim(run, 9, now=30)] == [
        (b.line, 2), (a.line, 2), (5, 1),
    ]  # fmt: skip
    assert outbox.next_due(run) is None
    check(outbox)


def test_rows_know_when_they_were_taken(file: Path) -> None:
    outbox, (run,) = filled(file, 4)
    assert outbox.first_taken() == (None, 0)
    rows = outbox.claim(run, 3, now=100, step=7)
    assert [row.taken for row in rows] == [100, 107, 114]
    assert [row.taken for row in outbox.rows(run)] == [100, 107, 114, None]
    outbox.settle([Outcome(rows[0], State.ACCEPTED), Outcome(rows[1], State.REJECTED)])
    assert [row.taken for row in outbox.rows(run)] == [100, 107, 114, None]
    assert (outbox.first_taken(), outbox.last_taken()) == ((100, 3), {run.id: 114})
    assert outbox.latest(1) == [114]
    assert outbox.latest(9) == [100, 114]  # the second one was not sent


@pytest.mark.parametrize("state", sorted(OUTCOMES))
def test_an_outcome_is_kept_with_the_servers_words(file: Path, state: State) -> None:
    outbox, (run,) = filled(file, 1)
    due = 7 if state is State.DEFERRED else None
    outbox.settle([Outcome(outbox.claim(run, 1)[0], state, "554 5.7.1 no\r\n thanks\x1b", due)])
    (row,) = outbox.rows(run, state)
    assert (row.words, row.due) == ("554 5.7.1 no thanks?", due)
    assert row.attempts == (0 if state is State.PENDING else 1)
    check(outbox)


@pytest.mark.parametrize("words", ["x" * 9000, "\udcff", "\0", ""])
def test_any_words_can_be_kept(file: Path, words: str) -> None:
    outbox, (run,) = filled(file, 1)
    outbox.settle([Outcome(outbox.claim(run, 1)[0], State.ACCEPTED, words)])
    (row,) = outbox.rows(run)
    assert len(row.words) <= 500
    outbox.close()
    Outbox.resume(file).close()


def test_a_released_row_is_given_out_again(file: Path) -> None:
    outbox, (run,) = filled(file, 4)
    rows = outbox.claim(run, 3)
    again = outbox.exchange([Outcome(rows[1], State.PENDING)], run, 9)
    assert [row.line for row in again] == [3, 5]
    check(outbox)


def test_nothing_is_settled_twice_or_half(file: Path) -> None:
    outbox, (run,) = filled(file, 3)
    a, b, _ = outbox.claim(run, 3)
    outbox.settle([Outcome(a, State.ACCEPTED)])
    for outcomes in (
        [Outcome(b, State.ACCEPTED), Outcome(a, State.REJECTED)],
        [Outcome(b, State.ACCEPTED), Outcome(b, State.REJECTED)],
    ):
        with pytest.raises(OutboxError, match="1 of 2 rows are not intent"):
            outbox.settle(outcomes, checkpoint=b"no")
    assert states(outbox, run) == {2: State.ACCEPTED, 3: State.INTENT, 4: State.INTENT}
    assert outbox.checkpoint() is None
    check(outbox)


@pytest.mark.parametrize(
    ("state", "due", "said"),
    [
        (State.INTENT, None, "^outcome is .*; give one of accepted, deferred"),
        (State.SUPPRESSED, None, "^outcome is "),
        (State.DEFERRED, None, "^due of an outcome deferred is None"),
        (State.ACCEPTED, 5, "^due of an outcome accepted is 5"),
    ],
)
def test_what_is_no_outcome(file: Path, state: State, due: int | None, said: str) -> None:
    outbox, (run,) = filled(file, 1)
    with pytest.raises(ArgumentError, match=said):
        outbox.settle([Outcome(outbox.claim(run, 1)[0], state, "", due)])


def test_a_run_is_cancelled_but_for_what_is_in_hand(file: Path) -> None:
    outbox, (run,) = filled(file, 5)
    a, b = outbox.claim(run, 2)
    outbox.settle([Outcome(b, State.DEFERRED, "450", 1)])
    assert outbox.cancel(run) == 4
    assert outbox.claim(run, 9, now=9) == []
    outbox.settle([Outcome(a, State.ACCEPTED)])
    assert outbox.counts(run)[State.CANCELLED] == 4
    check(outbox)


def test_the_checkpoint_is_kept_with_the_outcomes(file: Path) -> None:
    outbox, (run,) = filled(file, 1)
    outbox.settle([Outcome(outbox.claim(run, 1)[0], State.ACCEPTED)], checkpoint=b"one")
    outbox.settle([], checkpoint=b"\0two")
    outbox.close()
    with Outbox.resume(file) as outbox:
        assert outbox.checkpoint() == b"\0two"


# --- suppression --------------------------------------------------------------------------------


def test_a_hard_bounce_suppresses_the_address_everywhere(file: Path) -> None:
    outbox, (run, later) = filled(file, 3, runs=2)
    a, b, c = outbox.claim(run, 3)
    outbox.settle(
        [
            Outcome(a, State.REJECTED, "550 5.1.1 no such user"),
            Outcome(b, State.REJECTED, "550 5.7.1 not from you (was 5.1.1)"),
            Outcome(c, State.DEFERRED, "450-5.1.1 later", 5),
        ]
    )
    assert list(outbox.suppressed()) == ["user0@example.com"]
    assert [row.line for row in outbox.claim(later, 1)] == [3]
    assert states(outbox, later)[2] is State.SUPPRESSED
    third = outbox.add_run(1, 3, "a", "news.example.com", 0)
    assert outbox.counts(third)[State.SUPPRESSED] == 1
    check(outbox)


def test_addresses_are_suppressed_by_hand_in_any_case(file: Path) -> None:
    outbox, (run,) = filled(file, 4)
    (row,) = outbox.claim(run, 1)
    outbox.settle([Outcome(row, State.DEFERRED, "450", 1)])
    gone = ["USER0@example.com", "user1@EXAMPLE.com", "a@b.de"]
    assert outbox.suppress(gone, "asked for it") == 3
    assert outbox.suppress(["a@b.de", "c@b.de"], "again") == 1
    assert [row.line for row in outbox.claim(run, 2, now=1)] == [4, 5]
    assert outbox.counts(run)[State.SUPPRESSED] == 2
    with pytest.raises(RecipientError, match="address 'nobody' cannot be used"):
        outbox.suppress(["d@b.de", "nobody"], "?")
    assert "d@b.de" not in outbox.suppressed()
    check(outbox)


# --- after the sender ended ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "state"), [("resend", State.PENDING), ("reconcile", State.ACCEPTED)]
)
def test_what_was_in_hand_is_unknown_until_somebody_decides(
    file: Path, policy: str, state: State
) -> None:
    outbox, (run,) = filled(file, 5)
    outbox.claim(run, 3)
    outbox.close()
    with Outbox.resume(file) as outbox:
        assert outbox.doubtful == 3
        assert [row.line for row in outbox.claim(run, 9)] == [5, 6]
        unknown = list(outbox.rows(run, State.UNKNOWN))
        assert [row.line for row in unknown] == [2, 3, 4]
        assert unknown[0].words == "the sender ended before the outcome was known"
        assert outbox.recover(policy, unknown[:1]) == 1  # type: ignore[arg-type]
        assert states(outbox, run)[2] is state
        with pytest.raises(OutboxError, match="1 of 1 rows are not unknown"):
            outbox.recover(policy, unknown[:1])  # type: ignore[arg-type]
        assert outbox.recover(policy) == 2  # type: ignore[arg-type]
        assert len(outbox.claim(run, 9)) == (3 if policy == "resend" else 0)
        check(outbox)


def test_no_policy_is_guessed(file: Path) -> None:
    outbox, _ = filled(file, 1)
    with pytest.raises(ArgumentError, match="policy is 'keep'; give resend or reconcile"):
        outbox.recover("keep")  # type: ignore[arg-type]


# --- looking on ---------------------------------------------------------------------------------


def test_others_look_on_while_a_sender_works(file: Path) -> None:
    outbox, (run,) = filled(file, 2500)
    with OutboxReader.look(file) as reader:
        outbox.claim(run, 2)
        assert reader.counts(run)[State.INTENT] == 2
        assert sum(1 for _ in reader.rows(run, State.PENDING)) == 2498
        assert reader.header.mode == "loopback"
        check(reader)


def test_counts_name_every_state(file: Path) -> None:
    outbox, (run, _) = filled(file, 2, runs=2)
    assert outbox.counts(run) == dict.fromkeys(State, 0) | {State.PENDING: 2}
    assert outbox.counts()[State.PENDING] == 4


def test_no_address_stands_in_a_repr(file: Path) -> None:
    outbox, (run,) = filled(file, 1)
    (row,) = outbox.claim(run, 1)
    text = repr([outbox, outbox.header, run, row, Outcome(row, State.REJECTED, "550 user0@x")])
    assert "user0" not in text
    assert "t0k3n" not in text


def test_every_end_is_one(file: Path) -> None:
    assert {state for state, after in MOVES.items() if not after} == {
        *(State.ACCEPTED, State.REJECTED, State.EXPIRED, State.SUPPRESSED, State.CANCELLED)
    }
    assert set(MOVES) == set(State)


def test_a_closed_outbox_says_so(file: Path) -> None:
    outbox, (run,) = filled(file, 1)
    outbox.close()
    with pytest.raises(OutboxError, match="it is closed; open it again"):
        outbox.claim(run, 1)
