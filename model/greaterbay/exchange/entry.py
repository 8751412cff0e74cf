"""Channels of entry (phase 8): where new firms come from and what they bring.

Of the yearly rate of entry r(c, f) of a city and field (``exchange/market.py``) each channel has its share:

- *spin-off*: a firm founds a firm; the larger the parent's sales, the likelier it is this one of four seen in the cell,
- *leaver*: somebody leaves a firm to found one; the more staff, the likelier it is this employer of four. An employee of
  it, drawn by identity, becomes the first of the new firm,
- *incubated*: a start-up in an incubator, by people who know a firm of the trade; it is sheltered (exit),
- *institute*: a university or laboratory founds a firm in its city and in one of its fields. The rate of the whole bay is
  spread by researchers and fields instead of firms, and moves with each cell's own rate per firm,
- *outside*: a firm from the rest of China or from abroad opens in the bay, larger than a start-up, in a field by its sales
  and in a city with probability

      P(c) ~ firms_c * exp(park_weight * park - cost_weight * cost + overseas_weight * links + zone_weight * zone - barrier)

  relative to the sum with the parks and barriers of 2020, so better parks and lower barriers attract more.

Firms and institutes pass on ``founder_knowledge`` of their capabilities (an institute's are strongest at the basic end),
firms their technologies too; both remember each other as past partners, except for incubated start-ups. A firm from
outside brings the mean capabilities of its field.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from greaterbay.actors.alliance import join_alliances
from greaterbay.actors.columns import add_rows, sums_by_cell
from greaterbay.actors.firm import SMALL, STARTUP
from greaterbay.actors.places import draw_place
from greaterbay.actors.population import absorptive_base
from greaterbay.exchange import location
from greaterbay.exchange.demography import free_firm_rows, seat_firms
from greaterbay.exchange.partnering import pick, remember
from greaterbay.exchange.productivity import mean_by_field, relative_cost
from greaterbay.kernels import kernel
from greaterbay.streams import combine, gumbel, uniform

CHANNELS = ("spin_off", "leaver", "incubated", "institute", "outside")
SPIN_OFF, LEAVER, INCUBATED, INSTITUTE, OUTSIDE = range(5)
SEEN = 4  # firms of the cell among which a parent is found
Founders = namedtuple("Founders", ["alive", "id", "employer"])
Parents = namedtuple("Parents", ["id", "sales", "staff", "weight"])
Trades = namedtuple("Trades", ["alive", "birth", "field", "weight", "capability"])


@kernel
def _channel_cells(cell_ids, out):
    for h in range(out.shape[0]):
        for c in range(out.shape[1]):
            for f in range(out.shape[2]):
                out[h, c, f] = combine(cell_ids[c, f], h)


def channel_cells(cell_ids: np.ndarray) -> np.ndarray:
    """Identities of channel, city and field (H, C, F)."""
    out = np.empty((len(CHANNELS), *cell_ids.shape), np.uint64)
    _channel_cells(cell_ids, out)
    return out


def near_institutes(bay) -> np.ndarray:
    """Researchers of institutes by city and field, shares that sum to one (C, F)."""
    institutes, out = bay.institutes, np.zeros(bay.world.cell_ids.shape)
    add_rows(out, institutes.city, institutes.staff[:, None] * institutes.field_weight)
    return out / max(out.sum(), 1e-12)


def choice_of_outsiders(bay, number: np.ndarray, sales: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Where firms from outside open (C, F); sums to one with the parks and barriers of the start."""
    p, region = bay.parameters.market, bay.region
    cities = len(region.city_ids)
    zone = np.zeros(cities)
    for one in region.zones:
        zone[region.city_ids.index(one["city"])] = 1.0
    firms = number.sum(axis=1)
    origins = np.array([1.0 - p.outside_abroad, p.outside_abroad])
    place = np.zeros(cities)
    for origin, share in enumerate(origins):
        value = -p.cost_weight * cost + p.overseas_weight * region.overseas_links_city + p.zone_weight * zone
        barrier = bay.world.base_barriers.technology[cities + origin, :cities]
        now = firms * np.exp(value + p.park_weight * bay.values.park_quality - bay.values.barrier_technology[cities + origin, :cities])
        then = firms * np.exp(value + p.park_weight * region.park_quality_city - barrier)
        place += share * now / max(then.sum(), 1e-12)
    market = sales.sum(axis=0) / max(sales.sum(), 1e-12)
    return place[:, None] * market[None, :]


