"""Levers on people: register, welfare, homes, joint training, teams from abroad, tax, named talents."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change, city, crossing, play

from greaterbay.actors import person
from greaterbay.actors.network import node_city
from greaterbay.exchange import mobility, talent
from greaterbay.policy import catalogue

LEVERS = list(catalogue.levers())


def run(bay):
    """Phase 2 alone with what is paid at the beginning of the quarter; expected moves between the cities (C, C)."""
    from greaterbay.policy.levers import charge_running_costs

    bay.budgets.open_quarter()
    bay.values.refresh()
    charge_running_costs(bay)
    mobility.move_people(bay)
    return bay.tally.matrix("expected_talent")[:11, :11].copy()


@pytest.fixture(scope="module")
def plain(make_bay):
    """Expected moves without a lever."""
    return run(make_bay())


def cost(bay, name):
    return bay.budgets.used[:, LEVERS.index(name)].sum()


# ---------------------------------------------------------------- register


def test_the_register_shows_further_posts_to_its_city_alone(make_bay, plain):
    bay = make_bay({"talent_register": {"value": 0.8, "cities": ["zhuhai"]}})
    more, here = run(bay) - plain, city(bay, "zhuhai")
    assert more[here].sum() > 0.1 * plain[here].sum()
    assert not np.delete(more, here, axis=0).any()


def test_the_register_knows_no_border_but_moves_cost_as_before(make_bay, plain):
    """What it adds crosses borders more often than what people see without it."""
    bay = make_bay({"talent_register": 0.8})
    more, cross = run(bay) - plain, crossing(bay)
    assert more[cross].sum() / more.sum() > 1.2 * plain[cross].sum() / plain.sum()
    assert (bay.values.barrier_talent == bay.world.base_barriers.talent).all()


def test_the_register_costs_by_who_it_reaches(make_bay):
    bay = make_bay({"talent_register": 0.8})
    reach = bay.labour.talent_city
    run(bay)
    expected = bay.parameters.mobility.register_cost * (reach * bay.values.register_reach).sum()
    assert cost(bay, "talent_register") == pytest.approx(expected) and expected > 0


# ---------------------------------------------------------------- welfare


def test_movers_keep_the_better_amenities_for_the_linked_share():
    schooling, medical = np.array([1.0, 0.6, 0.4]), np.array([0.9, 0.5, 0.7])
    kept = talent.kept_amenities(schooling, medical, np.array([0.0, 0.5, 1.0]))
    assert kept[0] == pytest.approx([0.0, 0.5 * 0.5 * (0.4 + 0.4), 0.5 * (0.6 + 0.2)])
    assert kept[2] == pytest.approx([0.0, 0.5 * 0.5 * 0.2, 0.0])  # medical care alone is better there


def test_linkage_opens_the_way_down_and_not_the_way_up(make_bay, plain):
    bay = make_bay({"welfare_linkage": {"value": 1.0, "cities": ["foshan"]}})
    moves, there, from_ = run(bay), city(bay, "foshan"), city(bay, "guangzhou")
    assert moves[from_, there] > 1.05 * plain[from_, there]
    away = np.arange(11) != there
    assert (moves[:, away] == plain[:, away]).all()  # nobody else's amenities change
    assert cost(bay, "welfare_linkage") > 0


def test_claims_that_were_not_paid_are_not_honoured(make_bay):
    bay = change(make_bay({"welfare_linkage": 1.0}), {"economy.policy_room": 0})
    play(bay, 1)
    assert bay.labour.welfare_paid.min() == 0.0
    bay.labour.welfare_paid_before = np.zeros(11)
    assert not talent.pair_terms(bay).any()


# ---------------------------------------------------------------- homes


def test_without_levers_nothing_is_added(make_bay):
    bay = make_bay()
    assert not talent.pair_terms(bay).any() and not talent.origin_terms(bay).any()


def test_homes_are_for_arrivals_and_limited(make_bay):
    bay = change(make_bay({"talent_housing": {"value": 0.01, "cities": ["shenzhen"]}}), {"mobility.look": 0.4})
    here = city(bay, "shenzhen")
    run(bay)
    supply = bay.values.talent_homes[here] * bay.reference.talent_start[here] / 4.0
    let = supply - bay.labour.homes_left[here]
    assert 0 < let <= supply and bay.labour.arrivals_city[here] > supply
    p = bay.parameters.mobility
    assert cost(bay, "talent_housing") == pytest.approx(p.home_cost * bay.reference.rent_start[here] * let, rel=1e-6)
    assert not np.delete(bay.labour.homes_left, here).any()
    # next quarter people see what is left for each arrival
    talent.open_quarter(bay)
    gain = talent.pair_terms(bay)
    chance = min(1.0, bay.labour.homes_left[here] / bay.labour.arrivals_before[here])
    assert gain[0, here] == pytest.approx(-p.rent_weight * np.log(1 - p.home_relief) * chance) and 0 < chance < 1
    assert gain[here, here] == 0 and not np.delete(gain, here, axis=1).any()


def test_what_fits_by_city():
    fits = talent.within_left(np.array([0, 1, 0, 0, 1]), np.array([2.0, 5.0, 1.0, 2.0, 1.0]), np.array([3.0, 0.0]))
    assert fits.tolist() == [True, False, True, False, False]


def test_a_gaining_city_drains_its_neighbours(make_bay):
    """Homes in Guangzhou: it gains people, and the other cities together lose nearly half as many."""
    found = []
    for levers in ({}, {"talent_housing": {"value": 0.2, "cities": ["guangzhou"]}}):
        bay = change(make_bay(levers), {"mobility.look": 0.3, "mobility.home_relief": 0.9, "economy.policy_room": 5})
        play(bay, 6)
        found.append(bay.record.arrays()["talent"][5, :11])
    gain = found[1] - found[0]
    here = city(bay, "guangzhou")
    assert gain[here] > 0.005 * found[0][here]
    assert np.delete(gain, here).sum() < -0.4 * gain[here]


# ---------------------------------------------------------------- joint training


@pytest.fixture(scope="module")
def trained_pair(make_bay):
    """The baseline and joint training in Foshan, one quarter: skill of graduates by identity."""
    bays = [make_bay(), make_bay({"joint_training": {"value": 0.6, "cities": ["foshan"]}})]
    for bay in bays:
        before = set(bay.people.id[bay.people.alive == 1].tolist())
        run(bay)
        young = (bay.people.alive == 1) & (bay.people.age < 25.1)
        bay.new = [r for r in np.flatnonzero(young) if int(bay.people.id[r]) not in before]
    return bays


def test_joint_training_raises_the_skill_of_the_citys_graduates_alone(trained_pair):
    plain, bay = trained_pair
    skill = {int(plain.people.id[r]): plain.people.skill[r] for r in plain.new}
    ratio = np.array([bay.people.skill[r] / skill[int(bay.people.id[r])] for r in bay.new])
    institutes = bay.institutes.city
    count = np.bincount(institutes, weights=bay.institutes.graduates, minlength=11)[city(bay, "foshan")] / 4.0
    raised = np.array(bay.new)[ratio > 1.0]
    assert ratio[ratio > 1.0] == pytest.approx(1.0 + bay.parameters.mobility.training_skill, rel=1e-5)
    weight = bay.people.weight[raised].sum()
    share = bay.values.joint_training[city(bay, "foshan")]
    assert weight == pytest.approx(share * count, rel=0.6) and raised.size > 0
    assert cost(bay, "joint_training") == pytest.approx(bay.parameters.mobility.training_cost * weight)


def test_trained_graduates_take_posts_of_their_firm_and_leave_a_memory(make_bay):
    bay = make_bay({"joint_training": 0.6})
    seen = []

    def hire(bay, rows, choice, employer_city):
        seen.append((rows, choice[rows]))
        mobility.hire(bay, rows, choice, employer_city)

    bay.values.refresh()
    bay.budgets.open_quarter()
    trained = mobility.graduate(bay)
    mobility.count_staff(bay)
    mobility.open_posts(bay)
    vacancies = bay.firms.vacancies.copy()
    count = bay.institutes.capacity
    employer_city = node_city(bay).astype(np.int64)
    talent.place_trained(bay, trained, hire, employer_city)
    rows, firm, institute = trained
    (hired, taken), = seen
    assert rows.size > 30 and 0 < hired.size <= rows.size
    assert (bay.people.employer[hired] == taken).all() and (taken >= count).all()
    assert (vacancies - bay.firms.vacancies).sum() == hired.size and bay.firms.vacancies.min() >= 0
    assert np.mean([i in bay.firms.past[f - count] for f, i in zip(firm, institute, strict=True)]) > 0.95


def test_posts_go_to_the_first_identities():
    firm, ids = np.array([3, 3, 1, 3]), np.array([9, 4, 7, 5], np.uint64)
    hired = talent.posts_at(firm, ids, np.array([0, 1, 0, 2]))
    assert hired.tolist() == [False, True, True, True]


# ---------------------------------------------------------------- teams


def test_a_place_in_a_team_is_filled_more_often_where_people_like_to_be():
    value = np.array([-40.0, -3.0, 0.0, 40.0])
    chance = talent.chance_to_come(value, 20.0)
    assert chance[0] == pytest.approx(0.0, abs=1e-12) and chance[-1] == pytest.approx(1.0)
    assert chance[1] == pytest.approx(1.0 - (1.0 - 1.0 / (1.0 + np.exp(3.0))) ** 20)
    assert (np.diff(chance) > 0).all()


def test_teams_bring_their_grant_and_their_skill(make_bay):
    bay = make_bay({"overseas_teams": {"value": 0.2, "cities": ["shenzhen"]}})
    change(bay, {"mobility.newcomers": 0, "mobility.team_package": 10})
    before = bay.people.id[bay.people.alive == 1]
    money = bay.institutes.cash.sum()
    run(bay)
    people, p = bay.people, bay.parameters.mobility
    new = np.flatnonzero((people.alive == 1) & (people.age == talent.TEAM_AGE) & ~np.isin(people.id, before))
    weight = people.weight[new].sum()
    assert new.size > 0 and (people.city[new] == city(bay, "shenzhen")).all()
    assert (people.home[new] == len(bay.region.jurisdiction_ids) + 1).all()
    assert (people.employer[new] >= 0).all() and (people.employer[new] < bay.institutes.capacity).all()
    grant = weight * p.team_grant / p.team_size
    assert bay.institutes.cash.sum() - money == pytest.approx(grant)
    assert cost(bay, "overseas_teams") == pytest.approx(grant)
    assert grant <= 0.2 * bay.public_money.science_budget_now[city(bay, "shenzhen")] / 4.0
    assert people.skill[new].mean() == pytest.approx(p.team_skill, rel=0.35)


def test_teams_do_not_come_to_a_city_they_do_not_like(make_bay):
    bay = change(make_bay({"overseas_teams": 0.2}), {"mobility.newcomers": 0, "mobility.team_package": 0, "mobility.border_weight": 1e9})
    run(bay)
    assert cost(bay, "overseas_teams") == 0 and bay.labour.team_left.sum() > 0  # the money waits


# ---------------------------------------------------------------- tax


def test_only_titles_of_another_customs_territory_are_relieved(make_bay):
    bay = make_bay({"talent_tax_subsidy": {"value": 0.1, "cities": ["foshan"]}})
    bay.values.refresh()
    terms, here = talent.origin_terms(bay), city(bay, "foshan")
    names = [*bay.region.jurisdiction_ids, *bay.region.place_ids[11:]]
    relief = bay.values.tax_cut[here]
    expected = bay.parameters.mobility.wage_weight * np.log((1 - 0.15 + relief) / (1 - 0.15))
    by = dict(zip(names, terms[:, here], strict=True))
    assert by["guangdong"] == by["rest_of_china"] == 0.0
    assert by["hong_kong"] == by["macao"] == by["abroad"] == pytest.approx(expected) and expected > 0
    assert not np.delete(terms, here, axis=1).any()


def moves_to_foshan(make_bay, home, stayers, levers):
    """Expected moves into Foshan when everybody has the title ``home`` and all or none are stayers."""
    bay = change(make_bay(levers), {"mobility.stayer_share": stayers, "mobility.newcomers": 0})
    bay.people.home[:] = home
    bay.institutes.graduates[:] = 0.0  # their titles are their city's
    moves, there = run(bay), city(bay, "foshan")
    return moves[np.arange(11) != there, there].sum()


def test_stayers_insiders_and_outsiders_respond_differently(make_bay):
    lever = {"talent_tax_subsidy": {"value": 0.15, "cities": ["foshan"]}}
    hong_kong, guangdong = 1, 0
    response = {}
    for who, home, stayers in (("outsider", hong_kong, 0.0), ("stayer", hong_kong, 1.0), ("insider", guangdong, 0.0)):
        base = moves_to_foshan(make_bay, home, stayers, {})
        response[who] = moves_to_foshan(make_bay, home, stayers, lever) / base - 1.0
    assert response["insider"] == 0.0
    assert 0.0 < response["stayer"] < 0.5 * response["outsider"] and response["outsider"] > 0.05


def test_relief_is_paid_on_wages_of_outsiders_and_a_rise_costs_nothing(make_bay):
    bay = make_bay({"talent_tax_subsidy": 0.1})
    people = bay.people
    at_work = (people.alive == 1) & (people.employer >= 0)
    outside = bay.region.customs_pair[people.home, bay.region.jurisdiction_city[people.city]] > 0
    rows = np.flatnonzero(at_work & outside)
    bay.values.refresh()
    due = (people.weight * people.skill)[rows] * bay.prices.wage_city[people.city[rows]] * bay.values.tax_cut[people.city[rows]] / 4.0
    run(bay)
    assert cost(bay, "talent_tax_subsidy") == pytest.approx(due.sum(), rel=1e-5)
    rise = make_bay({"talent_tax_subsidy": -0.3})
    run(rise)
    assert cost(rise, "talent_tax_subsidy") == 0 and rise.values.tax_cut.min() < -0.1
    assert talent.origin_terms(rise).min() < 0


# ---------------------------------------------------------------- named talents


def test_young_staff_learn_from_named_talents_of_their_employer(make_bay):
    bay = make_bay({"talent_plan": {"value": 0.006, "cities": ["shenzhen"]}})
    bay.values.refresh()
    named = person.named_rows(bay)
    people, here = bay.people, city(bay, "shenzhen")
    total = people.weight[(people.alive == 1) & (people.city == here)].sum()
    assert people.weight[named].sum() == pytest.approx(bay.values.named_talents[here] * total, rel=0.4)
    assert (people.city[named] == here).all()
    assert people.skill[named].min() > np.quantile(people.skill[people.alive == 1], 0.88)
    before = people.skill.copy()
    talent.learn_from_named(bay)
    changed = np.flatnonzero(people.skill != before)
    assert changed.size > 0 and (people.skill[changed] > before[changed]).all()
    assert np.isin(people.employer[changed], people.employer[named]).all()
    assert (people.age[changed] <= bay.parameters.mobility.base_age).all()
    run(bay)
    assert cost(bay, "talent_plan") > 0


# ---------------------------------------------------------------- all together


def test_books_close_and_skill_is_recorded_with_every_lever_on_people(make_bay):
    names = ("talent_register", "welfare_linkage", "talent_housing", "joint_training", "overseas_teams", "talent_tax_subsidy",
             "talent_plan")
    levers = {name: catalogue.levers()[name].plausible_high for name in names}
    bay, base = play(make_bay(levers), 4), play(make_bay(), 4)

    def skill(one):
        record = one.record.arrays()
        return record["skill_sum"][3, :11].sum() / record["employed"][3, :11].sum()

    assert skill(bay) > skill(base)
    record = bay.record.arrays()
    assert all(record["public_cost_lever"][:4, :, LEVERS.index(name)].sum() > 0 for name in names)
