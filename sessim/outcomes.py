"""What becomes of the emails sent (rule R7), run by run: drawn, or as expected.

Nothing here loops over emails. What becomes of all emails of a part of a run is drawn when its
first email is sent; where a stretch of sending ends inside the part, that is split between the
emails sent and those to come, as drawing from an urn does it. Together this is exactly what a draw
for every single email would be, and however the sending is cut, the part ends with the same
numbers: its luck depends on the seed, the task's name and the run alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from operator import add
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.random import Generator, Philox, SeedSequence
from numpy.typing import NDArray

from sessim.quality import EXCLUSIVE, OUTCOMES, RATES, Distribution, Quality, Rate, mean

if TYPE_CHECKING:
    from sessim.parts import Domain, Task
    from sessim.plan import Plan

_NOTHING: Final = (0,) * len(OUTCOMES)
_LARGEST: Final = 10**9 - 1
"""numpy's urn holds no more emails; of a larger part each stretch is drawn by itself."""

_MANY_PARTS: Final = 1 << 20
_TOTALS, _SPLIT, _RATE = range(3)


class Part(NamedTuple):
    """A part of a task's list: its emails, and for each of the rates who gave it, and the rate."""

    requests: int
    rates: tuple[tuple[str, Rate], ...]


class Basis:
    """What a plan says of its emails, laid out once for all its simulations.

    Attributes
    ----------
    parts
        The parts of each task's list; there is one where it has no segments.
    names
        What stands for each task's name in the address of a stream.
    rates
        The expected rates of each part.
    drawn
        Whether any of them is drawn anew in each replication.
    tasks, domains, numbers
        Of each run by rank: its task and its domain from 0, its number from 1.
    """

    def __init__(self, plan: Plan) -> None:
        domains = {domain.name: domain for domain in plan.domains}
        self.parts = [list(_parts(task, domains[task.domain])) for task in plan.tasks]
        self.names = [number_of(task.name) for task in plan.tasks]
        self.rates = [
            [tuple(mean(rate) for _, rate in part.rates) for part in entry] for entry in self.parts
        ]
        given = (rate for entry in self.parts for part in entry for _, rate in part.rates)
        self.drawn = any(isinstance(rate, Distribution) for rate in given)
        self.tasks: list[int] = (plan.runs.task - 1).tolist()
        self.domains: list[int] = plan.runs.domain.tolist()
        self.numbers: list[int] = plan.runs.number.tolist()


def _parts(task: Task, domain: Domain) -> Iterator[Part]:
    above = ((f"task {task.name}", task.quality), (f"domain {domain.name}", domain.quality))
    if task.segments is None:
        yield Part(task.requests or 0, tuple(_rates(above)))
        return
    for segment in task.segments:
        own = (f"segment {segment.name} of {task.name}", segment.quality)
        yield Part(segment.requests, tuple(_rates((own, *above))))


def _rates(givers: Iterable[tuple[str, Quality | None]]) -> Iterator[tuple[str, Rate]]:
    for name in RATES:
        found = ((giver, getattr(quality, name)) for giver, quality in givers if quality)
        yield next(((giver, rate) for giver, rate in found if rate is not None), ("", 0.0))


class Odds(NamedTuple):
    """The rates of a part as they are drawn from: exclusive ones, then parts of the delivered."""

    first: tuple[float, float, float, float]  # invalid, spam bounce, soft failure, delivered
    complaint: float
    open: float
    click: float  # of those who open
    unsubscribe: float


@lru_cache(maxsize=4096)
def odds(rates: tuple[float, ...]) -> Odds:
    """Return the odds of rates; drawn ones that sum over 1 are scaled down to it."""
    lost = rates[: len(EXCLUSIVE)]
    scale = max(1.0, sum(lost))
    invalid, spam, soft = (rate / scale for rate in lost)
    complaint, opened, click, unsubscribe = rates[len(EXCLUSIVE) :]
    first = (invalid, spam, soft, max(0.0, 1 - invalid - spam - soft))
    return Odds(first, complaint, opened, min(1.0, click / opened if opened else 0.0), unsubscribe)


