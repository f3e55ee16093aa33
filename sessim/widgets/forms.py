"""The three forms of the task builder: a task, a domain with its warm-up, the account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import ipywidgets

from sessim import clock, warmup
from sessim.lifecycle import TaskType
from sessim.quality import RATES
from sessim.widgets import attachments, curve
from sessim.widgets.built import Built
from sessim.widgets.draft import (
    CSV,
    LIST,
    NONE,
    NUMBER,
    PARTS,
    REPUTATION,
    RULE,
    AccountDraft,
    DomainDraft,
    Draft,
    TaskDraft,
)
from sessim.widgets.fields import Edited, Form
from sessim.widgets.labels import Words
from sessim.widgets.rates import RatesDraft
from sessim.widgets.reading import number

Uploaded = Callable[[str, str, str, bytes], None]
"""Takes a field, the folder to keep the file in, its name, and what is in it."""

LISTS: Final = (".csv", ".tsv", ".txt")
TEMPLATES: Final = (".html", ".htm", ".txt", ".md")
_TYPE_WORDS: Final = {TaskType.IMMEDIATE: "batch", TaskType.SCHEDULED: "scheduled"}


def type_words(words: Words) -> dict[str, str]:
    """Return the three types of tasks, each with its words."""
    return {kind.label: words(_TYPE_WORDS.get(kind, "recurring")) for kind in TaskType}


def _choices(words: Words, *values: str, prefix: str = "") -> dict[str, str]:
    return {value: words(f"builder.choice.{prefix}{value}") for value in values}


def uploader(
    words: Words,
    tip: str,
    endings: Sequence[str],
    take: Callable[[str, bytes], None],
    *,
    multiple: bool = False,
) -> Any:
    """Make a button that uploads a file, or several, and hands on each name and content."""
    button = ipywidgets.FileUpload(
        accept=",".join(endings),
        multiple=multiple,
        description=words("builder.upload"),
        tooltip=words(tip),
        layout=ipywidgets.Layout(width="auto", flex="0 0 auto"),
    )
    button.add_class("sessim-upload")

    def taken(change: Any) -> None:
        for file in change.new:
            take(file["name"], bytes(file["content"]))
        button.value = ()

    button.observe(taken, "value")
    return button


class RatedForm(Form):
    """A form that ends with the quality rates, folded away."""

    def rates(self) -> None:
        """Add the rates."""
        self.fold("quality")
        for name in RATES:
            self.text(name)

    def show_rates(self, row: RatesDraft, problems: Mapping[str, str], remark: str) -> None:
        """Say how many rates there are, and what an empty one means."""
        remarks = [self.words("builder.rates"), self.words(f"builder.{remark}")]
        wrong = any(name in problems for name in RATES)
        self.folds["quality"].show(len(row.rates), wrong=wrong, remark=" ".join(remarks))


class TaskForm(RatedForm):
    """The console's form *Create Sending Task*."""

    def __init__(self, words: Words, edited: Edited, uploaded: Uploaded, domain: Any) -> None:
        super().__init__(words, edited)
        self.upload = uploader(
            words,
            "builder.upload_tip",
            LISTS,
            lambda name, content: uploaded("recipients", "recipients", name, content),
        )
        self.template_upload = uploader(
            words,
            "builder.upload_template_tip",
            TEMPLATES,
            lambda name, content: uploaded("template", "templates", name, content),
        )
        self.choice("type", type_words(words), radio=True, wide=True)
        self.text("name", required=True)
        self.moment("start", required=True)
        self.text("every", required=True, options=("24", "168", "12", "1"))
        self.text("count")
        self.moment("until")
        self.choice("every_by", _choices(words, "elapsed", "wall"))
        self.choice("overlap", _choices(words, "queue", "skip"))
        self.text("sender", required=True, options=(), below=[domain])
        self.choice("group", _choices(words, NUMBER, CSV, prefix="group."), radio=True)
        self.text("requests", required=True)
        self.text("recipients", required=True, options=(), below=[self.upload])
        self.text("subject")
        self.text("template", options=(), below=[self.template_upload])
        self.text("reply_to", options=())
        self.moment("cancel_at")
        self.rates()

    def suggest(self, draft: Draft) -> None:
        """Suggest the senders of the plan, and the files beside it."""
        senders = tuple(dict.fromkeys(row.sender for row in draft.tasks if row.sender))
        for field in (self.sender, self.reply_to):
            if field.options != senders:
                field.options = senders

    def look_around(self, folder: Path) -> None:
        """Suggest the files that lie in a folder."""
        self.recipients.options = tuple(attachments.pick(folder, LISTS))
        self.template.options = tuple(attachments.pick(folder, TEMPLATES))

    def show(
        self, row: TaskDraft, built: Built, problems: Mapping[str, str], timezone: str
    ) -> None:
        """Show a task with what is wrong with it."""
        visible = ("type", "group", *row.shown, *RATES)
        self.fill(row, problems, self._hints(row, built, timezone), visible)
        self.show_rates(row, problems, "rates_segments" if row.segments else "rates_task")

    def _hints(self, row: TaskDraft, built: Built, timezone: str) -> dict[str, str]:
        hints = {}
        if row.start:
            hints["start"] = self.words("builder.of_zone", zone=timezone)
        emails = number(row.requests)
        if isinstance(emails, int):
            hints["requests"] = self.words("builder.emails", n=f"{emails:,}")
        if built.count is not None:
            count = self.words("builder.counted", n=f"{built.count:,}")
            known = "" if built.columns is None else f". {self._variables(built.columns)}"
            hints["recipients"] = f"{count}{known}"
        if row.template:
            hints["template"] = (
                self.words("builder.template_name")
                if built.variables is None
                else self._variables(built.variables)
            )
        return hints

    def _variables(self, names: Sequence[str]) -> str:
        if not names:
            return self.words("builder.no_variables")
        return self.words("builder.variables", names=", ".join(names))


