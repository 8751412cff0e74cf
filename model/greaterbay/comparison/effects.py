"""Paired effects: from one difference per pair to intervals, chances and what pairing was worth.

Arrays in, numbers out. Three things bear three names:

* *mean effect*: the mean over replicates (and parameters), with the Monte Carlo error that more replicates remove;
* *effect across parameters*: how the effect differs between posterior draws, run noise removed;
* *predictive*: the difference that one further pair of futures would show.

With parameters held fixed the second is the mean effect itself: its interval holds the Monte Carlo error only. Intervals are
Student's t, so that few pairs give wide ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

INNER, OUTER = 0.50, 0.90
SAMPLES = 4000
"""Draws of the uncertain mean effects from which P(best), ranks and regret are counted."""
SHAPE_DRAWS = 30
"""From this many posterior draws on the spread across parameters is read off the draws; below, it is taken as normal."""


@dataclass(frozen=True)
class Interval:
    """Lower and upper bound."""

    low: float
    high: float

    def covers(self, value: float) -> bool:
        """Does the value lie in the interval?"""
        return self.low <= value <= self.high

    @property
    def half(self) -> float:
        """Half the width."""
        return 0.5 * (self.high - self.low)


@dataclass(frozen=True)
class Split:
    """Variance of single differences: ``parameters`` between posterior draws, ``noise`` between runs of one draw.

    ``share`` is that of parameters, ``low`` and ``high`` its 90 % interval (one-way random effects, exact for as many runs in
    every draw).
    """

    parameters: float
    noise: float
    share: float
    low: float
    high: float


def reach(count: int, coverage: float) -> float:
    """Student's t that leaves ``coverage`` between its minus and plus for ``count`` differences."""
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, 0.5 + coverage / 2))


def groups_of(draw: np.ndarray | None, count: int) -> list[np.ndarray]:
    """Positions of the replicates of each parameter draw; each replicate alone where there are no draws."""
    if draw is None:
        return [np.array([k]) for k in range(count)]
    return [np.flatnonzero(draw == one) for one in np.unique(draw)]


def by_draw(differences: np.ndarray, draw: np.ndarray | None) -> np.ndarray:
    """Mean difference of each draw (the independent units); the differences themselves without draws."""
    if draw is None:
        return differences
    return np.array([differences[group].mean(axis=0) for group in groups_of(draw, len(differences))])


def mean_error(units: np.ndarray) -> float:
    """Monte Carlo standard error of the mean over independent units; not a number for one."""
    return float(units.std(ddof=1) / math.sqrt(len(units))) if len(units) > 1 else math.nan


def mean_interval(units: np.ndarray, coverage: float) -> Interval | None:
    """Interval of the mean; None for fewer than two units."""
    if len(units) < 2:
        return None
    middle, half = float(units.mean()), reach(len(units), coverage) * mean_error(units)
    return Interval(middle - half, middle + half)


def predictive_interval(differences: np.ndarray, coverage: float) -> Interval | None:
    """Interval in which the difference of one further pair lies; None for fewer than two."""
    count = len(differences)
    if count < 2:
        return None
    half = reach(count, coverage) * float(differences.std(ddof=1)) * math.sqrt(1.0 + 1.0 / count)
    return Interval(float(differences.mean()) - half, float(differences.mean()) + half)


