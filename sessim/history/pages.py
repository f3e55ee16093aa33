"""The answers of ``ListSendTasks`` and ``ListEmailIdentities``, as typed records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from sessim.history.losses import Losses, Place

Number = int | float | str | None


class Timed(Struct, gc=False):
    """``TimedParam``."""

    BeginTime: str | None = None


class Cycle(Struct, gc=False):
    """``CycleParam``: the interval in hours."""

    BeginTime: str | None = None
    IntervalTime: int | None = None
    TermCycle: int | None = None


class TaskRow(Struct, gc=False):
    """One row of ``ListSendTasks``; two are equal if all of it is."""

    TaskId: int | str
    TaskStatus: int | None = None
    TaskType: int | None = None
    RequestCount: int | None = None
    SendCount: int | None = None
    CacheCount: int | None = None
    FromEmailAddress: str | None = None
    CreateTime: str | None = None
    UpdateTime: str | None = None
    Subject: str | None = None
    TimedParam: Timed | None = None
    CycleParam: Cycle | None = None
    ErrMsg: str | None = None


class IdentityRow(Struct, gc=False):
    """One row of ``ListEmailIdentities``."""

    IdentityName: str
    CurrentReputationLevel: int | None = None
    DailyQuota: int | None = None


class ApiError(Struct):
    """What the service answers instead of a page."""

    Code: str | None = None
    Message: str | None = None


class Page(Struct):
    """One answer, or what was wrapped around it: a time, and the answer or several."""

    Data: list[TaskRow] | None = None
    TotalCount: int | None = None
    EmailIdentities: list[IdentityRow] | None = None
    Error: ApiError | None = None
    Response: Page | list[Page] | None = None
    response: Page | list[Page] | None = None
    result: Page | list[Page] | None = None
    body: Page | list[Page] | None = None
    pages: list[Page] | None = None
    responses: list[Page] | None = None
    time: Number = None
    timestamp: Number = None
    at: Number = None
    ts: Number = None
    polled_at: Number = None
    poll_time: Number = None
    fetched_at: Number = None
    collected_at: Number = None
    Time: Number = None
    Timestamp: Number = None
    PollTime: Number = None

    @property
    def when(self) -> Number:
        """What stands beside the answer as its time."""
        return next((value for key in TIMES if (value := getattr(self, key)) is not None), None)

    @property
    def inner(self) -> Iterator[Page]:
        """The answers that are wrapped in this one."""
        for key in WRAPPERS:
            found = getattr(self, key)
            yield from found if isinstance(found, list) else [found] if found else []


class LoosePage(Page):
    """A page of which some rows are not as they should be."""

    Data: list[Raw] | None = None  # type: ignore[assignment]
    EmailIdentities: list[Raw] | None = None  # type: ignore[assignment]
    Response: LoosePage | list[LoosePage] | None = None  # type: ignore[assignment]
    response: LoosePage | list[LoosePage] | None = None  # type: ignore[assignment]
    result: LoosePage | list[LoosePage] | None = None  # type: ignore[assignment]
    body: LoosePage | list[LoosePage] | None = None  # type: ignore[assignment]
    pages: list[LoosePage] | None = None  # type: ignore[assignment]
    responses: list[LoosePage] | None = None  # type: ignore[assignment]


TIMES: Final = (
    "time", "timestamp", "at", "ts", "polled_at", "poll_time", "fetched_at", "collected_at",
    "Time", "Timestamp", "PollTime",
)  # fmt: skip
"""The keys under which the time of a poll may stand beside its answer."""
WRAPPERS: Final = ("Response", "response", "result", "body", "pages", "responses")
"""The keys under which an answer may stand."""

_page: Final = msgspec.json.Decoder(Page).decode
_loose: Final = msgspec.json.Decoder(LoosePage).decode
_task: Final = msgspec.json.Decoder(TaskRow, strict=False).decode
_identity: Final = msgspec.json.Decoder(IdentityRow, strict=False).decode
_rows: Final = msgspec.json.Decoder(list[Raw]).decode


def page(value: bytes, place: Place, losses: Losses) -> Page | None:
    """Read one answer; a row that is none is left out, and so is what is no answer at all."""
    found: Page | None
    try:
        found = _page(value)
    except msgspec.ValidationError:
        found = _piece_by_piece(value, place, losses)
    except msgspec.DecodeError as error:
        losses.leave_out(_why(error), place)
        return None
    except (UnicodeDecodeError, RecursionError) as error:
        losses.leave_out(_why(error), place)
        return None
    if found is None or _says_something(found):
        return found
    return _bare_row(value, place, losses)


def _says_something(found: Page) -> bool:
    return (
        found.Data is not None
        or found.EmailIdentities is not None
        or found.Error is not None
        or found.TotalCount is not None
        or any(True for _ in found.inner)
    )


def _bare_row(value: bytes, place: Place, losses: Losses) -> Page | None:
    """Take an object that is no answer for one row of it."""
    with suppress(msgspec.DecodeError, RecursionError):
        return Page(Data=[_task(value)])
    with suppress(msgspec.DecodeError, RecursionError):
        return Page(EmailIdentities=[_identity(value)])
    losses.leave_out("it is no answer of ListSendTasks or ListEmailIdentities", place)
    return None


def _piece_by_piece(value: bytes, place: Place, losses: Losses) -> Page | None:
    try:
        if value[:1] == b"[":
            data = [_one(_task, raw, place, losses) for raw in _rows(value)]
            return Page(Data=[row for row in data if row is not None])
        return _mended(_loose(value), place, losses)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        losses.leave_out(_why(error), place)
        return None


def _mended(loose: LoosePage, place: Place, losses: Losses) -> Page:
    keys: dict[str, Any] = {key: getattr(loose, key) for key in (*TIMES, "TotalCount", "Error")}
    for key, decode in (("Data", _task), ("EmailIdentities", _identity)):
        raws = getattr(loose, key)
        if raws is not None:
            read = (_one(decode, raw, place, losses) for raw in raws)
            keys[key] = [row for row in read if row is not None]
    keys["pages"] = [_mended(inner, place, losses) for inner in loose.inner]  # type: ignore[arg-type]
    return Page(**keys)


def _one(decode: Any, raw: Raw, place: Place, losses: Losses) -> Any:
    try:
        return decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        losses.leave_out(_why(error), place)
        return None


def _why(error: Exception) -> str:
    """Say in our words why something cannot be read."""
    text = str(error)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError) or "utf-8" in text.lower():
        return "it is not in UTF-8; save the file in that encoding"
    if isinstance(error, msgspec.ValidationError):
        said, _, path = text.partition(" - at `")
        field = path.rstrip("`").rpartition(".")[2]
        field = "" if field.startswith("$") else field
        return f"{field or 'it'} is not what it should be ({said[:1].lower()}{said[1:]})"
    if "truncated" in text:
        return "it ends in the middle"
    return "it is no JSON"
