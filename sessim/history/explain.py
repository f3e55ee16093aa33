"""Why a task was in the state that it was in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from sessim.errors import LogError, SessimError
from sessim.eventlog import Event
from sessim.history.case import Case
from sessim.history.counterfactuals import counterfactuals
from sessim.history.explanation import (
    HEALTHY,
    Counterfactuals,
    Explanation,
    Forecast,
    Verdict,
)
from sessim.history.forks import go_on
from sessim.history.verdicts import is_paused, verdict
from sessim.ledger import NOT_YET, Ledger, Snapshot
from sessim.life import task_id
from sessim.lifecycle import PAUSED, STATUS_LABELS, TaskStatus

if TYPE_CHECKING:
    from sessim.history.history import History

Said = tuple[Verdict, str]

_CODE: Final = re.compile(r"(?<!\d)(\d{4})(?!\d)")
_HELD: Final = (Verdict.LIMIT, Verdict.CAP, Verdict.BEHIND)
"""The verdicts on a paused task that others may have a part in."""


def number_of(history: History, task: int | str) -> int:
    """Return the log's id of a task given by the source's ``TaskId`` or by its name."""
    ids = [str(entry) for entry in history.evidence.ids]
    if str(task) in ids:
        return ids.index(str(task)) + 1
    if isinstance(task, int) or task.isdecimal():
        few = ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
        raise LogError(f"there is no task {task}; the history has {few}")
    return task_id(history.plan, task)


def explain(
    history: History, task: int | str, instant: int, until: int | None = None
) -> Explanation:
    """Explain the state of a task (see :meth:`sessim.history.History.explain`)."""
    number = number_of(history, task)
    if until is None:
        return _explained(Case(history, number, instant), instant)
    return _explained(_longest(history, number, instant, until), instant, until)


def _longest(history: History, task: int, first: int, last: int) -> Case:
    """Return the case of the state that held the task up longest, or else lasted longest."""
    log = history.log
    inside = (log.task == task) & (log.time > first) & (log.time < last)
    instants = [first, *np.unique(log.time[inside]).tolist(), last]
    cases = [Case(history, task, instant) for instant in instants[:-1]]
    lasted = np.diff(instants)
    weight = [
        (verdict(case)[0] not in HEALTHY, length)
        for case, length in zip(cases, lasted, strict=True)
    ]
    return cases[weight.index(max(weight))]


def _explained(case: Case, at: int, until: int | None = None) -> Explanation:
    """Return the explanation of a case; ``at`` and ``until`` are what was asked about."""
    found, reason = verdict(case)
    paused = case.status == PAUSED and found not in (Verdict.UNDECIDABLE, Verdict.GAP)
    known = found not in (Verdict.UNDECIDABLE, Verdict.GAP)
    return Explanation(
        task=case.task,
        name=case.name,
        run=None if case.place is None else int(case.now["run"][case.place]),
        at=case.time(at),
        until=None if until is None else case.time(until),
        status=STATUS_LABELS[TaskStatus(case.status)] if known or is_paused(case) else "",
        verdict=found,
        reason=reason,
        ledger=case.day if paused else None,
        counterfactuals=_others(case) if paused and found in _HELD else None,
        forecast=_forecast(case) if known and case.goes_on() else None,
        evidence=_evidence(case),
    )


def _others(case: Case) -> Counterfactuals | None:
    """Simulate again what others had a part in the pause."""
    now, sent = case.now, dict(zip(case.day.used["name"], case.day.used["emails"], strict=True))
    due = (now["task"] != case.task) & (now["due"] <= case.instant)
    requests: dict[str, tuple[int, int]] = {}
    for task, emails in zip(now["task"][due].tolist(), now["requests"][due].tolist(),
                            strict=True):  # fmt: skip
        entry = case.plan.tasks[task - 1]
        if entry.domain == case.plan.domains[case.domain].name:
            before = requests.get(entry.name, (0, 0))[1]
            requests[entry.name] = sent.get(entry.name, 0), before + emails
    return counterfactuals(case.log, case.task, case.instant, requests)


def _forecast(case: Case) -> Forecast | None:
    try:
        expected = go_on(case.log, case.instant)
    except SessimError:
        return None
    restarts, finishes = _future(case, Ledger(expected.log))
    restarted, finished = _future(case, case.ledger)
    return Forecast(restarts, finishes, restarted, finished, case.exact)


def _future(case: Case, ledger: Ledger) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """Return when the run goes on next, and when its task is done, in a log."""
    log = ledger.log
    run = 1 if case.place is None else int(case.now["run"][case.place])
    later = (log.task == case.task) & (log.run == run) & (log.time > case.instant)
    again = later & np.isin(log.event, (int(Event.RESTARTED), int(Event.SENDING)))
    restarts = case.time(int(log.time[again][0])) if again.any() else None
    end = Snapshot(ledger)
    finished = end.finished[end.column("task") == case.task]
    done = len(finished) and (finished != NOT_YET).all()
    return restarts, case.time(int(finished.max())) if done else None


def _evidence(case: Case) -> str:
    if case.exact:
        mode = case.log.meta.get("mode")
        what = "a simulation" if mode == "simulate" else "its source"
        return f"Each event is dated by the log of {what}."
    if case.began is None:
        return "Known from looks at the task list."
    earliest, latest = (int(getattr(case.evidence, name)[case.began]) for name in
                        ("earliest", "latest"))  # fmt: skip
    if earliest == latest:
        return f"Its state began at {case.text(earliest)}, as the source dates it."
    return (
        f"Known from looks at the task list: its state began between {case.text(earliest)} "
        f"and {case.text(latest)} ({case.plan.timezone})."
    )
