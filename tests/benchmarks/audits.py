"""Auditing a history: a log to audit, PM4Py as a judge in a process of its own, peak memory.

PM4Py is no part of the project: ``SESSIM_PM4PY`` names an interpreter that has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import sessim
from sessim.eventlog import EventLog

from workloads import more_tasks, workload  # isort: skip

VARIABLE = "SESSIM_PM4PY"

REPLAY = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pandas, pm4py
events = pm4py.format_dataframe(pandas.read_csv(sys.argv[1]), case_id="case:concept:name")
net = pm4py.discover_petri_net_inductive(events)
best = []
for _ in range(3):
    start = time.process_time()
    pm4py.conformance_diagnostics_token_based_replay(events, *net)
    best.append(time.process_time() - start)
variants = len(pm4py.get_variants(events))
print(json.dumps([min(best), len(events), variants]))
"""
"""Replays a log's events on a net that was made from them; seconds, events and variants."""

AUDIT = """
import json, sys
from pathlib import Path
from pyarrow import parquet
from sessim.history import audit

found = audit(sys.argv[1])
words = Path("/proc/self/status").read_text().split()
rows = parquet.ParquetFile(sys.argv[1]).metadata.num_rows
print(json.dumps([int(words[words.index("VmHWM:") + 1]) * 1024, rows, len(found)]))
"""
"""Audits a file; the peak of resident memory in bytes, its rows, and the findings."""


def large_log(times: int) -> EventLog:
    """Return the log of workload W with each task split into so many."""
    log = sessim.simulate(sessim.Plan.from_dict(more_tasks(workload(), times))).log
    _ = log.columns
    return log


def token_replay(log: EventLog) -> tuple[float, int, int] | None:
    """Have PM4Py replay a log: its seconds, events and variants; None if it is not installed."""
    python = os.environ.get(VARIABLE)
    if not python:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "events.csv")
        _cases(log).to_csv(file, index=False)
        done = subprocess.run(
            [python, "-c", REPLAY, str(file)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        )  # fmt: skip
    seconds, events, variants = json.loads(done.stdout.splitlines()[-1])
    return seconds, events, variants


def _cases(log: EventLog) -> Any:
    frame = log.frame
    frame = frame[frame["run"].notna()]
    case = frame["task"].astype("str") + "#" + frame["run"].astype("str")
    columns = {"case:concept:name": case, "concept:name": frame["event"].astype("str"),
               "time:timestamp": frame["time"]}  # fmt: skip
    return frame.assign(**columns)[list(columns)]


WRITE = """
import sys
import audits

audits.large_log(int(sys.argv[2])).write(sys.argv[1])
print("null")
"""
"""Writes a large log to a file."""
