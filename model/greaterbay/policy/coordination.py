"""Coordination between governments: how faithfully a joint policy is carried out, and the division of labour.

Acting alone (0), exchanging information (1), co-financing (2), one programme (3). A city executes

    execution_c = clip(fidelity + fidelity_gain * level + sd_level * z_c, 0.1, 1),   sd_level = fidelity_sd * (1 - 0.3 level)

of a joint lever, with z_c a standard normal draw of the city (fixed over the run). In one programme, cities with a role
in the region table raise the success of that role's stages for every city that can reach them.
"""

from __future__ import annotations

import numpy as np

ROLE_STAGES = {"cultivate": (0, 1), "demonstrate": (2, 3), "transfer": (3,), "overseas": (3,)}


def execution(bay, level: int) -> np.ndarray:
    """Share of a joint lever that each city carries out (C,)."""
    p = bay.parameters.coordination
    z = bay.streams.normals("execution", 0, bay.city_identity)
    spread = p.fidelity_sd * (1.0 - 0.3 * level)
    return np.clip(p.fidelity + p.fidelity_gain * level + spread * z, 0.1, 1.0)


def role_gains(bay, values) -> np.ndarray:
    """Gain of stage success in one programme (C, 4), logit scale; zero below level 3."""
    cities = len(bay.region.city_ids)
    gains = np.zeros((cities, 4))
    if values.coordination < 3:
        return gains
    p = bay.parameters
    near = np.exp(-values.travel_minutes[:cities, :cities] / p.conversion.reach_travel)
    through = near * np.clip(1.0 - values.barrier_technology[:cities, :cities], 0.0, 1.0)
    for city, role in bay.region.roles:
        at = bay.region.city_ids.index(city)
        for stage in ROLE_STAGES[role]:
            gains[:, stage] += p.coordination.role_gain * through[:, at]
    return gains
