"""Emulators: one for each figure, with the run noise and what the emulator itself does not know.

A figure is a quadratic in the parameters, fitted by ridge regression with the penalty of least leave-one-out error
(closed form). Where that error is well above the run noise, a Gaussian process is fitted to the residual on inputs scaled
by each parameter's share in the quadratic, and kept if it lowers the error. Run noise is measured on twins (the same
parameters with another seed) and lets its logarithm depend linearly on the parameters; residuals of all figures give
their correlation (shrunk, Ledoit and Wolf 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PENALTIES = 10.0 ** np.arange(-1.0, 3.01, 0.5)
STEEPER = (1.0, 4.0, 16.0)  # penalty of squares and products over that of linear terms
WORTH = 1.3  # leave-one-out variance over noise variance from which a richer emulator is tried
FEWEST = 60  # runs below which no Gaussian process is tried
MOST_PROCESS = 450  # runs a Gaussian process is fitted to


def features(units: np.ndarray) -> np.ndarray:
    """Intercept, linear, square and product terms of parameters on [-1, 1]: (n, 1 + p + p (p + 1) / 2)."""
    x = 2.0 * np.atleast_2d(np.asarray(units, float)) - 1.0
    one, two = np.triu_indices(x.shape[1])
    return np.hstack((np.ones((x.shape[0], 1)), x, x[:, one] * x[:, two] - np.where(one == two, 1.0 / 3.0, 0.0)))


@dataclass
class Figure:
    """Emulator of one figure; ``left_out`` are leave-one-out residuals of the runs it was fitted to."""

    coefficients: np.ndarray
    inverse: np.ndarray
    variance: float
    lack: float
    left_out: np.ndarray
    process: Process | None = None
    kind: str = "quadratic"


@dataclass
class Process:
    """A fitted Gaussian process on the residual: its mean, by hand, because a chain asks for it a hundred thousand times."""

    points: np.ndarray
    pull: np.ndarray
    amplitude: float
    length: float
    scales: np.ndarray

    def mean(self, units: np.ndarray) -> np.ndarray:
        """Mean at points of the unit cube (n,)."""
        x = 2.0 * np.atleast_2d(units) * self.scales
        square = (x**2).sum(axis=1)[:, None] + (self.points**2).sum(axis=1)[None, :] - 2.0 * x @ self.points.T
        return self.amplitude * np.exp(-0.5 * np.maximum(square, 0.0) / self.length**2) @ self.pull


class Emulator:
    """All figures at once: ``predict(units)`` gives mean, own variance and run noise, each (n, figures)."""

    def __init__(self, figures: Sequence[Figure], log_noise: np.ndarray, correlation: np.ndarray) -> None:
        self.figures, self.log_noise, self.correlation = list(figures), log_noise, correlation
        self._coefficients = np.column_stack([f.coefficients for f in self.figures])
        self._rich = [k for k, f in enumerate(self.figures) if f.process is not None]

    def predict(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, variance of what the emulator does not know, variance of a run's noise."""
        phi = features(units)
        mean = phi @ self._coefficients
        own = np.empty_like(mean)
        leverage: dict[int, np.ndarray] = {}
        for k, f in enumerate(self.figures):
            if id(f.inverse) not in leverage:  # many figures share a penalty
                leverage[id(f.inverse)] = np.einsum("ij,ij->i", phi @ f.inverse, phi)
            own[:, k] = f.variance * leverage[id(f.inverse)] + f.lack
        for k in self._rich:
            mean[:, k] += self.figures[k].process.mean(units)
            own[:, k] = self.figures[k].lack
        linear = phi[:, : self.log_noise.shape[0]]
        return mean, own, np.exp(np.clip(linear @ self.log_noise, -30.0, 30.0))

    def kinds(self) -> list[str]:
        """Sort of emulator of each figure."""
        return [f.kind for f in self.figures]


def fit(
    units: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray | None = None,
    twins: tuple[np.ndarray, np.ndarray] | None = None,
    rich: bool = True,
) -> Emulator:
    """Emulators of ``values`` (n, figures) at ``units`` (n, p); rows with gaps are left out.

    ``twins``: pairs of rows (index arrays) with the same parameters and different seeds; ``weights`` (n,) let the runs in
    the plausible region count more.
    """
    units, values = np.asarray(units, float), np.asarray(values, float)
    n, p = units.shape
    weights = np.ones(n) if weights is None else np.asarray(weights, float)
    sound = np.isfinite(values).all(axis=1)
    phi = features(units[sound])
    noise = _twin_noise(values, twins) if twins is not None else None
    figures, left = [], np.full(values.shape, np.nan)
    for k, figure in enumerate(_ridges(phi, values[sound], weights[sound], p)):
        known = figure.left_out.var() if noise is None else noise[k]
        if rich and sound.sum() >= FEWEST and noise is not None and figure.left_out.var() > WORTH * noise[k]:
            _enrich(figure, units[sound], values[sound, k], weights[sound], phi, known)
        error = float(np.average(figure.left_out**2, weights=weights[sound]))
        figure.variance = min(error, known) if known > 0 else error
        figure.lack = max(0.0, error - known) if noise is not None else 0.0
        left[sound, k] = figure.left_out
        figures.append(figure)
    return Emulator(figures, _noise(units[sound], left[sound], noise), _correlation(left[sound]))


