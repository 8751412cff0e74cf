"""Measures of a bay that several phases, the books and the tests ask for; nothing here writes state."""

from __future__ import annotations

import numpy as np

from greaterbay.actors.columns import sorted_by_id
from greaterbay.actors.network import profiles
from greaterbay.actors.person import add_skills
from greaterbay.kernels import jit


def value_added(bay, start: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Value added of the simulated firms and of the rest by city (C,), million CNY this quarter."""
    firms, p, cities = bay.firms, bay.parameters.economy, len(bay.region.city_ids)
    rows = firms.alive_rows()
    value = p.value_added_share * firms.sales[rows] * firms.weight[rows]
    made = np.bincount(firms.production_city[rows], weights=value, minlength=cities)
    led = np.bincount(firms.city[rows], weights=value, minlength=cities)
    simulated = p.production_share * made + (1.0 - p.production_share) * led
    if start or bay.reference.output_start is None:
        return simulated, np.zeros(cities)
    return simulated, bay.reference.rest_start * bay.economy.growth_level * np.exp(p.adoption_pass_through * bay.economy.adoption_gain_city)


def city_skills(bay) -> np.ndarray:
    """Efficiency units of skilled people at work by city (C,)."""
    skills = np.zeros(len(bay.region.city_ids))
    add_skills(bay.people, skills)
    return skills


def city_sales(bay) -> np.ndarray:
    """Sales of firms by city (C,), million CNY this quarter."""
    rows = bay.firms.alive_rows()
    sold = bay.firms.sales[rows] * bay.firms.weight[rows]
    return np.bincount(bay.firms.city[rows], weights=sold, minlength=len(bay.region.city_ids))


def capability_distance(bay, rows: np.ndarray) -> float:
    """Mean cognitive distance of 500 firm pairs chosen by identity."""
    if rows.size < 2:
        return 0.0
    order = sorted_by_id(bay.firms.id, rows)
    chosen = order[np.linspace(0, order.size - 1, min(order.size, 500)).astype(int)]
    profile = profiles(bay.firms, chosen, bay.region.relatedness_field).astype(float)
    other = np.roll(profile, chosen.size // 3, axis=0)
    return float((1.0 - (profile * other).sum(axis=1)).mean())


def transitivity(bay) -> float:
    """Closed share of connected triples of the collaboration network."""
    adjacency = bay.network.adjacency
    return float(_transitivity(adjacency.offset, adjacency.neighbour))


@jit
def _transitivity(offset, neighbour):
    n = offset.shape[0] - 1
    mark = np.zeros(n, np.int32)
    triples, closed = 0, 0
    for i in range(n):
        d = offset[i + 1] - offset[i]
        triples += d * (d - 1) // 2
        for e in range(offset[i], offset[i + 1]):
            mark[neighbour[e]] = i + 1
        for e in range(offset[i], offset[i + 1]):
            j = neighbour[e]
            other = offset[j + 1] - offset[j]
            if other < d or (other == d and j < i):  # every tie once, from the end with more ties
                for g in range(offset[j], offset[j + 1]):
                    closed += mark[neighbour[g]] == i + 1
    return closed / triples if triples > 0 else 0.0
