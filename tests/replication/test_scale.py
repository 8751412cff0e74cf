"""Headline outputs do not depend on the scale: 0.05 against 0.2, the first three years after the warm-up."""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay import outputs
from greaterbay.bay import Bay
from greaterbay.evidence.posteriors import CENTRAL
from greaterbay.scenario.load import load_scenario

SMALL, LARGE = (0.05, 6), (0.2, 3)  # scale and number of seeds
END = "2022-12-31"


def headline(scale: float, replicate: int) -> dict[str, float]:
    """Headline outputs of all quarters for the bay as a whole; shares and indices from summed parts."""
    scenario = load_scenario("baseline", overrides=[f"run.scale={scale}", f"run.end={END}", CENTRAL])
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
    """Difference of the means below the larger of 2 % and half the standard deviation between runs at 0.05 (the run noise)."""
    small, large = (np.array([run[output] for run in group]) for group in runs)
    noise = small.std(ddof=1) / abs(large.mean())
    difference = small.mean() / large.mean() - 1.0
    assert abs(difference) < max(0.02, 0.5 * noise), f"{difference:+.1%}, run noise {noise:.1%}"
