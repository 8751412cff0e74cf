"""Patient rule induction (Friedman & Fisher 1999): a box of parameters in which a policy fails often.

The box is peeled: at each step the slice of about ``alpha`` of its points whose removal leaves the highest share of
failures goes, until the box holds fewer than ``least`` of all points. Of the boxes on the way the one with the best balance
of density (failures in the box) and coverage (failures of all that are in it) is taken; limits that do not matter
(binomial test) are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ALPHA = 0.1
LEAST = 0.1
DOUBT = 0.05  # a limit is kept if chance would do as well less often than this


@dataclass(frozen=True)
class Box:
    """Limits by parameter (position -> (low, high)), and how good the box is."""

    limits: dict[int, tuple[float, float]]
    density: float
    coverage: float
    mass: float
    doubt: dict[int, float]

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Which points lie in the box (n,)."""
        inside = np.ones(points.shape[0], bool)
        for k, (low, high) in self.limits.items():
            inside &= (points[:, k] >= low) & (points[:, k] <= high)
        return inside


def find_box(points: np.ndarray, fails: np.ndarray, alpha: float = ALPHA, least: float = LEAST) -> Box | None:
    """The box for ``points`` (n, p) and ``fails`` (n,) bool; None where nothing sets failures apart."""
    n, p = points.shape
    if not 0 < fails.sum() < n:
        return None
    low, high = np.full(p, -np.inf), np.full(p, np.inf)
    inside = np.ones(n, bool)
    path = []
    while inside.sum() > max(least * n, 10):
        best = None
        for k in range(p):
            x = points[inside, k]
            for upper, bound in ((False, np.quantile(x, alpha)), (True, np.quantile(x, 1.0 - alpha))):
                keep = inside & (points[:, k] <= bound if upper else points[:, k] >= bound)
                if keep.sum() == inside.sum() or keep.sum() < max(least * n, 10):
                    continue
                density = fails[keep].mean()
                gained = (density - fails[inside].mean()) / (inside.sum() - keep.sum())
                if best is None or gained > best[0]:
                    best = gained, k, upper, bound, keep
        if best is None:
            break
        _, k, upper, bound, inside = best
        if upper:
            high[k] = bound
        else:
            low[k] = bound
        path.append((low.copy(), high.copy()))
    if not path:
        return None
    box = max(
        (_measure(points, fails, a, b) for a, b in path), key=lambda b: 2 * b.density * b.coverage / max(b.density + b.coverage, 1e-12)
    )
    while True:  # drop what does not matter, the most doubtful first
        worst = max(box.doubt, key=lambda k: box.doubt[k], default=None)
        if worst is None or box.doubt[worst] <= DOUBT:
            break
        a, b = np.full(p, -np.inf), np.full(p, np.inf)
        for k, (one, two) in box.limits.items():
            if k != worst:
                a[k], b[k] = one, two
        box = _measure(points, fails, a, b)
    return box if box.limits else None


def _measure(points: np.ndarray, fails: np.ndarray, low: np.ndarray, high: np.ndarray) -> Box:
    from scipy.stats import binomtest

    limits = {k: (float(low[k]), float(high[k])) for k in range(points.shape[1]) if np.isfinite(low[k]) or np.isfinite(high[k])}
    box = Box(limits, 0.0, 0.0, 0.0, {})
    inside = box.holds(points)
    doubt = {}
    for k in limits:
        without = Box({j: v for j, v in limits.items() if j != k}, 0.0, 0.0, 0.0, {}).holds(points)
        doubt[k] = float(binomtest(int(fails[inside].sum()), int(inside.sum()), float(fails[without].mean()), alternative="greater").pvalue)
    return Box(limits, float(fails[inside].mean()), float(fails[inside].sum() / fails.sum()), float(inside.mean()), doubt)
