"""What becomes of the emails of replications side by side (rule R7), in arrays.

The numbers are those of :class:`sessim.outcomes.Fates`: each replication draws from streams of its
own, at the same addresses and after the same marks. Here a mark is drawn at once where anything
depends on it, or else at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.random import SeedSequence

from sessim.experiments.abreast.standings import Lanes
from sessim.ledger import Ints
from sessim.luck import LARGEST, Drawn, Luck, odds, words_of
from sessim.outcomes import MANY_PARTS, drawn_rates, prospects_of
from sessim.plan import Plan
from sessim.quality import OUTCOMES
from sessim.reputation import MEASURED

_AT_ONCE, _LATER = 4, 3
"""So many of the ``OUTCOMES`` show at once, and so many later."""


def fits(plan: Plan) -> bool:
    """Say whether the emails of a plan can be followed here: lists without segments, drawn.

    Opens that may raise a domain are followed nowhere but in the model.
    """
    basis = plan.basis
    expected = [kind.expected for kind in basis.kinds]
    prospects = (prospects_of(basis, expected, domain) for domain in range(len(plan.domains)))
    return (
        plan.has_outcomes
        and plan.outcomes != "expected"
        and all(len(parts) == 1 for parts in basis.parts)
        and int(plan.runs.requests.max(initial=0)) <= LARGEST
        and not any(entry.asks_for_opens for entry in prospects)
    )


class Lots:
    """What becomes of the emails of some replications.

    Arrays have an entry for each run, replication after replication, but for ``so_far``.

    Parameters
    ----------
    plan
        What is to be sent; one that :func:`fits`.
    streams
        For each replication what chance is derived from.

    Attributes
    ----------
    so_far
        For each domain and replication what reputation measures of the emails so far.
    prospects
        For each domain and replication what the rates let expect.
    """

    def __init__(self, plan: Plan, streams: Sequence[SeedSequence]) -> None:
        self._basis = basis = plan.basis
        self._words = [words_of(stream) for stream in streams]
        self._luck = Luck((0, 0))  # is aimed anew for every draw: one does for all
        size, runs, domains = len(streams), len(plan.runs), len(plan.domains)
        rates = [self._rates(lane) for lane in range(size)]
        self._odds = [[odds(kind) for kind in mine] for mine in rates]
        self._kinds = [basis.kind_of[task][0] for task in basis.tasks]
        self._names = [basis.names[task] for task in basis.tasks]
        self._places = [number * MANY_PARTS for number in basis.numbers]
        self.prospects = [
            [prospects_of(basis, mine, domain) for mine in rates] for domain in range(domains)
        ]
        self._task = np.array(basis.tasks, dtype=np.intp)
        self._domain = np.array(basis.domains, dtype=np.intp)
        recurs = np.bincount(self._task, minlength=len(plan.tasks)) > 1
        self._asked = recurs[self._task] | np.array(basis.judged)[self._domain]
        self._sizes, self._sent, self._gone_in = np.zeros((3, size * runs), dtype=np.int64)
        self._whole, self._rest = np.zeros((2, size * runs, _AT_ONCE), dtype=np.int64)
        self._is_drawn = np.zeros(size * runs, dtype=np.bool_)
        self._gone = np.zeros((size, len(plan.tasks)), dtype=np.int64)
        none = np.zeros(0, dtype=np.intp)
        self._marks: list[tuple[Lanes, Ints]] = [(none, none)]
        self.so_far = np.zeros((domains, size, MEASURED), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._words)

    def _rates(self, lane: int) -> list[tuple[float, ...]]:
        self._luck.words = self._words[lane]
        return drawn_rates(self._basis, self._luck)

    @property
    def asks_for_opens(self) -> bool:
        """Whether opens may raise a domain: they are not followed here before the end."""
        return any(entry.asks_for_opens for mine in self.prospects for entry in mine)

    def begin(self, lanes: Lanes, rank: int) -> Ints:
        """Note that a run is due; return its emails, without the addresses that have bounced."""
        task = self._basis.tasks[rank]
        gone = self._gone[lanes, task]
        sizes: Ints = self._basis.parts[task][0].requests - gone
        at = lanes * len(self._task) + rank
        self._gone_in[at], self._sizes[at] = gone, sizes
        return sizes

    def mark(self, at: Lanes, sent: Ints) -> None:
        """Note that the log tells of runs, or something depends on them, after so many emails."""
        moved = sent != self._sent[at]
        if not moved.any():
            return
        at, sent = at[moved], sent[moved]
        self._marks.append((at, sent))
        asked = self._asked[at % len(self._task)]
        self._settle(at[asked], sent[asked])
        self._sent[at] = sent

    def _settle(self, at: Lanes, sent: Ints) -> None:
        """Find out what became of runs' emails since their marks before."""
        self._draw(at)
        known, taken = self._sent[at], self._rest[at]
        left, now = self._sizes[at] - known, sent - known
        cut = now < left
        numbers = (values[cut] for values in (left, now, sent, taken))
        taken[cut] = _table(self._splits(at[cut], *numbers), _AT_ONCE)
        # First in, first out: of one replication no more than one run has moved.
        self._rest[at] -= taken
        lanes, ranks = np.divmod(at, len(self._task))
        self.so_far[self._domain[ranks], lanes, :_AT_ONCE] += taken
        gone = self._gone_in[at] = self._gone_in[at] + taken[:, 0]
        tasks = self._task[ranks]
        # Runs that overlap hold the same addresses, and a dead one bounces in each of them.
        self._gone[lanes, tasks] = np.maximum(self._gone[lanes, tasks], gone)

    def _draw(self, at: Lanes) -> None:
        """Draw what becomes at once of all emails of runs, of those where it is not known."""
        new = at[~self._is_drawn[at]]
        if len(new):
            drawn = _table(self._totals(new, self._sizes[new]), _AT_ONCE)
            self._whole[new] = self._rest[new] = drawn
            self._is_drawn[new] = True

    # --- drawing, run by run --------------------------------------------------------------------

    def _totals(self, at: Lanes, sizes: Ints) -> Iterator[Sequence[int]]:
        luck, words, names, places = self._luck, self._words, self._names, self._places
        for lane, rank, size in self._lists(at, sizes):
            luck.words = words[lane]
            yield luck.totals(names[rank], places[rank], self._odds[lane][self._kinds[rank]], size)

    def _splits(
        self, at: Lanes, left: Ints, now: Ints, sent: Ints, rest: Ints
    ) -> Iterator[Sequence[int]]:
        luck, words, names, places = self._luck, self._words, self._names, self._places
        for lane, rank, size, emails, mark, told in self._lists(at, left, now, sent, rest):
            luck.words = words[lane]
            yield luck.split(names[rank], places[rank], told, size, emails, mark)

    def _later(self, at: Lanes, arrived: Ints) -> Iterator[Sequence[int]]:
        luck, words, names, places = self._luck, self._words, self._names, self._places
        for lane, rank, emails in self._lists(at, arrived):
            luck.words = words[lane]
            yield luck.later(names[rank], places[rank], self._odds[lane][self._kinds[rank]], emails)

    def _lists(self, at: Lanes, *arrays: Ints) -> Iterator[tuple[Any, ...]]:
        """Go through runs, by replication and rank, and what belongs to them, as plain numbers."""
        places = np.divmod(at, len(self._task))
        return zip(*(values.tolist() for values in (*places, *arrays)), strict=True)

    # --- in the end -----------------------------------------------------------------------------

    def totals(self, sent: Ints) -> Ints:
        """Return what became of all emails of each run: the ``OUTCOMES``, run by run."""
        found = np.zeros((len(sent), len(OUTCOMES)), dtype=np.int64)
        is_whole = sent == self._sizes
        whole, cut = np.flatnonzero(is_whole & (sent > 0)), np.flatnonzero(~is_whole & (sent > 0))
        found[whole] = self._all_of(whole)
        found[cut] = self._parts_of(cut, sent[cut])
        return found

    def _all_of(self, at: Lanes) -> Ints:
        self._draw(at)
        first = self._whole[at]
        arrived = self._sizes[at] - first[:, :3].sum(axis=1)
        return np.hstack([first, _table(self._later(at, arrived), _LATER)])

    def _parts_of(self, at: Lanes, sent: Ints) -> Ints:
        """Return what became of the emails of runs that are not finished, mark after mark."""
        of_run, marks = map(np.concatenate, zip(*self._marks, strict=True))
        order = np.argsort(of_run, kind="stable")
        begins = of_run[order].searchsorted(at)
        ends = of_run[order].searchsorted(at, "right")
        found = []
        for lane, rank, total, size, *stretch in self._lists(
            at, sent, self._sizes[at], begins, ends
        ):
            chances = self._odds[lane][self._kinds[rank]]
            luck = Luck(self._words[lane])
            path = Drawn(luck, chances, self._names[rank], self._places[rank], size)
            stops = [*marks[order[slice(*stretch)]].tolist(), total]
            parts = [path.take(now - then) for then, now in pairwise([0, *stops]) if now > then]
            found.append(np.sum(parts, axis=0))
        return _table(found, len(OUTCOMES))


def _table(rows: Iterable[Any], width: int) -> Ints:
    return np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, width)
