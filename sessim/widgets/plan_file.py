"""The plan as a file and as code: load, save, YAML and Python to copy."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import ipywidgets

from sessim.errors import PlanError
from sessim.plan import Plan
from sessim.widgets import attachments, base
from sessim.widgets.code import to_python
from sessim.widgets.fields import Field, Pick
from sessim.widgets.labels import Words
from sessim.widgets.rows import button

ENDINGS: Final = (".yaml", ".yml", ".json")
_COPY: Final = """
const area = this.closest('.sessim-code').querySelector('textarea');
const label = this.dataset.label;
navigator.clipboard.writeText(area.value).then(() => {
  this.textContent = this.dataset.done;
  setTimeout(() => { this.textContent = label; }, 2000);
});
"""


class PlanFile(ipywidgets.VBox):  # type: ignore[misc]
    """The name of the plan file with its buttons, and the plan as YAML and as Python.

    Parameters
    ----------
    words
        The language.
    load, save
        Are called when the buttons are pressed.
    """

    def __init__(
        self, words: Words, load: Callable[[Any], None], save: Callable[[Any], None]
    ) -> None:
        self._words = words
        self.path = Pick(
            description=words("builder.field.path"),
            continuous_update=False,
            placeholder="plan.yaml",
            style={"description_width": "8.5rem"},
            layout=ipywidgets.Layout(width="auto", flex="1 1 auto"),
        )
        self.load = button(words, "load", "folder-open", load, named=True)
        self.save = button(words, "save", "save", save, named=True)
        self.field = Field(self.path, beside=[self.load, self.save])
        self.yaml = Code(words, "yaml")
        self.python = Code(words, "python")
        self.remark = ipywidgets.HTML()
        codes = ipywidgets.GridBox(
            [self.yaml, self.python],
            layout=ipywidgets.Layout(
                grid_template_columns="repeat(auto-fit, minmax(18rem, 1fr))", width="100%"
            ),
        )
        super().__init__([self.field, self.remark, codes])

    def look_around(self) -> None:
        """Suggest the plan files that lie here and a few levels below."""
        self.path.options = tuple(attachments.pick(Path(), ENDINGS))

    def show(self, plan: Plan | None, folder: Path, stale: bool) -> None:
        """Show the last complete plan as code."""
        here = _shown_path(folder)
        self.field.show(hint=self._words("builder.folder", folder=here))
        said = "no_plan" if plan is None else "stale" if stale else ""
        self.remark.value = (
            f'<span class="sessim-problem">⚠ {base.text(self._words(f"builder.{said}"))}</span>'
            if said
            else ""
        )
        elsewhere = folder.resolve() != Path.cwd()
        self.yaml.show("" if plan is None else plan.to_yaml())
        self.python.show("" if plan is None else to_python(plan, folder if elsewhere else None))


class Code(ipywidgets.VBox):  # type: ignore[misc]
    """A text to copy: it can be selected, and what is changed in it is put back."""

    def __init__(self, words: Words, key: str) -> None:
        self._text = ""
        self.area = ipywidgets.Textarea(
            description=words(f"builder.{key}"),
            rows=18,
            continuous_update=False,
            layout=ipywidgets.Layout(width="auto"),
        )
        script, done = base.text(" ".join(_COPY.split())), base.text(words("builder.copied"))
        label = base.text(words(f"builder.copy_{key}"))
        self.copy_button = ipywidgets.HTML(
            '<button class="lm-Widget jupyter-widgets jupyter-button widget-button" type="button" '
            f'data-label="{label}" data-done="✓ {done}" onclick="{script}">{label}</button>'
        )
        super().__init__([self.copy_button, self.area])
        self.add_class("sessim-code")
        self.area.observe(self._put_back, "value")

    @property
    def value(self) -> str:
        """The text."""
        return self._text

    def show(self, text: str) -> None:
        """Show another text."""
        self._text = text
        self.area.value = text

    def _put_back(self, *_: object) -> None:
        self.area.value = self._text


def write(plan: Plan, path: Path) -> None:
    """Write a plan file whole or not at all; :class:`PlanError` if that cannot be done."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".json":
            plan.to_json(beside)
        else:
            plan.to_yaml(beside)
        beside.replace(path)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            beside.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise PlanError(f"cannot write the file {str(path)!r}: {reason}") from None


def has_comments(path: Path) -> bool:
    """Say whether a plan file has comments, which writing it anew would lose."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return any(line.lstrip().startswith("#") or " #" in line for line in lines)


def _shown_path(folder: Path) -> str:
    try:
        return os.path.relpath(folder)
    except ValueError:  # another drive
        return str(folder)
