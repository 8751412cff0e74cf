"""Building the world: tables of actors, references, books, networks and agents of the first quarter of the warm-up.

Everything here depends on the region, the parameters, the seed, the replicate and the scale, never on policy.
"""

from __future__ import annotations

from collections import namedtuple

import mesa
import numpy as np

from greaterbay.actors import alliance, population
from greaterbay.actors.agents import CityAgent, FundAgent, GovernmentAgent, InstituteAgent, JurisdictionGovernmentAgent
from greaterbay.actors.firm import LEADER
from greaterbay.actors.fund import BANK
from greaterbay.actors.invention import Ties
from greaterbay.actors.network import nodes_of, see_network
from greaterbay.actors.places import Places
from greaterbay.counts import count_inventions, count_people, stocks_by_city
from greaterbay.exchange import diffusion, entry, learning, mobility
from greaterbay.ledger import Ledger
from greaterbay.policy import catalogue
from greaterbay.policy.budgets import Budgets
from greaterbay.policy.instruments import Instruments
from greaterbay.policy.levers import Values
from greaterbay.record import Record, Tally
from greaterbay.region import cuts
from greaterbay.region.barriers import pair_barriers
from greaterbay.state import GROUPS, Group
from greaterbay.streams import identity_of

MAX_TECHNOLOGIES = 64  # bits of a firm's adoption mask
Probe = namedtuple("Probe", ["slot", "name", "field", "city", "launch"])


def build(bay) -> None:
    """Fill every group of state of a new bay."""
    region = bay.region
    fields = len(region.field_ids)
    for name in GROUPS:
        setattr(bay, name, Group(name))
    set_world(bay)
    bay.firms = population.make_firms(bay)
    bay.institutes = population.make_institutes(bay)
    bay.prices.wage_city = bay.parameters.economy.wage_share_rd * region.rd_city / region.rd_people_city
    bay.prices.rent_city = region.rent_level_city.astype(float).copy()
    bay.people = population.make_people(bay)
    bay.funds = population.make_funds(bay)
    bay.ties = Ties(int(bay.firms.capacity * 4 + bay.institutes.capacity * 8))
    seat_first_firms(bay)
    set_money(bay)
    set_economy(bay)
    set_references(bay)
    set_newcomers(bay)
    list_technologies(bay)
    bay.ledger = Ledger(len(region.place_ids))
    open_books(bay)
    bay.network.alliance_places = 0
    join_first_alliances(bay)
    open_record(bay)
    bay.budgets = Budgets(bay)
    bay.values = Values(bay)
    bay.network.consortium_node = np.zeros(bay.institutes.capacity + bay.firms.capacity, np.uint64)
    bay.instruments = Instruments(bay)
    rows = bay.firms.alive_rows()
    sold = bay.firms.sales[rows] * bay.firms.weight[rows]
    bay.reference.market_start = np.bincount(bay.firms.field[rows], weights=sold, minlength=fields)
    bay.economy.market_now, bay.economy.market_growth = bay.reference.market_start.copy(), np.ones(fields)
    bay.stocks.people_in = bay.stocks.people_out = 0.0
    bay.economy.effective = bay.firms.productivity.copy()
    bay.labour.employer_field = np.full(bay.institutes.capacity + bay.firms.capacity, -1, np.int64)
    mobility.count_staff(bay)
    place_documented_ties(bay)
    bay.reference.basic_reference = float(np.average(learning.basic_pools(bay).mean(axis=1), weights=bay.reference.talent_start))
    bay.inventions = make_pipeline(bay)
    count_stocks(bay)
    register_agents(bay)


