"""A bay can be copied, written away and branched: the other one goes on bit for bit, and neither disturbs the other."""

from __future__ import annotations

import copy
import pickle

import pytest

from greaterbay import Bay
from small_bay import differing, lever, record_bytes, small_scenario

END = "run.end=2025-12-31"
BUSY = (*lever("joint_collaboration_fund", 0.1, "2024-01-01"), *lever("alliance_sharing", 0.5, "2024-01-01"),
        *lever("hz_rd_subsidy", 1.0, "2024-01-01"), 'levers.hz_rd_subsidy.payer="city"')


def played(quarters: int, *overrides: str) -> Bay:
    bay = Bay(scenario=small_scenario(END, *overrides))
    for _ in range(quarters):
        bay.step()
    return bay


@pytest.fixture(scope="module")
def straight():
    """Eight quarters with levers, without a stop."""
    bay = played(0, *BUSY)
    bay.run_to_end()
    return record_bytes(bay)


@pytest.mark.parametrize("how", [Bay.copy, copy.deepcopy, lambda bay: pickle.loads(pickle.dumps(bay))], ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("quarters", [0, 3])
def test_a_copy_goes_on_bit_for_bit(straight, how, quarters):
    bay = played(quarters, *BUSY)
    other = how(bay)
    other.run_to_end()
    assert bay.quarter == bay.start + quarters and bay.record.filled == quarters
    bay.run_to_end()
    for one in (other, bay):
        assert differing(record_bytes(one), straight) == []


def test_neither_disturbs_the_other():
    bay = played(2, *BUSY)
    other, cash, parameters = bay.copy(), bay.firms.cash.copy(), bay.parameters.learning
    other.firms.cash[:] = 0.0
    other.parameters.learning = parameters._replace(alpha=0.0)
    other.values.barrier_technology[:] = 7.0
    assert (bay.firms.cash == cash).all() and bay.parameters.learning == parameters and bay.values.barrier_technology.max() < 7.0
    assert other.firms.view.cash is other.firms.cash and (other.firm(other.firms.alive_rows()[0]).cash == 0.0)


def test_agents_of_a_copy_belong_to_it():
    bay = played(1)
    other = bay.copy()
    assert len(other.agents) == len(bay.agents) and all(agent.model is other for agent in other.agents)
    assert other.steps == bay.steps == 1


# ---------------------------------------------------------------- branches


@pytest.mark.parametrize("more", [BUSY, ("run.cut='jurisdictions'",), lever("coordination_level", 3, "2024-01-01"),
                                  ("probes.humanoid_robots.start=2025-01-01",)], ids=["levers", "cut", "programme", "probe"])
def test_a_branch_at_the_release_is_the_run_from_the_start(more):
    whole = played(0, *more)
    whole.run_to_end()
    bay = played(0)
    found = bay.branch(small_scenario(END, *more))
    found.run_to_end()
    assert differing(record_bytes(found), record_bytes(whole)) == []
    assert bay.quarter == bay.start and bay.record.filled == 0


def test_a_branch_under_the_same_scenario_goes_on(straight):
    bay = played(3, *BUSY)
    found = bay.branch(bay.scenario)
    found.run_to_end()
    assert differing(record_bytes(found), straight) == []


def test_a_branch_is_the_run_whose_levers_start_now():
    """Before it the two are equal, so the record holds the past of both."""
    later = lever("joint_collaboration_fund", 0.1, "2024-10-01")
    whole = played(0, *later)
    whole.run_to_end()
    found = played(3).branch(small_scenario(END, *later))
    found.run_to_end()
    assert differing(record_bytes(found), record_bytes(whole)) == []


def test_a_branch_may_end_later_or_follow_fewer_probes():
    bay = played(4)
    found = bay.branch(small_scenario("run.end=2026-12-31"))
    found.run_to_end()
    assert found.record.filled == 12 and found.coords()["quarter"][-1] == "2026Q4"
    early = ("probes.early.city='macao'", "probes.early.field='intelligent_robots'", "probes.early.start=2024-04-01")
    followed = played(4, *early)
    users = [(followed.firms.adopted >> bit) & 1 for bit in (followed.technologies.names.index("early"), 0)]
    assert users[0].any() and users[1].any()
    left = followed.branch(small_scenario(END))
    assert "early" not in left.technologies.names and ((left.firms.adopted & 1) == users[1]).all()
    assert not (left.firms.adopted >> len(left.technologies.names)).any()
    left.run_to_end()


@pytest.mark.parametrize(("more", "message"), [
    (("run.scale=0.02",), "run.scale is 0.02, in the run that is branched 0.01"),
    (("run.start=2023-01-01",), "run.start"),
    (("parameters.learning.alpha=0.2",), "its parameters differ"),
    (("run.end=2024-03-31",), "it ends in 2024Q1, before the present quarter 2024Q4"),
    (("probes.new.city='macao'", "probes.new.field='quantum'", "probes.new.start=2024-04-01"), "new would have been launched in 2024Q2"),
])
def test_a_scenario_with_another_past_is_refused(more, message):
    with pytest.raises(ValueError, match=message):
        played(3).branch(small_scenario(*(END, *more)))
