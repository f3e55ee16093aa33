"""Time the panels in the kernel, without a browser: ``python -m tests.benchmarks.panels``.

The target is a move of the console's slider in less than 100 ms with 60 tasks over 90 days.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from statistics import median
from time import perf_counter

import sessim
from sessim.widgets import TaskBuilder, report
from sessim.widgets.console import Console
from sessim.widgets.dashboard import Dashboard
from tests.results import many_tasks

MOVES = 200


def timed(work: Callable[[], object], times: int = 1) -> list[float]:
    """Return how many milliseconds it took, each time."""
    found = []
    for _ in range(times):
        begin = perf_counter()
        work()
        found.append(1_000 * (perf_counter() - begin))
    return found


def moves(console: Console, places: Iterable[int]) -> list[float]:
    """Move the slider to each of some places."""
    slider = console.time_bar.slider
    return [timed(lambda place=place: setattr(slider, "value", place))[0] for place in places]


def edits(builder: TaskBuilder) -> list[float]:
    """Give the task that is chosen some other numbers of recipients."""
    numbers = range(1_000, 1_020)
    return [timed(lambda it=it: setattr(builder.requests, "value", it))[0] for it in numbers]


def tell(what: str, milliseconds: list[float]) -> None:
    """Print a line."""
    ordered = sorted(milliseconds)
    late = ordered[int(0.95 * (len(ordered) - 1))]
    figures = f"median {median(ordered):8.1f} ms   95% {late:8.1f} ms   most {ordered[-1]:8.1f} ms"
    print(f"{what:<52} {figures}")


def measure(tasks: int, days: int, domains: int) -> None:
    """Time the panels with a plan of so many tasks."""
    print(f"{tasks:,} tasks, {days} days, {domains} domains")
    plan = many_tasks(tasks, days, domains)
    builder = TaskBuilder(plan)
    builder.selected = tasks // 2
    tell("edit a task in the builder", edits(builder))
    result = sessim.simulate(plan)
    console = Console(result)
    step = max(console.time_bar.step, console.time_bar.slider.max // MOVES)
    step -= step % console.time_bar.step
    places = range(step, console.time_bar.slider.max, step)
    tell("slider move", moves(console, places))
    console.selected = (1, 2, 3)
    tell("slider move, lives of three tasks shown", moves(console, places))
    tell("filter by name", timed(lambda: setattr(console, "name_filter", str(perf_counter())), 5))
    console.name_filter = ""
    tell("choose a task", timed(lambda: setattr(console, "selected", console.selected[:1] and ())))
    tell("simulate", timed(lambda: sessim.simulate(plan), 3))
    tell("simulate, show in the console", timed(lambda: show(console, plan), 3))
    dashboard = Dashboard(result)
    tell("dashboard: figures and three charts", timed(lambda: again(dashboard), 3))
    tell("report", timed(lambda: report.html(result), 3))
    print()


def show(console: Console, plan: sessim.Plan) -> None:
    """Simulate and show the result."""
    console.result = sessim.simulate(plan)


def again(dashboard: Dashboard) -> None:
    """Draw the dashboard again."""
    dashboard.selected = () if dashboard.selected else range(1, len(dashboard.result.plan.tasks))


def main() -> None:
    """Time the panels with the plan of the target, and with a very large one if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="with 20,000 tasks as well")
    measure(60, 90, 3)
    if parser.parse_args().large:
        measure(20_000, 90, 10)


if __name__ == "__main__":
    main()