def _twin_noise(values: np.ndarray, twins: tuple[np.ndarray, np.ndarray]) -> np.ndarray | None:
    """Variance of a run's noise from pairs of runs with the same parameters."""
    gap = values[twins[0]] - values[twins[1]]
    gap = gap[np.isfinite(gap).all(axis=1)]
    return 0.5 * (gap**2).mean(axis=0) if gap.shape[0] >= 5 else None


def _ridges(phi: np.ndarray, values: np.ndarray, weights: np.ndarray, p: int) -> list[Figure]:
    """Weighted ridge regressions of all figures; the intercept is not shrunk. Leave-one-out residuals in closed form."""
    root = np.sqrt(weights)[:, None]
    gram, moment = (phi * root).T @ (phi * root), (phi * root).T @ (values * root)
    best: list = [None] * values.shape[1]
    for penalty in PENALTIES:
        for steeper in STEEPER:
            shrunk = penalty * np.r_[1e-9, np.ones(p), np.full(phi.shape[1] - 1 - p, steeper)]
            inverse = np.linalg.inv(gram + np.diag(shrunk))
            coefficients = inverse @ moment
            leverage = np.einsum("ij,ij->i", phi @ inverse, phi) * weights
            left_out = (values - phi @ coefficients) / np.maximum(1.0 - leverage, 1e-9)[:, None]
            error = (weights[:, None] * left_out**2).sum(axis=0) / weights.sum()
            for k in range(values.shape[1]):
                if best[k] is None or error[k] < best[k].variance:
                    best[k] = Figure(coefficients[:, k], inverse, float(error[k]), 0.0, left_out[:, k])
    return best


def _enrich(figure: Figure, units: np.ndarray, y: np.ndarray, weights: np.ndarray, phi: np.ndarray, noise: float) -> None:
    """A Gaussian process on the quadratic's residual, kept if its leave-one-out error is lower."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    p = units.shape[1]
    order = np.lexsort((-np.arange(weights.size), -weights))[:MOST_PROCESS]  # the plausible ones, of these the latest
    one, two = np.triu_indices(p)
    square = np.zeros(p)
    np.add.at(square, one, figure.coefficients[1 + p :] ** 2)
    np.add.at(square, two, figure.coefficients[1 + p :] ** 2)
    share = np.sqrt(figure.coefficients[1 : 1 + p] ** 2 + square)
    scales = 0.05 + share / max(share.max(), 1e-12)
    residual = (y - phi @ figure.coefficients)[order]
    x, noises = 2.0 * units[order] * scales, max(noise, 1e-10) / np.minimum(weights[order], 1.0)
    excess = max(figure.left_out.var() - noise, 1e-8)
    kernel = ConstantKernel(excess, (1e-3 * excess, 1e2 * excess)) * RBF(1.0, (0.2, 10.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        process = GaussianProcessRegressor(kernel, alpha=noises).fit(x, residual)
    inverse = np.linalg.inv(process.kernel_(x) + np.diag(noises))
    left_out = (inverse @ residual) / np.diag(inverse)
    if np.average(left_out**2, weights=weights[order]) < 0.95 * np.average(figure.left_out[order] ** 2, weights=weights[order]):
        figure.process = Process(x, process.alpha_, process.kernel_.k1.constant_value, process.kernel_.k2.length_scale, scales)
        figure.kind = "quadratic + Gaussian process"
        full = figure.left_out.copy()
        full[order] = left_out
        figure.left_out = full


def _noise(units: np.ndarray, left_out: np.ndarray, twins: np.ndarray | None) -> np.ndarray:
    """Coefficients (1 + p, figures) of the log variance of run noise, linear in the parameters."""
    n, p = units.shape
    x = np.hstack((np.ones((n, 1)), 2.0 * units - 1.0))
    logs = np.log(left_out**2 + 1e-6 * np.maximum(left_out.var(axis=0), 1e-20))
    penalty = np.diag(np.r_[0.0, np.full(p, 0.2 * n)])  # logarithms of squares are rough: shrink the slopes
    slopes = np.linalg.solve(x.T @ x + penalty, x.T @ logs)
    level = left_out.var(axis=0) if twins is None else np.minimum(twins, left_out.var(axis=0))
    shape = np.exp(x[:, 1:] @ slopes[1:])
    slopes[0] = np.log(np.maximum(level, 1e-20)) - np.log(shape.mean(axis=0))
    return slopes


def _correlation(left_out: np.ndarray) -> np.ndarray:
    from sklearn.covariance import ledoit_wolf

    scaled = left_out / np.maximum(left_out.std(axis=0), 1e-12)
    covariance, _ = ledoit_wolf(scaled - scaled.mean(axis=0))
    sd = np.sqrt(np.maximum(np.diag(covariance), 1e-20))  # a figure that never moves is correlated with nothing
    found = covariance / np.outer(sd, sd)
    np.fill_diagonal(found, 1.0)
    return found
