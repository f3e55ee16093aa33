"""Deadlines under uncertainty: when to start, how sure it is, and what if the rates are others."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any, Final

import ipywidgets
import traitlets

from sessim.clock import moment
from sessim.errors import ArgumentError, SessimError
from sessim.plan import Plan
from sessim.quality import mean
from sessim.widgets import builder_views, deadline_views, markup
from sessim.widgets.base import Panel, guarded
from sessim.widgets.deadline_question import LIST, PLAN, RATES, Answer, Hand, Question
from sessim.widgets.fields import Field

Asked = asyncio.Task[Answer | None] | Answer | None

_SECONDS: Final = 0.25
"""How often the panel says how far it is."""

_MONTH: Final = dt.timedelta(days=31)
_DAYS: Final = ("by", "start")
_NUMBERS: Final = ("size", "domains", "rate", "replications")
_SLIDERS: Final = {
    "invalid_rate": (10.0, 0.1),
    "spam_bounce_rate": (10.0, 0.1),
    "complaint_rate": (0.5, 0.01),
    "open_rate": (100.0, 1.0),
    "width": (100.0, 5.0),
}
"""In percent: where each slider ends, and its step; the field beside it takes more."""

_GIVEN: Final = ("of", *_DAYS, *_NUMBERS, "warmup", *_SLIDERS, "plan")
_ONLY_LIST: Final = ("start", "size", "domains", "warmup")
_WARMUPS: Final = ("reputation", "standard")
_WRAP: Final = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 8px"}
_LABEL: Final = {"description_width": "8.5rem"}


class Deadline(Panel):
    """Says when to start, how sure that is, and what if the rates are others.

    Parameters
    ----------
    plan
        A plan to ask about; without one the question is about a new list.
    by, start
        The last day, and the first that may be used. Default: today, and a month from ``start``.
    size, domains
        Of the new list: its addresses, and how many new domains send it.
    language
        ``"en"`` or ``"id"``.

    Attributes
    ----------
    plan, of, by, start, size, domains, warmup, rate, replications
        Traits: what is asked; ``of`` is ``"list"`` or ``"plan"``.
    invalid_rate, spam_bounce_rate, complaint_rate, open_rate, width
        Traits, in percent: what is assumed, and how far each rate may lie off.
    answer
        Trait: the latest answer (:class:`~sessim.widgets.deadline_question.Answer`): its ``plan``,
        ``odds`` and ``replications`` are for the next cell. None before.
    running
        Trait: whether an answer is being looked for.
    answer_button, stop_button, save_button, file_box
        Work without a browser, too.
    """

    plan = traitlets.Instance(Plan, allow_none=True)
    of = traitlets.Enum((LIST, PLAN), LIST)
    by = traitlets.Instance(dt.date, allow_none=True)
    start = traitlets.Instance(dt.date, allow_none=True)
    size = traitlets.Int(2_000_000)
    domains = traitlets.Int(2)
    warmup = traitlets.Enum(_WARMUPS, _WARMUPS[0])
    rate = traitlets.Float(20.0)
    replications = traitlets.Int(100)
    invalid_rate = traitlets.Float(2.5)
    spam_bounce_rate = traitlets.Float(0.5)
    complaint_rate = traitlets.Float(0.04)
    open_rate = traitlets.Float(20.0)
    width = traitlets.Float(50.0)
    answer = traitlets.Instance(Answer, allow_none=True)
    running = traitlets.Bool(default_value=False, read_only=True)

    def __init__(
        self,
        plan: Plan | None = None,
        *,
        by: str | dt.date | None = None,
        start: str | dt.date | None = None,
        size: int = 2_000_000,
        domains: int = 2,
        language: str = "en",
    ) -> None:
        super().__init__(language)
        self._task: asyncio.Task[Answer | None] | None = None
        self._hand = Hand()
        self._quiet, self._pictures = False, ""
        self._is_own = by is not None  # else the deadline follows a plan that begins later
        self.size, self.domains = size, domains
        self.start = dt.date.today() if start is None else _date("start", start)  # noqa: DTZ011
        self.by = self.start + _MONTH if by is None else _date("by", by)
        self._build()
        self.observe(self._on_plan, "plan")
        self.observe(self._show_state, [*_GIVEN, "running"])
        self.observe(self._show_answer, "answer")
        self.plan = plan
        self.message = self.words("deadline.ask")
        self._show_state()

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        words = self.words
        self.fields: dict[str, Field] = {}
        self._choice("of", (LIST, PLAN))
        for name in _DAYS:
            self._add(name, ipywidgets.DatePicker())
        for name in _NUMBERS:
            kind = ipywidgets.FloatText if name == "rate" else ipywidgets.IntText
            self._add(name, kind(continuous_update=False))
            if name == "domains":
                self._choice("warmup", _WARMUPS)
        for name in _SLIDERS:
            self._add(name, ipywidgets.FloatText(continuous_update=False), [self._slider(name)])
        self.answer_button = self._button("deadline.answer", "question-circle", self.ask)
        self.answer_button.button_style = "primary"
        self.stop_button = self._button("stop", "stop", self._on_stop)
        self.bar = ipywidgets.IntProgress(
            0, 0, 1, description=words("progress"), style={"description_width": "initial"},
            layout={"width": "auto", "flex": "1 1 12rem", "visibility": "hidden"},
        )  # fmt: skip
        self.file_box = ipywidgets.Text(
            "deadline.yaml", description=words("deadline.file"), tooltip=words("deadline.file"),
            style={"description_width": "initial"}, layout={"width": "auto"},
        )  # fmt: skip
        self.save_button = self._button("deadline.save", "save", self._on_save)
        self.saving = ipywidgets.HBox([self.file_box, self.save_button], layout=_WRAP)
        self.said = ipywidgets.HTML()
        self.charts = ipywidgets.HTML(layout={"overflow": "auto"}, tabbable=True)
        self._lay_out()

    def _lay_out(self) -> None:
        names = list(self.fields)
        first = names.index(next(iter(_SLIDERS)))
        forms = [self._form(names[:first]), self._form(names[first:])]
        self.remark = ipywidgets.HTML()
        self.children = (
            ipywidgets.HTML(markup.style(markup.LAB, markup.RULES, deadline_views.CSS)),
            *(builder_views.style(), *forms, self.remark),
            ipywidgets.HBox([self.answer_button, self.stop_button, self.bar], layout=_WRAP),
            *(self.status, self.said, self.saving, self.charts),
        )
        self.add_class("sessim-builder")  # its fields look like the builder's
        self.add_class("sessim-deadline")

    def _form(self, names: list[str]) -> Any:
        columns = "repeat(auto-fit, minmax(20rem, 1fr))"
        form = ipywidgets.GridBox(
            [self.fields[name] for name in names],
            layout={"grid_template_columns": columns, "width": "100%"},
        )
        form.add_class("sessim-form")
        return form

    def _choice(self, name: str, values: tuple[str, ...]) -> None:
        options = [(self.words(f"deadline.{name}.{value}"), value) for value in values]
        self._add(name, ipywidgets.Dropdown(options=options))

    def _add(self, name: str, box: Any, below: list[Any] | None = None) -> None:
        label = self.words(f"deadline.{name}")
        key = f"deadline.{name}_hint"
        hint = self.words(key) if key in self.words else ""
        box.description, box.tooltip = label, hint or label
        box.style.description_width = _LABEL["description_width"]
        box.layout.width = "auto"
        self.fields[name] = Field(box, hint, below=below or [])
        traitlets.link((self, name), (box, "value"))

    def _slider(self, name: str) -> Any:
        """Return a slider that follows a trait as far as it reaches, and sets it when moved."""
        most, step = _SLIDERS[name]
        label = self.words("deadline.slider", name=self.words(f"deadline.{name}"))
        slider = ipywidgets.FloatSlider(
            min(getattr(self, name), most), min=0.0, max=most, step=step, readout=False,
            description=label, tooltip=label, continuous_update=False,
        )  # fmt: skip

        def follow(change: Any) -> None:
            before, self._quiet = self._quiet, True
            slider.value = min(max(change["new"], 0.0), most)
            self._quiet = before

        def lead(change: Any) -> None:
            if not self._quiet:
                setattr(self, name, round(change["new"], 6))

        self.observe(follow, name)
        slider.observe(lead, "value")
        return slider

    def _button(self, key: str, icon: str, act: Any) -> Any:
        button = ipywidgets.Button(description=self.words(key), icon=icon, layout={"width": "auto"})
        button.on_click(lambda _: act())
        return button

    # --- for users ----------------------------------------------------------------------------

    @guarded
    def ask(self) -> Asked:
        """Look for the answer.

        Returns
        -------
        asyncio.Task or Answer or None
            Where an event loop is running, as in a notebook: the task, which may be awaited and
            gives the answer, or None if it was stopped. Else the answer itself. One that is being
            looked for goes on.
        """
        if self.running:
            return self._task
        question = self.question
        self._hand = Hand()
        self.set_trait("running", True)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._work(question))
        self._task = loop.create_task(self._work(question))
        return self._task

    def stop(self) -> None:
        """Stop looking; the answer before stays."""
        self._hand.stop()

    def close(self) -> None:
        """Close the panel, and stop looking."""
        self.stop()
        super().close()

    @property
    def question(self) -> Question:
        """What is asked now.

        Raises
        ------
        SessimError
            If a day is missing or a share is none.
        """
        for name in _DAYS[:1] if self.of == PLAN else _DAYS:
            if getattr(self, name) is None:
                raise SessimError(
                    self.words("deadline.no_day", name=self.words(f"deadline.{name}"))
                )
        for name in _SLIDERS:
            if not 0 <= getattr(self, name) <= 100:
                told = {"name": self.words(f"deadline.{name}"), "value": f"{getattr(self, name):g}"}
                raise SessimError(self.words("deadline.no_share", **told))
        given: dict[str, Any] = {name: getattr(self, name) for name in (*_DAYS, *_NUMBERS)}
        shares = {name: round(getattr(self, name) / 100, 9) for name in RATES}
        return Question(
            of=self.of, warmup=self.warmup, rates=shares, width=self.width / 100, plan=self.plan,
            **given,
        )  # fmt: skip

    # --- looking for it -----------------------------------------------------------------------

    async def _work(self, question: Question) -> Answer | None:
        """Look for the answer in a thread and say how far it is; show whatever comes of it."""
        hand = self._hand
        looking = asyncio.ensure_future(asyncio.to_thread(_answered, question, hand))
        answer, shown, said = None, "", ""
        try:
            while not looking.done():
                self._show_progress(hand.done, question)
                await asyncio.wait([looking], timeout=_SECONDS)
            answer, shown = await looking
        except asyncio.CancelledError:
            hand.stop()
        except SessimError as error:
            said = "" if hand.stopped else str(error)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._end(answer, shown, said)
        return answer

    def _end(self, answer: Answer | None, shown: str, said: str) -> None:
        if answer is not None:
            self._pictures, self.answer = shown, answer
        self.set_trait("running", False)
        if answer is None:
            self.message = "" if said else self.words("deadline.stopped")
            self.error = said

    def _show_progress(self, done: int, question: Question) -> None:
        self.message = self.words("deadline.working", n=f"{done:,}")
        rounds = 8 if question.of == LIST else 2  # of about so many the search consists
        self.bar.max = max(1, rounds * question.replications)
        self.bar.value = min(done, self.bar.max)

    def _on_stop(self) -> None:
        """Stop, and take the focus from a button that cannot be pressed any more."""
        self.stop()
        self.answer_button.focus()

    @guarded
    def _on_save(self) -> None:
        if self.answer is None:
            raise SessimError(self.words("deadline.ask"))
        path = Path(self.file_box.value.strip() or "deadline.yaml").expanduser()
        self.answer.plan.to_yaml(path)
        self.message = self.words("deadline.saved", path=path)

    # --- showing ------------------------------------------------------------------------------

    @guarded
    def _on_plan(self, change: Any) -> None:
        """Ask about a plan that comes; what an edit of it does not touch stays as it was set."""
        plan, before = change["new"], change["old"]
        if plan is None:
            self.of = LIST
            return
        if before is None:
            self.of = PLAN
        if before is None or before.rate != plan.rate:
            self.rate = float(plan.rate)
        rates = _rates(plan)
        if before is None or rates != _rates(before):
            for name, share in rates.items():
                setattr(self, name, round(100 * share, 6))
        first = plan.clock.date(plan.start_instant)
        if not self._is_own and (self.by is None or self.by < first):
            self.by = first + _MONTH

    def _show_state(self, _: Any = None) -> None:
        for name in _ONLY_LIST:
            self.fields[name].show(visible=self.of == LIST)
        key = "deadline.remark" if self.of == LIST else "deadline.remark_plan"
        self.remark.value = markup.block(markup.note(self.words(key)))
        self.answer_button.disabled = self.of == PLAN and self.plan is None
        self.stop_button.disabled = not self.running
        self.bar.layout.visibility = "visible" if self.running else "hidden"
        if not self.running and self.answer is not None:
            self.error = ""
            self.message = self.words(f"deadline.{'stale' if self._is_stale else 'done'}")
        self.saving.layout.display = "none" if self.answer is None else "flex"

    @property
    def _is_stale(self) -> bool:
        try:
            return self.answer is None or self.answer.question != self.question
        except SessimError:
            return True

    def _show_answer(self, _: Any) -> None:
        if self.answer is None:
            self.said.value = self.charts.value = ""
            return
        self.said.value = deadline_views.said(self.answer, self.words)
        self.charts.value = self._pictures or deadline_views.pictures(self.answer)
        self._pictures = ""


def _rates(plan: Plan) -> dict[str, float]:
    """Return what the first domain that has rates expects of those that are asked for."""
    given = next((domain.quality for domain in plan.domains if domain.quality is not None), None)
    found = {} if given is None else given.given
    return {name: mean(rate) for name, rate in found.items() if name in RATES}


def _answered(question: Question, hand: Hand) -> tuple[Answer, str]:
    answer = question.answer(hand)
    return answer, deadline_views.pictures(answer)


def _date(name: str, value: str | dt.date) -> dt.date:
    try:
        found = moment(value)
    except ValueError as error:
        raise ArgumentError(f"{name}: {error}") from None
    if isinstance(found, dt.datetime):
        raise ArgumentError(f"{name}: {value} has a time; give a date, which counts as a whole")
    return found
