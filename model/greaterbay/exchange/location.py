"""Phase 8, where firms settle: places in parks, recognition across borders, production sites.

*Offers.* Parks for an industry (``park_special``) and parks that gather a chain (``chain_parks``) are offers that founders and
firms of the field see: a founder sees each city's with the chance of its strength s, a firm with ``park_offer`` * s a quarter,
leaders too. It compares the city it is in with those it was shown (research moves inside the jurisdiction) by

    U_c = location value(c, field) - 0.5 ln(1 + minutes / 30) - barrier + gain(c) + Gumbel     [+ relocate_bonus where it is]
    gain(c) = s_special * (special_weight + supplier_weight * ln(1 + leaders of the field)) + s_chain * chain_weight * complement
    complement = part of the city's firms of the field that stand in another third of the chain

*Recognition.* A firm whose keyed draw is below ``firm_recognition`` of a city may consider it across a border.

*Production sites.* A firm is shown the site of a city that supports production, other than that of its research, with
``site_offer`` * support a quarter; a supported move is worth ``site_support`` * support more and is paid when it happens.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.columns import sums_by_cell
from greaterbay.actors.firm import LEADER
from greaterbay.exchange.productivity import relative_cost

THIRDS = 3  # positions of a chain that are told apart


def gumbels(bay, stream: str, ids: np.ndarray, first: int) -> np.ndarray:
    """Gumbel draws of each firm for each city (n, C)."""
    cities = len(bay.region.city_ids)
    columns = [bay.streams.uniforms(stream, bay.quarter, ids, first + c) for c in range(cities)]
    return -np.log(-np.log(np.stack(columns, axis=1)))


def shown(bay, stream: str, ids: np.ndarray, chance: np.ndarray, first: int) -> np.ndarray:
    """Which cities each firm is shown (n, C), by keyed draws below ``chance`` (n, C)."""
    columns = [bay.streams.uniforms(stream, bay.quarter, ids, first + c) for c in range(chance.shape[1])]
    return np.stack(columns, axis=1) < chance


def best_city(utility: np.ndarray, seen: np.ndarray, here: np.ndarray) -> np.ndarray:
    """The seen city with the highest utility (n,); where one is counts as seen."""
    seen = seen.copy()
    seen[np.arange(here.size), here] = True
    return np.where(seen, utility, -np.inf).argmax(axis=1)


def offer_strength(bay) -> np.ndarray:
    """Strength of what parks offer (C, F, K), at most one; K start-up, small, leader."""
    return np.minimum(1.0, bay.values.park_special + bay.values.chain_parks)[:, :, :3]


def chain_counts(bay) -> np.ndarray:
    """Firms by city, field and third of the chain (C, F, 3), weighted."""
    firms, region = bay.firms, bay.region
    rows = firms.alive_rows()
    out = np.zeros((len(region.city_ids), len(region.field_ids), THIRDS))
    np.add.at(out, (firms.city[rows], firms.field[rows], third_of(firms.chain[rows])), firms.weight[rows])
    return out


def third_of(chain: np.ndarray) -> np.ndarray:
    """Third of the chain of a position in [0, 1]."""
    return np.minimum((np.asarray(chain, float) * THIRDS).astype(np.int64), THIRDS - 1)


def complement(counts: np.ndarray, field: np.ndarray, third: np.ndarray) -> np.ndarray:
    """Part of each city's firms of the field that stand in another third (n, C); zero in a city without the field."""
    total = counts.sum(axis=2)[:, field].T
    return np.where(total > 0.0, 1.0 - counts[:, field, third].T / np.maximum(total, 1e-300), 0.0)


def park_gains(bay, field: np.ndarray, kind: np.ndarray, chain: np.ndarray) -> np.ndarray:
    """Gain of each city's parks for firms of a field, kind and position (n, C)."""
    p, values, firms, region = bay.parameters.market, bay.values, bay.firms, bay.region
    rows = firms.alive_rows()
    rows = rows[firms.kind[rows] == LEADER]
    leaders = sums_by_cell(firms.city[rows], firms.field[rows], firms.weight[rows], len(region.city_ids), len(region.field_ids))
    special = values.park_special[:, field, kind].T * (p.special_weight + p.supplier_weight * np.log1p(leaders[:, field].T))
    whole = values.chain_parks[:, field, kind].T * p.chain_weight * complement(chain_counts(bay), field, third_of(chain))
    return special + whole


def compare(bay, value: np.ndarray, at: np.ndarray, field: np.ndarray, gain: np.ndarray, seen: np.ndarray, ids: np.ndarray,
            number: int) -> np.ndarray:
    """City chosen (n,) among the seen ones and the present one ``at``; Gumbel draws from ``number`` on."""
    p, cities = bay.parameters.market, len(bay.region.city_ids)
    minutes, barrier = bay.values.travel_minutes[:cities, :cities], bay.values.barrier_technology[:cities, :cities]
    utility = value[:, field].T - 0.5 * np.log1p(minutes / 30.0)[at] - barrier[at] + gain + gumbels(bay, "site_offer", ids, number)
    utility[np.arange(at.size), at] += p.relocate_bonus
    return best_city(utility, seen, at)


