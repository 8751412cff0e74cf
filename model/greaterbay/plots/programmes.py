"""What the policies are: when their levers act, and who pays how much in which year."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from greaterbay import outputs as declared
from greaterbay.comparison.pairs import Pairing
from greaterbay.comparison.study import Study, key_of
from greaterbay.plots import cost, style, units
from greaterbay.plots.effects import title, warnings
from greaterbay.plots.words import word
from greaterbay.policy import catalogue
from greaterbay.runner.results import StoredRun


def strengths(run: StoredRun) -> dict[str, np.ndarray]:
    """Value of each lever that ever leaves its neutral value, (quarter,), mean over replicates."""
    levers = catalogue.levers()
    if not run.has("lever_value"):
        return {}
    values = run.values("lever_value").mean(axis=0)
    names = run.labels("lever")
    return {
        name: values[:, k]
        for k, name in enumerate(names)
        if name in levers and not np.allclose(values[:, k], levers[name].neutral, rtol=1e-6, atol=1e-9)
    }


def no_levers(study: Study, pairing: Pairing) -> str:
    """Why no timeline can be drawn."""
    return "" if any(strengths(run) for run in pairing.runs) else "no lever leaves its neutral value"


def draw_timeline(study: Study, pairing: Pairing, language: str) -> Figure:
    """One strip a policy and lever: how far it is from its neutral value over time."""
    levers, count = catalogue.levers(), len(pairing.runs)
    acting = [(k, run, strengths(run)) for k, run in enumerate(pairing.runs)]
    rows = [(k, run, name, values) for k, run, found in acting for name, values in found.items()]
    most = {
        name: max(abs(float(v - levers[name].neutral)) for _, _, found in acting for v in found.get(name, [levers[name].neutral]))
        for _, _, name, _ in rows
    }
    widest = max(style.text_width(_name(name, language)) for _, _, name, _ in rows)
    sheet = style.sheet(
        pairing.runs,
        language,
        title=word("timeline_title", language),
        reading=word("timeline_bars", language),
        panel=(6.4 + 0.075 * widest, 0.6 + 0.32 * len(rows)),
        legend=[
            style.Patch(label=title(study, key_of(run), language), facecolor=style.scenario_colour(k, count))
            for k, run, found in acting
            if found
        ],
        warnings=warnings(study, language),
    )
    axes = sheet.panels[0]
    for row, (k, run, name, values) in enumerate(rows):
        height = 0.8 * np.abs(values - levers[name].neutral) / most[name]
        edges = np.append(run.quarters, run.quarters[-1] + 1) / 4.0
        axes.fill_between(
            edges, -row - 0.4, -row - 0.4 + np.append(height, height[-1]), step="post", color=style.scenario_colour(k, count), linewidth=0
        )
        strongest = values[int(np.abs(values - levers[name].neutral).argmax())]
        axes.text(
            edges[-1] + 0.15,
            -row - 0.1,
            word("to_value", language, neutral=f"{levers[name].neutral:g}", value=f"{strongest:.3g}"),
            va="center",
            size=style.SMALL_SIZE,
        )
    axes.set_yticks([-row for row in range(len(rows))], [_name(name, language) for _, _, name, _ in rows])
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.grid(axis="y", visible=False)
    style.year_axis(axes, pairing.reference.span[0], pairing.reference.span[1])
    axes.xaxis.set_major_locator(style.MaxNLocator(nbins=8, integer=True))
    return sheet.figure


def _name(lever: str, language: str) -> str:
    entry = catalogue.levers()[lever]
    return entry.name_zh if language == "zh" else entry.name


def no_spending(study: Study, pairing: Pairing) -> str:
    """Why nobody's payments can be shown."""
    fine = [run for run in pairing.runs if run.full_years and run.has("public_cost") and run.has("public_cost_lever")]
    return "" if any(cost.yearly_cost(run, "city").sum() > 0 for run in fine) else "no public money is spent"


def draw_strip(study: Study, pairing: Pairing, language: str) -> Figure:
    """Payer by year, one panel a policy that spends anything; colour and number give the amount."""
    spent = [run for run in pairing.runs if cost.yearly_cost(run, "city").sum() > 0]
    tables = [cost.yearly_cost(run, "payer").T for run in spent]  # (payer, year)
    paying = np.flatnonzero(sum(table.sum(axis=1) for table in tables) > 0)
    names = spent[0].names("payer", language)
    largest = max(float(table.max()) for table in tables)
    scale = units.scale(declared.get("public_cost"), largest, language, yearly=True)
    busy = np.flatnonzero(sum(table.sum(axis=0) for table in tables) > 0)
    shown_years = slice(max(0, int(busy[0]) - 1), int(busy[-1]) + 1)  # one idle year before the first payment
    years = spent[0].full_years[shown_years]
    tables = [table[:, shown_years] for table in tables]
    sheet = style.sheet(
        pairing.runs,
        language,
        title=word("strip_title", language),
        reading=word("strip_cells", language),
        rows=len(spent),
        panel=(2.0 + 0.4 * len(years), 0.75 + 0.22 * len(paying)),
        warnings=warnings(study, language),
        sharex=True,
    )
    for axes, run, table in zip(sheet.panels, spent, tables, strict=True):
        shown = table[paying] * scale.factor
        image = axes.imshow(np.ma.masked_where(shown <= 0, shown), cmap="YlGnBu", vmin=0, vmax=largest * scale.factor, aspect="auto")
        axes.grid(False)
        for (row, column), value in np.ndenumerate(shown):
            if value > 0:
                axes.text(
                    column,
                    row,
                    style.short_number(float(value)),
                    ha="center",
                    va="center",
                    size=6.5,
                    color="white" if value > 0.55 * largest * scale.factor else "black",
                )
        axes.set_yticks(range(len(paying)), [names[k] for k in paying])
        axes.set_xticks(range(len(years)), years)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_title(title(study, key_of(run), language), loc="left")
        bar = axes.figure.colorbar(image, ax=axes, pad=0.01, aspect=12)
        bar.set_label(scale.unit, size=style.SMALL_SIZE)
        bar.outline.set_visible(False)
        bar.locator = style.MaxNLocator(nbins=3)
        bar.update_ticks()
    return sheet.figure
