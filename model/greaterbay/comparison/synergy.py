"""T1, the synergy index: what the three jurisdictions reach together over what each reaches alone, under the same levers.

Every run has a twin with the same levers, seed and parameters in which all ties, moves, licences, spillovers and capital flows
between jurisdictions are cut from the first reported quarter (``[run] cut = "jurisdictions"``). With sums pooled over
quarters and replicates,

    index = sum of the full run / sum of the cut run

for value-weighted conversions, and the ratio of pooled productivities. Total, each jurisdiction, and their plain mean.
Intervals by leaving out one pair, or all pairs of one parameter draw, at a time (jackknife, Student's t); a small
jurisdiction is never given without one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from greaterbay.comparison import effects, pairs
from greaterbay.comparison.values import groups
from greaterbay.runner.results import RunsError, StoredRun

MEASURES = {"conversions_value": ("conversions_value",), "productivity": ("productivity_weight", "sales")}
TOTAL, MEAN = "sum", "mean of jurisdictions"
SUFFIX = "_cut"


@dataclass(frozen=True)
class Index:
    """Synergy index of one run: ``measure`` in ``group`` (``sum``, a jurisdiction, or their plain mean); above 1 is gain."""

    policy: str
    measure: str
    group: str
    pairs: int
    index: float
    low: float | None
    high: float | None


def indices(policy: str, full: StoredRun, cut: StoredRun, numbers: Sequence[int]) -> list[Index]:
    """All indices of a run against its cut twin; refused where the two are not twins."""
    problems = _not_twins(full, cut)
    if problems:
        raise RunsError("\n".join(problems))
    where = {group.partition(":")[2]: places for group, places in groups(full).items() if group.startswith("jurisdiction:")}
    draws = full.draws()
    draw = None if draws is None else draws[[full.info.replicates.index(number) for number in numbers]]
    groups_of_draw = effects.groups_of(draw, len(numbers))
    found = []
    for measure, parts in MEASURES.items():
        if not all(run.has(part) for run in (full, cut) for part in parts):
            continue
        sums = np.stack([_sums(run, parts, where, numbers) for run in (full, cut)])  # (run, pair, jurisdiction, part)
        by_draw = np.stack([sums[:, of].sum(axis=1) for of in groups_of_draw], axis=1)  # replicates of one draw are no independent pairs
        for group, statistic in _statistics(list(where)).items():
            value, low, high = jackknife(by_draw, statistic)
            # a part without an interval says nothing: alone it reaches next to nothing in some replicate
            if np.isfinite(value) and (group == TOTAL or low is not None):
                found.append(Index(policy, measure, group, len(numbers), value, low, high))
    return found


def left_out(found: Sequence[Index], full: StoredRun) -> list[tuple[str, str]]:
    """Measures and groups for which no index can be given."""
    wanted = [group.partition(":")[2] for group in groups(full) if group.startswith("jurisdiction:")] + [MEAN]
    given = {(one.measure, one.group) for one in found}
    return [
        (measure, group)
        for measure in dict.fromkeys(one.measure for one in found)
        for group in wanted
        if (measure, group) not in given
    ]


def jackknife(sums: np.ndarray, statistic: Callable[[np.ndarray], float]) -> tuple[float, float | None, float | None]:
    """A statistic of sums pooled over pairs, with its 90 % interval; ``sums`` (run, pair, ...)."""
    count = sums.shape[1]
    pooled = sums.sum(axis=1)
    value = float(statistic(pooled))
    if count < 2 or not np.isfinite(value):
        return value, None, None
    without = np.array([statistic(pooled - sums[:, k]) for k in range(count)])
    if not np.isfinite(without).all():
        return value, None, None
    pseudo = count * value - (count - 1) * without
    half = float(effects.reach(count, effects.OUTER) * pseudo.std(ddof=1) / np.sqrt(count))
    return value, value - half, value + half


def _statistics(names: list[str]) -> dict[str, Callable[[np.ndarray], float]]:
    """Index of the sum, of each jurisdiction, and their plain mean, from pooled sums (run, jurisdiction, part)."""

    def level(parts: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return parts[..., 0] / parts[..., 1] if parts.shape[-1] == 2 else parts[..., 0]

    def ratio(parts: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return level(parts[0]) / level(parts[1])

    found: dict[str, Callable[[np.ndarray], float]] = {TOTAL: lambda pooled: float(ratio(pooled.sum(axis=1)))}
    for place, name in enumerate(names):
        found[name] = lambda pooled, place=place: float(ratio(pooled[:, place]))
    return found | {MEAN: lambda pooled: float(ratio(pooled).mean())}


def _sums(run: StoredRun, parts: tuple[str, ...], where: dict, numbers: Sequence[int]) -> np.ndarray:
    """Sums over all quarters by pair, jurisdiction and part."""
    rows = [run.info.replicates.index(number) for number in numbers]
    return np.stack(
        [np.stack([run.values(part)[rows][:, :, places].sum(axis=(1, 2)) for places in where.values()], axis=1) for part in parts], axis=-1
    )


def _not_twins(full: StoredRun, cut: StoredRun) -> list[str]:
    """A twin differs from its run in the cut alone."""
    ours, theirs = (dict(run.manifest["scenario"]) for run in (full, cut))
    found = []
    if (theirs.get("run") or {}).get("cut") != "jurisdictions":
        found.append(f'{cut.path or cut.scenario}: its jurisdictions are not cut; it must be run with [run] cut = "jurisdictions"')
    for key in ("levers", "probes", "events", "parameters"):
        if ours.get(key) != theirs.get(key):
            found.append(f"{cut.path or cut.scenario}: has other {key} than {full.path or full.scenario}; the cut run carries the same")
    for key in ("seed", "source_digest"):
        if full.manifest.get(key) != cut.manifest.get(key):
            found.append(f"{cut.path or cut.scenario}: {key.replace('_', ' ')} differs from that of {full.path or full.scenario}")
    found += [*pairs.other_posterior(full, cut), *pairs.other_draws(full, cut)]
    if not np.array_equal(full.quarters, cut.quarters):
        found.append(f"{cut.path or cut.scenario}: covers other quarters than {full.path or full.scenario}")
    return found
