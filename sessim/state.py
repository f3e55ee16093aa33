"""All that changes while a plan is simulated, as data: it can be copied, saved and resumed."""

from __future__ import annotations

import datetime as dt
import json
import tokenize
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sessim.advance import Days
from sessim.errors import LogError
from sessim.logwriter import LogWriter
from sessim.outcomes import Fates, sequence
from sessim.plan import Domain, Plan
from sessim.reputation import Standing
from sessim.serving import NEVER, Counts, Queue

FORMAT = 3


@dataclass
class State:
    """Where a simulation stands.

    Parameters
    ----------
    counts
        The runs' statuses and emails, and the domains' queues.
    days
        How far each domain's warm-up has come.
    now
        The instant of the last change.
    date, next_day
        The local date as an ordinal, and when the next one begins.
    to_come, unfinished
        Runs that are not due yet (with one for each recurrence that goes on beyond the horizon),
        and runs that are due and not finished.
    next_due, next_restart, next_cancel, next_test
        Which of the plan's due runs, restarts by hand, cancellations and test sends is next.
    restarts, openings
        Automatic restarts, and rolling windows opening, still to come: (instant, domain).
    waiting
        Whether a domain's limit begins anew at the next beginning of a day.
    opened
        Whether a domain has had a limit yet.
    standings
        The reputation of each domain whose limits follow it; None of the others.
    fates
        What became of the emails sent; None where the plan says nothing of that.
    busy_from, booked
        When the busy period began (None: the account is idle), and its emails so far.
    after, served
        Whose turn was last in ``fair``, and who is being served in ``fifo``; -1 for none.
    log
        What happened so far.
    """

    counts: Counts
    days: list[Days]
    now: int
    date: int
    next_day: int
    to_come: int
    waiting: list[bool]
    opened: list[bool]
    standings: list[Standing | None]
    fates: Fates | None = None
    unfinished: int = 0
    next_due: int = 0
    next_restart: int = 0
    next_cancel: int = 0
    next_test: int = 0
    restarts: list[tuple[int, int]] = field(default_factory=list)
    openings: list[tuple[int, int]] = field(default_factory=list)
    busy_from: int | None = None
    booked: int = 0
    after: int = NEVER
    served: int = NEVER
    log: LogWriter = field(default_factory=LogWriter)


_NUMBERS = [
    "now",
    "date",
    "next_day",
    "to_come",
    "waiting",
    "opened",
    "unfinished",
    "next_due",
    "next_restart",
    "next_cancel",
    "next_test",
    "restarts",
    "openings",
    "busy_from",
    "booked",
    "after",
    "served",
]
_COUNTS = ("status", "sent", "rest", "failed")
_QUEUE = ("head", "tail", "cursor", "sending", "paused", "limit", "total", "counted_from",
          "closes_at", "stops_at", "blocked")  # fmt: skip


def first_state(plan: Plan, fates: Fates | None = None) -> State:
    """Return the state at the very start of a plan, with what chance does to its emails."""
    runs, clock = plan.runs, plan.clock
    date = clock.date(plan.start_instant)
    domains = range(len(plan.domains))
    queues = [Queue(np.flatnonzero(runs.domain == i), i) for i in domains]
    counts = Counts(runs.requests.tolist(), runs.domain.tolist(), queues)
    return State(
        counts=counts,
        days=[_days(plan, i, date) for i in domains],
        now=plan.start_instant,
        date=date.toordinal(),
        next_day=clock.day_start(date + dt.timedelta(days=1)),
        to_come=len(runs) + sum(plan.goes_on),
        waiting=[plan.window == "day"] * len(domains),
        opened=[plan.window == "day"] * len(domains),
        standings=[_standing(domain) for domain in plan.domains],
        fates=fates,
    )


def _standing(domain: Domain) -> Standing | None:
    return Standing(domain.level) if domain.warmup == "reputation" else None


def _days(plan: Plan, index: int, date: dt.date) -> Days:
    domain = plan.domains[index]
    first, today = plan.warmup_start(domain).toordinal(), date.toordinal()
    # Of the dates before the plan nobody knows whether they sent: they count.
    counted = max(0, today - first)
    return Days(domain.limits, first, domain.advance == "sending", counted)


def pack(state: State) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a state as plain data and arrays, from which :func:`unpack` makes it again."""
    counts = state.counts
    data = {
        "numbers": {name: getattr(state, name) for name in _NUMBERS},
        "queues": [{name: getattr(queue, name) for name in _QUEUE} for queue in counts.queues],
        "days": [[days.counted, days.total_before] for days in state.days],
        "details": state.log.details,
        "standings": [standing and asdict(standing) for standing in state.standings],
        "requests": counts.requests if state.fates else None,
        "fates": state.fates and state.fates.pack(),
    }
    arrays = {name: getattr(counts, name) for name in _COUNTS}
    return data, {**arrays, **state.log.arrays()}


def unpack(
    plan: Plan,
    data: dict[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    fates: Fates | None = None,
) -> State:
    """Make a state of what :func:`pack` returned; nothing is shared with it.

    ``fates`` are those of the same plan and seed, as at the very start.
    """
    state = first_state(plan, fates)
    for name in _NUMBERS:
        value = data["numbers"][name]
        setattr(state, name, list(map(_pair, value)) if isinstance(value, list) else value)
    for queue, values in zip(state.counts.queues, data["queues"], strict=True):
        for name in _QUEUE:
            setattr(queue, name, values[name])
    for days, (counted, total_before) in zip(state.days, data["days"], strict=True):
        days.counted, days.total_before = counted, total_before
    for name in _COUNTS:
        getattr(state.counts, name)[:] = arrays[name]
    state.log = LogWriter.restore(arrays, data["details"])
    state.standings = [entry and Standing.restore(entry) for entry in data["standings"]]
    if fates is not None:
        state.counts.requests[:] = data["requests"]
        fates.unpack(data["fates"])
    return state


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def save(state: State, head: dict[str, Any], file: BinaryIO) -> None:
    """Write a state as a ``.npz`` file; ``head`` is plain data that travels with it."""
    data, arrays = pack(state)
    text = json.dumps({**head, "format": FORMAT, "state": data})
    np.savez_compressed(file, head=np.array(text), **arrays)  # type: ignore[arg-type]


_UNREADABLE = (
    LookupError, TypeError, AttributeError, EOFError, ValueError, OverflowError, RuntimeError,
    BadZipFile, zlib.error, tokenize.TokenError,
)  # fmt: skip
"""What goes wrong in a file that is none of ours, or is damaged."""


def load(file: BinaryIO, name: str) -> tuple[Plan, State, dict[str, Any]]:
    """Read what :func:`save` wrote: the plan, the state and the head.

    ``name`` is how errors call it.

    Raises
    ------
    LogError
        If the file cannot be read or holds no state of this version.
    """
    try:
        with np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        head = json.loads(str(arrays.pop("head")))
        if head.pop("format") != FORMAT:
            raise LogError(f"{name} was written by another version of sessim")
        plan = Plan.from_dict(head.pop("plan"))
        data = head.pop("state")
        fates = Fates(plan, sequence(head["seed"])) if data["fates"] else None
        return plan, unpack(plan, data, arrays, fates), head
    except LogError:
        raise
    except OSError as error:
        reason = error.strerror or "it holds no state of a simulation"
        raise LogError(f"cannot read {name}: {reason}") from None
    except _UNREADABLE:
        raise LogError(f"{name} holds no state of a simulation") from None
