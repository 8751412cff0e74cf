"""Coordination: faithfulness of execution, information, co-finance, the division of labour."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change, city, crossing, play

from greaterbay.actors.invention import FIRST_USE
from greaterbay.exchange import conversion, market
from greaterbay.policy.coordination import (
    ROLES,
    barrier_to_role,
    cultivated,
    execution,
    platform_with_offers,
    role_cities,
    role_share,
    users_shown,
)
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
    z = still.streams.normals("execution", 0, still.world.city_identity)
    expected = np.clip(
        p.fidelity + p.fidelity_gain * level + p.fidelity_sd * (1.0 - 0.3 * level) * z, 0.1, 1.0
    )
    assert execution(still, level) == pytest.approx(expected)
    assert z.size == 11 and np.unique(z).size == 11


def test_coordination_raises_and_evens_out_execution(make_bay):
    bay = change(make_bay(), {"coordination.fidelity": 0.5})  # no clipping
    done = [execution(bay, level) for level in range(4)]
    assert (np.diff([d.std() for d in done]) < 0).all()
    z = bay.streams.normals("execution", 0, bay.world.city_identity)
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
    values = at_level(still, level)
    assert not values.division.any()
    barrier = values.barrier_technology[:11, :11]
    assert barrier_to_role(still, barrier, "overseas") is barrier and platform_with_offers(still) is values.matching_reach


def test_in_one_programme_the_role_cities_take_their_whole_roles(still):
    values = at_level(still, 3)
    assert values.division.tolist() == role_cities(still.region).tolist() and values.division.sum() == 4


def test_documented_roles(still):
    assert dict(still.region.roles) == {
        "guangzhou": "cultivate",
        "shenzhen": "demonstrate",
        "hong_kong": "overseas",
        "macao": "transfer",
    }
    assert set(ROLES) == set(dict(still.region.roles).values())


def divided(bay, share=1.0, **setting):
    bay.values.settings = [LeverSetting("division_of_labour", share, **setting)]
    bay.values.refresh()
    return bay.values.division


def test_the_lever_and_its_targets(still):
    done = execution(still, 0)
    assert divided(still) == pytest.approx(done)
    assert role_share(still, "demonstrate") == pytest.approx(done * role_cities(still.region, "demonstrate"))
    only = divided(still, cities=("macao",))
    assert np.flatnonzero(only).tolist() == [city(still, "macao")]
    assert not role_share(still, "cultivate").any() and role_share(still, "transfer").any()


def test_a_role_city_is_reached_through_a_lower_barrier(still):
    divided(still)
    barrier, p = still.values.barrier_technology[:11, :11], still.parameters.coordination
    there, done = city(still, "hong_kong"), execution(still, 0)
    found = barrier_to_role(still, barrier, "overseas")
    assert found[:, there] == pytest.approx(barrier[:, there] * (1.0 - p.role_relief * done[there]))
    others = np.arange(11) != there
    assert (found[:, others] == barrier[:, others]).all()


def test_overseas_links_and_trials_come_into_reach(make_bay):
    bay = make_bay()
    barrier = bay.values.barrier_technology[:11, :11]
    before, gains = market.overseas_reach(bay, barrier), conversion.stage_gains(bay)
    divided(bay, cities=("hong_kong",))
    after = market.overseas_reach(bay, barrier_to_role(bay, bay.values.barrier_technology[:11, :11], "overseas"))
    assert after > before
    change_ = conversion.stage_gains(bay) - gains
    at = bay.region.jurisdiction_city
    assert (change_[at == 0, :, FIRST_USE] > 0).all() and not change_[:, :, :FIRST_USE].any()
    assert not change_[city(bay, "hong_kong")].any()  # its own markets are there already


def test_staff_of_the_cultivating_city_comes_into_reach(make_bay):
    bay = make_bay()
    gains = conversion.stage_gains(bay)
    divided(bay, cities=("guangzhou",))
    change_ = conversion.stage_gains(bay) - gains
    at = bay.region.jurisdiction_city
    assert (change_[at != 0] > 0).all() and not change_[at == 0].any()


def test_results_in_reach_get_proof_of_concept(make_bay):
    bay, plain = make_bay({"division_of_labour": {"value": 1.0, "cities": ["guangzhou"]}}), make_bay()
    for one in (bay, plain):
        play(change(one, {"coordination.cultivation": 1.0}), 1)
    part = cultivated(bay)
    there = city(bay, "guangzhou")
    near = np.exp(-bay.values.travel_minutes[there, there] / bay.parameters.conversion.reach_travel)
    assert part[there, there] == pytest.approx(bay.parameters.coordination.cultivation * bay.values.division[there] * near)
    assert (np.delete(part, there, axis=1) == 0).all() and part[city(bay, "foshan"), there] > part[city(bay, "macao"), there] > 0
    new = (bay.inventions.alive == 1) & (bay.inventions.birth == bay.start)
    served = bay.inventions.served[new] == 1
    share = part.sum(axis=1)[bay.inventions.city[new]]
    weight = bay.inventions.weight[new]
    assert weight[served].sum() == pytest.approx((weight * share).sum(), rel=0.2)
    assert not plain.inventions.served[(plain.inventions.alive == 1) & (plain.inventions.birth == bay.start)].any()
    assert bay.record.arrays()["public_cost"][0].sum() > 0.9 * bay.parameters.conversion.proof_cost * weight[served].sum()


def test_lead_users_of_the_demonstrating_city_count_elsewhere(still):
    divided(still, cities=("shenzhen",))
    here = city(still, "shenzhen")
    near, lead = np.full((11, 11), 0.25), np.zeros((11, 2))
    np.fill_diagonal(near, 1.0)
    lead[here] = 8.0, 4.0
    found = users_shown(still, near, lead)
    assert not found[here].any()  # near already
    part = still.values.division[here]
    assert found[city(still, "zhaoqing")] == pytest.approx([0.75 * part * 8.0, 0.75 * part * 4.0])
    border = 1.0 - still.values.barrier_technology[city(still, "macao"), here]
    assert found[city(still, "macao")] == pytest.approx(0.75 * part * border * lead[here])


def test_demonstrations_are_paid_for_and_end_with_the_money(make_bay):
    bay = make_bay({"division_of_labour": 1.0})
    bay.values.refresh()
    bay.budgets.open_quarter()
    users = np.ones((11, 12))
    assert conversion.paid_demonstrations(bay, users) == pytest.approx(users)
    assert bay.budgets.used.sum() > 0
    bay.budgets.room[:] = 0.0
    assert not conversion.paid_demonstrations(bay, users).any()


def test_the_transfer_city_shows_offers_to_a_share_of_all_firms(still):
    part = divided(still, cities=("macao",))[city(still, "macao")]
    assert platform_with_offers(still) == pytest.approx(still.parameters.coordination.transfer_reach * part)


def test_levels_differ_in_what_they_change(still):
    """Alone, information, co-finance, one programme: fidelity, visibility, who pays, roles, cost; each level adds something."""
    spread, visible, roles, relief = [], [], [], []
    for level in range(4):
        values = at_level(still, level)
        spread.append(still.parameters.coordination.fidelity_sd * (1.0 - 0.3 * level))
        visible.append(values.visibility)
        roles.append(values.division.sum())
        relief.append(values.barrier_technology[:11, :11].sum())
        paid = values.behind.get("coordination", [])
        assert len(paid) == (level > 0)
    assert (np.diff(spread) < 0).all() and (np.diff(relief) < 0).all()
    assert visible == [0.0] + 3 * [still.parameters.coordination.visibility] and roles == [0, 0, 0, 4]


def test_co_finance_pays_both_sides_of_a_project_across_a_border(make_bay):
    total = []
    for level in (1, 2):
        bay = make_bay({"coordination_level": level, "joint_collaboration_fund": 0.3})
        play(bay, 6)
        record, at = bay.record.arrays(), crossing(bay)
        # acting alone, a project across a border gets the half of the firm's side only
        grants = sum(record[f"flow_capital_grant_{kind}"][:6, :11, :11].sum(axis=0) for kind in ("institute", "firm"))
        total.append(grants[at].sum())
    assert total[1] > 1.5 * total[0] > 0


def test_coordination_costs_its_share_of_every_budget(make_bay):
    bay = make_bay({"coordination_level": 2})
    play(bay, 1)
    at = bay.coords()["lever"].index("coordination_level")
    paid = bay.record.arrays()["public_cost_lever"][0, :11, at]
    assert paid == pytest.approx(2 * 0.001 / 4.0 * bay.public_money.science_budget_now, rel=1e-5)


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
