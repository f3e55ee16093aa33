"""Reading histories: which kind each file is, and what it takes to rebuild it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sessim.clock import zone
from sessim.errors import ArgumentError, HistoryError, LogError, OutboxError, nearest, shown
from sessim.eventlog import EventLog
from sessim.history.eventlogs import READERS, mapped
from sessim.history.history import Evidence, History
from sessim.history.instants import CONSOLE_ZONE, Reader
from sessim.history.kinds import KINDS, is_of_lines, kind
from sessim.history.losses import Losses, Place
from sessim.history.mails import read_postfix, read_webhooks
from sessim.history.pages import page
from sessim.history.polls import Polls
from sessim.history.reading import lines, values
from sessim.history.rebuild import rebuild
from sessim.history.steps import Steps
from sessim.history.told import Told
from sessim.plan import Plan


def load_history(
    *files: str | PathLike[str],
    format: str | None = None,  # noqa: A002
    timezone: str | None = None,
    plan: Plan | None = None,
    mapping: Mapping[str, str] | None = None,
) -> History:
    """Read a task history and rebuild what happened.

    Parameters
    ----------
    files
        Files, or folders of files, of one account; gzip is unpacked.
    format
        What they hold, a name of :data:`sessim.history.kinds.KINDS`. Default: recognised.
    timezone
        The zone of times that are written without one, and whose days count unless a plan says.
        Default: the console's, Asia/Shanghai, whatever the plan's.
    plan
        A plan whose rules hold: rate, discipline, restarts, the zone of its days, warm-ups.
    mapping
        For event logs: which column holds the ``case``, ``activity``, ``time``, ``transition``,
        ``resource``, ``run``, ``name``, ``sender``, ``type``, ``requests``, ``sent``, ``cached``.

    Returns
    -------
    History
        The tables, charts and log of a :class:`~sessim.Result`, with the evidence for each row.

    Raises
    ------
    HistoryError
        If a file cannot be read, or nothing in the files tells of a task.
    ArgumentError
        If an argument cannot be used.
    """
    _check(files, format, timezone)
    paths = [path for file in files for path in _files(Path(file))]
    kinds = {format or kind(path) for path in paths}
    families = {_FAMILIES.get(name, name) for name in kinds}
    if len(families) > 1:
        raise HistoryError(
            f"the files are of different kinds ({', '.join(sorted(kinds))}); "
            "import each kind by itself"
        )
    reader = Reader(timezone or CONSOLE_ZONE)
    job = _Job(paths, format, reader, Losses(), plan, mapping)
    return _LOADERS[families.pop()](job)


def _check(files: Sequence[object], format_: str | None, timezone: str | None) -> None:
    if not files:
        raise ArgumentError("files: none is given; name the files of a history")
    if format_ not in (None, *KINDS):
        raise ArgumentError(
            f"format: {shown(format_)} is not known; {nearest(str(format_), KINDS)}"
        )
    try:
        zone(timezone or CONSOLE_ZONE)
    except ValueError as error:
        raise ArgumentError(f"timezone: {error}") from None


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise HistoryError(f"there is no file {shown(str(path))}; check the name")
    if not path.is_dir():
        return [path]
    found = sorted(entry for entry in path.iterdir() if entry.is_file())
    if not found:
        raise HistoryError(f"folder {shown(str(path))} holds no file")
    return found


@dataclass
class _Job:
    """What is to be loaded, and how."""

    paths: list[Path]
    format: str | None
    reader: Reader
    losses: Losses
    plan: Plan | None
    mapping: Mapping[str, str] | None

    @property
    def named(self) -> str:
        """What sentences call the files."""
        return self.paths[0].name if len(self.paths) == 1 else f"{len(self.paths)} files"

    def kind(self, path: Path) -> str:
        """Return the kind of one of the files."""
        return self.format or kind(path)

    def noted(self, history: History, what: str) -> History:
        """Say in the notes what was read, and in which zone times were that have none."""
        if self.reader.naive:
            how = f"Times without a zone were read as {self.reader.timezone}."
            self.losses.remarks = {how: None, **self.losses.remarks}
        notes = (f"Read {what} from {self.named}.", *self.losses.sentences)
        evidence = replace(history.evidence, notes=notes)
        return History(history.log, evidence)


def _load_polls(job: _Job) -> History:
    polls = Polls(job.reader, job.losses)
    for path in job.paths:
        read_polls(path, polls, job.reader, job.losses)
    polls.finish()
    if polls.incomplete:
        job.losses.remark(
            f"{polls.incomplete:,} of {len(polls.times):,} polls lack pages: "
            "who is missing there was not taken for deleted."
        )
    history = rebuild(polls, job.reader, job.losses, job.named, job.plan)
    what = f"{polls.read:,} rows of {len(polls.times):,} polls of the task list"
    return job.noted(history, f"{what} and {polls.identities:,} rows of domains")


def read_polls(path: Path, polls: Polls, reader: Reader, losses: Losses) -> None:
    """Read the answers of ``ListSendTasks`` and ``ListEmailIdentities`` in a file."""
    named = reader.in_name(path.name)
    for number, value in (lines if is_of_lines(path) else values)(path, losses):
        place = Place(path.name, number)
        found = page(value, place, losses)
        if found is not None:
            polls.add(found, place, named)


def _load_steps(job: _Job) -> History:
    own = [path for path in job.paths if job.kind(path) in ("parquet", "log") and _is_own(path)]
    if own:
        if len(job.paths) > 1:
            raise HistoryError("a log of sessim's own is a whole history; import it by itself")
        return _load_log(job)
    steps = Steps(job.reader, job.losses)
    for path in job.paths:
        rows = READERS[job.kind(path)](path, job.losses)
        for place, row in mapped(rows, job.mapping, shown(path.name)):
            steps.add(row, place)
    return job.noted(steps.history(job.named, job.plan), f"{steps.read:,} events")


def _is_own(path: Path) -> bool:
    from pyarrow import ArrowException, parquet  # slow to import

    try:
        with path.open("rb") as source:
            return b"sessim" in (parquet.ParquetFile(source).schema_arrow.metadata or {})
    except (ArrowException, OSError):
        return False


def _load_log(job: _Job) -> History:
    try:
        log = EventLog.read(job.paths[0])
    except LogError as error:
        raise HistoryError(str(error)) from None
    return job.noted(History(log), f"{len(log):,} rows of a log")


def _load_mails(job: _Job) -> History:
    steps = Steps(job.reader, job.losses)
    for path in job.paths:
        if job.kind(path) == "webhook":
            read_webhooks(path, steps, job.reader, job.losses)
        else:
            changed = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
            read_postfix(path, steps, job.reader, job.losses, changed.year)
    history = steps.history(job.named, job.plan)
    return job.noted(history, f"what became of single emails, as {steps.read:,} minutes of tasks,")


def _load_outbox(job: _Job) -> History:
    """Take the log from the model's checkpoint, which the outbox keeps."""
    from sessim.model import Model
    from sessim.senders.reading import OutboxReader

    name = shown(job.paths[0].name)
    if len(job.paths) > 1:
        raise HistoryError("an outbox is a whole history; import each by itself")
    try:
        with OutboxReader.look(job.paths[0]) as outbox:
            checkpoint, told = outbox.checkpoint(), Told.of_outbox(outbox)
        if checkpoint is None:
            raise HistoryError(f"outbox {name} holds no checkpoint yet: nothing has been sent")
        with TemporaryDirectory() as folder:
            file = Path(folder) / "model.npz"
            file.write_bytes(checkpoint)
            log = Model.load(file).log()
    except OutboxError as error:
        raise HistoryError(str(error)) from None
    except LogError:
        raise HistoryError(f"the checkpoint in outbox {name} cannot be read") from None
    job.losses.remark("The log is that of the outbox's last checkpoint; later rows are not in it.")
    history = History(log, replace(Evidence.exact(log), told=told))
    return job.noted(history, f"{len(log):,} rows of a log")


_FAMILIES: Final = {
    **dict.fromkeys(("csv", "jsonl", "parquet", "xes", "ocel", "log"), "steps"),
    **dict.fromkeys(("webhook", "postfix"), "mails"),
}
"""Kinds that make one history together."""
_LOADERS: Final[Mapping[str, Callable[[_Job], History]]] = {
    "polls": _load_polls,
    "steps": _load_steps,
    "mails": _load_mails,
    "outbox": _load_outbox,
}
