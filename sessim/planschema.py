"""The JSON Schema of plan files, for editors: the kinds of values, and what pydantic cannot see.

It takes whatever the plan takes, and refuses what can be told from a file alone.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from pydantic import Field, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from sessim import quality, warmup

Schema = dict[str, Any]

# --- times, as regular expressions that JavaScript reads too -------------------------------------

_TIME = "[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OFFSET = "(Z|[+-][0-9]{2}(:?[0-9]{2}){0,2})"
_MOMENT = rf"{_DATE}((T|\s+){_TIME}\s*{_OFFSET}?)?"
_HOURS = "[hH]([oO][uU][rR][sS]?)?"
_DAYS = "[dD]([aA][yY][sS]?)?"


def _text(pattern: str, *examples: str) -> Schema:
    return {"type": "string", "pattern": rf"^\s*({pattern})\s*$", "examples": list(examples)}


MOMENT = _text(_MOMENT, "2026-12-01 09:00")
DATE = _text(_DATE, "2026-12-01")
HORIZON = _text(rf"{_MOMENT}|[0-9]{{1,9}}\s*({_DAYS}|{_HOURS})", "2027-03-01", "90d", "36h")
HOURS: Schema = {
    "anyOf": [
        _text(rf"[0-9]{{1,9}}\s*({_HOURS})?", "24h"),
        {"type": "integer", "minimum": 1, "maximum": 1_000_000},
    ]
}
RESTART_AT: Schema = {
    "anyOf": [_text(_TIME, "09:00"), {"type": "array", "items": MOMENT, "minItems": 1}]
}

# --- warm-up ------------------------------------------------------------------------------------

_LIMIT: Schema = {"type": "integer", "minimum": 0, "maximum": warmup.LARGEST}
_FACTOR: Schema = {"anyOf": [{"type": "number", "minimum": 1}, {"type": "string"}]}


def _group(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


class WarmupSchema:
    """Says what a ``warmup`` may be; the published names are read only when a schema is made."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "anyOf": [
                {"enum": [*warmup.published(), "reputation", "none", None]},
                _LIMIT,
                {"type": "array", "items": _LIMIT, "minItems": 1},
                _group(start=_LIMIT, factor=_FACTOR, cap=_LIMIT),
                _group(csv={"type": "string"}),
            ]
        }


# --- quality ------------------------------------------------------------------------------------

_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_NUMBERS: dict[str, Schema] = {
    "beta": {"items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 2, "maxItems": 2},
    "uniform": {"items": _SHARE, "minItems": 2, "maxItems": 2},
    "triangular": {"items": _SHARE, "minItems": 3, "maxItems": 3},
    "choice": {"items": _SHARE, "minItems": 1},
}
_RATE: Schema = {
    "anyOf": [
        _SHARE,
        *(_group(**{kind: {"type": "array", **_NUMBERS[kind]}}) for kind in quality.KINDS),
        {"type": "null"},
    ]
}
QUALITY: Schema = {
    "anyOf": [
        {
            "type": "object",
            "properties": dict.fromkeys(quality.RATES, _RATE),
            "additionalProperties": False,
        },
        {"type": "null"},
    ]
}
SEGMENTS: Schema = {
    "anyOf": [
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "requests": {"type": "integer", "minimum": 1},
                    "quality": QUALITY,
                },
                "required": ["name", "requests"],
                "additionalProperties": False,
            },
        },
        {"type": "null"},
    ]
}

# --- what belongs together ----------------------------------------------------------------------


def _given(key: str) -> Schema:
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def _needs(key: str, other: str) -> Schema:
    """Demand another key beside a key, unless that is null: to the plan, null is not given."""
    return {"anyOf": [{"properties": {key: {"type": "null"}}}, _given(other)]}


TASK: Schema = {
    "anyOf": [_given("requests"), _given("recipients")],
    "dependentSchemas": {
        "every": _needs("every", "start"),
        "count": _needs("count", "every"),
        "until": _needs("until", "every"),
    },
}


def size(least: int, most: int | None = None) -> Any:
    """Say how many entries a list has; the plan itself says it in its own words."""
    bounds = {"minItems": least, "maxItems": most}
    return Field(json_schema_extra={key: n for key, n in bounds.items() if n is not None})


# --- the whole ----------------------------------------------------------------------------------

_ROLE = re.compile(r":\w+:`([\w.]+)`|``")
_PARAMETERS = re.compile(r"^Parameters\n-+\n(.*?)(?:\n\n|\Z)", re.DOTALL | re.MULTILINE)
_PARAMETER = re.compile(r"^(\w[\w, ]*)\n((?:[ ]+.*(?:\n|\Z))+)", re.MULTILINE)


def schema(adapter: TypeAdapter[Any], classes: Iterable[type]) -> Schema:
    """Return the JSON Schema of a plan file, with what the docstrings of ``classes`` say."""
    found = adapter.json_schema(mode="validation")
    for cls in classes:
        part = found["$defs"].get(cls.__name__, found)
        text = _ROLE.sub(r"\1", inspect.getdoc(cls) or "")
        part["description"] = text.split("\n\n")[0]
        table = _PARAMETERS.search(text)
        for names, words in _PARAMETER.findall(table[1] if table else ""):
            for name in names.split(", "):
                part["properties"][name]["description"] = " ".join(words.split())
    found["properties"]["rate"]["default"] = 20  # pydantic would write the fraction as text
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
