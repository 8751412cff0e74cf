"""The common look of all pictures: colours, bands, headings, footer.

A picture is a ``Sheet``: a heading (title, how to read it, legend), a grid of panels, and a small footer that
says which runs it shows. Sizes are in inches, so that headings keep their distance whatever the number of
panels. Scenarios have the colours of Okabe and Ito, which colour-blind readers can tell apart.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from greaterbay.plots import fonts
from greaterbay.plots.words import word
from greaterbay.runner.results import StoredRun

ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE = "#6E6E6E", "#D9D9D9"

REFERENCE_COLOUR = "#3A3A3A"
SCENARIO_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
"""Colours of the second, third ... scenario; the first is the reference and drawn in dark grey."""
MOST_SCENARIOS = 1 + len(SCENARIO_COLOURS)

MEMBER_COLOURS = (
    *(
        BLUE,
        ORANGE,
        GREEN,
        PURPLE,
        SKY,
        YELLOW,
        "#332288",
        "#AA4499",
        "#117733",
        VERMILLION,
        "#882255",
        "#999999",
    ),
    "#DDCC77",
)
"""Colours of cities and of levers, by their place in the file: the same in every picture."""

INNER, OUTER = (0.25, 0.75), (0.05, 0.95)
FEW_REPLICATES = 10
MOST_OUTER_BANDS = 3
"""With more scenarios than this only the inner band is drawn: the outer ones would cover each other."""

TITLE_SIZE, TEXT_SIZE, SMALL_SIZE, FOOTER_SIZE = 13.0, 9.0, 8.0, 7.0
LINE_INCHES, LETTER = 0.19, 0.52  # height of a line of text; mean width of a letter in font sizes
SETTINGS = {
    "font.size": TEXT_SIZE,
    "axes.titlesize": TEXT_SIZE,
    "axes.labelsize": SMALL_SIZE,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "axes.unicode_minus": False,
    "text.parse_math": False,  # a title is shown as it is written
}


@contextmanager
def look(language: str) -> Iterator[None]:
    """Settings under which pictures are drawn and saved, with a font that has the language's characters."""
    with matplotlib.rc_context(
        matplotlib.rcParamsDefault | SETTINGS | {"font.family": fonts.families(language)}
    ):
        yield


@dataclass
class Sheet:
    """A picture with its panels: ``axes`` has shape (rows, columns)."""

    figure: Figure
    axes: np.ndarray
    language: str

    @property
    def panels(self) -> list[Axes]:
        """Panels row by row."""
        return list(self.axes.flat)


def scenario_colour(position: int, count: int = 2) -> str:
    """Colour of the scenario at this place of ``count``; the first is the reference, one alone is blue."""
    if count == 1:
        return BLUE
    return REFERENCE_COLOUR if position == 0 else SCENARIO_COLOURS[(position - 1) % len(SCENARIO_COLOURS)]


def scenario_line(position: int, count: int) -> dict[str, object]:
    """How the line of a scenario looks; the reference is dashed and on top, so that equal paths both show."""
    reference = position == 0 and count > 1
    return {
        "color": scenario_colour(position, count),
        "linewidth": 1.3 if reference else 1.8,
        "linestyle": (0, (4, 2)) if reference else "-",
        "zorder": 3 if reference else 2.5,
    }


def member_look(place: int) -> dict[str, object]:
    """Colour of the city or lever at this place; after the last colour they return with hatching."""
    again, place = divmod(place, len(MEMBER_COLOURS))
    return {
        "facecolor": MEMBER_COLOURS[place],
        "edgecolor": "white",
        "hatch": ("", "////", "....")[min(again, 2)],
    }


def heavy(language: str) -> str:
    """Weight of headings: the Chinese font comes in one weight."""
    return "normal" if language == "zh" else "bold"


def text_width(text: str) -> float:
    """Width of a text in units of a Latin letter; Chinese characters count as two."""
    return sum(2.0 if unicodedata.east_asian_width(letter) in "WF" else 1.0 for letter in text)


def short_names(names: Sequence[str], width: float = 20, lines: int = 2) -> list[str]:
    """Names for ticks, in at most ``lines`` lines of ``width`` Latin letters; what does not fit is cut, and a mark says so."""
    found = []
    for name in names:
        parts = wrapped(name, width)
        if len(parts) > lines:
            parts = [*parts[: lines - 1], parts[lines - 1][: int(width / (text_width(parts[lines - 1]) / len(parts[lines - 1])) - 1)] + "…"]
        found.append("\n".join(parts))
    return found


