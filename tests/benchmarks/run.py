"""Time the model beside a naive one and print the ratios: `make bench`.

Every figure is the least of several, as timeit has it. A simulation is timed from a built plan, a
fresh one each time, to the log in memory; the naive model from the same plan to its list of status
rows. The exit status is 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import audits
import latesink
import mailing
from histories import DECODE, LOAD, temporary, write
from measure import COLD, IMPORT, MEMORY, REPLICATIONS, Subject, fresh, interleave
from naive import Naive
from workloads import Data, more_emails, more_tasks, with_chance, workload

from sessim import Plan, Replications, Result, replicate, simulate
from sessim.history import History

TABLES = ("tasks", "runs", "daily", "pauses", "events")
UNWANTED = ("matplotlib", "ipywidgets", "IPython", "jupyter", "jupyterlab", "notebook")
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Line:
    """A line of the table; ``ok`` is None where there is no target."""

    what: str
    figure: str
    target: str = ""
    ok: bool | None = None


@dataclass(frozen=True)
class Effort:
    """How often things are repeated."""

    naive: int = 5
    model: int = 30
    large: int = 3
    processes: int = 7
    sending: int = 5


QUICK = Effort(naive=1, model=30, large=1, processes=3, sending=1)


def main(arguments: list[str] | None = None) -> int:
    """Run all benchmarks; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="repeat less: rougher figures")
    effort = QUICK if parser.parse_args(arguments).quick else Effort()
    missed = 0
    for title, benchmark in BENCHMARKS.items():
        print(f"\n{title}", flush=True)
        for line in benchmark(effort):
            print(_text(line), flush=True)
            missed += line.ok is False
    print(f"\n{missed} targets missed" if missed else "\nall targets reached")
    return 1 if missed else 0


def _text(line: Line) -> str:
    verdict = {None: "", True: "ok", False: "MISSED"}[line.ok]
    return f"  {line.what:<58}{line.figure:>14}   {line.target:<16}{verdict}".rstrip()


# --- workload W -----------------------------------------------------------------------------------


def bench_w(effort: Effort) -> Iterator[Line]:
    """Compare W with the naive model, with a hundred times the emails, and with ``fair``."""
    data = workload()
    built = Plan.from_dict(data)
    naive = Subject(_builder(data), _naive)
    model = Subject(_builder(data), simulate, effort.model)
    columns = Subject(_builder(data), _columns, effort.model)
    tables = Subject(_builder(data), _all_tables, effort.model)
    again = Subject(lambda: built, simulate, effort.model)
    larger = Subject(_builder(more_emails(data, 100)), simulate, effort.model)
    fair = Subject(_builder({**data, "discipline": "fair"}), simulate, effort.model)
    simulate(built)
    interleave([model, columns, larger, tables, again, fair, naive], effort.naive)
    cold = min(fresh(COLD) for _ in range(effort.processes))
    yield _same(data)
    yield Line("naive: a time-out for every email", _duration(naive.best))
    yield Line("sessim: from a fresh plan to the log", _duration(model.best))
    yield _faster("  times faster than naive", naive, model, 8_000)
    yield Line("sessim, with the log's columns unfolded", _duration(columns.best))
    yield replace(_faster("  times faster than naive", naive, columns, 0), target="", ok=None)
    yield Line("sessim, with every table of the result", _duration(tables.best))
    yield _faster("  times faster than naive", naive, tables, 600)
    yield Line("sessim, 500 million emails", _duration(larger.best))
    yield _at_most("  times as long as 5 million", larger.best / model.best, 1.15)
    yield Line("sessim, the same plan again (its runs are known)", _duration(again.best))
    yield Line("sessim, first simulation of an interpreter", _duration(cold))
    yield Line("sessim, discipline fair", _duration(fair.best))


def _builder(data: Data) -> Callable[[], Plan]:
    return lambda: Plan.from_dict(data)


def _naive(plan: Plan) -> Naive:
    return Naive(plan).run()


def _columns(plan: Plan) -> Result:
    result = simulate(plan)
    _ = result.log.columns
    return result


def _all_tables(plan: Plan) -> Result:
    result = simulate(plan)
    for name in TABLES:
        getattr(result, name)
    return result


def _same(data: Data) -> Line:
    """Compare what the two models say: when each run was sent, and how many emails each day."""
    plan = Plan.from_dict(data)
    naive, result = _naive(plan), simulate(plan)
    runs, daily = result.runs, result.daily
    finished = dict(zip(zip(runs["task"], runs["run"], strict=True), runs["finished"], strict=True))
    days = zip(daily["domain"], daily["date"].dt.date, strict=True)
    sent = dict(zip(days, daily["sent"], strict=True))
    ok = finished == {run: plan.clock.local(time) for run, time in naive.finished.items()}
    ok = ok and +Counter(sent) == +naive.daily
    what = f"finish times of {len(finished):,} runs, emails of {len(sent)} days"
    return Line(what, "equal" if ok else "different", "equal", ok)


