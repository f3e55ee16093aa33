"""Whether everybody can use a panel: what axe-core finds in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

_WITHIN: Final = {
    "include": [[".jp-OutputArea-output > .sessim-panel"]],
    # the handle of ipywidgets' slider has no name: the time field beside it does the same
    "exclude": [[".noUi-target"]],
}


def findings(page: Page) -> list[str]:
    """Return the serious and critical findings of axe-core in what the panels show now."""
    found: list[dict[str, Any]] = Axe().run(page, context=_WITHIN).response["violations"]
    return [
        f"{finding['id']}: {node['html'][:300]}"
        for finding in found
        if finding["impact"] in ("serious", "critical")
        for node in finding["nodes"]
    ]
