"""A plan as the Python that makes it: what takes an analyst from a form to a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sessim.plan import Plan

WIDTH: Final = 88
_CLASSES: Final = {"domains": "Domain", "tasks": "Task", "test_sends": "TestSend"}


def to_python(plan: Plan, folder: Path | None = None) -> str:
    """Write a plan as Python that builds an equal plan when it is run.

    Parameters
    ----------
    plan
        What is to be written.
    folder
        Where the relative paths of its files begin, if that is not where the code will be run.
    """
    data: dict[str, Any] = json.loads(plan.to_json())
    lines = ["import sessim", ""]
    if folder is None or not _relative(data):
        lines += ["plan = " + _call("sessim.Plan", data, 0)]
    else:
        lines[:1] = ["from pathlib import Path", "", "import sessim"]
        lines.insert(3, "from sessim.fields import relative_to")
        lines += [f"with relative_to(Path({_literal(str(folder), 0)})):  # the plan's files"]
        lines += ["    plan = " + _call("sessim.Plan", data, 4)]
    return "\n".join(lines) + "\n"


def _relative(data: Mapping[str, Any]) -> bool:
    """Say whether a plan names files by relative paths."""
    warmups = [domain.get("warmup") for domain in data["domains"]]
    paths = [task["recipients"] for task in data["tasks"] if "recipients" in task]
    paths += [entry["csv"] for entry in warmups if isinstance(entry, dict) and "csv" in entry]
    return any(not Path(path).is_absolute() for path in paths)


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
