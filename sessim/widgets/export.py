"""Files of a result for other people: charts, tables, a report."""

from __future__ import annotations

import base64
import zipfile
from os import PathLike
from pathlib import Path
from typing import Final

import pandas as pd

from sessim.charts import CHARTS
from sessim.charts.story import Names
from sessim.eventlog import iso
from sessim.result import Result
from sessim.summary import summary
from sessim.widgets import report
from sessim.widgets.base import text
from sessim.widgets.labels import Words
from sessim.widgets.markup import Html
from sessim.widgets.pictures import Pictures

TABLES: Final = ("tasks", "runs", "daily", "pauses", "events")
LARGEST: Final = 8 * 2**20
"""Bytes of a file that a link to download it may carry."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the same result gives the same bytes
_KINDS: Final = {".png": "image/png", ".zip": "application/zip", ".html": "text/html"}


def write_charts(
    result: Result,
    folder: str | PathLike[str],
    *,
    tasks: Names = None,
    domains: Names = None,
    language: str = "en",
) -> list[Path]:
    """Write the three charts of the chosen tasks and domains as PNG; return the files."""
    words = Words(language)
    target = _folder(folder)
    pictures = Pictures(result, tasks, domains)
    files = [target / f"{chart}.png" for chart in CHARTS]
    for chart, file in zip(CHARTS, files, strict=True):
        file.write_bytes(pictures.png(chart, words))
    return files


def write_tables(
    result: Result, folder: str | PathLike[str], *, language: str = "en"
) -> list[Path]:
    """Write ``tables.zip`` of the whole plan: every table and the summary as CSV, the plan as YAML.

    A ``README.txt`` in it says what it covers.
    """
    file = _folder(folder) / "tables.zip"
    frames: dict[str, pd.DataFrame] = {name: getattr(result, name) for name in TABLES}
    frames["summary"] = pd.DataFrame([summary(result).to_dict()])
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, frame in frames.items():
            csv = frame.apply(iso).to_csv(index=False)
            archive.writestr(_entry(f"{name}.csv"), csv)
        archive.writestr(_entry("plan.yaml"), result.plan.to_yaml())
        archive.writestr(_entry("README.txt"), f"{report.coverage(result, Words(language))}\n")
    return [file]


def write_report(
    result: Result, folder: str | PathLike[str], *, language: str = "en"
) -> list[Path]:
    """Write ``report.html`` of the whole plan."""
    file = _folder(folder) / "report.html"
    file.write_text(report.html(result, language=language), "utf-8")
    return [file]


def links(files: list[Path], words: Words) -> Html:
    """Return links that download files from inside the page, those that are not too large."""
    found = [
        f'<a download="{text(file.name)}" href="{_data(file)}">'
        f"{text(words('download', file=file.name))}</a>"
        for file in files
        if file.stat().st_size <= LARGEST
    ]
    return Html(" · ".join(found))


def _data(file: Path) -> str:
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    return f"data:{_KINDS[file.suffix]};base64,{data}"


def _folder(folder: str | PathLike[str]) -> Path:
    target = Path(folder).expanduser()
    target.mkdir(parents=True, exist_ok=True)
    return target


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
