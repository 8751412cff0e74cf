"""From the laboratory to the market: how many inventions stand at each stage, and how many pass in a year."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from greaterbay import outputs as declared
from greaterbay.plots import style, units
from greaterbay.plots.words import WORDS, word
from greaterbay.runner import series
from greaterbay.runner.results import StoredRun

PASSING = ("inventions", "conversions", "abandoned", "lapsed")
BAR = 0.8


def stage_stocks(run: StoredRun) -> np.ndarray:
    """Inventions in force by stage in the region, mean of the last years' quarters: (replicate, stage)."""
    values = run.values("pipeline")[:, :, run.inside()].sum(axis=2)
    return values[:, np.isin(run.quarters // 4, series.last_years(run))].mean(axis=1)


def yearly_passing(run: StoredRun) -> np.ndarray:
    """What is made, converted, given up and lapses in the region, mean of the last years: (replicate, 4)."""
    count = len(series.last_years(run))
    found = [
        series.by_city(run, name, yearly=True, together=True)[:, -count:].mean(axis=1) for name in PASSING
    ]
    return np.stack(found, axis=1)


def draw_funnel(runs: Sequence[StoredRun], language: str) -> Figure:
    """Stock by stage, flows a year, and conversions over time, for the region as a whole."""
    years = series.years_label(series.last_years(runs[0]))
    stocks, passing = [stage_stocks(run) for run in runs], [yearly_passing(run) for run in runs]
    conversions = [series.by_city(run, "conversions", yearly=True, together=True) for run in runs]
    sheet = style.sheet(
        runs,
        language,
        title=word("funnel_title", language),
        reading=style.sentences(
            language,
            word("bars", language),
            word("whiskers", language) if max(run.replicates for run in runs) > 1 else "",
            style.band_note(runs, language),
        ),
        columns=3,
        panel=(3.7, 2.2 + 0.3 * len(runs)),
        legend=style.scenario_patches(runs, language),
    )
    stages = [
        word(f"stage_{stage}", language) if f"stage_{stage}" in WORDS else stage
        for stage in runs[0].labels("stage")
    ]
    flows = [units.short_label(name, language) for name in PASSING]
    stock_unit = units.scale(declared.get("pipeline"), 0.0, language).unit
    flow_unit = units.scale(declared.get("conversions"), 0.0, language, yearly=True).unit
    left, middle, right = sheet.panels
    _bars(left, stages, stocks, word("stock_panel", language, years=years), stock_unit)
    _bars(middle, flows, passing, word("flow_panel", language, years=years), flow_unit)
    for position, (run, values) in enumerate(zip(runs, conversions, strict=True)):
        style.draw_band(right, series.times(run, True), values, position, len(runs))
    right.set_title(word("conversions_panel", language), loc="left")
    right.set_ylabel(flow_unit)
    right.set_ylim(bottom=0)
    style.year_axis(right, *runs[0].span)
    style.number_axis(right)
    return sheet.figure


def _bars(axes: Axes, names: list[str], values: Sequence[np.ndarray], title: str, unit: str) -> None:
    """Horizontal bars, the first name on top, one bar a scenario, with the number at its end."""
    height = BAR / len(values)
    # room at the right for the number behind the longest bar and its whisker
    reach = max(float(np.max(style.quantiles(found, (style.OUTER[1],)), initial=0.0)) for found in values)
    for position, found in enumerate(values):
        middle = found.mean(axis=0)
        low, high = style.quantiles(found, style.OUTER)
        places = np.arange(len(names)) - BAR / 2 + height * (position + 0.5)
        axes.barh(
            places,
            middle,
            height=height * 0.92,
            color=style.scenario_colour(position, len(values)),
            alpha=0.75,
        )
        if len(found) > 1:
            axes.hlines(places, low, high, color="black", linewidth=1.0)
        for place, value, end in zip(places, middle, np.maximum(middle, high), strict=True):
            axes.text(
                end + 0.02 * reach, place, style.plain_number(float(f"{value:.3g}")), va="center", size=7.5
            )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, reach * 1.22 or 1.0)
    axes.xaxis.set_major_locator(style.MaxNLocator(nbins=3, min_n_ticks=2))
    axes.xaxis.set_major_formatter(style.FuncFormatter(lambda value, _: style.plain_number(value)))
    axes.set_xlabel(unit)
    axes.set_title(title, loc="left")
