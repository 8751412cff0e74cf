"""The reference in objects and the package agree in distribution: two one-sided tests with stated margins.

From one state of about 1,000 firms both sides play a quarter of moves, partner choice, learning, invention and adoption, again and
again with other draws. For every measure the 90 % interval of the difference of means (Welch) must lie inside the margin, a share of
the package's mean: then the hypothesis of a difference beyond the margin is refused at 5 % on both sides.
"""

from __future__ import annotations

import numpy as np
import pytest
import state
from scipy.special import stdtrit

RUNS_FAST, RUNS_REFERENCE = 150, 40
MARGINS = {
    "new_ties": 0.06, "new_with_institute": 0.12, "new_in_other_city": 0.08, "new_distance": 0.04, "learning": 0.04, "inventions": 0.07,
    "inventions_by_institutes": 0.15, "level": 0.002, "hires": 0.04, "hires_from_other_city": 0.06, "adoptions": 0.06,
}


@pytest.fixture(scope="module")
def found():
    """Measures of both sides: (runs, measures)."""
    bay = state.released_bay(0.015)
    assert 900 < bay.firms.alive.sum() < 1400
    kept = state.Kept(bay)
    bay.users_before = state.users_now(bay)
    fast, reference = [], []
    for run in range(RUNS_FAST):
        state.fast_quarter(kept.again(run))
        fast.append(list(state.fast_measures(bay).values()))
    for run in range(RUNS_REFERENCE):
        core = state.objects(kept.again(run), run)
        core.step()
        reference.append(list(state.reference_measures(core).values()))
    return np.array(fast, float), np.array(reference, float)


def interval(one: np.ndarray, two: np.ndarray) -> tuple[float, float]:
    """90 % interval of the difference of means (Welch)."""
    error_1, error_2 = one.var(ddof=1) / one.size, two.var(ddof=1) / two.size
    error = np.sqrt(error_1 + error_2)
    freedom = (error_1 + error_2) ** 2 / max(error_1**2 / (one.size - 1) + error_2**2 / (two.size - 1), 1e-300)
    reach = float(stdtrit(freedom, 0.95)) * error
    difference = float(two.mean() - one.mean())
    return difference - reach, difference + reach


def test_every_measure_has_a_margin():
    assert list(MARGINS) == list(state.MEASURES)


@pytest.mark.parametrize("name", state.MEASURES)
def test_equivalent(found, name):
    fast, reference = (side[:, state.MEASURES.index(name)] for side in found)
    low, high = interval(fast, reference)
    margin = MARGINS[name] * fast.mean()
    assert -margin < low and high < margin, f"{name}: {low:.4g} to {high:.4g}, allowed {margin:.4g} of {fast.mean():.4g}"


def test_the_tests_can_tell(found):
    """A reference that found a seventh fewer partners would not pass for new ties."""
    fast, reference = (side[:, 0] for side in found)
    low, high = interval(fast, 0.85 * reference)
    assert not (-MARGINS["new_ties"] * fast.mean() < low and high < MARGINS["new_ties"] * fast.mean())