def p_value(units: np.ndarray) -> float:
    """Two-sided p of the t test against zero; 1 where all differences are zero, 0 where all are one other number."""
    from scipy.special import stdtr

    if not units.any():
        return 1.0
    if len(units) < 2:
        return math.nan
    error = mean_error(units)
    if error == 0.0:
        return 0.0
    return float(2.0 * stdtr(len(units) - 1, -abs(units.mean()) / error))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm-adjusted p over all tests; those that are not a number stay so and do not count."""
    from statsmodels.stats.multitest import multipletests

    p_values = np.asarray(p_values, float)
    adjusted = np.full(p_values.shape, np.nan)
    known = np.isfinite(p_values)
    if known.any():
        adjusted[known] = multipletests(p_values[known], method="holm")[1]
    return adjusted


def relative_effect(values: np.ndarray, reference: np.ndarray) -> tuple[float, float, float] | None:
    """Mean over mean minus one with its 90 % interval (ratio estimator); None where the reference is zero.

    The residuals ``value - ratio * reference`` carry the uncertainty of both means, which pairing makes small together.
    """
    base = float(reference.mean())
    if base == 0.0 or len(values) < 2:
        return None
    ratio = float(values.mean()) / base
    residual = values - ratio * reference
    half = reach(len(values), OUTER) * float(residual.std(ddof=1)) / (math.sqrt(len(values)) * abs(base))
    return ratio - 1.0, ratio - 1.0 - half, ratio - 1.0 + half


def variance_ratio(values: np.ndarray, reference: np.ndarray, coverage: float = OUTER) -> tuple[float, Interval] | None:
    """How many times smaller pairing makes the variance of the difference, with its interval.

        R = (var a + var b) / var(a - b) = (var(a + b) / var(a - b) + 1) / 2

    Sum and difference of a pair are two correlated normal series; the interval of their variance ratio F inverts the
    Pitman–Morgan test: ``F (K -+ sqrt(K^2 - 1))`` with ``K = 1 + 2 (1 - r^2) t^2 / (n - 2)``. None where all
    differences are equal (R has no bound) or for fewer than four pairs.
    """
    from scipy.special import stdtrit

    count = len(values)
    total, difference = values + reference, values - reference
    below = float(difference.var(ddof=1)) if count > 1 else 0.0
    size = max(float(np.abs(values).max(initial=0.0)), float(np.abs(reference).max(initial=0.0)))
    if count < 4 or below <= (1e-12 * size) ** 2:
        return None
    above = float(total.var(ddof=1))
    fraction = above / below
    spread = math.sqrt(above * below)
    r = float(np.cov(total, difference)[0, 1]) / spread if spread > 0.0 else 0.0
    t = float(stdtrit(count - 2, 0.5 + coverage / 2))
    k = 1.0 + 2.0 * max(0.0, 1.0 - r * r) * t * t / (count - 2)
    width = math.sqrt(k * k - 1.0)
    low, high = fraction * (k - width), fraction * (k + width)
    return (fraction + 1.0) / 2.0, Interval((low + 1.0) / 2.0, (high + 1.0) / 2.0)


def variance_split(differences: np.ndarray, draw: np.ndarray | None) -> Split | None:
    """Variance between and within parameter draws; None where no draw has two runs, so that they cannot be told apart."""
    from scipy.special import fdtri

    if draw is None:
        return None
    groups = groups_of(draw, len(differences))
    count, number = len(differences), len(groups)
    if count == number or number < 2:
        return None
    sizes = np.array([group.size for group in groups])
    means = np.array([differences[group].mean() for group in groups])
    within = sum(float(((differences[group] - mean) ** 2).sum()) for group, mean in zip(groups, means, strict=True)) / (count - number)
    between = float((sizes * (means - differences.mean()) ** 2).sum()) / (number - 1)
    size = (count - (sizes**2).sum() / count) / (number - 1)
    if within == 0.0:
        known = between > 0.0
        return Split(between / size, 0.0, float(known), float(known), float(known))
    parameters = max(0.0, (between - within) / size)
    fraction = between / within
    tail = (1.0 - OUTER) / 2.0
    shares = []
    for probability in (1.0 - tail, tail):
        bound = fraction / float(fdtri(number - 1, count - number, probability))
        shares.append(max(0.0, (bound - 1.0) / (bound + size - 1.0)))
    return Split(parameters, within, parameters / (parameters + within), *shares)


def samples(differences: np.ndarray, draw: np.ndarray | None) -> np.ndarray:
    """Equally likely values of the *effect across parameters* of several policies, (sample, policy).

    ``differences`` (replicate, policy) share their pairs, so what policies have in common stays in common. Parameters fixed:
    the mean effects with their joint Monte Carlo error (multivariate t). With posterior draws: each draw's mean effect, drawn
    towards the overall mean so that the spread is that between parameters (``variance_split``) and not that of run noise.
    """
    differences = np.asarray(differences, float)
    units = by_draw(differences, draw)
    middle = units.mean(axis=0)
    if len(units) < 2:
        return np.broadcast_to(middle, (1, units.shape[1])).copy()
    splits = [variance_split(differences[:, k], draw) for k in range(differences.shape[1])]
    told = [split for split in splits if split is not None]
    if draw is not None and len(units) >= SHAPE_DRAWS and len(told) == len(splits):
        spread = units.var(axis=0, ddof=1)
        factor = np.sqrt([min(1.0, split.parameters / total) if total > 0.0 else 0.0 for split, total in zip(told, spread, strict=True)])
        return middle + factor * (units - middle)
    covariance = np.atleast_2d(np.cov(units, rowvar=False)) / len(units)
    if draw is not None:
        # few draws: the spread between parameters and the error of its centre, joint as the draws are
        own = np.array([split.parameters if split else var for split, var in zip(splits, units.var(axis=0, ddof=1), strict=True)])
        deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        wanted = np.sqrt(own + np.diag(covariance))
        scale = np.divide(wanted, deviation, out=np.zeros_like(wanted), where=deviation > 0.0)
        covariance = covariance * np.outer(scale, scale)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    generator = np.random.default_rng(20200101)  # fixed: a comparison gives the same numbers whenever it is made
    normal = generator.standard_normal((SAMPLES // 2, len(middle)))
    chi = generator.chisquare(len(units) - 1, SAMPLES // 2) / (len(units) - 1)
    spread = normal / np.sqrt(chi)[:, None] @ root.T
    return middle + np.concatenate((spread, -spread))


def across_interval(differences: np.ndarray, draw: np.ndarray | None, coverage: float) -> Interval | None:
    """Interval of the effect across parameters; that of the mean effect where parameters are held fixed."""
    units = by_draw(differences, draw)
    if draw is None or len(units) < 2:
        return mean_interval(units, coverage)
    split = variance_split(differences, draw)
    if split is not None and len(units) >= SHAPE_DRAWS:
        found = samples(differences[:, None], draw)[:, 0]
        low, high = np.quantile(found, (0.5 - coverage / 2, 0.5 + coverage / 2))
        return Interval(float(low), float(high))
    # one run a draw: run noise cannot be taken out, the interval is too wide rather than too narrow
    spread = split.parameters if split is not None else float(units.var(ddof=1))
    half = reach(len(units), coverage) * math.sqrt(spread + mean_error(units) ** 2)
    return Interval(float(units.mean()) - half, float(units.mean()) + half)


def chance_above(differences: np.ndarray, draw: np.ndarray | None) -> float:
    """P(effect across parameters > 0); a half where all differences are zero."""
    from scipy.special import stdtr

    units = by_draw(differences, draw)
    if not differences.any():
        return 0.5
    if len(units) < 2:
        return math.nan
    if draw is None:
        error = mean_error(units)
        return float(units.mean() > 0) if error == 0.0 else float(stdtr(len(units) - 1, units.mean() / error))
    found = samples(differences[:, None], draw)[:, 0]
    return float((found > 0).mean() + 0.5 * (found == 0).mean())


def share_interval(hits: int, count: int, coverage: float = OUTER) -> Interval:
    """Wilson interval of a share."""
    from scipy.special import ndtri

    z = float(ndtri(0.5 + coverage / 2))
    share = hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def fieller(above: np.ndarray, below: np.ndarray, coverage: float = OUTER) -> Interval | None:
    """Interval of mean(above) / mean(below) over pairs; None where the lower mean is not clearly unlike zero."""
    count = len(above)
    if count < 2:
        return None
    t2 = reach(count, coverage) ** 2
    a, b = float(above.mean()), float(below.mean())
    (va, c), (_, vb) = np.cov(above, below) / count
    lead = b * b - t2 * vb
    if lead <= 0.0:
        return None
    root = (a * b - t2 * c) ** 2 - lead * (a * a - t2 * va)
    half = math.sqrt(max(0.0, root)) / lead
    centre = (a * b - t2 * c) / lead
    return Interval(float(centre - half), float(centre + half))
