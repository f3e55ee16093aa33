"""The JSON Schema of plan files: never stricter than the plan, and as strict as a schema can be."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

import sessim
from sessim import planfile
from sessim.errors import PlanError
from sessim.plan import Domain, Plan, Task, TestSend
from tests.results import LAUNCH
from tests.strategies import plans
from tests.test_errors import BAD_VALUES, changed, spoilt
from tests.test_plan import contract
from tests.test_planfile import CONTRACT, EVERY_KEY

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

SCHEMA = Plan.json_schema()


def valid(data: object) -> bool:
    return Draft202012Validator(SCHEMA).is_valid(data)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
FILES = [
    CONTRACT,
    EVERY_KEY,
    LAUNCH.read_text("utf-8"),
    re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[0],
]


@pytest.mark.parametrize("text", FILES)
def test_the_schema_takes_every_example(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.csv").write_text("address\na@x.com\n")
    (tmp_path / "limits.csv").write_text("day,limit\n1,5\n")
    file = tmp_path / "plan.yaml"
    file.write_text(text, "utf-8")
    assert valid(planfile.read(file))
    assert valid(Plan.from_yaml(file).to_dict())


@given(plans())
def test_the_schema_takes_every_plan(data: dict[str, Any]) -> None:
    assert valid(data)
    assert valid(Plan.from_dict(data).to_dict())


@settings(suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
@given(spoilt())
def test_the_schema_is_never_stricter_than_the_plan(data: dict[str, Any]) -> None:
    try:
        Plan.from_dict(data)
    except PlanError:
        return
    assert valid(data)


RECURRING = contract().to_dict()["tasks"][2]


@pytest.mark.parametrize(
    "change",
    [
        *({"domains": [{"name": "news.example.com", "warmup": name}]} for name in (None, "none")),
        *({"domains": [{"name": "news.example.com", "warmup": n}]} for n in sessim.published()),
        *({"resume_on_raise": word} for word in (True, False, "yes", "No", "ON", "off", "True")),
        *({"start": text} for text in ("2026-12-01T8:00", " 2026-12-01 00:00:00.5 +08:00 ")),
        *({"horizon": text} for text in ("90d", "3 Days", "9000H", "2027-01-01 00:00Z", None)),
        {"tasks": [RECURRING | {"every": 24}]},
        *({"tasks": [RECURRING | {"every": text}]} for text in ("24H", " 24 hours ", "24")),
        {"tasks": [{**RECURRING, "every": None, "count": None, "until": None}]},
        {"restart": "manual", "restart_at": "9:00"},
        {"restart": "manual", "restart_at": ["2026-12-02", "2026-12-02 09:00"]},
        {"domains": [{"name": "news.example.com"}, *({"name": f"{i}.com"} for i in range(9))]},
    ],
)
def test_the_schema_takes_what_the_plan_takes(change: dict[str, Any]) -> None:
    data = contract().to_dict() | change
    assert Plan.from_dict(data)
    assert valid(data)


def test_the_schema_lists_the_published_warm_ups() -> None:
    choices = SCHEMA["$defs"]["Domain"]["properties"]["warmup"]["anyOf"][0]["enum"]
    assert choices == [*sessim.published(), "reputation", "none", None]


SEEN = ("domains", "tasks", "start", "horizon", "restart_at", "resume_on_raise", "tasks 1 every")


@pytest.mark.parametrize("place", SEEN)
def test_the_schema_refuses_forms_that_the_plan_refuses(place: str) -> None:
    forms = [value for value, said in BAD_VALUES[place] if valid(changed(place, value))]
    # What is left is well formed: whether the calendar or the plan has it, no schema can tell.
    assert all(value in WELL_FORMED for value in forms), forms


WELL_FORMED = [
    *("2026-02-30", "2026-12-01 25:00", "0001-01-01", "9999-12-31", "2026-11-30", "0d", "09:00"),
]


@pytest.mark.parametrize(
    "change",
    [
        {"strat": 1},
        {"start": 20261201},
        {"start": "tomorrow"},
        {"horizon": "90 years"},
        {"domains": []},
        {"domains": [{"name": f"{i}.com"} for i in range(11)]},
        {"domains": [{"name": "a.com", "warmup": "standart"}]},
        {"domains": [{"name": "a.com", "warmup_start": "2026-12-01 09:00"}]},
        {"tasks": []},
        {"tasks": [{"name": "T", "sender": "a@news.example.com"}]},
        {"tasks": [{"name": "T", "sender": "a@news.example.com", "requests": None}]},
        {"tasks": [{"name": "T", "sender": "a@news.example.com", "requests": 1, "count": 2}]},
        {"tasks": [RECURRING | {"every": None}]},
        {"tasks": [RECURRING | {"start": None}]},
        {"resume_on_raise": "maybe"},
        {"restart": "manual", "restart_at": ["09:00"]},
        {"rate": 0},
        {"discipline": "lifo"},
        {"resume_on_raise": 1},
        {"levels_per_day": 21},
        {"restart_delay": -1},
        {"restart_at": []},
        {"horizon": 90},
        {"domains": {"name": "a.com"}},
        {"domains": [{"name": "a.com", "warm_up": 1}]},
        {"domains": [{"name": "a.com", "warmup": -1}]},
        {"domains": [{"name": "a.com", "warmup": [-1]}]},
        {"domains": [{"name": "a.com", "warmup": {"start": 1, "factor": 0.5, "cap": 2}}]},
        {"domains": [{"name": "a.com", "warmup": {"start": 1}}]},
        {"domains": [{"warmup": 1}]},
        {"tasks": [{"name": "T", "sender": "a@a.com", "requests": 0}]},
        {"tasks": [{"name": "T", "sender": "a@a.com", "requets": 1}]},
        {"tasks": [{"name": "T", "sender": "a@a.com", "requests": 1, "every": "30m"}]},
        {"tasks": [{"name": "T", "requests": 1}]},
        {"test_sends": [{"sender": "a@a.com", "at": "2026-12-01", "recipients": 21}]},
    ],
)
def test_the_schema_refuses_what_the_plan_refuses(change: dict[str, Any]) -> None:
    data = contract().to_dict() | change
    assert not valid(data)
    with pytest.raises(PlanError):
        Plan.from_dict(data)


def test_the_schema_describes_every_key_and_closes_every_group() -> None:
    groups = {"Plan": SCHEMA, **SCHEMA["$defs"]}
    for cls in (Plan, Domain, Task, TestSend):
        group = groups[cls.__name__]
        assert group["additionalProperties"] is False
        assert len(group["description"].split()) > 4
        assert group["properties"].keys() == cls.__dataclass_fields__.keys() - {"_"}
        for key, words in group["properties"].items():
            assert len(words["description"].split()) > 2, key
            assert "`" not in words["description"]
    assert SCHEMA["properties"]["rate"]["default"] == 20
    assert SCHEMA["properties"]["discipline"]["enum"] == ["fifo", "fair"]
