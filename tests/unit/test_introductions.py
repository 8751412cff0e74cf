"""Programmes that introduce actors to each other: who is shown whom, to whom it is limited, what it costs."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change, city, play

from greaterbay.actors.firm import LEADER
from greaterbay.actors.network import see_network
from greaterbay.exchange import partnering
from greaterbay.exchange.introductions import (
    CROSS,
    MEMBER,
    PREPARED,
    Ring,
    bound,
    chosen,
    consortium_members,
    further_places,
    in_bottleneck,
    weighted,
)
from greaterbay.policy import catalogue, reach

PROGRAMMES = (
    "joint_programmes",
    "carrier_cooperation",
    "innovation_consortia",
    "cross_industry_links",
    "demand_led_projects",
    "application_pull",
    "bottleneck_programme",
)


def shown(bay):
    """Pairs that programmes introduce this quarter: who, whom, how (three arrays), and the nodes."""
    bay.values.refresh()
    see_network(bay)
    bay.network.consortium_node = consortium_members(bay, bay.network.nodes)
    tables = partnering.search_tables(bay, bay.network.nodes)
    who, column = np.nonzero(tables.shown >= 0)
    return who, tables.shown[who, column], tables.shown_origin[who, column], bay.network.nodes


def institute(bay, nodes):
    return nodes < bay.institutes.capacity


# ---------------------------------------------------------------- draws


def test_a_ring_meets_members_of_the_asked_group_only():
    generator = np.random.default_rng(3)
    group, nodes = generator.integers(0, 4, 400), np.arange(400)
    group[group == 2] = 3
    ring = Ring(group.astype(float), generator.random(400), nodes)
    asked = generator.integers(0, 4, 5000).astype(float)
    met = ring.draw(asked, generator.random(5000))
    assert (met[asked == 2] == -1).all() and (met[asked != 2] >= 0).all()
    assert (group[met[met >= 0]] == asked[met >= 0]).all()
    assert np.unique(met).size > 300
    assert (Ring(group[:0].astype(float), np.zeros(0), nodes[:0]).draw(asked, asked * 0.0) == -1).all()


def test_one_more_member_changes_only_the_draws_that_fall_before_it():
    generator = np.random.default_rng(4)
    place, u = generator.random(50), generator.random(20_000)
    before = Ring(np.zeros(50), place, np.arange(50)).draw(np.zeros(u.size), u)
    after = Ring(np.zeros(51), np.append(place, 0.5), np.arange(51)).draw(np.zeros(u.size), u)
    changed = before != after
    assert (after[changed] == 50).all() and 0 < changed.mean() < 0.2
    below = place[place < 0.5].max()
    assert (u[changed] > below).all() and (u[changed] <= 0.5).all()


def test_weighted_draws_follow_the_weights():
    cumulative = np.cumsum([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0], [2.0, 2.0, 0.0]], axis=1)
    row = np.repeat([0, 1, 2], 8000)
    u = (np.arange(row.size) % 8000 + 0.5) / 8000
    found = weighted(cumulative, row, u)
    assert np.bincount(found[row == 0], minlength=3).tolist() == [2000, 0, 6000]
    assert (found[row == 1] == -1).all()
    assert np.bincount(found[row == 2], minlength=3).tolist() == [4000, 4000, 0]


# ---------------------------------------------------------------- who is shown whom


def test_without_a_programme_nobody_is_introduced(bay):
    bay.values.refresh()
    tables = partnering.search_tables(bay, bay.network.nodes)
    assert tables.shown.shape[1] == 0 and not bay.network.consortium_node.any()
    assert (further_places(bay) == 1.0).all()
    assert bound(bay, bay.network.nodes).size == in_bottleneck(bay, bay.network.nodes).size == 0


def test_joint_programmes_show_state_laboratories_of_other_cities_to_the_qualified(make_bay):
    bay = change(make_bay({"joint_programmes": 1.0}), {"partnering.qualified_intensity": 0.05})
    who, whom, how, nodes = shown(bay)
    assert institute(bay, whom).all() and bay.region.institute_state_lab[whom].all()
    assert (nodes.city[who] != nodes.city[whom]).all() and (how == PREPARED).all()
    firms = who[~institute(bay, who)] - bay.institutes.capacity
    assert firms.size > 200 and (bay.firms.rd_intensity[firms] >= 0.05).all()
    assert (bay.firms.rd_intensity[bay.firms.alive == 1] < 0.05).any()
    at = bay.region.jurisdiction_city
    assert (at[nodes.city[who]] != at[nodes.city[whom]]).mean() > 0.2  # borders are no hurdle
    more = further_places(bay)
    assert (more[~bay.region.institute_state_lab] == 1.0).all() and (more[bay.region.institute_state_lab] > 1.0).all()


def test_carriers_show_incubated_start_ups_across_the_border(make_bay):
    bay = make_bay({"carrier_cooperation": 1.0})
    who, whom, how, nodes = shown(bay)
    at, count = bay.region.jurisdiction_city, bay.institutes.capacity
    assert who.size > 20 and (how == MEMBER).all()
    assert (bay.firms.incubated[who - count] == 1).all() and (bay.firms.incubated[whom - count] == 1).all()
    assert (at[nodes.city[who]] != at[nodes.city[whom]]).all()


def test_consortia_are_of_a_field_with_its_users_and_last(make_bay):
    bay = make_bay({"innovation_consortia": 0.4})
    who, whom, how, nodes = shown(bay)
    bits, lead = bay.network.consortium_node, bay.region.lead_field
    assert who.size > 200 and (how == MEMBER).all()
    field = nodes.field[who].astype(np.uint64)
    assert ((bits[whom] >> field) & np.uint64(1)).all()  # both in the consortium of the seeker's field
    for node in np.flatnonzero(bits):
        for f in np.flatnonzero((bits[node] >> np.arange(12, dtype=np.uint64)) & np.uint64(1)):
            user = nodes.kind[node] == LEADER and lead[f] == nodes.field[node]
            assert f == nodes.field[node] or user
    bay.quarter += 1
    assert (consortium_members(bay, nodes) == bits).all()


def test_ties_of_members_are_shared_as_often_as_memberships_are_used(make_bay):
    bay = change(make_bay({"innovation_consortia": 1.0}), {"partnering.consortium_used": 0.6, "partnering.alliance_base": 0})
    play(bay, 6)
    ties = bay.ties
    rows = np.flatnonzero((ties.alive == 1) & (ties.start >= bay.start))
    together = (bay.network.consortium_node[ties.a[rows]] & bay.network.consortium_node[ties.b[rows]]) > 0
    shared = ties.shared[rows] == 1
    number = int(together.sum())
    assert number > 30 and not shared[~together].any()
    assert abs(shared[together].mean() - 0.6) < 4.0 * np.sqrt(0.24 / number)


def test_other_industries_see_science_beyond_the_customs_border(make_bay):
    bay = make_bay({"cross_industry_links": 1.0})
    who, whom, how, nodes = shown(bay)
    assert who.size > 200 and (how == PREPARED).all() and institute(bay, whom).all() and not institute(bay, who).any()
    assert bay.world.mainland_city[nodes.city[who]].all() and not bay.world.mainland_city[nodes.city[whom]].any()
    assert (nodes.field[who] != nodes.field[whom]).all()


def test_stated_needs_are_met_by_who_is_best_at_them(make_bay):
    """Needs of firms whose weakest capability is set by hand: institutes shown are better at it than those in reach."""
    bay = make_bay({"demand_led_projects": 1.0})
    firms, count = bay.firms, bay.institutes.capacity
    rows = firms.alive_rows()
    firms.capability[rows, 4 * firms.field[rows].astype(int) + 2] = 0.01
    who, whom, how, nodes = shown(bay)
    assert who.size > 200 and institute(bay, whom).all() and (how == PREPARED).all() and (who >= count).all()
    need = 4 * nodes.field[who].astype(int) + 2
    tables = partnering.search_tables(bay, nodes)
    level = bay.institutes.capability[whom, need]
    weight = np.diff(tables.institute_cum[nodes.city[who], nodes.field[who]], axis=1, prepend=0.0)
    usual = (weight * bay.institutes.capability[:, need].T).sum(axis=1) / weight.sum(axis=1)
    assert (level - usual).mean() > 0.02


def test_bound_firms_see_leaders_downstream(make_bay):
    bay = make_bay({"application_pull": 1.0})
    who, whom, how, nodes = shown(bay)
    assert who.size > 200 and (how == MEMBER).all()
    assert (nodes.kind[whom] == LEADER).all() and (nodes.kind[who] != LEADER).all() and (nodes.is_firm[who] == 1).all()
    assert (nodes.field[whom] == bay.region.lead_field[nodes.field[who]]).all()


def test_chain_leaders_concentrate_on_fields_that_depend_on_imports(make_bay):
    bay = make_bay({"bottleneck_programme": 1.0})
    who, whom, how, nodes = shown(bay)
    member = how == MEMBER
    assert (nodes.kind[whom[member]] == LEADER).all() and (nodes.field[who[member]] == nodes.field[whom[member]]).all()
    assert institute(bay, whom[~member]).all()
    rows = in_bottleneck(bay, nodes)
    inside = np.zeros(nodes.alive.size, bool)
    inside[rows] = True
    firms = (nodes.alive == 1) & (nodes.is_firm == 1)
    dependence = bay.region.import_dependence_field
    value = bay.values.bottleneck_focus[nodes.city[firms], nodes.field[firms], nodes.kind[firms]]
    chance = value * dependence[nodes.field[firms]]
    assert abs(inside[firms].sum() - chance.sum()) < 4.0 * np.sqrt((chance * (1.0 - chance)).sum())
    share = [inside[firms & (nodes.field == f)].mean() for f in (dependence.argmin(), dependence.argmax())]
    assert share[1] > 1.5 * share[0]


def test_who_is_reached_is_drawn_anew_each_quarter_but_for_members(make_bay):
    bay = make_bay({"cross_industry_links": 0.6, "application_pull": 0.6, "bottleneck_programme": 1.0})
    bay.values.refresh()
    see_network(bay)
    everyone = bay.network.nodes.is_firm == 1
    bound_then, chain_then = bound(bay, bay.network.nodes), in_bottleneck(bay, bay.network.nodes)
    met_then = chosen(bay, bay.network.nodes, bay.values.cross_industry, everyone, CROSS)
    bay.quarter += 1
    assert (bound(bay, bay.network.nodes) == bound_then).all() and (in_bottleneck(bay, bay.network.nodes) == chain_then).all()
    met_now = chosen(bay, bay.network.nodes, bay.values.cross_industry, everyone, CROSS)
    assert met_now.size and not np.array_equal(met_now, met_then)


@pytest.mark.parametrize("name", PROGRAMMES)
def test_only_pairs_with_the_targeted_city_can_meet_more(make_bay, name):
    """Expected matches change for the targeted city alone, and rise."""
    target = "hong_kong" if name == "carrier_cooperation" else "guangzhou"
    plain, aimed = make_bay(), make_bay({name: {"value": catalogue.levers()[name].high, "cities": [target]}})
    for bay in (plain, aimed):
        bay.values.refresh()
        partnering.find_partners(bay)
    before, after = (bay.tally.matrix("expected_ties") for bay in (plain, aimed))
    here = city(plain, target)
    other = np.arange(len(before)) != here
    assert after[here].sum() > before[here].sum()
    assert (after[np.ix_(other, other)] == before[np.ix_(other, other)]).all()


# ---------------------------------------------------------------- what it costs


REACHED = (
    "information_platform", "matching_platform", *PROGRAMMES, "ip_exchange", "lab_radiation", "trial_recognition", "new_labs",
)


@pytest.mark.parametrize("name", REACHED)
def test_reach_costs_what_is_asked_and_falls_to_what_is_paid(make_bay, name):
    bay = make_bay({name: 0.5})
    lever = catalogue.levers()[name]
    at = list(catalogue.levers()).index(name)
    bay.values.refresh()
    bay.budgets.open_quarter()
    asked = getattr(bay.values, lever.named_value).copy()
    full = reach.full_costs(bay)
    assert set(full) == {lever.named_value}
    cost = float((full[lever.named_value] * asked).sum())
    bay.budgets.room[:] = 1e6
    reach.charge_reach(bay)
    assert bay.budgets.used[:, at].sum() == pytest.approx(cost) and cost > 0
    assert (getattr(bay.values, lever.named_value) == asked).all()
    bay.values.refresh()
    bay.budgets.open_quarter()
    bay.budgets.room[:] = 0.0
    reach.charge_reach(bay)
    # a city where nobody is to be reached has nothing to pay, and keeps its value
    assert (full[lever.named_value] * getattr(bay.values, lever.named_value)).sum() == 0 and bay.budgets.used.sum() == 0
    assert bay.budgets.wanted[:, at].sum() == pytest.approx(cost)


def test_nothing_asked_nothing_charged(bay):
    bay.values.refresh()
    assert reach.full_costs(bay) == {}