class Luck:
    """One generator, aimed at the stream of an address: nothing is kept between two draws.

    Parameters
    ----------
    seed
        What all streams are derived from.
    """

    def __init__(self, seed: SeedSequence) -> None:
        self._words = [int(word) for word in seed.generate_state(2, np.uint64)]
        self._bits = Philox(key=0)
        self.generator = Generator(self._bits)
        self._state = self._bits.state
        self._counter = self._state["state"]["counter"]
        self._key = self._state["state"]["key"]

    def aim(self, name: int, purpose: int, at: int = 0, place: int = 0) -> Generator:
        """Return the generator at the beginning of a stream."""
        self._key[0], self._key[1] = self._words[0], self._words[1] ^ name
        counter = self._counter
        counter[1], counter[2], counter[3] = at, place, purpose
        self._bits.state = self._state
        return self.generator


@lru_cache(maxsize=65_536)
def number_of(name: str) -> int:
    """Return the number that stands for a name in the address of a stream."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


class Drawn:
    """What becomes of the emails of a part, drawn as a whole and dealt out stretch by stretch."""

    def __init__(self, luck: Luck, odds: Odds, name: int, place: int, size: int) -> None:
        self._luck, self._odds, self._name, self._place = luck, odds, name, place
        self._size = self.left = size
        self.rest: Sequence[int] | None = None

    def take(self, emails: int) -> Sequence[int]:
        """Return what becomes of the next so many emails, in the order of ``OUTCOMES``."""
        position = self._size - self.left
        if self._size > _LARGEST:
            self.left -= emails
            return self._draw(emails, position)
        rest = self.rest or self._draw(self._size, 0)
        left, self.left = self.left, self.left - emails
        if not self.left:
            self.rest = _NOTHING
            return rest
        luck = self._luck.aim(self._name, _SPLIT, position + emails, self._place)
        taken = _split(luck, rest, left, emails)
        self.rest = [before - now for before, now in zip(rest, taken, strict=True)]
        return taken

    def _draw(self, emails: int, position: int) -> Sequence[int]:
        odds, luck = self._odds, self._luck.aim(self._name, _TOTALS, position, self._place)
        invalid, spam, soft, delivered = luck.multinomial(emails, odds.first).tolist()
        binomial = luck.binomial
        complaints = binomial(delivered, odds.complaint) if odds.complaint else 0
        opens = binomial(delivered, odds.open) if odds.open else 0
        clicks = binomial(opens, odds.click) if odds.click else 0
        unsubscribes = binomial(delivered, odds.unsubscribe) if odds.unsubscribe else 0
        return invalid, spam, soft, complaints, opens, clicks, unsubscribes


def _split(luck: Generator, rest: Sequence[int], left: int, emails: int) -> Sequence[int]:
    """Deal out the next emails of those left: each outcome falls on them as from an urn."""
    invalid, spam, soft, complaints, opens, clicks, unsubscribes = rest
    urn = luck.hypergeometric
    delivered = left - invalid - spam - soft
    now_invalid = urn(invalid, left - invalid, emails) if invalid else 0
    left, emails = left - invalid, emails - now_invalid
    now_spam = urn(spam, left - spam, emails) if spam else 0
    left, emails = left - spam, emails - now_spam
    now_soft = urn(soft, left - soft, emails) if soft else 0
    arrived = emails - now_soft
    now_open = urn(opens, delivered - opens, arrived) if opens else 0
    return (
        now_invalid,
        now_spam,
        now_soft,
        urn(complaints, delivered - complaints, arrived) if complaints else 0,
        now_open,
        urn(clicks, opens - clicks, now_open) if clicks else 0,
        urn(unsubscribes, delivered - unsubscribes, arrived) if unsubscribes else 0,
    )


class Expected:
    """What is expected to become of the emails of a part, in whole emails.

    Each number is the nearest to its share of the number that it is part of, from the part's
    first email on: so no cut changes it, no number ever falls, and their sums stay whole.
    """

    def __init__(self, shares: Shares, size: int) -> None:
        self._shares, self._size, self.left = shares, size, size
        self.rest: Sequence[int] | None = None  # nothing needs to be kept

    def take(self, emails: int) -> Sequence[int]:
        """Return what becomes of the next so many emails, in the order of ``OUTCOMES``."""
        before = expected(self._shares, self._size - self.left)
        self.left -= emails
        after = expected(self._shares, self._size - self.left)
        return [now - then for now, then in zip(after, before, strict=True)]


class Shares(NamedTuple):
    """Exact shares: of the emails, then of the lost, of the other lost, of the delivered."""

    lost: Fraction
    invalid: Fraction  # of the lost
    spam: Fraction  # of the lost that are not invalid
    complaint: Fraction
    open: Fraction
    click: Fraction  # of those who open
    unsubscribe: Fraction


@lru_cache(maxsize=4096)
def shares(rates: tuple[float, ...]) -> Shares:
    """Return the shares that rates mean, each rate taken as the decimal that is written."""
    exact = [Fraction(str(rate)) for rate in rates]
    invalid, spam, soft, complaint, opened, click, unsubscribe = exact
    lost = invalid + spam + soft
    none = Fraction(0)
    return Shares(
        min(lost, Fraction(1)),
        invalid / lost if lost else none,
        spam / (spam + soft) if spam + soft else none,
        complaint,
        opened,
        click / opened if opened else none,
        unsubscribe,
    )


def expected(shares: Shares, emails: int) -> Sequence[int]:
    """Return what is expected to become of the first so many emails."""
    lost = _nearest(emails, shares.lost)
    invalid = _nearest(lost, shares.invalid)
    spam = _nearest(lost - invalid, shares.spam)
    delivered = emails - lost
    opens = _nearest(delivered, shares.open)
    return (
        invalid,
        spam,
        lost - invalid - spam,
        _nearest(delivered, shares.complaint),
        opens,
        _nearest(opens, shares.click),
        _nearest(delivered, shares.unsubscribe),
    )


def _nearest(number: int, share: Fraction) -> int:
    return (2 * number * share.numerator + share.denominator) // (2 * share.denominator)


class Run:
    """A run that is due: how much of its parts is sent, and what became of that.

    ``gone`` are the addresses of each part that had bounced when it was due, or bounced in it.
    """

    __slots__ = ("domain", "gone", "known", "part", "path", "sizes", "task", "totals")

    def __init__(self, task: int, domain: int, sizes: Sequence[int], gone: Sequence[int]) -> None:
        self.task, self.domain, self.sizes, self.gone = task, domain, sizes, list(gone)
        self.known = self.part = 0
        self.path: Drawn | Expected | None = None
        self.totals: list[int] = list(_NOTHING)

    def pack(self) -> tuple[Any, ...]:
        """Return the run as plain data."""
        path = self.path and (self.path.left, self.path.rest)
        totals, gone = list(self.totals), list(self.gone)
        return self.task, list(self.sizes), gone, self.known, self.part, totals, path


def sequence(seed: int | Mapping[str, Any]) -> SeedSequence:
    """Return the seed sequence that a whole number from 0 stands for, or one kept as data."""
    if isinstance(seed, Mapping):
        return SeedSequence(seed["entropy"], spawn_key=tuple(seed["spawn_key"]))
    return SeedSequence(seed)


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
        For each domain, what became of the emails of its runs so far.
    known
        Of how many emails of each run, by rank, that is counted.
    """

    def __init__(self, plan: Plan, seed: SeedSequence) -> None:
        self._basis = plan.basis
        self._luck = None if plan.outcomes == "expected" else Luck(seed)
        self._drawn: dict[tuple[str, str], float] = {}
        self._rates = self._basis.rates
        if self._luck is not None and self._basis.drawn:
            self._rates = [[self._resolved(part) for part in entry] for entry in self._basis.parts]
        self._gone = [[0] * len(entry) for entry in self._basis.parts]
        self._runs: dict[int, Run] = {}
        self.known = np.zeros(len(plan.runs), np.int64)
        self._knots = array("q")
        self.by_domain = [list(_NOTHING) for _ in plan.domains]

    def _resolved(self, part: Part) -> tuple[float, ...]:
        pairs = zip(RATES, part.rates, strict=True)
        return tuple(self._resolve(name, giver, rate) for name, (giver, rate) in pairs)

    def _resolve(self, name: str, giver: str, rate: Rate) -> float:
        if self._luck is None or not isinstance(rate, Distribution):
            return mean(rate)
        if (giver, name) not in self._drawn:
            generator = self._luck.aim(number_of(giver), _RATE, RATES.index(name))
            self._drawn[giver, name] = rate.draw(generator)
        return self._drawn[giver, name]

    def begin(self, rank: int) -> int:
        """Note that a run is due; return its emails, without the addresses that have bounced."""
        basis = self._basis
        task = basis.tasks[rank]
        gone = self._gone[task]
        sizes = [part.requests - lost for part, lost in zip(basis.parts[task], gone, strict=True)]
        self._runs[rank] = Run(task, basis.domains[rank], sizes, gone)
        return sum(sizes)

    def settle(self, rank: int, sent: int) -> None:
        """Find out what became of a run's emails up to so many sent."""
        run = self._runs[rank]
        emails = sent - run.known
        if not emails:
            return
        run.known = self.known[rank] = sent
        gone = self._gone[run.task]
        while emails:
            path = run.path = run.path or self._path(run, rank)
            stretch = min(emails, path.left)
            taken = path.take(stretch)
            emails -= stretch
            run.gone[run.part] += taken[0]
            # Runs that overlap hold the same addresses, and a dead one bounces in each of them.
            gone[run.part] = max(gone[run.part], run.gone[run.part])
            run.totals = list(map(add, run.totals, taken))
            self.by_domain[run.domain] = list(map(add, self.by_domain[run.domain], taken))
            if not path.left:
                run.path, run.part = None, run.part + 1
        self._knots.extend((rank, sent, *run.totals))

    def _path(self, run: Run, rank: int) -> Drawn | Expected:
        while not run.sizes[run.part]:
            run.part += 1
        size, rates = run.sizes[run.part], self._rates[run.task][run.part]
        if self._luck is None:
            return Expected(shares(rates), size)
        place = self._basis.numbers[rank] * _MANY_PARTS + run.part
        return Drawn(self._luck, odds(rates), self._basis.names[run.task], place, size)

    # --- as data ------------------------------------------------------------------------------

    def pack(self) -> dict[str, Any]:
        """Return all that changes as plain data, from which :meth:`unpack` goes on."""
        return {
            "gone": self._gone,
            "by_domain": self.by_domain,
            "knots": self._knots.tolist(),
            "runs": {rank: run.pack() for rank, run in self._runs.items()},
        }

    def unpack(self, data: dict[str, Any]) -> None:
        """Go on from what :meth:`pack` returned; nothing is shared with it."""
        self._gone = [list(entry) for entry in data["gone"]]
        self.by_domain = [list(entry) for entry in data["by_domain"]]
        self._knots = array("q", data["knots"])
        for key, (task, sizes, gone, known, part, totals, path) in data["runs"].items():
            rank = int(key)
            run = self._runs[rank] = Run(task, self._basis.domains[rank], sizes, gone)
            run.known, run.part, run.totals = known, part, list(totals)
            self.known[rank] = known
            if path is not None:
                run.path = self._path(run, rank)
                run.path.left, run.path.rest = path

    def forget(self) -> None:
        """Let go of the runs, without a change to whom they are shared with."""
        self._runs, self.known = {}, np.zeros_like(self.known)

    def copy(self) -> Fates:
        """Return independent fates that stand where these do."""
        other = copy(self)
        other.forget()
        other.unpack(self.pack())
        return other

    @property
    def knots(self) -> NDArray[np.int64]:
        """What became of runs: a row each of rank, emails sent, and the ``OUTCOMES`` of these."""
        return np.array(self._knots).reshape(-1, 2 + len(OUTCOMES))
