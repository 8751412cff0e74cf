"""What it costs to reach actors: services whose price is per actor, laboratory, result or place, paid at the start of a quarter.

Each service is a named value, its cost at full strength is a table by city, field and kind (C, F, K) or by city (C,), and
the value says which part of it is wanted. What a city's payers cannot afford is not served: the value falls to what was paid.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.firm import LEADER
from greaterbay.exchange import services
from greaterbay.exchange.introductions import INSTITUTE
from greaterbay.measures import city_sales

KINDS = INSTITUTE + 1


def actors(bay, firms: np.ndarray | None = None, institutes: np.ndarray | None = None) -> np.ndarray:
    """Real firms of some rows and institutes of some rows by city, field and kind (C, F, K); all where None."""
    table, other, region = bay.firms, bay.institutes, bay.region
    rows = table.alive_rows() if firms is None else firms
    places = np.arange(other.capacity) if institutes is None else institutes
    found = np.zeros((len(region.city_ids), len(region.field_ids), KINDS))
    np.add.at(found, (table.city[rows], table.field[rows], table.kind[rows]), table.weight[rows])
    np.add.at(found, (other.city[places], other.main_field[places], np.full(places.size, INSTITUTE)), 1.0)
    return found


def full_costs(bay) -> dict:
    """For each service that is asked for, its cost at full strength, million CNY this quarter."""
    p, q, t, values = bay.parameters.partnering, bay.parameters.conversion, bay.parameters.transfer, bay.values
    firms, region = bay.firms, bay.region
    rows, none = firms.alive_rows(), np.zeros(0, np.int64)
    able = rows[firms.rd_intensity[rows] >= p.qualified_intensity]
    labs = np.flatnonzero(region.institute_state_lab)
    cities = len(region.city_ids)

    def shelved():
        at, kind = services.shelved(bay)
        table, found = bay.inventions, np.zeros((cities, len(region.field_ids), KINDS))
        np.add.at(found, (table.city[at], table.field[at], kind), table.weight[at])
        return found

    def by_city(of):
        return np.bincount(firms.city[of], weights=firms.weight[of], minlength=cities)

    costs = {
        "platform_reach": lambda: p.platform_cost * actors(bay),
        "matching_reach": lambda: t.matching_cost * actors(bay, institutes=none),
        "programme_open": lambda: p.introduction_cost * actors(bay, able) + p.programme_cost * actors(bay, none, labs),
        "carrier_links": lambda: p.introduction_cost * actors(bay, rows[firms.incubated[rows] == 1], none),
        "consortium_share": lambda: p.consortium_cost * actors(bay, able),
        "cross_industry": lambda: p.introduction_cost * actors(bay, rows[bay.world.mainland_city[firms.city[rows]]], none),
        "demand_reach": lambda: p.introduction_cost * actors(bay, institutes=none),
        "application_pull": lambda: p.introduction_cost * actors(bay, rows[firms.kind[rows] != LEADER], none),
        "bottleneck_focus": lambda: p.introduction_cost * actors(bay, institutes=none) * region.import_dependence_field[None, :, None],
        "ip_exchange": lambda: t.exchange_cost * shelved(),
        "radiation": lambda: bay.parameters.learning.radiation_cost * by_city(rows),
        "trial_recognition": lambda: q.recognition_cost * city_sales(bay) / max(city_sales(bay).sum(), 1e-12),
        "new_labs": lambda: q.new_lab_cost * services.new_places(bay),
    }
    return {name: cost() for name, cost in costs.items() if getattr(values, name).any()}


def charge_reach(bay) -> None:
    """Pay for what is asked; values fall to the part that is paid."""
    for name, full in full_costs(bay).items():
        value = getattr(bay.values, name)
        cost = (full * value).reshape(full.shape[0], -1).sum(axis=1)
        share = bay.budgets.pay_by_city(name, cost)
        value *= share.reshape(-1, *(1,) * (value.ndim - 1))