def set_world(bay) -> None:
    """Identities, taxes, barriers: what stays as it is while a run lasts."""
    region, world = bay.region, bay.world
    world.city_identity = np.array([identity_of("city", name) for name in region.city_ids], np.uint64)
    world.cell_ids = np.array([[identity_of("cell", c, f) for f in region.field_ids] for c in region.city_ids], np.uint64)
    world.jurisdiction_seat = np.array([seat(region, j) for j in range(len(region.jurisdiction_ids))])
    at = region.jurisdiction_city
    world.profit_tax_city = region.profit_tax_jurisdiction[at]
    world.personal_tax_city = region.personal_tax_talent_jurisdiction[at]
    # mainland: jurisdictions in one customs territory with the rest of China
    world.mainland_city = region.customs_pair[at, len(region.jurisdiction_ids)] == 0.0
    world.base_barriers = pair_barriers(region, bay.parameters)
    world.cut_pairs = None
    world.side_city = cuts.sides(region, "none")
    world.incubation = incubation(bay)
    world.field_cum_city = np.cumsum(region.field_mix_city, axis=1)
    world.alliance_scope = alliance.scopes(region)
    bay.reference.spillover_reference = None


def seat(region, jurisdiction: int) -> int:
    """Seat of a jurisdiction: its city with the most researchers in institutes."""
    people = np.bincount(region.institute_city, weights=region.institute_researchers, minlength=len(region.city_ids))
    return int(np.where(region.jurisdiction_city == jurisdiction, people, -1.0).argmax())


def incubation(bay) -> np.ndarray:
    """Incubators and maker spaces per firm, by tier (national 3, provincial 2, other 1), relative, to an elasticity."""
    region = bay.region
    points = (region.incubators_city + region.makerspaces_city) @ np.array([3.0, 2.0, 1.0])
    per_firm = points / region.firms_city
    mean = points.sum() / region.firms_city.sum()
    factor = np.clip(per_firm / mean, 0.2, 5.0) ** bay.parameters.market.incubator
    return factor / np.average(factor, weights=region.firms_city)


def seat_first_firms(bay) -> None:
    """Firms take their places; leaders are never thinned: a draw passes one over unless it stands for as many as the others of its cell."""
    firms, fields = bay.firms, len(bay.region.field_ids)
    bay.places = Places(len(bay.region.city_ids) * fields)
    rows = firms.alive_rows()
    cell_weight = bay.world.entry_weight[firms.city[rows], firms.field[rows]]
    passed_over = np.where(firms.kind[rows] == LEADER, 1.0 - firms.weight[rows] / cell_weight, 0.0)
    bay.places.build(firms.city[rows].astype(np.int64) * fields + firms.field[rows], rows, firms.id[rows], passed_over)


def set_money(bay) -> None:
    """Money of governments and what is set aside: nothing yet."""
    money, labour, cities = bay.public_money, bay.labour, len(bay.region.city_ids)
    money.government_cash = np.zeros(cities)
    money.grant_left, money.joint_left = np.zeros(cities), np.zeros(cities)
    bay.capital.patient_left = np.zeros((cities, cities))
    money.science_budget_now = bay.region.science_budget_city.astype(float).copy()
    money.money_path, money.extra_budget = np.ones(cities), np.zeros(cities)
    money.cut_city, money.cut_above = np.zeros(cities), np.zeros(cities)
    labour.homes_left, labour.team_left = np.zeros(cities), np.zeros(cities)
    labour.arrivals_city, labour.arrivals_before = np.zeros(cities), np.zeros(cities)
    labour.welfare_paid, labour.welfare_paid_before = np.ones(cities), np.ones(cities)


def set_economy(bay) -> None:
    """The economy stands at one."""
    economy, cities = bay.economy, len(bay.region.city_ids)
    economy.output_ratio, bay.reference.output_start = np.ones(cities), None
    economy.adoption_gain_city = np.zeros(cities)
    economy.growth_now, economy.growth_level = 0.0, 1.0
    economy.frontier_field = np.ones(len(bay.region.field_ids))


