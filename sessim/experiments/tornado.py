"""The tornado chart: what moves the finish most is on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sessim.charts import lettering, style
from sessim.charts.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def tornado(table: pd.DataFrame, n: int, *, ax: Axes | None = None) -> Axes:
    """Draw a bar for each assumption and factor, with the interval of its change.

    Parameters
    ----------
    table
        As :attr:`sessim.experiments.sensitivity.Sensitivity.table`.
    n
        How many replications it comes from.
    ax
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.
    """
    names = list(dict.fromkeys(table["assumption"]))
    ax = style.axes(ax, (10.0, 1.6 + 0.45 * len(names)))
    looks = ((style.Colour.BLUE, ""), (style.Colour.ORANGE, "///"))
    handles: dict[str, Any] = {}
    factors = sorted(set(table["factor"]))
    for factor, (colour, hatch) in zip(factors, looks, strict=True):
        rows = table[table["factor"] == factor].set_index("assumption").loc[names]
        change = rows["change_hours"].to_numpy()
        error = np.abs(rows[["low", "high"]].to_numpy().T - change)
        error[~np.isfinite(error) | (error == 0)] = np.nan  # there is nothing to draw
        looks_of_bar = {"color": colour.rgb, "hatch": hatch, "edgecolor": style.ink()}
        bars = ax.barh(
            range(len(names)), change, height=0.7, xerr=error,
            linewidth=0.6, error_kw={"elinewidth": 1.2, "capsize": 3, "ecolor": style.ink()},
            **looks_of_bar,
        )  # fmt: skip
        handles[f"{factor:g} times as much"] = bars
    ax.axvline(0, color=style.ink(), linewidth=0.8)
    ax.set_yticks(range(len(names)), labels=lettering.names(names, range(1, len(names) + 1)))
    ax.invert_yaxis()
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=style.ink(), alpha=0.1)
    ax.set_axisbelow(True)
    ax.set_xlabel("Hours by which the finish is later (below 0: earlier)")
    style.legend(ax, f"What moves the finish: {number(n, 'replication')} each", handles)
    return ax
