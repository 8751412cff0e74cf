"""Coordination between governments: how faithfully a joint policy is carried out, and the division of labour.

Acting alone (0), exchanging information (1), co-financing (2), one programme (3). A city executes

    execution_c = clip(fidelity + fidelity_gain * level + sd_level * z_c, 0.1, 1),   sd_level = fidelity_sd * (1 - 0.3 level)

of a joint lever, with z_c a standard normal draw of the city (fixed over the run).

*Division of labour.* The region table gives some cities a role; ``division`` (C,) is the part of its role that a city
takes, the whole in one programme. A role is a service to the other cities, never a gain of their success: cultivate (proof
of concept for results in reach, and the city's staff through the talent barrier), demonstrate (its lead users count for
projects elsewhere), overseas (its markets and links through the technology barrier), transfer (technology offers shown
elsewhere). Through a border a role city is reached at

    barrier'(c, r) = barrier(c, r) * (1 - role_relief * division_r).
"""

from __future__ import annotations

import numpy as np

from greaterbay.region import cuts

ROLES = ("cultivate", "demonstrate", "overseas", "transfer")


def execution(bay, level: int) -> np.ndarray:
    """Share of a joint lever that each city carries out (C,)."""
    p = bay.parameters.coordination
    z = bay.streams.normals("execution", 0, bay.world.city_identity)
    spread = p.fidelity_sd * (1.0 - 0.3 * level)
    return np.clip(p.fidelity + p.fidelity_gain * level + spread * z, 0.1, 1.0)


def role_cities(region, role: str | None = None) -> np.ndarray:
    """One for each city that has the role, or any role (C,)."""
    names = {city for city, its in region.roles if role is None or its == role}
    return np.array([float(name in names) for name in region.city_ids])


def role_share(bay, role: str) -> np.ndarray:
    """Part of the role that each city takes (C,); zero where it has another role or none."""
    return bay.values.division * role_cities(bay.region, role)


def barrier_to_role(bay, barrier: np.ndarray, role: str) -> np.ndarray:
    """A barrier between cities (C, C) as it is met on the way to the cities of a role; the same array without a division of labour."""
    if not bay.values.division.any():
        return barrier
    return barrier * (1.0 - bay.parameters.coordination.role_relief * role_share(bay, role))[None, :]


def cultivated(bay) -> np.ndarray:
    """Share of a city's results that each cultivating city serves with proof of concept (C, C): result here, service there."""
    p, values, cities = bay.parameters, bay.values, len(bay.region.city_ids)
    near = np.exp(-values.travel_minutes[:cities, :cities] / p.conversion.reach_travel)
    met = barrier_to_role(bay, values.barrier_technology[:cities, :cities], "cultivate")
    through = np.clip(1.0 - cuts.keep(bay.world.cut_pairs, met), 0.0, 1.0)
    return p.coordination.cultivation * near * through * role_share(bay, "cultivate")[None, :]


def users_shown(bay, near: np.ndarray, lead: np.ndarray) -> np.ndarray:
    """Lead users of demonstrating cities that count for projects elsewhere beyond those near (C, F).

    ``near`` (C, C) discounts by travel, ``lead`` (C, F) sales of lead users. A project elsewhere meets the part
    ``division`` of the users as if they were near, through the technology barrier.
    """
    cities = near.shape[0]
    through = np.clip(1.0 - bay.values.barrier_technology[:cities, :cities], 0.0, 1.0)
    return ((1.0 - near) * through * role_share(bay, "demonstrate")[None, :]) @ lead


def platform_with_offers(bay) -> np.ndarray:
    """Share of firms that see further technology offers (C, F, K): through a matching platform, or from the transfer city."""
    platform = bay.values.matching_reach
    if not bay.values.division.any():
        return platform
    reach = bay.parameters.coordination.transfer_reach * role_share(bay, "transfer").max()
    return 1.0 - (1.0 - platform) * (1.0 - reach)
