"""Effects of policies against the reference: over the years, at a horizon, and what pairing was worth."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from greaterbay import outputs as declared
from greaterbay.comparison import effects as statistics
from greaterbay.comparison.paired import HIGHER, LOWER, Effect
from greaterbay.comparison.pairs import Pairing
from greaterbay.comparison.study import Study, label_of
from greaterbay.plots import style, units
from greaterbay.plots.words import word

COLUMNS = 3


def legend(study: Study, language: str) -> list[Line2D]:
    """One line a policy, in its colour."""
    count = len(study.policies) + 1
    return [
        Line2D([], [], label=title(study, policy, language), color=style.scenario_colour(k + 1, count), linewidth=1.8)
        for k, policy in enumerate(study.policies)
    ]


def title(study: Study, policy: str, language: str) -> str:
    """Readable name of a policy."""
    return study.titles[policy][language == "zh"]


def policy_name(study: Study, policy: str, language: str) -> str:
    """Name of a policy where there is little room: its id in words, or its Chinese title."""
    return title(study, policy, language) if language == "zh" else policy.replace("_", " ")


def against(study: Study, language: str) -> str:
    """What everything is held against, as a sentence."""
    return word("against", language, policy=title(study, study.against, language))


def band_words(study: Study, language: str) -> str:
    """What lines and bands of an effect are, as sentences."""
    if study.pairs < 2:
        return word("one_pair", language)
    return style.sentences(language, word("effect_bands", language, n=study.pairs), over_draws(study, language))


def over_draws(study: Study, language: str) -> str:
    """How pairs count where parameters are drawn; empty with central values."""
    return word("effect_drawn", language, n=study.draws, posterior=study.posterior) if study.draws else ""


def warnings(study: Study, language: str) -> list[str]:
    """What makes the pairs doubtful, for the footer."""
    return [word("mixed", language, reason=reason) for reason in study.mixed]


def is_share(outcome: str) -> bool:
    """Is the outcome shown in percentage points?"""
    return declared.get(outcome).unit in units.PERCENT


def unit_of(outcome: str, language: str) -> str:
    """Unit of a change."""
    return word("change_points" if is_share(outcome) else "change_percent", language)


def factor(one: Effect) -> float:
    """What makes an effect a percentage (points for shares); not a number where the reference is zero."""
    if is_share(one.outcome):
        return 100.0
    return 100.0 / abs(one.reference) if one.reference else math.nan


def draw_paths(study: Study, pairing: Pairing, language: str) -> Figure:
    """Mean effect on the whole region year by year, with bands and a zero line; one panel an outcome."""
    count = len(study.policies) + 1
    columns = min(COLUMNS, len(study.outcomes))
    several = study.pairs > 1
    sheet = style.sheet(
        pairing.runs,
        language,
        title=word("effect_paths_title", language),
        reading=style.sentences(language, against(study, language), band_words(study, language)),
        rows=math.ceil(len(study.outcomes) / columns),
        columns=columns,
        panel=(3.3, 2.1),
        legend=legend(study, language),
        warnings=warnings(study, language),
        sharex=True,
    )
    when = np.array(study.years) + 0.5
    for place, axes in enumerate(sheet.panels):
        if place >= len(study.outcomes):
            style.no_data(axes)
            continue
        outcome = study.outcomes[place]
        base = np.nanmean(study.curves[study.against, outcome], axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.full(len(when), 100.0) if is_share(outcome) else np.where(base != 0.0, 100.0 / np.abs(base), np.nan)
        axes.axhline(0.0, color="black", linewidth=0.9, zorder=2)
        for k, policy in enumerate(study.policies):
            difference = study.curves[policy, outcome]
            colour = style.scenario_colour(k + 1, count)
            bounds = {share: _band(difference, pairing.draw, share) for share in (statistics.OUTER, statistics.INNER)}
            if several:
                for share, alpha in ((statistics.OUTER, 0.13), (statistics.INNER, 0.25)):
                    axes.fill_between(when, bounds[share][0] * scale, bounds[share][1] * scale, color=colour, alpha=alpha, linewidth=0)
            axes.plot(when, statistics.by_draw(difference, pairing.draw).mean(axis=0) * scale, color=colour, linewidth=1.6)
        style.panel_title(axes, label_of(outcome, language), 2.7)
        axes.set_ylabel(unit_of(outcome, language))
        style.year_axis(axes, study.years[0], study.years[-1] + 1)
        style.number_axis(axes)
        if place + columns >= len(study.outcomes):
            axes.tick_params(labelbottom=True)
    return sheet.figure


def _band(difference: np.ndarray, draw: np.ndarray | None, coverage: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the mean effect in each year."""
    found = [statistics.mean_interval(statistics.by_draw(column, draw), coverage) for column in difference.T]
    return (np.array([one.low if one else np.nan for one in found]), np.array([one.high if one else np.nan for one in found]))


