"""What polls tell, put in order: the tasks, their runs and what was seen of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sessim.clock import Clock
from sessim.history.facts import Fact, facts, named_by
from sessim.history.instants import Reader
from sessim.history.looks import Run, by_task, cleaned, runs
from sessim.history.losses import Losses
from sessim.history.polls import Gone, Polls
from sessim.history.recurrences import Pattern, pattern
from sessim.history.sightings import Sightings
from sessim.history.testsends import SentTest
from sessim.lifecycle import CANCELLED, FINISHED, SENT, TaskType
from sessim.plan import Plan


@dataclass(frozen=True)
class Seen:
    """Tasks and runs as polls showed them.

    Attributes
    ----------
    facts
        The tasks in order of their ids.
    domains
        The names of their domains.
    runs
        The runs that were due, in rule R3's order.
    status, requests
        By task id: the last status, and the emails of a run.
    gone
        By task id: when a task disappeared that had not been finished.
    span
        When the history begins and ends.
    patterns
        By task id: how its runs recur.
    exact
        Whether each look is an event that the source dates.
    late
        Whether pages were seen to come late.
    tests
        The test sends in order of time, as the source tells of them; None if it never does.
    """

    facts: list[Fact]
    domains: list[str]
    runs: list[Run]
    status: dict[int, int]
    requests: dict[int, int]
    gone: dict[int, Gone]
    span: tuple[int, int]
    patterns: dict[int, Pattern] = field(default_factory=dict)
    exact: bool = False
    late: bool = False
    tests: Sequence[SentTest] | None = ()

    def of_tasks(self) -> dict[int, list[Run]]:
        """Return the runs by task id, in the order of their numbers."""
        found: dict[int, list[Run]] = {}
        for run in sorted(self.runs, key=lambda run: run.number):
            found.setdefault(run.task, []).append(run)
        return found

    @property
    def over(self) -> set[int]:
        """The ids of recurring tasks of which no further run comes."""
        return {
            i
            for i, fact in enumerate(self.facts, 1)
            if fact.type == TaskType.RECURRING
            and (fact.ends or self.status.get(i) == SENT or self.recurs(i).ended)
        }

    def recurs(self, task: int) -> Pattern:
        """Return how the runs of a task recur."""
        return self.patterns.get(task, Pattern())

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do, now or to come."""
        return all(
            i in self.gone or self.status.get(i) in FINISHED for i in range(1, len(self.facts) + 1)
        )

    def sightings(self) -> Sightings:
        """Return the counters of runs as they were seen, in order of time."""
        columns = {
            name: np.array([value for run in self.runs for value in run.seen[name]], dtype=np.int64)
            for name in ("time", "status", "requests", "sent", "cached", "source")
        }
        sizes = [len(run.seen["time"]) for run in self.runs]
        for name in ("task", "number"):
            values = np.array([getattr(run, name) for run in self.runs], dtype=np.int64)
            columns["run" if name == "number" else name] = np.repeat(values, sizes)
        failed = [
            n for run in self.runs for n in run.seen.get("failed", [0] * len(run.seen["time"]))
        ]
        columns["failed"] = np.array(failed, dtype=np.int64)
        order = np.argsort(columns["time"], kind="stable")
        return Sightings(**{name: values[order] for name, values in columns.items()})


def look(
    polls: Polls, reader: Reader, losses: Losses, clock: Clock, file: str, plan: Plan | None
) -> Seen:
    """Put what was polled in order; looks that contradict others are left out."""
    parts = by_task(polls.looks.columns(), len(polls.rows))
    tasks = named_by(plan, facts(polls.rows, reader, losses, file))
    tasks = [fact for fact in tasks if len(parts[fact.place]["time"])]
    domains = [domain.name for domain in plan.domains] if plan else []
    domains += dict.fromkeys(fact.domain for fact in tasks if fact.domain not in domains)
    times = [
        t for part in parts if len(part["time"]) for t in part["time"][[0, -1]].tolist()
    ] + list(polls.times)
    span = (min(times), max(times))
    found: list[Run] = []
    status, requests, gone, patterns = {}, {}, {}, {}
    late = False
    for i, fact in enumerate(tasks, 1):
        part = cleaned(parts[fact.place], fact, losses, polls.place_of)
        late |= len(part["time"]) < len(parts[fact.place]["time"])
        status[i] = int(part["status"][-1])
        mine = runs(fact, i, domains.index(fact.domain), part, clock, span[0])
        largest = int(part["requests"].max(initial=0))
        requests[i] = mine[-1].requests if mine else largest
        if fact.place in polls.gone and status[i] not in FINISHED:
            gone[i] = polls.gone[fact.place]
            _end(mine, gone[i])
        found += mine
        patterns[i] = pattern(fact, mine, clock, int(part["time"][-1]))
        for number, due in patterns[i].skipped:
            max((run for run in mine if run.number < number), key=_number).busy_at = due
    found.sort(key=lambda run: (run.due, run.task, run.number))
    return Seen(tasks, domains, found, status, requests, gone, span, patterns, late=late)


def _number(run: Run) -> int:
    return run.number


def _end(mine: Sequence[Run], gone: Gone) -> None:
    """Let the unfinished runs of a task that disappeared be cancelled."""
    for run in mine:
        if run.seen["status"][-1] not in FINISHED:
            for name, values in run.seen.items():
                values.append(values[-1])
                if name == "time":
                    values[-1] = gone.by
                elif name == "status":
                    values[-1] = CANCELLED
