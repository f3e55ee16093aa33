"""Sending a plan for real: preview, start, pause, resume, cancel, stop, and following it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import ipywidgets
import traitlets

from sessim.errors import SessimError
from sessim.plan import Plan
from sessim.result import Result
from sessim.widgets import builder_views, markup, send_form, send_views
from sessim.widgets.base import Panel, guarded
from sessim.widgets.fields import Field, Text
from sessim.widgets.markup import number
from sessim.widgets.pictures import Pictures

if TYPE_CHECKING:
    from sessim.senders.order import Order
    from sessim.senders.sending import Sending

MODES: Final = ("simulate", "loopback", "live")
"""The sender modes; the first opens no connection, ever."""

ALL: Final = 0
"""Stands for all tasks in the box of tasks."""

Begun = asyncio.Task[Result | None] | Result | None

_SECONDS: Final = 0.5
_CHARTS_SECONDS: Final = 2.0
"""How often figures and charts follow a send."""

_CHARTS: Final = ("throughput", "backlog")
_LABEL: Final = {"description_width": "8.5rem"}
_WRAP: Final = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 8px"}


class SendPanel(Panel):
    """Sends a plan, and follows it.

    To a server of sessim's own nothing is to be armed. A live send wants the environment's
    consent, the number of emails and the token of the preview; a password is never asked for.

    Parameters
    ----------
    plan
        What is sent; None until there is one.
    mode
        ``"simulate"``, ``"loopback"`` or ``"live"``.
    language
        ``"en"`` or ``"id"``.

    Attributes
    ----------
    plan, mode
        Traits.
    result
        Trait: what has come of the send so far, anew while it goes on; None before.
    running
        Trait: whether a send is under way.
    blocked
        Trait: why nothing can be started now, empty if it can.
    sending
        The send under way, or the latest; None before.
    outbox, speed, redirect_to, only, test_to, server, unsubscribe, number, token, task_box
        The inputs, with their state in the trait ``value``; ``preview_button``, ``start_button``,
        ``go_on_button``, ``pause_button``, ``unpause_button``, ``cancel_button`` and
        ``stop_button`` work without a browser, too.
    """

    plan = traitlets.Instance(Plan, allow_none=True)
    mode = traitlets.Enum(MODES, MODES[0])
    result = traitlets.Instance(Result, allow_none=True)
    running = traitlets.Bool(default_value=False, read_only=True)
    blocked = traitlets.Unicode()

    def __init__(
        self, plan: Plan | None = None, *, mode: str = MODES[0], language: str = "en"
    ) -> None:
        super().__init__(language)
        self.sending: Sending | None = None
        self._task: asyncio.Task[Result | None] | None = None
        self._is_stopping = self._is_told = False
        self._drawn = 0.0
        self._build()
        self.observe(self._show_state, ["plan", "mode", "running", "blocked", "error"])
        for entry in (*(getattr(self, name) for name in send_form.FIELDS), self.task_box):
            entry.observe(self._show_state, "value")
        self.plan, self.mode = plan, mode
        self._show_state()

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        words = self.words
        self.badge = ipywidgets.HTML()
        self.mode_box = ipywidgets.Dropdown(
            options=[(words(f"send.mode.{mode}"), mode) for mode in MODES],
            description=words("send.mode"), style=_LABEL, layout={"width": "auto"},
        )  # fmt: skip
        traitlets.link((self, "mode"), (self.mode_box, "value"))
        self.fields = {name: self._field(name) for name in send_form.FIELDS}
        self.outbox.value, self.speed.value = "send.outbox", "20000"
        self.preview_button = self._button("preview", "eye", self._on_preview)
        self.start_button = self._button("start", "paper-plane", self.start)
        self.start_button.button_style = "primary"
        self.go_on_button = self._button("go_on", "step-forward", self.go_on)
        self.task_box = ipywidgets.Dropdown(
            description=words("send.tasks"), style={"description_width": "initial"},
            layout={"width": "auto", "max_width": "100%"},
        )  # fmt: skip
        self.pause_button = self._button("pause", "pause", self._on_pause)
        self.unpause_button = self._button("unpause", "play", self._on_unpause)
        self.cancel_button = self._button("cancel", "ban", self._on_cancel)
        self.stop_button = self._button("stop", "stop", self._on_stop)
        self.bar = ipywidgets.IntProgress(
            0, 0, 1000, description=words("progress"), style={"description_width": "initial"},
            layout={"width": "auto", "flex": "1 1 12rem", "visibility": "hidden"},
        )  # fmt: skip
        self.would = ipywidgets.HTML(layout={"overflow": "auto"}, tabbable=True)
        self.figures = ipywidgets.HTML(
            markup.block(markup.note(words("send.nothing_yet"))),
            layout={"overflow": "auto"}, tabbable=True,
        )  # fmt: skip
        self.charts = ipywidgets.HTML(layout={"overflow": "auto"}, tabbable=True)
        self._lay_out()

    def _field(self, name: str) -> Field:
        words = self.words
        hint = words(f"send.{name}_hint")
        entry = Text(
            description=words(f"send.{name}"), tooltip=hint, continuous_update=False,
            style=_LABEL, layout={"width": "auto"},
        )  # fmt: skip
        setattr(self, name, entry)
        return Field(entry, hint)

    def _button(self, key: str, icon: str, act: Callable[[], object]) -> Any:
        tip = f"send.{key}_tip"
        button = ipywidgets.Button(
            description=self.words(f"send.{key}"), icon=icon, layout={"width": "auto"},
            tooltip=self.words(tip) if tip in self.words else None,
        )  # fmt: skip
        button.on_click(lambda _: act())
        return button

    def _lay_out(self) -> None:
        columns = "repeat(auto-fit, minmax(24rem, 1fr))"
        form = ipywidgets.GridBox(
            [Field(self.mode_box), *self.fields.values()],
            layout={"grid_template_columns": columns, "width": "100%"},
        )
        form.add_class("sessim-form")
        begin = [self.preview_button, self.start_button, self.go_on_button]
        steer = [self.task_box, self.pause_button, self.unpause_button, self.cancel_button]
        self.children = (
            ipywidgets.HTML(markup.style(markup.LAB, markup.RULES, send_views.CSS)),
            *(builder_views.style(), self.badge, form, ipywidgets.HBox(begin, layout=_WRAP)),
            ipywidgets.HBox([*steer, self.stop_button, self.bar], layout=_WRAP),
            *(self.status, self.would, self.figures, self.charts),
        )
        self.add_class("sessim-builder")  # its fields look like the builder's

    # --- for users ----------------------------------------------------------------------------

    @guarded
    def start(self) -> Begun:
        """Start sending with a new outbox.

        Returns
        -------
        asyncio.Task or Result or None
            Where an event loop is running, as in a notebook: the task, which may be awaited and
            gives the result. Else the result itself. A send that is under way goes on.
        """
        from sessim.senders.sending import Sending  # slow to import

        order = self._order()
        confirm = self.token.value.strip() if order.mode == "live" else ""
        return self._begin(partial(Sending.start, order, self._path(), confirm=confirm or None))

    @guarded
    def go_on(self) -> Begun:
        """Go on with the outbox of a send that was stopped; returns what :meth:`start` does."""
        from sessim.senders.sending import Sending  # slow to import

        return self._begin(partial(Sending.resume, self._path()))

    def stop(self) -> None:
        """Stop: each connection finishes at most the message in hand."""
        self._is_stopping = True
        if self.running and self.sending is not None:
            self.sending.stop()

    def close(self) -> None:
        """Close the panel, and stop the send under way."""
        self.stop()
        super().close()

    # --- what is sent -------------------------------------------------------------------------

    def _order(self) -> Order:
        if self.plan is None:
            raise SessimError(self.words("send.no_plan"))
        if self.blocked:
            raise SessimError(self.blocked)
        if self.mode == "simulate":
            raise SessimError(self.words("send.simulates"))
        given = {name: getattr(self, name).value.strip() for name in send_form.FIELDS}
        return send_form.order(self.plan, self.mode, given, self.words)

    def _path(self) -> str:
        return self.outbox.value.strip() or "send.outbox"

    @guarded
    def _on_preview(self) -> None:
        from sessim.senders import switch  # slow to import

        self.message = ""
        found = switch.preview(self._order())
        notes = [markup.note(self._missing(found))] if self.mode == "live" else []
        self.would.value = markup.block(send_views.preview(found, self.words), *notes)
        self.message = self.words("send.previewed")

    def _missing(self, found: Any) -> str:
        """Say in one sentence what a live send still wants."""
        from sessim.senders import switch  # slow to import

        try:
            switch.require_confirmed(found, self.token.value.strip() or None)
        except SessimError as error:
            return self.words("send.missing", said=str(error))
        return self.words("send.ready")

    # --- sending ------------------------------------------------------------------------------

    def _begin(self, begin: Callable[[], Sending]) -> Begun:
        if self.running:
            return self._task
        self.message, self.sending = "", None
        self._is_stopping = self._is_told = False
        self.bar.value, self._drawn, self.would.value = 0, 0.0, ""
        self.set_trait("running", True)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._work(begin))
        self._task = loop.create_task(self._work(begin))
        return self._task

    async def _work(self, begin: Callable[[], Sending]) -> Result | None:
        """Send in a thread and follow it; show whatever comes of it."""
        carrying = asyncio.ensure_future(asyncio.to_thread(self._carry, begin))
        try:
            while not carrying.done():
                await asyncio.wait([carrying], timeout=_SECONDS)
                await self._follow()
            await carrying
        except asyncio.CancelledError:
            self.stop()
            await carrying
        except SessimError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            self.set_trait("running", False)
        return await self._finish()

    def _carry(self, begin: Callable[[], Sending]) -> None:
        with begin() as sending:
            self.sending = sending
            if not self._is_stopping:
                sending.run(tell=lambda _: None)  # the panel says it itself

    async def _follow(self) -> None:
        if self.sending is None:
            return
        if self._is_stopping and (waiting := self.sending.waiting).messages:
            self._is_told = True
            told = {"n": number(waiting.messages), "seconds": number(ceil(waiting.seconds))}
            self.message = self.words("send.waiting", **told)
        result = self.sending.result
        await asyncio.to_thread(getattr, result, "tasks")  # of a large plan it takes a while
        self.result = result
        self._show_progress(self.sending)

    async def _finish(self) -> Result | None:
        sending = self.sending
        if sending is None:
            return None
        self._drawn = 0.0
        await self._follow()
        if sending.problem is not None:
            self.error = str(sending.problem)
        elif not self.error:
            self.message = self._ending(sending)
        return self.result

    def _ending(self, sending: Sending) -> str:
        words, tasks = self.words, sending.result.tasks
        told = {name: number(int(tasks[name].sum())) for name in ("sent", "requests")}
        if sending.result.finished:
            if sending.order.mode == "live":
                return words("send.done_live", **told)
            return words("send.done", mails=sending.mails, **told)
        return words("send.stopped" if self._is_stopping else "send.ended", **told)

    # --- steering -----------------------------------------------------------------------------

    @guarded
    def _on_pause(self) -> None:
        self._steer("paused", lambda sending, task: sending.pause(task))

    @guarded
    def _on_unpause(self) -> None:
        self._steer("unpaused", lambda sending, task: sending.unpause(task))

    @guarded
    def _on_cancel(self) -> None:
        self._steer("cancelled", lambda sending, task: sending.cancel(task))

    def _steer(self, done: str, act: Callable[[Sending, int | None], None]) -> None:
        if self.running and self.sending is not None:
            act(self.sending, self.task_box.value or None)
            self.message = self.words(f"send.{done}", name=self.task_box.label)

    def _on_stop(self) -> None:
        """Stop, and take the focus from a button that cannot be pressed any more.

        Pressed again after it was said what is waited for, it waits no more.
        """
        if self._is_told and self.running and self.sending is not None:
            self.sending.stop(at_once=True)
        self.stop()
        self.go_on_button.focus()

    # --- showing ------------------------------------------------------------------------------

    def _show_state(self, _: Any = None) -> None:
        plan, running = self.plan, self.running
        if running and self.sending is not None:
            plan = self.sending.order.plan
        self.badge.value = send_views.badge(self.mode, self.server.value.strip(), self.words)
        asked = send_form.asked(self.mode, self.plan)
        blamed, _, said = self.error.partition(": ")
        for name, field in self.fields.items():
            problem = said if name == send_form.BLAMED.get(blamed, blamed) else ""
            field.show(problem, visible=name in asked)
        tasks = () if plan is None else plan.tasks
        options = [(self.words("send.all_tasks"), ALL)]
        options += [(f"{i}: {task.name}", i) for i, task in enumerate(tasks, 1)]
        if tuple(options) != self.task_box.options:
            self.task_box.options = options
            self.task_box.value = ALL
        simulates = self.mode == "simulate"
        self.preview_button.disabled = self.plan is None or simulates
        self.start_button.disabled = self.plan is None or simulates or bool(self.blocked)
        self.go_on_button.disabled = simulates
        for button in (self.pause_button, self.unpause_button, self.stop_button):
            button.disabled = not running
        self.cancel_button.disabled = not running or not self.task_box.value
        self.bar.layout.visibility = "visible" if running else "hidden"

    def _show_progress(self, sending: Sending) -> None:
        tasks = sending.result.tasks
        sent, requests = (int(tasks[name].sum()) for name in ("sent", "requests"))
        self.bar.value = 1000 * sent // max(1, requests)
        self.figures.value = send_views.progress(sending, self.words)
        now = time.monotonic()
        if now - self._drawn > _CHARTS_SECONDS:
            self._drawn = now
            pictures = Pictures(sending.result)
            self.charts.value = markup.block(*map(pictures.show, _CHARTS))
