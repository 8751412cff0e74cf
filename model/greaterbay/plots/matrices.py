"""Flow matrices, city by city: who sends people, technology and money to whom, and who works with whom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from greaterbay import outputs as declared
from greaterbay.plots import style, units
from greaterbay.plots.words import FLOWS, word
from greaterbay.runner import series
from greaterbay.runner.results import OUTSIDE, StoredRun

CELL_INCHES = 0.47
DECADES = 4
"""Colours span at most this many powers of ten below the largest cell."""


def channels(flow: str) -> list[str]:
    """Outputs whose sum is the matrix of a flow."""
    return [output.id for output in declared.flows() if output.flow == flow]


def matrix(run: StoredRun, flow: str) -> np.ndarray:
    """Matrix (from, to), mean over replicates: a year of the last four years, or the stock at the end."""
    total = 0.0
    for name in channels(flow):
        output = declared.get(name)
        if output.over_time == "last":
            total = total + run.values(name, quarter=[-1])[:, 0].mean(axis=0)
            continue
        chosen = np.flatnonzero(np.isin(run.quarters // 4, series.last_years(run)))
        years = len(series.last_years(run))
        # replicates one by one: these are the largest variables of a file
        sums = [
            run.values(name, replicate=[k], quarter=chosen).sum(axis=(0, 1)) for k in range(run.replicates)
        ]
        total = total + np.mean(sums, axis=0) / years
    return np.asarray(total)


def draw_matrix(runs: Sequence[StoredRun], language: str, flow: str) -> Figure:
    """The matrix of one flow in one scenario; ``runs`` holds that one."""
    (run,) = runs
    values = matrix(run, flow)
    output = declared.get(channels(flow)[0])
    is_stock = output.over_time == "last"
    scale = units.scale(output, float(np.nanmax(values, initial=0.0)) / 100, language, yearly=not is_stock)
    period = str(run.quarters[-1] // 4) if is_stock else series.years_label(series.last_years(run))
    names = run.names("city", language)
    side = CELL_INCHES * len(names)
    sheet = style.sheet(
        runs,
        language,
        title=word(
            "ties_title" if is_stock else "flow_title", language, output=FLOWS[flow][language == "zh"]
        ),
        reading=style.sentences(
            language,
            f"{run.label(language)}{word('stop', language)}",
            word("mean_stock" if is_stock else "mean_flow", language, years=period),
            word("within", language) if np.diagonal(values).any() else "",
            word("colour_log", language),
        ),
        panel=(side + 2.3, side + 1.0),
    )
    axes = sheet.panels[0]
    _heat(axes, values * scale.factor, scale.unit, names)
    if not is_stock:
        axes.set_ylabel(word("from_city", language))
        axes.set_xlabel(word("to_city", language))
    _separate(axes, run)
    return sheet.figure


def _heat(axes: Axes, values: np.ndarray, unit: str, names: list[str]) -> None:
    shown = np.ma.masked_where(~(values > 0), values)
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.set_aspect("equal")
    if shown.count() == 0:
        axes.imshow(np.ma.masked_all(values.shape), vmin=0, vmax=1)
        return
    top = float(shown.max())
    low = min(max(float(shown.min()), top / 10**DECADES), top / 1.5)
    norm = LogNorm(low, top, clip=True)
    image = axes.imshow(shown, cmap="YlGnBu", norm=norm)
    for (row, column), value in np.ndenumerate(values):
        if value > 0:
            dark = norm(value) > 0.55
            text = style.short_number(float(value))
            axes.text(column, row, text, ha="center", va="center", size=7, color="white" if dark else "black")
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02, aspect=28)
    bar.set_label(unit)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(lambda value, _: style.plain_number(value))
    bar.ax.minorticks_off()


def _separate(axes: Axes, run: StoredRun) -> None:
    """Lines between jurisdictions, and before the places outside the region."""
    cities, owners = run.labels("city"), run.labels("city_jurisdiction")
    belongs = [
        city if city in OUTSIDE else owner
        for city, owner in zip(cities, owners or [""] * len(cities), strict=True)
    ]
    for place in range(1, len(belongs)):
        if belongs[place] != belongs[place - 1]:
            axes.axhline(place - 0.5, color=style.GREY, linewidth=1.0)
            axes.axvline(place - 0.5, color=style.GREY, linewidth=1.0)
