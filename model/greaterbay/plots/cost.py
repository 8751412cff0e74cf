"""Public money: who pays, and for which policy, year by year."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from greaterbay import outputs as declared
from greaterbay.plots import style, units
from greaterbay.plots.words import word
from greaterbay.runner import series
from greaterbay.runner.results import StoredRun


def yearly_cost(run: StoredRun, dimension: str) -> np.ndarray:
    """Public cost, (year, part), mean over replicates; parts: payers' seats (``city``), ``payer`` or ``lever``."""
    if dimension == "city":
        values = run.values("public_cost")
        values = np.where(np.isfinite(values), values, 0.0)
    else:
        values = np.nansum(run.values("public_cost_lever"), axis=2 if dimension == "lever" else 3)
    return series.over_years(values, run.quarters, run.full_years, "sum").mean(axis=0)


def spending(runs: Sequence[StoredRun]) -> list[StoredRun]:
    """The runs that spend public money on policies in a complete year."""
    return [run for run in runs if yearly_cost(run, "city").sum() > 0]


def draw_cost(runs: Sequence[StoredRun], language: str) -> Figure:
    """Stacked yearly cost: above by payer, below by lever; one column a scenario that spends anything."""
    spent = spending(runs)
    rows = [("city", "by_payer"), ("lever", "by_lever")]
    costs = {name: [yearly_cost(run, name) for run in spent] for name, _ in rows}
    names = {name: spent[0].names(name, language) for name, _ in rows}
    paying = {name: _paying(costs[name]) for name, _ in rows}
    largest = max(float(cost.sum(axis=1).max()) for cost in costs["city"])
    scale = units.scale(declared.get("public_cost"), largest, language, yearly=True)
    # the legends stand at the right of the last column and need room of their own
    widest = max(style.text_width(names[name][part]) for name, _ in rows for part in paying[name])
    legend_inches = 0.6 + widest * style.LETTER * style.SMALL_SIZE / 72
    width = max(3.2, 6.4 / len(spent))
    titles = [
        style.wrapped(run.label(language), (width - 0.4) * 72 / (style.LETTER * style.TEXT_SIZE))
        for run in spent
    ]
    sheet = style.sheet(
        spent,
        language,
        title=word("cost_title", language),
        reading=style.sentences(
            language, word("yearly", language), word("means", language), word("seat", language)
        ),
        rows=len(rows),
        columns=len(spent),
        panel=(width + legend_inches / len(spent), 2.7),
        sharex=True,
        sharey=True,
    )
    for row, (name, by) in enumerate(rows):
        for column, run in enumerate(spent):
            axes = sheet.axes[row, column]
            _stack(axes, np.array(run.full_years), costs[name][column] * scale.factor, paying[name])
            if row == 0:
                axes.set_title("\n".join(titles[column]), loc="left")
            axes.set_xlim(run.full_years[0] - 0.6, run.full_years[-1] + 0.6)
            axes.xaxis.set_major_locator(style.MaxNLocator(nbins=5, integer=True))
            axes.xaxis.set_major_formatter(style.FuncFormatter(lambda value, _: f"{value:.0f}"))
            style.number_axis(axes)
            if column == 0:
                axes.set_ylabel(scale.unit)
        _legend(sheet.axes[row, -1], names[name], paying[name], word(by, language))
    return sheet.figure


def _paying(costs: Sequence[np.ndarray]) -> list[int]:
    """Positions of the parts that pay anything, the largest first."""
    total = sum(cost.sum(axis=0) for cost in costs)
    return [int(k) for k in np.argsort(-total, kind="stable") if total[k] > 0]


def _stack(axes: Axes, years: np.ndarray, cost: np.ndarray, parts: list[int]) -> None:
    below = np.zeros(len(years))
    for part in parts:
        axes.bar(years, cost[:, part], bottom=below, width=0.8, linewidth=0, **style.member_look(part))
        below = below + cost[:, part]
    axes.grid(axis="x", visible=False)


def _legend(axes: Axes, names: list[str], parts: list[int], title: str) -> None:
    # in the order of the stack: the topmost part first
    handles = [Patch(label=names[part], linewidth=0, **style.member_look(part)) for part in reversed(parts)]
    axes.legend(
        handles=handles,
        title=title,
        title_fontsize=style.SMALL_SIZE,
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        fontsize=style.SMALL_SIZE,
    )
