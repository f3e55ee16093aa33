"""The public names are those of the table in the package's documentation, no more and no less."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import sessim

ROOT = Path(__file__).parent.parent


def test_table_and_names_agree() -> None:
    assert sessim.__doc__ is not None
    table = re.findall(r"^``(\w+)``", sessim.__doc__, flags=re.MULTILINE)
    assert sorted([*table, "__version__"]) == sorted(sessim.__all__)


def test_every_public_name_is_documented() -> None:
    for name in set(sessim.__all__) - {"__version__"}:
        documented = getattr(sessim, name).__doc__
        assert documented, f"sessim.{name} has no docstring"


def test_version_is_the_project_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == sessim.__version__
