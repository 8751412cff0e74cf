"""Coordination: faithfulness of execution, information, co-finance, the division of labour."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change, city, play

from greaterbay.actors.invention import FIRST_USE, LABORATORY, PILOT, PROOF
from greaterbay.policy.coordination import ROLE_STAGES, execution, role_gains
from greaterbay.region.barriers import pair_barriers
from greaterbay.scenario.schema import LeverSetting


@pytest.fixture(scope="module")
def still(make_bay):
    """One released bay that is looked at, never stepped."""
    return make_bay()


def at_level(bay, level):
    bay.values.settings = [LeverSetting("coordination_level", float(level))]
    bay.values.refresh()
    return bay.values


@pytest.mark.parametrize("level", range(4))
def test_execution_follows_its_equation(still, level):
    p = still.parameters.coordination
    z = still.streams.normals("execution", 0, still.city_identity)
    expected = np.clip(
        p.fidelity + p.fidelity_gain * level + p.fidelity_sd * (1.0 - 0.3 * level) * z, 0.1, 1.0
    )
    assert execution(still, level) == pytest.approx(expected)
    assert z.size == 11 and np.unique(z).size == 11


def test_coordination_raises_and_evens_out_execution(make_bay):
    bay = change(make_bay(), {"coordination.fidelity": 0.5})  # no clipping
    done = [execution(bay, level) for level in range(4)]
    assert (np.diff([d.std() for d in done]) < 0).all()
    z = bay.streams.normals("execution", 0, bay.city_identity)
    middle = np.abs(z) < 1.0
    assert (np.diff([d[middle].mean() for d in done]) > 0).all()


def test_without_noise_all_cities_carry_out_the_same(make_bay):
    bay = change(make_bay(), {"coordination.fidelity_sd": 0})
    for level in range(4):
        done = execution(bay, level)
        assert (done == done[0]).all() and done[0] == pytest.approx(0.75 + 0.08 * level)


def test_execution_is_fixed_over_the_run(make_bay):
    bay = make_bay()
    before = execution(bay, 1)
    play(bay, 2)
    assert (execution(bay, 1) == before).all()


@pytest.mark.parametrize("level", range(4))
def test_a_level_lowers_the_policy_part_of_the_technology_barrier(still, level):
    relief = min(1.0, still.parameters.coordination.policy_relief * level)
    expected = pair_barriers(still.region, still.parameters, relief)
    values = at_level(still, level)
    for kind in ("technology", "talent", "finance"):
        assert (getattr(values, f"barrier_{kind}") == getattr(expected, kind)).all()
    assert values.coordination == level
    assert values.visibility == (still.parameters.coordination.visibility if level >= 1 else 0.0)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_no_division_of_labour_below_one_programme(still, level):
    assert not at_level(still, level).role_gain.any()


def test_roles_raise_their_stages_for_who_can_reach_them(still):
    values, region, p = at_level(still, 3), still.region, still.parameters
    near = np.exp(-values.travel_minutes[:11, :11] / p.conversion.reach_travel)
    through = near * np.clip(1.0 - values.barrier_technology[:11, :11], 0.0, 1.0)
    expected = np.zeros((11, 4))
    for name, role in region.roles:
        for stage in ROLE_STAGES[role]:
            expected[:, stage] += p.coordination.role_gain * through[:, city(still, name)]
    assert values.role_gain == pytest.approx(expected) and (expected > 0).any(axis=0).all()


def test_documented_roles_and_their_stages(still):
    roles = dict(still.region.roles)
    assert roles == {
        "guangzhou": "cultivate",
        "shenzhen": "demonstrate",
        "hong_kong": "overseas",
        "macao": "transfer",
    }
    assert ROLE_STAGES["cultivate"] == (LABORATORY, PROOF) and ROLE_STAGES["demonstrate"] == (
        PILOT,
        FIRST_USE,
    )


def test_a_role_behind_an_infinite_border_helps_its_own_side_alone(still):
    values = at_level(still, 3)
    values.barrier_technology = values.barrier_technology * 1e9
    gains, at = role_gains(still, values), still.region.jurisdiction_city
    # Guangzhou alone cultivates: the laboratory stage gains in Guangdong only
    assert (gains[at == at[0], LABORATORY] > 0).all() and (gains[at != at[0], LABORATORY] == 0).all()


def test_role_gain_zero_no_roles(make_bay):
    bay = change(make_bay(), {"coordination.role_gain": 0})
    assert not at_level(bay, 3).role_gain.any()


def test_coordination_costs_its_share_of_every_budget(make_bay):
    bay = make_bay({"coordination_level": 2})
    play(bay, 1)
    at = bay.coords()["lever"].index("coordination_level")
    paid = bay.record.arrays()["public_cost_lever"][0, :11, at]
    assert paid == pytest.approx(2 * 0.001 / 4.0 * bay.science_budget_now, rel=1e-5)


def test_information_exchange_shows_partners_across_the_border(make_bay):
    from greaterbay.exchange.partnering import find_partners

    total = []
    for visibility in (0.0, 5.0):
        bay = change(make_bay({"coordination_level": 1}), {"coordination.visibility": visibility})
        bay.values.refresh()
        find_partners(bay)
        at = bay.region.jurisdiction_city
        total.append(bay.tally.matrix("expected_ties")[:11, :11][at[:, None] != at[None, :]].sum())
    assert total[1] > 1.1 * total[0]


def test_governments_see_the_level_in_force(make_bay):
    from greaterbay.actors.agents import JurisdictionGovernmentAgent

    bay = make_bay({"coordination_level": 3})
    play(bay, 1)
    agents = bay.agents_by_type[JurisdictionGovernmentAgent]
    assert [agent.coordination for agent in agents] == [3, 3, 3]