def wrapped(text: str, width: float) -> list[str]:
    """``text`` in lines of at most ``width`` Latin letters; Chinese breaks anywhere, English at spaces."""
    pieces: list[str] = []
    for letter in text:
        wide = unicodedata.east_asian_width(letter) in "WF"
        if (
            pieces
            and not wide
            and not pieces[-1].endswith(" ")
            and unicodedata.east_asian_width(pieces[-1][-1]) not in "WF"
        ):
            pieces[-1] += letter
        elif pieces and (letter in "，。；：、）)" or pieces[-1][-1] in "（("):
            pieces[-1] += letter
        else:
            pieces.append(letter)
    lines = [""]
    for piece in pieces:
        if lines[-1] and text_width(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


def sheet(
    runs: Sequence[StoredRun],
    language: str,
    *,
    title: str,
    reading: str,
    rows: int = 1,
    columns: int = 1,
    panel: tuple[float, float] = (2.7, 1.75),
    legend: Sequence[Line2D | Patch] = (),
    warnings: Sequence[str] = (),
    **grid: object,
) -> Sheet:
    """An empty sheet with heading and footer; ``panel`` is the size of one, ``grid`` goes to ``subplots``.

    ``warnings`` stand in the footer before the runs.
    """
    width = max(columns * panel[0] + 0.2, 6.4)
    letters = (width - 0.3) * 72 / (LETTER * TEXT_SIZE)
    titles = wrapped(title, 0.85 * letters * TEXT_SIZE / TITLE_SIZE)  # bold letters are wider
    readings = wrapped(reading, letters)
    feet = [
        line
        for foot in [*warnings, *footers(runs, language)]
        for line in wrapped(foot, 0.93 * letters * TEXT_SIZE / FOOTER_SIZE)  # digests run wide
    ]
    legend_rows, legend_columns = _legend_shape(legend, letters)

    head = 0.12 + 0.25 * len(titles) + LINE_INCHES * len(readings) + 0.21 * legend_rows + 0.1
    foot = 0.10 + 0.135 * len(feet)
    height = rows * panel[1] + head + foot
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    engine = figure.get_layout_engine()
    engine.set(rect=(0.08 / width, foot / height, 1 - 0.16 / width, 1 - (head + foot) / height))
    axes = figure.subplots(rows, columns, squeeze=False, **grid)

    left, top = 0.14 / width, 1 - 0.12 / height
    heading = {"size": TITLE_SIZE, "weight": heavy(language), "linespacing": 1.25}
    figure.text(left, top, "\n".join(titles), va="top", in_layout=False, **heading)
    top -= 0.25 * len(titles) / height
    figure.text(
        left, top, "\n".join(readings), size=TEXT_SIZE, color=GREY, va="top", linespacing=1.3, in_layout=False
    )
    top -= LINE_INCHES * len(readings) / height
    if legend:
        shown = figure.legend(
            handles=list(legend),
            loc="upper left",
            bbox_to_anchor=(left, top),
            ncols=legend_columns,
            frameon=False,
            borderpad=0.2,
            borderaxespad=0.0,
            handlelength=1.8,
            columnspacing=1.8,
        )
        shown.set_in_layout(False)
    footing = {"size": FOOTER_SIZE, "color": GREY, "linespacing": 1.25}
    figure.text(left, 0.07 / height, "\n".join(feet), va="bottom", in_layout=False, **footing)
    return Sheet(figure, axes, language)


def footers(runs: Sequence[StoredRun], language: str) -> list[str]:
    """Which runs a picture shows: replicates, draws, seed, digest and version, one line where all are alike."""
    colon, comma = word("colon", language), word("comma", language)

    def parts(run: StoredRun) -> list[str]:
        count = word("replicate" if run.replicates == 1 else "replicates", language, n=run.replicates)
        return [count, *drawn_from(run, language), word("seed", language, seed=run.seed)]

    version = "greaterbay " + " / ".join(dict.fromkeys(run.version for run in runs))
    if len({tuple(parts(run)) for run in runs}) == 1:
        digests = comma.join(f"{run.scenario} {run.digest[:8]}" for run in runs)
        return [comma.join([*parts(runs[0]), word("digest", language, digest=digests), version])]
    lines = [
        f"{run.scenario}{colon}" + comma.join([*parts(run), word("digest", language, digest=run.digest[:8])])
        for run in runs
    ]
    return [*lines[:-1], lines[-1] + comma + version]


def drawn_from(run: StoredRun, language: str) -> list[str]:
    """How many draws of which posterior are behind the replicates; nothing with central values."""
    draws = run.draws()
    if draws is None:
        return []
    count = len(np.unique(draws))
    return [word("draw_of" if count == 1 else "draws_of", language, n=count, posterior=run.posterior_name)]


def drawn_note(runs: Sequence[StoredRun], language: str) -> str:
    """The sentence that says what else than random numbers sets replicates apart; empty with central values."""
    several = [draws for run in runs if (draws := run.draws()) is not None and len(np.unique(draws)) > 1]
    return word("drawn", language) if several else ""


def band_note(runs: Sequence[StoredRun], language: str) -> str:
    """The sentence that says what lines and bands are."""
    most = max(run.replicates for run in runs)
    if most == 1:
        return word("one_replicate", language)
    note = word("bands" if len(runs) <= MOST_OUTER_BANDS else "bands_50", language)
    few = min(run.replicates for run in runs) < FEW_REPLICATES
    return sentences(language, note, drawn_note(runs, language), word("bands_few", language) if few else "")


def sentences(language: str, *parts: str) -> str:
    """Sentences behind one another."""
    return _joined([part for part in parts if part], language)


def scenario_legend(runs: Sequence[StoredRun], language: str) -> list[Line2D]:
    """One line per scenario, as it is drawn; nothing to tell apart where there is one."""
    if len(runs) == 1:
        return []
    return [
        Line2D([], [], label=run.label(language), **scenario_line(k, len(runs))) for k, run in enumerate(runs)
    ]


def scenario_patches(runs: Sequence[StoredRun], language: str) -> list[Patch]:
    """One patch per scenario, for pictures with bars."""
    if len(runs) == 1:
        return []
    return [
        Patch(label=run.label(language), facecolor=scenario_colour(k, len(runs)))
        for k, run in enumerate(runs)
    ]


def draw_band(axes: Axes, when: np.ndarray, values: np.ndarray, position: int, count: int) -> None:
    """Median line and bands of ``values``, (replicate, time); one replicate gives a line alone.

    The look is that of the scenario at ``position`` of ``count``.
    """
    colour = scenario_colour(position, count)
    low, inner_low, middle, inner_high, high = quantiles(
        values, (OUTER[0], INNER[0], 0.5, INNER[1], OUTER[1])
    )
    if len(values) > 1:
        if count <= MOST_OUTER_BANDS:
            axes.fill_between(when, low, high, color=colour, alpha=0.14, linewidth=0)
        axes.fill_between(when, inner_low, inner_high, color=colour, alpha=0.28, linewidth=0)
    axes.plot(when, middle, **scenario_line(position, count))


def quantiles(values: np.ndarray, at: Sequence[float]) -> np.ndarray:
    """Quantiles over the first axis without undefined values; undefined where nothing is defined."""
    defined = np.isfinite(values).any(axis=0)
    found = np.full((len(at), *values.shape[1:]), np.nan)
    if defined.any():
        found[:, defined] = np.nanquantile(values[:, defined], at, axis=0)
    return found


def year_axis(axes: Axes, start: float, end: float) -> None:
    """Whole years on the time axis, from ``start`` to ``end`` (years with fractions)."""
    axes.set_xlim(start, end)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True, min_n_ticks=1, prune="upper"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))


