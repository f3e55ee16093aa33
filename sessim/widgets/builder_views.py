"""The parts of the task builder that only show: its style, the summary, the domains, the tabs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import ipywidgets

from sessim.errors import Problem
from sessim.widgets import base, rows
from sessim.widgets.check import Check
from sessim.widgets.draft import Draft
from sessim.widgets.fields import Edited
from sessim.widgets.forms import DomainForm, Uploaded
from sessim.widgets.labels import Words

_MOST_PROBLEMS: Final = 5
_SECTIONS: Final = {"domains": "domain_label", "tasks": "task_label"}

_CSS: Final = """
.sessim-builder { color: var(--jp-ui-font-color1); }
.sessim-builder .widget-html, .sessim-builder .widget-html-content {
  line-height: 1.35; white-space: normal;
}
.sessim-builder .sessim-form { column-gap: 1rem; align-items: start; }
.sessim-builder .sessim-field { margin: 0 0 4px 0; min-width: 0; }
.sessim-builder .lm-TabBar-tabLabel { color: var(--jp-ui-font-color1); }
.sessim-builder .sessim-field > .jupyter-button {
  margin-left: calc(8.5rem + 10px); align-self: flex-start;
}
.sessim-builder .sessim-field > .widget-html {
  margin: 0 2px 0 calc(8.5rem + 10px); min-height: 1.3em;
}
.sessim-builder .sessim-field input, .sessim-builder .sessim-field select { min-width: 0; }
.sessim-builder .sessim-field > .widget-hbox { align-items: center; overflow: visible; }
.sessim-builder .sessim-field > .widget-hbox > :first-child { flex: 1 1 0; min-width: 0; }
.sessim-builder .sessim-field > .widget-hbox > :not(:first-child) { flex: 0 0 auto; }
.sessim-builder .sessim-wide, .sessim-builder .sessim-fold { grid-column: 1 / -1; }
.sessim-builder .sessim-fold > .widget-html { margin: 0 2px 4px; }
.sessim-builder .sessim-wide > .widget-html { display: none; }
.sessim-builder .sessim-hint { color: var(--jp-ui-font-color2); font-size: 0.85em; }
.sessim-builder .sessim-problem {
  color: var(--jp-error-color1);
  color: color-mix(in srgb, var(--jp-error-color1) 75%, var(--jp-ui-font-color0));
  font-size: 0.9em; font-weight: 600; overflow-wrap: anywhere;
}
.sessim-builder .sessim-field:has(.sessim-problem) input:not([type=radio]),
.sessim-builder .sessim-field:has(.sessim-problem) select {
  border: 2px solid var(--jp-error-color1);
}
.sessim-builder .widget-radio { display: flex; flex-direction: row; align-items: center; }
.sessim-builder .widget-radio > .widget-label {
  flex: 0 0 auto; text-align: right; margin-right: 8px;
}
.sessim-builder .widget-radio > .widget-radio-box { margin-bottom: 0 !important; flex-wrap: wrap; }
.sessim-builder .widget-radio-box label { white-space: nowrap; margin-right: 0.6em; }
.sessim-builder .sessim-list select, .sessim-builder textarea {
  font-family: var(--jp-code-font-family); font-size: var(--jp-code-font-size);
}
.sessim-builder textarea { white-space: pre; overflow-x: auto; }
.sessim-builder .sessim-list > .widget-label,
.sessim-builder .sessim-code > .widget-textarea > .widget-label,
.sessim-builder .sessim-calendar > .widget-label {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
}
.sessim-builder .sessim-calendar input { width: 2rem; padding: 0 6px; cursor: pointer; }
.sessim-builder .sessim-calendar input::-webkit-datetime-edit { display: none; }
.sessim-builder .sessim-calendar input::-webkit-calendar-picker-indicator { margin: 0; }
.sessim-builder h3 { margin: 0.6em 0 0.3em; font-size: 1.1em; }
.sessim-builder p { margin: 0 0 0.4em; }
.sessim-builder ul { margin: 0.1em 0 0.2em; padding-left: 1.4em; }
"""


def style() -> Any:
    """Return the panel's style, in the colours of JupyterLab's theme."""
    return ipywidgets.HTML(f"<style>{_CSS}</style>", layout=ipywidgets.Layout(display="none"))


class Summary(ipywidgets.HBox):  # type: ignore[misc]
    """Says whether the plan is complete, or what is to be mended, with a button that shows it."""

    def __init__(self, words: Words, pressed: Callable[[Any], None]) -> None:
        self._words = words
        self.text = ipywidgets.HTML()
        self.show_problem = rows.button(words, "show_problem", "search", pressed, named=True)
        super().__init__([self.text, self.show_problem])

    def show(self, draft: Draft, check: Check, *, kept: bool) -> None:
        """Show what became of a draft, and whether an earlier plan is ``kept`` meanwhile."""
        say = self._words
        lines = [f"<div>{base.text(say('builder.note', text=note))}</div>" for note in check.notes]
        if check.plan is not None:
            counts: dict[str, object] = {"tasks": len(draft.tasks), "domains": len(draft.domains)}
            counts["emails"] = f"{int(check.plan.runs.requests.sum()):,}"
            said = f"<div>{base.text(say('builder.valid', **counts))}</div>"
        else:
            said = self._problems(draft, check.problems, kept)
        self.text.value = f'<div role="status">{said}{"".join(lines)}</div>'
        self.show_problem.layout.display = None if check.problems else "none"

    def _problems(self, draft: Draft, problems: Sequence[Problem], kept: bool) -> str:
        say, more = self._words, len(problems) - _MOST_PROBLEMS
        listed = [
            f"{place(problem, draft, say)}: {problem.message}"
            for problem in problems[:_MOST_PROBLEMS]
        ]
        if more > 0:
            listed.append(say("builder.more", n=more))
        points = "".join(f"<li>{base.text(line)}</li>" for line in listed)
        heading = base.text(say("builder.problems" if kept else "builder.to_do", n=len(problems)))
        return f'<div class="sessim-problem">{heading}</div><ul>{points}</ul>'


def place(problem: Problem, draft: Draft, words: Words) -> str:
    """Say where a problem is, in the panel's language."""
    match problem.where:
        case ("tasks" | "domains" as kind, int(index), *rest):
            rows_: Sequence[Any] = draft.tasks if kind == "tasks" else draft.domains
            name = f"“{rows_[index].name}”" if rows_[index].name else words("builder.unnamed")
            label = words(f"builder.{_SECTIONS[kind]}", n=index + 1, name=name)
            return ", ".join([label, *(_field(str(key), words) for key in rest)])
        case ("test_sends", int(index), *_):
            return words("builder.test_send_label", n=index + 1)
        case ("tasks" | "domains" as kind,):
            return words(f"builder.tab_{kind}")
    account = [_field(str(key), words, "account.") for key in problem.where[:1]]
    return ", ".join([words("builder.tab_account"), *account])


