"""What becomes of the emails sent (rule R7), run by run: drawn, or as expected.

While a simulation runs it is only noted how far each run had come when the log told of it. What
became of these emails follows from that: it is settled at once where something depends on it (a
reputation is judged, a list shrinks by the addresses that bounced), else when somebody asks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import add
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from sessim.expectation import Expected, shares
from sessim.luck import RATE, Drawn, Four, Luck, odds, words_of
from sessim.quality import OUTCOMES
from sessim.reputation import MEASURED, NO_PROSPECTS, Prospects, prospects

if TYPE_CHECKING:
    from sessim.basis import Basis
    from sessim.plan import Plan

Ints = NDArray[np.int64]

MANY_PARTS: Final = 1 << 20
_CERTAIN: Final = Prospects(harmless_from=1 << 62, asks_for_opens=True)
"""What is expected is looked at in any case: nothing is left to chance."""


class Run:
    """A run that is due: how far the log has told of it, and what is settled of that.

    Attributes
    ----------
    task, domain, sizes
        What it belongs to, and the emails of its parts.
    gone
        The addresses of each part that had bounced when it was due, or bounced in it.
    marks
        The emails sent each time that the log told of it, rising.
    settled
        Of how many marks it is settled what became of the emails.
    wholes
        Of its parts from the first on, what became at once of all their emails; kept, not needed.
    """

    __slots__ = ("domain", "gone", "marks", "part", "path", "settled", "sizes", "task", "wholes")

    def __init__(self, task: int, domain: int, sizes: Sequence[int], gone: Sequence[int]) -> None:
        self.task, self.domain, self.sizes, self.gone = task, domain, sizes, list(gone)
        self.marks: list[int] = []
        self.settled = self.part = 0
        self.path: Drawn | Expected | None = None
        self.wholes: dict[int, Four | None] = {}


def sequence(seed: int | Mapping[str, Any]) -> SeedSequence:
    """Return the seed sequence that a whole number from 0 stands for, or one kept as data."""
    if isinstance(seed, Mapping):
        return SeedSequence(seed["entropy"], spawn_key=tuple(seed["spawn_key"]))
    return SeedSequence(seed)


def drawn_rates(basis: Basis, luck: Luck | None) -> list[tuple[float, ...]]:
    """Return the rates of each kind: those that are distributions drawn, or as expected."""
    found: list[tuple[float, ...]] = []
    known: dict[tuple[int, int], float] = {}
    for kind in basis.kinds:
        rates = list(kind.expected)
        for place, giver, distribution in kind.drawn if luck else ():
            if (giver, place) not in known:
                assert luck is not None
                known[giver, place] = distribution.draw(luck.aim(giver, RATE, place))
            rates[place] = known[giver, place]
        found.append(tuple(rates))
    return found


def prospects_of(basis: Basis, rates: Sequence[tuple[float, ...]], domain: int) -> Prospects:
    """Return what the rates of a domain's tasks let expect, if it is judged."""
    kinds = {kind for task in basis.by_domain[domain] for kind in basis.kind_of[task]}
    if not (kinds and basis.judged[domain]):
        return NO_PROSPECTS
    return prospects(frozenset(rates[kind] for kind in kinds))


