"""What is to be sent: mailing lists as an analyst writes them, and the jobs made of them."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from sessim.clock import moment
from sessim.errors import ArgumentError, shown
from sessim.experiments.planning.jobs import Job
from sessim.quality import read as read_rates

MOST_EMAILS: Final = 2**31 - 1
"""What one plan may hold altogether: the solvers count in 32 bits."""


@dataclass(frozen=True)
class MailList:
    """One mailing list, or one segment of it, that is to be sent by a deadline.

    Parameters
    ----------
    name
        Its tasks are called by it: ``Newsletter 001`` and so on.
    size
        Addresses; None for as many as can be sent in time (``goal="largest"``).
    by
        A date by whose end it must be sent, if earlier than the deadline of all.
    start
        The first date on which it may be sent. Default: from the start on.
    domain
        The name of the only domain that it may be sent from.
    whole
        Whether all of it must be sent from one domain, whichever that is.
    subject, template
        What is sent; the simulation does not need them.
    quality
        Rates of this list, as in :class:`sessim.Task`.

    Raises
    ------
    ArgumentError
        If a value is not one of these.
    """

    name: str
    size: int | None
    by: dt.date | str | None = None
    start: dt.date | str | None = None
    domain: str | None = None
    whole: bool = False
    subject: str | None = None
    template: str | None = None
    quality: Any = None

    def __post_init__(self) -> None:
        if not str(self.name).strip():
            raise ArgumentError(f"lists: {shown(self.name)} is no name of a list; give a text")
        for key in ("by", "start"):
            object.__setattr__(self, key, self._date(key))
        if not isinstance(self.whole, bool | np.bool_):
            raise ArgumentError(
                f"list {self.name!r}, whole: {shown(self.whole)} is not True or False; give one"
            )
        if self.size is not None:
            object.__setattr__(self, "size", self._whole_size())
        try:
            quality = read_rates(self.quality)
            problem = None if quality is None else quality.problem()
        except ValueError as error:
            problem = str(error)
        if problem:
            raise ArgumentError(f"list {self.name!r}, quality: {problem}")

    def _date(self, key: str) -> dt.date | None:
        value = getattr(self, key)
        try:
            found = None if value is None else moment(value)
        except ValueError as error:
            raise ArgumentError(f"list {self.name!r}, {key}: {error}") from None
        if isinstance(found, dt.datetime):
            raise ArgumentError(f"list {self.name!r}, {key}: {value} has a time; give a date")
        return found

    def _whole_size(self) -> int:
        try:
            size = operator.index(self.size)  # type: ignore[arg-type]
        except TypeError:
            size = 0
        if isinstance(self.size, bool) or size < 1:
            raise ArgumentError(
                f"list {self.name!r}: size {shown(self.size)} is no number of addresses; "
                "give a whole number from 1"
            )
        return size


Lists = Mapping[str, Any] | Iterable[MailList]
"""A mapping from names to sizes, to segments with sizes, or :class:`MailList` in any order."""


def read(lists: Lists) -> tuple[MailList, ...]:
    """Read what :func:`sessim.plan_for` is given.

    Raises
    ------
    ArgumentError
        If there are none, two have one name, or they are too many emails.
    """
    try:
        found = tuple(_entries(lists))
    except TypeError:
        raise ArgumentError(
            f"lists: {shown(lists)} are none; give for example {{'News': 20_000}}"
        ) from None
    if not found:
        raise ArgumentError("lists: is empty; give at least one, such as {'News': 20_000}")
    names = [entry.name for entry in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ArgumentError(f"lists: {twice!r} is given twice; names must differ")
    total = sum(entry.size or 0 for entry in found)
    if total > MOST_EMAILS:
        raise ArgumentError(
            f"lists: hold {total:,} emails together; a plan has at most {MOST_EMAILS:,}"
        )
    return found


def _entries(lists: Mapping[str, Any] | Iterable[Any]) -> Iterator[MailList]:
    if not isinstance(lists, Mapping):
        for entry in lists:
            if not isinstance(entry, MailList):
                raise ArgumentError(f"lists: {shown(entry)} is no list; give a sessim.MailList")
            yield entry
        return
    for name, value in lists.items():
        if isinstance(value, MailList):
            yield replace(value, name=name)
        elif isinstance(value, Mapping):
            if not value:
                raise ArgumentError(f"list {name!r}: has no segments; give one, or a size")
            yield from (MailList(f"{name}, {part}", size) for part, size in value.items())
        else:
            yield MailList(name, value)


def jobs(
    lists: Iterable[MailList], dates: list[dt.date], last: int, domains: list[str]
) -> list[Job]:
    """Turn lists into jobs.

    Parameters
    ----------
    lists
        With sizes; one without counts as empty.
    dates
        The days that can be planned.
    last
        The deadline's place in them.
    domains
        Names of the domains, in order.
    """
    return [_job(entry, dates, last, domains) for entry in lists]


def _job(entry: MailList, dates: list[dt.date], last: int, domains: list[str]) -> Job:
    own, first = last, 0
    where = f"list {entry.name!r}"
    if entry.by is not None:
        assert isinstance(entry.by, dt.date)
        if entry.by < dates[0]:
            raise ArgumentError(
                f"{where}, by: {entry.by} is before the start, {dates[0]}; give a later date"
            )
        own = min(last, (entry.by - dates[0]).days)
    if entry.start is not None:
        assert isinstance(entry.start, dt.date)
        first = max(0, (entry.start - dates[0]).days)
        if first > own:
            raise ArgumentError(
                f"{where}, start: {entry.start} is after its deadline, {dates[own]}; "
                "give an earlier date"
            )
    tied = None
    if entry.domain is not None:
        if entry.domain not in domains:
            raise ArgumentError(
                f"{where}, domain: {entry.domain!r} is not one of {', '.join(domains)}; name one"
            )
        tied = frozenset([domains.index(entry.domain)])
    return Job(entry.size or 0, first, own, tied, entry.whole)
