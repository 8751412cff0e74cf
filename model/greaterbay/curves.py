"""Diffusion curves as numbers: the fitted Bass model of a share of users over time."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np


class Bass(NamedTuple):
    """External (``p``) and internal influence (``q``) a year, ``ceiling`` (share), and the standard errors of the three."""

    p: float
    q: float
    ceiling: float
    p_error: float
    q_error: float
    ceiling_error: float


NOT_FITTED = Bass(*(float("nan"),) * 6)


def bass_share(years: np.ndarray, p: float, q: float, ceiling: float, start: float) -> np.ndarray:
    """Share of users at ``years`` after a share ``start`` used it (Bass 1969, for a launch with first users).

    With y = share / ceiling: (y + p / q) / (1 - y) = (y_0 + p / q) / (1 - y_0) * exp((p + q) t).
    """
    first = min(start / ceiling, 0.999)
    grown = (first + p / q) / (1.0 - first) * np.exp(np.minimum((p + q) * years, 500.0))
    return ceiling * (grown - p / q) / (1.0 + grown)


def fit_bass(years: np.ndarray, share: np.ndarray) -> Bass:
    """Bass model fitted to shares of users by least squares.

    Arguments:
        years: years since launch (Q,), rising from zero.
        share: share of users among all who could use it (Q,); its first value counts as given.

    Returns:
        Parameters a year and their standard errors; ``NOT_FITTED`` (nan) for fewer than eight quarters, a share that does not
        rise by a twentieth, or a search that finds nothing. The ceiling is at most one; where the curve has not turned yet,
        its error says so.

    Source: Bass 1969; standard errors from the curvature at the optimum.
    """
    from scipy.optimize import OptimizeWarning, curve_fit

    years, share = np.asarray(years, float), np.asarray(share, float)
    good = np.isfinite(share)
    years, share = years[good], share[good]
    if share.size < 8 or share.max() - share[0] < 0.05:
        return NOT_FITTED
    top = float(share.max())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            found, spread = curve_fit(lambda t, p, q, m: bass_share(t, p, q, m, float(share[0])), years - years[0], share,
                                      p0=(0.01, 0.4, min(1.0, top * 1.05)),
                                      bounds=((1e-6, 1e-3, max(share[0], 0.5 * top, 1e-3)), (1.0, 5.0, max(1.0, 1.0001 * share[0]))))
    except RuntimeError:
        return NOT_FITTED
    error = np.sqrt(np.maximum(np.diag(spread), 0.0))
    return Bass(*(float(x) for x in found), *(float(x) for x in error))
