"""Probe technologies: launched on a date in one city to watch how they spread to core and other cities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from greaterbay.plots import style
from greaterbay.plots.words import word
from greaterbay.runner import series
from greaterbay.runner.results import StoredRun

ROLES = ("core", "periphery")


def probe_ids(runs: Sequence[StoredRun]) -> list[str]:
    """Probes of any of the runs, in the order of the files."""
    return list(
        dict.fromkeys(probe for run in runs for probe in run.probes if probe in run.labels("technology"))
    )


def share_by_role(run: StoredRun, probe: str) -> dict[str, np.ndarray]:
    """Adoption share of one probe, (replicate, quarter), in core cities, in the others and in all cities.

    Shares are formed from summed firms. Without a role for each city only all cities are given.
    """
    place = run.labels("technology").index(probe)
    adopters, potential = (
        run.values(name, technology=[place])[..., 0]
        for name in ("adopters_technology", "potential_technology")
    )
    inside = run.inside()
    roles = np.array(run.labels("city_role"))
    groups = {role: inside[roles[inside] == role] for role in ROLES} if roles.size else {}
    groups = {role: cities for role, cities in groups.items() if cities.size} | {"all": inside}
    return {
        role: series.ratio(adopters[:, :, cities].sum(axis=2), potential[:, :, cities].sum(axis=2))
        for role, cities in groups.items()
    }


def draw_probes(runs: Sequence[StoredRun], language: str) -> Figure:
    """One row a probe: core cities, other cities, all cities; one colour a scenario."""
    probes = probe_ids(runs)
    with_probe = {probe: [k for k, run in enumerate(runs) if probe in run.probes] for probe in probes}
    shares = {(probe, k): share_by_role(runs[k], probe) for probe in probes for k in with_probe[probe]}
    columns = max((list(found) for found in shares.values()), key=len)
    sheet = style.sheet(
        runs,
        language,
        title=word("probes_title", language),
        reading=style.sentences(language, style.band_note(runs, language), word("same_scale", language)),
        rows=len(probes),
        columns=len(columns),
        panel=(3.3, 2.2),
        legend=style.scenario_legend(runs, language),
        sharex=True,
        sharey=True,
    )
    for row, probe in enumerate(probes):
        for column, role in enumerate(columns):
            axes = sheet.axes[row, column]
            for k in with_probe[probe]:
                style.draw_band(
                    axes, series.times(runs[k], False), shares[probe, k][role] * 100, k, len(runs)
                )
            name = runs[with_probe[probe][0]].probe_name(probe, language)
            where = word("all", language, n=len(runs[0].inside())) if role == "all" else word(role, language)
            axes.set_title(f"{name}{word('colon', language)}{where}", loc="left")
            style.year_axis(axes, *runs[0].span)
            style.number_axis(axes)
            if column == 0:
                axes.set_ylabel(word("adopting", language))
    sheet.panels[0].set_ylim(bottom=0)
    return sheet.figure