class Fates:
    """What became of the emails of a simulation's runs.

    Parameters
    ----------
    plan
        What is to be sent.
    seed
        What chance is derived from; ``outcomes: expected`` needs none.

    Attributes
    ----------
    by_domain
        For each domain that is judged, what reputation measures of its emails settled so far.
    prospects
        For each domain that is judged, what its rates let expect.
    """

    def __init__(self, plan: Plan, seed: SeedSequence) -> None:
        self._basis = basis = plan.basis
        self._words = None if plan.outcomes == "expected" else words_of(seed)
        self._luck = self._words and Luck(self._words)
        rates = drawn_rates(basis, self._luck)
        self._rates = [[rates[kind] for kind in entry] for entry in basis.kind_of]
        self.prospects = [
            _CERTAIN if judged and self._luck is None else prospects_of(basis, rates, domain)
            for domain, judged in enumerate(basis.judged)
        ]
        self._gone = [[0] * len(entry) for entry in basis.parts]
        self._runs: dict[int, Run] = {}
        self._open: list[list[int]] = [[] for _ in basis.parts]
        self._pending: list[list[int]] = [[] for _ in basis.judged]
        self._marks = array("q", bytes(8 * len(basis.tasks)))
        self._marked: Ints = np.frombuffer(self._marks, np.int64)  # the same memory
        self.by_domain = [[0] * MEASURED for _ in basis.judged]

    def begin(self, rank: int) -> int:
        """Note that a run is due; return its emails, without the addresses that have bounced."""
        basis = self._basis
        task = basis.tasks[rank]
        gone = self._gone[task]
        sizes = [part.requests - lost for part, lost in zip(basis.parts[task], gone, strict=True)]
        run = self._runs[rank] = Run(task, basis.domains[rank], sizes, gone)
        self._skip_empty(run)
        self._open[task].append(rank)
        return sum(sizes)

    def open(self, task: int) -> list[int]:
        """Return the runs of a task of which not all emails are settled."""
        found = self._open[task]
        if found:
            found = [rank for rank in found if not self._is_done(self._runs[rank])]
            self._open[task] = found
        return found

    def _is_done(self, run: Run) -> bool:
        return run.part == len(run.sizes)

    def mark(self, rank: int, sent: int) -> None:
        """Note that the log tells of a run, or something depends on it, after so many emails."""
        if sent == self._marks[rank]:
            return
        self._marks[rank] = sent
        run = self._runs[rank]
        run.marks.append(sent)
        if self._basis.judged[run.domain]:
            self._pending[run.domain].append(rank)

    def behind(self, ranks: NDArray[np.intp], sent: NDArray[Any]) -> NDArray[np.bool_]:
        """Say of runs whether they have sent more, by rank, than the log has told of."""
        found: NDArray[np.bool_] = sent[ranks] != self._marked[ranks]
        return found

    def settle_domain(self, domain: int) -> None:
        """Find out what became of a judged domain's emails up to the latest marks."""
        pending = self._pending[domain]
        while pending:
            self.settle(pending.pop())

    def settle(self, rank: int) -> None:
        """Find out what became of a run's emails up to its latest mark."""
        run = self._runs[rank]
        marks, settled = run.marks, run.settled
        if settled == len(marks):
            return
        known = marks[settled - 1] if settled else 0
        for mark in marks[settled:]:
            self._settle(run, rank, mark - known)
            known = mark
        run.settled = len(marks)

    def _settle(self, run: Run, rank: int, emails: int) -> None:
        gone, domain = self._gone[run.task], run.domain
        so_far = self.by_domain[domain] if self._basis.judged[domain] else None
        asks = self.prospects[domain].asks_for_opens
        while emails:
            path = run.path = run.path or self._path(run, rank, run.part, self._luck)
            stretch = min(emails, path.left)
            taken = path.take(stretch) if asks else path.first(stretch)
            emails -= stretch
            part = run.part
            run.gone[part] += taken[0]
            # Runs that overlap hold the same addresses, and a dead one bounces in each of them.
            gone[part] = max(gone[part], run.gone[part])
            if so_far is not None:
                so_far[: len(taken)] = map(add, so_far, taken)
            if not path.left:
                run.wholes[part] = path.whole
                run.path, run.part = None, part + 1
                self._skip_empty(run)

    def _skip_empty(self, run: Run) -> None:
        while run.part < len(run.sizes) and not run.sizes[run.part]:
            run.part += 1

    def _path(self, run: Run, rank: int, part: int, luck: Luck | None) -> Drawn | Expected:
        size, rates = run.sizes[part], self._rates[run.task][part]
        if luck is None:
            return Expected(shares(rates), size)
        place = self._basis.numbers[rank] * MANY_PARTS + part
        drawn = Drawn(luck, odds(rates), self._basis.names[run.task], place, size)
        drawn.whole = run.wholes.get(part)
        return drawn

    # --- for who asks later -------------------------------------------------------------------

    def knots(self, emails: Ints) -> Ints:
        """Return what became of the runs each time that the log told of them.

        Parameters
        ----------
        emails
            The emails of each run at the end of the log, by rank.

        Returns
        -------
        numpy.ndarray
            A row each of rank, emails sent, and the ``OUTCOMES`` of these.
        """
        luck = self._words and Luck(self._words)  # another may be in use elsewhere
        rows: list[Sequence[int]] = []
        for rank, run in self._runs.items():
            sent = int(emails[rank])
            marks = [mark for mark in run.marks if mark < sent]
            rows += self._told(rank, [*marks, sent] if sent else [], luck)
        return np.array(rows, np.int64).reshape(-1, 2 + len(OUTCOMES))

    def totals(self, emails: Ints) -> Ints:
        """Return what became of each run's emails: a row each, by rank; quicker than knots."""
        luck = self._words and Luck(self._words)
        found: list[Sequence[int]] = [(0,) * len(OUTCOMES)] * len(emails)
        for rank, sent in enumerate(emails.tolist()):
            if not sent:
                continue
            run = self._runs[rank]
            if run.sizes == [sent]:  # no cut changes a whole part
                found[rank] = self._path(run, rank, 0, luck).take(sent)
            else:
                marks = [mark for mark in run.marks if mark < sent]
                found[rank] = self._told(rank, [*marks, sent], luck)[-1][2:]
        return np.array(found, np.int64).reshape(-1, len(OUTCOMES))

    def _told(self, rank: int, marks: Iterable[int], luck: Luck | None) -> list[Sequence[int]]:
        known = self._runs[rank]
        run = Run(known.task, known.domain, known.sizes, known.gone)
        run.wholes = known.wholes
        self._skip_empty(run)
        rows: list[Sequence[int]] = []
        told, total = 0, [0] * len(OUTCOMES)
        for mark in marks:
            emails, told = mark - told, mark
            while emails:
                path = run.path = run.path or self._path(run, rank, run.part, luck)
                stretch = min(emails, path.left)
                total = list(map(add, total, path.take(stretch)))
                emails -= stretch
                if not path.left:
                    run.path, run.part = None, run.part + 1
                    self._skip_empty(run)
            rows.append((rank, mark, *total))
        return rows

    # --- as data ------------------------------------------------------------------------------

    def pack(self) -> dict[int, Any]:
        """Return all that changes as plain data, from which :meth:`unpack` goes on."""
        return {
            rank: (list(run.sizes), list(run.marks), run.settled)
            for rank, run in self._runs.items()
        }

    def unpack(self, data: Mapping[Any, Any]) -> None:
        """Go on, from the very start, to what :meth:`pack` returned; nothing is shared with it."""
        for key, (sizes, marks, settled) in data.items():
            rank = int(key)
            self.begin(rank)
            run = self._runs[rank]
            run.sizes, run.marks = list(sizes), list(marks[:settled])
            parts = zip(self._basis.parts[run.task], sizes, strict=True)
            run.gone = [part.requests - size for part, size in parts]
            run.part = 0  # which parts were empty when it was due, its sizes tell, not today's
            self._skip_empty(run)
            self.settle(rank)
            for mark in marks[settled:]:
                self.mark(rank, mark)
            self._marks[rank] = marks[-1] if marks else 0
