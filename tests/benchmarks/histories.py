"""Importing a history of a million rows beside a bare decode of its JSON, each in a process."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sessim
from sessim.history.polling import Poller

ROWS = 1_000_000

DECODE = """
import json, sys, time
import msgspec
decode = msgspec.json.Decoder().decode
start = time.process_time()
with open(sys.argv[1], "rb") as file:
    for line in file:
        decode(line)
print(json.dumps(time.process_time() - start))
"""
"""How long it takes to decode each line, and to drop it."""

LOAD = """
import json, sys, time
from pathlib import Path
import sessim
load = sessim.load_history
start = time.process_time()
history = load(sys.argv[1])
end = time.process_time()
words = Path("/proc/self/status").read_text().split()
peak = int(words[words.index("VmHWM:") + 1]) * 1024
print(json.dumps([end - start, peak, len(history.log)]))
"""
"""How long it takes to import and rebuild, and the peak of resident memory in bytes."""


def polled_plan(tasks: int = 100, days: int = 30) -> sessim.Plan:
    """Return a plan of many tasks of which a few are sent at any time."""
    names = [f"d{i}.example.com" for i in range(4)]
    return sessim.Plan(
        start="2026-12-01",
        domains=[sessim.Domain(name) for name in names],
        tasks=[
            sessim.Task(
                f"Task {i}",
                sender=f"a@{names[i % 4]}",
                requests=4_000 + 1_000 * (i % 7),
                start=f"2026-12-{1 + i * days // tasks:02} {8 + i % 10:02}:00",
            )
            for i in range(tasks)
        ],
    )


def answers(rows: int) -> Iterator[bytes]:
    """Yield lines of polls that hold so many rows in all."""
    result = sessim.simulate(polled_plan())
    span = int(result.log.time[-1]) - result.plan.start_instant
    minutes = span / 60e6 / (rows / len(result.plan.tasks))
    for answer in Poller(result, every=minutes).answers():
        yield json.dumps(answer, ensure_ascii=False).encode() + b"\n"


def write(folder: str | Path, rows: int = ROWS) -> Path:
    """Write a history of so many rows."""
    file = Path(folder) / "polls.jsonl"
    with file.open("wb") as target:
        target.writelines(answers(rows))
    return file


def temporary() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that goes away."""
    return tempfile.TemporaryDirectory(prefix="sessim-bench-")
