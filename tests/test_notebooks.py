"""Every notebook runs from a clean kernel, is stored without outputs, and stays short."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
SCREEN = 40  # lines


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_without_outputs_and_short(path: Path) -> None:
    for cell in read(path).cells:
        assert not cell.get("outputs")
        assert not cell.get("execution_count")
        assert len(cell.source.splitlines()) <= SCREEN
    assert "widgets" not in read(path).metadata


@pytest.mark.notebook
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_a_clean_kernel(path: Path, tmp_path: Path) -> None:
    """Run it in a copy of its folder, so that nothing it writes stays."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "data").symlink_to(path.parent / "data")
    client = nbclient.NotebookClient(
        read(path), timeout=60, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
