"""Paths over time by city: one panel a city, one colour a scenario, bands over replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from greaterbay import outputs as declared
from greaterbay.plots import style, units
from greaterbay.plots.words import word
from greaterbay.runner import series
from greaterbay.runner.results import StoredRun

COLUMNS = 4
FEW_AGENTS = 30
"""A city whose numbers rest on fewer simulated agents than this is marked."""


def draw_diffusion(runs: Sequence[StoredRun], language: str) -> Figure:
    """Adoption share of the tracked technologies by city, on one scale."""
    return _by_city(
        runs, "adoption_share", language, title=word("diffusion_title", language), same_scale=True
    )


def draw_output(runs: Sequence[StoredRun], language: str, name: str) -> Figure:
    """One output by city; shares and indices on one scale, everything else each city on its own."""
    output = declared.get(name)
    label = units.label(output, language)
    title = word("outputs_title", language, output=label[:1].upper() + label[1:])
    return _by_city(runs, name, language, title=title, same_scale=output.kind in ("share", "index"))


def _by_city(runs: Sequence[StoredRun], name: str, language: str, *, title: str, same_scale: bool) -> Figure:
    output = declared.get(name)
    yearly = series.is_yearly(output)
    names = [runs[0].names("city", language)[k] for k in runs[0].inside()]
    found = [series.by_city(run, name, yearly=yearly) for run in runs]
    joint = [series.by_city(run, name, yearly=yearly, together=True) for run in runs]
    with_joint = len(names) > 1 and any(np.isfinite(values).any() for values in joint)
    count = len(names) + with_joint
    columns = min(COLUMNS, count)
    thin = _thin_cities(runs, output)
    reading = style.sentences(
        language,
        style.band_note(runs, language),
        word("same_scale" if same_scale else "own_scale", language),
        word("renewal", language) if name == "adoption_share" else "",
        word("thin", language, n=FEW_AGENTS) if thin.any() else "",
    )
    sheet = style.sheet(
        runs,
        language,
        title=title,
        reading=reading,
        rows=math.ceil(count / columns),
        columns=columns,
        legend=style.scenario_legend(runs, language),
        sharex=True,
        sharey=same_scale,
    )
    # one unit for the whole sheet: the one that suits the city in the middle
    sizes = np.nanmax(
        np.abs(np.concatenate([values.reshape(-1, len(names)) for values in found])), axis=0, initial=0.0
    )
    scale = units.scale(output, float(np.median(sizes)), language, yearly=yearly)
    unit = word("adopting", language) if name == "adoption_share" else scale.unit
    for place, axes in enumerate(sheet.panels):
        if place >= count:
            style.no_data(axes)
            continue
        is_joint = place == len(names)
        panel = [values if is_joint else values[:, :, place] for values in (joint if is_joint else found)]
        for position, (run, values) in enumerate(zip(runs, panel, strict=True)):
            style.draw_band(axes, series.times(run, yearly), values * scale.factor, position, len(runs))
        axes.set_title(
            word("together", language, n=len(names))
            if is_joint
            else names[place] + (" *" if thin[place] else ""),
            loc="left",
            weight=style.heavy(language) if is_joint else "normal",
        )
        _finish(axes, runs[0], unit, place, columns, count)
    if output.kind == "share":
        sheet.panels[0].set_ylim(bottom=0)
    return sheet.figure


def _thin_cities(runs: Sequence[StoredRun], output: declared.Output) -> np.ndarray:
    """Cities, (city,), where the output rests on few simulated agents in any run, replicate or quarter."""
    agents = "agents_people" if output.unit == "persons" else "agents_firms"
    thin = np.zeros(len(runs[0].inside()), dtype=bool)
    for run in runs:
        if run.has(agents):
            thin |= (run.values(agents)[:, :, run.inside()] < FEW_AGENTS).any(axis=(0, 1))
    return thin


def _finish(axes: Axes, run: StoredRun, unit: str, place: int, columns: int, count: int) -> None:
    style.year_axis(axes, *run.span)
    style.number_axis(axes)
    if place % columns == 0:
        axes.set_ylabel(unit)
    # a panel with nothing below it shows the years even where the row below is shorter
    if place + columns >= count:
        axes.tick_params(labelbottom=True)
