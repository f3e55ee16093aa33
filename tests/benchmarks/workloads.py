"""The plans of the benchmarks: workload W and its larger versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sessim import Plan

FILE = Path(__file__).with_name("workload-w.yaml")

Data = dict[str, Any]
"""A plan as plain data: :meth:`sessim.Plan.from_dict` builds a fresh plan of it every time."""


def workload() -> Data:
    """Return W: 20 tasks, 44 runs, 5 million emails."""
    return Plan.from_yaml(FILE).to_dict()


def more_emails(data: Data, times: int) -> Data:
    """Multiply every number of emails, every limit and the rate: nothing moves in time."""
    tasks = [{**task, "requests": task["requests"] * times} for task in data["tasks"]]
    domains = [{**domain, "warmup": _raised(domain["warmup"], times)} for domain in data["domains"]]
    return {**data, "rate": data["rate"] * times, "domains": domains, "tasks": tasks}


def with_chance(data: Data) -> Data:
    """Let the domain rise by reputation, and each email have an outcome; the rate is uncertain."""
    quality = {
        "invalid_rate": {"uniform": [0.0, 0.04]},
        "spam_bounce_rate": 0.005,
        "soft_failure_rate": 0.01,
        "complaint_rate": 0.0004,
        "open_rate": 0.2,
        "click_rate": 0.03,
        "unsubscribe_rate": 0.002,
    }
    change = {"warmup": "reputation", "quality": quality}
    domains = [{**domain, **change} for domain in data["domains"]]
    return {**data, "domains": domains, "horizon": "90d"}


def _raised(warmup: Data, times: int) -> Data:
    return {**warmup, "start": warmup["start"] * times, "cap": warmup["cap"] * times}


def more_tasks(data: Data, times: int) -> Data:
    """Split every task into so many, each with its part of the emails."""
    return {**data, "tasks": [part for task in data["tasks"] for part in _parts(task, times)]}


def _parts(task: Data, times: int) -> Iterator[Data]:
    requests = max(1, task["requests"] // times)
    for number in range(times):
        yield {**task, "name": f"{task['name']}-{number}", "requests": requests}
