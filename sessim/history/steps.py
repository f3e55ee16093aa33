"""Event logs of other tools: rows that date what happened to a case, as looks at its run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

from sessim.checks import MOST_DOMAINS
from sessim.clock import HOUR
from sessim.errors import HistoryError
from sessim.eventlog import NONE
from sessim.history.counters import UNKNOWN
from sessim.history.facts import UNKNOWN_SENDER, Fact, plain, sender
from sessim.history.history import Evidence, History
from sessim.history.instants import Reader
from sessim.history.looks import COLUMNS, Run
from sessim.history.losses import Losses, Place
from sessim.history.polls import MOST_TASKS, Gone, Polls
from sessim.history.rebuild import assemble
from sessim.history.seen import Seen
from sessim.history.testsends import SentTest
from sessim.history.told import Told
from sessim.history.vocabulary import STATUS, TYPES
from sessim.history.whole import CALLED_OFF, TEST, Whole, is_apart
from sessim.lifecycle import CANCELLED, FINISHED, PAUSED, SENDING, SENT, TO_START, TaskType
from sessim.plan import Plan
from sessim.quality import OUTCOMES

Row = Mapping[str, Any]

_LARGEST: Final = 10**12


@dataclass
class _Case:
    """One run of a task as rows tell of it."""

    run: Run
    due: int | None = None
    is_due_told: bool = False

    @property
    def never_began(self) -> bool:
        """Whether nothing is told of the run but that it was cancelled."""
        seen = self.run.seen
        return not self.is_due_told and seen["status"] == [CANCELLED] and seen["sent"] == [0]


@dataclass
class _Task:
    """One task as rows tell of it."""

    id: str
    number: int
    name: str | None
    sender: str
    domain: str
    type: TaskType | None
    cases: dict[int, _Case] = field(default_factory=dict)


class Steps:
    """Collects the rows of an event log; rows that cannot be used are left out.

    Parameters
    ----------
    reader
        Of times.
    losses
        Where rows that cannot be used are counted.
    """

    def __init__(self, reader: Reader, losses: Losses) -> None:
        self.reader, self.losses = reader, losses
        self._tasks: dict[str, _Task] = {}
        self._domains: list[str] = []
        self._steps: list[tuple[int, int, _Case, int, dict[str, int], Place]] = []
        self._told: list[tuple[int, _Case, int, Mapping[str, int]]] = []
        self._whole = Whole()
        self._tests: list[tuple[int, str, int, int, int]] = []
        self._off: dict[str, Gone] = {}
        self._knows_apart = False
        self.read = 0

    def add(self, row: Row, place: Place) -> None:
        """Take in a row with the keys of :data:`KEYS`."""
        number, self.read = self.read, self.read + 1
        time = self.reader.instant(row.get("time"))
        self._whole.add(row, time, number)
        if is_apart(row):
            self._add_apart(row, time, number)
            return
        wrong = self._wrong(row, time)
        status = self._status(row)
        if not wrong and status is None:
            wrong = f"the activity {str(row.get('activity'))[:40]!r} tells nothing of a task"
        case = None if wrong else self._case(row, place)
        if wrong:
            self.losses.leave_out(wrong, place)
        if case is None or time is None or status is None:
            return
        counts = {key: _count(row[key]) for key in _COUNTS if _is_count(row.get(key))}
        self._steps.append((time, number, case, status, counts, place))
        outcomes = {key: _count(row[key]) for key in OUTCOMES if _is_count(row.get(key))}
        if outcomes and "sent" in counts:
            self._told.append((time, case, counts["sent"], outcomes))

    def _add_apart(self, row: Row, time: int | None, number: int) -> None:
        """Take in what is told of a domain, or of a task's later runs."""
        self._knows_apart = True
        if time is None or not all(_is_count(row.get(key)) for key in ("sent", "failed")):
            return
        if row["activity"] == TEST:
            told = _count(row["sent"]), _count(row["failed"])
            self._tests.append((time, str(row.get("resource")), *told, number))
        elif row["activity"] == CALLED_OFF:
            self._off.setdefault(str(row["case"]), Gone(time, time, number))

    def tell(self, task: str, time: int, sent: int, outcomes: Mapping[str, int]) -> None:
        """Note what became of the emails that the only run of a task had sent by an instant."""
        known = self._tasks.get(task)
        if known is not None:
            self._told.append((time, known.cases[1], sent, outcomes))

    def _wrong(self, row: Row, time: int | None) -> str:
        if row.get("case") in (None, ""):
            return "the row belongs to no case"
        if time is None:
            return "its time cannot be read"
        for key in (*_COUNTS, *OUTCOMES):
            value = row.get(key)
            if value not in (None, "") and not _is_count(value):
                return f"{key} is no whole number from 0"
        return ""

    def _status(self, row: Row) -> int | None:
        """Return what a row tells of the status; many logs call every event's end "complete"."""
        activity = str(row.get("activity") or "").strip().lower()
        transition = str(row.get("transition") or "").strip().lower()
        return STATUS.get(activity, STATUS.get(transition))

    def _case(self, row: Row, place: Place) -> _Case | None:
        id_, _, number = str(row["case"]).partition("#")
        run = number or str(row.get("run") or 1)
        task = self._tasks.get(id_) or self._task(id_, row, place)
        if task is None:
            return None
        key = int(run) if run.isdecimal() and 0 < int(run) < 1 << 31 else 1
        if key not in task.cases:
            looks: dict[str, list[int]] = {name: [] for name in (*COLUMNS, "failed")}
            domain = self._domains.index(task.domain)
            task.cases[key] = _Case(Run(task.number, key, domain, 0, 0, 0, 0, looks))
        return task.cases[key]

    def _task(self, id_: str, row: Row, place: Place) -> _Task | None:
        address, domain = sender(str(row.get("sender") or ""))
        if address == UNKNOWN_SENDER and row.get("resource"):
            address, domain = sender(f"unknown@{row['resource']}")
        if domain not in self._domains:
            if len(self._domains) == MOST_DOMAINS:
                self.losses.leave_out(f"an account has at most {MOST_DOMAINS} domains", place)
                return None
            self._domains.append(domain)
        if len(self._tasks) >= MOST_TASKS:
            self.losses.leave_out(f"there are more than {MOST_TASKS:,} tasks", place)
            return None
        kind = TYPES.get(str(row.get("type") or "").strip().lower())
        name = plain(str(row["name"]) if row.get("name") else None)
        found = _Task(id_, len(self._tasks) + 1, name, address, domain, kind)
        self._tasks[id_] = found
        return found

    def _number(self) -> None:
        """Give tasks their numbers: in order of their ids if these are numbers."""
        if not all(task.id.isdecimal() for task in self._tasks.values()):
            return
        ordered = sorted(self._tasks.values(), key=lambda task: int(task.id))
        for number, task in enumerate(ordered, 1):
            task.number = number
            for case in task.cases.values():
                case.run.task = number

    # --- the history ------------------------------------------------------------------------------

    def history(self, file: str, plan: Plan | None) -> History:
        """Rebuild the history; :class:`HistoryError` if no row could be used."""
        if plan is not None and (found := self._whole.log(plan)):
            log, source = found
            evidence = Evidence.exact(log)
            return History(log, replace(evidence, source=source, timezone=self.reader.timezone))
        if not self._steps:
            raise HistoryError(
                f"nothing in {file} tells of a task; see its columns and mapping{self.losses.why}"
            )
        self._steps.sort(key=lambda step: step[:2])
        self._number()
        for time, number, case, status, counts, place in self._steps:
            if counts.get("sent", 0) < (case.run.seen["sent"] or [0])[-1] and "sent" in counts:
                self.losses.leave_out("sent is below what an earlier row says", place)
                continue
            _look(case, time, number, status, counts)
        if not any(counts for *_, counts, _ in self._steps):
            self.losses.remark("No column tells how many emails were sent: each run counts as one.")
        cases = [case for task in self._tasks.values() for case in task.cases.values()]
        for case in cases:
            _complete(case.run)
        runs = [case.run for case in cases if not case.never_began]
        runs.sort(key=lambda run: (run.due, run.task, run.number))
        ends = [self._steps[-1][0], *(time for time, *_ in self._tests)]
        ends += [gone.by for gone in self._off.values()]
        span = (min((run.due for run in runs), default=self._steps[0][0]), max(ends))
        tasks = sorted(self._tasks.values(), key=lambda task: task.number)
        domains = list(self._domains)
        more = [domain.name for domain in plan.domains] if plan else []
        more += [domain for _, domain, *_ in self._tests]
        domains += [name for name in dict.fromkeys(more) if name not in domains]
        last = {t.number: t.cases[max(t.cases)].run for t in tasks}
        seen = Seen(
            _facts(tasks), domains, runs,
            {number: run.seen["status"][-1] for number, run in last.items()},
            {number: run.requests for number, run in last.items()},
            self._gone(tasks, plan, span[1]), span, exact=True,
            tests=self._told_tests(domains) if self._knows_apart else None,
        )  # fmt: skip
        polls = Polls(self.reader, self.losses)
        history = assemble(seen, polls, self.reader, self.losses, plan)
        return History(history.log, replace(history.evidence, told=self._outcomes()))

    def _told_tests(self, domains: list[str]) -> list[SentTest]:
        tests = sorted(self._tests, key=lambda test: (test[0], test[-1]))
        return [SentTest(time, domains.index(name), *rest) for time, name, *rest in tests]

    def _gone(self, tasks: Iterable[_Task], plan: Plan | None, end: int) -> dict[int, Gone]:
        """Return which tasks were cancelled before all of their runs were due, and when.

        A log of others need not tell; then the plan does, if no later run says otherwise.
        """
        told = {task.number: self._off[task.id] for task in tasks if task.id in self._off}
        for task in tasks:
            looks = next(iter(task.cases.values())).run.seen
            if task.type != TaskType.RECURRING and all(
                case.never_began for case in task.cases.values()
            ):
                told[task.number] = Gone(looks["time"][0], looks["time"][0], looks["source"][0])
        if plan is None or self._knows_apart:
            return told
        known = {task.name: task for task in plan.tasks}
        for task in tasks:
            planned = known.get(task.name or "")
            if planned is None or not planned.every or planned.cancel_at is None:
                continue
            at = plan.clock.instant(planned.cancel_at)
            if max(case.run.due for case in task.cases.values()) <= at <= end:
                self.losses.remark("When tasks were cancelled is taken from the plan.")
                told[task.number] = Gone(at, at, NONE)
        return told

    def _outcomes(self) -> Told | None:
        """Return what became of the emails sent, as far as rows told it."""
        rows = [
            (time, case.run.task, case.run.number, sent, outcomes)
            for time, case, sent, outcomes in self._told
        ]
        return Told.of_rows(rows, {name for *_, outcomes in rows for name in outcomes})


