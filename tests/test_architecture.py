"""Rooms (``CONTRIBUTING.md``): who may import whom, and what costs time only when it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "sessim"

ROOMS = (
    *(
        "version",
        "errors",
        "lifecycle",
        "clock",
        "warmup",
        "advance",
        "quality",
        "wording",
        "planschema",
    ),
    *(
        "fields",
        "recipients",
        "schedule",
        "planfile",
        "parts",
        "luck",
        "basis",
        "checks",
        "plan",
        "reputation",
        "expectation",
        "outcomes",
        "serving",
        "eventlog",
        "logwriter",
        "ledger",
        "state",
        "telling",
        "judging",
        "account",
        "model",
    ),
    *(
        "days",
        "tables",
        "life",
        "charts",
        "result",
        "simulation",
        "summary",
        "comparison",
        "listing",
        "senders",
    ),
    *(
        "history",
        "experiments",
        "widgets",
        "cli_parts",
        "cli_experiments",
        "cli_deadline",
        "cli_send",
        "cli_history",
        "cli_explain",
        "cli_calibrate",
        "cli",
        "__main__",
    ),
)
"""Bottom-up: a room knows nothing of those behind it. A folder is one room."""

ROOF = "__init__"  # the package itself: on top of all

# What only some may import, and whether they may at the top of a module.
NETWORK = ("socket", "smtplib", "ssl", "socketserver", "select", "selectors")
STREAMS = (
    *("open_connection", "start_server", "StreamReader", "StreamWriter", "start_tls"),
    *("create_connection", "create_server", "create_datagram_endpoint", "sock_connect"),
    *("open_unix_connection", "start_unix_server", "getaddrinfo"),
)
SOCKETS = ("senders/wire.py", "senders/loopback.py")
"""Of the senders, the client's end and the server's end."""

ONLY = {
    "simpy": ("model",),
    "ipywidgets": ("widgets",),
    "sqlite3": ("senders", "history"),
    **dict.fromkeys(NETWORK, ("senders",)),
}
PYPLOT = "matplotlib.pyplot"


class Import(NamedTuple):
    """An import that is carried out: in which room, what, in which line, inside a function?"""

    room: str
    what: str
    line: str
    is_inside: bool

    def is_from(self, files: tuple[str, ...]) -> bool:
        """Tell whether the import stands in one of some files of the package."""
        return self.line.partition("/")[2].partition(":")[0] in files


def room_of(file: Path, package: Path) -> str:
    """Return the room that a file belongs to."""
    return file.relative_to(package).parts[0].removesuffix(".py")


def is_type_checking(node: ast.AST) -> bool:
    """Tell whether a statement is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def names_of(node: ast.AST, file: Path, package: Path) -> Iterator[str]:
    """Yield the full names that an import statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        origin = node.module or ""
        if node.level:
            folders = file.relative_to(package.parent).parts[: -node.level]
            origin = ".".join([*folders, *filter(None, [node.module])])
        yield from (f"{origin}.{alias.name}" for alias in node.names)


def imports_in(file: Path, package: Path) -> Iterator[Import]:
    """Yield every import of a file but those for type checkers only."""
    room = room_of(file, package)

    def visit(node: ast.AST, is_inside: bool) -> Iterator[Import]:
        for name in names_of(node, file, package):
            line = f"{file.relative_to(package.parent)}:{getattr(node, 'lineno', 0)}"
            yield Import(room, name, line, is_inside)
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        children = node.orelse if is_type_checking(node) else ast.iter_child_nodes(node)  # type: ignore[attr-defined]
        for child in children:
            yield from visit(child, is_inside or is_function)

    yield from visit(ast.parse(file.read_text("utf-8")), False)


def is_from(name: str, module: str) -> bool:
    """Tell whether a full name is a module or something in it."""
    return name == module or name.startswith(f"{module}.")


def upward(entry: Import, package: Path) -> str | None:
    """Say what is wrong if an import reaches into a room above its own."""
    if not is_from(entry.what, package.name):
        return None
    parts = entry.what.split(".")
    target = parts[1] if len(parts) > 1 and parts[1] in ROOMS else ROOF
    if target == entry.room:
        return None
    heights = [*ROOMS, ROOF]
    if heights.index(target) > heights.index(entry.room):
        return f"{entry.line}: {entry.room} reaches up into {target}"
    return None


def out_of_place(entry: Import) -> str | None:
    """Say what is wrong if a library is imported where it does not belong."""
    for module, rooms in ONLY.items():
        if is_from(entry.what, module) and entry.room not in rooms:
            return f"{entry.line}: {module} belongs to {' and '.join(rooms)}"
    if any(is_from(entry.what, module) for module in NETWORK) and not entry.is_from(SOCKETS):
        return f"{entry.line}: of the senders, only {' and '.join(SOCKETS)} touch the network"
    if is_from(entry.what, PYPLOT) and not (entry.room == "charts" and entry.is_inside):
        return f"{entry.line}: pyplot belongs into functions of charts"
    return None


def uses_streams(file: Path, package: Path) -> Iterator[str]:
    """Yield what is wrong where asyncio's network is used elsewhere than in the senders' ends."""
    if file.relative_to(package).as_posix() not in SOCKETS:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = {getattr(node, key, None) for key in ("attr", "id", "name")}
            for name in names & set(STREAMS):
                line = f"{file.relative_to(package.parent)}:{getattr(node, 'lineno', 0)}"
                yield f"{line}: asyncio's {name} belongs to {' and '.join(SOCKETS)}"


def breaches(package: Path) -> list[str]:
    """Return everything that breaks the rules of the rooms."""
    found = []
    for file in sorted(package.rglob("*.py")):
        if room_of(file, package) not in (*ROOMS, ROOF):
            found.append(
                f"{room_of(file, package)} is a room without a place: give it one in ROOMS"
            )
            continue
        for entry in imports_in(file, package):
            found += filter(None, [upward(entry, package), out_of_place(entry)])
        found += uses_streams(file, package)
    return found


# --- the package --------------------------------------------------------------------------------


def test_no_room_reaches_up_and_every_library_is_in_its_place() -> None:
    assert breaches(PACKAGE) == []


def modules_after(statement: str) -> set[str]:
    """Return what a fresh Python has loaded after a statement."""
    command = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", command],
        capture_output=True, text=True, check=True, cwd=PACKAGE.parent,
    )  # fmt: skip
    return set(done.stdout.split())


HEAVY = (
    *("matplotlib", "ipywidgets", "IPython", "jupyterlab", "notebook", "tqdm", "smtplib"),
    *("sessim.senders", "sqlite3", "sessim.experiments", "scipy", "loky", "distributed"),
)


def test_importing_the_package_loads_nothing_that_is_only_used_later() -> None:
    loaded = modules_after("import sessim")
    assert {"pandas", "simpy"} < loaded
    assert not {name for name in loaded if any(is_from(name, heavy) for heavy in HEAVY)}


def test_simulating_and_its_tables_load_nothing_that_draws() -> None:
    plan = "dict(start='2026-12-01', domains=[dict(name='a.example.com')], tasks=[dict("
    plan += "name='A', sender='a@a.example.com', requests=5)])"
    loaded = modules_after(f"import sessim; r = sessim.simulate(sessim.Plan(**{plan})); repr(r)")
    assert not {name for name in loaded if any(is_from(name, heavy) for heavy in HEAVY)}


# --- the checker itself, on a small house -------------------------------------------------------


def house(folder: Path, files: dict[str, str]) -> Path:
    """Build a small package; return its folder."""
    package = folder / "sessim"
    for name, text in {"__init__.py": "", **files}.items():
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return package


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "clock.py",
            "from sessim.plan import Plan",
            "sessim/clock.py:1: clock reaches up into plan",
        ),
        ("clock.py", "import sessim.plan", "sessim/clock.py:1: clock reaches up into plan"),
        ("clock.py", "from sessim import plan", "sessim/clock.py:1: clock reaches up into plan"),
        ("clock.py", "from . import plan", "sessim/clock.py:1: clock reaches up into plan"),
        ("clock.py", "from .plan import Plan", "sessim/clock.py:1: clock reaches up into plan"),
        ("clock.py", "import sessim", "sessim/clock.py:1: clock reaches up into __init__"),
        (
            "clock.py",
            "from sessim import Plan",
            "sessim/clock.py:1: clock reaches up into __init__",
        ),
        (
            "clock.py",
            "def f():\n import sessim.cli",
            "sessim/clock.py:2: clock reaches up into cli",
        ),
        ("charts/a.py", "from ..cli import x", "sessim/charts/a.py:1: charts reaches up into cli"),
        ("state.py", "import simpy", "sessim/state.py:1: simpy belongs to model"),
        ("state.py", "from simpy.rt import x", "sessim/state.py:1: simpy belongs to model"),
        ("cli.py", "import ipywidgets as w", "sessim/cli.py:1: ipywidgets belongs to widgets"),
        ("cli.py", "from smtplib import SMTP", "sessim/cli.py:1: smtplib belongs to senders"),
        (
            "model.py",
            "import asyncio\nasyncio.open_connection('localhost', 25)",
            (
                "sessim/model.py:2: asyncio's open_connection "
                "belongs to senders/wire.py and senders/loopback.py"
            ),
        ),
        (
            "senders/pool.py",
            "import asyncio\nasyncio.start_server(print)",
            (
                "sessim/senders/pool.py:2: asyncio's start_server "
                "belongs to senders/wire.py and senders/loopback.py"
            ),
        ),
        (
            "senders/pool.py",
            "import socket",
            (
                "sessim/senders/pool.py:1: of the senders, only "
                "senders/wire.py and senders/loopback.py touch the network"
            ),
        ),
        (
            "charts/a.py",
            "from matplotlib import pyplot as plt",
            "sessim/charts/a.py:1: pyplot belongs into functions of charts",
        ),
        (
            "result.py",
            "def f():\n    import matplotlib.pyplot as plt",
            "sessim/result.py:2: pyplot belongs into functions of charts",
        ),
        ("attic.py", "", "attic is a room without a place: give it one in ROOMS"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, name: str, text: str, said: str) -> None:
    assert breaches(house(tmp_path, {name: text})) == [said]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plan.py", "from sessim.clock import Clock\nfrom sessim import warmup"),
        ("plan.py", "if TYPE_CHECKING:\n    from sessim.cli import main"),
        ("plan.py", "import typing\nif typing.TYPE_CHECKING:\n    import sessim.cli"),
        ("charts/a.py", "from sessim.charts.b import c\nfrom . import d"),
        ("charts/a.py", "def f():\n    import matplotlib.pyplot as plt"),
        ("__init__.py", "from sessim.cli import main"),
        ("senders/wire.py", "import asyncio\nimport ssl\nasyncio.open_connection('a', 25)"),
        ("senders/pool.py", "import asyncio\nasyncio.Event()"),
        ("model.py", "import simpy"),
    ],
)
def test_what_is_allowed_is_no_breach(tmp_path: Path, name: str, text: str) -> None:
    assert breaches(house(tmp_path, {name: text})) == []


def test_what_a_type_checking_block_leaves_to_run_time_counts(tmp_path: Path) -> None:
    text = "if TYPE_CHECKING:\n    pass\nelse:\n    import sessim.cli"
    package = house(tmp_path, {"clock.py": text})
    assert breaches(package) == ["sessim/clock.py:4: clock reaches up into cli"]
