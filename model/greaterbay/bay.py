"""The bay: one replicate of one scenario, a Mesa model.

``Bay`` holds the groups of state (``state.py``), what does not move (region, parameters, scenario, streams) and the record,
and plays the timeline. The world is built in ``build.py``, warmed up and released in ``warm_up.py``. Cities, institutes, funds
and governments are registered Mesa agents that read and write their row; firms and people are views made on request. Draws
come from keyed streams only (``streams.py``): Mesa's own random numbers are never used for results.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping

import mesa
import numpy as np

from greaterbay import checked, clock, warm_up
from greaterbay.actors.agents import FirmView, PersonRow
from greaterbay.actors.firm import Firms
from greaterbay.actors.fund import Funds
from greaterbay.actors.institute import Institutes
from greaterbay.actors.invention import Inventions, Ties
from greaterbay.actors.person import People
from greaterbay.actors.places import Places
from greaterbay.branch import branch
from greaterbay.build import build, register_agents
from greaterbay.clock import WARM_UP_QUARTERS
from greaterbay.exchange import entry
from greaterbay.ledger import Ledger, LedgerError
from greaterbay.mechanisms import Mechanisms, choices
from greaterbay.parameters import Parameters
from greaterbay.policy import catalogue
from greaterbay.policy.budgets import Budgets
from greaterbay.policy.instruments import Instruments
from greaterbay.policy.levers import Values
from greaterbay.record import Record, Tally
from greaterbay.region import load_region
from greaterbay.scenario.load import load_scenario
from greaterbay.scenario.schema import Scenario
from greaterbay.state import Group
from greaterbay.streams import Streams
from greaterbay.timeline import play

# what Mesa keeps of a model, made anew when a bay is copied
_OF_MESA = ("random", "rng", "_rng", "_seed", "step", "_user_step", "_agents", "_agents_by_type", "_all_agents", "government_agents",
            "fund_agents")


class Bay(mesa.Model):
    """One replicate of one scenario.

    Attributes of interest: ``firm(i)``, ``person(i)``, ``record``, ``quarter``, ``label``, ``running`` (False at the end), and the
    groups of state, ``bay.firms.cash`` or ``bay.prices.wage_city`` (``greaterbay show --state`` lists them).
    ``copy()``, ``copy.deepcopy`` and ``pickle`` give an independent bay that goes on bit for bit.

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
    mechanisms
        Other forms of mechanisms by id, on top of the scenario's: ``"off"``, ``"on"``, a function, or ``"MODULE:NAME"``
        (``greaterbay.mechanisms``); ``MechanismError`` says what does not fit.
    warm_folder
        Folder in which the warm-up state is kept for other scenarios of the same replicate; None keeps it in memory only.
    """

    firms: Firms
    institutes: Institutes
    people: People
    funds: Funds
    inventions: Inventions
    ties: Ties
    places: Places
    world: Group
    reference: Group
    prices: Group
    labour: Group
    economy: Group
    capital: Group
    public_money: Group
    network: Group
    technologies: Group
    stocks: Group
    values: Values
    budgets: Budgets
    instruments: Instruments
    ledger: Ledger
    tally: Tally
    record: Record

    def __init__(self, *, scenario: Scenario | str | os.PathLike = "baseline", seed: int | None = None, replicate: int = 0,
                 parameters: dict[str, float] | None = None, mechanisms: Mapping[str, object] | None = None,
                 warm_folder: str | os.PathLike | None = None):
        super().__init__(seed=0)
        seed, replicate = None if seed is None else checked.integer("seed", seed), checked.replicate(replicate)
        self.scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        run = self.scenario.run
        self.region = load_region(run.region)
        self.parameters = Parameters({**self.scenario.parameters_of(replicate), **(parameters or {})})
        self.seed_used = run.seed if seed is None else seed % 2**63
        self.replicate, self.scale = replicate, float(run.scale)
        self.streams = Streams(self.seed_used, self.replicate)
        chosen = choices({**self.scenario.mechanisms, **(mechanisms or {})})
        self.mechanisms = Mechanisms()  # the warm-up is the same for all
        self.start, self.end = run.start, run.end
        self.timings: dict[int, float] = {}
        self.watch = None  # called after each phase, to measure what a quarter's end no longer shows
        self.warming = True
        self.quarter = self.start - WARM_UP_QUARTERS
        build(self)
        warm_up.warm_up(self, warm_folder)
        warm_up.release(self)
        self.mechanisms = Mechanisms(chosen)

    # ---------------------------------------------------------------- stepping

    def step(self) -> None:
        """Play one quarter; ``running`` becomes False after the last."""
        if self.quarter > self.end:
            self.running = False
            return
        self._grow_outside()
        self.play_quarter()
        self.quarter += 1
        self.running = self.quarter <= self.end

    def play_quarter(self) -> None:
        """Open the books of the present quarter and play the timeline; an error names the quarter."""
        stocks = self.stocks
        self.tally.open_quarter()
        self.ledger.open_quarter()
        stocks.people_in = stocks.people_out = 0.0
        stocks.people_before, stocks.inventions_before, stocks.in_market_before = (
            stocks.people_total, stocks.inventions_total, stocks.in_market_total)
        stocks.by_city_before = stocks.by_city
        stocks.firms_before = float(self.firms.weight[self.firms.alive == 1].sum())
        try:
            play(self)
        except (LedgerError, FloatingPointError) as error:
            raise type(error)(f"{self.label}: {error}") from error

    def _grow_outside(self) -> None:
        """Exogenous growth of this quarter: economy, markets by field, moving frontier."""
        p, region, economy = self.parameters.economy, self.region, self.economy
        years = (self.quarter - self.start) / 4.0
        fade = float(np.clip(1.0 - years / p.fade_years, 0.0, 1.0))
        growth = p.growth_end + (p.growth_start - p.growth_end) * fade
        # parameters are per quarter here; region tables are per year
        economy.growth_now = growth if self.quarter > self.start else 0.0
        economy.growth_level *= np.exp(economy.growth_now)
        if self.quarter > self.start:
            field = p.growth_end + (region.market_growth_field / 4.0 - p.growth_end) * fade
            economy.market_growth = economy.market_growth * np.exp(np.log1p(field))
            economy.frontier_field = economy.frontier_field * np.exp(region.frontier_growth_field / 4.0 * p.frontier_pass)

    def run_to_end(self) -> Record:
        """Step until the end and return the record."""
        while self.running:
            self.step()
        return self.record

    # ---------------------------------------------------------------- views

    @property
    def label(self) -> str:
        """Label of the present quarter, such as 2026Q1."""
        return clock.label(self.quarter)

    def coords(self) -> dict[str, list[str]]:
        """Labels of every dimension of the record."""
        region = self.region
        return {
            "quarter": [clock.label(q) for q in range(self.start, self.end + 1)],
            "city": list(region.place_ids), "city_to": list(region.place_ids), "field": list(region.field_ids),
            "kind": ["startup", "small", "leader"], "stage": ["laboratory", "proof_of_concept", "pilot", "first_use", "market"],
            "entry_channel": list(entry.CHANNELS),
            "technology": list(self.technologies.names), "technology_kind": list(self.technologies.kinds),
            "lever": list(catalogue.levers()), "payer": list(self.budgets.payer_ids),
        }

    def firm(self, row: int) -> FirmView:
        """View of a simulated firm (row of the firm table)."""
        return FirmView(self, self.firms, checked.integer("row", row, 0, self.firms.capacity - 1))

    def person(self, row: int) -> PersonRow:
        """View of a simulated person (row of the people table)."""
        return PersonRow(self, self.people, checked.integer("row", row, 0, self.people.capacity - 1))

    # ---------------------------------------------------------------- copies

    def copy(self) -> Bay:
        """An independent bay in the same state; nobody watches it."""
        return copy.deepcopy(self)

    def branch(self, scenario: Scenario | str | os.PathLike) -> Bay:
        """An independent bay that goes on under another scenario (a ``Scenario``, a path or a library id) from the present quarter.

        Region, scale, start and parameters must be the same (``ValueError`` says what is not); seed and replicate stay.
        """
        return branch(self, scenario)

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name not in (*_OF_MESA, "watch")}

    def __setstate__(self, state: dict) -> None:
        mesa.Model.__init__(self, seed=0)
        self.__dict__.update(state)
        self.watch = None
        register_agents(self)
