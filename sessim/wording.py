"""What pydantic finds wrong with a plan, in words: the place, what is wrong, the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sessim.errors import PlanError, Problem, nearest, shown

_KEYS: dict[str, tuple[str, ...]] = {}
"""The known keys of the plan (under ``""``) and of the entries of each of its lists."""

_MISSING = "is missing; add it"
_MESSAGES: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda error: _MISSING,
    "missing_argument": lambda error: _MISSING,
    "value_error": lambda error: str(error["ctx"]["error"]),
    "literal_error": lambda error: (
        f"{shown(error['input'])} is not known; choose {error['ctx']['expected']}"
    ),
    "invalid_key": lambda error: "is no key; write keys as words",
    "string_unicode": lambda error: f"{shown(error['input'])} is not a text; write plain words",
    "tuple_type": lambda error: f"{shown(error['input'])} is not a list; write one entry a line",
    "dataclass_type": lambda error: (
        f"{shown(error['input'])} is not a group of keys; write key: value"
    ),
    "unexpected_positional_argument": lambda error: (
        f"{shown(error['input'])} stands without its key; write key=value"
    ),
    "multiple_argument_values": lambda error: "is given twice; leave one out",
}


def _message(error: ErrorDetails) -> str:
    known = _MESSAGES.get(error["type"])
    return known(error) if known else f"{shown(error['input'])} cannot be used; see the plan's keys"


def problems(error: ValidationError, data: Mapping[str, Any], group: str = "") -> list[Problem]:
    """Say in words what pydantic found.

    Parameters
    ----------
    error
        What pydantic raised.
    data
        What was given, to name tasks and domains in the sentence.
    group
        Which of these was built: a plan (``""``), or one entry of a list.
    """
    found: list[Problem] = []
    for details in error.errors(include_url=False):
        found.extend(_problems(details, data, group))
    # Where a key is unknown and another one is missing, the one may be the other, misspelt.
    said = {(problem.where[:-1], problem.message) for problem in found}
    found = [
        problem
        for problem in found
        if problem.message != _MISSING
        or (problem.where[:-1], _unknown(problem.where[-1], problem.where[-1:])) not in said
    ]
    return sorted(found, key=lambda problem: problem.message == _MISSING)


def _problems(error: ErrorDetails, data: Mapping[str, Any], group: str) -> list[Problem]:
    where, keys = error["loc"], _KEYS[group]
    if where and isinstance(where[0], int) and error["type"] != "invalid_key":
        where = (*keys[where[0] : where[0] + 1], *where[1:])  # a positional argument
    at = place(where, data)
    if group:
        at = _joined(_label(group, data), at)
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, PlanError):
        return [
            Problem(_joined(at, inner.field), inner.message, (*where, *inner.where))
            for inner in cause.problems
        ]
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _KEYS.get(str(where[0]), ()) if len(where) > 1 else keys
        return [Problem(at, _unknown(where[-1], known), where)]
    return [Problem(at, _message(error), where)]


def _unknown(key: int | str, known: Iterable[int | str]) -> str:
    return f"is not known; {nearest(str(key), map(str, known))}"


def _joined(*names: str) -> str:
    return ", ".join(filter(None, names))


_SINGULAR = {"tasks": "task", "domains": "domain", "test_sends": "test send"}


def place(where: tuple[int | str, ...], data: Mapping[str, Any]) -> str:
    """Name a place in a plan: ``("tasks", 1, "every")`` is ``task 'Invoices', every``."""
    match where:
        case (str(group), int(i), *rest) if group in _SINGULAR:
            entries = data[group]
            entry = entries[i] if isinstance(entries, Sequence) else None
            return ", ".join([_label(group, entry, i + 1), *map(_word, rest)])
    return ", ".join(map(_word, where))


def _label(group: str, entry: object, number: int | None = None) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else getattr(entry, "name", None)
    named = isinstance(name, str) and name
    return f"{_SINGULAR[group]} {shown(name) if named else number or ''}".rstrip()


def _word(key: int | str) -> str:
    text = str(key)
    return text if text.isprintable() and 0 < len(text) < 80 else shown(key)


_Class = TypeVar("_Class", bound=type)


def in_words(group: str = "") -> Callable[[_Class], _Class]:
    """Decorate a pydantic dataclass so that building it raises :class:`PlanError`.

    ``group`` says what the class is: the plan (``""``), or an entry of one of its lists.
    """

    def decorate(cls: _Class) -> _Class:
        build = cls.__init__  # type: ignore[misc]
        keys = _KEYS[group] = tuple(field.name for field in fields(cls))

        @wraps(build)
        def checked(self: Any, /, *args: Any, **data: Any) -> None:
            try:
                build(self, *args, **data)
            except ValidationError as error:
                given = dict(zip(keys, args, strict=False)) | data
                raise PlanError(problems(error, given, group)) from None

        cls.__init__ = checked  # type: ignore[misc]
        return cls

    return decorate
