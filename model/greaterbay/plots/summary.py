"""What was found, in a few plain lines: each scenario against the first, replicate by replicate.

The replicates of two scenarios share their random numbers (and their draw of the parameters), so each pair gives one
difference. The interval is that of the mean difference in nine of ten cases (Student's t, so that a handful of pairs gives
a wide one); pairs of one draw are averaged first, they are no independent ones. Where it covers zero, no direction is
reported; with draws, where the interval of the effect across parameters does.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from greaterbay import clock
from greaterbay import outputs as declared
from greaterbay.comparison import effects, pairs
from greaterbay.outputs import Output
from greaterbay.plots import units
from greaterbay.runner import series
from greaterbay.runner.results import RunsError, StoredRun

WIDTH = 100
HIGHER, LOWER, SAME = "higher", "lower", "no difference"
UNCLEAR, ALONE = "not distinguishable", "one replicate, so nothing can be said about its certainty"
FIRST_PICTURES = (
    "diffusion",
    "output_conversions",
    "output_output",
    "flow_talent",
    "funnel",
    "probes",
    "cost",
)


@dataclass(frozen=True)
class Finding:
    """One headline output of all cities together at the end, in a scenario against the reference.

    ``value`` and ``reference`` are means over the paired replicates; ``low`` and ``high`` bound the paired
    difference and are None for one replicate.
    """

    output: str
    label: str
    unit: str
    reference: float
    value: float
    difference: float
    low: float | None
    high: float | None
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """All findings of one scenario against the reference."""

    scenario: str
    title: str
    pairs: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Summary:
    """What was found in some runs; ``levels`` describes the reference, ``comparisons`` all others.

    ``draws`` counts the draws of the parameters behind the reference's replicates (0: central values) of ``posterior``.
    """

    reference: str
    title: str
    replicates: int
    cities: int
    end: str
    year: int | None
    levels: tuple[Finding, ...]
    comparisons: tuple[Comparison, ...]
    draws: int
    posterior: str | None

    def as_dict(self) -> dict:
        """Plain values for programs."""
        return asdict(self)

    def text(self, pictures: Path | None = None) -> str:
        """Lines for a reader; ``pictures`` is a folder whose most useful pictures are named."""
        when = f"in {self.year}" if self.year else f"at the end of {self.end}"
        lines = [
            f"{self.title}: {_count(self.replicates)}{self._drawn()} to {self.end}."
            f" All {self.cities} cities together {when}:"
        ]
        lines += _columns([(_name(one), _amount(one.value, one)) for one in self.levels])
        for one in self.comparisons:
            lines += ["", f"{one.title}, against the above on the same random numbers ({_pairs(one.pairs)}):"]
            clear = [finding for finding in one.findings if finding.verdict in (HIGHER, LOWER, ALONE)]
            lines += _columns([(_name(finding), _change(finding)) for finding in clear])
            if clear and one.pairs > 1:
                over = "random numbers and draws of the parameters" if self.draws else "random numbers; parameters are held fixed"
                lines.append(f"  (in brackets: 90 % interval of the mean effect over {over})")
            for verdict, words in ((UNCLEAR, "not distinguishable"), (SAME, "no difference at all")):
                names = ", ".join(_name(finding) for finding in one.findings if finding.verdict == verdict)
                if names:
                    lines += textwrap.wrap(
                        f"{words}: {names}", WIDTH, initial_indent="  ", subsequent_indent="    "
                    )
            if one.pairs == 1:
                lines.append(f"  ({ALONE})")
        if pictures is not None:
            lines += _pictures(self, pictures)
        return "\n".join(lines)


    def _drawn(self) -> str:
        return f" ({self.draws} draw{'s' if self.draws != 1 else ''} of {self.posterior})" if self.draws else ""


def summarise(runs: Sequence[StoredRun]) -> Summary:
    """Findings for the first run and, for each other one, its paired differences from the first.

    Raises RunsError for runs that cannot be paired: another seed, version, scale or posterior, or no common replicate.
    """
    first, others = runs[0], runs[1:]
    problems = [problem for other in others for problem in _unpaired(first, other)]
    if problems:
        raise RunsError("\n".join(problems))
    drawn = first.draws()
    shown = [one for one in declared.headlines() if first.full_years or not series.is_yearly(one)]
    return Summary(
        reference=first.scenario,
        title=first.label("en"),
        replicates=first.replicates,
        cities=len(first.inside()),
        end=clock.label(int(first.quarters[-1])),
        year=first.full_years[-1] if first.full_years else None,
        levels=tuple(_finding(one, at_end(first, one), None) for one in shown if _holds(first, one)),
        comparisons=tuple(_compared(first, other, shown) for other in others),
        draws=0 if drawn is None else len(np.unique(drawn)),
        posterior=first.posterior_name or None,
    )


def at_end(run: StoredRun, output: Output) -> np.ndarray:
    """Value of all cities together in the last whole year (flows) or last quarter (stocks), by replicate.

    Public cost is the sum of all whole years: a programme may have ended before the last one.
    """
    values = series.by_city(run, output.id, yearly=series.is_yearly(output), together=True)
    return values.sum(axis=1) if output.id == "public_cost" else values[:, -1]


def interval(differences: np.ndarray, draw: np.ndarray | None = None) -> tuple[float, float] | None:
    """Interval of the mean difference with 90 % (Student's t over draws, or over pairs without); None for fewer than two."""
    found = effects.mean_interval(effects.by_draw(differences, draw), effects.OUTER)
    return None if found is None else (found.low, found.high)


def _compared(first: StoredRun, other: StoredRun, shown: Sequence[Output]) -> Comparison:
    common = sorted(set(first.info.replicates) & set(other.info.replicates))
    rows = [[run.info.replicates.index(number) for number in common] for run in (first, other)]
    drawn = first.draws()
    draw = None if drawn is None else drawn[rows[0]]
    findings = [
        _finding(one, at_end(other, one)[rows[1]], at_end(first, one)[rows[0]], draw)
        for one in shown
        if _holds(first, one) and _holds(other, one)
    ]
    return Comparison(other.scenario, other.label("en"), len(common), tuple(findings))


def _finding(output: Output, values: np.ndarray, reference: np.ndarray | None, draw: np.ndarray | None = None) -> Finding:
    unit = units.scale(output, 0.0, "en", yearly=output.id != "public_cost").unit
    base = values if reference is None else reference
    defined = np.isfinite(values) & np.isfinite(base)
    values, base = values[defined], base[defined]
    if not len(values):
        return Finding(output.id, output.label, unit, 0.0, 0.0, 0.0, None, None, SAME)
    draw = None if draw is None else draw[defined]
    differences = values - base
    bounds = interval(differences, draw)
    across = effects.across_interval(differences, draw, effects.OUTER) if differences.any() else None
    if not differences.any():
        verdict = SAME
    elif across is None:
        verdict = ALONE
    elif across.covers(0.0):
        verdict = UNCLEAR
    else:
        verdict = HIGHER if across.low > 0 else LOWER
    low, high = bounds or (None, None)
    return Finding(
        output.id,
        output.label,
        unit,
        float(base.mean()),
        float(values.mean()),
        float(effects.by_draw(differences, draw).mean()),
        low,
        high,
        verdict,
    )


def _holds(run: StoredRun, output: Output) -> bool:
    return all(run.has(name) for name in series.parts(output))


def _unpaired(first: StoredRun, other: StoredRun) -> list[str]:
    """Why two runs cannot be set against each other replicate by replicate."""
    found = []
    for what in ("version", "numbers", "source_digest", "seed"):
        ours, theirs = (run.manifest.get(what) for run in (first, other))
        if ours != theirs:
            found.append(
                f"{other.path}: {what.replace('_', ' ')} {theirs}, but {first.path} has {ours};"
                " run both again"
            )
    scales = [run.manifest["scenario"].get("run", {}).get("scale") for run in (first, other)]
    if scales[0] != scales[1]:
        found.append(
            f"{other.path}: scale {scales[1]}, but {first.path} has {scales[0]}; run both at one scale"
        )
    apart = [*pairs.other_posterior(first, other), *pairs.other_draws(first, other)]
    found += [f"{line}; run both with one posterior" for line in apart]
    if not set(first.info.replicates) & set(other.info.replicates):
        found.append(f"{other.path}: shares no replicate with {first.path}")
    return found


def _name(finding: Finding) -> str:
    """Label without what stands in brackets."""
    label = finding.label.partition(" (")[0]
    return f"{label}, all years" if finding.output == "public_cost" else label


def _amount(value: float, finding: Finding) -> str:
    """A value in the unit that keeps it short."""
    scale = _scale(value, finding)
    number = _rounded(value * scale.factor)
    return number if finding.unit == "index" else f"{number} {scale.unit}"


def _change(finding: Finding) -> str:
    """The difference in percent (shares: percentage points; from nothing: in units), with its interval."""
    if finding.unit == "%":
        factor, unit = 100.0, "percentage points"
    elif finding.reference:
        factor, unit = 100.0 / abs(finding.reference), "%"
    else:
        scale = _scale(finding.difference, finding)
        factor, unit = scale.factor, scale.unit
    change = f"{_signed(finding.difference * factor)} {unit}"
    if finding.low is None:
        return change
    return f"{change}  [{_signed(finding.low * factor)}, {_signed(finding.high * factor)}]"


def _scale(value: float, finding: Finding) -> units.Scale:
    return units.scale(declared.get(finding.output), abs(value), "en", yearly=finding.output != "public_cost")


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _signed(value: float) -> str:
    return f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.2g}"


def _columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name:<{width}}  {text}" for name, text in rows]


def _count(replicates: int) -> str:
    return f"{replicates} replicate{'s' if replicates != 1 else ''}"


def _pairs(pairs: int) -> str:
    return f"{pairs} pair{'s' if pairs != 1 else ''}"


def _pictures(summary: Summary, folder: Path) -> list[str]:
    """The pictures to open first, as far as they exist."""
    stems = [summary.reference, *(one.scenario for one in summary.comparisons)]
    together = "_vs_".join(stems)
    names = [f"{stem}_{plot}.png" for plot in FIRST_PICTURES for stem in dict.fromkeys((together, stems[-1]))]
    found = [folder / name for name in names if (folder / name).is_file()]
    return ["", "Open first:", *(f"  {path}" for path in found)] if found else []
