"""Pictures of what drives a policy's effect, and of the conditions under which it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from greaterbay.plots import style

WORDS = {
    "drivers": ("What drives the effect of {name}", "{name}的效果由什么决定"),
    "reading": (
        "Left: mean absolute effect of a step over the range (Morris), with its 95 % error. "
        "Right: share of variance (Sobol, on the emulator).",
        "左:参数在其范围内变动的平均影响(莫里斯法)及95%误差。右:方差份额(Sobol,仿真器)。",
    ),
    "mu_percent": ("mean effect of the range, percent", "范围平均影响(百分比)"),
    "mu_points": ("mean effect of the range, points × 100", "范围平均影响(百分点)"),
    "share": ("share of variance", "方差份额"),
    "first": ("alone", "单独"),
    "total": ("with others", "含交互"),
    "fails": ("When {name} misses {target}", "{name}何时达不到{target}"),
    "fail": ("misses", "未达"),
    "meet": ("meets", "达到"),
    "box": ("box of failures", "失败区间"),
}


def word(key: str, language: str, **fill: object) -> str:
    """A text of these pictures."""
    return WORDS[key][1 if language == "zh" else 0].format(**fill)


def _sheet(title: str, reading: str, footer: str, language: str, width: float, height: float, columns: int):
    letters = (width - 0.3) * 72 / (style.LETTER * style.TEXT_SIZE)
    titles, readings = style.wrapped(title, 0.8 * letters * style.TEXT_SIZE / style.TITLE_SIZE), style.wrapped(reading, letters)
    feet = style.wrapped(footer, letters * style.TEXT_SIZE / style.FOOTER_SIZE)
    head, foot = 0.2 + 0.25 * len(titles) + style.LINE_INCHES * len(readings), 0.12 + 0.135 * len(feet)
    height += head + foot
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(rect=(0.02, foot / height, 0.96, 1 - (head + foot) / height))
    axes = figure.subplots(1, columns, squeeze=False)[0]
    figure.text(0.02, 1 - 0.1 / height, "\n".join(titles), va="top", size=style.TITLE_SIZE, weight=style.heavy(language), in_layout=False)
    figure.text(
        0.02,
        1 - (0.12 + 0.25 * len(titles)) / height,
        "\n".join(readings),
        va="top",
        size=style.TEXT_SIZE,
        color=style.GREY,
        in_layout=False,
    )
    figure.text(0.02, 0.05 / height, "\n".join(feet), va="bottom", size=style.FOOTER_SIZE, color=style.GREY, in_layout=False)
    return figure, axes


def draw_drivers(name: str, outcome: str, rows: Sequence[Mapping], points: bool, footer: str, language: str) -> Figure:
    """Bars of the highest ranked parameters; ``rows`` carry label, mu_star, error and, where known, first and total."""
    rows = list(rows)[::-1]
    figure, (left, right) = _sheet(
        f"{word('drivers', language, name=name)}: {outcome}", word("reading", language), footer, language, 9.0, 0.9 + 0.32 * len(rows), 2
    )
    place = np.arange(len(rows))
    left.barh(
        place, [r["mu_star"] for r in rows], xerr=[r["error"] for r in rows], color=style.BLUE, error_kw={"ecolor": style.GREY, "lw": 1}
    )
    left.set_yticks(place, ["\n".join(style.wrapped(r["label"], 38)[:2]) for r in rows])
    left.set_xlabel(word("mu_points" if points else "mu_percent", language))
    right.barh(place + 0.2, [max(r.get("first", 0.0), 0.0) for r in rows], height=0.38, color=style.GREEN, label=word("first", language))
    right.barh(place - 0.2, [max(r.get("total", 0.0), 0.0) for r in rows], height=0.38, color=style.ORANGE, label=word("total", language))
    right.set_yticks(place, [""] * len(rows))
    right.set_xlabel(word("share", language))
    right.legend(frameon=False, loc="lower right", fontsize=style.SMALL_SIZE)
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
        axes.set_ylim(-0.6, len(rows) - 0.4)
    return figure


def draw_box(
    name: str,
    target: str,
    labels: Sequence[str],
    points: np.ndarray,
    fails: np.ndarray,
    limits: Sequence[tuple[float, float]],
    sentence: str,
    footer: str,
    language: str,
) -> Figure:
    """Draws on the two parameters that matter most, with the box (one parameter: against its own rank)."""
    figure, (axes,) = _sheet(word("fails", language, name=name, target=target), sentence, footer, language, 7.4, 4.2, 1)
    x = points[:, 0]
    y = points[:, 1] if points.shape[1] > 1 else (np.argsort(np.argsort(x)) + 0.5) / len(x)
    for wanted, colour, marker, key in ((False, style.BLUE, "o", "meet"), (True, style.VERMILLION, "X", "fail")):
        axes.scatter(
            x[fails == wanted],
            y[fails == wanted],
            s=26,
            c=colour,
            marker=marker,
            linewidths=0.4,
            edgecolors="white",
            label=word(key, language),
        )
    ends = [(max(low, float(v.min())), min(high, float(v.max()))) for (low, high), v in zip(limits, (x, y), strict=False)]
    ends += [(float(y.min()), float(y.max()))] if len(ends) < 2 else []
    (left, right), (bottom, top) = ends
    axes.add_patch(_box(left, bottom, right - left, top - bottom, word("box", language)))
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1] if len(labels) > 1 else "")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=style.SMALL_SIZE)
    return figure


def _box(left: float, bottom: float, width: float, height: float, label: str):
    from matplotlib.patches import Rectangle

    return Rectangle(
        (left, bottom), width, height, fill=False, edgecolor=style.REFERENCE_COLOUR, linewidth=1.6, linestyle="--", label=label
    )
