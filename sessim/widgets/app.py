"""The application: build a plan, run it, look at it from all sides, without a line of code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from typing import Any, Final

import ipywidgets
import traitlets

from sessim.errors import SessimError
from sessim.plan import Plan
from sessim.result import Result
from sessim.widgets.base import Panel, guarded
from sessim.widgets.builder import TaskBuilder
from sessim.widgets.compare import Compare
from sessim.widgets.console import Console
from sessim.widgets.dashboard import Dashboard
from sessim.widgets.deadline import Deadline
from sessim.widgets.replay import Replay
from sessim.widgets.runner import Runner
from sessim.widgets.sendpanel import SendPanel
from sessim.widgets.testsend import TestSend

PLAN, CONSOLE, DASHBOARD, COMPARE, DEADLINE, TEST_SEND, SEND, REPLAY = range(8)
"""The tabs."""

_TABS: Final = (
    *("plan", "console", "dashboard", "compare"),
    *("deadline", "test_send", "send", "replay"),
)
_WRAP: Final = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 8px"}
_CSS: Final = """
.sessim-workbench .jupyter-widgets.widget-tab > .widget-tab-contents { padding: 8px 6px; }
.sessim-workbench .jupyter-widgets.widget-tab > .lm-TabBar > .lm-TabBar-content { flex-wrap: wrap; }
.sessim-workbench .jupyter-widgets.widget-tab > .lm-TabBar .lm-TabBar-tab { flex: 0 0 auto; }
"""
"""Leaves the room to the tables where the page is narrow, and cuts no tab's title."""


