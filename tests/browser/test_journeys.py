"""Journeys through JupyterLab as a user makes them, with the mouse and the keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser import lab
from tests.browser.conftest import NOTEBOOKS

pytestmark = pytest.mark.browser

BOOKS = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("name", BOOKS)
def test_a_notebook_runs_from_top_to_bottom(
    browser: Browser, server: lab.Server, name: str
) -> None:
    with lab.opened(browser, server, name) as notebook:
        notebook.run_all()
        notebook.shot(f"notebook-{name.removesuffix('.ipynb')}")
