"""Headline outputs do not depend on the scale: 0.05 against 0.2, one year after the warm-up."""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay import outputs
from greaterbay.bay import Bay
from greaterbay.scenario.load import load_scenario

SMALL, LARGE = (0.05, 6), (0.2, 3)  # scale and number of seeds
# counts of rare things: a run at 0.05 holds some 50 cross-border ties
RARE = {"ties_border"}


def headline(scale: float, replicate: int) -> dict[str, float]:
    """Headline outputs of 2020 for the bay as a whole; shares and indices from summed parts."""
    scenario = load_scenario("baseline", overrides=[f"run.scale={scale}", "run.end=2020-12-31"])
    arrays = Bay(scenario=scenario, replicate=replicate).run_to_end().arrays()
    found = {}
    for output in outputs.headlines():
        parts = (output.numerator, output.denominator) if output.is_ratio else (output.id,)
        sums = [float(np.nansum(arrays[name][:, :11])) for name in parts]
        found[output.id] = sums[0] / sums[1] if output.is_ratio else sums[0]
    return found


@pytest.fixture(scope="module")
def runs():
    return [[headline(scale, k) for k in range(seeds)] for scale, seeds in (SMALL, LARGE)]


@pytest.mark.parametrize("output", [o.id for o in outputs.headlines() if o.id != "public_cost"])
def test_the_mean_is_the_same_at_both_scales(runs, output):
    """Difference below the larger of 2 % and half the run-noise sd at 0.05, plus two standard errors of the two means."""
    small, large = (np.array([run[output] for run in group]) for group in runs)
    allowed = max((0.1 if output in RARE else 0.02) * abs(large.mean()), 0.5 * small.std(ddof=1))
    error = np.sqrt(small.var(ddof=1) / small.size + large.var(ddof=1) / large.size)
    assert abs(small.mean() - large.mean()) < allowed + 2.0 * error
