"""What a plan says of its emails, laid out once for all its simulations (rule R7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from sessim.luck import number_of
from sessim.quality import RATES, Distribution, Quality, Rate, mean

if TYPE_CHECKING:
    from sessim.parts import Domain, Task
    from sessim.plan import Plan


class Part(NamedTuple):
    """A part of a task's list: its emails, and for each of the rates who gave it, and the rate."""

    requests: int
    rates: tuple[tuple[str, Rate], ...]


class Kind:
    """Rates that parts of lists have in common.

    Attributes
    ----------
    expected
        The rates, or what is expected of them, in the order of ``quality.RATES``.
    drawn
        Those that are drawn anew in each replication: the place of the rate, the number that
        stands for who gave it, and its distribution.
    """

    def __init__(self, rates: tuple[tuple[str, Rate], ...]) -> None:
        self.expected = tuple(mean(rate) for _, rate in rates)
        self.drawn = [
            (place, number_of(giver), rate)
            for place, (giver, rate) in enumerate(rates)
            if isinstance(rate, Distribution)
        ]


class Basis:
    """What a plan says of its emails, laid out once for all its simulations.

    Attributes
    ----------
    parts
        The parts of each task's list; there is one where it has no segments.
    names
        What stands for each task's name in the address of a stream.
    kinds
        The different rates that parts have.
    kind_of
        Which of these are those of each part.
    tasks, domains, numbers
        Of each run by rank: its task and its domain from 0, its number from 1.
    by_domain
        The tasks of each domain.
    judged
        Whether a domain goes by its reputation.
    """

    def __init__(self, plan: Plan) -> None:
        domains = {domain.name: domain for domain in plan.domains}
        self.parts = [list(_parts(task, domains[task.domain])) for task in plan.tasks]
        self.names = [number_of(task.name) for task in plan.tasks]
        places: dict[tuple[tuple[str, Rate], ...], int] = {}
        self.kind_of = [
            [places.setdefault(part.rates, len(places)) for part in entry] for entry in self.parts
        ]
        self.kinds = [Kind(rates) for rates in places]
        self.tasks: list[int] = (plan.runs.task - 1).tolist()
        self.domains: list[int] = plan.runs.domain.tolist()
        self.numbers: list[int] = plan.runs.number.tolist()
        self.by_domain = [
            [i for i, task in enumerate(plan.tasks) if task.domain == name] for name in domains
        ]
        self.judged = [domain.warmup == "reputation" for domain in plan.domains]


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
