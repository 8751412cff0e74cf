"""Emulated synthetic likelihood, and how implausible a point is.

Quantities: the figures follow a normal distribution around the emulator's mean with the run noise (correlated between
figures), what the emulator does not know, the tolerance of the text and the discrepancy of the model. A quantity that is
a mean over ``pooled`` seeds has the noise divided by that number.

Orderings: with ``holds`` the probability that the measure lies above zero,

    holds = Phi(mean / sqrt(noise / pooled + own + discrepancy**2))
    likelihood = c * holds + (1 - c) * (1 - holds)          c: confidence in the claim
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr

THIRD_LARGEST = 3  # one or two figures out of many may miss by chance
RARE = 0.02  # an ordering less likely than this counts as missed


@dataclass(frozen=True)
class Facts:
    """What is compared: positions of the figures used, and what each says.

    ``point``, ``spread``, ``pooled`` (figures,); ``ordering`` marks claims, ``sign`` is -1 where the opposite was seen (in a
    synthetic truth), ``confidence`` the weight of a claim.
    """

    used: np.ndarray
    point: np.ndarray
    spread: np.ndarray
    pooled: np.ndarray
    ordering: np.ndarray
    sign: np.ndarray
    confidence: np.ndarray

    @classmethod
    def of(cls, targets: Sequence, use: Sequence[bool]) -> Facts:
        """The facts of a study's targets; ``use`` (targets,) chooses."""
        chosen = np.flatnonzero(np.asarray(use, bool))
        kept = [targets[k] for k in chosen]
        return cls(
            chosen,
            np.array([t.point for t in kept]),
            np.array([t.spread for t in kept]),
            np.array([max(t.pooled, 1) for t in kept], float),
            np.array([t.ordering for t in kept], bool),
            np.ones(len(kept)),
            np.array([t.probability for t in kept]),
        )


def probability_holds(mean, variance):
    """Chance that a normal measure lies above zero."""
    return ndtr(mean / np.sqrt(np.maximum(variance, 1e-20)))


def log_likelihood(emulator, facts: Facts, units: np.ndarray) -> np.ndarray:
    """Log likelihood of every point of the unit cube (n,)."""
    mean, own, noise = (part[:, facts.used] for part in emulator.predict(units))
    noise = noise / facts.pooled
    total = np.zeros(mean.shape[0])
    q = ~facts.ordering
    if q.any():
        correlation = emulator.correlation[np.ix_(facts.used[q], facts.used[q])]
        sd = np.sqrt(noise[:, q])
        covariance = sd[:, :, None] * correlation * sd[:, None, :]
        step = np.arange(int(q.sum()))
        covariance[:, step, step] += own[:, q] + facts.spread[q] ** 2 + 1e-12
        root = np.linalg.cholesky(covariance)
        gap = np.linalg.solve(root, (facts.point[q] - mean[:, q])[:, :, None])[:, :, 0]
        total += -0.5 * (gap**2).sum(axis=1) - np.log(root[:, step, step]).sum(axis=1)
    if facts.ordering.any():
        o = facts.ordering
        z = facts.sign[o] * mean[:, o] / np.sqrt(noise[:, o] + own[:, o] + facts.spread[o] ** 2 + 1e-20)
        c = facts.confidence[o]
        with np.errstate(divide="ignore"):
            total += np.logaddexp(np.log(c) + log_ndtr(z), np.log1p(-c) + log_ndtr(-z)).sum(axis=1)
    return total


def implausibility(emulator, facts: Facts, units: np.ndarray) -> np.ndarray:
    """Third largest distance between figure and emulator in standard deviations (n,); missed claims count as 4."""
    mean, own, noise = (part[:, facts.used] for part in emulator.predict(units))
    variance = noise / facts.pooled + own + facts.spread**2
    distance = np.abs(mean - facts.point) / np.sqrt(variance)
    holds = probability_holds(mean, variance)
    distance = np.where(facts.ordering, np.where(holds < RARE, 4.0, 0.0), distance)
    return np.sort(distance, axis=1)[:, -min(THIRD_LARGEST, distance.shape[1])]
