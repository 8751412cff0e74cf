"""Phase 5, services to results: proof-of-concept centres, cultivating cities, places in shared facilities."""

from __future__ import annotations

import numpy as np

from greaterbay.actors.invention import LABORATORY, PILOT, in_stages
from greaterbay.actors.network import kind_of_node
from greaterbay.exchange import services
from greaterbay.policy.coordination import cultivated


def serve_by_proof_centres(bay, projects: np.ndarray | None = None) -> None:
    """Proof-of-concept centres take up a share of the results that enter the laboratory stage; the city pays."""
    inventions = bay.inventions
    new = in_stages(inventions, LABORATORY, LABORATORY, -1, projects)
    new = new[inventions.birth[new] == bay.quarter]
    kind = kind_of_node(bay, inventions.owner[new])
    coverage = bay.values.proof_coverage[inventions.city[new], inventions.field[new], kind]
    draw = bay.streams.uniforms("facility", bay.quarter, inventions.id[new], 1)
    wanted = new[draw < coverage]
    cost = inventions.weight[wanted] * bay.parameters.conversion.proof_cost
    paid = bay.budgets.pay_for_service("proof_coverage", inventions.city[wanted], cost, inventions.id[wanted])
    inventions.served[wanted[paid]] = 1
    if bay.values.division.any():
        cultivate(bay, new, draw - coverage)


def no_proof_centres(bay, projects: np.ndarray | None = None) -> None:
    """Off: no result is served with proof of concept."""


def cultivate(bay, new: np.ndarray, draw: np.ndarray) -> None:
    """Cultivating cities serve a share of new results that no centre of the own city took up, and pay for it.

    ``draw`` is what is left of the uniform draw of each result above the own city's coverage (below zero: taken up there).
    """
    inventions, share, below = bay.inventions, cultivated(bay), np.zeros(new.size)
    for city in np.flatnonzero(share.any(axis=0)):
        part = share[inventions.city[new], city]
        wanted = np.flatnonzero((draw >= below) & (draw < below + part))
        below += part
        cost = inventions.weight[new[wanted]] * bay.parameters.conversion.proof_cost
        paid = bay.budgets.pay_for_service("division", np.full(wanted.size, city), cost, inventions.id[new[wanted]])
        inventions.served[new[wanted[paid]]] = 1


def allot_facilities(bay, projects: np.ndarray | None = None) -> None:
    """Open facility places go to projects in the laboratory, proof and pilot stages, by keyed rank, near ones first."""
    p, region, inventions, institutes = bay.parameters.conversion, bay.region, bay.inventions, bay.institutes
    cities = len(region.city_ids)
    open_share = np.clip(bay.values.facility_open, 0.0, 1.0)
    places = np.zeros(cities)
    np.add.at(places, institutes.city, institutes.facility)
    supply = places * open_share  # real places by city of the facility
    inventions.facility[:] = 0
    rows = in_stages(inventions, LABORATORY, PILOT, 1, projects)
    rows = rows[(inventions.stage[rows] < PILOT) | (inventions.funded[rows] == 1)]
    if rows.size == 0:
        return
    minutes = bay.values.travel_minutes[:cities, :cities]
    barrier = bay.values.barrier_technology[:cities, :cities]
    near = np.exp(-minutes / p.facility_travel) * np.clip(1.0 - barrier, 0.0, 1.0)  # user city, facility city
    demand = np.bincount(inventions.city[rows], weights=inventions.weight[rows], minlength=cities)
    split = near.T * demand[None, :]  # facility city, user city
    split /= np.maximum(split.sum(axis=1, keepdims=True), 1e-12)
    granted = supply[:, None] * split  # real places of facility city for users of a city
    # a city pays for its places in use beyond the 2020 state; what it cannot pay stays shut
    use = np.minimum(1.0, demand / np.maximum(granted.sum(axis=0), 1e-12))
    added = np.maximum(0.0, open_share - p.facility_open) / np.maximum(open_share, 1e-12)
    cost = (granted * use[None, :]).sum(axis=1) * added * p.facility_cost
    paid = bay.budgets.pay_by_city("facility_open", cost)
    granted *= (1.0 - added * (1.0 - paid))[:, None]
    if bay.values.new_labs.any():
        new = bay.values.new_labs * services.new_places(bay)
        granted += (1.0 - p.open_data) * new[:, None] * split
        # open data are used without a journey
        anywhere = np.clip(1.0 - barrier, 0.0, 1.0).T * demand[None, :]
        granted += p.open_data * new[:, None] * anywhere / np.maximum(anywhere.sum(axis=1, keepdims=True), 1e-12)
    share = np.clip(granted.sum(axis=0) / np.maximum(demand, 1e-12), 0.0, 1.0)
    # one draw per project for its whole life: who has a place keeps it while places last
    draw = bay.streams.uniforms("facility", 0, inventions.id[rows], 0)
    served = rows[draw < share[inventions.city[rows]]]
    inventions.facility[served] = 1
    bay.tally.add("facility_projects", inventions.city[served], inventions.weight[served])


def no_facilities(bay, projects: np.ndarray | None = None) -> None:
    """Off: no project has a place in a shared facility."""
    bay.inventions.facility[:] = 0
