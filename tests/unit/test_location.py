"""Levers on places: parks, zones, business environment, recognition of firms and results, production sites, nodes."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change, city, play

from greaterbay.actors.firm import LEADER
from greaterbay.actors.network import city_of_node
from greaterbay.exchange import conversion, developers, location, market
from greaterbay.exchange.partnering import search_tables
from greaterbay.policy import catalogue
from greaterbay.policy.levers import charge_running_costs
from greaterbay.region.barriers import deepen_zones

LEVERS = list(catalogue.levers())


def in_force(make_bay, levers, changes=None):
    """A bay at the beginning of its first quarter, levers set and running costs paid."""
    bay = change(make_bay(levers), changes or {})
    bay.budgets.open_quarter()
    bay.values.refresh()
    charge_running_costs(bay)
    return bay


def cost(bay, name):
    return bay.budgets.used[:, LEVERS.index(name)].sum()


def aimed(name, place, field=None, value=None):
    setting = {"value": catalogue.levers()[name].plausible_high if value is None else value, "cities": [place]}
    return {name: setting | ({"fields": [field]} if field else {})}


# ---------------------------------------------------------------- parks


@pytest.mark.parametrize("name", ["specialised_parks", "chain_parks"])
def test_parks_are_shown_to_their_field_and_draw_firms_into_their_city(make_bay, name):
    bay = in_force(make_bay, aimed(name, "zhuhai", "new_materials"), {"market.park_offer": 1, "market.relocate_bonus": 0.5})
    rows, to = location.answer_parks(bay, location.location_value(bay))
    field, here = bay.region.field_ids.index("new_materials"), city(bay, "zhuhai")
    assert rows.size > 5 and (to == here).all() and (bay.firms.field[rows] == field).all()
    at = bay.region.jurisdiction_city
    assert (at[bay.firms.city[rows]] == at[here]).all()  # research stays in its jurisdiction
    assert cost(bay, name) > 0


def test_leaders_answer_too(make_bay):
    bay = in_force(make_bay, {"specialised_parks": 0.8}, {"market.park_offer": 1, "market.relocate_bonus": 0})
    rows, _ = location.answer_parks(bay, location.location_value(bay))
    assert (bay.firms.kind[rows] == LEADER).any()


def test_a_park_is_worth_more_beside_leaders_of_the_field(make_bay):
    bay = in_force(make_bay, {"specialised_parks": 0.5})
    bay.values.park_special[:] = 0.5
    field = 0
    gain = location.park_gains(bay, np.array([field]), np.array([1]), np.array([0.5]))[0]
    firms, p = bay.firms, bay.parameters.market
    leader = (firms.alive == 1) & (firms.kind == LEADER) & (firms.field == field)
    leaders = np.bincount(firms.city[leader], weights=firms.weight[leader], minlength=11)
    assert gain == pytest.approx(0.5 * (p.special_weight + p.supplier_weight * np.log1p(leaders))) and leaders.any()


def test_founders_settle_at_home_or_in_a_park_that_is_better(make_bay):
    bay = in_force(make_bay, aimed("specialised_parks", "zhuhai", "new_materials"))
    field, here, n = bay.region.field_ids.index("new_materials"), city(bay, "zhuhai"), 400
    ids = np.arange(1, n + 1).astype(np.uint64)
    home = np.full(n, city(bay, "zhongshan"))
    value = location.location_value(bay)
    own = location.settle_founders(bay, value, home, np.full(n, field), np.full(n, 0.5), ids)
    other = location.settle_founders(bay, value, home, np.full(n, field - 1), np.full(n, 0.5), ids)
    abroad = location.settle_founders(bay, value, np.full(n, city(bay, "macao")), np.full(n, field), np.full(n, 0.5), ids)
    assert set(own.tolist()) == {home[0], here} and (own == here).mean() < bay.values.park_special[here, field, 0]
    assert (other == home).all() and (abroad == city(bay, "macao")).all()


def test_the_complement_is_what_stands_elsewhere_in_the_chain():
    counts = np.zeros((2, 1, 3))
    counts[0, 0] = 6.0, 3.0, 1.0
    found = location.complement(counts, np.array([0, 0]), np.array([0, 2]))
    assert found[:, 0] == pytest.approx([0.4, 0.9]) and (found[:, 1] == 0).all()
    assert location.third_of(np.array([0.0, 0.34, 0.7, 1.0])).tolist() == [0, 1, 2, 2]


def test_firms_of_a_chain_park_are_demonstration_users(make_bay):
    base = conversion.stage_gains(make_bay())
    bay = in_force(make_bay, aimed("chain_parks", "guangzhou"))
    users = conversion.demonstration_users(bay)
    here = city(bay, "guangzhou")
    assert users[here].any() and not np.delete(users, here, axis=0).any()
    gain = conversion.stage_gains(bay) - base
    assert not gain[:, :, :3].any() and gain[here, :, 3].max() > 0 and gain[:, :, 3].min() >= 0


# ---------------------------------------------------------------- zones and nodes


def test_a_deeper_zone_lowers_its_pairs_alone(make_bay):
    bay = make_bay(aimed("zone_policies", "zhuhai"))
    bay.values.refresh()
    a, b = city(bay, "zhuhai"), city(bay, "macao")
    cut = 1.0 - bay.parameters.coordination.zone_share * bay.values.zone_depth[a]
    for kind in ("technology", "talent", "finance"):
        found, base = getattr(bay.values, f"barrier_{kind}"), getattr(bay.world.base_barriers, kind)
        expected = base.copy()
        expected[a, b] *= cut
        expected[b, a] *= cut
        assert found == pytest.approx(expected) and cut < 1


def test_two_zones_on_a_pair_work_one_after_the_other(make_bay):
    bay = make_bay()
    depth = np.ones(11)
    found = deepen_zones(bay.region, bay.world.base_barriers.technology, depth, 0.5)
    a, b = city(bay, "shenzhen"), city(bay, "hong_kong")
    assert found[a, b] == pytest.approx(0.25 * bay.world.base_barriers.technology[a, b])  # Qianhai and Hetao


def test_a_zone_without_money_stays_as_it_was(make_bay):
    bay = in_force(make_bay, {"zone_policies": 1.0}, {"economy.policy_room": 0, "economy.nation_room": 0})
    assert (bay.values.barrier_technology == bay.world.base_barriers.technology).all()
    zones = [city(bay, zone["city"]) for zone in bay.region.zones]
    assert not bay.values.zone_depth[zones].any()
    paid = in_force(make_bay, {"zone_policies": 1.0})
    assert (paid.values.barrier_technology < paid.world.base_barriers.technology).any() and cost(paid, "zone_policies") > 0


def test_nodes_shorten_the_way_to_cities_outside_the_core(make_bay):
    bay = in_force(make_bay, {"periphery_nodes": 1.0})
    cut = bay.parameters.market.node_cut * bay.values.node_quality * ~bay.region.core_city
    expected = bay.values.travel_now[:11, :11] * (1.0 - np.maximum(cut[:, None], cut[None, :]))
    assert bay.values.travel_minutes[:11, :11] == pytest.approx(expected)
    a, b = city(bay, "guangzhou"), city(bay, "shenzhen")
    assert bay.values.travel_minutes[a, b] == bay.values.travel_now[a, b]
    assert (bay.values.travel_minutes[:, 11:] == bay.values.travel_now[:, 11:]).all() and cost(bay, "periphery_nodes") > 0


# ---------------------------------------------------------------- business environment


def test_founders_need_less_and_journeys_cost_less(make_bay):
    plain, bay = in_force(make_bay, {}), in_force(make_bay, aimed("business_environment", "foshan"))
    here = city(bay, "foshan")
    base, found = (search_tables(one, one.network.nodes).travel_log for one in (plain, bay))
    saved = 0.5 * bay.parameters.market.environment_travel * bay.values.environment[here]
    others = np.arange(11) != here
    assert found[here, others] == pytest.approx(base[here, others] * (1.0 - saved)) and saved > 0
    assert (found[np.ix_(others, others)] == base[np.ix_(others, others)]).all()
    entries = []
    for one in (plain, bay):
        change(one, {"market.entry_rate": 0.2})
        market.enter_market(one)
        entries.append(one.tally.arrays["firm_entries"][:11].copy())
    assert entries[1][here] > 1.03 * entries[0][here] and (entries[1][others] == entries[0][others]).all()
    assert cost(bay, "business_environment") > 0


# ---------------------------------------------------------------- recognition of firms


def test_recognised_firms_may_cross_the_border_into_the_city(make_bay):
    plain, bay = in_force(make_bay, {}), in_force(make_bay, aimed("firm_recognition", "hong_kong"))
    rows = plain.firms.alive_rows()
    there, at = city(bay, "hong_kong"), bay.region.jurisdiction_city
    base, may = location.may_enter(plain, rows), location.may_enter(bay, rows)
    assert (base == (at[plain.firms.city[rows]][:, None] == at[None, :])).all()
    others = np.arange(11) != there
    assert (may[:, others] == base[:, others]).all()
    outside = at[bay.firms.city[rows]] != at[there]
    assert may[outside, there].mean() == pytest.approx(bay.values.firm_recognition[there], abs=0.05)


def test_a_recognised_firm_keeps_its_lower_rate(make_bay):
    bay = in_force(make_bay, {"firm_recognition": 1.0})
    firms, here = bay.firms, city(bay, "shenzhen")
    rows = firms.alive_rows()[:3]
    firms.city[rows] = here
    firms.home[rows] = [0, 1, 2]  # Guangdong, Hong Kong, Macao
    own, tax = bay.world.profit_tax_city[here], bay.region.profit_tax_jurisdiction
    part = bay.values.firm_recognition[here]
    assert location.tax_rate(bay, rows) == pytest.approx([own, own - part * (own - tax[1]), own - part * (own - tax[2])])
    firms.city[rows] = city(bay, "macao")  # where the own rate is the lowest there is nothing to keep
    assert location.tax_rate(bay, rows) == pytest.approx(3 * [tax[2]])


def test_firms_move_research_across_borders_only_with_recognition(make_bay):
    crossed = []
    for levers in ({}, {"firm_recognition": 1.0}):
        bay = in_force(make_bay, levers, {"market.relocate": 0.5})
        at, before = bay.region.jurisdiction_city, bay.firms.city.copy()
        market.relocate(bay)
        moved = np.flatnonzero((bay.firms.alive == 1) & (bay.firms.city != before[: bay.firms.capacity]))
        crossed.append((at[bay.firms.city[moved]] != at[before[moved]]).sum())
        assert (bay.firms.home[moved] == at[before[moved]]).all()
    assert crossed[0] == 0 and crossed[1] > 3


# ---------------------------------------------------------------- results under uniform rules


def waiting_results(bay):
    inventions = bay.inventions
    rows = np.flatnonzero((inventions.alive == 1) & (inventions.stage == 1) & (inventions.owner >= 0)
                          & (inventions.owner < bay.institutes.capacity))
    inventions.developer[rows] = inventions.partner[rows] = -1
    return rows


def test_results_under_uniform_rules_find_developers_across_borders_and_share_income(make_bay):
    found = []
    for levers in ({}, {"uniform_disposal": 1.0}):
        bay = in_force(make_bay, levers)
        rows, at = waiting_results(bay), bay.region.jurisdiction_city
        developers.find_developers(bay)
        inventions = bay.inventions
        done = rows[inventions.developer[rows] >= 0]
        across = at[city_of_node(bay, inventions.developer[done])] != at[inventions.city[done]]
        shared = inventions.partner[done] == inventions.developer[done]
        found.append((done.size, across.sum(), shared))
        if levers:
            assert (shared <= across).all() and shared.sum() > 0.6 * across.sum()
            assert inventions.share[done[shared]] == pytest.approx(1.0 - bay.parameters.transfer.disposal_share)
    assert found[1][0] > 1.3 * found[0][0] and found[1][1] > 1.5 * found[0][1] and not found[0][2].any()


def test_licences_of_institutes_lose_less_to_the_barrier(make_bay):
    from greaterbay.exchange import transfer

    at, crossing = None, []
    for levers in ({}, {"uniform_disposal": 1.0}):
        bay = in_force(make_bay, levers, {"transfer.need": 1})
        bay.firms.cash[bay.firms.alive == 1] = 1e4
        transfer.transfer_technology(bay)
        at = bay.region.jurisdiction_city
        cross = at[:, None] != at[None, :]
        crossing.append([bay.tally.matrix(f"flow_technology_licence_{kind}")[:11, :11][cross].sum() for kind in ("institute", "firm")])
    assert crossing[1][0] > 1.3 * crossing[0][0] and crossing[1][1] <= 1.05 * crossing[0][1]


# ---------------------------------------------------------------- production sites


def test_supported_sites_draw_production_and_leave_research(make_bay):
    bay = in_force(make_bay, aimed("production_relocation", "jiangmen"), {"market.site_offer": 0.3})
    here, research = city(bay, "jiangmen"), bay.firms.city.copy()
    rows, to = location.answer_sites(bay, location.location_value(bay))
    assert rows.size > 5 and (to == here).all() and (bay.firms.city[rows] != here).all()
    support = bay.values.site_support[here]
    due = bay.parameters.market.site_cost * support * bay.firms.weight[rows].sum()
    assert cost(bay, "production_relocation") == pytest.approx(due)
    market.move_production(bay, rows, to)
    assert (bay.firms.city == research).all() and (bay.firms.production_city[rows] == here).all()
    assert bay.tally.arrays["production_moves_in"][here] == pytest.approx(bay.firms.weight[rows].sum())


def test_sites_that_nobody_pays_for_stay_empty(make_bay):
    broke = {"economy.policy_room": 0, "economy.jurisdiction_room": 0}
    bay = in_force(make_bay, {"production_relocation": 1.0}, {"market.site_offer": 0.3} | broke)
    rows, _ = location.answer_sites(bay, location.location_value(bay))
    assert rows.size == 0


def test_books_close_with_every_lever_on_places(make_bay):
    names = ("specialised_parks", "chain_parks", "zone_policies", "business_environment", "production_relocation", "firm_recognition",
             "uniform_disposal", "division_of_labour", "periphery_nodes")
    bay = play(change(make_bay({n: catalogue.levers()[n].plausible_high for n in names}), {"market.relocate": 0.02}), 4)
    record = bay.record.arrays()
    for name in names:
        paid = record["public_cost_lever"][:4, :, LEVERS.index(name)].sum()
        assert (paid > 0) == bool(catalogue.levers()[name].payer), name
    assert record["firms_split"][3, :11].sum() > record["firms_split"][0, :11].sum() > 0