class Workbench(Panel):
    """All panels around one plan and one result.

    Parameters
    ----------
    plan
        A :class:`sessim.Plan`, or the path of a plan file. Default: an empty form.
    language
        ``"en"`` or ``"id"``.

    Attributes
    ----------
    plan
        Trait: the last complete plan of the builder; None before there is one. May be set.
    result
        Trait: the latest result; None until there is one.
    auto
        Trait: whether a change of the plan is simulated at once, when there is a result already.
    builder, runner, console, dashboard, compare, deadline, test_send, send, replay
        The panels. Console and dashboard show the same result, tasks and domains; histories have a
        console of their own.
    tabs
        Holds all but the runner, which stays in sight.
    """

    plan = traitlets.Instance(Plan, allow_none=True)
    result = traitlets.Instance(Result, allow_none=True)
    auto = traitlets.Bool(default_value=True)

    def __init__(
        self, plan: Plan | str | PathLike[str] | None = None, *, language: str = "en"
    ) -> None:
        super().__init__(language)
        self._again = self._busy = False
        self.builder = TaskBuilder(plan, language=language)
        self.runner = Runner(language=language)
        self.console = Console(language=language)
        self.dashboard = Dashboard(console=self.console, language=language, active=False)
        self.compare = Compare(language=language)
        self.deadline = Deadline(language=language)
        self.test_send = TestSend(language=language)
        self.send = SendPanel(language=language)
        self.replay = Replay(language=language)
        self._build()
        self._connect()
        self._take_plan()

    # --- for users ----------------------------------------------------------------------------

    def run(self) -> asyncio.Task[Result | None] | Result | None:
        """Run the plan (see :meth:`sessim.widgets.runner.Runner.run`)."""
        return self.runner.run()

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        words = self.words
        self.auto_box = ipywidgets.Checkbox(
            description=words("app.auto"), indent=False, layout={"width": "auto"}
        )
        self.keep_name = ipywidgets.Text(
            description=words("app.keep_name"),
            placeholder=f"{words('plan')} 1",
            style={"description_width": "initial"},
            layout={"width": "auto"},
        )
        self.keep = ipywidgets.Button(
            description=words("app.keep"), icon="plus", layout={"width": "auto"}
        )
        self.keep.on_click(lambda _: self._on_keep())
        keeping = ipywidgets.HBox([self.keep_name, self.keep], layout=_WRAP)
        pages = [
            self.builder,
            self.console,
            self.dashboard,
            ipywidgets.VBox([keeping, self.compare]),
            self.deadline,
            self.test_send,
            self.send,
            self.replay,
        ]
        titles = [words(f"app.{name}") for name in _TABS]
        self.tabs = ipywidgets.Tab(pages, titles=titles, selected_index=PLAN)
        top = ipywidgets.HBox(
            [self.runner, self.auto_box], layout={**_WRAP, "align_items": "flex-start"}
        )
        self.runner.layout.flex = "1 1 32rem"
        self.children = (ipywidgets.HTML(f"<style>{_CSS}</style>"), top, self.status, self.tabs)
        self.add_class("sessim-workbench")

    def _connect(self) -> None:
        """Let each panel know what the others have done."""
        traitlets.link((self.builder, "plan"), (self, "plan"))
        traitlets.link((self, "auto"), (self.auto_box, "value"))
        traitlets.link((self.runner, "result"), (self, "result"))
        traitlets.link((self, "result"), (self.console, "result"))
        traitlets.dlink((self, "result"), (self.test_send, "result"))
        traitlets.dlink((self, "plan"), (self.deadline, "plan"))
        self.send.observe(self._on_sent, "result")
        self.observe(self._on_plan, "plan")
        self.observe(self._show_state, ["result", "auto"])
        self.builder.observe(self._on_problems, "problems")
        self.test_send.observe(self._on_test_send, "plan")
        self.runner.observe(self._on_running, "running")
        self.runner.run_button.on_click(lambda _: self._on_run())
        self.tabs.observe(self._on_tab, "selected_index")
        self.compare.observe(self._on_compared, "results")

    # --- callbacks ----------------------------------------------------------------------------

    @guarded
    def _on_plan(self, _: Any) -> None:
        self._take_plan()
        if self.auto and self.result is not None and self.plan is not None:
            self._run_again()

    def _take_plan(self) -> None:
        self.runner.plan = self.send.plan = self.plan
        with self._hushed():
            self.test_send.plan = self.plan
        self._on_problems()
        self._show_state()

    def _on_problems(self, _: Any = None) -> None:
        wrong = self.plan is not None and bool(self.builder.problems)
        self.test_send.blocked = self.words("app.mend_first") if wrong else ""
        self.send.blocked = self.test_send.blocked

    def _run_again(self) -> None:
        """Run the plan as it is now, after the run under way has stopped, if there is one."""
        self._again = self.runner.running
        if self._again:
            self.runner.stop()
        else:
            self.runner.run()

    @guarded
    def _on_running(self, _: Any) -> None:
        if not self.runner.running and self._again:
            self._again = False
            self.runner.run()
        self._show_state()

    @guarded
    def _on_run(self) -> None:
        if self.tabs.selected_index == PLAN:
            self.tabs.selected_index = CONSOLE

    @guarded
    def _on_test_send(self, change: Any) -> None:
        """Write the plan's test sends into the form: what else stands there stays."""
        if self._busy or change["new"] is None:
            return
        sends = json.loads(change["new"].to_json()).get("test_sends", [])
        draft = self.builder.draft
        extra = {key: value for key, value in draft.extra.items() if key != "test_sends"}
        if sends:
            extra["test_sends"] = sends
        self.builder.draft = replace(draft, extra=extra)

    def _on_sent(self, change: Any) -> None:
        """Let the other panels show what is being sent."""
        self.result = change["new"]

    @guarded
    def _on_keep(self) -> None:
        if self.result is None:
            raise SessimError(self.words("app.no_result"))
        if self.compare.keep(self.result, self.keep_name.value.strip() or None):
            self.keep_name.value = ""

    def _on_compared(self, _: Any) -> None:
        self.keep_name.placeholder = f"{self.words('plan')} {len(self.compare.results) + 1}"

    def _on_tab(self, _: Any) -> None:
        self.dashboard.active = self.tabs.selected_index == DASHBOARD

    # --- showing ------------------------------------------------------------------------------

    def _show_state(self, _: Any = None) -> None:
        self.keep.disabled = self.result is None
        self.error = ""
        if self.plan is None:
            self.message = self.words("app.not_yet")
        else:
            self.message = self.words("app.stale") if self._is_stale else ""

    @property
    def _is_stale(self) -> bool:
        """Whether the result is of another plan, and nothing that is under way changes that."""
        if self.auto or self.runner.running or self.result is None:
            return False
        return bool(self.result.plan != self.plan)

    @contextmanager
    def _hushed(self) -> Iterator[None]:
        """Hand the plan to the test sends without hearing of it again."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before
