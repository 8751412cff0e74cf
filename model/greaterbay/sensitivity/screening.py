"""Which parameters drive the effect of a policy: Morris screening, and Sobol indices on an emulator.

Morris (1991) trajectories with common random numbers: all points of a trajectory use one seed, scenario and reference alike.
Ranges: the prior of a free parameter; of any other the half to one and a half of its value, inside its bounds (judgement).
Sobol indices (Saltelli estimator, by SALib) come from an emulator of the effect on the parameters that screening ranks
highest, so they cost no further runs; those of the levels come from the calibration's own emulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from greaterbay import parameters as declared
from greaterbay.calibration import emulator as emulators
from greaterbay.calibration.study import Free, Study
from greaterbay.evidence import references

LEVELS = 4
KEPT = 10  # parameters in the emulator
BASE = 512  # Saltelli sample


@dataclass(frozen=True)
class Factor:
    """One parameter that is varied, with its range."""

    free: Free
    required: bool

    @property
    def id(self) -> str:
        """Its name."""
        return self.free.id


def factors(study: Study, which: str = "required") -> list[Factor]:
    """Parameters to vary: ``free`` those of the study, ``required`` also assumptions that must be shown to be survived."""
    needed = {r.split(":")[1] for r in required_assumptions() if r.split(":")[1] in declared.table()}
    found = [Factor(free, bool(needed & set(free.members or (free.id,)))) for free in study.free]
    if which == "free":
        return found
    taken = {name for free in study.free for name in (free.members or (free.id,))}
    for name, row in declared.table().items():
        if name in needed and name not in taken:
            low, high = max(0.5 * row.value, row.low), min(1.5 * row.value, row.high)
            if row.value == 0.0:
                low, high = row.low, min(row.high, row.low + 0.1 * (row.high - row.low), 0.3)
            if low > high:
                low, high = high, low
            found.append(Factor(Free(name, low, high, "linear", f"assumption:{name}", "", row.label, row.label_zh), True))
    return found


def required_assumptions() -> list[str]:
    """References of assumptions that a reported result must be shown to survive."""
    records = (references.record(f"assumption:{name}") for name in references.all_ids("assumption"))
    return [r.reference for r in records if r.data["sensitivity_required"]]


def not_varied(chosen: Sequence[Factor]) -> list[str]:
    """Assumptions marked as required that screening does not vary (columns of the region tables, lever strengths)."""
    inside = {name for f in chosen for name in (f.free.members or (f.free.id,))}
    return [r for r in required_assumptions() if r.split(":")[1] not in inside]


def model_parameters(chosen: Sequence[Factor], unit: Sequence[float]) -> dict[str, float]:
    """Model parameters at a point of the unit cube."""
    table, found = declared.table(), {}
    for factor, u in zip(chosen, unit, strict=True):
        value = float(factor.free.natural(float(u)))
        for name in factor.free.members or (factor.free.id,):
            scaled = value * table[name].value if factor.free.members else value
            found[name] = min(max(scaled, table[name].low), table[name].high)
    return found


def trajectories(count: int, dimensions: int, seed: int) -> np.ndarray:
    """Morris points (count, dimensions + 1, dimensions) on [0, 1]."""
    from SALib.sample import morris

    problem = {"num_vars": dimensions, "names": [f"x{k}" for k in range(dimensions)], "bounds": [[0.0, 1.0]] * dimensions}
    points = morris.sample(problem, count, num_levels=LEVELS, seed=seed)
    return points.reshape(count, dimensions + 1, dimensions)


def morris_table(points: np.ndarray, values: np.ndarray) -> list[dict[str, float]]:
    """Mean absolute elementary effect, mean and sd of each parameter; trajectories with gaps are left out."""
    from SALib.analyze import morris

    whole = np.all(np.isfinite(values), axis=1)
    if whole.sum() < 2:
        raise ValueError(f"{int(whole.sum())} of {len(whole)} trajectories are whole; at least 2 are needed")
    dimensions = points.shape[2]
    problem = {"num_vars": dimensions, "names": [f"x{k}" for k in range(dimensions)], "bounds": [[0.0, 1.0]] * dimensions}
    found = morris.analyze(
        problem, points[whole].reshape(-1, dimensions), values[whole].reshape(-1), num_levels=LEVELS, print_to_console=False, seed=1
    )
    return [
        {"mu_star": float(a), "mu": float(b), "sigma": float(c), "error": float(d)}
        for a, b, c, d in zip(found["mu_star"], found["mu"], found["sigma"], found["mu_star_conf"], strict=True)
    ]


def sobol_on(emulator, dimensions: int, figure: int, seed: int) -> list[dict[str, float]]:
    """First-order and total Sobol indices of one emulated figure."""
    import warnings

    from SALib.analyze import sobol
    from SALib.sample import sobol as sample

    problem = {"num_vars": dimensions, "names": [f"x{k}" for k in range(dimensions)], "bounds": [[0.0, 1.0]] * dimensions}
    points = sample.sample(problem, BASE, calc_second_order=False, seed=seed)
    values = emulator.predict(points)[0][:, figure]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a constant figure divides by its variance of zero
        found = sobol.analyze(problem, values, calc_second_order=False, print_to_console=False, seed=seed)
    return [{"first": float(np.nan_to_num(a)), "total": float(np.nan_to_num(b))} for a, b in zip(found["S1"], found["ST"], strict=True)]


def contrast_sobol(
    points: np.ndarray, values: np.ndarray, ranking: Sequence[float], seed: int
) -> tuple[list[int], list[dict[str, float]], float]:
    """Sobol indices of an effect on the parameters of highest rank, and the share that their emulator explains."""
    flat, level = points.reshape(-1, points.shape[2]), values.reshape(-1)
    sound = np.isfinite(level)
    kept = sorted(int(k) for k in np.argsort(-np.asarray(ranking), kind="stable")[:KEPT])
    emulator = emulators.fit(flat[sound][:, kept], level[sound][:, None], rich=False)
    left = emulator.figures[0].left_out
    explained = 1.0 - float((left**2).mean() / max(level[sound].var(), 1e-20))
    return kept, sobol_on(emulator, len(kept), 0, seed), explained
