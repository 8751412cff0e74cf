"""The bay: builds the world, warms it up, plays the timeline and keeps the record.

``Bay`` is a Mesa model. Its numbers live in columns; cities, institutes, funds and governments are registered Mesa
agents that read and write their row, firms and people are views made on request. Draws come from keyed streams only
(``streams.py``): Mesa's own random numbers are never used for results.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import zlib
from collections import OrderedDict, namedtuple
from contextlib import suppress
from pathlib import Path

import mesa
import numpy as np

from greaterbay import checked, clock
from greaterbay.actors import population
from greaterbay.actors.agents import CityAgent, FirmView, FundAgent, GovernmentAgent, InstituteAgent, JurisdictionGovernmentAgent, PersonRow
from greaterbay.actors.columns import sums_by_cell
from greaterbay.actors.firm import LEADER
from greaterbay.actors.fund import BANK, GUIDANCE
from greaterbay.actors.invention import Ties
from greaterbay.actors.network import adjacency_of, nodes_of, profiles, update_degrees
from greaterbay.actors.places import Places, draw_place
from greaterbay.clock import WARM_UP_QUARTERS
from greaterbay.counts import count_inventions, count_people, stocks_by_city
from greaterbay.exchange import diffusion, entry, finance, learning, market, mobility
from greaterbay.exchange.partnering import pick_two
from greaterbay.kernels import jit, lean, sources_digest
from greaterbay.ledger import Ledger, LedgerError
from greaterbay.parameters import Parameters
from greaterbay.policy import catalogue
from greaterbay.policy.budgets import Budgets
from greaterbay.policy.instruments import Instruments
from greaterbay.policy.levers import Values
from greaterbay.record import Record, Tally
from greaterbay.region import cuts, load_region
from greaterbay.region.barriers import pair_barriers
from greaterbay.streams import Streams, identity_of, uniform
from greaterbay.timeline import play

MAX_TECHNOLOGIES = 64  # bits of a firm's adoption mask
KEPT_WARM_STATES = 2  # in memory, per process

Probe = namedtuple("Probe", ["slot", "name", "field", "city", "launch"])
TABLES = ("firms", "institutes", "people", "funds", "inventions", "ties", "places", "ledger")
PLAIN = ("wage_city", "rent_city", "person_weight_city", "rd_intensity_city", "entry_weight", "government_cash", "grant_left",
         "patient_left", "joint_left", "science_budget_now", "output_ratio", "adoption_gain_city", "talent_city")
SCALARS = ("spillover_reference", "basic_reference", "effort_reference")
_warm_states: OrderedDict[str, dict] = OrderedDict()


class Bay(mesa.Model):
    """One replicate of one scenario.

    Parameters
    ----------
    scenario
        A ``Scenario``, a path or a library id.
    seed
        Any integer; None takes the scenario's. What is no integer (``1.5``, ``"4"``, ``True``) is a TypeError.
    replicate
        Replicate k depends on (seed, k) only.
    parameters
        Changes of parameters by declared id, on top of the scenario's.
    warm_folder
        Folder in which the warm-up state is kept for other scenarios of the same replicate; None keeps it in memory only.

    Attributes of interest: ``firm(i)``, ``person(i)``, ``record``, ``quarter``, ``label``, ``running`` (False at the end).
    """

    def __init__(self, *, scenario="baseline", seed: int | None = None, replicate: int = 0,
                 parameters: dict[str, float] | None = None, warm_folder: str | os.PathLike | None = None):
        super().__init__(seed=0)
        from greaterbay.scenario.load import load_scenario
        from greaterbay.scenario.schema import Scenario

        seed, replicate = None if seed is None else checked.integer("seed", seed), checked.replicate(replicate)
        self.scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        run = self.scenario.run
        self.region = load_region(run.region)
        self.parameters = Parameters({**self.scenario.parameters_of(replicate), **(parameters or {})})
        self.seed_used = run.seed if seed is None else seed % 2**63
        self.replicate, self.scale = replicate, float(run.scale)
        self.streams = Streams(self.seed_used, self.replicate)
        self.start, self.end = run.start, run.end
        self.timings: dict[int, float] = {}
        self.watch = None  # called after each phase, to measure what a quarter's end no longer shows
        self.warming = True
        self.quarter = self.start - WARM_UP_QUARTERS
        self._build()
        self._warm_up(warm_folder)
        self._release()

    # ---------------------------------------------------------------- building

    def _build(self) -> None:
        region = self.region
        cities, fields, places = len(region.city_ids), len(region.field_ids), len(region.place_ids)
        self.city_identity = np.array([identity_of("city", name) for name in region.city_ids], np.uint64)
        self.cell_ids = np.array([[identity_of("cell", c, f) for f in region.field_ids] for c in region.city_ids], np.uint64)
        self.jurisdiction_seat = np.array([self._seat(j) for j in range(len(region.jurisdiction_ids))])
        at = region.jurisdiction_city
        self.profit_tax_city = region.profit_tax_jurisdiction[at]
        self.personal_tax_city = region.personal_tax_talent_jurisdiction[at]
        # mainland: jurisdictions in one customs territory with the rest of China
        self.mainland_city = region.customs_pair[at, len(region.jurisdiction_ids)] == 0.0
        self.base_barriers = pair_barriers(region, self.parameters)
        self.walls = None  # pairs of cities between which nothing passes, from release on
        self.side_city = cuts.sides(region, "none")
        self.spillover_reference = None
        self.firms = population.make_firms(self)
        self.institutes = population.make_institutes(self)
        self.wage_city = self.parameters.economy.wage_share_rd * region.rd_city / region.rd_people_city
        self.rent_city = region.rent_level_city.astype(float).copy()
        self.people = population.make_people(self)
        self.funds = population.make_funds(self)
        self._fund_rows: dict[int, np.ndarray] = {}
        self.ties = Ties(int(self.firms.capacity * 4 + self.institutes.capacity * 8))
        self.places = Places(cities * fields)
        rows = self.firms.alive_rows()
        # leaders are never thinned: a draw passes one over unless it stands for as many as the others of its cell
        cell_weight = self.entry_weight[self.firms.city[rows], self.firms.field[rows]]
        passed = np.where(self.firms.kind[rows] == LEADER, 1.0 - self.firms.weight[rows] / cell_weight, 0.0)
        self.places.build(self.firms.city[rows].astype(np.int64) * fields + self.firms.field[rows], rows, self.firms.id[rows], passed)
        self.government_cash = np.zeros(cities)
        self.grant_left = np.zeros(cities)
        self.patient_left, self.joint_left = np.zeros((cities, cities)), np.zeros(cities)
        self.science_budget_now = region.science_budget_city.astype(float).copy()
        self.cut_city, self.cut_above = np.zeros(cities), np.zeros(cities)  # money of programmes that levers took
        self.money_path, self.extra_budget = np.ones(cities), np.zeros(cities)  # path of public money, and what it adds this quarter
        self.output_ratio, self.output_start = np.ones(cities), None
        self.adoption_gain_city = np.zeros(cities)
        self.growth_now, self.growth_level = 0.0, 1.0
        self.talent_start = region.rd_people_city.astype(float).copy()
        self.talent_city = self.talent_start.copy()
        self.wage_start, self.rent_start = self.wage_city.copy(), self.rent_city.copy()
        self.wage_reference = float(np.average(self.wage_city * (1.0 - self.personal_tax_city), weights=self.talent_start))
        self.rent_reference = float(np.average(self.rent_city, weights=self.talent_start))
        self.amenity_reference = float(np.average(0.5 * (region.schooling_city + region.medical_city), weights=self.talent_start))
        self.base_park_quality = np.maximum(region.park_quality_city, 1e-6)
        self.firms_start = region.firms_city.astype(float).copy()
        self.effort_reference = float(region.rd_city.sum() / region.rd_people_city.sum() / 4.0)
        self.frontier_field = np.ones(fields)
        self.incubation = self._incubation()
        self.field_cum_city = np.cumsum(region.field_mix_city, axis=1)
        outside = range(cities, cities + 2)
        self.newcomer_cells = np.array([[identity_of(place, c) for c in range(cities)] for place in outside], np.uint64)
        self.newcomer_ids = np.array([[identity_of("newcomer", place, c) for c in range(cities)] for place in outside], np.uint64)
        # who looks for a post from abroad looks where a city's overseas links are
        linked = self.talent_start * region.overseas_links_city
        far = self.parameters.mobility.newcomers_abroad
        abroad = self.talent_start.sum() * linked / max(linked.sum(), 1e-12)
        self.newcomers_start = np.stack(((1.0 - far) * self.talent_start, far * abroad))
        self.outside_response = region.outside_people_response
        self.team_ids = np.array([identity_of("team", name) for name in region.city_ids], np.uint64)
        self.homes_left, self.team_left = np.zeros(cities), np.zeros(cities)  # homes not yet let, grants not yet called
        self.arrivals_city, self.arrivals_before = np.zeros(cities), np.zeros(cities)  # people who came, this and last quarter
        self.welfare_paid, self.welfare_paid_before = np.ones(cities), np.ones(cities)  # share of movers' claims that was paid
        # a fixed multiple of the people, so that a post is met as often at any scale
        rows_of_people = self.talent_start / self.person_weight_city
        self.post_places = np.maximum(16, np.ceil(self.parameters.mobility.post_places * rows_of_people)).astype(np.int64)
        self._tables_of_technologies()
        self.ledger = Ledger(places)
        self._open_books()
        self.alliance_places = 0
        self._join_alliances()
        self._sizes = self._dimension_sizes()
        self.tally = Tally(self._sizes)
        self.record = Record(self._sizes, self.end - self.start + 1, cities)
        self.budgets = Budgets(self)
        self.values = Values(self)
        self.consortium_node = np.zeros(self.institutes.capacity + self.firms.capacity, np.uint64)
        self.instruments = Instruments(self)
        self.market_arrivals = np.zeros(0, np.int64)
        self.market_start = np.bincount(self.firms.field[rows], weights=self.firms.sales[rows] * self.firms.weight[rows], minlength=fields)
        self.market_now, self.market_growth = self.market_start.copy(), np.ones(fields)
        self.people_in = self.people_out = 0.0
        self.effective = self.firms.productivity.copy()
        mobility.count_staff(self)
        self._place_documented_ties()
        self.basic_reference = float(np.average(learning.basic_pools(self).mean(axis=1), weights=self.talent_start))
        self.inventions = self._pipeline()
        self._count_stocks()
        self._register_agents()

    def _count_stocks(self) -> None:
        """Stocks that the first quarter's books start from."""
        people, inventions = count_people(self), count_inventions(self)
        self.see_network()
        self.counted = None  # the count of the quarter that closes (books.close_quarter)
        self.people_total, self.inventions_total, self.in_market_total = people.total, inventions.total, inventions.total_market
        self.stocks = stocks_by_city(self, people, inventions)

    def _seat(self, jurisdiction: int) -> int:
        """Seat of a jurisdiction: its city with the most researchers in institutes."""
        region = self.region
        people = np.bincount(region.institute_city, weights=region.institute_researchers, minlength=len(region.city_ids))
        return int(np.where(region.jurisdiction_city == jurisdiction, people, -1.0).argmax())

    def _incubation(self) -> np.ndarray:
        """Incubators and maker spaces per firm, by tier (national 3, provincial 2, other 1), relative, to an elasticity."""
        region = self.region
        points = (region.incubators_city + region.makerspaces_city) @ np.array([3.0, 2.0, 1.0])
        per_firm = points / region.firms_city
        mean = points.sum() / region.firms_city.sum()
        factor = np.clip(per_firm / mean, 0.2, 5.0) ** self.parameters.market.incubator
        return factor / np.average(factor, weights=region.firms_city)

    def _tables_of_technologies(self) -> None:
        region = self.region
        field_slots = diffusion.VINTAGES * len(region.field_ids)
        self.technologies: list = [None] * field_slots
        self.technology_names = [f"{f}_{v + 1}" for f in region.field_ids for v in range(diffusion.VINTAGES)]
        self.technology_kinds = ["field"] * field_slots
        self.probes = []
        for probe in self.scenario.probes.values():
            slot = field_slots + len(self.probes)
            if slot >= MAX_TECHNOLOGIES:
                raise ValueError(f"too many probes: at most {MAX_TECHNOLOGIES - field_slots} in this region")
            self.probes.append(Probe(slot, probe.id, region.field_ids.index(probe.field), region.city_ids.index(probe.city), probe.quarter))
            self.technologies.append(None)
            self.technology_names.append(probe.id)
            self.technology_kinds.append("probe")

    def _dimension_sizes(self) -> dict[str, int]:
        region = self.region
        places = len(region.place_ids)
        return {"city": places, "city_to": places, "field": len(region.field_ids), "kind": 3, "stage": 5,
                "entry_channel": len(entry.CHANNELS),
                "technology": len(self.technologies), "lever": len(catalogue.levers()),
                "payer": len(region.city_ids) + len(region.jurisdiction_ids) + 1}

    def _open_books(self) -> None:
        firms, funds = self.firms, self.funds
        rows = firms.alive_rows()
        self.ledger.pay("opening", "outside", firms.city[rows], "firm", firms.city[rows], firms.cash[rows] * firms.weight[rows])
        bank = funds.kind == BANK
        for mask, sector in ((bank, "bank"), (~bank, "fund")):
            self.ledger.pay("opening", "outside", funds.city[mask], sector, funds.city[mask], funds.cash[mask])

    def _join_alliances(self) -> None:
        """Memberships at the start, of firms and institutes."""
        firms, institutes, region = self.firms, self.institutes, self.region
        rows = firms.alive_rows()
        self.alliance_scope = [
            (np.isin(np.arange(len(region.field_ids)), [region.field_ids.index(f) for f in alliance["fields"]]),
             np.isin(region.jurisdiction_city, [region.jurisdiction_ids.index(j) for j in alliance["jurisdictions"]]))
            for alliance in region.alliances]
        self.join_alliances(firms, rows, firms.field[rows])
        self.join_alliances(institutes, np.arange(institutes.capacity), institutes.main_field)
        self.list_members()

    def join_alliances(self, table, rows: np.ndarray, field: np.ndarray) -> None:
        """Memberships by identity: a share of the actors of an alliance's fields and jurisdictions."""
        share, city, ids = self.parameters.partnering.alliance_members, table.city[rows], table.id[rows]
        for k, (fields, where) in enumerate(self.alliance_scope):
            member = fields[field] & where[city] & (self.streams.uniforms("member", 0, ids, k) < share)
            table.alliances[rows[member]] |= np.uint32(1 << k)

    def _listed_members(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Nodes and identities that an alliance lists: of those who are never thinned only the share that the scale leaves of others."""
        bits = np.concatenate((self.institutes.alliances, self.firms.alliances))
        nodes = np.flatnonzero(bits)
        ids = np.concatenate((self.institutes.id, self.firms.id))[nodes]
        thinned = self.kind_of_node(nodes) < LEADER
        listed = thinned | (self.streams.uniforms("member", self.quarter, ids, 50) < self.scale)
        nodes, ids, bits = nodes[listed], ids[listed], bits[nodes[listed]]
        mine = [(bits & np.uint32(1 << k)) > 0 for k in range(len(self.region.alliances))]
        return [(nodes[these], ids[these]) for these in mine]

    def list_members(self) -> None:
        """Members of every alliance at hashed places (alliance, place) -> node."""
        count, members = len(self.region.alliances), self._listed_members()
        # twice as many places as members at the start, so that a search meets a member about every third time
        if self.alliance_places == 0:
            self.alliance_places = max(16, 2 * max((nodes.size for nodes, _ in members), default=0))
        self.alliance_member = np.full((max(count, 1), self.alliance_places), -1, np.int64)
        self.alliance_count = np.zeros(max(count, 1), np.int64)
        for k, (nodes, ids) in enumerate(members):
            self.alliance_count[k] = nodes.size
            self.alliance_member[k, (ids % np.uint64(self.alliance_places)).astype(int)] = nodes

    def _place_documented_ties(self) -> None:
        """Joint laboratories tie their seat to the largest institute of each other city they name; they do not end."""
        region, institutes, ties = self.region, self.institutes, self.ties
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
            ties.start[row], ties.end[row], ties.weight[row] = self.quarter, 10**8, 1.0
            ties.id[row] = identity_of("joint", a, b)
            ties.explore[row] = 1

    def _pipeline(self):
        """Inventions in force at the mean rates of the starting state."""
        q, count = self.parameters.invention, self.institutes.capacity
        nodes = nodes_of(self.institutes, self.firms, self.region.relatedness_field)
        people = np.concatenate((self.institutes.staff, self.firms.staff / np.maximum(self.firms.weight, 1e-12)))
        money = np.concatenate((self.institutes.rd_paid, self.firms.rd_paid))
        simulated = learning.simulated_share(self)
        real = simulated * np.where(np.arange(simulated.size) < count, q.institute_rate, 1.0)
        means = np.zeros(nodes.alive.size)
        access = np.full(means.size, q.capability_reference)
        nodes.degree[:] = 2.0
        learning.invention_means(nodes, money, people, learning.spillover_pools(self), access, real, q, means)
        ids = np.concatenate((self.institutes.id, self.firms.id))
        weight = np.concatenate((np.ones(count), self.firms.weight)) / simulated
        return population.make_pipeline(self, means, nodes.city, nodes.field, ids, weight)

    def _register_agents(self) -> None:
        region = self.region
        for c in range(len(region.city_ids)):
            CityAgent(self, c)
        for i in range(self.institutes.capacity):
            InstituteAgent(self, i)
        for c in range(len(region.city_ids)):
            GovernmentAgent(self, c)
        for j in range(len(region.jurisdiction_ids)):
            JurisdictionGovernmentAgent(self, j)
        for k in range(self.funds.capacity):
            FundAgent(self, k)
        self.government_agents = self.agents_by_type[GovernmentAgent]
        self.fund_agents = self.agents_by_type[FundAgent]
        # Mesa numbers agents in a table of its own that would keep every model of a process alive; no agent comes later
        mesa.Agent._ids.pop(self, None)

    # ---------------------------------------------------------------- warm-up

    def warm_key(self) -> str:
        """Digest of all that the warm-up depends on: sources, region, parameters, seed, replicate, scale, start."""
        content = json.dumps([sources_digest(), str(self.region.folder), sorted(self.parameters.declared.items()), self.seed_used,
                              self.replicate, self.scale, self.start, self.region_digest()])
        return hashlib.sha256(content.encode()).hexdigest()[:24]

    def region_digest(self) -> str:
        """Digest of the region's tables."""
        total = hashlib.sha256()
        for path in sorted(Path(self.region.folder).glob("*.csv")):
            total.update(path.name.encode() + path.read_bytes())
        return total.hexdigest()

    def _warm_up(self, folder) -> None:
        key = self.warm_key()
        self.people_start = self.people.state()
        path = Path(folder) / f"{key}.npz" if folder is not None else None
        state = _warm_states.get(key)
        if state is None and path is not None and path.exists():
            state = _read_state(path)
        if state is not None:
            self._restore(state)
            self.warmed_from = "cache"
        else:
            while self.quarter < self.start:
                self._quarter()
                self.quarter += 1
            state = self._state()
            self.warmed_from = "run"
            if path is not None:
                _write_state(path, state)
        _warm_states[key] = state
        _warm_states.move_to_end(key)
        while len(_warm_states) > KEPT_WARM_STATES:
            _warm_states.popitem(last=False)
        self.quarter = self.start

    def _state(self) -> dict[str, np.ndarray]:
        found = {}
        for name in TABLES:
            for column, array in getattr(self, name).state().items():
                found[f"{name}/{column}"] = array
        for name in PLAIN:
            found[f"plain/{name}"] = np.array(getattr(self, name))
        found["scalars"] = np.array([getattr(self, name) for name in SCALARS])
        found["technologies"] = np.array([[t.bit, t.field, t.launch, t.gain] for t in self.technologies if t is not None]).reshape(-1, 4)
        return found

    def _restore(self, state: dict[str, np.ndarray]) -> None:
        for name in TABLES:
            prefix = f"{name}/"
            getattr(self, name).restore({k[len(prefix):]: v for k, v in state.items() if k.startswith(prefix)})
        for name in PLAIN:
            setattr(self, name, state[f"plain/{name}"].copy())
        for name, value in zip(SCALARS, state["scalars"], strict=True):
            setattr(self, name, float(value))
        for bit, field, launch, gain in state["technologies"]:
            slot = int(bit)
            self.technologies[slot] = diffusion.Technology(slot, int(field), int(launch), float(gain),
                                                           self.technology_names[slot], "field")
        self._count_stocks()

    def _release(self) -> None:
        """From here on nothing is held: references are taken, books of people and inventions begin."""
        self.warming = False
        firms = self.firms
        self._cut_apart()
        rows = firms.alive_rows()
        self.list_members()
        self.people_in = self.people_out = 0.0
        # productivity is measured from the field's mean at release; what the warm-up added is not growth
        mean = market.mean_by_field(self, firms.productivity)
        firms.productivity[rows] -= mean[firms.field[rows]]
        self.adoption_gain_city[:] = 0.0
        self.effective = market.effective_productivity(self)
        self.productivity_reference = np.maximum(market.mean_by_field(self, np.exp(self.effective)), 1e-12)
        self.productivity_city = self.productivity_city_start = market.productivity_by_city(self)
        self.sales_per_firm_start = float((firms.sales[rows] * firms.weight[rows]).sum() * 4.0 / firms.weight[rows].sum())
        sold = firms.sales[rows] * firms.weight[rows]
        self.market_start = np.bincount(firms.field[rows], weights=sold, minlength=len(self.region.field_ids))
        simulated, _ = self.value_added(start=True)
        self.rest_start = self.region.output_city / 4.0 - simulated
        if (self.rest_start < 0).any():
            c = int(self.rest_start.argmin())
            raise ValueError(f"{self.region.city_ids[c]}: simulated firms add {simulated[c] * 4:.0f} million CNY a year, more than the "
                             f"city's output of {self.region.output_city[c]:.0f}; lower economy.value_added_share")
        self.output_start = self.region.output_city / 4.0
        self.output_ratio = np.ones(len(self.region.city_ids))
        self.tally.open_quarter()

    def walled(self, barrier: np.ndarray) -> np.ndarray:
        """A barrier between cities (C, C) that some rule has lowered, with the walls of a run that is cut apart as high as before."""
        return barrier if self.walls is None else np.where(self.walls, cuts.WALL, barrier)

    def _cut_apart(self) -> None:
        """The scenario may cut jurisdictions apart from here on; ties that cross end."""
        cut = self.scenario.run.cut
        self.walls, self.side_city = cuts.walls(self.region, cut), cuts.sides(self.region, cut)
        if self.walls is None:
            return
        rows = self.ties.alive_rows()
        side = self.side_city[self.node_city()]
        self.ties.clear(rows[side[self.ties.a[rows]] != side[self.ties.b[rows]]])
        update_degrees(self.ties, self.institutes, self.firms)
        self.see_network()

    # ---------------------------------------------------------------- stepping

    def step(self) -> None:
        """Play one quarter; ``running`` becomes False after the last."""
        if self.quarter > self.end:
            self.running = False
            return
        self._grow_outside()
        self._quarter()
        self.quarter += 1
        self.running = self.quarter <= self.end

    def _quarter(self) -> None:
        self.tally.open_quarter()
        self.ledger.open_quarter()
        self.people_in = self.people_out = 0.0
        self.people_before, self.inventions_before, self.in_market_before = (
            self.people_total, self.inventions_total, self.in_market_total)
        self.stocks_before = self.stocks
        self.firms_before = float(self.firms.weight[self.firms.alive == 1].sum())
        try:
            play(self)
        except (LedgerError, FloatingPointError) as error:
            raise type(error)(f"{self.label}: {error}") from error

    def _grow_outside(self) -> None:
        """Exogenous growth of this quarter: economy, markets by field, moving frontier."""
        p, region = self.parameters.economy, self.region
        years = (self.quarter - self.start) / 4.0
        fade = float(np.clip(1.0 - years / p.fade_years, 0.0, 1.0))
        economy = p.growth_end + (p.growth_start - p.growth_end) * fade
        # parameters are per quarter here; region tables are per year
        self.growth_now = economy if self.quarter > self.start else 0.0
        self.growth_level *= np.exp(self.growth_now)
        if self.quarter > self.start:
            field = p.growth_end + (region.market_growth_field / 4.0 - p.growth_end) * fade
            self.market_growth = self.market_growth * np.exp(np.log1p(field))
            self.frontier_field = self.frontier_field * np.exp(region.frontier_growth_field / 4.0 * p.frontier_pass)

    @property
    def label(self) -> str:
        """Label of the present quarter, such as 2026Q1."""
        return clock.label(self.quarter)

    def apply_events(self) -> None:
        """Dated changes of the world that take effect this quarter."""
        if self.warming:
            return
        for event in self.scenario.events:
            if event.quarter == self.quarter and event.kind == "travel_minutes":
                minutes = self.values.travel_now.copy()
                for one, two, value in event.rows:
                    a, b = self.region.place_ids.index(one), self.region.place_ids.index(two)
                    minutes[a, b] = minutes[b, a] = value
                self.values.travel_now = minutes

    # ---------------------------------------------------------------- what several phases ask

    def value_added(self, start: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Value added of the simulated firms and of the rest by city (C,), million CNY this quarter."""
        firms, p, cities = self.firms, self.parameters.economy, len(self.region.city_ids)
        rows = firms.alive_rows()
        value = p.value_added_share * firms.sales[rows] * firms.weight[rows]
        made = np.bincount(firms.production_city[rows], weights=value, minlength=cities)
        led = np.bincount(firms.city[rows], weights=value, minlength=cities)
        simulated = p.production_share * made + (1.0 - p.production_share) * led
        if start or self.output_start is None:
            return simulated, np.zeros(cities)
        return simulated, self.rest_start * self.growth_level * np.exp(p.adoption_pass_through * self.adoption_gain_city)

    def city_skills(self) -> np.ndarray:
        """Efficiency units of skilled people at work by city (C,)."""
        skills = np.zeros(len(self.region.city_ids))
        mobility.add_skills(self.people.part(mobility.Skilled), skills)
        return skills

    def city_sales(self) -> np.ndarray:
        """Sales of firms by city (C,), million CNY this quarter."""
        rows = self.firms.alive_rows()
        sold = self.firms.sales[rows] * self.firms.weight[rows]
        return np.bincount(self.firms.city[rows], weights=sold, minlength=len(self.region.city_ids))

    def city_of_node(self, nodes: np.ndarray) -> np.ndarray:
        """City of institutes and firms given as nodes."""
        return self.node_city().astype(np.int64)[nodes]

    def see_network(self) -> None:
        """What actors see of each other from here on: nodes (profiles, sizes, degrees) and who is tied to whom."""
        self.nodes = nodes_of(self.institutes, self.firms, self.region.relatedness_field)
        self.adjacency = adjacency_of(self.ties, self.nodes.alive.size)

    def see_ties(self) -> None:
        """Ties have changed: neighbours and degrees anew, the rest as it was seen."""
        count = self.institutes.capacity
        self.adjacency = adjacency_of(self.ties, count + self.firms.capacity)
        seen = self.nodes.degree.size - count  # the table of firms may have grown since
        self.nodes.degree[:count], self.nodes.degree[count:] = self.institutes.degree, self.firms.degree[:seen]

    def node_city(self) -> np.ndarray:
        """City of every node (N,)."""
        return np.concatenate((self.institutes.city, self.firms.city))

    def kind_of_node(self, nodes: np.ndarray) -> np.ndarray:
        """Kind of actor: start-up, small, leader, institute (3)."""
        both = np.concatenate((np.full(self.institutes.capacity, 3), self.firms.kind)).astype(np.int64)
        return both[nodes]

    def alive_node(self) -> np.ndarray:
        """Is a node in use (N,)?"""
        return np.concatenate((self.institutes.alive, self.firms.alive))

    def firm_in_reach(self, inventions: np.ndarray) -> np.ndarray:
        """A firm drawn for each invention: related field, near city, through the technology barrier. Node or -1."""
        region, table, p = self.region, self.inventions, self.parameters
        cities, fields = len(region.city_ids), len(region.field_ids)
        rows = self.firms.alive_rows()
        number = sums_by_cell(self.firms.city[rows], self.firms.field[rows], self.firms.weight[rows], cities, fields)
        barrier = self.values.barrier_technology[:cities, :cities]
        if self.values.disposal_uniform.any():  # results under uniform rules are offered as if there were no barrier
            barrier = self.walled(barrier * (1.0 - self.values.disposal_uniform)[:, None])
        near = np.exp(-self.values.travel_minutes[:cities, :cities] / p.conversion.reach_travel - p.partnering.candidate_border * barrier)
        wanted = number[None, :, :] * region.relatedness_field[:, None, :] ** 2  # (F of the invention, C, F)
        by_city = near[:, None, :] * wanted.sum(axis=2)[None, :, :]
        out = np.empty(inventions.size, np.int64)
        _reach(inventions, table.city, table.field, table.id, np.cumsum(by_city, axis=-1), np.cumsum(wanted, axis=-1), self.places.slot,
               self.places.start, self.places.size, self.streams.key("transfer_offer", self.quarter), out)
        return np.where(out >= 0, out + self.institutes.capacity, -1)

    # ---------------------------------------------------------------- firms come, go and move

    def free_firm_rows(self, count: int) -> np.ndarray:
        """Rows for entrants; the table grows when it is full (nodes keep their numbers)."""
        before = self.firms.capacity
        rows = self.firms.free_rows(count)
        if self.firms.capacity != before:
            self.effective = np.concatenate((self.effective, np.zeros(self.firms.capacity - before)))
        self.firms.clear(rows)
        return rows

    def seat_firms(self, rows: np.ndarray) -> None:
        """Entrants take their place in the search tables."""
        firms = self.firms
        self.places.insert_all(firms.city[rows].astype(np.int64) * len(self.region.field_ids) + firms.field[rows], rows, firms.id[rows])

    def remove_firms(self, rows: np.ndarray) -> None:
        """Exit: money to owners, loans and stakes written off, people out of work, ties and memories end."""
        if rows.size == 0:
            return
        firms, people, inventions, funds = self.firms, self.people, self.inventions, self.funds
        count, fields = self.institutes.capacity, len(self.region.field_ids)
        city, weight = firms.city[rows].astype(np.int64), firms.weight[rows]
        self.ledger.pay("liquidation", "firm", city, "outside", city, firms.cash[rows] * weight)
        finance.cover_losses(self, rows)
        desk = self.row_of_fund(BANK)
        np.add.at(funds.committed, desk[city], -firms.loan[rows] * weight)
        self.tally.add("credit_losses", city, firms.loan[rows] * weight)
        backed = rows[firms.invested[rows] > 0]
        private = (firms.invested[backed] - firms.invested_public[backed]) * firms.weight[backed]
        np.add.at(funds.committed, firms.fund[backed].astype(np.int64), -private)
        guidance = self.row_of_fund(GUIDANCE)
        np.add.at(funds.committed, guidance[firms.city[backed]], -firms.invested_public[backed] * firms.weight[backed])
        dead = np.zeros(count + firms.capacity + 1, bool)  # the last for nobody, who is -1
        dead[rows + count] = True
        mobility.dismiss(people.part(mobility.Dismissed), dead)
        self.end_ties(dead)
        for column in (inventions.owner, inventions.partner, inventions.developer, people.former, self.institutes.past, firms.past):
            _forget(column.reshape(-1), dead)
        self.places.remove_all(city * fields + firms.field[rows], rows)
        firms.clear(rows)
        self.list_members()

    def end_ties(self, ended: np.ndarray) -> None:
        """End all ties of the marked nodes (N,)."""
        ties = self.ties
        gone = ties.alive_rows()
        ties.clear(gone[ended[ties.a[gone]] | ended[ties.b[gone]]])

    def row_of_fund(self, kind: int) -> np.ndarray:
        """Row of each city's guidance fund or bank desk (C,), not to be written to; funds neither come nor go."""
        found = self._fund_rows.get(kind)
        if found is None:
            found = self._fund_rows[kind] = np.full(len(self.region.city_ids), -1, np.int64)
            rows = np.flatnonzero(self.funds.kind == kind)
            found[self.funds.city[rows]] = rows
        return found

    def move_firms(self, rows: np.ndarray, city: np.ndarray) -> None:
        """Research moves to another city: money, place and staff move along; the move is booked as people's moves too."""
        firms, people, fields = self.firms, self.people, len(self.region.field_ids)
        desk, guide = self.row_of_fund(BANK), self.row_of_fund(GUIDANCE)
        for row, to in zip(rows, city, strict=True):
            here = int(firms.city[row])
            cell = int(firms.field[row])
            weight = float(firms.weight[row])
            self.places.remove(here * fields + cell, int(row))
            self.places.insert(int(to) * fields + cell, int(row), firms.id[row])
            self.ledger.pay("relocation", "firm", here, "firm", int(to), firms.cash[row] * weight)
            debt = firms.loan[row] * weight
            self.funds.committed[desk[here]] -= debt
            self.funds.committed[desk[to]] += debt
            self.funds.committed[guide[here]] -= firms.invested_public[row] * weight
            self.funds.committed[guide[to]] += firms.invested_public[row] * weight
            firms.city[row] = to
            staff = np.flatnonzero(people.employer == row + self.institutes.capacity)
            staff = staff[people.alive[staff] == 1]
            people.city[staff] = to
            self.tally.add("firm_relocations_out", here, weight)
            self.tally.add("firm_relocations_in", int(to), weight)
            self.tally.flow("flow_talent_firm_firm", here, int(to), people.weight[staff].sum())
            if self.region.jurisdiction_city[here] != self.region.jurisdiction_city[to]:
                self.tally.add("talent_border", int(to), people.weight[staff].sum())

    def invest_patient(self, flow: np.ndarray) -> None:
        """Patient capital for pilots: venture and guidance funds of a city (row) pay firms of a city (column).

        ``flow`` (C, C) million CNY, at most what the funds of a city have; it is money at risk without a stake.
        """
        funds, cities = self.funds, len(self.region.city_ids)
        free = np.where(funds.kind == BANK, 0.0, np.maximum(funds.cash, 0.0))
        total = np.bincount(funds.city, weights=free, minlength=cities)
        paid = flow.sum(axis=1)
        funds.cash -= free / np.maximum(total[funds.city], 1e-300) * paid[funds.city]
        a, b = np.nonzero(flow > 0.0)
        self.ledger.pay("patient", "fund", a, "firm", b, flow[a, b])
        self.tally.flow("flow_capital_venture", a, b, flow[a, b])
        cross = self.region.jurisdiction_city[a] != self.region.jurisdiction_city[b]
        self.tally.add("capital_border", b[cross], flow[a, b][cross])

    # ---------------------------------------------------------------- measures and views

    def transitivity(self) -> float:
        """Closed share of connected triples of the collaboration network."""
        return float(_transitivity(*self.adjacency[:2]))

    def capability_distance(self, rows: np.ndarray) -> float:
        """Mean cognitive distance of 500 firm pairs chosen by identity."""
        if rows.size < 2:
            return 0.0
        order = np.empty(rows.size, np.int64)
        _sort_identities(self.firms.id[rows], np.zeros((1 << 12) + 1, np.int64), order)
        chosen = rows[order][np.linspace(0, order.size - 1, min(order.size, 500)).astype(int)]
        profile = profiles(self.firms, chosen, self.region.relatedness_field).astype(float)
        other = np.roll(profile, chosen.size // 3, axis=0)
        return float((1.0 - (profile * other).sum(axis=1)).mean())

    def coords(self) -> dict[str, list[str]]:
        """Labels of every dimension of the record."""
        region = self.region
        return {
            "quarter": [clock.label(q) for q in range(self.start, self.end + 1)],
            "city": list(region.place_ids), "city_to": list(region.place_ids), "field": list(region.field_ids),
            "kind": ["startup", "small", "leader"], "stage": ["laboratory", "proof_of_concept", "pilot", "first_use", "market"],
            "entry_channel": list(entry.CHANNELS),
            "technology": list(self.technology_names), "technology_kind": list(self.technology_kinds),
            "lever": list(catalogue.levers()), "payer": list(self.budgets.payer_ids),
        }

    def firm(self, row: int) -> FirmView:
        """View of a simulated firm (row of the firm table)."""
        return FirmView(self, self.firms, checked.integer("row", row, 0, self.firms.capacity - 1))

    def person(self, row: int) -> PersonRow:
        """View of a simulated person (row of the people table)."""
        return PersonRow(self, self.people, checked.integer("row", row, 0, self.people.capacity - 1))

    def run_to_end(self) -> Record:
        """Step until the end and return the record."""
        while self.running:
            self.step()
        return self.record


@lean
def _forget(column, dead):
    """Nodes that are gone become -1; ``dead`` (N + 1,)."""
    for i in range(column.shape[0]):
        if dead[column[i]]:  # -1 is the last place, which is not marked
            column[i] = -1


@lean
def _sort_identities(ids, start, order):
    """Order of identities (hashes): by their first 12 bits into ``start`` (2**12 + 1), then each to its place among few."""
    first = np.uint64(52)
    for i in range(ids.shape[0]):
        start[np.int64(ids[i] >> first) + 1] += 1
    for k in range(1, start.shape[0]):
        start[k] += start[k - 1]
    for i in range(ids.shape[0]):
        k = np.int64(ids[i] >> first)
        order[start[k]] = i
        start[k] += 1
    for n in range(1, ids.shape[0]):
        i, at = order[n], n
        while at > 0 and ids[order[at - 1]] > ids[i]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = i


@lean
def _reach(rows, city, field, ids, city_cum, field_cum, slot, start, size, key, out):
    for i in range(rows.shape[0]):
        r = rows[i]
        out[i] = -1
        where, what = pick_two(city_cum[city[r], field[r]], field_cum[field[r]], uniform(key, ids[r], 500))
        if what >= 0:
            out[i] = draw_place(slot, start, size, where * field_cum.shape[2] + what, key, ids[r], 501)


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


def _write_state(path: Path, state: dict[str, np.ndarray]) -> None:
    """Keep a warm-up for other scenarios; where it cannot be written they play their own."""
    buffer = io.BytesIO()
    np.savez(buffer, **state)
    content = zlib.compress(buffer.getvalue(), 1)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        os.replace(temporary, path)
    except OSError as error:
        logging.getLogger(__name__).warning("the warm-up is not kept: %s", error)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _read_state(path: Path) -> dict[str, np.ndarray] | None:
    """The state, or None when the file is damaged (then the warm-up is run again)."""
    try:
        content = path.read_bytes()
    except OSError:  # removed meanwhile
        return None
    if len(content) < 33 or hashlib.sha256(content[32:]).digest() != content[:32]:
        return None
    with np.load(io.BytesIO(zlib.decompress(content[32:]))) as file:
        return dict(file)
