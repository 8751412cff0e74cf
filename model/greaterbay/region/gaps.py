"""Gaps between jurisdictions, worked out from their recorded attributes.

Every rule gives an (n, n) array in [0, 1] that is symmetric and 0 on the diagonal. No number belongs to one
pair: two places are as far apart as their attributes are.
"""

from __future__ import annotations

import numpy as np

# A mean gap of this many points between tax rates counts as the whole of the tax attribute.
FULL_TAX_GAP = 0.25


def border_gap(territory: list, control: np.ndarray) -> np.ndarray:
    """Control met between two places, 0 inside one territory; the stricter side decides.

    ``territory`` names a customs territory or a currency, ``control`` (n,) lies in [0, 1].
    """
    same = np.array([[a == b for b in territory] for a in territory])
    return np.where(same, 0.0, np.maximum(control[:, None], control[None, :]))


def legal_gap(family: list[str]) -> np.ndarray:
    """0 for one legal family, 0.5 for two branches of a tradition (before the slash), otherwise 1."""
    return np.array(
        [
            [0.0 if a == b else 0.5 if a.split("/")[0] == b.split("/")[0] else 1.0 for b in family]
            for a in family
        ]
    )


def tax_gap(profit: np.ndarray, personal: np.ndarray) -> np.ndarray:
    """Mean gap of the two rates as a share of ``FULL_TAX_GAP``, at most 1."""
    gap = (np.abs(profit[:, None] - profit) + np.abs(personal[:, None] - personal)) / 2.0
    return np.minimum(1.0, gap / FULL_TAX_GAP)


def language_gap(languages: list[str]) -> np.ndarray:
    """One minus the share of the smaller side's spoken and written forms that both have."""
    known = [frozenset(name.strip() for name in text.split(";") if name.strip()) for text in languages]
    return np.array([[1.0 - len(a & b) / max(1, min(len(a), len(b))) for b in known] for a in known])
