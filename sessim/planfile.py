"""Plan files: YAML 1.2 and JSON there and back, read with a guard against hostile files."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from sessim.errors import PlanError
from sessim.fields import relative_to

LARGEST_FILE = 50 * 2**20
_MOST_NODES = 5_000_000


class _Constructor(SafeConstructor):
    """Reads dates and times as the text that was written: the plan knows its zone, YAML not."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)  # the C parser reads YAML 1.1, where 10:00 is 600
    yaml.Constructor = _Constructor
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 100
    yaml.sort_base_mapping_type_on_output = False
    return yaml


def beside(path: str | PathLike[str]) -> AbstractContextManager[None]:
    """Let relative paths begin at the folder of a file."""
    return relative_to(Path(path).parent)


def read(path: str | PathLike[str]) -> object:
    """Read a plan file as plain data; :class:`PlanError` if it cannot be read."""
    file = Path(path)
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise PlanError(f"file {str(path)!r} is larger than 50 MB; a plan is a small file")
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise PlanError(f"cannot read the file {str(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PlanError(f"file {str(path)!r} is not UTF-8 text; save it as UTF-8") from None
    try:
        return _parse_json(text) if text.lstrip().startswith("{") else _parse_yaml(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        problem = (error.problem or "is not YAML").splitlines()[0]
        raise PlanError(f"file {str(path)!r}{line}: {problem}; mend the line") from None
    except RecursionError:
        raise PlanError(f"file {str(path)!r} is nested too deeply to be a plan") from None
    except (YAMLError, ValueError) as error:
        reason = (str(error) or "is not YAML").splitlines()[0]
        raise PlanError(f"file {str(path)!r}: {reason}") from None


def _parse_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return _parse_yaml(text)  # YAML may begin with a brace as well


def _parse_yaml(text: str) -> object:
    yaml = _yaml()
    node = yaml.compose(StringIO(text))
    if node is None:
        return {}
    if _size(node, {}) > _MOST_NODES:
        raise ValueError("its aliases would unfold to millions of values; write them out")
    return yaml.constructor.construct_document(node)


def _size(node: Node, known: dict[int, int]) -> int:
    """Count the values that a node unfolds to, aliases included."""
    if id(node) not in known:
        known[id(node)] = _MOST_NODES + 1  # should the node hold itself
        children: list[Node] = []
        if isinstance(node, SequenceNode):
            children = node.value
        elif isinstance(node, MappingNode):
            children = [entry for pair in node.value for entry in pair]
        known[id(node)] = 1 + sum(_size(child, known) for child in children)
    return known[id(node)]


def plain(plan: Any, adapter: TypeAdapter[Any], *, files: bool) -> dict[str, Any]:
    """Return a plan as plain data, keys at their defaults left out.

    Parameters
    ----------
    plan, adapter
        The plan and pydantic's adapter of its class.
    files
        Whether to name the files that the plan was read from, or else what they hold.
    """
    data: dict[str, Any] = adapter.dump_python(
        plan, mode="json", exclude_defaults=True, exclude_none=True
    )
    for task in data["tasks"]:
        if "recipients" in task:
            del task["requests" if files else "recipients"]
    if not files:
        for entry, domain in zip(data["domains"], plan.domains, strict=True):
            if isinstance(entry.get("warmup"), dict) and "csv" in entry["warmup"]:
                entry["warmup"] = list(domain.warmup.numbers)
    return data


def write(
    plan: Any,
    adapter: TypeAdapter[Any],
    path: str | PathLike[str] | None,
    render: Callable[[dict[str, Any]], str],
) -> str:
    """Render a plan, and write it to a file if one is given."""
    text = render(plain(plan, adapter, files=True))
    if path is not None:
        Path(path).write_text(text, "utf-8")
    return text


def yaml_text(data: dict[str, Any]) -> str:
    """Write plain data as YAML 1.2."""
    stream = StringIO()
    _yaml().dump(data, stream)
    return stream.getvalue()


def json_text(data: dict[str, Any]) -> str:
    """Write plain data as JSON."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a plan file."""
    found = adapter.json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