def number_axis(axes: Axes) -> None:
    """Few ticks with thousands separators on the vertical axis."""
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))


def plain_number(value: float) -> str:
    """A number as a reader writes it: 12,400; 3.1; 0.004."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return (
        f"{value:.{max(0, 2 - math.floor(math.log10(size)))}f}".rstrip("0").rstrip(".")
        if size < 100
        else f"{value:.4g}"
    )


def short_number(value: float) -> str:
    """A positive number in at most four characters, for cells of a matrix: .03, 4.2, 870, 12k, 3.4M."""
    sizes = ((999.5e6, 1e9, "B"), (999.5e3, 1e6, "M"), (999.5, 1e3, "k"), (0.0, 1.0, ""))
    divisor, suffix = next((divisor, suffix) for limit, divisor, suffix in sizes if value >= limit)
    scaled = value / divisor
    if scaled >= 9.95:
        return f"{scaled:.0f}{suffix}"
    if scaled >= 0.095:
        return f"{scaled:.1f}{suffix}"
    return f"{scaled:.2f}".removeprefix("0") if scaled >= 0.005 else "<.01"


def panel_title(axes: Axes, text: str, inches: float) -> None:
    """Title of a panel in as many lines as its width asks for, with a capital letter."""
    lines = wrapped(text[:1].upper() + text[1:], inches * 72 / (LETTER * TEXT_SIZE))
    axes.set_title("\n".join(lines), loc="left")


def no_data(axes: Axes) -> None:
    """Take an unused panel off the sheet."""
    axes.set_axis_off()


def _joined(parts: Sequence[str], language: str) -> str:
    return (" " if language == "en" else "").join(parts)


def _legend_shape(legend: Sequence[Line2D | Patch], letters: float) -> tuple[int, int]:
    """Rows and columns of a legend that fits a width in letters."""
    if not legend:
        return 0, 1
    widest = max(text_width(str(handle.get_label())) for handle in legend) + 7
    columns = max(1, min(len(legend), int(letters // widest)))
    return math.ceil(len(legend) / columns), columns
