"""The judge of the simulation: a second, deliberately naive implementation of the service's rules.

It shares no code with the package and loops over every single email, so it is slow and can be
checked by reading. Tests compare the real model with it on small plans.

A plan is the mapping that a plan file holds. Instants are whole microseconds since the Unix epoch
(UTC), dates are ISO strings, tasks and runs are numbered from 1 as in the package's tables.

At one instant things happen in this order, and the code below is arranged in the same order:

1. a day begins, limits change, rolling windows open;
2. the email that falls there is sent, with the finish or the pause that it causes;
3. paused runs restart;
4. tasks are cancelled;
5. runs become due;
6. test sends.

What becomes of the emails is not drawn here: each email's lot follows from the rates as
``outcomes: expected`` has it, so that reputation can be judged. Errors of a server are not covered.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

SECOND = 1_000_000
HOUR = 3600 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONE_DAY = timedelta(days=1)

CANCELLED = 0
TO_START = 1
SENDING = 5
PAUSED = 6
SENT = 10
ERROR = 7
FINISHED = (SENT, CANCELLED, ERROR)

TABLES: dict[str, list[int]] = {
    "standard": [
        *(500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000),
        *(150_000, 200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 900_000),
        1_000_000,
    ],
    "legacy": [
        *(100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 40_000),
        *(60_000, 80_000, 100_000, 120_000, 150_000, 200_000, 400_000, 600_000, 800_000),
        1_000_000,
    ],
}


# --- what comes out -----------------------------------------------------------------------------


@dataclass
class RunRecord:
    """One run at the end of the simulation."""

    requests: int
    due: int
    started: int | None = None  # the first instant at which it was SENDING
    finished: int | None = None  # the instant at which it was SENT or CANCELLED
    status: int = TO_START
    sent: int = 0
    cached: int = 0
    failed: int = 0
    cancelled: int = 0
    pauses: list[tuple[int, int | None]] = field(default_factory=list)  # (start, end)
    lots: Counter[str] = field(default_factory=Counter)  # what became of the emails sent


@dataclass
class Reference:
    """Everything that happened, as plain data.

    A recurring task has a record for each run that came due and was not skipped, a task with a
    single run always has one. ``daily`` and ``by_run_day`` hold no zeros. ``limits`` has every
    date from the plan's start to ``end``; a limit of ``None`` is no limit.
    """

    end: int
    runs: dict[tuple[int, int], RunRecord] = field(default_factory=dict)
    transitions: list[tuple[int, int, int, int]] = field(default_factory=list)
    daily: dict[tuple[str, str], int] = field(default_factory=dict)
    by_run_day: dict[tuple[int, int, str], int] = field(default_factory=dict)
    limits: dict[tuple[str, str], int | None] = field(default_factory=dict)
    emails: list[tuple[int, int, int]] = field(default_factory=list)  # without test sends
    tests: list[tuple[int, int, int]] = field(default_factory=list)  # (instant, sent, failed)
    skipped: list[tuple[int, int, int]] = field(default_factory=list)  # (instant, task, run)
    levels: list[tuple[int, str, int]] = field(default_factory=list)  # (instant, domain, level)


def status_at(ref: Reference, instant: int) -> dict[tuple[int, int], tuple[int, int, int, int]]:
    """Return (status, sent, cached, cancelled) of each run after everything at ``instant``.

    Every run of ``ref.runs`` is listed: one that is not due by then is TO_START with zeros.
    """
    sent = dict.fromkeys(ref.runs, 0)
    for when, task, run in ref.emails:
        if when <= instant:
            sent[task, run] += 1

    status = dict.fromkeys(ref.runs, TO_START)
    was_paused = dict.fromkeys(ref.runs, False)
    for when, task, run, new_status in ref.transitions:
        if when <= instant:
            status[task, run] = new_status
            if new_status == PAUSED:
                was_paused[task, run] = True

    answer = {}
    for key, record in ref.runs.items():
        unsent = record.requests - sent[key]
        is_cancelled = status[key] == CANCELLED
        cached = unsent if was_paused[key] and not is_cancelled else 0
        cancelled = unsent if is_cancelled else 0
        answer[key] = (status[key], sent[key], cached, cancelled)
    return answer


# --- the clock ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clock:
    """Wall clock and calendar of the plan's time zone."""

    zone: str

    def wall(self, instant: int) -> datetime:
        """Return what the wall clock shows at ``instant``."""
        moment = EPOCH + timedelta(microseconds=instant)
        return moment.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None, fold=0)

    def shows(self, wall: datetime) -> int:
        """Return the first instant at which the wall clock shows ``wall``.

        A skipped time moves forward by the gap: fold 0 means the offset from before the change.
        """
        moment = wall.replace(tzinfo=ZoneInfo(self.zone), fold=0)
        return (moment - EPOCH) // timedelta(microseconds=1)

    def begin(self, day: date) -> int:
        """Return the first instant that bears the date ``day``."""
        return _first_instant(self, day)

    def date_of(self, instant: int) -> date:
        """Return the day that ``instant`` belongs to: the last one that has begun."""
        day = self.wall(instant).date()
        while self.begin(day + ONE_DAY) <= instant:
            day += ONE_DAY
        return day

    def instant(self, text: object) -> int:
        """Read a date (its first instant) or a date and time (a repeated hour means the first).

        Raise a ValueError if the wall clock skips that time.
        """
        if _is_date(text):
            return self.begin(date.fromisoformat(str(text)))
        wall = datetime.fromisoformat(str(text))
        instant = self.shows(wall)
        if self.wall(instant) != wall:
            raise ValueError(f"{text} does not exist in {self.zone}: the clock skips it")
        return instant

    def end(self, text: object) -> int:
        """Read like ``instant``, but a date means its end, the beginning of the next."""
        if _is_date(text):
            return self.begin(date.fromisoformat(str(text)) + ONE_DAY)
        return self.instant(text)

    def last(self, text: object) -> int:
        """Read like ``instant``, but a date means its last instant."""
        return self.end(text) - (1 if _is_date(text) else 0)


