"""Change in each flow matrix: who sends more or less to whom than in the reference, pair by pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from greaterbay import outputs as declared
from greaterbay.comparison import effects
from greaterbay.comparison.pairs import Pairing
from greaterbay.runner.results import StoredRun

FLOWS = ("talent", "technology", "capital", "ties")
WINDOW = 4
"""Years up to the horizon over which flows are averaged."""


@dataclass(frozen=True)
class Change:
    """Mean paired change of one flow matrix, (from, to): a year of the window up to the horizon, or the stock at its end.

    ``low`` and ``high`` bound the mean change with 90 % (None for one pair); ``reference`` is the matrix without policy.
    ``clear`` marks cells that differ from zero with a false discovery rate of 10 % over the matrix.
    """

    policy: str
    flow: str
    first: int
    last: int
    places: tuple[str, ...]
    reference: np.ndarray
    mean: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    clear: np.ndarray


def channels(flow: str) -> list[str]:
    """Outputs whose sum is the matrix of a flow."""
    return [output.id for output in declared.flows() if output.flow == flow]


def matrices(run: StoredRun, rows: np.ndarray, flow: str, years: list[int]) -> np.ndarray:
    """The matrix of one flow in each replicate, (replicate, from, to): yearly mean over ``years``, or the stock at their end."""
    stock = declared.get(channels(flow)[0]).over_time == "last"
    chosen = np.flatnonzero(np.isin(run.quarters // 4, years[-1:] if stock else years))
    if stock:
        chosen = chosen[-1:]
    found = np.sum([run.values(name, quarter=chosen)[rows].sum(axis=1) for name in channels(flow)], axis=0)
    return found / (1 if stock else len(years))


def changes(pairing: Pairing, run: StoredRun, policy: str, horizon: int) -> list[Change]:
    """Change of every flow matrix that both files hold."""
    years = [year for year in pairing.years if horizon - WINDOW < year <= horizon]
    found = []
    for flow in FLOWS:
        if not all(one.has(name) for name in channels(flow) for one in (run, pairing.reference)):
            continue
        base = matrices(pairing.reference, pairing.rows(pairing.reference), flow, years)
        difference = effects.by_draw(matrices(run, pairing.rows(run), flow, years) - base, pairing.draw)
        mean, count = difference.mean(axis=0), len(difference)
        half = effects.reach(count, effects.OUTER) * difference.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else None
        found.append(
            Change(
                policy,
                flow,
                years[0],
                years[-1],
                tuple(run.labels("city")),
                base.mean(axis=0),
                mean,
                None if half is None else mean - half,
                None if half is None else mean + half,
                _clear(difference),
            )
        )
    return found


def _clear(difference: np.ndarray) -> np.ndarray:
    """Cells of (pair, from, to) that differ from zero: t tests with the false discovery rate of Benjamini and Hochberg."""
    from statsmodels.stats.multitest import multipletests

    shape = difference.shape[1:]
    moved = difference.any(axis=0)
    clear = np.zeros(shape, bool)
    if len(difference) > 1 and moved.any():
        p = np.array([effects.p_value(difference[:, a, b]) for a, b in zip(*np.nonzero(moved), strict=True)])
        clear[moved] = multipletests(p, alpha=1.0 - effects.OUTER, method="fdr_bh")[0]
    return clear
