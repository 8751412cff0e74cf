"""Border barriers: common weights times recorded attributes of a pair of jurisdictions, never a constant for one pair.

    barrier_b(j, k) = sum over attributes a of weight_b,a * attribute_a(j, k)

for b in technology, talent, finance. Zones relieve a share of the barrier on named pairs of cities. The policy
mismatch between two jurisdictions is taken from their legal families; coordination removes a part of it.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

Barriers = namedtuple("Barriers", ["technology", "talent", "finance"])
ATTRIBUTES = ("customs", "capital", "legal", "tax", "language", "recognition", "policy")
KINDS = ("technology", "talent", "finance")


def place_jurisdiction(region) -> np.ndarray:
    """Jurisdiction of every place (P,): cities, then rest of China and abroad as two more."""
    count = len(region.jurisdiction_ids)
    return np.concatenate((region.jurisdiction_city, [count, count + 1])).astype(int)


def pair_barriers(region, parameters, policy_relief: float = 0.0) -> Barriers:
    """The three barriers between places (P, P), zero inside a jurisdiction.

    ``policy_relief`` is the share of the policy mismatch that coordination removes.
    """
    attributes = {
        "customs": region.customs_pair, "capital": region.capital_account_pair, "legal": region.legal_pair,
        "tax": region.tax_pair, "language": region.language_pair, "recognition": region.recognition_pair,
        "policy": region.legal_pair * (1.0 - policy_relief),
    }
    at = place_jurisdiction(region)
    found = {}
    for kind in KINDS:
        total = np.zeros(region.legal_pair.shape)
        for name in ATTRIBUTES:
            total += getattr(parameters.border, f"{kind}_{name}") * attributes[name]
        matrix = total[np.ix_(at, at)]
        for zone in region.zones:
            here = region.city_ids.index(zone["city"])
            for partner in zone["partners"]:
                there = region.city_ids.index(partner)
                for a, b in ((here, there), (there, here)):
                    matrix[a, b] *= 1.0 - zone[f"relief_{kind}"]
        found[kind] = matrix
    return Barriers(**found)


def deepen_zones(region, matrix: np.ndarray, depth: np.ndarray, share: float) -> np.ndarray:
    """A barrier (P, P) with the zones of a city deepened by ``depth`` (C,): their pairs lose ``share`` * depth of what is left.

    Two zones on one pair work one after the other, as their reliefs of 2020 do.
    """
    out = matrix.copy()
    for zone in region.zones:
        here = region.city_ids.index(zone["city"])
        for partner in zone["partners"]:
            there = region.city_ids.index(partner)
            out[here, there] *= 1.0 - share * depth[here]
            out[there, here] *= 1.0 - share * depth[here]
    return out