# --- many tasks -----------------------------------------------------------------------------------


def bench_tasks(effort: Effort) -> Iterator[Line]:
    """Compare 20,000 tasks with the naive model and with 2,000 tasks."""
    few, many = (more_tasks(workload(), times) for times in (100, 1000))
    naive = Subject(_builder(many), _naive)
    small = Subject(_builder(few), _columns, 5)
    large = Subject(_builder(many), _columns, 3)
    interleave([large, small, naive], effort.large)
    growth = large.best / small.best
    bound = 10 * log(20_000) / log(2_000)
    imported, built, peak, rows = fresh(MEMORY, "1000")
    yield _same(many)
    yield Line("naive", _duration(naive.best))
    yield Line(f"sessim: from a fresh plan to {rows:,} rows in columns", _duration(large.best))
    yield _faster("  times faster than naive", naive, large, 20)
    yield Line("sessim, 2,000 tasks", _duration(small.best))
    yield _at_most("  growth to 20,000 tasks; n log n is the target", growth, bound)
    above = (peak - imported) / MEGABYTE
    line = Line("peak memory above the imports: plan, model, log", f"{above:.0f} MB")
    yield replace(line, target="< 100 MB", ok=above < 100)
    yield Line("  above the built plan: model, log", f"{(peak - built) / MEGABYTE:.0f} MB")


# --- replications ---------------------------------------------------------------------------------


def bench_replications(effort: Effort) -> Iterator[Line]:
    """Compare 1,000 replications with one run of the naive model, and two processes with one."""
    data = with_chance(workload())
    naive = Subject(_builder(workload()), _naive)
    plain = Subject(_builder(workload()), _thousand)
    many = Subject(_builder(data), _thousand)
    replicate(Plan.from_dict(data), 10)
    interleave([many, plain, naive], effort.large)
    yield Line("naive: one run", _duration(naive.best))
    yield Line("sessim: 1,000 replications, nothing left to chance", _duration(plain.best))
    yield Line("sessim: 1,000 replications, outcomes and reputation", _duration(many.best))
    yield _at_most("  times as long as one naive run", many.best / naive.best, 0.2)
    heavy = Plan.from_dict(with_chance(more_tasks(workload(), 8)))
    replicate(heavy, _HEAVY, executor=2)  # both processes are there, and know what they need
    rounds = [(_wall(heavy, None), _wall(heavy, 2)) for _ in range(max(3, effort.large))]
    alone, two = map(min, zip(*rounds, strict=True))
    yield Line("heavier plan: a replication, here", _duration(alone / _HEAVY))
    yield Line("  in two processes", _duration(two / _HEAVY))
    yield _at_most("  times as long as here", two / alone, 0.58)
    count, peak = fresh(REPLICATIONS, "1000")
    line = Line(f"peak memory, {count:,} replications", f"{peak / MEGABYTE:.0f} MB")
    yield replace(line, target="< 300 MB", ok=peak < 300 * MEGABYTE)


_HEAVY = 400


def _thousand(plan: Plan) -> Replications:
    return replicate(plan, 1000)


def _wall(plan: Plan, executor: int | None) -> float:
    """Return the seconds by the clock: what other processes do does not count as this one's."""
    start = perf_counter()
    replicate(plan, _HEAVY, executor=executor)
    return perf_counter() - start


# --- import ---------------------------------------------------------------------------------------


def bench_import(effort: Effort) -> Iterator[Line]:
    """Time the import of sessim after that of pandas and SimPy, in fresh interpreters."""
    fresh(IMPORT)  # fills the disk's cache
    seconds, more, modules = zip(*(fresh(IMPORT) for _ in range(effort.processes)), strict=True)
    loaded = sorted({module.split(".")[0] for module in modules[0]} & set(UNWANTED))
    yield Line("import pandas, simpy", _duration(min(seconds)))
    line = Line("import sessim, after these", _duration(min(more)), "<= 0.15 s")
    yield replace(line, ok=min(more) <= 0.15)
    found = " ".join(loaded) or "not loaded"
    yield Line("matplotlib, ipywidgets, Jupyter", found, "not loaded", not loaded)


# --- sending --------------------------------------------------------------------------------------


def bench_sending(effort: Effort) -> Iterator[Line]:
    """Compare sending over real SMTP with the C yardstick and with the plain way, round by round.

    In each round all send to the same smtp-sink, one after the other. The most of each counts.
    """
    if mailing.postfix("smtp-source") is None:
        missing = "no smtp-source: install postfix, or unpack it and set SESSIM_POSTFIX"
        yield Line(f"left out, {missing}", "")
    else:
        yield from _compared(effort)
    with latesink.running(0.02) as port:
        late = max(mailing.by_sessim(port, 2000) for _ in range(effort.large))
    line = Line("sessim, replies 20 ms late", f"{late:,.0f}/s", ">= 400/s")
    yield replace(line, ok=late >= 400)


