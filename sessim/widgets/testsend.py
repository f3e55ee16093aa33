"""Test sends: template, subject, sender, at most 20 addresses, and what came of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import ipywidgets
import traitlets

from sessim import plan as plans
from sessim.clock import format_moment
from sessim.errors import PlanError, SessimError
from sessim.fields import address_parts
from sessim.plan import Plan
from sessim.result import Result
from sessim.widgets import builder_views, markup
from sessim.widgets.base import Panel, guarded, text
from sessim.widgets.fields import Calendar, Field, Pick, Text
from sessim.widgets.labels import Words

MOST: Final = 20
"""How many addresses a test send takes (rule R8)."""

MODES: Final = ("simulate", "loopback")
"""The sender modes of the panel: a live send needs an armed environment, and a terminal."""

_LONGEST_SUBJECT: Final = 998
_FIELDS: Final = ("template", "subject", "sender", "at", "addresses")
_LABEL: Final = {"description_width": "8.5rem"}
_WIDE: Final = {"width": "auto", "flex": "1 1 auto"}


class Outcome(NamedTuple):
    """What came of a test send: how many addresses were sent to, and how many failed."""

    sent: int
    failed: int


class TestSend(Panel):
    """The console's page *Email Sending*: adds test sends to a plan, and shows what came of them.

    Parameters
    ----------
    plan
        What they are added to; None until there is one.
    result
        A result of the plan; None until there is one.
    language
        ``"en"`` or ``"id"``.

    Attributes
    ----------
    plan, result
        Traits. Sending sets another plan; simulate it and set the result.
    mode
        Trait: the sender mode. ``"simulate"``: no mail; ``"loopback"``: real mail to a server of
        sessim's own on 127.0.0.1, which keeps it in ``folder``.
    folder
        Trait: where that server keeps mails, a Maildir.
    blocked
        Trait: why nothing can be added now, empty if it can.
    template, subject, sender, at, addresses
        The inputs; ``send`` and ``remove`` are the buttons. They work without a browser.
    """

    __test__ = False  # or pytest would take it for a test

    plan = traitlets.Instance(Plan, allow_none=True)
    result = traitlets.Instance(Result, allow_none=True)
    mode = traitlets.Enum(MODES, MODES[0])
    folder = traitlets.Unicode("test-mails")
    blocked = traitlets.Unicode()

    def __init__(
        self, plan: Plan | None = None, result: Result | None = None, *, language: str = "en"
    ) -> None:
        super().__init__(language)
        self._build()
        self._attempted = False
        self.observe(self._show, ["plan", "result", "blocked"])
        self.plan, self.result = plan, result
        self._show()

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        words = self.words
        label = {"style": _LABEL, "layout": _WIDE, "continuous_update": False}
        self.template = Pick(description=words("test.template") + " *", options=(), **label)
        self.subject = Text(description=words("test.subject") + " *", **label)
        self.sender = Pick(description=words("test.sender") + " *", options=(), **label)
        self.at = Text(description=words("test.at") + " *", **label)
        self.addresses = ipywidgets.Textarea(
            description=words("test.addresses") + " *", rows=4, **label
        )
        tip = words("builder.calendar_tip", field=words("test.at"))
        calendar = Calendar(tip, self.at, self._pick_time)
        self.fields = {
            name: Field(getattr(self, name), beside=[calendar] if name == "at" else ())
            for name in _FIELDS
        }
        for name in _FIELDS:
            getattr(self, name).observe(self._show_fields, "value")
        self.mode_box = ipywidgets.Dropdown(
            options=[(words(f"test.mode.{mode}"), mode) for mode in MODES],
            description=words("test.mode"),
            style=_LABEL,
            layout=_WIDE,
        )
        traitlets.link((self, "mode"), (self.mode_box, "value"))
        self.send = self._button("send", "paper-plane", self._on_send, words("test.send_tip"))
        self.send.button_style = "primary"
        self.remove_box = ipywidgets.Dropdown(
            description=words("test.choose"), style={"description_width": "initial"},
            layout={"width": "auto", "max_width": "100%"},
        )  # fmt: skip
        self.remove = self._button("remove", "trash", self._on_remove)
        self.removing = ipywidgets.HBox([self.remove_box, self.remove])
        self.list = ipywidgets.HTML(layout={"overflow": "auto"}, tabbable=True)
        self._lay_out()

    def _lay_out(self) -> None:
        columns = "repeat(auto-fit, minmax(24rem, 1fr))"
        form = ipywidgets.GridBox(
            [Field(self.mode_box), *self.fields.values()],
            layout={"grid_template_columns": columns, "width": "100%"},
        )
        form.add_class("sessim-form")
        remark = ipywidgets.HTML(f"<p>{text(self.words('test.remark'))}</p>")
        sheet = ipywidgets.HTML(markup.style(markup.LAB, markup.RULES))
        self.children = (
            *(sheet, builder_views.style(), remark, form, self.send, self.status),
            *(self.list, self.removing),
        )
        self.add_class("sessim-builder")  # its fields look like the builder's

    def _button(self, key: str, icon: str, act: Any, tip: str = "") -> Any:
        button = ipywidgets.Button(
            description=self.words(key),
            icon=icon,
            tooltip=tip or None,
            layout={"width": "auto", "align_self": "flex-start"},
        )
        button.on_click(lambda _: act())
        return button

    # --- checking -----------------------------------------------------------------------------

    def problems(self) -> dict[str, str]:
        """Return what is wrong with each field that is, in words."""
        found = {
            name: self.words("test.missing")
            for name in _FIELDS
            if not getattr(self, name).value.strip()
        }
        if not split(self.addresses.value):
            found["addresses"] = self.words("test.missing")
        length = len(self.subject.value)
        if length > _LONGEST_SUBJECT:
            found["subject"] = f"{self.words('test.subject_hint')}: {length:,}"
        if "addresses" not in found and (wrong := self._wrong_addresses()):
            found["addresses"] = wrong
        if self.plan is not None:
            for name, said in self._wrong_in_plan(self.plan).items():
                found.setdefault(name, said)
        return found

    def _wrong_addresses(self) -> str:
        listed, seen = split(self.addresses.value), set()
        for entry in listed:
            try:
                _, local, domain = address_parts(entry)
            except ValueError:
                return self.words("test.no_address", text=repr(entry))
            if (address := f"{local}@{domain}".casefold()) in seen:
                return self.words("test.twice", address=entry)
            seen.add(address)
        return self.words("test.too_many", n=len(listed)) if len(listed) > MOST else ""

    def _wrong_in_plan(self, plan: Plan) -> dict[str, str]:
        """Return what the plan would say of sender and time."""
        wrong: dict[str, str] = {}
        for name in ("sender", "at"):
            values = {"sender": f"a@{plan.domains[0].name}", "at": plan.start, "recipients": 1}
            values[name] = getattr(self, name).value.strip()
            try:
                replace(plan, test_sends=(plans.TestSend(**values),))  # type: ignore[arg-type]
            except PlanError as error:
                wrong[name] = error.problems[0].message
        return wrong

    # --- callbacks ----------------------------------------------------------------------------

    def _pick_time(self, time: str) -> None:
        self.at.value = time

    @guarded
    def _on_send(self) -> None:
        self.message, self._attempted = "", True
        plan = self._given()
        self._show_fields()
        if self.problems():
            raise SessimError(self.words("test.mend"))
        addresses = split(self.addresses.value)
        count = len(addresses)
        kept = self._delivered(addresses) if self.mode == "loopback" else ""
        added = plans.TestSend(self.sender.value.strip(), self.at.value.strip(), count)
        self._attempted = False
        self.addresses.value = ""
        self.plan = replace(plan, test_sends=(*plan.test_sends, added))
        said = self.words("test.added", n=count, time=format_moment(added.at))
        self.message = f"{said} {kept}".strip()

    def _delivered(self, addresses: Sequence[str]) -> str:
        """Send the mails to a server of sessim's own, and say what became of them."""
        from sessim.senders import testsend  # slow to import

        order = testsend.TestOrder(
            self.sender.value.strip(), self.subject.value, self.template.value.strip(),
            tuple(addresses),
        )  # fmt: skip
        answers = testsend.send(order, self.folder)
        accepted = sum(answer.outcome == "accepted" for answer in answers.values())
        return self.words("test.kept", n=accepted, folder=self.folder)

    @guarded
    def _on_remove(self) -> None:
        plan, index = self._given(), self.remove_box.value
        if index is not None:
            left = [*plan.test_sends[:index], *plan.test_sends[index + 1 :]]
            self.plan = replace(plan, test_sends=tuple(left))
            self.message = self.words("test.removed")

    def _given(self) -> Plan:
        if self.plan is None:
            raise SessimError(self.words("test.no_plan"))
        if self.blocked:
            raise SessimError(self.blocked)
        return self.plan

    # --- showing ------------------------------------------------------------------------------

    def _show(self, _: Any = None) -> None:
        plan = self.plan
        if plan is not None:
            addresses = dict.fromkeys(task.sender for task in plan.tasks)
            self.sender.options = tuple(addresses)
            self.template.options = tuple(
                dict.fromkeys(task.template for task in plan.tasks if task.template)
            )
            if not self.sender.value:
                self.sender.value = next(iter(addresses), "")
            if not self.at.value:
                self.at.value = format_moment(plan.start)
        self.send.disabled = plan is None or bool(self.blocked)
        self.remove.disabled = self.send.disabled
        self._show_fields()
        self._show_list()

    def _show_fields(self, _: Any = None) -> None:
        wrong, hints = self.problems(), self._hints()
        for name, field in self.fields.items():
            filled = bool(getattr(self, name).value.strip())
            # nobody is told what is missing before having had time to write it
            said = wrong.get(name, "") if filled or self._attempted else ""
            field.show(said, hints[name])

    def _hints(self) -> dict[str, str]:
        words, plan = self.words, self.plan
        hints = {name: words(f"test.{name}_hint") for name in ("template", "subject", "addresses")}
        if self.addresses.value.strip():
            hints["addresses"] = words("test.addresses_count", n=len(split(self.addresses.value)))
        names = ", ".join(domain.name for domain in plan.domains) if plan else ""
        hints["sender"] = words("test.sender_hint", domains=names) if plan else ""
        hints["at"] = words("test.at_hint", zone=plan.timezone) if plan else ""
        return hints

    def _show_list(self) -> None:
        sends = () if self.plan is None else self.plan.test_sends
        self.removing.layout.display = None if sends else "none"
        self.remove_box.options = [
            (f"{i}: {format_moment(send.at)}, {send.sender}", i - 1)
            for i, send in enumerate(sends, 1)
        ]
        self.remove_box.index = len(sends) - 1 if sends else None
        if not sends:
            key = "test.no_plan" if self.plan is None else "test.none"
            said = self.blocked or self.words(key)
            self.list.value = markup.block(markup.note(said))
            return
        found = self.outcomes()
        notes = [markup.note(self.blocked)] if self.blocked else []
        self.list.value = markup.block(table(sends, found, self.words), *notes)

    def outcomes(self) -> Sequence[Outcome | None] | None:
        """Return what came of each test send, None for one that the simulation did not reach.

        None as a whole if the result is not one of this plan's test sends.
        """
        if self.plan is None or self.result is None:
            return None
        if self.result.plan.test_sends != self.plan.test_sends:
            return None
        return outcomes(self.result)


