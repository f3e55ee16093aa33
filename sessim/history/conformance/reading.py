"""A log in a Parquet file, read batch by batch in the columns of an event log."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sessim.errors import LogError, PlanError
from sessim.eventlog import COLUMNS, FORMAT, NONE, SEEN, Event
from sessim.lifecycle import STATUS_LABELS
from sessim.plan import Plan
from sessim.quality import OUTCOMES

_WORDS: Final = {
    "event": {event.label: int(event) for event in Event},
    "status": {label: int(status) for status, label in STATUS_LABELS.items()},
}
_MISSING: Final = {"task": 0, "run": 0}


class LogFile:
    """An event log in a Parquet file that :meth:`sessim.EventLog.write` wrote.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    plan
        The plan that travels with it.
    simulated, is_seen
        Whether a simulation wrote it, or it was rebuilt from what was seen.
    is_told
        Whether somebody told the plan.
    details
        The words behind the codes of ``detail``, as far as it has been read.

    Raises
    ------
    LogError
        If it cannot be read, or is no event log.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        from pyarrow import parquet  # slow to import

        self._name = repr(str(path))
        self.details: list[str] = [""]
        try:
            self._file = parquet.ParquetFile(Path(path), page_checksum_verification=True)
            head = json.loads((self._file.schema_arrow.metadata or {})[b"sessim"])
            self.plan = Plan.from_dict(head["plan"])
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "is not a whole Parquet file"
            raise LogError(f"cannot read the file {self._name}: {reason}") from None
        except PlanError as error:
            raise LogError(f"file {self._name} holds a plan that cannot be read: {error}") from None
        except (pa.ArrowException, LookupError, ValueError, TypeError):
            raise LogError(f"file {self._name} is not an event log, or is damaged") from None
        missing = set(COLUMNS).difference(self._file.schema_arrow.names)
        if missing or head.get("format") != FORMAT:
            raise LogError(f"file {self._name} is not an event log of this version")
        self.simulated, self.is_seen = (head.get("mode") == mode for mode in ("simulate", SEEN))
        self.is_told = head.get("rate") != SEEN
        self._domains = {domain.name: i for i, domain in enumerate(self.plan.domains)}

    def batches(self, rows: int) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the columns of the log, so many rows at a time."""
        names = [name for name in COLUMNS if name != "seq"]
        names += [name for name in OUTCOMES if name in self._file.schema_arrow.names]
        try:
            for batch in self._file.iter_batches(rows, columns=names):
                yield {name: self._column(batch, name) for name in names}
        except (pa.ArrowException, OSError, LookupError, ValueError):
            raise LogError(f"file {self._name} is damaged") from None

    def _column(self, batch: pa.RecordBatch, name: str) -> NDArray[Any]:
        column = batch.column(name)
        if name == "time":
            instants = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
            found: NDArray[Any] = instants.to_numpy(zero_copy_only=False)
        elif pa.types.is_dictionary(column.type):
            found = self._codes(column, name)
        else:
            found = column.fill_null(_MISSING.get(name, NONE)).to_numpy(zero_copy_only=False)
        return found

    def _codes(self, column: pa.DictionaryArray, name: str) -> NDArray[np.int32]:
        """Turn words into the codes of the log; a word that is not known becomes -1."""
        vocabulary = column.dictionary.to_pylist()
        if name == "detail":
            self.details += [word for word in vocabulary if word not in self.details]
            known = {word: code for code, word in enumerate(self.details)}
        else:
            known = self._domains if name == "domain" else _WORDS[name]
        codes = np.array([*(known.get(word, NONE) for word in vocabulary), NONE], dtype=np.int32)
        found: NDArray[np.int32] = codes[column.indices.fill_null(-1).to_numpy()]
        return found