def _compared(effort: Effort) -> Iterator[Line]:
    rounds = []
    for _ in range(effort.sending):
        with mailing.sink() as port:
            rounds.append(
                (
                    mailing.by_sessim(port, 20_000),
                    mailing.by_smtp_source(port, 20_000),
                    mailing.by_smtp_source(port, 20_000, "-d"),
                    mailing.by_smtplib(port, 1000),
                )
            )
    own, source, kept, plain = map(max, zip(*rounds, strict=True))
    yield Line("smtp-source -s 16", f"{source:,.0f}/s")
    yield Line("smtp-source -s 16 -d: connections kept", f"{kept:,.0f}/s")
    yield Line("smtplib, EmailMessage, one connection kept", f"{plain:,.0f}/s")
    yield Line("sessim: outbox, built per recipient, 16 connections", f"{own:,.0f}/s")
    yield _at_least("  times smtp-source -s 16", own / source, 0.7)
    yield Line("  times smtp-source -s 16 -d", f"{own / kept:.2f} x")
    yield _at_least("  times smtplib", own / plain, 15)


# --- histories ------------------------------------------------------------------------------------


def bench_history(effort: Effort) -> Iterator[Line]:
    """Import a million rows of polls, in processes of their own."""
    with temporary() as folder:
        file = str(write(folder))
        rounds = range(effort.large)
        decoded, loaded = zip(
            *((fresh(DECODE, file), fresh(LOAD, file)) for _ in rounds), strict=True
        )
    yield Line("msgspec decodes each line, and drops it", _duration(min(decoded)))
    seconds, peak, rows = min(loaded)
    yield Line(f"sessim: to a log of {rows:,} rows", _duration(seconds))
    yield _at_most("  times as long", seconds / min(decoded), 3)
    line = Line("peak memory, imports included", f"{peak / MEGABYTE:.0f} MB", "< 300 MB")
    yield replace(line, ok=peak < 300 * MEGABYTE)


# --- auditing a history ---------------------------------------------------------------------------


def bench_audit(effort: Effort) -> Iterator[Line]:
    """Compare an audit by the rules with PM4Py's token replay, and weigh ten million rows."""
    told = audits.large_log(900)
    audit = Subject(lambda: History(told), lambda history: history.findings)
    interleave([audit], 3)  # as often as the replay
    yield Line(f"sessim: {len(told):,} rows held against the rules", _duration(audit.best))
    replay = audits.token_replay(told)
    if replay is None:
        yield Line(f"PM4Py: name its interpreter in {audits.VARIABLE}", "not there")
    else:
        seconds, events, variants = replay
        yield Line(f"PM4Py: token replay, {events:,} events, {variants} variants",
                   _duration(seconds))  # fmt: skip
        ratio = seconds / audit.best
        yield Line("  times faster than PM4Py", f"{ratio:.1f} x", ">= 2 x", ratio >= 2)
    with TemporaryDirectory() as folder:
        file = str(Path(folder, "log.parquet"))
        fresh(audits.WRITE, file, "8700")
        peak, rows, found = fresh(audits.AUDIT, file)
    line = Line(f"peak memory: a Parquet log of {rows:,} rows", f"{peak / MEGABYTE:,.0f} MB")
    yield replace(line, target="< 1,500 MB", ok=peak < 1500 * MEGABYTE)
    yield Line("  findings", str(found), "0", found == 0)


# --- figures --------------------------------------------------------------------------------------


def _faster(what: str, naive: Subject, other: Subject, target: int) -> Line:
    ratio = naive.best / other.best
    figure = f"{ratio:,.0f} x" if ratio >= 100 else f"{ratio:.1f} x"
    return Line(what, figure, f">= {target:,} x", ratio >= target)


def _at_most(what: str, ratio: float, target: float) -> Line:
    return Line(what, f"{ratio:.2f} x", f"<= {target:.2f} x", ratio <= target)


def _at_least(what: str, ratio: float, target: float) -> Line:
    return Line(what, f"{ratio:.2f} x", f">= {target:g} x", ratio >= target)


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if abs(seconds) >= 1 else f"{seconds * 1000:.3g} ms"


BENCHMARKS: dict[str, Callable[[Effort], Iterator[Line]]] = {
    "Workload W: 20 tasks, 5 million emails, 30 days": bench_w,
    "Workload W as 20,000 tasks": bench_tasks,
    "Many replications": bench_replications,
    "Import, in fresh interpreters": bench_import,
    "Sending over SMTP, messages of 2 kB": bench_sending,
    "A history of a million rows of ListSendTasks": bench_history,
    "Auditing a history": bench_audit,
}

if __name__ == "__main__":
    sys.exit(main())
