"""Public money: budgets bind, costs are paid by whom the catalogue names, what is short is recorded."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change, city, play

from greaterbay.policy import catalogue
from greaterbay.policy.coordination import role_cities
from greaterbay.policy.levers import Contribution

LEVERS = list(catalogue.levers())
COSTLY = {
    "shared_facilities": 0.6,
    "information_platform": 0.6,
    "alliance_sharing": 0.6,
    "proof_of_concept": 0.6,
    "joint_collaboration_fund": 0.05,
    "guidance_fund": 0.3,
    "park_upgrading": 0.6,
}
FREE = ("technology_barrier", "talent_barrier", "finance_barrier")


def costs(bay, quarters):
    """Public cost by lever, quarters and cities."""
    return bay.record.arrays()["public_cost_lever"][:quarters, :11]


def short(bay, quarters, name):
    return bay.record.arrays()["lever_short"][:quarters, LEVERS.index(name)]


def test_no_levers_no_public_cost(bay):
    play(bay, 3)
    record = bay.record.arrays()
    assert not record["public_cost"][:3].any() and not record["public_cost_lever"][:3].any()
    assert not record["lever_short"][:3].any()


@pytest.mark.parametrize("name", FREE)
def test_rules_cost_nothing(make_bay, name):
    bay = play(make_bay({name: 0.5}), 2)
    assert not bay.record.arrays()["public_cost"][:2].any()


@pytest.mark.parametrize("name, value", COSTLY.items())
def test_the_city_of_the_actor_pays(make_bay, name, value):
    bay = make_bay({name: {"value": value, "cities": ["shenzhen"]}})
    play(bay, 3)
    paid, here = costs(bay, 3).sum(axis=0), city(bay, "shenzhen")
    at = LEVERS.index(name)
    assert paid[here, at] > 0 and paid.sum() == pytest.approx(paid[here, at])
    cost = bay.record.arrays()["public_cost"][:3, :11]
    assert cost.sum(axis=0) == pytest.approx(paid.sum(axis=1))


@pytest.mark.parametrize("name, value", COSTLY.items())
def test_a_lever_that_costs_more_than_there_is_is_paid_in_part(make_bay, name, value):
    bay = change(
        make_bay({name: value}), {"economy.policy_room": 1e-4 if name != "proof_of_concept" else 2e-2}
    )
    for _ in range(3):
        bay.step()
        room = bay.parameters.economy.policy_room * bay.public_money.science_budget_now / 4.0
        assert (bay.budgets.used.sum(axis=1)[:11] <= room + 1e-9).all() and bay.budgets.room.min() >= -1e-9
    lacking = short(bay, 3, name)
    assert (lacking > 0).all() and (lacking <= 1).all()
    used, wanted = bay.budgets.used.sum(), bay.budgets.wanted.sum()
    assert 0 <= used < wanted and lacking[2] == pytest.approx(1.0 - used / wanted, rel=1e-5)


def test_without_room_nothing_is_served(make_bay):
    bay = change(
        make_bay({name: value for name, value in COSTLY.items() if name != "shared_facilities"}),
        {"economy.policy_room": 0},
    )
    play(bay, 3)
    assert not bay.record.arrays()["public_cost"][:3].any()
    assert not bay.values.platform_reach.any()
    assert bay.values.alliance_sharing == pytest.approx(bay.parameters.partnering.alliance_base)
    assert bay.values.park_quality == pytest.approx(bay.region.park_quality_city)
    assert not bay.inventions.served[bay.inventions.birth >= bay.start].any()
    record = bay.record.arrays()
    assert not record["flow_capital_grant_institute"].any() and not record["flow_capital_guidance"].any()


def test_facilities_without_new_money_serve_as_many_as_before(make_bay):
    """Places that nobody pays for stay shut; those of 2020 stay open."""
    served = []
    for levers in ({}, {"shared_facilities": 0.6}):
        bay = change(make_bay(levers), {"economy.policy_room": 0})
        play(bay, 3)
        served.append(bay.record.arrays()["facility_projects"][:3, :11].sum())
    assert served[1] == pytest.approx(served[0], rel=0.1)


def test_what_coordination_lacks_is_recorded(make_bay):
    bay = change(make_bay({"coordination_level": 3}), {"economy.policy_room": 0})
    play(bay, 1)
    assert short(bay, 1, "coordination_level")[0] == pytest.approx(1.0)
    assert bay.record.arrays()["public_cost"][:1].sum() == 0


@pytest.mark.parametrize("levels, carried_out", [(0.0, 0), (0.9, 0), (1.5, 1), (2.5, 2), (9.5, 3)])
def test_a_level_of_coordination_that_does_not_fit_into_the_room_is_lowered(make_bay, levels, carried_out):
    """``levels``: how many levels the room of a quarter pays for."""
    bay = make_bay({"coordination_level": 3})
    cost = bay.parameters.coordination.cost_per_level
    change(bay, {"economy.policy_room": 4.0 * cost * levels})
    play(bay, 1)
    assert bay.values.coordination == carried_out
    assert bay.values.division.any() == (carried_out == 3)
    paid = costs(bay, 1)[0, :, LEVERS.index("coordination_level")]
    level, roles = cost * carried_out * bay.public_money.science_budget_now, role_cities(bay.region) > 0
    assert paid[~roles] == pytest.approx(level[~roles], rel=1e-5)
    # in one programme role cities also pay for what they offer to the others
    assert (paid[roles] > 1.5 * level[roles]).all() if carried_out == 3 else paid == pytest.approx(level, rel=1e-5)
    assert (paid <= bay.parameters.economy.policy_room * bay.public_money.science_budget_now / 4.0 * (1.0 + 1e-6)).all()


# ---------------------------------------------------------------- the two ways to pay


def open_budgets(bay, room):
    bay.budgets.open_quarter()
    bay.budgets.room[:] = room
    every_city = np.arange(11)
    for name, lever in catalogue.levers().items():
        payers = np.zeros((11, bay.budgets.payers))
        payers[every_city, every_city] = 1.0
        bay.values.behind[lever.named_value] = [Contribution(LEVERS.index(name), np.ones(11), payers)]
    return bay.budgets


def test_services_by_city_are_paid_as_far_as_the_room_goes(bay):
    budgets = open_budgets(bay, 10.0)
    cost = np.zeros(11)
    cost[:3] = 5.0, 10.0, 40.0
    share = budgets.pay_by_city("platform_reach", cost)
    assert share[:3] == pytest.approx([1.0, 1.0, 0.25]) and (share[3:] == 1.0).all()
    assert budgets.room[:3] == pytest.approx([5.0, 0.0, 0.0]) and (budgets.room[3:] == 10.0).all()
    assert budgets.used.sum() == pytest.approx(25.0) and budgets.wanted.sum() == pytest.approx(55.0)
    assert bay.ledger.flow("lever").sum() == pytest.approx(25.0)
    # a second lever of the same city finds nothing left
    assert budgets.pay_by_city("park_upgrade", cost)[2] == 0.0


def test_single_services_are_paid_in_the_order_of_identity(bay):
    budgets = open_budgets(bay, 10.0)
    where = np.array([0, 0, 0, 1])
    cost = np.array([6.0, 6.0, 4.0, 3.0])
    identity = np.array([30, 10, 20, 5], np.uint64)
    paid = budgets.pay_for_service("proof_coverage", where, cost, identity)
    assert paid.tolist() == [False, True, True, True]
    assert budgets.room[0] == pytest.approx(0.0) and budgets.room[1] == pytest.approx(7.0)
    assert budgets.wanted[0].sum() == pytest.approx(16.0) and budgets.used[0].sum() == pytest.approx(10.0)


def test_paying_leaves_a_government_as_rich_as_before(bay):
    budgets = open_budgets(bay, 10.0)
    before = bay.public_money.government_cash.copy()
    budgets.pay_by_city("park_upgrade", np.full(11, 3.0))
    assert bay.public_money.government_cash == pytest.approx(before)  # policy money is raised for the purpose
    paid, payers = budgets.transfer("guidance_share", np.full(11, 9.0))
    assert paid == pytest.approx(7.0)
    ((place, part),) = payers
    assert place.tolist() == list(range(11)) and part == pytest.approx(1.0)


def test_nothing_asked_nothing_paid(bay):
    budgets = open_budgets(bay, 10.0)
    assert (budgets.pay_by_city("park_upgrade", np.zeros(11)) == 1.0).all()
    assert not budgets.used.any() and bay.ledger.flow("lever").sum() == 0


# ---------------------------------------------------------------- the revenue rule


def test_science_budgets_follow_output(bay):
    """B(t) = B(2020) * Y(t) / Y(2020)."""
    play(bay, 3)
    output = bay.record.arrays()["output"][:3, :11]
    # the budget of a quarter is set from the output of the quarter before
    start = bay.region.output_city / 4.0
    assert bay.public_money.science_budget_now == pytest.approx(
        bay.region.science_budget_city * output[1] / start, rel=1e-5
    )


def test_room_is_a_share_of_the_science_budget(bay):
    change(bay, {"economy.policy_room": 0.25})
    bay.budgets.open_quarter()
    budget = bay.public_money.science_budget_now / 4.0
    assert bay.budgets.room[:11] == pytest.approx(0.25 * budget)
    mainland = bay.region.jurisdiction_city == 0
    p = bay.parameters.economy
    assert bay.budgets.room[11] == pytest.approx(p.jurisdiction_room * budget[mainland].sum())
    assert bay.budgets.room[14] == pytest.approx(p.nation_room * budget.sum())


# ---------------------------------------------------------------- payers above the cities


def payer_costs(make_bay, **setting):
    bay = play(make_bay({"park_upgrading": {"value": 0.6, **setting}}), 2)
    record = bay.record.arrays()
    at = LEVERS.index("park_upgrading")
    return bay, record["public_cost_lever"][1, :, at], record["public_cost"][1]


def test_a_jurisdiction_pays_from_its_seat(make_bay):
    bay, by_payer, by_place = payer_costs(make_bay, payer="jurisdiction")
    seat = bay.world.jurisdiction_seat
    alone = [city(bay, name) for name in ("hong_kong", "macao")]
    assert by_payer[11] > 0 and by_payer[12:].sum() == 0  # a city that is a jurisdiction has one purse
    assert by_payer[:11].sum() == pytest.approx(by_payer[alone].sum())
    assert by_place[seat[0]] == pytest.approx(by_payer[11])
    _, plain, _ = payer_costs(make_bay)
    assert by_payer.sum() == pytest.approx(plain.sum(), rel=1e-5)


def test_a_named_jurisdiction_pays_for_its_own_cities_only(make_bay):
    bay, by_payer, _ = payer_costs(make_bay, payer="guangdong")
    assert by_payer[11] > 0 and by_payer.sum() == pytest.approx(by_payer[11])
    changed = bay.values.park_upgrade > 0
    assert (changed == (bay.region.jurisdiction_city == 0)).all()


def test_the_nation_pays_from_the_rest_of_china(make_bay):
    bay, by_payer, by_place = payer_costs(make_bay, payer="nation")
    assert by_payer[14] > 0 and by_payer.sum() == pytest.approx(by_payer[14])
    assert by_place[bay.region.place_ids.index("rest_of_china")] == pytest.approx(by_payer[14])


def test_reallocated_money_is_missing_elsewhere(make_bay):
    """What levers took last quarter is cut from grants and core funding; additional money cuts nothing."""
    found = []
    for extra in ((), ("financing='reallocated'",)):
        bay = play(make_bay({"park_upgrading": 0.6}, extra=extra), 4)
        record = bay.record.arrays()
        found.append((record["rd_public"][3, :11].sum(), record["public_cost"][2].sum(), bay.public_money.cut_city.sum()))
    (plain, _, none), (cut, spent, taken) = found
    assert none == 0.0 and taken == pytest.approx(spent, rel=1e-5)
    assert plain - cut == pytest.approx(spent, rel=0.35) and cut < plain
