"""Effects of a policy at given parameters: the scenario and its reference played on the same random numbers.

An outcome is one number for a whole run (sum of a flow, last value of a stock, ratio of sums of a share, over the cities of
the bay). Its effect is the scenario's value over the reference's, less one, in percent; for shares and indices the
difference times one hundred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from greaterbay import outputs
from greaterbay.evidence.posteriors import CENTRAL

BETWEEN = "\n"  # joins the two scenarios in the name of a run


def whole_run(arrays: Mapping[str, np.ndarray], name: str, cities: int) -> float:
    """An output as one number: over time by its own rule, over the cities of the bay."""
    output = outputs.get(name)
    if output.is_ratio:
        bottom = whole_run(arrays, output.denominator, cities)
        return whole_run(arrays, output.numerator, cities) / bottom if bottom else float("nan")
    values = arrays[name].astype(float)
    if "city" in output.dims and not name.startswith("public_cost"):
        values = values[:, :cities]
    if "city_to" in output.dims:
        values = values[:, :, :cities]
    values = np.nan_to_num(values)
    by_quarter = values.reshape(values.shape[0], -1).sum(axis=1)
    if output.kind in ("index", "share") and output.over_cities != "sum":
        by_quarter = values.reshape(values.shape[0], -1).mean(axis=1)
    return float(by_quarter[-1] if output.over_time == "last" else by_quarter.sum() if output.over_time == "sum" else by_quarter.mean())


def in_points(name: str) -> bool:
    """Is the effect a difference in points (shares, indices) and not a percentage?"""
    return outputs.get(name).kind in ("share", "index")


def effect(name: str, value: float, reference: float) -> float:
    """Effect on an outcome: percent of the reference, or points."""
    if in_points(name):
        return 100.0 * (value - reference)
    return 100.0 * (value / reference - 1.0) if reference else float("nan")


def simulate(scenario: str, overrides: Sequence[str], parameters: Mapping[str, float], replicate: int) -> dict[str, float]:
    """Effects and levels of one pair of runs: ``scenario`` holds both names; keys ``effect:ID`` and ``level:ID``."""
    from greaterbay.bay import Bay
    from greaterbay.scenario.load import load_scenario

    totals = []
    names = [output.id for output in outputs.table().values() if output.headline or output.export]
    for name in scenario.split(BETWEEN):
        one = load_scenario(name, overrides=[*overrides, CENTRAL])
        # what a scenario sets holds over a value that is tried, as it holds over a draw
        bay = Bay(scenario=one, replicate=replicate, parameters={**parameters, **one.parameters})
        bay.run_to_end()
        arrays, cities = bay.record.arrays(), len(bay.region.city_ids)
        totals.append({key: whole_run(arrays, key, cities) for key in names if "lever" not in outputs.get(key).dims})
    policy, reference = totals
    return {f"effect:{key}": effect(key, policy[key], reference[key]) for key in policy} | {
        f"level:{key}": reference[key] for key in reference
    }


def pair_name(scenario: str, against: str) -> str:
    """Name of a pair of runs."""
    return f"{scenario}{BETWEEN}{against}"
