"""The plan as a file and as code: load, save, YAML and Python to copy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import ipywidgets

from sessim.errors import PlanError
from sessim.plan import Plan
from sessim.planfile import yaml_text
from sessim.widgets import attachments, base
from sessim.widgets.code import to_python
from sessim.widgets.draft import Draft, plain
from sessim.widgets.fields import Field, Pick
from sessim.widgets.labels import Words
from sessim.widgets.rows import button

_MOST_PROBLEMS: Final = 5
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
            tooltip=words("builder.field.path"),
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
            layout=ipywidgets.Layout(grid_template_columns="repeat(auto-fit, minmax(18rem, 1fr))"),
        )
        super().__init__([self.field, self.remark, codes])

    def look_around(self) -> None:
        """Suggest the plan files that lie here and a few levels below."""
        self.path.options = tuple(attachments.pick(Path(), ENDINGS))

    def show(self, plan: Plan | None, folder: Path, *, stale: bool, visible: bool) -> None:
        """Show the last complete plan as code; it is written only where it is ``visible``."""
        self.field.show(hint=self._words("builder.folder", folder=folder))
        said = "no_plan" if plan is None else "stale" if stale else ""
        self.remark.value = (
            f'<span class="sessim-problem">⚠ {base.text(self._words(f"builder.{said}"))}</span>'
            if said
            else ""
        )
        self.yaml.show(lambda: "" if plan is None else yaml_text(plain(plan, folder)), visible)
        self.python.show(lambda: "" if plan is None else to_python(plan), visible)


class Code(ipywidgets.VBox):  # type: ignore[misc]
    """A text to copy: it can be selected, and what is changed in it is put back."""

    def __init__(self, words: Words, key: str) -> None:
        self._text: str | None = ""
        self._render: Callable[[], str] = str
        self.area = ipywidgets.Textarea(
            description=words(f"builder.{key}"),
            tooltip=words(f"builder.{key}"),
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
        if self._text is None:
            self._text = self._render()
        return self._text

    def show(self, render: Callable[[], str], visible: bool) -> None:
        """Show another text, which is made when it is wanted."""
        self._render, self._text = render, None
        if visible:
            self.area.value = self.value

    def _put_back(self, *_: object) -> None:
        self.area.value = self.value


class Disk:
    """Reads and writes plan files, and asks before it replaces what would be lost.

    Parameters
    ----------
    words
        The language.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._left: _Version | None = None
        self._asked: _Version | None = None

    def path(self, text: str) -> Path:
        """Return the file that is meant; :class:`PlanError` if nothing was written."""
        if not text:
            raise PlanError(self._words("builder.write_path"))
        path = Path(text)
        return path if path.suffix else path.with_name(f"{path.name}.yaml")

    def read(self, path: Path) -> Plan:
        """Read a plan file; the error lists everything that is wrong with it."""
        try:
            return Plan.from_yaml(path)
        except PlanError as error:
            raise PlanError("; ".join(map(str, error.problems[:_MOST_PROBLEMS]))) from None

    def loaded(self, draft: Draft, path: Path) -> None:
        """Remember which draft a file became, unless saving it would lose the file's comments."""
        self._left = None if has_comments(path) else _version(draft, path)

    def ask(self, draft: Draft, path: Path) -> None:
        """Raise :class:`PlanError` the first time that a file would be lost, with a question.

        Nothing is lost where the file was loaded from or saved with this draft, or one that it was
        changed from, and is still as it was.
        """
        version = _version(draft, path)
        if version.stamp is not None and version not in (self._left, self._asked):
            self._asked = version
            key = "comments" if has_comments(path) else "exists"
            raise PlanError(self._words(f"builder.{key}", path=str(path)))
        self._asked = None

    def write(self, plan: Plan, draft: Draft, path: Path) -> None:
        """Write the plan of a draft, whole or not at all; :class:`PlanError` if it cannot be."""
        beside = path.with_name(f".{path.name}.part")  # in the same folder: paths begin there
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
        self._left = _version(draft, path)


class _Version(NamedTuple):
    """A file as it is now, and where the draft comes from that it stands beside."""

    origin: object
    path: Path
    stamp: attachments.Stamp


def _version(draft: Draft, path: Path) -> _Version:
    return _Version(draft.origin, path.absolute(), attachments.stamp(path))


def has_comments(path: Path) -> bool:
    """Say whether a plan file has comments, which writing it anew would lose."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return any(line.lstrip().startswith("#") or " #" in line for line in lines)