def set_references(bay) -> None:
    """Where things stand in 2020, that later values are compared with."""
    region, found = bay.region, bay.reference
    found.talent_start = region.rd_people_city.astype(float).copy()
    bay.labour.talent_city = found.talent_start.copy()
    found.wage_start, found.rent_start = bay.prices.wage_city.copy(), bay.prices.rent_city.copy()
    found.wage_reference = float(np.average(bay.prices.wage_city * (1.0 - bay.world.personal_tax_city), weights=found.talent_start))
    found.rent_reference = float(np.average(bay.prices.rent_city, weights=found.talent_start))
    found.amenity_reference = float(np.average(0.5 * (region.schooling_city + region.medical_city), weights=found.talent_start))
    found.base_park_quality = np.maximum(region.park_quality_city, 1e-6)
    found.firms_start = region.firms_city.astype(float).copy()
    found.effort_reference = float(region.rd_city.sum() / region.rd_people_city.sum() / 4.0)


def set_newcomers(bay) -> None:
    """Who looks for a post from outside, and room for open posts."""
    region, world, p = bay.region, bay.world, bay.parameters.mobility
    cities, start = len(region.city_ids), bay.reference.talent_start
    outside = range(cities, cities + 2)
    world.newcomer_cells = np.array([[identity_of(place, c) for c in range(cities)] for place in outside], np.uint64)
    world.newcomer_ids = np.array([[identity_of("newcomer", place, c) for c in range(cities)] for place in outside], np.uint64)
    # who looks for a post from abroad looks where a city's overseas links are
    linked = start * region.overseas_links_city
    abroad = start.sum() * linked / max(linked.sum(), 1e-12)
    world.newcomers_start = np.stack(((1.0 - p.newcomers_abroad) * start, p.newcomers_abroad * abroad))
    world.outside_response = region.outside_people_response
    world.team_ids = np.array([identity_of("team", name) for name in region.city_ids], np.uint64)
    # a fixed multiple of the people, so that a post is met as often at any scale
    rows_of_people = start / world.person_weight_city
    world.post_places = np.maximum(16, np.ceil(p.post_places * rows_of_people)).astype(np.int64)


def list_technologies(bay) -> None:
    """Slots of the adoption mask: two vintages a field, then the probes of the scenario."""
    region, found = bay.region, bay.technologies
    field_slots = diffusion.VINTAGES * len(region.field_ids)
    found.tracked = [None] * field_slots
    found.names = [f"{f}_{v + 1}" for f in region.field_ids for v in range(diffusion.VINTAGES)]
    found.kinds = ["field"] * field_slots
    found.probes = []
    found.arrivals = np.zeros(0, np.int64)
    for probe in bay.scenario.probes.values():
        slot = field_slots + len(found.probes)
        if slot >= MAX_TECHNOLOGIES:
            raise ValueError(f"too many probes: at most {MAX_TECHNOLOGIES - field_slots} in this region")
        found.probes.append(Probe(slot, probe.id, region.field_ids.index(probe.field), region.city_ids.index(probe.city), probe.quarter))
        found.tracked.append(None)
        found.names.append(probe.id)
        found.kinds.append("probe")


def dimension_sizes(bay) -> dict[str, int]:
    """Length of each dimension of the record."""
    region = bay.region
    places = len(region.place_ids)
    return {"city": places, "city_to": places, "field": len(region.field_ids), "kind": 3, "stage": 5,
            "entry_channel": len(entry.CHANNELS),
            "technology": len(bay.technologies.tracked), "lever": len(catalogue.levers()),
            "payer": len(region.city_ids) + len(region.jurisdiction_ids) + 1}


def open_record(bay) -> None:
    """Empty tally and record in the shapes of the scenario's technologies and horizon."""
    sizes = dimension_sizes(bay)
    bay.tally = Tally(sizes)
    bay.record = Record(sizes, bay.end - bay.start + 1, len(bay.region.city_ids))


