"""What was found, in a few plain lines: each scenario against the first, replicate by replicate.

The replicates of two scenarios share their random numbers (and their draw of the parameters), so each pair gives one
difference. The interval is that of the mean difference in nine of ten cases (Student's t, so that a handful of pairs gives
a wide one); pairs of one draw are averaged first, they are no independent ones. Where it covers zero, no direction is
reported; with draws, where the interval of the effect across parameters does.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from greaterbay import clock
from greaterbay import outputs as declared
from greaterbay.comparison import effects, pairs
from greaterbay.digits import digits, known
from greaterbay.outputs import Output
from greaterbay.plots import units
from greaterbay.runner import series
from greaterbay.runner.results import RunsError, StoredRun
from greaterbay.scenario import notices

WIDTH = 100
HIGHER, LOWER, SAME = "higher", "lower", "no difference"
UNCLEAR, ALONE = "not distinguishable", "one replicate, so nothing can be said about its certainty"
WORDS = {
    "en": {
        "head": "{title}: {count} to {end}. All {cities} cities together {when}:",
        "in_year": "in {}", "at_end": "at the end of {}",
        "replicate": "{} replicate", "replicates": "{} replicates", "pair": "{} pair", "pairs": "{} pairs",
        "draw": " ({} draw of {})", "draws": " ({} draws of {})",
        "against": "{title}, against the above on the same random numbers ({pairs}):",
        "brackets": "  (in brackets: 90 % interval of the mean effect over random numbers; parameters are held fixed)",
        "brackets_draws": "  (in brackets: 90 % interval of the mean effect over random numbers and draws of the parameters)",
        UNCLEAR: "not distinguishable: ", SAME: "no difference at all: ", ALONE: ALONE,
        "comma": ", ", "all_years": ", all years", "points": "percentage points", "warning": "warning: ", "open": "Open first:",
    },
    "zh": {
        "head": "{title}:{count},至{end}。{when}全部{cities}个城市合计:",
        "in_year": "{}年", "at_end": "{}末",
        "replicate": "{}次重复模拟", "replicates": "{}次重复模拟", "pair": "{}对", "pairs": "{}对",
        "draw": "(后验{1}的{0}组抽样)", "draws": "(后验{1}的{0}组抽样)",
        "against": "{title},与上述情景在相同随机数下比较({pairs}):",
        "brackets": "  (方括号内:平均效应的90 %区间,仅含随机数;参数固定)",
        "brackets_draws": "  (方括号内:平均效应的90 %区间,含随机数与参数抽样)",
        UNCLEAR: "不宜报告方向:", SAME: "完全无差别:", ALONE: "仅一次重复,无从判断其确定性",
        "comma": "、", "all_years": ",各年合计", "points": "个百分点", "warning": "警告:", "open": "建议先看:",
    },
}
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
    title_zh: str
    pairs: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Summary:
    """What was found in some runs; ``levels`` describes the reference, ``comparisons`` all others.

    ``notices`` says, in English and Chinese, what the runs left out of their scenarios: levers that did not act, ramps cut off.
    ``draws`` counts the draws of the parameters behind the reference's replicates (0: central values) of ``posterior``.
    """

    reference: str
    title: str
    title_zh: str
    replicates: int
    cities: int
    end: str
    year: int | None
    levels: tuple[Finding, ...]
    comparisons: tuple[Comparison, ...]
    draws: int
    posterior: str | None
    notices: tuple[tuple[str, str], ...] = ()

    def as_dict(self) -> dict:
        """Plain values for programs."""
        return asdict(self)

    def text(self, pictures: Path | None = None, lang: str = "en") -> str:
        """Lines for a reader; ``pictures`` is a folder whose most useful pictures are named."""
        word = WORDS[lang]
        when = word["in_year"].format(self.year) if self.year else word["at_end"].format(self.end)
        title = self.title_zh if lang == "zh" else self.title
        replicates = word["replicates" if self.replicates != 1 else "replicate"].format(self.replicates)
        lines = [word["head"].format(title=title, count=replicates + self._drawn(word), end=self.end, cities=self.cities, when=when)]
        lines += _columns([(_name(one, lang), _amount(one.value, one, lang)) for one in self.levels])
        for one in self.comparisons:
            pairs = word["pairs" if one.pairs != 1 else "pair"].format(one.pairs)
            lines += ["", word["against"].format(title=one.title_zh if lang == "zh" else one.title, pairs=pairs)]
            clear = [finding for finding in one.findings if finding.verdict in (HIGHER, LOWER, ALONE)]
            lines += _columns([(_name(finding, lang), _change(finding, lang)) for finding in clear])
            if clear and one.pairs > 1:
                lines.append(word["brackets_draws" if self.draws else "brackets"])
            for verdict in (UNCLEAR, SAME):
                names = word["comma"].join(_name(finding, lang) for finding in one.findings if finding.verdict == verdict)
                if names:
                    lines += textwrap.wrap(word[verdict] + names, WIDTH, initial_indent="  ", subsequent_indent="    ")
            if one.pairs == 1:
                lines.append(f"  ({word[ALONE]})")
        if self.notices:
            lines.append("")
            for pair in self.notices:
                lines += textwrap.wrap(word["warning"] + pair[lang == "zh"], WIDTH, subsequent_indent="    ")
        if pictures is not None:
            lines += _pictures(self, pictures, word["open"])
        return "\n".join(lines)

    def _drawn(self, word: Mapping[str, str]) -> str:
        return word["draws" if self.draws != 1 else "draw"].format(self.draws, self.posterior) if self.draws else ""


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
        title_zh=first.label("zh"),
        replicates=first.replicates,
        cities=len(first.inside()),
        end=clock.label(int(first.quarters[-1])),
        year=first.full_years[-1] if first.full_years else None,
        levels=tuple(_finding(one, at_end(first, one), None) for one in shown if _holds(first, one)),
        comparisons=tuple(_compared(first, other, shown) for other in others),
        draws=0 if drawn is None else len(np.unique(drawn)),
        posterior=first.posterior_name or None,
        notices=tuple(notices.of_runs((run.scenario, run.manifest) for run in runs)),
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
    return Comparison(other.scenario, other.label("en"), other.label("zh"), len(common), tuple(findings))


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


def _name(finding: Finding, lang: str) -> str:
    """Label without what stands in brackets."""
    label = units.label(declared.get(finding.output), lang).partition(" (")[0].partition("(")[0]
    return f"{label}{WORDS[lang]['all_years']}" if finding.output == "public_cost" else label


def _amount(value: float, finding: Finding, lang: str) -> str:
    """A value in the unit that keeps it short."""
    scale = _scale(value, finding, lang)
    number = _rounded(value * scale.factor)
    return number if finding.unit == "index" else f"{number} {scale.unit}"


def _change(finding: Finding, lang: str) -> str:
    """The difference in percent (shares: percentage points; from nothing: in units), with its interval."""
    if finding.unit == "%":
        factor, unit = 100.0, WORDS[lang]["points"]
    elif finding.reference:
        factor, unit = 100.0 / abs(finding.reference), "%"
    else:
        scale = _scale(finding.difference, finding, lang)
        factor, unit = scale.factor, scale.unit
    change = f"{_signed(finding.difference * factor)} {unit}"
    if finding.low is None:
        return change
    return f"{change}  [{_signed(finding.low * factor)}, {_signed(finding.high * factor)}]"


def _scale(value: float, finding: Finding, lang: str) -> units.Scale:
    return units.scale(declared.get(finding.output), abs(value), lang, yearly=finding.output != "public_cost")


def _rounded(value: float) -> str:
    return digits(value, ",.0f" if known(value) and abs(value) >= 100 else ".3g")


def _signed(value: float) -> str:
    return digits(value, "+,.0f" if known(value) and abs(value) >= 100 else "+.2g")


def _columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    from rich.cells import cell_len  # a Chinese character is two columns wide

    width = max((cell_len(name) for name, _ in rows), default=0)
    return [f"  {name}{' ' * (width - cell_len(name))}  {text}" for name, text in rows]


def _pictures(summary: Summary, folder: Path, heading: str) -> list[str]:
    """The pictures to open first, as far as they exist."""
    stems = [summary.reference, *(one.scenario for one in summary.comparisons)]
    together = "_vs_".join(stems)
    names = [f"{stem}_{plot}.png" for plot in FIRST_PICTURES for stem in dict.fromkeys((together, stems[-1]))]
    found = [folder / name for name in names if (folder / name).is_file()]
    return ["", heading, *(f"  {path}" for path in found)] if found else []
