"""Arithmetic of money instruments: sums due, the best of several, totals, instalments, payers, what is taken back.

Arrays in, arrays out; money in million CNY per real recipient. What the sums are for stands in ``instruments.py``.
"""

from __future__ import annotations

import numpy as np

from greaterbay.kernels import kernel


def schedule(basis, per_unit, cap_year_left, cap_total_left):
    """Sum due: a rate of the basis, at most what is left under the caps of the year and in all (arrays or numbers)."""
    return np.maximum(0.0, np.minimum(per_unit * np.asarray(basis, float), np.minimum(cap_year_left, cap_total_left)))


def best_of(due: np.ndarray, groups: list[str]) -> np.ndarray:
    """Of instruments (J, n) in one group each recipient keeps the largest sum, the first of equals; "" groups with nobody."""
    kept = due.copy()
    for name in sorted(set(groups) - {""}):
        rows = np.array([k for k, group in enumerate(groups) if group == name])
        if rows.size > 1:
            best = rows[due[rows].argmax(axis=0)]
            for k in rows:
                kept[k, best != k] = 0.0
    return kept


def share_out(wanted: np.ndarray, order: np.ndarray, total: float) -> np.ndarray:
    """Part of each wanted sum (n,) that a total pays in the given order: all, what is left to the one that crosses it, nothing."""
    before = np.empty(wanted.size)
    before[order] = np.concatenate(([0.0], np.cumsum(wanted[order])[:-1])) if wanted.size else wanted
    return np.clip((total - before) / np.maximum(wanted, 1e-300), 0.0, 1.0)


def instalments(amount: np.ndarray, number: int) -> np.ndarray:
    """Equal parts of awards (number, n); the last part makes the sum exact."""
    parts = np.repeat(np.asarray(amount, float)[None, :] / number, number, axis=0)
    parts[-1] = amount - parts[:-1].sum(axis=0)
    return parts


def split_payers(local_share: float, city: int, above: int, payers: int) -> np.ndarray:
    """Parts of a co-financed cost by payer (payers,): the city's own share, the rest from above (one purse if both are one)."""
    parts = np.zeros(payers)
    parts[city] += local_share
    parts[above] += 1.0 - local_share
    return parts


def mean_growth(now: np.ndarray, before: np.ndarray, years: int) -> np.ndarray:
    """Mean yearly growth over some years; below any threshold where the past is not known."""
    known = before > 0.0
    return np.where(known, (now / np.where(known, before, 1.0)) ** (1.0 / max(years, 1)) - 1.0, -1.0)


def taken_back(held: np.ndarray, cash: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Claw-back of awards held: what there is money for, and what is written off."""
    paid = np.minimum(held, np.maximum(cash, 0.0))
    return paid, held - paid


@kernel
def in_turn(firm, wanted, left, out):
    """Sums for single projects of firms, in turn, while the firm's caps last; ``left`` (rows,) is used up."""
    for k in range(firm.shape[0]):
        out[k] = min(wanted[k], max(0.0, left[firm[k]]))
        left[firm[k]] -= out[k]
