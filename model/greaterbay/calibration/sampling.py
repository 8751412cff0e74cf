"""Sampling: Sobol designs, the next wave, and the posterior by emcee; every draw has a fixed seed."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from greaterbay.calibration.likelihood import Facts, implausibility, log_likelihood

CANDIDATES = 2**14
TRIES = 6


def design(count: int, dimensions: int, seed: int) -> np.ndarray:
    """The first ``count`` points of a scrambled Sobol sequence (count, dimensions)."""
    power = int(np.ceil(np.log2(max(count, 2))))
    return qmc.Sobol(dimensions, scramble=True, seed=seed).random_base2(power)[:count]


def next_wave(emulator, facts: Facts, count: int, dimensions: int, cut: float, seed: int) -> tuple[np.ndarray, float]:
    """Points that are not implausible, and their share of the cube.

    Sobol points first; where too few of them are left, steps from those that are (with their covariance), and in the end
    the least implausible ones.
    """
    cube = design(CANDIDATES, dimensions, seed)
    measure = implausibility(emulator, facts, cube)
    good = cube[measure <= cut]
    share = good.shape[0] / CANDIDATES
    draw = np.random.default_rng(seed)
    kept = good if good.shape[0] >= dimensions + 2 else cube[np.argsort(measure, kind="stable")[: 4 * dimensions]]
    for _try in range(TRIES):
        if good.shape[0] >= count:
            break
        spread = np.cov(kept.T) + 1e-4 * np.eye(dimensions)
        more = kept[draw.integers(kept.shape[0], size=CANDIDATES)] + draw.multivariate_normal(
            np.zeros(dimensions), spread / 4.0, CANDIDATES
        )
        more = more[((more >= 0.0) & (more <= 1.0)).all(axis=1)]
        good = np.vstack((good, more[implausibility(emulator, facts, more) <= cut]))
        kept = good if good.shape[0] >= dimensions + 2 else kept
    if good.shape[0] < count:
        rest = cube[np.argsort(measure, kind="stable")]
        good = np.vstack((good, rest))
    return good[draw.permutation(max(min(good.shape[0], 4 * count), count))[:count]], share


def posterior(
    emulator, facts: Facts, dimensions: int, walkers: int, steps: int, draws: int, seed: int, start: np.ndarray | None = None
) -> tuple[np.ndarray, dict[str, float]]:
    """Draws (draws, dimensions) of the posterior on the unit cube with a flat prior, and how the chain did.

    The first 40 % of the steps are left out; half of the moves are differential evolution, half stretches.
    """
    import emcee

    walkers = max(walkers, 2 * dimensions + 2) // 2 * 2

    def log_posterior(points: np.ndarray) -> np.ndarray:
        inside = ((points >= 0.0) & (points <= 1.0)).all(axis=1)
        found = np.full(points.shape[0], -np.inf)
        if inside.any():
            found[inside] = log_likelihood(emulator, facts, points[inside])
        return found

    candidates = design(2**12, dimensions, seed) if start is None else start
    level = log_posterior(candidates)
    first = candidates[np.argsort(-level, kind="stable")[:walkers]]
    random = np.random.RandomState(seed)
    first = np.clip(first + 1e-3 * random.standard_normal(first.shape), 1e-6, 1.0 - 1e-6)
    sampler = emcee.EnsembleSampler(
        walkers, dimensions, log_posterior, vectorize=True, moves=[(emcee.moves.DEMove(), 0.5), (emcee.moves.StretchMove(), 0.5)]
    )
    state = emcee.State(first, random_state=np.random.RandomState(seed + 1).get_state())
    sampler.run_mcmc(state, steps, progress=False, skip_initial_state_check=True)
    burn = int(0.4 * steps)
    chain = sampler.get_chain(discard=burn)
    flat = chain.reshape(-1, dimensions)
    chosen = flat[np.linspace(0, flat.shape[0] - 1, draws).astype(int)]
    half = chain.shape[0] // 2
    within = np.sqrt(chain.reshape(-1, dimensions).var(axis=0) + 1e-12)
    shift = np.abs(chain[:half].mean(axis=(0, 1)) - chain[half:].mean(axis=(0, 1))) / within
    return chosen, {"acceptance": float(np.mean(sampler.acceptance_fraction)), "shift_of_halves": float(shift.max())}
