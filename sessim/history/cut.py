"""The state of an account at an instant, from what its log says up to then and nothing later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from sessim.clock import DAY, SECOND
from sessim.eventlog import NONE, Event, EventLog
from sessim.history import chance
from sessim.history.conformance import quotas
from sessim.history.conformance.stretch import Limits, Stretch, Trail
from sessim.ledger import Ints, Ledger, Snapshot
from sessim.lifecycle import PAUSED, SENDING, TO_START, Rest
from sessim.logwriter import LogWriter
from sessim.model import Model
from sessim.plan import Plan
from sessim.serving import NEVER, NOT_TO_BE, Pace
from sessim.state import State, first_state


def model_at(
    log: EventLog, instant: int, plan: Plan | None = None, seed: int | None = None
) -> Model:
    """Return a model that goes on behind everything that a log tells up to an instant.

    Parameters
    ----------
    log
        What happened. Rows behind the instant are not looked at.
    instant
        In microseconds since the Unix epoch.
    plan
        By which the model goes on: the log's, with changes that the past allows (see
        :func:`sessim.history.changes.check`). Default: the log's.
    seed
        What chance is derived from, from then on. Default: the log's own, or else 0.

    Returns
    -------
    Model
        Its own log begins with the rows of the past.
    """
    plan = log.plan if plan is None else plan
    if instant < log.plan.start_instant:
        return chance.seeded(plan, log.meta.get("seed", 0) if seed is None else seed)
    past = _Past(log, instant, plan)
    state = past.state()
    luck = chance.luck(log, instant, seed)
    if plan.has_outcomes:
        chance.take_up(state, past.log, plan, luck, past.trail)
    return Model.resume(plan, state, instant + 1, luck.seed)


def until(log: EventLog, instant: int) -> EventLog:
    """Return the rows of a log up to an instant, closed with a row ``end`` just behind it."""
    told = int(log.time.searchsorted(instant, "right"))
    told -= bool(told and log.event[told - 1] == Event.END and not log.run[told - 1])
    end = dict.fromkeys(log.columns, 0) | {"time": instant + 1, "event": int(Event.END)}
    end |= dict.fromkeys(("domain", "status", "limit"), NONE)
    columns = {name: np.append(values[:told], end[name]) for name, values in log.columns.items()}
    return EventLog(columns, log.domains, log.details, log.plan, log.meta)


class _Past:
    """What a log tells up to an instant, by the ranks of the runs in a plan."""

    def __init__(self, log: EventLog, instant: int, plan: Plan) -> None:
        self.log, self.instant, self.plan = until(log, instant), instant, plan
        self.trail = Trail(plan, simulated=False)
        self.snapshot = Snapshot(Ledger(self.log), instant)
        self.told = self.snapshot.told
        task, run = (self.log.columns[name] for name in ("task", "run"))
        self.rank = self.trail.ranks(task, run)
        columns = {name: values[:-1] for name, values in self.log.columns.items()}
        if self.told:
            time = columns["time"]
            quotas.note_limits(Stretch(self.trail, columns, time, time, time, self.log.details))

    @cached_property
    def extra(self) -> Ints:
        """The emails of each run that were sent since its latest row.

        They follow from the rate; a sender that is slower than that has at most those that are
        left of the run and of its domain's limit.
        """
        column = self.snapshot.column
        left = column("waiting").astype(np.int64) + column("cached")
        extra: Ints = np.minimum(self.snapshot.under_way, left)
        for domain in range(len(self.log.domains)):
            mine = np.flatnonzero((column("domain") == domain) & (extra > 0))
            limits = self.trail.limits[domain].limit
            if len(mine) and limits and limits[-1] != NONE:
                most = limits[-1] - self._used(domain)
                before = np.cumsum(extra[mine]) - extra[mine]
                extra[mine] = np.clip(most - before, 0, extra[mine])
        return extra

    def state(self) -> State:
        """Return the state."""
        plan, clock, instant = self.plan, self.plan.clock, self.instant
        state = first_state(plan)
        self._runs(state)
        self._domains(state)
        date = clock.date(instant)
        state.now, state.date = instant, date.toordinal()
        state.next_day = clock.day_start(date + dt.timedelta(days=1))
        state.next_due = int(plan.runs.due.searchsorted(instant, "right"))
        state.next_cancel = sum(at <= instant for at in self._instants("tasks", "cancel_at"))
        state.next_test = sum(at <= instant for at in self._instants("test_sends", "at"))
        if sum(queue.sending for queue in state.counts.queues):
            self._busy(state)
        state.log = self._written()
        return state

    def _instants(self, key: str, field: str) -> Iterator[int]:
        values = (getattr(entry, field) for entry in getattr(self.plan, key))
        return (self.plan.clock.instant(value) for value in values if value is not None)

    def _runs(self, state: State) -> None:
        """Fill in the runs' statuses and emails."""
        counts, column = state.counts, self.snapshot.column
        sent = column("sent") + self.extra
        rank = self.trail.ranks(column("task"), column("run"))
        counts.status[rank] = column("status")
        counts.sent[rank] = sent
        counts.failed[rank] = column("failed")
        rest = np.where(column("waiting") > 0, Rest.WAITING, Rest.NOWHERE)
        rest = np.where(column("cached") > 0, Rest.CACHED, rest)
        counts.rest[rank] = np.where(column("cancelled") > 0, Rest.CANCELLED, rest)
        event, runs = self.log.event, self.plan.runs
        counts.status[self.rank[event == Event.SKIPPED]] = NOT_TO_BE
        off = np.zeros(len(self.plan.tasks) + 1, dtype=np.bool_)
        off[self.log.task[(event == Event.CANCELLED) & (self.log.run == 0)]] = True
        counts.status[off[runs.task] & (counts.status == TO_START)] = NOT_TO_BE
        goes_on = sum(on and not off[i] for i, on in enumerate(self.plan.goes_on, 1))
        state.to_come = int((counts.status == TO_START).sum()) + goes_on
        state.unfinished = int(np.isin(counts.status, (SENDING, PAUSED)).sum())

    def _domains(self, state: State) -> None:
        """Fill in the domains' queues, limits and warm-ups."""
        runs, counts = self.plan.runs, state.counts
        totals = self._totals(counts.sent)
        midnight = self.plan.clock.day_start(self.plan.clock.date(self.instant))
        for domain, queue in enumerate(counts.queues):
            limits, mine = self.trail.limits[domain], runs.domain == domain
            queue.tail = int((mine & (runs.due <= self.instant)).sum())
            queue.sending = int((counts.status[mine] == SENDING).sum())
            queue.paused = int((counts.status[mine] == PAUSED).sum())
            queue.total = totals[domain]
            days = state.days[domain]
            for number in self._by_day(domain, midnight):
                days.pass_midnight(days.total_before + number)
            if limits.time:
                self._limit(state, domain, limits)

    def _totals(self, sent: Ints) -> list[int]:
        tests = np.flatnonzero((self.log.run == 0) & (self.log.domain != NONE))
        total = np.zeros(len(self.plan.domains), dtype=np.int64)
        np.add.at(total, self.plan.runs.domain, sent)
        np.add.at(total, self.log.domain[tests], self.log.sent[tests])
        return [int(number) for number in total]

    def _by_day(self, domain: int, midnight: int) -> Iterator[int]:
        """Yield the emails of a domain on each day that is over."""
        ledger, log, clock = self.snapshot.ledger, self.log, self.plan.clock
        rows = ledger.rows[log.domain[ledger.rows] == domain]
        risen = ledger.risen[log.domain[ledger.rows] == domain]
        tests = np.flatnonzero((log.run == 0) & (log.domain == domain) & (log.sent > 0))
        rows, risen = np.append(rows, tests), np.append(risen, log.sent[tests])
        closing = np.isin(log.event[rows], (int(Event.DAY), int(Event.END)))
        time = log.time[rows] - closing
        date = clock.date(self.plan.start_instant)
        while (start := clock.day_start(date)) < midnight:
            date += dt.timedelta(days=1)
            if (end := clock.day_start(date)) > start:
                yield int(risen[(start <= time) & (time < end)].sum())

    def _limit(self, state: State, domain: int, limits: Limits) -> None:
        """Fill in the limit in force, and what is to come because of it."""
        queue, limit = state.counts.queues[domain], limits.limit[-1]
        opening = max(i for i, anew in enumerate(limits.anew) if anew)
        under_way = self.extra[self.snapshot.column("domain") == domain].sum()
        used = self._used(domain) + int(under_way)
        queue.total -= used
        queue.open(None if limit == NONE else limit)
        queue.total += used
        state.opened[domain] = True
        if self.plan.window == "rolling":
            state.waiting[domain] = limit == 0
            if limit > 0 and not queue.left:
                state.openings.append((self._filled(domain, limits.seq[opening]) + DAY, domain))
        delay = self.plan.restart_delay * SECOND
        if self.plan.restart == "auto" and delay:
            resets = limits.resets(self.plan) + delay
            state.restarts += [(int(at), domain) for at in resets[resets > self.instant]]

    def _used(self, domain: int) -> int:
        """Return the emails that rows tell of since a domain's day or window began."""
        log, ledger = self.log, self.snapshot.ledger
        limits = self.trail.limits[domain]
        seq = max(seq for seq, anew in zip(limits.seq, limits.anew, strict=True) if anew)
        mine = (ledger.rows > seq) & (log.domain[ledger.rows] == domain)
        tests = (log.run == 0) & (log.domain == domain) & (np.arange(len(log)) > seq)
        return int(ledger.risen[mine].sum() + log.sent[tests].sum())

    def _filled(self, domain: int, opened: int) -> int:
        """Return when a rolling window was used up."""
        log = self.log
        rows = np.flatnonzero((log.domain == domain) & (log.sent_today == log.limit))
        return int(log.time[rows[rows > opened][0]])

    def _busy(self, state: State) -> None:
        """Fill in the busy period, and whose turn it is."""
        counts, begin = state.counts, int(self.snapshot.ledger.busy_from[self.told - 1])
        state.busy_from = self.instant  # at another rate, counting begins anew
        if self.plan.rate == self.log.plan.rate:
            state.busy_from = int(self.log.time[begin])
            state.booked = Pace(self.plan.rate, state.busy_from).sent_by(self.instant)
        if self.plan.discipline == "fifo":
            state.served = int(np.flatnonzero(counts.status == SENDING)[0])
        elif self.snapshot.after != NEVER:
            column = self.snapshot.column
            order = np.argsort(self.snapshot.due, kind="stable")
            last = order[self.snapshot.after]
            task, run = column("task")[[last]], column("run")[[last]]
            state.after = int(self.trail.ranks(task, run)[0])

    def _written(self) -> LogWriter:
        """Return a writer that has written the rows of the past."""
        writer, log = LogWriter(), self.log
        whom = np.where(log.task > 0, len(self.plan.runs) + log.task - 1, NONE)
        run = np.where(self.rank != NONE, self.rank, whom)
        rest = np.select(
            [log.waiting > 0, log.cached > 0, log.cancelled > 0],
            [Rest.WAITING, Rest.CACHED, Rest.CANCELLED], Rest.NOWHERE,
        )  # fmt: skip
        chosen = np.flatnonzero(log.event[:-1] != Event.END)
        names = (
            "time",
            "event",
            "domain",
            "status",
            "limit",
            "sent_today",
            "detail",
            "sent",
            "failed",
        )
        told = [log.columns[name][chosen].tolist() for name in names]
        for time, event, domain, status, limit, used, detail, sent, failed, to, number in zip(
            *told, rest[chosen].tolist(), run[chosen].tolist(), strict=True
        ):
            writer.row(time, event, domain, status, to, limit, used, log.details[detail],
                       number, sent, failed)  # fmt: skip
        return writer
