"""Plan files: YAML 1.2 and JSON there and back, read with a guard against hostile files."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from ruamel.yaml import YAML
from ruamel.yaml.composer import ComposerError
from ruamel.yaml.constructor import ConstructorError, DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLWarning
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.resolver import VersionedResolver

from sessim.errors import PlanError, shown
from sessim.fields import relative_to

LARGEST_FILE = 50 * 2**20
_MOST_NODES = 5_000_000
_MOST_DIGITS = 4000
_ACCIDENTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What ruamel.yaml raises where it has not foreseen a file."""


class _TagError(ConstructorError):
    """A tag that would make anything but plain data."""


class _KeyTwiceError(ValueError):
    """A key that a JSON object holds twice."""


class _Constructor(SafeConstructor):
    """Reads dates and times as the text that was written: the plan knows its zone, YAML not."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # Such as a tag that does not fit its value, or a number of thousands of digits.
            problem = f"{shown(node.value)} cannot be read"
            raise ConstructorError(None, None, problem, node.start_mark) from None

    def refuse_tag(self, node: Node) -> None:
        """Refuse a tag that is none of YAML's own."""
        tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
        raise _TagError(None, None, f"the tag {shown(tag)} is not allowed", node.start_mark)


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)
_Constructor.add_constructor(None, _Constructor.refuse_tag)


class _Resolver(VersionedResolver):
    """Reads YAML 1.2 whatever a file declares: in 1.1 an unquoted 10:00 is 600."""

    @property
    def processing_version(self) -> tuple[int, int]:
        return 1, 2


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)  # the C parser reads YAML 1.1
    yaml.Constructor = _Constructor
    yaml.Resolver = _Resolver
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 100
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    return yaml


def beside(path: str | PathLike[str]) -> AbstractContextManager[None]:
    """Let relative paths begin at the folder of a file."""
    return relative_to(Path(path).parent)


def read(path: str | PathLike[str]) -> object:
    """Read a plan file as plain data; :class:`PlanError` if it cannot be read."""
    name = shown(str(path))
    text = _text(Path(path), name)
    try:
        data = _parse_json(text) if text.lstrip().startswith("{") else _parse_yaml(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise PlanError(f"file {name}{line}: {_problem(error)}") from None
    except ReaderError as error:
        number = text.count("\n", 0, error.position) + 1
        problem = f"holds the control character {shown(chr(error.character))}; remove it"
        raise PlanError(f"file {name}, line {number}: {problem}") from None
    except RecursionError:
        raise PlanError(f"file {name} is nested too deeply to be a plan; flatten it") from None
    except (YAMLError, *_ACCIDENTS) as error:
        reason = (str(error) or "is not YAML").splitlines()[0]
        raise PlanError(f"file {name} cannot be read: {reason}; mend it") from None
    if data is None:
        raise PlanError(f"file {name} is empty; write start, domains, tasks and others")
    return data


def _text(file: Path, name: str) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)  # a device may have no end
    except OSError as error:
        raise PlanError(f"cannot read the file {name} ({error.strerror}); name another") from None
    except ValueError:
        raise PlanError(f"{name} is no name of a file; name another") from None
    if len(data) > LARGEST_FILE:
        raise PlanError(f"file {name} is larger than 50 MB; a plan is a small file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PlanError(f"file {name} is not UTF-8 text; save it as UTF-8") from None


def _problem(error: MarkedYAMLError) -> str:
    """Say what the parser found, with a remedy."""
    problem = " ".join((error.problem or "is not YAML").split())
    if isinstance(error, DuplicateKeyError):
        return f"{_short(problem.partition(' with value')[0])}; leave one out"
    if isinstance(error, _TagError):
        return f"{_short(problem)}; remove it"
    if isinstance(error, ComposerError) and "another document" in problem:
        return "a second document begins; keep one plan a file"
    return f"{_short(problem)}; mend the line"


def _short(text: str) -> str:
    return text if len(text) < 200 else f"{text[:200]}..."


def _parse_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_int=_integer)
    except json.JSONDecodeError:
        return _parse_yaml(text)  # YAML may begin with a brace as well
    except _KeyTwiceError:
        _parse_yaml(text.replace("\t", " "))  # which knows the line
        raise


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _KeyTwiceError(f"key {shown(twice)} is given twice, leave one out")
    return found


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"{shown(text)} is too large a number")
    return int(text)


def _parse_yaml(text: str) -> object:
    yaml = _yaml()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", YAMLWarning)  # an anchor's name used again is no harm
        node = yaml.compose(StringIO(text))
        if node is None:
            return None
        if _size(node, {}) > _MOST_NODES:
            raise ValueError("its aliases would unfold to millions of values, write them out")
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


def plain(plan: Any, adapter: TypeAdapter[Any], folder: Path | None = None) -> dict[str, Any]:
    """Return a plan as plain data, keys at their defaults left out.

    Parameters
    ----------
    plan, adapter
        The plan and pydantic's adapter of its class.
    folder
        Name the files that the plan was read from, those in this folder relative to it. Default:
        write what they hold.
    """
    data: dict[str, Any] = adapter.dump_python(
        plan, mode="json", exclude_defaults=True, exclude_none=True
    )
    for task in data["tasks"]:
        if "recipients" not in task:
            continue
        if folder is None:
            del task["recipients"]
        else:
            del task["requests"]
            task["recipients"] = _from(folder, task["recipients"])
    for entry, domain in zip(data["domains"], plan.domains, strict=True):
        if isinstance(entry.get("warmup"), dict) and "csv" in entry["warmup"]:
            if folder is None:
                entry["warmup"] = list(domain.warmup.numbers)
            else:
                entry["warmup"] = {"csv": _from(folder, domain.warmup.csv)}
    return data


def _from(folder: Path, file: str) -> str:
    """Return the path of a file from a folder, whole if the file lies elsewhere."""
    path, root = Path(file), folder.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file


def write(
    plan: Any,
    adapter: TypeAdapter[Any],
    path: str | PathLike[str] | None,
    render: Callable[[dict[str, Any]], str],
) -> str:
    """Render a plan, and write it to a file if one is given."""
    text = render(plain(plan, adapter, Path() if path is None else Path(path).parent))
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