def split(addresses: str) -> list[str]:
    """Return the addresses in a text: one a line, or separated by commas or semicolons."""
    return [entry.strip() for entry in re.split(r"[,;\n]+", addresses) if entry.strip()]


def outcomes(result: Result) -> list[Outcome | None]:
    """Return what came of each test send of a result's plan, None for one after its end."""
    events = result.events
    rows = events[events["run"].isna() & events["detail"].str.startswith("test send")]
    told: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for row in markup.records(rows):
        instant = row.time.value // 1000  # nanoseconds
        told.setdefault((instant, row.domain), []).append((row.sent, row.failed))
    clock, sends = result.plan.clock, result.plan.test_sends
    found: list[Outcome | None] = [None] * len(sends)
    instants = [clock.instant(send.at) for send in sends]
    for i in sorted(range(len(sends)), key=lambda i: (instants[i], i)):
        found[i] = _outcome(told.get((instants[i], sends[i].domain), []), sends[i].recipients)
    return found


def _outcome(rows: list[tuple[int, int]], recipients: int) -> Outcome | None:
    """Take a test send's rows from those of its instant: one of what was sent, one of the rest."""
    sent = failed = 0
    while rows and sent + failed < recipients:
        more_sent, more_failed = rows.pop(0)
        sent, failed = sent + int(more_sent), failed + int(more_failed)
    return Outcome(sent, failed) if sent + failed else None


def table(
    sends: Iterable[plans.TestSend], found: Sequence[Outcome | None] | None, words: Words
) -> markup.Html:
    """Show test sends with what came of them."""
    rows = []
    for i, send in enumerate(sends):
        if found is None:
            said = words("test.not_run")
        elif (outcome := found[i]) is None:
            said = words("test.not_reached")
        else:
            key = "test.failed" if outcome.failed else "test.sent"
            said = words(key, n=outcome.sent, failed=outcome.failed)
        rows.append((str(i + 1), format_moment(send.at), send.sender, str(send.recipients), said))
    keys = ("test.number", "test.at", "test.sender", "test.recipients", "test.outcome")
    columns = [words(key) for key in keys]
    return markup.table(words("test.list"), columns, rows, numbers=(0, 3), fixed=(1,))