def _is_date(text: object) -> bool:
    return len(str(text)) == len("2026-12-01")


@cache
def _first_instant(clock: Clock, day: date) -> int:
    midnight = datetime.combine(day, time())
    instant = clock.shows(midnight)
    if clock.wall(instant) == midnight:
        return instant
    # Midnight is skipped: go through the minutes before, to the first that bears the date.
    instant -= 24 * HOUR
    while clock.wall(instant).date() < day:
        instant += 60 * SECOND
    return instant


# --- what goes in -------------------------------------------------------------------------------


@dataclass(eq=False)
class Domain:
    """A sender domain: its warm-up, and what it has used of its current day or window."""

    name: str
    warmup: Any
    warmup_start: date
    advance: str
    plan_date: date
    sent_dates: set[date] = field(default_factory=set)

    limit: int | None = 0  # of the current day or window, None for no limit
    used: int = 0
    # Only in a rolling window; while it is not open the domain may not send.
    had_window: bool = False  # a first window was opened, or put off for a limit of 0
    is_open: bool = False
    opens_at: int | None = None  # 24 h after the email that filled the last window
    put_off: bool = False  # opens at the next beginning of a day whose limit is above 0
    # Only with a reputation.
    level: int = 0
    risen: int = 0  # levels today
    falls: bool = False  # with the next day
    blocked: bool = False  # for the rest of the day
    lots: Counter[str] = field(default_factory=Counter)  # of the emails of the day

    def limit_on(self, day: date) -> int | None:
        """Return the most emails on ``day``; ``sent_dates`` must hold all days before it."""
        if self.warmup == "none":
            return None
        if isinstance(self.warmup, int):
            return self.warmup
        if day < self.warmup_start:
            return 0
        if self.warmup == "reputation":
            return [0, *TABLES["standard"]][self.level]
        number = self.warmup_day(day)
        if isinstance(self.warmup, dict):
            start = Fraction(str(self.warmup["start"]))
            factor = Fraction(str(self.warmup["factor"]))
            cap: int = self.warmup["cap"]
            return min(cap, math.floor(start * factor ** (number - 1)))
        numbers: list[int] = TABLES[self.warmup] if isinstance(self.warmup, str) else self.warmup
        return numbers[min(number, len(numbers)) - 1]

    def warmup_day(self, day: date) -> int:
        """Return the number of the warm-up day, 1 on ``warmup_start``."""
        if self.advance == "calendar":
            return (day - self.warmup_start).days + 1
        number = 1
        earlier = self.warmup_start
        while earlier < day:
            if earlier < self.plan_date or earlier in self.sent_dates:
                number += 1
            earlier += ONE_DAY
        return number