def by_channel(bay, rate: np.ndarray, number: np.ndarray, sales: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Expected real entrants of the quarter by channel, city and field (H, C, F).

    ``rate`` (C, F) is what all channels together would give if all followed firms; ``number`` and ``sales`` (C, F) of firms,
    ``cost`` (C,) log wages and rents.
    """
    p = bay.parameters.market
    total = rate.sum()
    # a cell's rate per firm relative to the bay's; the field's where the cell is empty
    mean = total / max(number.sum(), 1e-12)
    field = rate.sum(axis=0) / np.maximum(number.sum(axis=0), 1e-12)
    climate = np.where(number > 0.0, rate / np.maximum(number, 1e-12), field[None, :]) / max(mean, 1e-300)
    return np.stack((
        p.entry_spin_off * rate, p.entry_leaver * rate, p.incubated_share * rate,
        p.entry_institute * total * near_institutes(bay) * climate,
        p.entry_outside * total * choice_of_outsiders(bay, number, sales, cost),
    ))


@kernel
def _parents(slot, start, size, channel, cells, firms, ids, key, parent):
    for i in range(cells.shape[0]):
        parent[i] = -1
        if channel[i] > INCUBATED:
            continue
        best = -1e300
        for k in range(1 if channel[i] == INCUBATED else SEEN):
            r = draw_place(slot, start, size, cells[i], key, ids[i], 60 + k)
            if r < 0:
                continue
            value = 0.0
            if channel[i] == SPIN_OFF:
                value = math.log(max(firms.sales[r], 1e-12))
            elif channel[i] == LEAVER:
                value = math.log1p(firms.staff[r] / firms.weight[r])
            value += gumbel(key, combine(ids[i], firms.id[r]), 70)
            if value > best:
                best, parent[i] = value, r


@kernel
def _pick_institutes(channel, city, field, ids, at, weight, cumulative, key, institute):
    for i in range(ids.shape[0]):
        institute[i] = -1
        if channel[i] != INSTITUTE:
            continue
        total = 0.0
        for k in range(at.shape[0]):
            if at[k] == city[i]:
                total += weight[k, field[i]]
            cumulative[k] = total
        institute[i] = pick(cumulative, uniform(key, ids[i], 71))


def parents(bay, channel: np.ndarray, cell: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row of the firm and of the institute that each entrant comes from, -1 for none."""
    institutes, fields, key = bay.institutes, len(bay.region.field_ids), bay.streams.key("entry_traits", bay.quarter)
    parent, institute = np.empty(ids.size, np.int64), np.empty(ids.size, np.int64)
    _parents(bay.places.slot, bay.places.start, bay.places.size, channel, cell, bay.firms.part(Parents), ids, key, parent)
    weight = institutes.staff[:, None] * institutes.field_weight
    _pick_institutes(channel, cell // fields, cell % fields, ids, institutes.city, weight, np.empty(institutes.capacity), key, institute)
    return parent, institute


@kernel
def _add_levels(firms, quarter, total, number):
    """Add capability levels (F, K) and firms (F,) by field, weighted, of all firms that entered before the quarter."""
    for r in range(firms.alive.shape[0]):
        if firms.alive[r] and firms.birth[r] < quarter:
            f = firms.field[r]
            number[f] += firms.weight[r]
            for k in range(total.shape[1]):
                total[f, k] += firms.capability[r, k] * firms.weight[r]


def capabilities(bay, channel: np.ndarray, field: np.ndarray, parent: np.ndarray, institute: np.ndarray) -> np.ndarray:
    """Capabilities that entrants bring along (n, K)."""
    firms, institutes, share = bay.firms, bay.institutes, np.float32(bay.parameters.market.founder_knowledge)
    out = np.full((channel.size, firms.capability.shape[1]), 0.02, np.float32)
    out[parent >= 0] = firms.capability[parent[parent >= 0]] * share
    out[institute >= 0] = institutes.capability[institute[institute >= 0]] * share
    attracted = channel == OUTSIDE
    if attracted.any():
        fields = len(bay.region.field_ids)
        total, number = np.zeros((fields, out.shape[1])), np.zeros(fields)
        _add_levels(firms.part(Trades), bay.quarter, total, number)  # those who enter now have nothing yet
        out[attracted] = (total / np.maximum(number, 1e-12)[:, None])[field[attracted]]
    return out


@kernel
def _founders(people, entrant, key, lowest, founder):
    for i in range(people.alive.shape[0]):
        e = people.employer[i]
        if people.alive[i] and e >= 0 and entrant[e] >= 0:
            draw = uniform(key, people.id[i], 72)
            if draw < lowest[entrant[e]]:
                lowest[entrant[e]], founder[entrant[e]] = draw, i


def part_from(bay, new: np.ndarray, channel: np.ndarray, parent: np.ndarray, institute: np.ndarray) -> None:
    """Founders leave their employer for the new firm; parents and children remember each other."""
    firms, people, count = bay.firms, bay.people, bay.institutes.capacity
    left = np.flatnonzero((channel == LEAVER) & (parent >= 0))
    if left.size:
        entrant = np.full(count + firms.capacity, -1, np.int64)
        entrant[parent[left[::-1]] + count] = left[::-1]  # the first where two come from one employer
        lowest, founder = np.full(channel.size, 2.0), np.full(channel.size, -1, np.int64)
        _founders(people.part(Founders), entrant, bay.streams.key("entry_traits", bay.quarter), lowest, founder)
        found = np.flatnonzero(founder >= 0)
        person = founder[found]
        people.former[person], people.employer[person] = people.employer[person], new[found] + count
        here, there = people.city[person].astype(np.int64), firms.city[new[found]].astype(np.int64)
        away = here != there
        bay.tally.flow("flow_talent_firm_firm", here[away], there[away], people.weight[person[away]])
        people.city[person] = there
    origin = np.where(institute >= 0, institute, np.where((parent >= 0) & (channel != INCUBATED), parent + count, -1))
    child = np.flatnonzero(origin >= 0)
    remember(bay, new[child] + count, origin[child])
    remember(bay, origin[child], new[child] + count)


def usual_rate(bay) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entrants of the quarter if all followed firms, and real firms and yearly sales, by city and field (C, F each).

    rate = entry_rate * firms * (sales per firm, relative) ** entry_sales * incubation * (parks, relative) ** park_weight
    """
    p, firms, region = bay.parameters.market, bay.firms, bay.region
    cities, fields = len(region.city_ids), len(region.field_ids)
    rows = firms.alive_rows()
    number = sums_by_cell(firms.city[rows], firms.field[rows], firms.weight[rows], cities, fields)
    sales = sums_by_cell(firms.city[rows], firms.field[rows], firms.sales[rows] * firms.weight[rows] * 4.0, cities, fields)
    per_firm = sales / np.maximum(number, 1e-9) / (bay.reference.sales_per_firm_start * bay.economy.growth_level)
    quality = bay.values.park_quality / bay.reference.base_park_quality
    if bay.values.environment.any():
        per_firm = per_firm / (1.0 - p.entry_relief * bay.values.environment)[:, None]
    rate = (p.entry_rate * number * np.clip(per_firm, 0.05, 5.0) ** p.entry_sales * bay.world.incubation[:, None]
            * (quality**p.park_weight)[:, None])
    return rate, number, sales


def nobody_enters(bay, rate: np.ndarray, number: np.ndarray, sales: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Off: no firm enters (H, C, F)."""
    return np.zeros((len(CHANNELS), *rate.shape))


def drawn_entrants(bay, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulated entrants of the quarter: channel, cell (city * F + field) and identity of each (n,), from rates (H, C, F)."""
    cell_ids = channel_cells(bay.world.cell_ids)
    count = np.floor(rate / bay.world.entry_weight + bay.streams.uniforms("entry", bay.quarter, cell_ids)).astype(int)
    cell = np.repeat(np.arange(count.size), count.ravel())
    ordinal = np.arange(cell.size) - np.repeat(np.cumsum(count.ravel()) - count.ravel(), count.ravel())
    ids = np.empty(cell.size, np.uint64)
    _entrant_ids(cell_ids.ravel()[cell], bay.quarter, ordinal, ids)
    per_channel = bay.world.cell_ids.size
    return cell // per_channel, cell % per_channel, ids


def enter_market(bay) -> None:
    """Entrants by channel, city and field: how many, their traits, what they bring along, and the books of entry."""
    p, firms, region, quarter, fields = bay.parameters.market, bay.firms, bay.region, bay.quarter, len(bay.region.field_ids)
    rate = bay.mechanisms.entry(bay, *usual_rate(bay), relative_cost(bay))
    channel, cell, ids = drawn_entrants(bay, rate)
    if cell.size == 0:
        return
    new = free_firm_rows(bay, cell.size)
    city, field = cell // fields, cell % fields
    parent, institute = parents(bay, channel, cell, ids)
    attracted = channel == OUTSIDE
    draws = [bay.streams.uniforms("entry_traits", quarter, ids, k) for k in range(4)]
    chain = np.clip(region.chain_position_field[field] + 0.5 * (draws[1] - 0.5), 0.0, 1.0)
    if bay.values.park_special.any() or bay.values.chain_parks.any():
        city = location.settle_founders(bay, location.location_value(bay), city, field, chain, ids)
    firms.alive[new], firms.id[new] = 1, ids
    firms.city[new] = firms.production_city[new] = city
    firms.home[new] = region.jurisdiction_city[city]
    firms.field[new], firms.kind[new] = field, np.where(attracted, SMALL, STARTUP)
    firms.weight[new] = bay.world.entry_weight.ravel()[cell]
    firms.birth[new] = quarter
    size = p.entry_size / 4.0 * bay.economy.growth_level * (0.5 + draws[0]) * np.where(attracted, p.outside_size, 1.0)
    firms.sales[new] = size
    firms.chain[new] = chain
    usual = bay.world.rd_intensity_city[city] * region.rd_intensity_field[field]
    firms.rd_intensity[new] = usual * np.where(attracted, 1.0, p.startup_research)
    found = parent >= 0
    capability = capabilities(bay, channel, field, parent, institute)
    own = np.zeros_like(capability)
    for k in range(4):
        own[np.arange(cell.size), 4 * field + k] = bay.streams.uniforms("entry_traits", quarter, ids, 10 + k)
    capability += 0.25 * own * (1.0 - capability)
    firms.capability[new] = capability
    mean = mean_by_field(bay, firms.productivity)
    firms.productivity[new] = np.where(found, firms.productivity[parent], mean[field]) * 0.7 + mean[field] * 0.3 + 0.1 * (draws[2] - 0.5)
    firms.adopted[new] = np.where(found, firms.adopted[parent], 0)  # founders bring the technologies they know
    firms.absorptive[new] = absorptive_base(bay, ids)
    firms.in_park[new] = draws[3] < p.park_share
    firms.incubated[new] = channel == INCUBATED
    firms.imports[new] = region.import_dependence_field[field]
    join_alliances(bay, firms, new, field)
    research = firms.rd_intensity[new] * firms.sales[new]
    firms.rd_paid[new] = research
    firms.cash[new] = bay.parameters.finance.founders * research
    bay.ledger.pay("founders", "outside", city, "firm", city, firms.cash[new] * firms.weight[new])
    bay.tally.add("firm_entries", city, firms.weight[new])
    bay.tally.add("firm_entries_channel", (city, channel), firms.weight[new])
    seat_firms(bay, new)
    part_from(bay, new, channel, parent, institute)


@kernel
def _entrant_ids(cell_ids, quarter, ordinal, out):
    for i in range(out.shape[0]):
        out[i] = combine(combine(cell_ids[i], quarter), ordinal[i])
