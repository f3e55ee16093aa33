"""JupyterLab and the browser: started once a worker, ended before other tests go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("jupyterlab")
sync_api = pytest.importorskip("playwright.sync_api")

from tests.browser import lab  # noqa: E402

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    """Start the system's Chromium.

    Not once a session: while playwright is under way, its event loop is the running one, and
    tests that start one of their own would fail.
    """
    found = lab.find_browser()
    if found is None:
        pytest.skip(f"there is none of {' and '.join(lab.BROWSERS)}")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(lab.FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def server(
    browser: sync_api.Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[lab.Server]:
    """Serve a copy of the notebooks, so that nothing they write stays."""
    root = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(NOTEBOOKS, root, ignore=shutil.ignore_patterns(".*"))
    started = lab.Server(root, tmp_path_factory.mktemp("jupyter"))
    yield started
    started.stop()


@pytest.fixture
def write_notebook(server: lab.Server) -> Iterator[object]:
    """Return a function that writes a notebook of the given cells and returns its path."""
    written: list[Path] = []

    def write(name: str, *cells: str) -> str:
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        content = {
            "cells": [
                {
                    "cell_type": "code", "id": f"cell-{i}", "metadata": {}, "outputs": [],
                    "execution_count": None, "source": cell,
                }
                for i, cell in enumerate(cells)
            ],
            "metadata": {"kernelspec": kernel},
            "nbformat": 4,
            "nbformat_minor": 5,
        }  # fmt: skip
        file = server.root / f"{name}.ipynb"
        file.write_text(json.dumps(content))
        written.append(file)
        return file.name

    yield write
    for file in written:
        file.unlink(missing_ok=True)