Rates = dict[str, Fraction]

RATES = (
    *("invalid_rate", "spam_bounce_rate", "soft_failure_rate", "complaint_rate"),
    *("open_rate", "click_rate", "unsubscribe_rate"),
)


@dataclass(eq=False)
class Mailing:
    """A part of a run's list being sent: each email's lot follows from those before it."""

    part: int
    size: int
    rates: Rates
    gone: int = 0  # addresses that had bounced when the run was due, or bounced in it
    done: Counter[str] = field(default_factory=Counter)

    def _falls(self, name: str, among: str, share: Fraction) -> bool:
        """Tell whether a lot falls on the email that ``among`` was just raised for."""
        half_up = math.floor(self.done[among] * share + Fraction(1, 2))
        if half_up <= self.done[name]:
            return False
        self.done[name] += 1
        return True

    def next_email(self) -> set[str]:
        """Send one more email and return what becomes of it."""
        rates = self.rates
        bad = [rates[name] for name in RATES[:3]]
        self.done["sent"] += 1
        if self._falls("lost", "sent", sum(bad)):
            if self._falls("invalid", "lost", bad[0] / sum(bad)):
                return {"invalid"}
            self.done["bounced"] += 1
            if self._falls("spam_bounce", "bounced", bad[1] / (bad[1] + bad[2])):
                return {"spam_bounce"}
            return {"soft_failures"}
        self.done["delivered"] += 1
        lot = {"delivered"}
        for name, rate in (("complaints", "complaint_rate"), ("unsubscribes", "unsubscribe_rate")):
            if self._falls(name, "delivered", rates[rate]):
                lot.add(name)
        if self._falls("opens", "delivered", rates["open_rate"]):
            lot.add("opens")
            if self._falls("clicks", "opens", rates["click_rate"] / rates["open_rate"]):
                lot.add("clicks")
        return lot


def _merged(*givers: dict[str, Any]) -> Rates:
    """Return the rates that hold where the first to say something goes before the others."""
    return {
        name: next((Fraction(str(rates[name])) for rates in givers if name in rates), Fraction(0))
        for name in RATES
    }


@dataclass(eq=False)
class Task:
    """A sending task and the due instants of its runs that are still to come."""

    number: int
    domain: Domain
    requests: int
    is_recurring: bool
    skips: bool
    cancel_at: int | None
    to_come: list[tuple[int, int]]  # (due, run number), the next one first
    parts: list[tuple[int, Rates]] = field(default_factory=list)  # of the list: emails, rates
    bounced: list[int] = field(default_factory=list)  # addresses of each part that are invalid


@dataclass(eq=False)
class Run:
    """A run in the simulation."""

    task: Task
    number: int
    record: RunRecord
    mailings: list[Mailing] = field(default_factory=list)  # a part each, those to come included

    @property
    def queue_key(self) -> tuple[int, int, int]:
        """The place in the queue: due instant, then creation order, then run number."""
        return (self.record.due, self.task.number, self.number)


@dataclass(eq=False)
class TestSend:
    """Some emails that are sent by hand, at once."""

    at: int
    domain: Domain
    recipients: int


def _domain_name(sender: str) -> str:
    """Return the domain of ``Name <address>`` or of a bare address."""
    return sender.strip().rstrip(">").rsplit("@", 1)[1]