class DomainForm(RatedForm):
    """A sender domain and its warm-up, with the curve of what is chosen."""

    def __init__(self, words: Words, edited: Edited, uploaded: Uploaded) -> None:
        super().__init__(words, edited, "domain.")
        self.upload = uploader(
            words,
            "builder.upload_limits_tip",
            LISTS,
            lambda name, content: uploaded("csv", "limits", name, content),
        )
        options = {name: f"{name}: {entry.title}" for name, entry in warmup.published().items()}
        options |= _choices(words, REPUTATION, NUMBER, LIST, RULE, CSV, NONE, prefix="warmup.")
        self.text("name", required=True)
        self.choice("warmup", options)
        self.text("number", required=True)
        self.text("numbers", required=True)
        self.text("rule_start", required=True)
        self.text("factor", required=True)
        self.text("cap", required=True)
        self.text("csv", required=True, options=(), below=[self.upload])
        self.text("level", required=True)
        self.moment("warmup_start")
        self.choice("advance", _choices(words, "calendar", "sending"))
        self.rates()

    def look_around(self, folder: Path) -> None:
        """Suggest the files that lie in a folder."""
        self.csv.options = tuple(attachments.pick(folder, LISTS))

    def show(self, row: DomainDraft, problems: Mapping[str, str]) -> None:
        """Show a domain with what is wrong with it."""
        schedule = warmup.published().get(row.warmup)
        hints = {"warmup": schedule.source} if schedule else {}
        parts = PARTS.get(row.warmup, ())
        visible = ("name", "warmup", *parts, "warmup_start", "advance", *RATES)
        self.fill(row, problems, hints, visible)
        self.show_rates(row, problems, "rates_domain")

    def described(self, built: Built, start: str) -> tuple[str, str]:
        """Return the picture and the sentence of a domain's limits; empty if they are wrong."""
        if built.value is None:
            return "", ""
        if built.value.warmup == REPUTATION:
            level, first = built.value.level, f"{built.value.limits.on(1):,}"
            return "", self.words("builder.curve_reputation", level=level, first=first)
        found = curve.curve(built.value.warmup)
        said = curve.describe(found, self.words)
        if built.value.limits.counts_days and start:
            said += " " + self.words("builder.curve_from", date=start)
        return curve.picture(found, self.words), said


class AccountForm(Form):
    """The settings of the account and of the simulation."""

    def __init__(self, words: Words, edited: Edited) -> None:
        super().__init__(words, edited, "account.")
        self.moment("start", required=True)
        self.text("timezone", required=True, options=clock.zones())
        self.text("rate", required=True)
        self.choice("discipline", _choices(words, "fifo", "fair"))
        self.choice("window", _choices(words, "day", "rolling"))
        self.choice("restart", _choices(words, "auto", "manual"))
        self.text("restart_at", required=True)
        self.text("restart_delay", required=True)
        self.text("horizon")
        self.tick("resume_on_raise")

    def show(self, row: AccountDraft, problems: Mapping[str, str]) -> None:
        """Show the account with what is wrong with it."""
        hidden = () if row.restart == "manual" else ("restart_at",)
        self.fill(row, problems, {}, [name for name in self.fields if name not in hidden])
