"""Which policy is best, how surely, and what a wrong choice costs. Arrays in, numbers out.

All functions take equally likely values of the effects, (sample, policy), in which more is better; the reference is one of
the policies, with effect 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranks:
    """``order``: policies from best to worst by mean; ``chance[p, r]``: P(policy p has rank r); ``regret``: 90 % quantile of
    what is lost against the best; ``stable``: share of samples in which the whole order is the one shown; ``agreement``: mean
    rank correlation (Kendall's tau) with it.
    """

    order: np.ndarray
    chance: np.ndarray
    regret: np.ndarray
    stable: float
    agreement: float

    @property
    def best(self) -> np.ndarray:
        """P(best) of each policy."""
        return self.chance[:, 0]


def rank(samples: np.ndarray, quantile: float = 0.90) -> Ranks:
    """Ranks over samples; policies that are equal in a sample share their ranks evenly."""
    _, policies = samples.shape
    better = samples[:, :, None] < samples[:, None, :]  # (sample, p, q): q beats p
    equal = samples[:, :, None] == samples[:, None, :]
    first = better.sum(axis=2)  # best rank that p may have, from 0
    shared = equal.sum(axis=2)  # with p itself
    places = np.arange(policies)
    inside = (places >= first[:, :, None]) & (places < (first + shared)[:, :, None])
    chance = (inside / shared[:, :, None]).mean(axis=0)
    regret = np.quantile(samples.max(axis=1, keepdims=True) - samples, quantile, axis=0)
    means = samples.mean(axis=0)
    order = np.argsort(-means, kind="stable")
    shown = np.sign(means[:, None] - means[None, :])
    upper = np.triu_indices(policies, 1)
    signs = np.sign(samples[:, :, None] - samples[:, None, :])[:, upper[0], upper[1]]
    agree = signs * shown[upper]
    stable = float((agree >= np.abs(shown[upper])).all(axis=1).mean()) if upper[0].size else 1.0
    agreement = float(agree.mean()) if upper[0].size else 1.0
    return Ranks(order, chance, regret, stable, agreement)


def frontier(effects: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Which policies no other one beats in effect without costing more, or in cost without doing less (policy,)."""
    at_least = (effects[None, :] >= effects[:, None]) & (costs[None, :] <= costs[:, None])
    strictly = (effects[None, :] > effects[:, None]) | (costs[None, :] < costs[:, None])
    return np.logical_not((at_least & strictly).any(axis=1))


def frontier_chance(effects: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Share of samples in which each policy lies on the frontier; both arrays (sample, policy)."""
    return np.mean([frontier(e, c) for e, c in zip(effects, costs, strict=True)], axis=0)
