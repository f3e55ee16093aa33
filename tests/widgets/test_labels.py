"""Every word of the panels is there in both languages, and asked for."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from string import Formatter
from typing import Any

import ipywidgets
import pytest

from sessim.widgets import TaskBuilder, builder_labels
from sessim.widgets.builder_labels import BUILDER_LABELS, BUTTONS, CHOICES, FIELDS, HINTS, TEXTS
from sessim.widgets.draft import AccountDraft, DomainDraft, TaskDraft
from sessim.widgets.labels import LABELS, LANGUAGES, Words
from tests.widgets.driving import htmls, widgets_in
from tests.widgets.test_draft import LAUNCH

PACKAGE = Path(builder_labels.__file__).parent
SAME = {"Batch", "Domain", "Horizon", "Warm-up"}
"""Words that are the same in English and Indonesian."""


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", LABELS)
def test_each_key_has_words_in_every_language(key: str) -> None:
    words = LABELS[key]
    assert len(words) == len(LANGUAGES)
    assert all(text.strip() for text in words)
    assert len({frozenset(places(text)) for text in words}) == 1


def test_words_of_the_builder_are_translated() -> None:
    same = {words[0] for words in BUILDER_LABELS.values() if words[0] == words[1]}
    assert {text for text in same if not places(text)} <= SAME


def test_no_key_is_given_twice() -> None:
    assert len(BUILDER_LABELS) == sum(map(len, (FIELDS, HINTS, CHOICES, BUTTONS, TEXTS)))


@pytest.mark.parametrize("row", [TaskDraft, DomainDraft, AccountDraft])
def test_each_field_has_a_name(row: Any) -> None:
    prefix = {DomainDraft: "domain.", AccountDraft: "account."}.get(row, "")
    for entry in fields(row):
        if entry.name != "key":
            assert {f"{prefix}{entry.name}", entry.name} & FIELDS.keys(), entry.name


def test_each_word_of_the_builder_is_asked_for() -> None:
    paths = set(PACKAGE.glob("*.py")) - {Path(builder_labels.__file__)}
    source = "\n".join(path.read_text("utf-8") for path in paths)
    built = {"tab_": "tasks domains account file", "no_": "tasks domains", "copy_": "yaml python"}
    dynamic = {start + end for start, ends in built.items() for end in ends.split()}
    unused = {
        key
        for key in {*BUTTONS, *TEXTS} - dynamic
        if not re.search(rf"""["'.](?:{key}|{key.removesuffix("_tip")})["']""", source)
    }
    assert unused == set()


def test_a_language_that_nobody_speaks() -> None:
    with pytest.raises(ValueError, match="choose 'en' or 'id'"):
        TaskBuilder(language="de")


def test_words_in_braces_are_not_read_twice() -> None:
    assert Words()("builder.added", name="{x} {{y}}") == "Task {x} {{y}} was added."
    assert "{{name}}" in Words()("builder.hint.template")


def shown(language: str) -> set[str]:
    """Return everything that a builder says by itself, in the state of an error."""
    builder = TaskBuilder(LAUNCH, language=language)
    builder.add.click()
    found = set()
    for widget in widgets_in(builder):
        for name in ("description", "tooltip", "title"):
            found.add(str(getattr(widget, name, "") or ""))
        if isinstance(widget, ipywidgets.Dropdown | ipywidgets.RadioButtons):
            found.update(map(str, (label for label, _ in widget.options)))
    found.update(builder.tabs.titles)
    for text in htmls(builder):
        found.update(part.strip() for part in re.sub("<style.*?</style>", "", text).split("<p>"))
    return {re.sub("<[^>]*>", "", text).strip(" *⚠") for text in found}


def test_nothing_english_is_left_in_indonesian() -> None:
    builder_words = {words[0] for words in BUILDER_LABELS.values()} | {"Scheduled", "Recurring"}
    left = shown("id") & builder_words
    assert left <= SAME | {words[0] for words in BUILDER_LABELS.values() if words[0] == words[1]}
    assert {"Buat Tugas Pengiriman", "Jenis Tugas", "Waktu Mulai", "Berulang"} <= shown("id")
