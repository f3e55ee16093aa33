"""Driving the task builder as a user does, and reading what it shows."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import ipywidgets

from sessim.plan import Plan
from sessim.widgets import TaskBuilder

HOSTILE = ["<img src=x onerror=alert(1)>", "</script>", "<b>bold</b> & \"quoted\" 'too'"]


def empty(**options: Any) -> TaskBuilder:
    """Return a builder with a start and a domain, and no task."""
    builder = TaskBuilder(**options)
    builder.account.start.value = "2026-12-01"
    builder.domains.add.click()
    builder.domains.name.value = "news.example.com"
    return builder


def fill(builder: TaskBuilder, name: str = "Launch", **values: Any) -> None:
    """Fill in a task."""
    for field, value in {
        "name": name,
        "sender": "hello@news.example.com",
        "requests": 60_000,
        **values,
    }.items():
        getattr(builder, field).value = value


def beside(builder: TaskBuilder, field: str) -> str:
    """Return what the line below a field says."""
    note = builder.form.fields[field].note.value
    return re.sub("<[^>]*>", "", note).replace("&#x27;", "'")


def visible(builder: TaskBuilder) -> set[str]:
    return {name for name, field in builder.form.fields.items() if field.layout.display != "none"}


def plan_of(builder: TaskBuilder) -> Plan:
    assert builder.plan is not None
    return builder.plan


def names(builder: TaskBuilder) -> list[str]:
    return [task.name for task in plan_of(builder).tasks]


def upload(name: str, content: bytes) -> tuple[dict[str, Any], ...]:
    modified = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    size = len(content)
    file = {"name": name, "type": "", "size": size, "content": content, "last_modified": modified}
    return (file,)


class Tags(HTMLParser):
    """Collects the tags of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(tag)


def widgets_in(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from widgets_in(child)


def htmls(builder: TaskBuilder) -> list[str]:
    return [w.value for w in widgets_in(builder) if isinstance(w, ipywidgets.HTML)]