_COUNTS: Final = ("requests", "sent", "cached", "failed")


def _is_count(value: object) -> bool:
    try:
        number = float(str(value))
    except ValueError:
        return False
    return number.is_integer() and 0 <= number <= _LARGEST


def _count(value: object) -> int:
    """Return a number that :func:`_is_count` allows, also one written as ``12.0``."""
    return int(float(str(value)))


def _look(case: _Case, time: int, source: int, status: int, counts: Mapping[str, int]) -> None:
    """Add what a row says to the looks at its run."""
    seen, run = case.run.seen, case.run
    run.requests = max(run.requests, counts.get("requests", 0))
    if status == TO_START:
        case.due, case.is_due_told = time, True
        run.due = run.due_earliest = run.due_latest = time
        return
    if case.due is None:
        case.due = run.due = run.due_earliest = run.due_latest = time
    sent = counts.get("sent", seen["sent"][-1] if seen["sent"] else 0)
    values = {
        "time": time, "status": status, "requests": run.requests, "updated": -1,
        "sent": max(sent, seen["sent"][-1] if seen["sent"] else 0),
        "cached": counts.get("cached", UNKNOWN), "source": source,
        "failed": max(counts.get("failed", 0), seen["failed"][-1] if seen["failed"] else 0),
    }  # fmt: skip
    for name, value in values.items():
        seen[name].append(value)


