"""The quarter: named calls under headings, in this order, and nothing else.

All actors read the state at the beginning of a phase and the phase's entry writes it (synchronous phases), so the order
of actors inside a phase does not matter. Beside each call stands what it reads (groups of state) and what it writes (members,
``state.csv``; ``firms.*`` is every column, because rows are added or removed); a test holds every call to it. Heavy modules
are imported when the timeline is first played, so that the list can be shown quickly.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from greaterbay import state


class Call(NamedTuple):
    """One call (``module:function`` inside the package): groups it reads, members it writes."""

    name: str
    reads: str
    writes: str


class Phase(NamedTuple):
    """One heading of the quarter with the calls under it."""

    number: int
    title: str
    title_zh: str
    calls: tuple[Call, ...]


PHASES = (
    Phase(1, "Governments act", "政府行动", (
        Call("policy.government:set_budgets",
             reads="institutes economy public_money budgets ledger",
             writes="public_money.government_cash public_money.science_budget_now public_money.cut_city public_money.cut_above "
                    "budgets.* ledger.*"),
        Call("policy.government:set_levers",
             reads="world firms institutes people inventions prices labour public_money values budgets instruments ledger",
             writes="institutes.grant_cash institutes.cash public_money.government_cash public_money.money_path "
                    "public_money.extra_budget values.all budgets.* instruments.memory ledger.*"))),
    Phase(2, "People move", "人才流动", (
        Call("exchange.mobility:move_people",
             reads="world reference firms institutes people places network prices labour economy public_money values budgets "
                   "ledger stocks tally",
             writes="firms.staff firms.skill firms.heads firms.posts firms.vacancies firms.capability firms.past "
                    "institutes.staff institutes.skill institutes.heads institutes.posts institutes.vacancies institutes.cash "
                    "institutes.grant_cash institutes.past people.* prices.* labour.* budgets.* ledger.* stocks.people_in "
                    "stocks.people_out tally.all"),)),
    Phase(3, "Partners find each other", "寻找合作", (
        Call("exchange.partnering:find_partners",
             reads="world firms institutes ties places network values tally",
             writes="firms.degree firms.past institutes.degree institutes.tie_places institutes.past ties.* network.nodes "
                    "network.adjacency network.consortium_node tally.all"),)),
    Phase(4, "Knowledge is made and shared", "知识创造与共享", (
        Call("exchange.learning:share_knowledge",
             reads="world reference firms institutes inventions ties network values tally",
             writes="firms.capability firms.absorptive firms.access firms.learned firms.learned_core firms.inventions "
                    "institutes.capability institutes.access institutes.inventions inventions.* tally.all"),)),
    Phase(5, "Results are converted", "成果转化", (
        Call("exchange.conversion:convert",
             reads="world firms institutes people funds inventions ties places network technologies capital values budgets "
                   "instruments ledger tally",
             writes="firms.cash funds.cash inventions.* technologies.arrivals capital.patient_left budgets.* "
                    "instruments.memory ledger.* tally.all"),)),
    Phase(6, "Technology is transferred", "技术转移", (
        Call("exchange.transfer:transfer_technology",
             reads="world firms institutes inventions network values ledger tally",
             writes="firms.productivity firms.cash firms.imports institutes.cash inventions.owner inventions.developer "
                    "inventions.stage inventions.entered inventions.progress inventions.served inventions.funded "
                    "inventions.insured ledger.* tally.all"),)),
    Phase(7, "Money flows", "资金流动", (
        Call("exchange.finance:move_money",
             reads="world firms institutes funds inventions ties prices economy public_money values budgets instruments "
                   "ledger tally",
             writes="firms.cash firms.loan firms.grant_cash firms.grant_response firms.grants_before firms.rounds firms.fund "
                    "firms.invested firms.invested_public firms.invested_quarter institutes.rd_paid institutes.cash "
                    "institutes.grant_cash funds.cash funds.committed funds.budget funds.ends public_money.government_cash "
                    "public_money.grant_left public_money.joint_left values.all budgets.* instruments.memory ledger.* "
                    "tally.all"),)),
    Phase(8, "Markets decide", "市场竞争", (
        Call("exchange.market:decide_markets",
             reads="world reference firms institutes people funds inventions ties places network technologies prices economy "
                   "public_money values budgets instruments ledger tally",
             writes="firms.* institutes.past people.city people.employer people.former funds.cash funds.committed "
                    "inventions.owner inventions.partner inventions.developer ties.* places.* network.nodes network.adjacency "
                    "network.alliance_member network.alliance_count economy.market_now economy.effective "
                    "economy.productivity_city public_money.government_cash budgets.* instruments.memory ledger.* tally.all"),)),
    Phase(9, "Technologies spread", "技术扩散", (
        Call("exchange.diffusion:spread_technologies",
             reads="world reference firms institutes inventions network technologies economy values budgets instruments "
                   "ledger tally",
             writes="firms.adopted firms.productivity firms.cash technologies.tracked economy.adoption_gain_city budgets.* "
                    "instruments.memory ledger.* tally.all"),)),
    Phase(10, "The books close", "账目结清", (
        Call("books:close_quarter",
             reads="world reference firms institutes people funds inventions ties places network prices economy public_money "
                   "values budgets instruments ledger stocks tally record",
             writes="economy.output_ratio stocks.people_total stocks.inventions_total stocks.in_market_total stocks.by_city "
                    "tally.all record.all"),)),
)


def written_by(call: Call) -> set[str]:
    """Members that a call writes, as ``group.name``; ``firms.*`` stands for every column."""
    found = set()
    for name in call.writes.split():
        group, _, member = name.partition(".")
        found |= {m.id for m in state.table()[group].values()} if member == "*" else {name}
    return found


def writers() -> dict[str, list[int]]:
    """Numbers of the phases that write each member (``group.name``)."""
    found: dict[str, list[int]] = {member.id: [] for group in state.table().values() for member in group.values()}
    for phase in PHASES:
        for member in set().union(*map(written_by, phase.calls)):
            found[member].append(phase.number)
    return found


def calls() -> list[tuple[Phase, Callable[[Any], None]]]:
    """The functions of the quarter in order."""
    found = []
    for phase in PHASES:
        for call in phase.calls:
            module, function = call.name.split(":")
            found.append((phase, getattr(importlib.import_module(f"greaterbay.{module}"), function)))
    return found


def play(bay) -> None:
    """Play one quarter; the time of each phase is added to ``bay.timings`` (seconds).

    After each call ``bay.watch(bay, phase number)`` is called where somebody watches; a watcher reads and changes nothing.
    """
    for phase, call in calls():
        begin = time.perf_counter()
        call(bay)
        bay.timings[phase.number] = bay.timings.get(phase.number, 0.0) + time.perf_counter() - begin
        if bay.watch is not None:
            bay.watch(bay, phase.number)
