"""The panels for JupyterLab: build tasks, see the console, chart throughput, pauses, backlog.

=============== =================================================================================
Name            What it is
=============== =================================================================================
``Workbench``   The application: all panels around one plan and one result.
``TaskBuilder`` The console's form *Create Sending Task*: a plan by clicking.
``Runner``      Runs a plan, with Stop and a progress bar.
``Console``     The task list at any instant of the simulated time.
``Dashboard``   Throughput, backlog and pauses, figures, and files to hand over.
``Compare``     Two or more plans side by side.
``Deadline``    When to start, how sure it is: replications, fan chart, one sentence.
``TestSend``    Test sends to at most 20 addresses.
``SendPanel``   Sends a plan for real, and follows it.
``Replay``      A history from files: the console at any instant, pauses explained, findings.
=============== =================================================================================

Each is loaded when it is first used, and works without a browser, too.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sessim.widgets.app import Workbench
    from sessim.widgets.builder import TaskBuilder
    from sessim.widgets.compare import Compare
    from sessim.widgets.console import Console
    from sessim.widgets.dashboard import Dashboard
    from sessim.widgets.deadline import Deadline
    from sessim.widgets.replay import Replay
    from sessim.widgets.runner import Runner
    from sessim.widgets.sendpanel import SendPanel
    from sessim.widgets.testsend import TestSend

__all__ = [
    "Compare",
    "Console",
    "Dashboard",
    "Deadline",
    "Replay",
    "Runner",
    "SendPanel",
    "TaskBuilder",
    "TestSend",
    "Workbench",
]

_PLACES: Final = {"TaskBuilder": "builder", "Workbench": "app"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'sessim.widgets' has no attribute {name!r}")
    module = importlib.import_module(f"sessim.widgets.{_PLACES.get(name, name.lower())}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
