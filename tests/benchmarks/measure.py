"""Timing side by side, and what only a fresh interpreter can tell.

Times are the process's own (CPU) time: other work on the machine would interrupt the naive model,
which takes seconds, far more often than what takes less than a millisecond, and flatter the ratio.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any


@dataclass
class Subject:
    """Something to be timed.

    Parameters
    ----------
    prepare
        Makes what ``work`` is called with, anew for every time and before the clock starts.
    work
        What is timed, its result's end not included.
    times
        How often in each round, one after the other.

    Attributes
    ----------
    seconds
        What was measured.
    """

    prepare: Callable[[], Any]
    work: Callable[[Any], object]
    times: int = 1
    seconds: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The least of the seconds measured: what else the machine does only ever adds to it."""
        return min(self.seconds)

    def measure(self) -> None:
        """Time it ``times``, with the garbage collector off as ``timeit`` has it."""
        prepared = [self.prepare() for _ in range(self.times)]
        gc.collect()
        gc.disable()
        try:
            for argument in prepared:
                start = process_time()
                result = self.work(argument)
                self.seconds.append(process_time() - start)
                del result
        finally:
            gc.enable()


def interleave(subjects: Sequence[Subject], rounds: int) -> None:
    """Time all subjects in turns, so that a busy moment of the machine strikes them alike."""
    for _ in range(rounds):
        for subject in subjects:
            subject.measure()


def fresh(code: str, *arguments: str) -> Any:
    """Run code in an interpreter of its own; return what it printed last, read as JSON."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


IMPORT = """
import json, sys, time
start = time.process_time()
import pandas, simpy
between = time.process_time()
import sessim
end = time.process_time()
print(json.dumps([between - start, end - between, sorted(sys.modules)]))
"""
"""How long it takes to import pandas and SimPy, and sessim then; the modules that are loaded."""

COLD = """
import json, time
import sessim, workloads
plan = sessim.Plan.from_yaml(workloads.FILE)
start = time.process_time()
sessim.simulate(plan)
print(json.dumps(time.process_time() - start))
"""
"""How long the first simulation of an interpreter takes."""

MEMORY = """
import json, resource, sys
from pathlib import Path
import sessim, workloads

def peak():
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss begins with what the parent process used
        words = status.read_text().split()
        return int(words[words.index("VmHWM:") + 1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024

imported = peak()
plan = sessim.Plan.from_dict(workloads.more_tasks(workloads.workload(), int(sys.argv[1])))
built = peak()
rows = len(sessim.simulate(plan).log.columns["time"])
print(json.dumps([imported, built, peak(), rows]))
"""
"""The peak of resident memory in bytes (with the imports, the plan, the log), and its rows."""

REPLICATIONS = (
    MEMORY.partition("imported =")[0]
    + """
plan = sessim.Plan.from_dict(workloads.with_chance(workloads.workload()))
found = sessim.replicate(plan, int(sys.argv[1]))
found.finish, found.tasks, found.daily, found.summary(), found.daily_summary()
print(json.dumps([len(found), peak()]))
"""
)
"""How many replications there are, and the peak of resident memory in bytes with all tables."""
