"""Branching: an independent bay that goes on under another scenario from the present quarter.

What has happened stays: stocks, ties, money, knowledge, technologies in use, awards that were promised under the same terms.
What the new scenario says holds from here on: levers, events, mechanisms, end, cut, probes. At the release the branch is the run
of the new scenario from its start, bit for bit. Seed and replicate are those of the bay, whatever the scenario names.
"""

from __future__ import annotations

import copy

import numpy as np

from greaterbay import clock, warm_up
from greaterbay.build import list_technologies, open_record
from greaterbay.mechanisms import Mechanisms
from greaterbay.policy.instruments import Instruments
from greaterbay.policy.levers import Values

SAME = ("region", "start", "scale", "posterior")


def branch(bay, scenario):
    """See ``Bay.branch``."""
    from greaterbay.scenario.load import load_scenario
    from greaterbay.scenario.schema import Scenario

    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    check(bay, scenario)
    new = copy.deepcopy(bay)
    was_cut = new.world.cut_pairs is not None
    new.scenario, new.end, new.mechanisms = scenario, scenario.run.end, Mechanisms(scenario.mechanisms)
    take_probes(new, bay)
    take_levers(new, bay)
    if scenario.run.cut != "none" and not was_cut:
        warm_up.cut_apart(new)
    new.running = new.quarter <= new.end
    return new


def check(bay, scenario) -> None:
    """Refuse a scenario that would have had another past."""
    here, there = bay.scenario.run, scenario.run
    problems = [f"run.{name} is {getattr(there, name)!r}, in the run that is branched {getattr(here, name)!r}"
                for name in SAME if getattr(here, name) != getattr(there, name)]
    if bay.scenario.parameters_of(bay.replicate) != scenario.parameters_of(bay.replicate):
        problems.append("its parameters differ from those of the run that is branched")
    if here.cut != "none" and there.cut == "none":
        problems.append("the run that is branched is cut apart, and its ties are gone")
    if scenario.run.end < bay.quarter - 1:
        problems.append(f"it ends in {clock.label(scenario.run.end)}, before the present quarter {bay.label}")
    launched = {probe.name: probe for probe in bay.technologies.probes if probe.launch < bay.quarter}
    for probe in scenario.probes.values():
        if probe.quarter < bay.quarter and probe.id not in launched:
            problems.append(f"probe {probe.id} would have been launched in {clock.label(probe.quarter)}, before {bay.label}")
        elif probe.id in launched and probe.quarter != launched[probe.id].launch:
            problems.append(f"probe {probe.id} was launched in {clock.label(launched[probe.id].launch)}, not {clock.label(probe.quarter)}")
    if problems:
        raise ValueError(f"{bay.scenario.id} cannot go on as {scenario.id}: " + "; ".join(problems))


def take_probes(new, bay) -> None:
    """Slots of the new scenario's probes: users of a probe launched before keep it, other probes are forgotten."""
    before, fields = bay.technologies, [t for t, kind in enumerate(bay.technologies.kinds) if kind == "field"]
    list_technologies(new)
    found = new.technologies
    found.arrivals = before.arrivals.copy()
    moves = {t: t for t in fields}
    moves |= {before.names.index(probe.name): probe.slot for probe in found.probes if probe.name in before.names}
    adopted = np.zeros_like(new.firms.adopted)
    for old, slot in moves.items():
        technology = before.tracked[old]
        if technology is not None:
            found.tracked[slot] = technology._replace(bit=slot)
        adopted |= ((new.firms.adopted >> np.uint64(old)) & np.uint64(1)) << np.uint64(slot)
    new.firms.adopted[:] = adopted
    open_record(new)
    new.record.take(bay.record, {slot: old for old, slot in moves.items()})


def take_levers(new, bay) -> None:
    """Levers of the new scenario; travel times, what applicants saw, and awards under the same terms go on."""
    old_values, old_instruments = bay.values, bay.instruments
    new.values = Values(new)
    new.values.travel_now = old_values.travel_now.copy()
    new.values.joint_fund_chance[:] = old_values.joint_fund_chance
    new.values.refresh()
    new.instruments = Instruments(new)
    new.instruments.take(old_instruments)

