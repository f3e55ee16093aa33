"""Running a plan: a Run button, a Stop that answers, a progress bar, errors in the panel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import ipywidgets
import traitlets

from sessim.errors import SessimError
from sessim.plan import Plan
from sessim.result import Result
from sessim.simulation import simulate_async
from sessim.summary import unsent
from sessim.widgets.base import Panel, guarded
from sessim.widgets.markup import LAB, number, style, when

_TICKS: Final = 1000
_SECONDS: Final = 0.05
"""How fine the progress bar is, and how often it moves at most."""

Simulate = Callable[..., Awaitable[Result]]


class Runner(Panel):
    """Runs a plan, and shows how far it is.

    Parameters
    ----------
    plan
        What to run; None until there is one.
    seed
        For everything drawn at random.
    language
        ``"en"`` or ``"id"``.
    simulate
        What does it: :func:`sessim.simulate_async`, or anything that is called as it is.

    Attributes
    ----------
    plan, seed
        Traits: what the next run takes.
    result
        Trait: what came of the latest run that was not stopped; None until then.
    running
        Trait: whether a run is under way.
    """

    plan = traitlets.Instance(Plan, allow_none=True)
    seed = traitlets.Int(0)
    result = traitlets.Instance(Result, allow_none=True)
    running = traitlets.Bool(default_value=False, read_only=True)

    def __init__(
        self,
        plan: Plan | None = None,
        *,
        seed: int = 0,
        language: str = "en",
        simulate: Simulate = simulate_async,
    ) -> None:
        super().__init__(language)
        self._simulate = simulate
        self._task: asyncio.Task[Result | None] | None = None
        words = self.words
        wide = {"layout": {"width": "auto"}}
        self.run_button = ipywidgets.Button(
            description=words("run"), icon="play", button_style="primary", **wide
        )
        self.stop_button = ipywidgets.Button(description=words("stop"), icon="stop", **wide)
        self.bar = ipywidgets.IntProgress(
            0, 0, _TICKS, description=words("progress"),
            layout={"width": "auto", "flex": "1 1 12rem", "visibility": "hidden"},
            style={"description_width": "initial"},
        )  # fmt: skip
        self.run_button.on_click(lambda _: self.run())
        self.stop_button.on_click(lambda _: self._on_stop())
        row = ipywidgets.HBox(
            [self.run_button, self.stop_button, self.bar],
            layout={"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 8px"},
        )
        self.children = (ipywidgets.HTML(style(LAB)), row, self.status)
        self.observe(self._show_state, ["plan", "running"])
        self.plan, self.seed = plan, seed
        self._show_state()

    # --- running ------------------------------------------------------------------------------

    def run(self) -> asyncio.Task[Result | None] | Result | None:
        """Run the plan.

        Returns
        -------
        asyncio.Task or Result or None
            In a notebook, or wherever else an event loop is running: the task, which may be
            awaited and gives the result, or None if it was stopped. Else the result itself. A run
            that is under way goes on.
        """
        if self._task is not None and not self._task.done():
            return self._task
        if self.plan is None:
            self.error = self.words("no_plan")
            return None
        self._begin()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._work())
        self._task = loop.create_task(self._work())
        self._task.add_done_callback(self._stopped_early)
        return self._task

    def stop(self) -> None:
        """Stop the run under way; the result before stays."""
        if self._task is not None:
            self._task.cancel()

    def close(self) -> None:
        """Close the panel, and stop the run under way."""
        self.stop()
        super().close()

    def _on_stop(self) -> None:
        """Stop, and take the focus from a button that cannot be pressed any more."""
        self.stop()
        self.run_button.focus()

    def _begin(self) -> None:
        self.error, self.message = "", self.words("running")
        self.bar.value = 0
        self.set_trait("running", True)

    async def _work(self) -> Result | None:
        """Run, and show whatever comes of it: nobody else sees the error of a task."""
        try:
            await asyncio.sleep(0)  # let the buttons change first
            result = await self._simulate(self.plan, self.seed, progress=self._progress)
            await asyncio.to_thread(getattr, result, "tasks")  # of a large plan it takes a while
        except asyncio.CancelledError:
            self._end(self._stop_message)
            return None
        except SessimError as error:
            self._end("", str(error))
            return None
        except Exception as error:
            self._end("", f"{type(error).__name__}: {error}")
            raise
        self._finish(result)
        return result

    @guarded
    def _finish(self, result: Result) -> None:
        sent = number(int(result.tasks["sent"].sum()))
        left = unsent(result.tasks)
        key = "done_all" if result.finished else "done_left" if left else "done_not_due"
        self._end(self.words(key, sent=sent, end=when(result.end), left=number(left)))
        self.result = result

    def _stopped_early(self, task: asyncio.Task[Result | None]) -> None:
        """Say so where the task was cancelled before it took its first step."""
        if task.cancelled() and task is self._task:
            self._end(self._stop_message)

    @property
    def _stop_message(self) -> str:
        return self.words("stopped_first" if self.result is None else "stopped")

    def _end(self, message: str, error: str = "") -> None:
        self._task = None
        self.message, self.error = message, error
        self.set_trait("running", False)

    # --- showing ------------------------------------------------------------------------------

    def _show_state(self, *_: object) -> None:
        self.run_button.disabled = self.plan is None  # a run leaves the keyboard's focus on it
        self.stop_button.disabled = not self.running
        self.bar.layout.visibility = "visible" if self.running else "hidden"

    def _progress(self, *, total: int, unit: str, desc: str) -> _Bar:
        return _Bar(self.bar, total)


class _Bar:
    """Moves the progress bar, not too often."""

    def __init__(self, bar: ipywidgets.IntProgress, total: int) -> None:
        self._bar, self._total = bar, max(total, 1)
        self._emails, self._shown = 0, 0.0

    def update(self, n: int) -> None:
        """Count ``n`` more emails."""
        self._emails += n
        now = time.monotonic()
        if now - self._shown >= _SECONDS:
            self._shown = now
            self._bar.value = min(_TICKS, self._emails * _TICKS // self._total)

    def close(self) -> None:
        """Fill the bar up to what was sent."""
        self._bar.value = min(_TICKS, self._emails * _TICKS // self._total)
