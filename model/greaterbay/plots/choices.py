"""Choosing between policies: how stable their order is, and what they do for their money."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from greaterbay import outputs as declared
from greaterbay.comparison import values
from greaterbay.comparison.pairs import Pairing
from greaterbay.comparison.study import Study, label_of
from greaterbay.plots import style, units
from greaterbay.plots.effects import against, legend, policy_name, warnings
from greaterbay.plots.words import word

COLUMNS = 3


def no_ranks(study: Study, pairing: Pairing) -> str:
    """Why no order can be shown."""
    return "" if study.places else "one pair gives no order"


def draw_ranks(study: Study, pairing: Pairing, language: str) -> Figure:
    """Chance of every rank for every policy, the reference among them; one panel an outcome."""
    year = max(study.horizons)
    shown = [outcome for outcome in study.outcomes if any((one.outcome, one.horizon) == (outcome, year) for one in study.places)]
    columns = min(COLUMNS, len(shown))
    number = len(study.policies) + 1
    sheet = style.sheet(
        pairing.runs,
        language,
        title=word("rank_title", language, year=year),
        reading=style.sentences(
            language, word("rank_cells", language), word("rank_drawn" if study.draws else "rank_fixed", language, n=study.draws)
        ),
        rows=math.ceil(len(shown) / columns),
        columns=columns,
        panel=(1.9 + 0.36 * number, 0.8 + 0.36 * number),
        warnings=warnings(study, language),
    )
    for place, axes in enumerate(sheet.panels):
        if place >= len(shown):
            style.no_data(axes)
            continue
        places = [one for one in study.places if (one.outcome, one.horizon) == (shown[place], year)]
        chance = np.array([one.chances for one in places])
        axes.imshow(chance, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.grid(False)
        for (row, column), value in np.ndenumerate(chance):
            if value >= 0.005:
                axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", size=7, color="white" if value > 0.6 else "black")
        axes.set_xticks(range(number), range(1, number + 1))
        axes.set_yticks(
            range(number), style.short_names([policy_name(study, one.policy, language) for one in places])
        )
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        style.panel_title(axes, label_of(shown[place], language), 2.2)
        axes.set_xlabel(word("rank", language))
    return sheet.figure


def no_prices(study: Study, pairing: Pairing) -> str:
    """Why cost and effect cannot be shown together."""
    return "" if any(one.cost for one in study.prices) else "no public money is spent"


def draw_frontier(study: Study, pairing: Pairing, language: str) -> Figure:
    """Public money against effect up to the last horizon, with the frontier; one panel an outcome."""
    year, count = max(study.horizons), len(study.policies) + 1
    shown = [outcome for outcome in study.outcomes if any((one.outcome, one.horizon) == (outcome, year) for one in study.prices)]
    columns = min(COLUMNS, len(shown))
    sheet = style.sheet(
        pairing.runs,
        language,
        title=word("frontier_title", language, year=year),
        reading=style.sentences(language, against(study, language), word("frontier_lines", language)),
        rows=math.ceil(len(shown) / columns),
        columns=columns,
        panel=(3.4, 2.5),
        legend=legend(study, language),
        warnings=warnings(study, language),
    )
    names = [study.against, *study.policies]
    for place, axes in enumerate(sheet.panels):
        if place >= len(shown):
            style.no_data(axes)
            continue
        outcome = shown[place]
        found = {one.policy: one for one in study.prices if (one.outcome, one.horizon) == (outcome, year)}
        sign = values.direction(outcome)
        money = units.scale(declared.get("public_cost"), max(abs(one.economic) for one in found.values()), language)
        output = declared.get(outcome)
        scale = units.scale(output, max(abs(one.effect) for one in found.values()), language)
        axes.axhline(0.0, color="black", linewidth=0.8, zorder=1)
        for k, name in enumerate(names):
            one = found[name]
            if k == 0:
                axes.plot([0], [0], marker="s", markersize=5, color=style.REFERENCE_COLOUR, zorder=4)
                continue
            colour = style.scenario_colour(k, count)
            x, y = one.economic * money.factor, sign * one.effect * scale.factor
            if one.effect_low is not None:
                axes.plot(
                    [x, x], [sign * one.effect_low * scale.factor, sign * one.effect_high * scale.factor], color=colour, linewidth=1.2
                )
            if one.cost_low is not None and one.cost:
                part = one.economic / one.cost
                axes.plot([one.cost_low * part * money.factor, one.cost_high * part * money.factor], [y, y], color=colour, linewidth=1.2)
            axes.plot([x], [y], marker="o", markersize=5.5, color=colour, zorder=3)
        edge = sorted(
            (found[name].economic * money.factor, sign * found[name].effect * scale.factor) for name in names if found[name].frontier
        )
        axes.plot(*zip(*edge, strict=True), color=style.GREY, linewidth=1.0, linestyle=(0, (4, 2)), zorder=2)
        style.panel_title(axes, label_of(outcome, language), 2.7)
        axes.set_xlabel(word("cost_axis", language, unit=money.unit))
        axes.set_ylabel(word("effect_axis", language, unit=word("points", language) if output.unit in units.PERCENT else scale.unit))
        style.number_axis(axes)
        axes.xaxis.set_major_locator(style.MaxNLocator(nbins=4))
        axes.xaxis.set_major_formatter(style.FuncFormatter(lambda value, _: style.plain_number(value)))
    return sheet.figure
