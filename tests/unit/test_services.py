"""Service chain, demonstration projects, exchange for rights, standards, insurance, new laboratories, diffusion of results."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change, city, play

from greaterbay.actors.firm import LEADER
from greaterbay.actors.invention import ABANDONED, FIRST_USE, LABORATORY, MARKET, PILOT, PROOF
from greaterbay.actors.network import kind_of_node
from greaterbay.exchange import conversion, developers, diffusion, facilities, insurance, learning, pilots, services, transfer
from greaterbay.measures import city_sales
from greaterbay.policy import catalogue

LEVERS = list(catalogue.levers())


def ready(bay, room=None):
    """Levers take their value and budgets open, nothing else of the quarter is played."""
    bay.values.refresh()
    bay.budgets.open_quarter()
    if room is not None:
        bay.budgets.room[:] = room
    return bay


def paid_for(bay, name):
    return float(bay.budgets.used[:, LEVERS.index(name)].sum())


def waiting_results(bay):
    """Results of institutes past the laboratory that have neither co-owner nor developer."""
    t = bay.inventions
    rows = np.flatnonzero((t.alive == 1) & (t.stage < MARKET) & (t.developer < 0))
    t.stage[rows], t.partner[rows], t.entered[rows] = PROOF, -1, bay.quarter
    return rows


# ---------------------------------------------------------------- service chain


def test_without_a_chain_nothing_is_shown(bay):
    assert services.pass_along(ready(bay)) is None


def test_a_chain_takes_up_its_share_for_life_half_of_what_nobody_served(make_bay):
    bay = ready(make_bay({"service_alliance": 1.0}))
    t, share = bay.inventions, bay.values.service_chain
    rows = np.flatnonzero((t.alive == 1) & (t.owner >= 0) & (t.owner < bay.institutes.capacity))
    t.served[rows] = np.arange(rows.size) % 2
    found, expected = services.in_chain(bay, rows), share[t.city[rows]] * np.where(t.served[rows] == 1, 1.0, 0.5)
    for part in (t.served[rows] == 1, t.served[rows] == 0):
        sd = np.sqrt((expected * (1.0 - expected))[part].sum())
        assert abs(found[part].sum() - expected[part].sum()) < 4.0 * sd
    bay.quarter += 1
    assert (services.in_chain(bay, rows) == found).all()
    t.served[rows] = 1
    assert (services.in_chain(bay, rows) | ~found).all()  # who is served later stays in


def test_what_is_shown_waits_and_is_paid_for(make_bay):
    bay = ready(make_bay({"service_alliance": 1.0}), 1e6)
    waiting_results(bay)
    shown, t = services.pass_along(bay), bay.inventions
    no_developer = (t.stage >= PROOF) & (t.stage <= FIRST_USE) & (t.developer < 0)
    no_money = (t.stage == PILOT) & (t.funded == 0)
    assert shown.any() and (no_developer | no_money)[shown].all()
    assert paid_for(bay, "service_alliance") == pytest.approx(t.weight[shown].sum() * bay.parameters.conversion.chain_cost)
    poor = ready(make_bay({"service_alliance": 1.0}), 0.0)
    waiting_results(poor)
    assert not services.pass_along(poor).any()


def test_shown_results_find_developers_sooner_and_nobody_later(make_bay):
    plain, chained = make_bay(), make_bay()
    rows = waiting_results(plain)
    assert (waiting_results(chained) == rows).all()
    shown = np.zeros(chained.inventions.capacity, bool)
    shown[rows[::2]] = True
    developers.find_developers(plain)
    developers.find_developers(chained, shown)
    one, two = plain.inventions.developer, chained.inventions.developer
    assert (two[one >= 0] == one[one >= 0]).all()
    more = (two >= 0) & (one < 0)
    assert more.sum() > 5 and shown[more].all()


def test_money_left_is_offered_elsewhere_through_the_border_only():
    left, need = np.array([100.0, 0.0, 10.0]), np.array([0.0, 30.0, 10.0])
    through = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 1.0], [0.0, 1.0, 1.0]])
    offered = services.offers_elsewhere(left, need, through)
    assert (np.diag(offered) == 0).all() and offered[0, 2] == 0.0 and not offered[1].any()
    assert offered[0, 1] == pytest.approx(50.0) and offered[2, 1] == pytest.approx(10.0)
    assert (offered.sum(axis=1) <= left + 1e-12).all()


def test_pilots_in_the_chain_are_paid_by_investors_of_other_cities(make_bay):
    """Funds of Guangzhou alone have money: without the chain pilots elsewhere get what was meant for them, with it more."""
    funded = []
    for chained in (False, True):
        bay = make_bay()
        t, count = bay.inventions, bay.institutes.capacity
        rows = np.flatnonzero((t.alive == 1) & (t.stage == LABORATORY) & (t.developer >= count))
        t.stage[rows], t.funded[rows], t.progress[rows] = PILOT, 0, 0.0
        bay.firms.cash[:] = 0.0
        bay.capital.patient_left[:] = 0.0
        change(bay, {"conversion.patient_share": 0.5, "conversion.pilot_cost": 8.0})
        there = city(bay, "guangzhou")
        bay.firms.city[bay.firms.city == there] = city(bay, "shenzhen")  # nobody at home to spend it on
        bay.funds.cash[bay.funds.city != there] = 0.0
        before = bay.funds.cash.sum()
        shown = np.zeros(t.capacity, bool)
        shown[rows] = True
        pilots.fund_pilots(bay, shown if chained else None)
        assert before - bay.funds.cash.sum() == pytest.approx(bay.ledger.flow("patient").sum())
        assert bay.ledger.flow("patient").sum() == pytest.approx(bay.ledger.flow("pilot").sum())
        assert bay.capital.patient_left.min() >= 0.0
        funded.append(float(t.weight[rows][t.funded[rows] == 1].sum()))
    assert funded[1] > 1.05 * funded[0] > 0.0


def test_pilots_that_are_shown_come_first(make_bay):
    bay = make_bay()
    t, count = bay.inventions, bay.institutes.capacity
    rows = np.flatnonzero((t.alive == 1) & (t.stage == LABORATORY) & (t.developer >= count))
    t.stage[rows], t.funded[rows] = PILOT, 0
    bay.firms.cash[:] = 0.0
    shown = np.zeros(t.capacity, bool)
    shown[rows[::2]] = True
    pilots.fund_pilots(bay, shown)
    assert t.funded[rows[::2]].mean() > 2.0 * t.funded[rows[1::2]].mean()


# ---------------------------------------------------------------- stated needs


def test_results_are_shown_to_firms_that_stated_a_need(make_bay):
    bay = ready(make_bay({"demand_led_projects": {"value": 1.0, "cities": ["shenzhen"]}}))
    change(bay, {"conversion.institute_developer": 0, "conversion.demand_match": 1})
    rows, t, count = waiting_results(bay), bay.inventions, bay.institutes.capacity
    developers.find_developers(bay)
    found = t.developer[rows][t.developer[rows] >= 0] - count
    assert found.size > 5 and (bay.firms.city[found] == city(bay, "shenzhen")).all()


# ---------------------------------------------------------------- demonstration projects


def test_the_best_are_chosen_until_the_quota_and_the_mean_is_kept():
    city_, weight = np.array([0, 0, 0, 1]), np.array([2.0, 2.0, 2.0, 5.0])
    order = np.array([2, 0, 1, 3])
    share = np.zeros(4)
    for k in range(1000):
        share += services.choose_best(order, city_, weight, np.array([3.0, 1.0]), np.full(4, (k + 0.5) / 1000))
    assert share / 1000 == pytest.approx([0.5, 0.0, 1.0, 0.2])


def first_uses(bay):
    """Pilots of firms that begin their first use now."""
    t = bay.inventions
    rows = np.flatnonzero((t.alive == 1) & (t.stage <= PILOT) & (t.developer >= bay.institutes.capacity))
    t.stage[rows] = FIRST_USE
    return rows


def test_demonstration_projects_are_the_best_and_their_grants_arrive(make_bay):
    bay = ready(make_bay({"demonstration_projects": {"value": 0.3, "cities": ["shenzhen"]}}), 1e6)
    change(bay, {"conversion.demonstration_grant": 6.0})
    rows, t, firms, count = first_uses(bay), bay.inventions, bay.firms, bay.institutes.capacity
    before = float((firms.cash * firms.weight)[firms.alive == 1].sum())
    services.demonstrate(bay, rows)
    here, chosen = city(bay, "shenzhen"), rows[t.demonstrates[rows] == 1]
    at = firms.city[t.developer[rows] - count]
    assert chosen.size and (firms.city[t.developer[chosen] - count] == here).all()
    others = rows[(at == here) & (t.demonstrates[rows] == 0)]
    assert t.quality[chosen].min() >= t.quality[others].max()
    live = firms.alive_rows()
    quota = bay.values.demonstration[here] / 100 / 4 * firms.weight[live][firms.city[live] == here].sum()
    assert abs(t.weight[chosen].sum() - quota) < t.weight[chosen].max() + 1e-9
    grants = 6.0 * t.weight[chosen].sum()
    assert float((firms.cash * firms.weight)[firms.alive == 1].sum()) - before == pytest.approx(grants)
    assert bay.ledger.flow("lever").sum() == pytest.approx(grants) and paid_for(bay, "demonstration_projects") == pytest.approx(grants)
    assert bay.tally.arrays["flow_capital_grant_firm"].sum() == pytest.approx(grants, rel=1e-6)


def test_without_money_or_lever_there_is_no_demonstration(make_bay):
    for bay in (ready(make_bay()), ready(make_bay({"demonstration_projects": 0.3}), 0.0)):
        services.demonstrate(bay, first_uses(bay))
        assert not bay.inventions.demonstrates.any() and bay.ledger.flow("lever").sum() == 0
        assert not services.demonstrated(bay).any()


def test_lead_users_of_the_whole_bay_are_no_fewer_than_those_in_reach(bay):
    gain = conversion.own_lead_gain(bay)
    p, cities = bay.parameters.conversion, 11
    assert gain.shape == (cities, 12) and (gain >= -1e-12).all() and gain.max() > 0.1
    users, mean = conversion.lead_users_in_reach(bay)
    everyone = conversion.lead_users(bay)[:, bay.region.lead_field].sum(axis=0)
    expected = p.lead_gain * np.log((everyone[3] + 0.1 * mean[0, 3]) / (users[5, 3] + 0.1 * mean[0, 3]))
    assert gain[5, 3] == pytest.approx(expected)


def test_own_lead_users_never_make_a_first_use_worse_and_touch_nothing_else(make_bay):
    plain, led = make_bay(), make_bay()
    t = led.inventions
    t.demonstrates[(t.alive == 1) & (t.stage == FIRST_USE)] = 1
    change(plain, {"conversion.lead_gain": 1.0})
    change(led, {"conversion.lead_gain": 1.0})
    stage = plain.inventions.stage.copy()
    for bay in (plain, led):
        conversion.convert(bay)
    one, two = plain.inventions.stage, led.inventions.stage
    changed = one != two
    assert changed.any() and (stage[changed] == FIRST_USE).all()
    assert (one[changed] == ABANDONED).all() and (two[changed] == MARKET).all()


def test_visitors_of_demonstration_projects_hear_of_the_technology(make_bay):
    plain, shown = make_bay(), make_bay({"demonstration_projects": 0.3})
    taken = []
    for bay in (plain, shown):
        bay.values.refresh()
        t = bay.inventions
        rows = np.flatnonzero((t.alive == 1) & (t.stage == FIRST_USE) & (t.developer >= bay.institutes.capacity))
        t.demonstrates[rows] = 1 if bay is shown else 0
        change(bay, {"diffusion.demonstration_visits": 100, "diffusion.imitation": 0, "diffusion.city_imitation": 0})
        before = bay.firms.adopted.copy()
        diffusion.spread_technologies(bay)
        taken.append(bay.firms.adopted & ~before)
    assert (taken[1] & taken[0] == taken[0]).all()  # who heard of it anyway hears of it
    assert (taken[1] != 0).sum() > 1.5 * (taken[0] != 0).sum()


def test_bound_suppliers_with_a_leader_downstream_have_lead_users_of_their_own(make_bay):
    bay = ready(make_bay({"application_pull": 1.0}))
    led, t, count = services.own_lead_users(bay), bay.inventions, bay.institutes.capacity
    rows = np.flatnonzero(led)
    assert rows.size and (t.developer[rows] >= count).all()
    nodes, ties, lead = bay.network.nodes, bay.ties, bay.region.lead_field
    live = np.flatnonzero(ties.alive)
    partners = {}
    for a, b in zip(ties.a[live], ties.b[live], strict=True):
        partners.setdefault(a, []).append(b)
        partners.setdefault(b, []).append(a)
    for node in np.unique(t.developer[rows]):
        assert nodes.kind[node] != LEADER
        assert any(nodes.kind[j] == LEADER and nodes.field[j] == lead[nodes.field[node]] for j in partners[node] if j >= count)
    assert not services.own_lead_users(ready(make_bay())).any()


# ---------------------------------------------------------------- exchange for rights


def test_without_an_exchange_nothing_given_up_is_sold(bay):
    ready(bay)
    change(bay, {"transfer.need": 1})
    bay.firms.cash[bay.firms.alive == 1] = 1e4
    t = bay.inventions
    given_up = np.flatnonzero((t.alive == 1) & (t.stage == ABANDONED))
    owner = t.owner[given_up].copy()
    transfer.transfer_technology(bay)
    assert given_up.size > 500 and services.on_sale(bay).size == 0
    assert (t.owner[given_up] == owner).all() and (t.stage[given_up] == ABANDONED).all()


def test_a_given_up_result_is_sold_once_and_taken_up_by_its_buyer(make_bay):
    bay = ready(make_bay({"ip_exchange": 1.0}))
    change(bay, {"transfer.need": 1, "transfer.offers": 1, "transfer.partner_offers": 0, "transfer.import_utility": -100})
    bay.firms.cash[bay.firms.alive == 1] = 1e4
    t, count = bay.inventions, bay.institutes.capacity
    listed = services.on_sale(bay)
    share = bay.values.ip_exchange[t.city[listed], t.field[listed], kind_of_node(bay, t.owner[listed])]
    everything, _ = services.shelved(bay)
    assert 0.5 * share.mean() < listed.size / everything.size < 1.5 * share.mean()
    stage, owner = t.stage.copy(), t.owner.copy()
    productivity = bay.firms.productivity.copy()
    transfer.transfer_technology(bay)
    sold = np.flatnonzero((stage == ABANDONED) & (t.stage != ABANDONED))
    assert sold.size > 20 and np.isin(sold, listed).all()
    assert (t.stage[sold] == PROOF).all() and (t.entered[sold] == bay.quarter).all() and not t.progress[sold].any()
    assert (t.developer[sold] == t.owner[sold]).all() and (t.owner[sold] != owner[sold]).all() and (t.owner[sold] >= count).all()
    rest = np.setdiff1d(np.flatnonzero(stage == ABANDONED), sold)
    assert (t.owner[rest] == owner[rest]).all()
    # what has to be developed first gives no gain yet
    buyers = t.owner[sold] - count
    assert (bay.firms.productivity[buyers] == productivity[buyers]).all()


def test_further_offers_go_to_whom_they_reach(make_bay):
    bay = ready(make_bay({"matching_platform": {"value": 1.0, "cities": ["foshan"]},
                          "ip_exchange": {"value": 1.0, "cities": ["zhuhai"]},
                          "bottleneck_programme": {"value": 1.0, "cities": ["dongguan"]}}))
    p = bay.parameters.transfer
    further, rights = transfer.further_offers(bay)
    at = bay.firms.city
    foshan, zhuhai, dongguan = (city(bay, name) for name in ("foshan", "zhuhai", "dongguan"))
    assert set(further[at == foshan]) == {0, int(p.platform_offers)} and set(further[at == dongguan]) == {0, int(p.bottleneck_offers)}
    assert not further[(at != foshan) & (at != dongguan)].any()
    assert set(rights[at == zhuhai]) == {0, int(p.exchange_offers)} and not rights[at != zhuhai].any()
    for seen in transfer.further_offers(ready(make_bay())):
        assert not seen.any()


def test_a_chain_leaders_programme_replaces_imports(make_bay):
    cost = []
    for levers in ({}, {"bottleneck_programme": 1.0}):
        bay = ready(make_bay(levers))
        change(bay, {"transfer.need": 1})
        bay.firms.cash[bay.firms.alive == 1] = 1e4
        transfer.transfer_technology(bay)
        cost.append(float(bay.tally.arrays["imports_cost"].sum()))
    assert cost[1] < 0.97 * cost[0]


# ---------------------------------------------------------------- standards, insurance


def test_recognised_trials_open_markets_for_first_use_alone(make_bay):
    plain, known = ready(make_bay()), ready(make_bay({"trial_recognition": {"value": 0.6, "cities": ["hong_kong"]}}))
    more = conversion.stage_gains(known) - conversion.stage_gains(plain)
    here, p = city(known, "hong_kong"), known.parameters.conversion
    share = known.values.trial_recognition[here]
    markets, barrier = city_sales(known), known.values.barrier_technology[here, :11]
    then = ((1.0 - barrier) * markets).sum() / markets.sum()
    now = ((1.0 - barrier * (1.0 - share)) * markets).sum() / markets.sum() + share * p.trial_overseas
    assert 0.0 < share < 1.0 and more[here, :, FIRST_USE] == pytest.approx(p.trial_gain * np.log(now / then))
    more[here, :, FIRST_USE] = 0.0
    assert np.abs(more).max() < 1e-12


def begin_first_use(bay, cash=1e6):
    t, count = bay.inventions, bay.institutes.capacity
    rows = np.flatnonzero((t.alive == 1) & (t.stage == FIRST_USE) & (t.developer >= count))
    bay.firms.cash[bay.firms.alive == 1] = cash
    total = np.clip(bay.region.conversion_field * bay.parameters.conversion.success_spread, 0.01, 0.9)
    insurance.insure_first_use(bay, rows, rows[:0], total)
    return rows, total


def test_a_premium_subsidy_is_paid_by_government_and_raises_cover(make_bay):
    bay = ready(make_bay({"first_use_insurance": 0.3}), 1e6)
    p, count = bay.parameters.conversion, bay.institutes.capacity
    subsidy, cover = bay.values.premium_subsidy, bay.values.first_use_cover_firm
    assert cover == pytest.approx(p.cover + p.cover_response * subsidy)
    rows, total = begin_first_use(bay)
    t = bay.inventions
    firm = t.developer[rows] - count
    cell = (bay.firms.city[firm], bay.firms.field[firm], bay.firms.kind[firm])
    insured = cover[cell] * p.pilot_cost * t.weight[rows]
    premium = insured * (1.0 - total[t.field[rows]] ** 0.25) * (1.0 + p.premium_load)
    assert t.insured[rows] == pytest.approx(insured)
    assert bay.ledger.flow("lever").sum() == pytest.approx((premium * subsidy[cell]).sum())
    assert bay.ledger.flow("premium").sum() == pytest.approx((premium * (1.0 - subsidy[cell])).sum())
    assert paid_for(bay, "first_use_insurance") == pytest.approx(bay.ledger.flow("lever").sum())


def test_an_unpaid_subsidy_leaves_its_part_uninsured(make_bay):
    whole, poor = (ready(make_bay({"first_use_insurance": 0.3}), room) for room in (1e6, 0.0))
    for bay in (whole, poor):
        rows, _ = begin_first_use(bay)
    subsidy = poor.values.premium_subsidy[:, 0, 0]
    firm = poor.inventions.developer[rows] - poor.institutes.capacity
    part = 1.0 - subsidy[poor.firms.city[firm]]
    assert poor.inventions.insured[rows] == pytest.approx(part * whole.inventions.insured[rows])
    assert poor.ledger.flow("lever").sum() == 0


# ---------------------------------------------------------------- new laboratories, diffusion of results


def test_new_laboratories_open_places_some_of_them_from_anywhere(make_bay):
    bay = ready(make_bay({"new_labs": 1.0}))
    change(bay, {"conversion.facility_open": 0, "conversion.new_lab_places": 2000})
    bay.values.facility_open[:] = 0.0
    new = bay.values.new_labs * services.new_places(bay)
    assert services.new_places(bay).sum() == pytest.approx(bay.parameters.conversion.new_lab_places)
    bay.budgets.room[:] = 1e6
    facilities.allot_facilities(bay)
    served = bay.tally.arrays["facility_projects"].sum()
    assert 0.5 * new.sum() < served < 1.5 * new.sum()
    shut = make_bay()
    ready(shut).values.facility_open[:] = 0.0
    facilities.allot_facilities(shut)
    assert shut.tally.arrays["facility_projects"].sum() == 0


def test_the_nation_pays_for_new_laboratories(make_bay):
    bay = play(make_bay({"new_labs": 1.0}), 1)
    cost = bay.record.arrays()["public_cost_lever"][0, :, LEVERS.index("new_labs")]
    assert cost[-1] > 0 and not cost[:-1].any()


def test_laboratories_teach_firms_without_a_partner_among_institutes(make_bay):
    bay = ready(make_bay({"lab_radiation": {"value": 0.6, "cities": ["jiangmen", "zhuhai"]}}))
    firms, count, p = bay.firms, bay.institutes.capacity, bay.parameters.learning
    levels = np.concatenate((bay.institutes.capability, firms.capability))
    change_, learned, core = np.zeros(levels.shape), np.zeros(len(levels)), np.zeros(len(levels))
    learning.learn_from_laboratories(bay, levels, change_, learned, core)
    who = np.flatnonzero(learned > 0)
    ties = bay.ties
    tied = np.unique(ties.b[(ties.alive == 1) & (ties.type == 1)])
    assert who.size > 5 and (who >= count).all() and np.intersect1d(who, tied).size == 0
    at = firms.city[who - count]
    assert set(at) <= {city(bay, "jiangmen"), city(bay, "zhuhai")}
    assert 0.0 < core[who].sum() < learned[who].sum()  # Zhuhai and others have state laboratories too
    # one by hand: the laboratories of each city teach what is above the firm's own level, as far as the border lets it through
    row = who[0] - count
    labs, field = np.flatnonzero(bay.region.institute_state_lab), int(firms.field[row])
    own = float(firms.capability[row, 4 * field])
    weight = bay.institutes.staff[labs] * bay.institutes.field_weight[labs, field]
    expected = 0.0
    for there in np.unique(bay.institutes.city[labs[weight > 0.0]]):
        here = bay.institutes.city[labs] == there
        level = np.average(bay.institutes.capability[labs[here], 4 * field], weights=weight[here])
        through = 1.0 - p.spillover_border * bay.values.barrier_technology[firms.city[row], there]
        expected += weight[here].sum() / weight.sum() * max(0.0, through) * max(0.0, level - own)
    expected *= bay.values.radiation[firms.city[row]] * p.radiation_speed * firms.absorptive[row] * (1.0 - own)
    assert change_[count + row, 4 * field] == pytest.approx(expected, rel=1e-5)


def test_diffusion_of_results_widens_the_pool_of_the_city_alone(make_bay):
    plain, wide = ready(make_bay()), ready(make_bay({"lab_radiation": {"value": 0.6, "cities": ["zhaoqing"]}}))
    before, after = learning.spillover_pools(plain), learning.spillover_pools(wide)
    here = city(plain, "zhaoqing")
    assert (after[here] > 1.005 * before[here]).all()
    assert (np.delete(after, here, axis=0) == np.delete(before, here, axis=0)).all()
