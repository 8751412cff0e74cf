"""Figures of the pages, drawn from the package's declarations and tables when the site is built."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from greaterbay import outputs, timeline
from greaterbay.clock import label
from greaterbay.parameters import Parameters
from greaterbay.plots.style import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, VERMILLION

LOOK: Any = {
    "font.family": "DejaVu Sans", "font.size": 9, "svg.fonttype": "path", "svg.hashsalt": "greaterbay",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": False,
}
FLOW_COLOURS = {"talent": BLUE, "technology": GREEN, "capital": ORANGE, "ties": PURPLE}


def _panel(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def schedule() -> Figure:
    """The ten phases of a quarter, with what is called in each."""
    figure, panel = _panel(7.2, 5.2)
    rows = [("", "The outside moves on", "growth of the economy, markets and frontier"),
            *((str(p.number), p.title, ", ".join(call.name.split(":")[0].removeprefix("policy.").removeprefix("exchange.")
                                                  + "." + call.name.split(":")[1] for call in p.calls)) for p in timeline.PHASES)]
    for i, (number, title, calls) in enumerate(rows):
        y = -i
        colour = PALE if not number else SKY
        panel.text(0.3, y, number or "·", ha="center", va="center", bbox={"boxstyle": "circle,pad=0.28", "fc": colour, "ec": "none"})
        panel.text(0.65, y, title, va="center", fontweight="bold" if number else "normal")
        panel.text(4.4, y, calls, va="center", color=GREY, fontsize=8)
        if i + 1 < len(rows):
            panel.annotate("", (0.3, y - 0.68), (0.3, y - 0.32), arrowprops={"arrowstyle": "->", "color": GREY, "lw": 0.8})
    last = -(len(rows) - 1)
    panel.annotate("", (0.02, -0.05), (0.02, last), annotation_clip=False,
                   arrowprops={"arrowstyle": "->", "color": GREY, "lw": 1.0, "connectionstyle": "bar,fraction=-0.02"})
    panel.text(-0.62, last / 2, "next quarter", rotation=90, va="center", ha="center", color=GREY, fontsize=8)
    panel.set_xlim(-0.8, 10.2)
    panel.set_ylim(last - 0.6, 0.6)
    panel.axis("off")
    return figure


def exchange() -> Figure:
    """Who passes what to whom: every line of the flow matrices that the model records."""
    places = {"government": (0.0, 1.0), "fund": (-1.15, 0.35), "person": (1.15, 0.35), "firm": (-0.6, -0.75), "institute": (0.95, -0.75)}
    outside = (-1.75, -0.75)
    names = {"government": "governments", "fund": "funds and banks", "person": "people out of work,\nnewcomers, savers", "firm": "firms",
             "institute": "universities,\nlaboratories"}
    shown = {"talent": "people", "technology": "technology", "capital": "capital", "ties": "collaboration ties"}
    lines: dict[tuple[str, str, str], set[str]] = {}
    for one in outputs.flows():
        start = "outside" if one.from_kind == "all" else one.from_kind
        lines.setdefault((start, one.to_kind, one.flow), set()).add(one.channel)
    figure, panel = _panel(7.4, 5.6)
    places["outside"] = outside
    names["outside"] = "rest of China,\nabroad"
    boxes = {}
    for kind, (x, y) in places.items():
        text = panel.text(x, y, names[kind], ha="center", va="center", fontweight="bold", zorder=3,
                          bbox={"boxstyle": "round,pad=0.5", "fc": "white", "ec": PALE if kind == "outside" else GREY})
        boxes[kind] = text.get_bbox_patch()
    panel.set_xlim(-2.1, 1.7)
    panel.set_ylim(-1.35, 1.35)
    panel.axis("off")
    figure.draw_without_rendering()  # now the boxes know their places
    seen: dict[frozenset[str], int] = {}
    for (start, end, flow), channels in lines.items():
        colour = FLOW_COLOURS[flow]
        words = "" if flow in ("ties", "talent") else ", ".join(sorted(channels))
        pair = frozenset((start, end))
        number = seen.get(pair, 0)
        seen[pair] = number + 1
        (xa, ya), (xb, yb) = places[start], places[end]
        if start == end:
            away = (-1.0 if ya < 0.0 else 1.0) * (0.26 + 0.11 * number)
            panel.text(xa, ya + away, f"among each other: {shown[flow]}" + (f" ({words})" if words else ""), ha="center", va="center",
                       color=colour, fontsize=7.5)
            continue
        bend = (0.0, 0.2, -0.2, 0.35)[number] * (1 if min(pair) == start else -1)
        panel.annotate("", (xb, yb), (xa, ya), arrowprops={
            "arrowstyle": "-" if flow == "ties" else "-|>", "color": colour, "lw": 1.4, "patchA": boxes[start], "patchB": boxes[end],
            "shrinkA": 3, "shrinkB": 3, "connectionstyle": f"arc3,rad={bend}"})
        if words:
            panel.text((xa + xb) / 2 + bend * (yb - ya) * 0.5, (ya + yb) / 2 - bend * (xb - xa) * 0.5, words, ha="center", va="center",
                       color=colour, fontsize=7.5, bbox={"fc": "white", "ec": "none", "pad": 0.8})
    for k, (flow, words) in enumerate(shown.items()):
        panel.text(-1.9 + 1.0 * k, 1.22, f"— {words}", color=FLOW_COLOURS[flow], fontweight="bold")
    return figure


def bay_map() -> Figure:
    """The cities at their places, their skilled people, jurisdictions and the travel times below one hour."""
    from greaterbay.region.load import load_region

    region = load_region("gba")
    figure, panel = _panel(7.0, 4.6)
    colours = (BLUE, VERMILLION, GREEN)
    x, y, count = region.longitude_city, region.latitude_city, len(region.city_ids)
    minutes = region.travel_minutes
    for a in range(count):
        for b in range(a):
            if minutes[a, b] < 60:
                panel.plot(x[[a, b]], y[[a, b]], color=PALE, lw=2.4 - minutes[a, b] / 30, zorder=0)
    for j, name in enumerate(region.jurisdiction_names):
        here = region.jurisdiction_city == j
        panel.scatter(x[here], y[here], s=region.population_city[here] / 4e4, color=colours[j % 3], alpha=0.75, edgecolors="white")
        panel.scatter([], [], s=50, color=colours[j % 3], alpha=0.75, label=name)
    below = ("foshan", "macao")
    for c, name in enumerate(region.city_names):
        words = name + (" (core)" if region.core_city[c] else "")
        panel.annotate(words, (x[c], y[c]), (10, -14 if region.city_ids[c] in below else 9), textcoords="offset points", fontsize=8.5)
    panel.set_xlabel("longitude, degrees")
    panel.set_ylabel("latitude, degrees")
    panel.set_aspect(1.0 / np.cos(np.radians(float(y.mean()))))
    panel.margins(0.14)
    panel.legend(frameon=False, loc="lower left")
    return figure


def barriers() -> Figure:
    """The three barriers between the jurisdictions of the bay at the start."""
    from greaterbay.region.barriers import KINDS, pair_barriers
    from greaterbay.region.load import load_region

    region = load_region("gba")
    found = pair_barriers(region, Parameters())
    figure = Figure(figsize=(7.4, 3.4), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    top = max(float(getattr(found, kind).max()) for kind in KINDS)
    for panel, kind in zip(panels, KINDS, strict=True):
        matrix = getattr(found, kind)
        image = panel.imshow(matrix, vmin=0.0, vmax=top, cmap="Blues")
        panel.set_title(f"{kind} barrier", fontsize=9)
        panel.set_xticks(range(len(region.place_names)), region.place_names, rotation=90, fontsize=7)
        panel.set_yticks(range(len(region.place_names)), region.place_names, fontsize=7)
    figure.colorbar(image, ax=list(panels), shrink=0.7, label="barrier (0: none)")
    return figure


def distance() -> Figure:
    """What cognitive distance is worth in the choice of a partner, between firms and with institutes."""
    p = Parameters().partnering
    figure, panel = _panel(6.4, 3.0)
    d = np.linspace(0.0, 1.0, 201)
    cases = (("between firms", p.cognitive_optimum, BLUE), ("with an institute", p.cognitive_optimum_explore, VERMILLION))
    for name, optimum, colour in cases:
        panel.plot(d, p.cognitive_weight * (1.0 - ((d - optimum) / p.cognitive_width) ** 2), color=colour, label=name)
        panel.axvline(optimum, color=colour, lw=0.7, ls=":")
    panel.axhline(0.0, color=PALE, lw=0.8)
    panel.set_ylim(-2.5 * p.cognitive_weight, 1.15 * p.cognitive_weight)
    panel.set_xlabel("cognitive distance D of the two profiles (0: alike)")
    panel.set_ylabel("part of the utility")
    panel.legend(frameon=False)
    return figure


def fields() -> Figure:
    """How long a result takes to the market and how often it arrives there, by field."""
    from greaterbay.region.load import load_region

    region = load_region("gba")
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    at = np.arange(len(region.field_names))
    left.barh(at, region.duration_years_field, color=SKY)
    left.set_xlabel("years from laboratory to market")
    left.set_yticks(at, region.field_names)
    left.invert_yaxis()
    right.barh(at, region.conversion_field, color=ORANGE)
    right.set_xlabel("share that arrives (basis, 2020)")
    return figure


def s_curve() -> Figure:
    """Share of firms that have heard of a technology when all mix with all, for the hazards of the parameter table."""
    p = Parameters().diffusion
    figure, panel = _panel(6.4, 3.2)
    quarters = np.arange(0, 61)
    cases = (
        ("all four ways", p.imitation, p.city_imitation + p.chain_imitation, BLUE),
        ("without partners", 0.0, p.city_imitation + p.chain_imitation, VERMILLION),
        ("outside only", 0.0, 0.0, GREY),
    )
    for words, partners, others, colour in cases:
        share = np.zeros(len(quarters))
        share[0] = p.seed_share
        for t in range(1, len(quarters)):
            hazard = min(1.0, p.outside + (partners + others) * share[t - 1])
            share[t] = share[t - 1] + hazard * (1.0 - share[t - 1])
        panel.plot(quarters / 4, share, color=colour, label=words)
    panel.set_xlabel("years since launch")
    panel.set_ylabel("share that has heard of it")
    panel.set_ylim(0.0, 1.03)
    panel.legend(frameon=False)
    return figure


def strength() -> Figure:
    """How strong a lever is over time, with and without a ramp, with both kinds of exit."""
    from greaterbay.scenario.schema import LeverSetting

    first, begin, end, ramp = 2020 * 4, 2022 * 4, 2027 * 4 + 3, 8
    quarters = np.arange(first, first + 48)
    cases = (
        ("no ramp, no end", LeverSetting("x", 1.0, start=begin), BLUE),
        (f"ramp = \"{ramp} quarters\", exit = \"cliff\"", LeverSetting("x", 1.0, start=begin, ramp=ramp, end=end), VERMILLION),
        (f"ramp = \"{ramp} quarters\", exit = \"ramp\"", LeverSetting("x", 1.0, start=begin, ramp=ramp, end=end, exit="ramp"), GREEN),
    )
    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    for panel, (words, setting, colour) in zip(panels, cases, strict=True):
        panel.step(quarters / 4, [setting.strength(int(q)) for q in quarters], where="post", color=colour)
        panel.set_title(words, loc="left", fontsize=8.5, family="DejaVu Sans Mono")
        panel.set_ylim(-0.05, 1.1)
        panel.set_yticks([0, 1])
    panels[-1].set_xlabel(f"year (start {label(begin)}, end {label(end)})")
    figure.supylabel("share of the full value", fontsize=9)
    return figure


FIGURES: dict[str, tuple[Callable[[], Figure], str]] = {
    "schedule": (schedule, "The quarter: ten phases, played one after the other."),
    "exchange": (exchange, "Who passes what to whom: the lines of the flow matrices that every run records, city by city."),
    "map": (bay_map, "The eleven cities; circles are in proportion to population, lines join cities less than an hour apart."),
    "barriers": (barriers, "The three border barriers between places at the start, with the reliefs of the zones of 2020."),
    "distance": (distance, "What cognitive distance adds to the utility of a partner, at the values of the parameter table."),
    "fields": (fields, "Duration and basic odds of conversion by field: inputs, taken from the field table."),
    "s_curve": (s_curve, "An S-curve from the hazards of the table when all firms mix with all; the model's own curves run over networks "
                         "of partners, cities and chains, and hearing of a technology is not yet using it."),
    "strength": (strength, "Strength of a lever over time."),
}
"""Every figure by its name in the markers, with its caption."""


def svg(name: str) -> str:
    """A figure as SVG, the same bytes at every build."""
    with matplotlib.rc_context(LOOK):
        figure = FIGURES[name][0]()
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()