def _due_instants(spec: dict[str, Any], clock: Clock, start: int, horizon: int) -> list[int]:
    """Return when the runs of a task are due; a single run also when that is too late."""
    first = clock.instant(spec["start"]) if "start" in spec else start
    if first < start:
        raise ValueError(f"{spec['name']} starts before the plan")
    if "every" not in spec:
        return [first]
    hours = int(spec["every"].removesuffix("h"))
    dues: list[int] = []
    for repeats in count():
        if spec.get("every_by", "elapsed") == "wall":
            due = clock.shows(clock.wall(first) + repeats * timedelta(hours=hours))
        else:
            due = first + repeats * hours * HOUR
        if "until" in spec and due > clock.last(spec["until"]):
            break
        if "count" in spec and len(dues) == spec["count"]:
            break
        dues.append(due)
        if due >= horizon:  # it will not be reached, but there is more to come
            break
    return dues


# --- the simulation -----------------------------------------------------------------------------


class Simulation:
    """A plan being simulated; ``result`` grows with every instant."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.clock = Clock(plan.get("timezone", "Asia/Shanghai"))
        self.rate = Fraction(str(plan.get("rate", 20)))
        self.is_fair = plan.get("discipline", "fifo") == "fair"
        self.is_rolling = plan.get("window", "day") == "rolling"
        self.is_auto = plan.get("restart", "auto") == "auto"
        self.restart_delay = plan.get("restart_delay", 0) * SECOND

        self.start = self.clock.instant(plan["start"])
        self.horizon = self._read_horizon(plan)
        if self.horizon <= self.start:
            raise ValueError("the horizon must be after the start")
        self.today = self.clock.date_of(self.start)
        self.days = self._read_days()
        self.manual_restarts = [] if self.is_auto else self._read_restarts(plan)
        self.domains = self._read_domains(plan)
        self.qualities = {spec["name"]: spec.get("quality", {}) for spec in plan["domains"]}
        self.levels_per_day = plan.get("levels_per_day", 1)
        self.resumes = plan.get("resume_on_raise", False)
        self.tasks = [
            self._read_task(number, spec) for number, spec in enumerate(plan["tasks"], start=1)
        ]
        self.test_sends = self._read_test_sends(plan)

        self.now = self.start
        self.result = Reference(end=self.horizon)
        self.waiting: list[Run] = []  # single runs that are not due yet
        self.queue: list[Run] = []  # due and unfinished
        self.auto_restarts: list[tuple[int, Domain]] = []
        self.busy_since: int | None = None  # while any run is SENDING
        self.busy_emails = 0  # sent since then
        self.last_served: Run | None = None  # `fair`: the next turn is the one behind it
        self.daily: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.by_run_day: defaultdict[tuple[int, int, str], int] = defaultdict(int)

        for task in self.tasks:
            if not task.is_recurring:
                self.waiting.append(self._create_run(task, task.to_come[0][0], 1))

    def _read_horizon(self, plan: dict[str, Any]) -> int:
        if "horizon" in plan:
            return self.clock.end(plan["horizon"])
        wall = self.clock.wall(self.start)
        return self.clock.shows(wall.replace(year=wall.year + 1))

    def _read_days(self) -> dict[int, date]:
        """Return the days that begin in the simulation, by their first instant."""
        days = {}
        day = self.today
        while self.clock.begin(day) < self.horizon:
            if self.clock.begin(day) >= self.start:
                days[self.clock.begin(day)] = day
            day += ONE_DAY
        return days

    def _read_restarts(self, plan: dict[str, Any]) -> list[int]:
        restart_at = plan.get("restart_at", [])
        if isinstance(restart_at, str):
            wall_time = time.fromisoformat(restart_at)
            dates = {self.today, *self.days.values()}
            instants = [self.clock.shows(datetime.combine(day, wall_time)) for day in dates]
        else:
            instants = [self.clock.instant(text) for text in restart_at]
        return sorted(instant for instant in instants if instant >= self.start)

    def _read_domains(self, plan: dict[str, Any]) -> dict[str, Domain]:
        domains = {}
        for spec in plan["domains"]:
            name = spec["name"]
            first_dues: list[int] = []
            for task in plan["tasks"]:
                if _domain_name(task["sender"]) == name:
                    first = self.clock.instant(task["start"]) if "start" in task else self.start
                    first_dues.append(first)
            if "warmup_start" in spec:
                warmup_start = date.fromisoformat(str(spec["warmup_start"]))
            else:
                warmup_start = self.clock.date_of(min(first_dues, default=self.start))
            domains[name] = Domain(
                name=name,
                warmup=spec.get("warmup", "standard"),
                warmup_start=warmup_start,
                advance=spec.get("advance", "calendar"),
                plan_date=self.today,
                level=spec.get("level", 1),
            )
        return domains

    def _read_task(self, number: int, spec: dict[str, Any]) -> Task:
        dues = _due_instants(spec, self.clock, self.start, self.horizon)
        parts = self._read_parts(spec)
        return Task(
            parts=parts,
            bounced=[0] * len(parts),
            number=number,
            domain=self.domains[_domain_name(spec["sender"])],
            requests=spec["requests"],
            is_recurring="every" in spec,
            skips=spec.get("overlap", "queue") == "skip",
            cancel_at=self.clock.instant(spec["cancel_at"]) if "cancel_at" in spec else None,
            to_come=[(due, run) for run, due in enumerate(dues, start=1)],
        )

    def _read_parts(self, spec: dict[str, Any]) -> list[tuple[int, Rates]]:
        above = spec.get("quality", {}), self.qualities[_domain_name(spec["sender"])]
        if "segments" not in spec:
            return [(spec["requests"], _merged(*above))]
        return [
            (part["requests"], _merged(part.get("quality", {}), *above))
            for part in spec["segments"]
        ]

    def _read_test_sends(self, plan: dict[str, Any]) -> list[TestSend]:
        """Return the test sends that are still to come, those of one instant in plan order."""
        tests = [
            TestSend(
                self.clock.instant(spec["at"]),
                self.domains[_domain_name(spec["sender"])],
                spec["recipients"],
            )
            for spec in plan.get("test_sends", [])
        ]
        return sorted((test for test in tests if test.at < self.horizon), key=lambda test: test.at)

    # The loop

    def run(self) -> Reference:
        """Go from instant to instant until nothing is left, or to the horizon."""
        agenda = self._agenda()
        position = 0
        self._learn_limits()
        while True:
            self._do_everything_now()
            if self._nothing_left():
                self.result.end = self.now
                break
            while position < len(agenda) and agenda[position] <= self.now:
                position += 1
            candidates = [agenda[position]] if position < len(agenda) else []
            candidates += [at for at, _ in self.auto_restarts]
            candidates += [d.opens_at for d in self.domains.values() if d.opens_at is not None]
            if self.busy_since is not None:
                candidates.append(self._next_email())
            self.now = min(candidates, default=self.horizon)
            if self.now >= self.horizon:
                break
        self.result.daily = dict(self.daily)
        self.result.by_run_day = dict(self.by_run_day)
        return self.result

    def _agenda(self) -> list[int]:
        """Return all instants that are known beforehand."""
        instants = set(self.days) | set(self.manual_restarts)
        instants |= {test.at for test in self.test_sends}
        for task in self.tasks:
            instants |= {due for due, _ in task.to_come}
            if task.cancel_at is not None:
                instants.add(task.cancel_at)
        return sorted(instants)

    def _do_everything_now(self) -> None:
        """Do what happens at this instant, in the order that the rules give."""
        # 1. a day begins, limits change, rolling windows open
        if self.now in self.days:
            self._begin_day()
        if self.is_rolling:
            self._open_windows()
        # 2. the email that falls here (more than one only above a million a second)
        while self.busy_since is not None and self._next_email() == self.now:
            self._send_next()
        # 3. restarts
        self._restart()
        # 4. cancellations
        for task in self.tasks:
            if task.cancel_at == self.now:
                self._cancel(task)
        # 5. runs due
        for task in self.tasks:
            while task.to_come and task.to_come[0][0] == self.now:
                due, number = task.to_come.pop(0)
                self._run_due(task, due, number)
        # 6. test sends
        while self.test_sends and self.test_sends[0].at == self.now:
            self._test_send(self.test_sends.pop(0))

    def _nothing_left(self) -> bool:
        """Tell whether every run is finished and neither run nor test send is to come."""
        runs_to_come = any(task.to_come for task in self.tasks)
        return not (self.queue or self.waiting or runs_to_come or self.test_sends)

    # 1. Days, limits, windows

    def _learn_limits(self) -> None:
        """Write down the limits of today, and use them in a window of a day."""
        for domain in self.domains.values():
            if domain.warmup == "reputation":
                self._close_reputation(domain)
            limit = domain.limit_on(self.today)
            self.result.limits[domain.name, self.today.isoformat()] = limit
            if not self.is_rolling:
                domain.limit = limit
                domain.used = 0

    def _begin_day(self) -> None:
        self.today = self.days[self.now]
        self._learn_limits()
        if self.is_rolling:
            return
        self.last_served = None
        for domain in self.domains.values():
            if self._may_send(domain):
                self._restart_later(domain)
            else:
                self._pause_all(domain)

    def _open_windows(self) -> None:
        """Open the rolling windows that are to open now."""
        for domain in self.domains.values():
            if domain.opens_at == self.now or (domain.put_off and self.now in self.days):
                self._open_window(domain)
                if domain.is_open:
                    self._restart_later(domain)

    def _open_window(self, domain: Domain) -> None:
        """Open a rolling window with today's limit, or put it off while that is 0."""
        limit = self.result.limits[domain.name, self.today.isoformat()]
        domain.had_window = True
        domain.opens_at = None
        domain.put_off = limit == 0
        domain.is_open = limit != 0
        domain.limit = limit
        domain.used = 0

    def _open_first_window(self, domain: Domain) -> None:
        """Open the first rolling window, just before the first run or test send is handled."""
        if self.is_rolling and not domain.had_window:
            self._open_window(domain)

    def _may_send(self, domain: Domain) -> bool:
        """Tell whether the domain has something left of its day or window."""
        if domain.blocked:
            return False
        if self.is_rolling and not domain.is_open:
            return False
        return domain.limit is None or domain.used < domain.limit

    def _count_email(self, domain: Domain) -> None:
        """Count one email of the domain; its last one closes a rolling window."""
        domain.used += 1
        domain.sent_dates.add(self.today)
        self.daily[domain.name, self.today.isoformat()] += 1
        if self.is_rolling and not self._may_send(domain):
            domain.is_open = False
            domain.opens_at = self.now + 24 * HOUR

    # Reputation

    def _is_judged(self, domain: Domain) -> bool:
        """Tell whether the email just sent is one after which the domain is judged."""
        used, limit = domain.used, domain.limit
        assert limit is not None
        reaches_share = 10 * used >= 7 * limit > 10 * (used - 1)
        return domain.warmup == "reputation" and (used == 301 or reaches_share or used == limit)

    def _rate(self, domain: Domain, lot: str) -> Fraction:
        return Fraction(domain.lots[lot], domain.used)

    def _deliverability(self, domain: Domain) -> Fraction:
        return 1 - sum(
            self._rate(domain, lot) for lot in ("invalid", "spam_bounce", "soft_failures")
        )

    def _deserves_more(self, domain: Domain) -> bool:
        percent = Fraction(1, 100)
        rates = {lot: self._rate(domain, lot) / percent for lot in ("invalid", "spam_bounce")}
        complaints, opens = self._rate(domain, "complaints"), self._rate(domain, "opens")
        delivered = self._deliverability(domain) / percent
        clean = rates["invalid"] < 5 and delivered > 92 and rates["spam_bounce"] < Fraction("2.5")
        liked = delivered > 90 and opens / percent > 50
        few_complaints = complaints / percent < Fraction("0.1")
        assert domain.limit is not None
        return 10 * domain.used >= 7 * domain.limit and few_complaints and (clean or liked)

    def _note_fall(self, domain: Domain) -> None:
        if domain.used <= 300:
            return
        invalid, spam = self._rate(domain, "invalid"), self._rate(domain, "spam_bounce")
        domain.falls |= invalid > Fraction(9, 100) or spam > Fraction(5, 100)
        domain.falls |= self._deliverability(domain) < Fraction(65, 100)
        domain.falls |= self._rate(domain, "complaints") > Fraction(5, 1000)

    def _is_bad(self, domain: Domain) -> bool:
        invalid, spam = self._rate(domain, "invalid"), self._rate(domain, "spam_bounce")
        return domain.used > 300 and (invalid > Fraction(11, 100) or spam > Fraction(15, 100))

    def _judge(self, domain: Domain) -> None:
        self._note_fall(domain)
        if self._is_bad(domain):
            domain.blocked = True
            for run in [*self._in_order(SENDING), *self._in_order(PAUSED)]:
                if run.task.domain is domain:
                    self._fail(run)
        elif self._rise(domain) and self.resumes:
            for run in self._in_order(PAUSED):
                if run.task.domain is domain and self._may_send(domain):
                    self._change(run, SENDING)
                    self.last_served = None

    def _rise(self, domain: Domain) -> bool:
        """Raise the level as far as it may rise now; tell whether it did."""
        before = domain.level
        while domain.level < 20 and domain.risen < self.levels_per_day:
            if not self._deserves_more(domain):
                break
            domain.level += 1
            domain.risen += 1
            domain.limit = [0, *TABLES["standard"]][domain.level]
            self.result.levels.append((self.now, domain.name, domain.level))
        return domain.level > before

    def _fail(self, run: Run) -> None:
        run.record.failed = run.record.requests - run.record.sent
        run.record.cached = 0
        self._change(run, ERROR)

    def _close_reputation(self, domain: Domain) -> None:
        """Judge the day that is over, and begin the next one."""
        if domain.used:
            self._note_fall(domain)
            if not domain.blocked:
                self._rise(domain)
        if domain.falls and domain.level > 0:
            domain.level -= 1
            self.result.levels.append((self.now, domain.name, domain.level))
        domain.risen = 0
        domain.falls = domain.blocked = False
        domain.lots = Counter()

    # 2. Emails

    def _next_email(self) -> int:
        """Return when the next email of the busy period falls, rounded up from its beginning."""
        assert self.busy_since is not None
        return self.busy_since + math.ceil((self.busy_emails + 1) * SECOND / self.rate)

    def _send_next(self) -> None:
        run = self._first_in_line()
        self.busy_emails += 1
        self.last_served = run
        record = run.record
        record.sent += 1
        if record.cached > 0:
            record.cached -= 1
        self.result.emails.append((self.now, run.task.number, run.number))
        self.by_run_day[run.task.number, run.number, self.today.isoformat()] += 1
        mailing = next(part for part in run.mailings if part.done["sent"] < part.size)
        lot = mailing.next_email()
        record.lots.update(lot)
        run.task.domain.lots.update(lot)
        mailing.gone += "invalid" in lot
        bounced = run.task.bounced  # a dead address bounces in every run that still holds it
        bounced[mailing.part] = max(bounced[mailing.part], mailing.gone)
        self._count_email(run.task.domain)
        if record.sent == record.requests:
            self._change(run, SENT)
        if run.task.domain.limit is not None and self._is_judged(run.task.domain):
            self._judge(run.task.domain)
        if not self._may_send(run.task.domain):
            self._pause_all(run.task.domain)

    def _first_in_line(self) -> Run:
        """Return the run that gets the next email."""
        sending = [run for run in self.queue if run.record.status == SENDING]
        if self.is_fair and self.last_served is not None:
            behind = [run for run in sending if run.queue_key > self.last_served.queue_key]
            sending = behind or sending
        return min(sending, key=lambda run: run.queue_key)

    # 3. Restarts

    def _restart_later(self, domain: Domain) -> None:
        """Note that a reset restarts the paused runs of the domain, after the delay."""
        if self.is_auto:
            self.auto_restarts.append((self.now + self.restart_delay, domain))

    def _restart(self) -> None:
        """Restart the paused runs whose domain is told to and has something left."""
        if self.now in self.manual_restarts:
            domains = list(self.domains.values())
        else:
            domains = [domain for at, domain in self.auto_restarts if at == self.now]
        self.auto_restarts = [entry for entry in self.auto_restarts if entry[0] != self.now]
        for run in self._in_order(PAUSED):
            if run.task.domain in domains and self._may_send(run.task.domain):
                self._change(run, SENDING)
                self.last_served = None

    # 4. Cancellations

    def _cancel(self, task: Task) -> None:
        """Cancel the unfinished runs, a single run also before it is due."""
        task.to_come.clear()
        for run in [*self.queue, *self.waiting]:
            if run.task is task:
                run.record.cancelled = run.record.requests - run.record.sent
                run.record.cached = 0
                self._change(run, CANCELLED)

    # 5. Runs due

    def _create_run(self, task: Task, due: int, number: int) -> Run:
        mailings = [
            Mailing(part, size - gone, rates, gone)
            for part, ((size, rates), gone) in enumerate(zip(task.parts, task.bounced, strict=True))
        ]
        requests = sum(mailing.size for mailing in mailings)
        run = Run(task, number, RunRecord(requests=requests, due=due), mailings)
        self.result.runs[task.number, number] = run.record
        return run

    def _run_due(self, task: Task, due: int, number: int) -> None:
        earlier = [run for run in self.queue if run.task is task]
        if earlier and task.skips:
            self.result.skipped.append((due, task.number, number))
            return
        if task.is_recurring and task.requests == sum(task.bounced):
            self.result.skipped.append((due, task.number, number))
            return
        if task.is_recurring:
            run = self._create_run(task, due, number)
        else:
            run = next(run for run in self.waiting if run.task is task)
            self.waiting.remove(run)
        self.queue.append(run)
        self._open_first_window(task.domain)
        held_up = any(run.record.status == PAUSED for run in earlier)
        if task.domain.blocked:
            self._fail(run)
        elif self._may_send(task.domain) and not held_up:
            self._change(run, SENDING)
        else:
            self._change(run, PAUSED)

    # 6. Test sends

    def _test_send(self, test: TestSend) -> None:
        """Send what the limit leaves, outside the account's rate; the others fail."""
        self._open_first_window(test.domain)
        sent = 0
        for _ in range(test.recipients):
            if self._may_send(test.domain):
                self._count_email(test.domain)
                sent += 1
                if test.domain.limit is not None and self._is_judged(test.domain):
                    self._judge(test.domain)
        self.result.tests.append((self.now, sent, test.recipients - sent))
        if not self._may_send(test.domain):
            self._pause_all(test.domain)

    # Status

    def _in_order(self, status: int) -> list[Run]:
        """Return the runs with that status in queue order."""
        runs = [run for run in self.queue if run.record.status == status]
        return sorted(runs, key=lambda run: run.queue_key)

    def _pause_all(self, domain: Domain) -> None:
        """Pause what the domain is sending; what is unsent goes into the cache queue."""
        for run in self._in_order(SENDING):
            if run.task.domain is domain:
                self._change(run, PAUSED)

    def _change(self, run: Run, status: int) -> None:
        """Give a run a new status, now."""
        record = run.record
        self.result.transitions.append((self.now, run.task.number, run.number, status))
        if record.status == PAUSED:
            record.pauses[-1] = (record.pauses[-1][0], self.now)
        record.status = status
        if status == SENDING and record.started is None:
            record.started = self.now
        if status == PAUSED:
            record.pauses.append((self.now, None))
            record.cached = record.requests - record.sent
        if status in FINISHED:
            record.finished = self.now
            self.queue = [other for other in self.queue if other is not run]
            self.waiting = [other for other in self.waiting if other is not run]
        # The account is busy while any run is SENDING.
        if not any(other.record.status == SENDING for other in self.queue):
            self.busy_since = None
        elif self.busy_since is None:
            self.busy_since = self.now
            self.busy_emails = 0
            self.last_served = None


def simulate(plan: dict[str, Any]) -> Reference:
    """Simulate a plan from its start up to, not including, its horizon.

    It ends early when every run is finished and neither run nor test send is still to come.
    """
    return Simulation(plan).run()