def _complete(run: Run) -> None:
    """Make the counters of a run fit together, where rows do not tell of them."""
    seen = run.seen
    counts = zip(seen["sent"], seen["failed"], seen["cached"], strict=True)
    told = (sent + failed + max(cached, 0) for sent, failed, cached in counts)
    run.requests = max(run.requests, max(told, default=0), 1)
    if not seen["time"]:
        for name, value in zip(
            (*COLUMNS, "failed"), (run.due, SENDING, run.requests, 0, 0, -1, -1, 0), strict=True
        ):
            seen[name].append(value)
    seen["requests"] = [run.requests] * len(seen["time"])
    seen["sent"] = [
        run.requests - failed if status == SENT else sent
        for status, sent, failed in zip(seen["status"], seen["sent"], seen["failed"], strict=True)
    ]
    _fill_cached(seen, run.requests)


def _fill_cached(seen: dict[str, list[int]], requests: int) -> None:
    """Say how many emails were cached where rows do not: all that are paused, until they leave."""
    cached, rest = 0, requests
    columns = (seen[name] for name in ("status", "sent", "failed", "cached"))
    for place, (status, sent, failed, told) in enumerate(zip(*columns, strict=True)):
        left, rest = rest, requests - sent - failed
        guess = rest if status == PAUSED else max(0, cached - (left - rest))
        cached = seen["cached"][place] = min(guess if told == UNKNOWN else told, rest)


def _facts(tasks: Iterable[_Task]) -> list[Fact]:
    found, names = [], set()
    for task in tasks:
        name = (task.name or plain(f"Task {task.id}") or "")[:160]
        while name in names:
            name = f"{name[:190]}'"
        names.add(name)
        dues = {number: task.cases[number].run.due for number in sorted(task.cases)}
        first = next(iter(dues.values()))
        kind = task.type or (TaskType.RECURRING if len(dues) > 1 else TaskType.IMMEDIATE)
        id_: int | str = int(task.id) if task.id.isdecimal() and len(task.id) < 18 else task.id
        ends = all(case.run.seen["status"][-1] in FINISHED for case in task.cases.values())
        hours = _hours(dues) if kind == TaskType.RECURRING else 0
        found.append(
            Fact(
                id=id_,
                place=task.number - 1,
                name=name,
                sender=task.sender,
                domain=task.domain,
                subject=None,
                type=kind,
                created=first,
                begins=first,
                hours=hours,
                ends=ends,
                tells_hours=False,
            )
        )
    return found


def _hours(dues: Mapping[int, int]) -> int:
    """Return the hours between runs, given when each was due by its number; 24 if none tell."""
    steps = (
        round((after[1] - before[1]) / ((after[0] - before[0]) * HOUR))
        for before, after in pairwise(sorted(dues.items()))
    )
    usual = Counter(hours for hours in steps if hours > 0).most_common(1)
    return usual[0][0] if usual else 24
