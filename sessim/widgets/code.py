"""A plan as the Python that makes it: what takes an analyst from a form to a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sessim.plan import Plan
from sessim.widgets.draft import plain

WIDTH: Final = 88
_CLASSES: Final = {"domains": "Domain", "tasks": "Task", "test_sends": "TestSend"}


def to_python(plan: Plan) -> str:
    """Write a plan as Python that builds an equal plan when it is run.

    Files that lie in the working directory are named relative to it.
    """
    return f"import sessim\n\nplan = {_call('sessim.Plan', plain(plan, Path.cwd()), 0)}\n"


def _call(name: str, data: Mapping[str, Any], indent: int) -> str:
    """Write a call, on one line if it fits, else with an argument on each."""
    inner = indent + 4
    arguments = [f"{key}={_argument(key, value, inner)}" for key, value in data.items()]
    if name.endswith((".Task", ".Domain")):
        arguments[0] = arguments[0].removeprefix("name=")
    return _fit(f"{name}(", arguments, ")", indent)


def _argument(key: str, value: Any, indent: int) -> str:
    if key not in _CLASSES:
        return _literal(value, indent)
    calls = [_call(f"sessim.{_CLASSES[key]}", entry, indent + 4) for entry in value]
    return _lines("[", calls, "]", indent)


def _literal(value: Any, indent: int) -> str:
    """Write plain data; a text in double quotes, as JSON and Python both read it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return _fit("[", [_literal(entry, indent + 4) for entry in value], "]", indent)
    if isinstance(value, dict):
        pairs = [f"{_literal(key, 0)}: {_literal(entry, 0)}" for key, entry in value.items()]
        return _fit("{", pairs, "}", indent)
    return f"{value:_}" if type(value) is int else repr(value)


def _fit(start: str, parts: list[str], end: str, indent: int) -> str:
    line = start + ", ".join(parts) + end
    if "\n" not in line and indent + len(line) + len("warmup=,") <= WIDTH:
        return line
    if all(part.replace("_", "").isdigit() for part in parts):
        return _wrapped(start, parts, end, indent)
    return _lines(start, parts, end, indent)


def _lines(start: str, parts: list[str], end: str, indent: int) -> str:
    margin = " " * (indent + 4)
    return "\n".join([start, *(f"{margin}{part}," for part in parts), " " * indent + end])


def _wrapped(start: str, numbers: list[str], end: str, indent: int) -> str:
    """Write a long list of numbers, as many on a line as fit."""
    lines = [""]
    for number in numbers:
        if len(lines[-1]) + len(number) + indent + 6 > WIDTH:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{number},"
    margin = " " * (indent + 4)
    return "\n".join([start, *(margin + line for line in lines), " " * indent + end])
