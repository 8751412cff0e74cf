"""Cutting the bay apart: each jurisdiction alone under the same levers, for the synergy index.

With ``[run] cut = "jurisdictions"`` nothing passes between the bay's own jurisdictions from the first reported quarter on:
ties that cross end at release and none begins, nobody moves, no licence, sale or joint use, no venture or patient
capital, no spillover, no access to each other's basic knowledge, facilities, scarce skills, trials and alliances. The outside
of the bay, demand for products (with the overseas links that it runs through) and property acquired before stay as they are.
"""

from __future__ import annotations

import numpy as np

CLOSED = 1e3
"""Barrier that nothing passes: utilities lose hundreds, shares let through are zero."""


def sides(region, cut: str) -> np.ndarray:
    """Number of the side on which each city lies (C,); one side for all where nothing is cut."""
    if cut == "none":
        return np.zeros(len(region.city_ids), np.int64)
    return region.jurisdiction_city.astype(np.int64)


def cut_pairs(region, cut: str) -> np.ndarray | None:
    """Pairs of cities between which nothing passes (C, C); None where nothing is cut."""
    if cut == "none":
        return None
    at = sides(region, cut)
    return at[:, None] != at[None, :]


def keep(pairs: np.ndarray | None, barrier: np.ndarray) -> np.ndarray:
    """A barrier between cities (C, C) that some rule has lowered, closed again where the run is cut apart (``pairs``)."""
    return barrier if pairs is None else np.where(pairs, CLOSED, barrier)
