"""For whom: cities that gain and lose, flows that grow and shrink, technologies that spread sooner."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, SymLogNorm
from matplotlib.figure import Figure

from greaterbay import outputs as declared
from greaterbay.comparison import effects as statistics
from greaterbay.comparison import spread, values
from greaterbay.comparison.paired import HIGHER, LOWER
from greaterbay.comparison.pairs import Pairing
from greaterbay.comparison.study import Study, label_of
from greaterbay.plots import style, units
from greaterbay.plots.effects import against, band_words, factor, legend, policy_name, title, unit_of, warnings
from greaterbay.plots.words import FLOWS, word

DIVERGING = "PuOr_r"  # two sides that colour-blind readers can tell apart
MOST_OUTCOMES = 4
FIRST_OUTCOMES = ("output", "conversions", "talent", "firms")
CELL = 0.42


def draw_winners(study: Study, pairing: Pairing, language: str) -> Figure:
    """Change in each city and jurisdiction by policy; one panel an outcome."""
    year = max(study.horizons)
    shown = [name for name in FIRST_OUTCOMES if name in study.outcomes] or list(study.outcomes[:MOST_OUTCOMES])
    run = pairing.reference
    members = values.groups(run)
    names = values.group_names(run, language)
    cities = [group for group in members if group not in (values.ALL, *values.ROLES) and not group.startswith("jurisdiction:")]
    together = [group for group in members if group.startswith("jurisdiction:") and members[group].size > 1]
    together += [role for role in values.ROLES if role in members]
    rows = [*cities, *together, values.ALL]
    labels = [names.get(group) or (word("whole_region", language) if group == values.ALL else word(group, language)) for group in rows]
    side = max(0.62, CELL) * len(study.policies)
    sheet = style.sheet(
        pairing.runs,
        language,
        title=word("winners_title", language, year=year),
        reading=style.sentences(language, against(study, language), word("winners_cells", language)),
        columns=len(shown),
        panel=(side + 0.9 + 1.3 / len(shown), 0.27 * len(rows) + 2.0),
        warnings=warnings(study, language),
        sharey=True,
    )
    for axes, outcome in zip(sheet.panels, shown, strict=True):
        table = np.full((len(rows), len(study.policies)), np.nan)
        clear = np.zeros(table.shape, bool)
        for (row, column), _ in np.ndenumerate(table):
            one = study.effect(study.policies[column], outcome, year, rows[row])
            if one is not None and math.isfinite(factor(one)):
                table[row, column] = one.mean * factor(one)
                clear[row, column] = one.verdict in (HIGHER, LOWER)
        reach = float(np.nanmax(np.abs(np.where(clear, table, 0.0)), initial=0.0)) or 1.0
        norm = Normalize(-reach, reach)
        axes.imshow(np.ma.masked_where(~clear, table), cmap=DIVERGING, norm=norm, aspect="auto")
        axes.grid(False)
        thin = {one.group for one in study.effects if one.thin and one.outcome == outcome}
        for (row, column), value in np.ndenumerate(table):
            if math.isfinite(value):
                colour = style.GREY if not clear[row, column] else ("white" if abs(value) > 0.6 * reach else "black")
                axes.text(column, row, _signed(value) + ("*" if rows[row] in thin else ""), ha="center", va="center", size=7, color=colour)
        axes.axhline(len(cities) - 0.5, color=style.GREY, linewidth=0.8)
        axes.set_yticks(range(len(rows)), labels)
        axes.set_xticks(
            range(len(study.policies)),
            style.short_names([policy_name(study, policy, language) for policy in study.policies]),
            rotation=40,
            ha="right",
            rotation_mode="anchor",
        )
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        label = label_of(outcome, language)
        axes.set_title(f"{label[:1].upper() + label[1:]}\n{unit_of(outcome, language)}", loc="left")
    return sheet.figure


def _signed(value: float) -> str:
    if abs(value) < 0.005:
        return "0"
    return f"{value:+.0f}" if abs(value) >= 10 else f"{value:+.1f}" if abs(value) >= 0.95 else f"{value:+.2f}"


def no_flows(study: Study, pairing: Pairing) -> str:
    """Why no flow can be compared."""
    return "" if study.flows else "the files hold no flow matrices"


def draw_flows(study: Study, pairing: Pairing, language: str, policy: str) -> Figure:
    """Change of each flow matrix under one policy."""
    changes = [one for one in study.flows if one.policy == policy]
    run = pairing.reference
    names = run.names("city", language)
    columns = min(2, len(changes))
    side = 0.36 * len(names)
    sheet = style.sheet(
        pairing.runs,
        language,
        title=word("flow_change_title", language, policy=title(study, policy, language)),
        reading=style.sentences(
            language,
            against(study, language),
            word("flow_change_cells", language, n=study.pairs, years=f"{changes[0].first}–{changes[0].last}"),
            word("colour_log", language),
        ),
        rows=math.ceil(len(changes) / columns),
        columns=columns,
        panel=(side + 2.1, side + 1.5),
        warnings=warnings(study, language),
    )
    for place, axes in enumerate(sheet.panels):
        if place >= len(changes):
            style.no_data(axes)
            continue
        change = changes[place]
        output = declared.get(next(one.id for one in declared.flows() if one.flow == change.flow))
        stock = output.over_time == "last"
        scale = units.scale(output, float(np.abs(change.mean).max()) / 50, language, yearly=not stock)
        _difference(axes, change.mean * scale.factor, change.clear, names, scale.unit)
        axes.set_title(FLOWS[change.flow][language == "zh"], loc="left")
        if not stock:
            axes.set_ylabel(word("from_city", language))
            axes.set_xlabel(word("to_city", language))
    return sheet.figure


def _difference(axes: Axes, change: np.ndarray, clear: np.ndarray, names: list[str], unit: str) -> None:
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    reach = float(np.abs(change).max()) or 1.0
    norm = SymLogNorm(linthresh=reach / 100, linscale=0.5, vmin=-reach, vmax=reach)
    image = axes.imshow(np.ma.masked_where(change == 0.0, change), cmap=DIVERGING, norm=norm, alpha=np.where(clear, 1.0, 0.25))
    for (row, column), value in np.ndenumerate(change):
        if clear[row, column]:
            dark = abs(norm(value) - 0.5) > 0.36
            text = ("+" if value > 0 else "−") + style.short_number(abs(float(value)))
            axes.text(column, row, text, ha="center", va="center", size=5.5, color="white" if dark else "black")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0, labelsize=7)
    axes.set_aspect("equal")
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02, aspect=28)
    bar.set_label(unit)
    bar.outline.set_visible(False)
    bar.set_ticks([-reach, -reach / 10, 0, reach / 10, reach])
    bar.ax.yaxis.set_major_formatter(lambda value, _: style.plain_number(value))
    bar.ax.minorticks_off()


def no_spread(study: Study, pairing: Pairing) -> str:
    """Why no diffusion curves can be compared."""
    return "" if study.spread else "the files hold no adoption shares of the same quarters"


def draw_spread(study: Study, pairing: Pairing, language: str) -> Figure:
    """Adoption share minus that of the reference: one row a technology, columns for all cities, core and periphery."""
    reference = pairing.reference
    members = {group: where for group, where in values.groups(reference).items() if group in (values.ALL, *values.ROLES)}
    technologies = list(dict.fromkeys(one.technology for one in study.spread))
    several = study.pairs > 1
    sheet = style.sheet(
        pairing.runs,
        language,
        title=word("spread_title", language),
        reading=style.sentences(language, against(study, language), band_words(study, language)),
        rows=len(technologies),
        columns=len(members),
        panel=(3.2, 2.0),
        legend=legend(study, language),
        warnings=warnings(study, language),
        sharex=True,
        sharey="row",
    )
    when = (reference.quarters + 0.5) / 4.0
    for row, technology in enumerate(technologies):
        base = spread.shares(reference, pairing.rows(reference), technology, members)
        for k, run in enumerate(pairing.policies):
            if technology != spread.TRACKED and technology not in run.labels("technology"):
                continue
            ours = spread.shares(run, pairing.rows(run), technology, members)
            colour = style.scenario_colour(k + 1, len(pairing.runs))
            for column, group in enumerate(members):
                axes = sheet.axes[row, column]
                difference = 100.0 * (ours[group] - base[group])
                shown = np.isfinite(difference).all(axis=0)
                if not shown.any():
                    continue
                for share, alpha in ((statistics.OUTER, 0.13), (statistics.INNER, 0.25)) if several else ():
                    bounds = [statistics.mean_interval(statistics.by_draw(one, pairing.draw), share) for one in difference[:, shown].T]
                    axes.fill_between(
                        when[shown], [one.low for one in bounds], [one.high for one in bounds], color=colour, alpha=alpha, linewidth=0
                    )
                axes.plot(when[shown], statistics.by_draw(difference[:, shown], pairing.draw).mean(axis=0), color=colour, linewidth=1.6)
        for column, group in enumerate(members):
            axes = sheet.axes[row, column]
            axes.axhline(0.0, color="black", linewidth=0.9, zorder=2)
            name = word("tracked", language) if technology == spread.TRACKED else study.names[technology][language == "zh"]
            where = word("all", language, n=len(reference.inside())) if group == values.ALL else word(group, language)
            axes.set_title(f"{name}{word('colon', language)}{where}", loc="left", size=style.SMALL_SIZE)
            style.year_axis(axes, *reference.span)
            style.number_axis(axes)
            if column == 0:
                axes.set_ylabel(word("points", language))
    return sheet.figure
