"""What the panels of a result share: the result itself, and the chosen tasks and domains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import traitlets

from sessim.errors import LogError, nearest
from sessim.life import task_id
from sessim.result import Result
from sessim.widgets.base import Panel, guarded

MOST_OPTIONS: Final = 200
"""How many tasks a list to choose from holds."""


class ResultPanel(Panel):
    """A panel that shows a result and redraws once, whatever has changed.

    Parameters
    ----------
    language
        ``"en"`` or ``"id"``.

    Attributes
    ----------
    result
        Trait: what is shown; None until there is one. Chosen tasks and domains that a new one
        has too, by name, stay chosen.
    selected
        Trait: ids of the chosen tasks; takes names as well, and one or several. Empty: none is
        singled out.
    domains
        Trait: names of the chosen domains, one or several. Empty: all.
    """

    result = traitlets.Instance(Result, allow_none=True)
    selected = traitlets.Any(())
    domains = traitlets.Any(())

    def __init__(self, language: str = "en") -> None:
        self._quiet = 0
        self._stale = False
        super().__init__(language)

    # --- for subclasses -----------------------------------------------------------------------

    def _draw(self) -> None:
        """Show everything as it stands now."""
        raise NotImplementedError

    def _take(self) -> None:
        """Make the controls fit a new result."""
        raise NotImplementedError

    # --- traits -------------------------------------------------------------------------------

    @traitlets.validate("selected")
    def _valid_selected(self, proposal: Any) -> tuple[int, ...]:
        wanted = _several(proposal["value"])
        if not wanted or self.result is None:
            return ()
        return tuple(dict.fromkeys(task_id(self.result.plan, task) for task in wanted))

    @traitlets.validate("domains")
    def _valid_domains(self, proposal: Any) -> tuple[str, ...]:
        wanted = _several(proposal["value"])
        if not wanted or self.result is None:
            return ()
        names = [domain.name for domain in self.result.plan.domains]
        for name in wanted:
            if name not in names:
                raise LogError(f"there is no domain {name!r}; {nearest(str(name), names)}")
        return tuple(name for name in names if name in wanted)

    @traitlets.observe("result")
    def _on_result(self, change: Any) -> None:
        with self._at_once():
            self._keep_chosen(change["old"])
            self._take()
            self._stale = True

    @traitlets.observe("selected", "domains")
    def _on_chosen(self, _: Any) -> None:
        self._refresh()

    def _keep_chosen(self, old: Any) -> None:
        if not isinstance(old, Result) or self.result is None:
            self.choose((), ())
            return
        ids = {task.name: number for number, task in enumerate(self.result.plan.tasks, 1)}
        names = [old.plan.tasks[number - 1].name for number in self.selected]
        there = {domain.name for domain in self.result.plan.domains}
        self.choose(
            tuple(ids[name] for name in names if name in ids),
            tuple(name for name in self.domains if name in there),
        )

    def choose(self, selected: tuple[int, ...], domains: tuple[str, ...]) -> None:
        """Choose tasks and domains at once: nobody sees one without the other."""
        with self._at_once(), self.hold_trait_notifications():
            self.selected, self.domains = selected, domains

    # --- drawing ------------------------------------------------------------------------------

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Redraw once, at the end, whatever changes inside."""
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1
        if not self._quiet and self._stale:
            self._refresh()

    def _refresh(self, *_: Any) -> None:
        self._stale = True
        if not self._quiet:
            self._stale = False
            self._redraw()

    @guarded
    def _redraw(self) -> None:
        with self._no_echo():
            self._draw()

    @contextmanager
    def _no_echo(self) -> Iterator[None]:
        """Let controls be set without being heard."""
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1
            self._stale = False

    @property
    def _hears(self) -> bool:
        """Whether it was the user who moved a control."""
        return not self._quiet

    # --- options ------------------------------------------------------------------------------

    def _task_options(self, ids: Iterable[int]) -> list[tuple[str, int]]:
        """Return the tasks to choose from: the first few of ``ids``, and those chosen."""
        assert self.result is not None
        tasks = self.result.plan.tasks
        offered = list(ids)[:MOST_OPTIONS]
        offered += [number for number in self.selected if number not in set(offered)]
        return [(f"{number}: {tasks[number - 1].name}", number) for number in sorted(offered)]


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Iterable):
        return [value]
    return list(value)
