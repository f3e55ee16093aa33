"""The event log: one schema that every writer writes and every table and chart reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from sessim.errors import LogError, PlanError
from sessim.lifecycle import STATUS_LABELS
from sessim.plan import Plan
from sessim.quality import OUTCOMES

FORMAT: Final = 1
NONE: Final = -1
"""Stands in a column for "no such thing": no run, no status, no limit."""
SEEN: Final = "history"
"""The mode of a log that was rebuilt from looks at tasks."""


class Event(IntEnum):
    """What a row of the log tells."""

    DUE = 0
    SENDING = 1
    PAUSED = 2
    RESTARTED = 3
    REFUSED = 4
    TURN = 5
    DAY = 6
    SENT = 7
    ERROR = 8
    CANCELLED = 9
    SKIPPED = 10
    LIMIT = 11
    END = 12

    @property
    def label(self) -> str:
        """The word in the log."""
        return self.name.lower()


COLUMNS: Final = [
    "seq",
    "time",
    "event",
    "task",
    "run",
    "domain",
    "status",
    "sent",
    "cached",
    "failed",
    "cancelled",
    "waiting",
    "limit",
    "sent_today",
    "detail",
]
_COUNTS: Final = ("sent", "cached", "failed", "cancelled", "waiting", "limit", "sent_today")


@dataclass(eq=False)
class EventLog:
    """The log in memory: one array a column, one entry a row, in order.

    Parameters
    ----------
    columns
        ``time`` in microseconds since the Unix epoch (UTC); ``event``, ``domain``, ``status`` and
        ``detail`` as codes (``status`` the API's); ``task`` and ``run`` from 1, 0 where a row
        belongs to none; counts in emails; ``limit`` -1 where there is none.
    domains, details
        The words behind the codes of ``domain`` and ``detail``.
    plan
        The plan, which travels with the log.
    meta
        How the log came to be: ``mode``, ``seed``, ``version``.
    """

    columns: Mapping[str, NDArray[Any]]
    domains: tuple[str, ...]
    details: tuple[str, ...]
    plan: Plan
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["time"])

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name not in (*COLUMNS, *OUTCOMES) or name == "seq":
            raise AttributeError(name)
        return self.columns[name]

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The columns that tell what became of the emails sent; none where nobody knows."""
        return OUTCOMES if OUTCOMES[0] in self.columns else ()

    @property
    def timezone(self) -> str:
        """The zone in which the log's times are shown."""
        return self.plan.timezone

    @property
    def is_seen(self) -> bool:
        """Whether the log was rebuilt from looks at tasks, between which nobody knows the pace."""
        return self.meta.get("mode") == SEEN

    @property
    def types(self) -> Sequence[int]:
        """What kind of task each one is, with the API's codes: as it was seen, or by the plan."""
        known: Sequence[int] = self.meta.get("types") or [task.type for task in self.plan.tasks]
        return known

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The log as a tidy frame with the columns of :data:`COLUMNS`.

        Behind them stand those of :data:`~sessim.quality.OUTCOMES` (emails) if the plan has quality
        rates.

        ``time`` is timezone-aware; ``task``, ``run`` and ``limit`` are empty (``<NA>``) where a
        row has none; ``event``, ``domain``, ``status`` and ``detail`` are categories.
        """
        data: dict[str, Any] = {"seq": np.arange(len(self))}
        data["time"] = times(self.time, self.timezone)
        data["event"] = words(self.event, [event.label for event in Event])
        data["task"] = integers(self.task, self.task == 0)
        data["run"] = integers(self.run, self.run == 0)
        data["domain"] = words(self.domain, self.domains)
        data["status"] = status_words(self.status)
        for name in _COUNTS:
            data[name] = self.columns[name].astype(np.int64)
        data["limit"] = integers(self.limit, self.limit == NONE)
        data["detail"] = words(self.detail, self.details)
        for name in self.outcomes:
            data[name] = self.columns[name].astype(np.int64)
        return pd.DataFrame({name: data[name] for name in (*COLUMNS, *self.outcomes)}, copy=False)

    # --- files --------------------------------------------------------------------------------

    def write(self, path: str | PathLike[str]) -> None:
        """Write the log as ``.parquet``, ``.csv`` or ``.jsonl``, by the ending of the path.

        Parquet keeps the plan as metadata, so that the file alone rebuilds every table.
        """
        from pyarrow import parquet  # slow to import

        file = Path(path)
        match file.suffix:
            case ".parquet":
                table = self._table()
                with file.open("wb") as sink:  # a name with a colon is no address
                    parquet.write_table(table, sink, compression="zstd", write_page_checksum=True)
            case ".csv":
                self._texts().to_csv(file, index=False)
            case ".jsonl":
                self._texts().to_json(file, orient="records", lines=True, force_ascii=False)
            case other:
                raise LogError(f"{other!r} is no ending of a log; use .parquet, .csv or .jsonl")

    def _texts(self) -> pd.DataFrame:
        return self.frame.assign(time=iso(self.frame["time"]))

    def _table(self) -> pa.Table:
        table = pa.Table.from_pandas(self.frame, preserve_index=False)
        head = {"format": FORMAT, "plan": self.plan.to_dict(), **self.meta}
        meta = json.dumps(head, ensure_ascii=False)
        return table.replace_schema_metadata({"sessim": meta})

    @classmethod
    def read(cls, path: str | PathLike[str]) -> EventLog:
        """Read a log that :meth:`write` wrote as Parquet.

        Raises
        ------
        LogError
            If the file cannot be read, or is no log of this format.
        """
        from pyarrow import parquet  # slow to import

        name = repr(str(path))
        try:
            with Path(path).open("rb") as source:
                table = parquet.ParquetFile(source, page_checksum_verification=True).read()
            return cls._from_table(table)
        except PlanError as error:
            raise LogError(f"file {name} holds a plan that cannot be read: {error}") from None
        except LogError as error:
            raise LogError(f"file {name} {error}") from None
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "is not a whole Parquet file"
            raise LogError(f"cannot read the file {name}: {reason}") from None
        except _UNREADABLE:
            raise LogError(f"file {name} is not an event log, or is damaged") from None

    @classmethod
    def _from_table(cls, table: pa.Table) -> EventLog:
        meta = _meta(table.schema.metadata or {})
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise LogError(f"has no column {missing[0]!r}; it is no event log")
        columns: dict[str, NDArray[Any]] = {
            "time": table["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(),
            "task": table["task"].fill_null(0).to_numpy(),
            "run": table["run"].fill_null(0).to_numpy(),
        }
        outcomes = OUTCOMES if OUTCOMES[0] in table.column_names else ()
        for name in (*_COUNTS, *outcomes):
            columns[name] = table[name].fill_null(NONE).to_numpy()
        columns["event"] = _codes(table["event"], {event.label: event for event in Event})
        columns["status"] = _codes(
            table["status"], {label: status for status, label in STATUS_LABELS.items()}
        )
        vocabulary = {}
        for name in ("domain", "detail"):
            found = table[name].combine_chunks().dictionary.to_pylist()
            columns[name] = _codes(table[name], {word: code for code, word in enumerate(found)})
            vocabulary[name] = tuple(found)
        plan = Plan.from_dict(meta.pop("plan", None))
        _check(columns, plan)
        return cls(columns, vocabulary["domain"], vocabulary["detail"], plan, meta)


_UNREADABLE: Final = (
    pa.ArrowException, ValueError, LookupError, TypeError, AttributeError, OverflowError,
)  # fmt: skip
"""What goes wrong in a file that is none of ours, or is damaged."""


def _meta(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads(metadata[b"sessim"])
    except (KeyError, ValueError):
        raise LogError("is not an event log of sessim") from None
    if meta.pop("format", None) != FORMAT:
        raise LogError("was written by another version of sessim")
    return meta


def _check(columns: Mapping[str, NDArray[Any]], plan: Plan) -> None:
    """Make sure that the tables can be derived; ``LogError`` says what is wrong."""
    time, task = columns["time"], columns["task"]
    if not len(time):
        raise LogError("holds no rows")
    if (time[1:] < time[:-1]).any():
        raise LogError("is not in the order of time")
    for instant in time[[0, -1]].tolist():
        plan.clock.date(instant)  # an OverflowError where no calendar has it
    if not 0 <= task.min() <= task.max() <= len(plan.tasks):
        raise LogError("tells of a task that is not in its plan")
    if columns["event"].min() < 0:
        raise LogError("tells of an event that is not known")


def _codes(column: pa.ChunkedArray, codes: Mapping[str, int]) -> NDArray[np.int32]:
    """Turn a column of words into codes; a word that is not known becomes NONE."""
    chunk = column.combine_chunks()
    known = np.array([codes.get(w, NONE) for w in chunk.dictionary.to_pylist()], dtype=np.int32)
    indices = chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found: NDArray[np.int32] = np.append(known, np.int32(NONE))[indices]
    return found


# --- columns of frames ---------------------------------------------------------------------------


def times(microseconds: NDArray[np.int64], timezone: str) -> pd.DatetimeIndex:
    """Turn instants into timezone-aware times; the smallest 64-bit number means none (NaT)."""
    return pd.DatetimeIndex(microseconds.view("M8[us]"), tz="UTC").tz_convert(timezone)


def integers(values: NDArray[Any], missing: NDArray[np.bool_]) -> pd.api.extensions.ExtensionArray:
    """Make a column of whole numbers that may be empty."""
    return pd.arrays.IntegerArray(values.astype(np.int64), missing)


def words(codes: NDArray[Any], vocabulary: Sequence[str]) -> pd.Categorical:
    """Make a column of words from their codes; -1 is empty."""
    return pd.Categorical.from_codes(codes.astype(int), categories=list(vocabulary))  # type: ignore[no-any-return, call-overload]


_STATUS_CODE = np.full(256, NONE, dtype=np.int8)  # whatever is no status has no word
_STATUS_CODE[[int(status) for status in STATUS_LABELS]] = np.arange(len(STATUS_LABELS))


def status_words(codes: NDArray[Any]) -> pd.Categorical:
    """Make a column of status words from the API's codes."""
    return words(_STATUS_CODE[codes], list(STATUS_LABELS.values()))


def iso(column: pd.Series[Any]) -> pd.Series[Any]:
    """Write a column of times as ISO 8601 with offset, fractions of a second where there are."""
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        return column
    known = column.dropna()
    local = known.dt.tz_localize(None)
    fraction = bool((local.dt.microsecond != 0).any())
    texts = np.datetime_as_string(local.to_numpy(), unit="us" if fraction else "s")
    minutes = ((local - known.dt.tz_convert("UTC").dt.tz_localize(None)).dt.total_seconds()) // 60
    offsets = [
        f"{'-' if m < 0 else '+'}{abs(m) // 60:02}:{abs(m) % 60:02}" for m in minutes.astype(int)
    ]
    result = pd.Series("", index=column.index, dtype="str")
    result[known.index] = np.char.add(texts, np.array(offsets, dtype=str))
    return result