def _field(name: str, words: Words, prefix: str = "") -> str:
    keys = (f"builder.field.{prefix}{name}", f"builder.field.{name}")
    return next((words(key) for key in keys if key in words), name)


class Domains(ipywidgets.VBox):  # type: ignore[misc]
    """The domains: a list, the form of the chosen one, the curve of its warm-up.

    ``list.chosen`` is the number of the domain in the form, from 1. Each field of the form is an
    attribute, too.
    """

    def __init__(
        self,
        words: Words,
        edited: Edited,
        uploaded: Uploaded,
        add: Callable[[Any], None],
        delete: Callable[[Any], None],
    ) -> None:
        self._words = words
        self.add = rows.button(words, "add_domain", "plus", add, named=True)
        self.delete = rows.button(words, "delete_domain", "trash", delete)
        self.list = rows.Rows(
            words("builder.domain_list"), words("builder.domain_hint"), [self.add, self.delete]
        )
        self.form = DomainForm(words, edited, uploaded)
        self.upload = self.form.upload
        for name, field in self.form.fields.items():
            setattr(self, name, field.input)
        self.curve = ipywidgets.HTML()
        super().__init__([self.list, self.form, self.curve])

    def show(self, draft: Draft, check: Check, index: int) -> None:
        """Show the domains, the one of an index in the form; none if it is negative."""
        self.list.fill(rows.domain_lines(draft, check, self._words), index + 1)
        chosen = index >= 0
        self.form.layout.display = None if chosen else "none"
        self.delete.disabled = not chosen
        picture = said = ""
        if chosen:
            self.form.show(draft.domains[index], check.beside("domains", index))
            built = check.domains[index]
            start = ""
            if check.plan is not None:
                start = check.plan.warmup_start(check.plan.domains[index]).isoformat()
            picture, said = self.form.described(built, start)
        self.curve.value = f"{picture}<div>{base.text(said)}</div>"


def heading(words: str) -> str:
    """Return a heading as HTML."""
    return f"<h3>{base.text(words)}</h3>"
