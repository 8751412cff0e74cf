"""Phase 5, developers: a result of an institute needs a firm that brings it to the market.

It is found after proof of concept among partners and firms in reach; without one the result waits and may lapse. Under uniform
rules of disposal it looks more often (``disposal_search``) and as if there were no barrier, and a developer from another
jurisdiction shares the income.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.columns import sums_by_cell
from greaterbay.actors.invention import FIRST_USE, PROOF, in_stages
from greaterbay.actors.network import city_of_node
from greaterbay.actors.places import draw_place
from greaterbay.exchange.partnering import pick_two
from greaterbay.kernels import kernel
from greaterbay.region import cuts
from greaterbay.streams import uniform


def find_developers(bay, shown: np.ndarray | None = None, projects: np.ndarray | None = None) -> None:
    """Institutes' results past proof of concept look for a firm: the co-owner if it is one, else one in reach.

    ``shown`` (rows of the table, bool): results that a service chain shows to developers this quarter.
    """
    p = bay.parameters.conversion
    inventions, firms, count = bay.inventions, bay.firms, bay.institutes.capacity
    waiting = in_stages(inventions, PROOF, FIRST_USE, 0, projects)
    if waiting.size == 0:
        return
    partner = inventions.partner[waiting]
    ready = (partner >= count) & (firms.alive[np.maximum(partner - count, 0)] == 1)
    inventions.developer[waiting[ready]] = partner[ready]
    rest = waiting[~ready]
    draw = bay.streams.uniforms("transfer_need", bay.quarter, inventions.id[rest])
    chance = np.full(rest.size, p.institute_developer)
    if shown is not None:
        chance[shown[rest]] = max(p.chain_developer, p.institute_developer)
    uniform_rules = bay.values.disposal_uniform
    if uniform_rules.any():
        ruled = bay.streams.uniforms("disposal", 0, inventions.id[rest]) < uniform_rules[inventions.city[rest]]
        chance = np.where(ruled, np.maximum(chance, p.disposal_search), chance)
    looking = rest[draw < chance]
    inventions.developer[looking] = firm_in_reach(bay, looking)
    if bay.values.demand_reach.any():
        match_needs(bay, rest[inventions.developer[rest] < 0])
    if uniform_rules.any():
        share_with_developers(bay, rest[ruled])


def no_developers(bay, shown: np.ndarray | None = None, projects: np.ndarray | None = None) -> None:
    """Off: a result of an institute finds no firm."""


def match_needs(bay, results: np.ndarray) -> None:
    """Where firms' needs are collected, a result is shown to a firm in reach that has stated its need (chance ``demand_match``)."""
    firms, count = bay.firms, bay.institutes.capacity
    node = firm_in_reach(bay, results)
    found = node >= 0
    results, firm = results[found], node[found] - count
    share = bay.values.demand_reach[firms.city[firm], firms.field[firm], firms.kind[firm]] * bay.parameters.conversion.demand_match
    taken = bay.streams.uniforms("transfer_need", bay.quarter, bay.inventions.id[results], 1) < share
    bay.inventions.developer[results[taken]] = firm[taken] + count


def share_with_developers(bay, rows: np.ndarray) -> None:
    """A developer from another jurisdiction becomes co-owner of a result without one, for a share of its licence income."""
    inventions, at = bay.inventions, bay.region.jurisdiction_city
    rows = rows[(inventions.developer[rows] >= 0) & (inventions.partner[rows] < 0)]
    rows = rows[at[city_of_node(bay, inventions.developer[rows])] != at[inventions.city[rows]]]
    inventions.partner[rows] = inventions.developer[rows]
    inventions.share[rows] = 1.0 - bay.parameters.transfer.disposal_share


def firm_in_reach(bay, inventions: np.ndarray) -> np.ndarray:
    """A firm drawn for each invention: related field, near city, through the technology barrier. Node or -1."""
    region, table, p = bay.region, bay.inventions, bay.parameters
    cities, fields = len(region.city_ids), len(region.field_ids)
    rows = bay.firms.alive_rows()
    number = sums_by_cell(bay.firms.city[rows], bay.firms.field[rows], bay.firms.weight[rows], cities, fields)
    barrier = bay.values.barrier_technology[:cities, :cities]
    if bay.values.disposal_uniform.any():  # results under uniform rules are offered as if there were no barrier
        barrier = cuts.keep(bay.world.cut_pairs, barrier * (1.0 - bay.values.disposal_uniform)[:, None])
    near = np.exp(-bay.values.travel_minutes[:cities, :cities] / p.conversion.reach_travel - p.partnering.candidate_border * barrier)
    wanted = number[None, :, :] * region.relatedness_field[:, None, :] ** 2  # (F of the invention, C, F)
    by_city = near[:, None, :] * wanted.sum(axis=2)[None, :, :]
    out = np.empty(inventions.size, np.int64)
    _reach(inventions, table.city, table.field, table.id, np.cumsum(by_city, axis=-1), np.cumsum(wanted, axis=-1), bay.places.slot,
           bay.places.start, bay.places.size, bay.streams.key("transfer_offer", bay.quarter), out)
    return np.where(out >= 0, out + bay.institutes.capacity, -1)


@kernel
def _reach(rows, city, field, ids, city_cum, field_cum, slot, start, size, key, out):
    for i in range(rows.shape[0]):
        r = rows[i]
        out[i] = -1
        where, what = pick_two(city_cum[city[r], field[r]], field_cum[field[r]], uniform(key, ids[r], 500))
        if what >= 0:
            out[i] = draw_place(slot, start, size, where * field_cum.shape[2] + what, key, ids[r], 501)