def open_books(bay) -> None:
    """The money that firms, funds and desks begin with comes from outside."""
    firms, funds = bay.firms, bay.funds
    rows = firms.alive_rows()
    bay.ledger.pay("opening", "outside", firms.city[rows], "firm", firms.city[rows], firms.cash[rows] * firms.weight[rows])
    bank = funds.kind == BANK
    for mask, sector in ((bank, "bank"), (~bank, "fund")):
        bay.ledger.pay("opening", "outside", funds.city[mask], sector, funds.city[mask], funds.cash[mask])


def join_first_alliances(bay) -> None:
    """Memberships at the start, of firms and institutes."""
    firms, institutes = bay.firms, bay.institutes
    rows = firms.alive_rows()
    alliance.join_alliances(bay, firms, rows, firms.field[rows])
    alliance.join_alliances(bay, institutes, np.arange(institutes.capacity), institutes.main_field)
    alliance.list_members(bay)


def place_documented_ties(bay) -> None:
    """Joint laboratories tie their seat to the largest institute of each other city they name; they do not end."""
    region, institutes, ties = bay.region, bay.institutes, bay.ties
    pairs = []
    for i in range(institutes.capacity):
        for other in (region.institute_city_2[i], region.institute_city_3[i]):
            if other >= 0:
                there = np.flatnonzero(institutes.city == other)
                there = there[there != i]
                if there.size:
                    pairs.append((i, there[np.argmax(institutes.researchers[there])]))
    for row, (a, b) in enumerate(sorted({(min(p), max(p)) for p in pairs})):
        ties.alive[row], ties.a[row], ties.b[row], ties.type[row] = 1, a, b, 2
        ties.start[row], ties.end[row], ties.weight[row] = bay.quarter, 10**8, 1.0
        ties.id[row] = identity_of("joint", a, b)
        ties.explore[row] = 1


def make_pipeline(bay):
    """Inventions in force at the mean rates of the starting state."""
    q, count = bay.parameters.invention, bay.institutes.capacity
    nodes = nodes_of(bay.institutes, bay.firms, bay.region.relatedness_field)
    people = np.concatenate((bay.institutes.staff, bay.firms.staff / np.maximum(bay.firms.weight, 1e-12)))
    money = np.concatenate((bay.institutes.rd_paid, bay.firms.rd_paid))
    simulated = learning.simulated_share(bay)
    real = simulated * np.where(np.arange(simulated.size) < count, q.institute_rate, 1.0)
    means = np.zeros(nodes.alive.size)
    access = np.full(means.size, q.capability_reference)
    nodes.degree[:] = 2.0
    learning.invention_means(nodes, money, people, learning.spillover_pools(bay), access, real, q, means)
    ids = np.concatenate((bay.institutes.id, bay.firms.id))
    weight = np.concatenate((np.ones(count), bay.firms.weight)) / simulated
    return population.make_pipeline(bay, means, nodes.city, nodes.field, ids, weight)


def count_stocks(bay) -> None:
    """Stocks that the first quarter's books start from."""
    people, inventions, stocks = count_people(bay), count_inventions(bay), bay.stocks
    see_network(bay)
    stocks.counted = None
    stocks.people_total, stocks.inventions_total, stocks.in_market_total = people.total, inventions.total, inventions.total_market
    stocks.by_city = stocks_by_city(bay, people, inventions)


def register_agents(bay) -> None:
    """Cities, institutes, governments and funds as Mesa agents."""
    region = bay.region
    for c in range(len(region.city_ids)):
        CityAgent(bay, c)
    for i in range(bay.institutes.capacity):
        InstituteAgent(bay, i)
    for c in range(len(region.city_ids)):
        GovernmentAgent(bay, c)
    for j in range(len(region.jurisdiction_ids)):
        JurisdictionGovernmentAgent(bay, j)
    for k in range(bay.funds.capacity):
        FundAgent(bay, k)
    bay.government_agents = bay.agents_by_type[GovernmentAgent]
    bay.fund_agents = bay.agents_by_type[FundAgent]
    # Mesa numbers agents in a table of its own that would keep every model of a process alive; no agent comes later
    mesa.Agent._ids.pop(bay, None)
