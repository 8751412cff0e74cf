"""Running costs of levers for people, parks, zones and roles, paid at the beginning of the quarter.

A city gets the paid share of what its levers ask for (budgets bind): the named value is scaled by it, and what is formed
from it is formed again. Money of the quarter, million CNY:

    register_reach   register_cost * skilled people * reach
    tax_cut          relief * wage of people at work with a title from another customs territory (below zero: nothing)
    named_talents    plan_cost * named people at work
    park_special     special_cost * firms of the field in parks * strength          (chain_parks: chain_cost)
    environment      environment_cost * firms * share
    zone_depth       zone_cost * science budget * depth, in cities with a zone
    node_quality     node_cost * firms * quality, outside the core
    division         role_cost * science budget * part, and offers of the transfer city to the firms they reach
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.person import named_rows
from greaterbay.policy.coordination import role_cities, role_share


def charge_local_services(bay) -> None:
    """Pay what is in force and scale it to what was paid."""
    values = bay.values
    costs = {name: cost_of(bay) for name, cost_of in COSTS.items() if getattr(values, name).any()}
    values.scale({name: bay.budgets.pay_by_city(name, cost) for name, cost in costs.items()})


def register_cost(bay) -> np.ndarray:
    """Of the common register (C,)."""
    return bay.parameters.mobility.register_cost * bay.labour.talent_city * bay.values.register_reach


def from_another_territory(region) -> np.ndarray:
    """Is a title of a place (jurisdictions, then the two outside) from another customs territory than a city (H, C)?"""
    return region.customs_pair[:, region.jurisdiction_city] > 0.0


def tax_cost(bay) -> np.ndarray:
    """Of relief for people at work whose title is from another customs territory (C,)."""
    people = bay.people
    rows = np.flatnonzero((people.alive == 1) & (people.employer >= 0))
    rows = rows[from_another_territory(bay.region)[people.home[rows], people.city[rows]]]
    wages = np.bincount(people.city[rows], weights=people.weight[rows] * people.skill[rows], minlength=bay.prices.wage_city.size)
    return np.maximum(bay.values.tax_cut, 0.0) * wages * bay.prices.wage_city / 4.0


def plan_cost(bay) -> np.ndarray:
    """Of named talents and their bases (C,)."""
    people, rows = bay.people, named_rows(bay)
    named = np.bincount(people.city[rows], weights=people.weight[rows], minlength=bay.prices.wage_city.size)
    return bay.parameters.mobility.plan_cost * named


def _park_firms(bay, strength: np.ndarray) -> np.ndarray:
    """Firms in parks times the strength of their cell (C,)."""
    firms = bay.firms
    rows = firms.alive_rows()
    rows = rows[firms.in_park[rows] == 1]
    served = strength[firms.city[rows], firms.field[rows], firms.kind[rows]] * firms.weight[rows]
    return np.bincount(firms.city[rows], weights=served, minlength=strength.shape[0])


def special_cost(bay) -> np.ndarray:
    """Of parks for one industry (C,)."""
    return bay.parameters.market.special_cost * _park_firms(bay, bay.values.park_special)


def chain_cost(bay) -> np.ndarray:
    """Of parks that gather a chain (C,)."""
    return bay.parameters.market.chain_cost * _park_firms(bay, bay.values.chain_parks)


def firms_by_city(bay) -> np.ndarray:
    """Real firms by city (C,)."""
    rows = bay.firms.alive_rows()
    return np.bincount(bay.firms.city[rows], weights=bay.firms.weight[rows], minlength=len(bay.region.city_ids))


def environment_cost(bay) -> np.ndarray:
    """Of the business environment (C,)."""
    return bay.parameters.market.environment_cost * firms_by_city(bay) * bay.values.environment


def zone_cost(bay) -> np.ndarray:
    """Of deeper zones (C,); a city without a zone pays nothing."""
    has = np.array([float(any(zone["city"] == name for zone in bay.region.zones)) for name in bay.region.city_ids])
    return bay.parameters.coordination.zone_cost * bay.public_money.science_budget_now * has * bay.values.zone_depth


def node_cost(bay) -> np.ndarray:
    """Of nodes outside the core (C,)."""
    return bay.parameters.market.node_cost * firms_by_city(bay) * np.where(bay.region.core_city, 0.0, bay.values.node_quality)


def division_cost(bay) -> np.ndarray:
    """Of the offices of role cities and of the offers of the transfer city (C,)."""
    p, region = bay.parameters, bay.region
    offices = p.coordination.role_cost * bay.public_money.science_budget_now * role_cities(region) * bay.values.division
    return offices + p.partnering.platform_cost * p.coordination.transfer_reach * firms_by_city(bay).sum() * role_share(bay, "transfer")


COSTS = {"register_reach": register_cost, "tax_cut": tax_cost, "named_talents": plan_cost, "park_special": special_cost,
         "chain_parks": chain_cost, "environment": environment_cost, "zone_depth": zone_cost, "node_quality": node_cost,
         "division": division_cost}
