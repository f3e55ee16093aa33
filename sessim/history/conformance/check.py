"""What a check is, what it finds, and how findings become a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sessim.eventlog import NONE, integers, times, words
from sessim.ledger import NOT_YET

if TYPE_CHECKING:
    from sessim.history.conformance.stretch import Stretch, Trail
    from sessim.plan import Plan

Ints = NDArray[np.int64]

ERROR: Final = "error"
"""Something that the service cannot do: rule R10 is broken."""
WARNING: Final = "warning"
"""Something that the rules in the plan do not do, but others may."""

MOST_SAID: Final = 1_000
"""So many findings of one check are told one by one; one more row counts the others."""


@dataclass(frozen=True)
class Found:
    """What one check found.

    Parameters
    ----------
    rows
        Where: columns ``seq``, ``task``, ``run``, ``domain``, ``time``, ``source``, one entry a
        finding; -1 (``task``, ``run``: 0) for none.
    size
        By how many emails, microseconds or times the rule is broken.
    facts
        What the sentence says of each.
    """

    rows: Mapping[str, NDArray[Any]]
    size: NDArray[Any]
    facts: Mapping[str, Sequence[Any] | NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.size)


@dataclass(frozen=True)
class Check:
    """One rule's check.

    Parameters
    ----------
    rule
        The rule, such as ``"R4"``.
    name
        What is wrong, in a few words.
    said
        The sentence, with the names of facts in braces.
    find
        Looks at a stretch of the log, or, for what only the whole tells, at the trail.
    severity
        :data:`ERROR` or :data:`WARNING`.
    """

    rule: str
    name: str
    said: str
    find: Callable[[Any], Found | None]
    severity: str = ERROR


Finder = Callable[["Stretch"], Found | None] | Callable[["Trail"], Found | None]

COLUMNS: Final = [
    "rule", "check", "severity", "task", "run", "domain", "time", "seq", "source", "size",
    "finding",
]  # fmt: skip


class Findings:
    """Collects what checks find, stretch by stretch."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._parts: list[dict[str, Any]] = []
        self._number: dict[Check, int] = {}

    def add(self, check: Check, found: Found | None) -> None:
        """Note what a check found; beyond :data:`MOST_SAID` it is only counted."""
        if found is None or not len(found):
            return
        before = self._number.get(check, 0)
        self._number[check] = before + len(found)
        chosen = slice(0, max(0, MOST_SAID - before))
        rows = {name: np.asarray(values)[chosen] for name, values in found.rows.items()}
        if not len(rows["seq"]):
            return
        facts = {name: list(values[chosen]) for name, values in found.facts.items()}
        texts = [check.said.format(**dict(zip(facts, values, strict=True)))
                 for values in zip(*facts.values(), strict=True)]  # fmt: skip
        texts = texts or [check.said] * len(rows["seq"])
        whom = self._whom(rows)
        self._parts.append(
            {
                **rows,
                "check": check,
                "size": np.asarray(found.size)[chosen].astype(np.int64),
                "finding": [f"{who}: {text}" for who, text in zip(whom, texts, strict=True)],
            }
        )

    def _whom(self, rows: Mapping[str, NDArray[Any]]) -> Iterable[str]:
        names, domains = self.plan.tasks, self.plan.domains
        for task, run, domain in zip(rows["task"], rows["run"], rows["domain"], strict=True):
            if 0 < task <= len(names):
                which = f", run {run}" if names[task - 1].every and run else ""
                yield f"{names[task - 1].name!r}{which}"
            else:
                yield domains[domain].name if 0 <= domain < len(domains) else "the account"

    def frame(self) -> pd.DataFrame:
        """Return the table, in order of time."""
        parts = [*self._parts, *self._counted()]
        data: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        for part in parts:
            check, size = part["check"], len(part["size"])
            for name in ("rule", "severity"):
                data[name] += [getattr(check, name)] * size
            data["check"] += [check.name] * size
            for name in ("task", "run", "domain", "time", "seq", "source", "size", "finding"):
                data[name] += list(part[name])
        return self._tidy(data)

    def _counted(self) -> Iterable[dict[str, Any]]:
        """Yield a row for each check that found more than is told one by one."""
        for check, number in self._number.items():
            if number > MOST_SAID:
                none = {"seq": [NONE], "source": [NONE], "domain": [NONE], "time": [NOT_YET]}
                more = number - MOST_SAID
                yield {"task": [0], "run": [0], **none, "check": check, "size": [more],
                       "finding": [f"the same was found {more:,} more times"]}  # fmt: skip

    def _tidy(self, data: dict[str, list[Any]]) -> pd.DataFrame:
        whole = ("task", "run", "domain", "time", "seq", "source", "size")
        numbers = {name: np.array(data[name], dtype=np.int64) for name in whole}
        frame = pd.DataFrame(
            {
                **{name: pd.array(data[name], dtype="str")
                   for name in ("rule", "check", "severity", "finding")},
                "task": integers(numbers["task"], numbers["task"] <= 0),
                "run": integers(numbers["run"], numbers["run"] <= 0),
                "domain": words(numbers["domain"], [d.name for d in self.plan.domains]),
                "time": times(numbers["time"], self.plan.timezone),
                "seq": integers(numbers["seq"], numbers["seq"] < 0),
                "source": integers(numbers["source"], numbers["source"] < 0),
                "size": numbers["size"],
            }
        )[COLUMNS]  # fmt: skip
        return frame.sort_values(["time", "seq"], kind="stable", ignore_index=True)
