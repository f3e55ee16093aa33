"""sessim: try a warm-up schedule before you send it.

===================== =========================================================================
Name                  What it is
===================== =========================================================================
``Plan``              What is to be sent: domains, tasks and the rules; YAML there and back.
``Domain``            A sender domain and its warm-up.
``Task``              A sending task: Batch, Scheduled or Recurring.
``TestSend``          A test send of the console.
``simulate``          Simulate a plan to its end: a ``Result``.
``simulate_async``    The same, in slices, for notebooks with a Stop button.
``replicate``         Simulate a plan many times: ``Replications``, with intervals.
``Replications``      Their tables, estimates and charts.
``ReplicationError``  A worker died; what was finished is kept.
``compare``           Compare plans under common random numbers: a ``Comparison``.
``Comparison``        Differences with intervals, who finishes first, overlaid charts.
``sensitivity``       Which assumption moves the finish most: a ``Sensitivity``.
``Sensitivity``       The table, the tornado chart and break-even values.
``plan_for``          Plan lists for a deadline, or say what would have to change: ``Planned``.
``Planned``           The plan, its odds, what binds, the rows for the API.
``MailList``          A list for ``plan_for`` with a deadline, a domain or rates of its own.
``Model``             The SimPy model: run it in slices, fork it, save it.
``Result``            The tables, the charts and the console at any instant.
``load``              Read a result that was saved.
``EventLog``          The log that everything is derived from.
``load_history``      Read a task history from files: a ``History``.
``History``           What happened, as a ``Result``, and how sure each row of it is.
``published``         The published warm-up schedules by name.
``TaskStatus``        Where a run stands, with the API's codes.
``TaskType``          What kind of task it is, with the API's codes.
``SessimError``       Base class of every error raised on purpose.
``PlanError``         A plan says what the service could not do.
``LogError``          A file holds no event log.
``HistoryError``      A history cannot be read.
``ArgumentError``     An argument of a call cannot be used.
``SessimWarning``     Allowed, but probably not meant.
``widgets``           The panels for JupyterLab, loaded when used.
===================== =========================================================================
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from sessim.errors import (
    ArgumentError,
    HistoryError,
    LogError,
    PlanError,
    SessimError,
    SessimWarning,
)
from sessim.eventlog import EventLog
from sessim.lifecycle import TaskStatus, TaskType
from sessim.model import Model
from sessim.plan import Domain, Plan, Task, TestSend
from sessim.result import Result, load
from sessim.simulation import simulate, simulate_async
from sessim.version import __version__
from sessim.warmup import published

if TYPE_CHECKING:
    from sessim.experiments.comparing import Comparison, compare
    from sessim.experiments.planning.asking import plan_for
    from sessim.experiments.planning.lists import MailList
    from sessim.experiments.planning.planned import Planned
    from sessim.experiments.replications import Replications, replicate
    from sessim.experiments.running import ReplicationError
    from sessim.experiments.sensitivity import Sensitivity, sensitivity
    from sessim.history import History, load_history

__all__ = [
    "ArgumentError",
    "Comparison",
    "Domain",
    "EventLog",
    "History",
    "HistoryError",
    "LogError",
    "MailList",
    "Model",
    "Plan",
    "PlanError",
    "Planned",
    "ReplicationError",
    "Replications",
    "Result",
    "Sensitivity",
    "SessimError",
    "SessimWarning",
    "Task",
    "TaskStatus",
    "TaskType",
    "TestSend",
    "__version__",
    "compare",
    "load",
    "load_history",
    "plan_for",
    "published",
    "replicate",
    "sensitivity",
    "simulate",
    "simulate_async",
    "widgets",
]


_WHEN_USED: Final = {
    "History": "sessim.history",
    "load_history": "sessim.history",
    "compare": "sessim.experiments.comparing",
    "Comparison": "sessim.experiments.comparing",
    "plan_for": "sessim.experiments.planning.asking",
    "Planned": "sessim.experiments.planning.planned",
    "MailList": "sessim.experiments.planning.lists",
    "replicate": "sessim.experiments.replications",
    "Replications": "sessim.experiments.replications",
    "ReplicationError": "sessim.experiments.running",
    "sensitivity": "sessim.experiments.sensitivity",
    "Sensitivity": "sessim.experiments.sensitivity",
}
"""Where the names are that not everybody needs: importing sessim is quick."""


def __getattr__(name: str) -> Any:
    if name == "widgets":
        return importlib.import_module("sessim.widgets")
    if name in _WHEN_USED:
        return getattr(importlib.import_module(_WHEN_USED[name]), name)
    raise AttributeError(f"module 'sessim' has no attribute {name!r}")