def settle_founders(bay, value: np.ndarray, city: np.ndarray, field: np.ndarray, chain: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """City where each founder settles (n,): the own one, or one of the jurisdiction whose park was shown and is better."""
    strength = offer_strength(bay)[:, :, 0]
    at = bay.region.jurisdiction_city
    chance = strength[:, field].T * (at[city][:, None] == at[None, :])
    seen = shown(bay, "site_offer", ids, chance, 0)
    looking = np.flatnonzero(seen.any(axis=1))
    out = city.copy()
    if looking.size:
        gain = park_gains(bay, field[looking], np.zeros(looking.size, np.int64), chain[looking])
        out[looking] = compare(bay, value, city[looking], field[looking], gain, seen[looking], ids[looking], 100)
    return out


def answer_parks(bay, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Firms that move research into a park that they were shown (rows, cities)."""
    firms, region = bay.firms, bay.region
    strength, at = offer_strength(bay), region.jurisdiction_city
    rows = firms.alive_rows()
    city, field, kind = firms.city[rows].astype(np.int64), firms.field[rows].astype(np.int64), firms.kind[rows].astype(np.int64)
    most = strength.max(axis=0)[field, kind]
    draw = bay.streams.uniforms("site_offer", bay.quarter, firms.id[rows], 200)
    look = np.flatnonzero(draw < bay.parameters.market.park_offer * most)
    rows, city, field, kind, most = rows[look], city[look], field[look], kind[look], most[look]
    chance = strength[:, field, kind].T / np.maximum(most, 1e-300)[:, None] * (at[city][:, None] == at[None, :])
    seen = shown(bay, "site_offer", firms.id[rows], chance, 210)
    chosen = compare(bay, value, city, field, park_gains(bay, field, kind, firms.chain[rows]), seen, firms.id[rows], 230)
    moving = chosen != city
    return rows[moving], chosen[moving]


def may_enter(bay, rows: np.ndarray) -> np.ndarray:
    """Cities that each firm may choose for research (n, C): its jurisdiction, and where it is recognised across a border."""
    firms, at = bay.firms, bay.region.jurisdiction_city
    allowed = at[firms.city[rows]][:, None] == at[None, :]
    recognition = bay.values.firm_recognition
    if recognition.any():
        draw = bay.streams.uniforms("site_offer", 0, firms.id[rows], 300)
        allowed = allowed | (draw[:, None] < recognition[None, :])
    return allowed


def tax_rate(bay, rows: np.ndarray) -> np.ndarray:
    """Profit tax rate of firms (n,): that of the city; a recognised firm from elsewhere keeps a lower one of where it was recognised."""
    firms, region = bay.firms, bay.region
    city = firms.city[rows]
    rate = bay.world.profit_tax_city[city]
    recognition = bay.values.firm_recognition
    if recognition.any():
        kept = np.minimum(rate, region.profit_tax_jurisdiction[firms.home[rows]])
        rate = rate - recognition[city] * (rate - kept)
    return rate


def answer_sites(bay, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Firms that move production to a supported site that was shown and paid (rows, cities)."""
    p, firms, support = bay.parameters.market, bay.firms, bay.values.site_support
    rows = firms.alive_rows()
    draw = bay.streams.uniforms("site_offer", bay.quarter, firms.id[rows], 400)
    rows = rows[draw < p.site_offer * support.max()]
    at, field = firms.production_city[rows].astype(np.int64), firms.field[rows].astype(np.int64)
    chance = np.tile(support / support.max(), (rows.size, 1))
    chance[np.arange(rows.size), firms.city[rows]] = 0.0
    seen = shown(bay, "site_offer", firms.id[rows], chance, 410)
    gain = np.tile(p.site_support * support, (rows.size, 1))
    gain[np.arange(rows.size), at] = 0.0
    chosen = compare(bay, value, at, field, gain, seen, firms.id[rows], 430)
    moving = np.flatnonzero(chosen != at)
    rows, chosen = rows[moving], chosen[moving]
    paid = bay.budgets.pay_for_service("site_support", chosen, p.site_cost * support[chosen] * firms.weight[rows], firms.id[rows])
    return rows[paid], chosen[paid]


def location_value(bay) -> np.ndarray:
    """Value of a city for firms of a field (C, F): parks, costs, firms of the field, overseas links."""
    p, firms, region = bay.parameters.market, bay.firms, bay.region
    live = firms.alive_rows()
    number = sums_by_cell(firms.city[live], firms.field[live], firms.weight[live], len(region.city_ids), len(region.field_ids))
    return (p.park_weight * bay.values.park_quality[:, None] - p.cost_weight * relative_cost(bay)[:, None]
            + p.cluster_weight * np.log1p(number) + p.overseas_weight * region.overseas_links_city[:, None])