def draw_forest(study: Study, pairing: Pairing, language: str) -> Figure:
    """Effects at the last horizon: one panel an outcome, one line a policy."""
    year = max(study.horizons)
    count = len(study.policies) + 1
    columns = min(COLUMNS, len(study.outcomes))
    sheet = style.sheet(
        pairing.runs,
        language,
        title=word("forest_title", language, year=year),
        reading=style.sentences(
            language,
            against(study, language),
            word("effect_lines" if study.pairs > 1 else "one_pair", language),
            word("across_drawn", language, n=study.draws, posterior=study.posterior) if study.draws > 1 else "",
        ),
        rows=math.ceil(len(study.outcomes) / columns),
        columns=columns,
        panel=(3.3, 0.75 + 0.24 * len(study.policies)),
        legend=legend(study, language),
        warnings=warnings(study, language),
    )
    for place, axes in enumerate(sheet.panels):
        if place >= len(study.outcomes):
            style.no_data(axes)
            continue
        outcome = study.outcomes[place]
        axes.axvline(0.0, color="black", linewidth=0.9, zorder=2)
        for k, policy in enumerate(study.policies):
            one = study.effect(policy, outcome, year)
            if one is None or not math.isfinite(factor(one)):
                continue
            scale, colour, height = factor(one), style.scenario_colour(k + 1, count), -k
            if one.low90 is not None:
                axes.plot(
                    [one.future_low90 * scale, one.future_high90 * scale], [height, height], color=style.PALE, linewidth=1.0, zorder=1
                )
                axes.plot([one.across_low90 * scale, one.across_high90 * scale], [height, height], color=colour, linewidth=1.2, zorder=3)
                axes.plot(
                    [one.across_low50 * scale, one.across_high50 * scale],
                    [height, height],
                    color=colour,
                    linewidth=3.2,
                    zorder=3,
                    solid_capstyle="butt",
                )
            clear = one.verdict in (HIGHER, LOWER)
            axes.plot(
                [one.mean * scale], [height], marker="o", markersize=5, color=colour, markerfacecolor=colour if clear else "white", zorder=4
            )
        axes.set_ylim(-len(study.policies) + 0.4, 0.6)
        axes.set_yticks([])
        axes.grid(axis="y", visible=False)
        style.panel_title(axes, label_of(outcome, language), 2.7)
        axes.set_xlabel(unit_of(outcome, language))
        axes.xaxis.set_major_locator(style.MaxNLocator(nbins=4))
        axes.xaxis.set_major_formatter(style.FuncFormatter(lambda value, _: style.plain_number(value)))
    return sheet.figure


def no_ratio(study: Study, pairing: Pairing) -> str:
    """Why the worth of pairing cannot be shown."""
    if study.pairs < 4:
        return f"{study.pairs} pairs are too few for a variance"
    return "" if any(one.ratio for one in study.effects if one.group == "all") else "no policy makes a difference"


def draw_noise(study: Study, pairing: Pairing, language: str) -> Figure:
    """Measured variance ratio of pairing by outcome and policy; with posterior draws, the share of parameters beside it."""
    year, count = max(study.horizons), len(study.policies) + 1
    columns = 2 if any(one.share_parameters is not None for one in study.effects) else 1
    sheet = style.sheet(
        pairing.runs,
        language,
        title=word("noise_title", language),
        reading=style.sentences(
            language,
            f"{word('whole_region', language)}{word('comma', language)}{year}{word('stop', language)}",
            word("ratio_lines", language),
        ),
        columns=columns,
        panel=(8.0 / columns + 0.6, 1.0 + len(study.outcomes) * (0.22 + 0.1 * len(study.policies))),
        legend=legend(study, language),
        warnings=warnings(study, language),
        sharey=True,
    )
    step = 0.8 / len(study.policies)
    for row, outcome in enumerate(study.outcomes):
        for k, policy in enumerate(study.policies):
            one = study.effect(policy, outcome, year)
            if one is None or one.ratio is None:
                continue
            height, colour = -row + 0.4 - (k + 0.5) * step, style.scenario_colour(k + 1, count)
            sheet.panels[0].plot([max(one.ratio_low, 1e-2), one.ratio_high], [height, height], color=colour, linewidth=1.3)
            sheet.panels[0].plot([one.ratio], [height], marker="o", markersize=4, color=colour)
            if columns == 2 and one.share_parameters is not None:
                sheet.panels[1].plot([100 * one.share_low, 100 * one.share_high], [height, height], color=colour, linewidth=1.3)
                sheet.panels[1].plot([100 * one.share_parameters], [height], marker="o", markersize=4, color=colour)
    axes = sheet.panels[0]
    axes.set_xscale("log")
    axes.axvline(1.0, color="black", linewidth=0.9, zorder=2)
    axes.xaxis.set_major_formatter(style.FuncFormatter(lambda value, _: style.plain_number(value)))
    axes.set_yticks([-row for row in range(len(study.outcomes))], [label_of(outcome, language) for outcome in study.outcomes])
    axes.set_ylim(-len(study.outcomes) + 0.5, 0.5)
    axes.set_xlabel(word("variance_ratio", language))
    for edge in range(1, len(study.outcomes)):
        for panel in sheet.panels:
            panel.axhline(0.5 - edge, color=style.PALE, linewidth=0.8)
    for panel in sheet.panels:
        panel.grid(axis="y", visible=False)
    if columns == 2:
        sheet.panels[1].set_xlim(0, 100)
        sheet.panels[1].set_xlabel(word("parameter_share", language))
    return sheet.figure
