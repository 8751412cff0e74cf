"""Phase 2: graduates, choices, borders and recognition, wages, rents, knowledge that moves."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import among_cities, change, city, crossing, play

from greaterbay.exchange import mobility
from greaterbay.exchange.mobility import settle
from greaterbay.region.barriers import Barriers

KINDS = ("firm", "institute", "person")
HIRES = [f"flow_talent_{one}_{two}" for one in KINDS for two in ("firm", "institute")]
STILL = {"market.relocate": 0}  # a firm that moves takes its people along


def hires(bay, quarters=slice(None)):
    """People taking a post in another place, all kinds (P, P)."""
    record = bay.record.arrays()
    return sum(record[name][quarters].sum(axis=0) for name in HIRES)


# ---------------------------------------------------------------- who comes and who goes


def test_graduates_come_from_universities_and_only_from_them(make_bay):
    with_, without = make_bay(), make_bay()
    without.institutes.graduates[:] = 0.0
    for bay in (with_, without):
        play(bay, 3)
    count = with_.record.arrays()["graduates"][:3, :11]
    yearly = np.bincount(with_.institutes.city, weights=with_.institutes.graduates, minlength=11)
    assert not without.record.arrays()["graduates"][:3, :11].any()
    assert count.sum() == pytest.approx(yearly.sum() * 0.75, rel=0.05)


def test_newcomers_zero_nobody_comes_from_outside(make_bay):
    with_, without = make_bay(), make_bay()
    change(with_, {"mobility.newcomers": 0.05})
    change(without, {"mobility.newcomers": 0})
    for bay in (with_, without):
        play(bay, 3)
    assert hires(with_)[11:].sum() > 0
    assert hires(without)[11:].sum() == 0


def test_nobody_retires_or_leaves_skilled_work_at_rate_zero(bay):
    change(
        bay,
        {
            "mobility.retirement": 0,
            "mobility.attrition": 0,
            "mobility.idle_exit": 0,
            "mobility.outside_option": -1e9,
        },
    )
    play(bay, 3)
    record = bay.record.arrays()
    assert not record["retired"][:3, :11].any() and not record["flow_talent_person_person"].any()
    talent = record["talent"][:3, :11].sum(axis=1)
    gained = record["graduates"][:3, :11].sum() + hires(bay)[11:].sum()
    assert talent[2] == pytest.approx(bay.region.rd_people_city.sum() + gained, rel=1e-3)


def test_who_does_not_look_does_not_move(bay):
    change(bay, {"mobility.look": 0, **STILL})
    play(bay, 3)
    record = bay.record.arrays()
    for one in ("firm", "institute"):
        for two in ("firm", "institute"):
            assert not record[f"flow_talent_{one}_{two}"].any()


def test_nobody_retires_young(bay):
    change(bay, {"mobility.attrition": 0, "mobility.idle_exit": 0, "mobility.retirement": 1})
    people = bay.people
    old = (people.alive == 1) & (people.age >= 54.75)
    young = (people.alive == 1) & (people.age < 54.75)
    mobility.age_and_retire(bay)
    assert not people.alive[old].any() and people.alive[young].all() and old.any()


def test_movers_take_their_weight_along(bay):
    people = bay.people
    change(bay, {"mobility.look": 1, "mobility.stay_bonus": 0})
    weight = dict(
        zip(people.id[people.alive == 1].tolist(), people.weight[people.alive == 1].tolist(), strict=True)
    )
    home = dict(
        zip(people.id[people.alive == 1].tolist(), people.city[people.alive == 1].tolist(), strict=True)
    )
    play(bay, 1)
    rows = np.flatnonzero(people.alive)
    known = [r for r in rows if int(people.id[r]) in weight]
    assert all(people.weight[r] == weight[int(people.id[r])] for r in known)
    assert sum(people.city[r] != home[int(people.id[r])] for r in known) > 30


# ---------------------------------------------------------------- borders and recognition


def test_infinite_border_nobody_takes_a_post_across_it(make_bay):
    free, closed = make_bay(), make_bay()
    change(closed, {"mobility.border_weight": 1e9, "mobility.returnees": 0})  # who comes back crosses no border
    for bay in (free, closed):
        change(bay, {"mobility.look": 0.5, "mobility.newcomers": 0.1})
        play(bay, 3)
    blocked = closed.world.base_barriers.talent > 0
    assert hires(free)[blocked].sum() > 0
    assert hires(closed)[blocked].sum() == 0 and hires(closed)[~blocked].sum() > 0
    assert closed.record.arrays()["talent_border"][:3, :11].sum() == 0
    assert among_cities(closed, "expected_talent")[crossing(closed)].max() < 1e-9


def test_people_abroad_come_and_more_so_when_they_once_left(make_bay):
    came = {}
    for share in (0.0, 0.5, 1.0):
        bay = change(make_bay(), {"mobility.newcomers": 0.05, "mobility.returnees": share})
        play(bay, 3)
        came[share] = hires(bay)[12, :11].sum()
    assert came[0.0] < came[0.5] < came[1.0]
    # who looks from abroad looks where overseas links are, and no policy changes how many look
    links = bay.region.overseas_links_city * bay.reference.talent_start
    assert bay.world.newcomers_start[1] / bay.world.newcomers_start[1].sum() == pytest.approx(links / links.sum())
    assert bay.world.newcomers_start.sum() == pytest.approx(bay.reference.talent_start.sum())


def test_what_a_border_hides_is_not_replaced_by_posts_elsewhere(make_bay):
    """Hong Kong has only borders around it: people there see fewer posts elsewhere, not the same number."""
    there, seen = 9, []
    for weight in (1.0, 0.5):
        bay = make_bay({"talent_barrier": weight})
        change(bay, {"mobility.border_weight": 0, "mobility.look": 1.0})
        seen.append(expected(bay)[there].sum())
    assert seen[1] > 1.15 * seen[0] > 0.0


def expected(bay):
    bay.values.refresh()
    mobility.move_people(bay)
    return bay.tally.matrix("expected_talent")[:11, :11]


def test_lower_barrier_and_recognition_raise_expected_moves_across_borders(make_bay):
    cross = crossing(make_bay())
    base = expected(make_bay())
    for levers in ({"talent_barrier": 0.5}, {"talent_recognition": 0.8}):
        moves = expected(make_bay(levers))
        assert moves[cross].sum() > 1.1 * base[cross].sum(), levers


def test_recognition_does_nothing_where_titles_do_not_matter(make_bay):
    plain = change(make_bay(), {"mobility.recognition_weight": 0})
    known = change(make_bay({"talent_recognition": 0.8}), {"mobility.recognition_weight": 0})
    assert (expected(plain) == expected(known)).all()


def test_recognition_counts_in_the_city_of_destination(make_bay):
    cross = crossing(make_bay())
    base = expected(make_bay())
    moves = expected(make_bay({"talent_recognition": {"value": 0.8, "cities": ["shenzhen"]}}))
    to = make_bay().region.city_ids.index("shenzhen")
    more = moves - base
    assert more[:, to][cross[:, to]].sum() > 0
    assert np.delete(more, to, axis=1)[np.delete(cross, to, axis=1)].max() <= 1e-12


def test_rents_keep_people_away_and_wages_draw_them(make_bay):
    base = expected(make_bay())
    dear, paid = make_bay(), make_bay()
    here = city(dear, "foshan")
    dear.prices.rent_city[here] *= 2.0
    paid.world.personal_tax_city[here] = 0.0
    dear, paid = expected(dear), expected(paid)
    away = np.arange(11) != here
    assert dear[away, here].sum() < base[away, here].sum() < paid[away, here].sum()


def test_stayers_respond_less_to_other_cities(make_bay):
    total = []
    for response in (0.0, 1.0):
        bay = change(make_bay(), {"mobility.stayer_share": 1, "mobility.stayer_response": response})
        here = city(bay, "foshan")
        before = expected(
            change(make_bay(), {"mobility.stayer_share": 1, "mobility.stayer_response": response})
        )
        bay.prices.rent_city[here] *= 4.0
        after = expected(bay)
        away = np.arange(11) != here
        total.append(after[away, here].sum() / before[away, here].sum())
    assert total[0] == pytest.approx(1.0) and total[1] < 0.9


# ---------------------------------------------------------------- posts


def test_nobody_is_hired_beyond_the_vacancies():
    choice = np.array([0, 0, 0, 1, -1, 2, 2])
    ids = np.arange(10, 17).astype(np.uint64)
    vacancies, accepted = np.array([1, 5, 0]), np.empty(7, np.int8)
    settle(choice, ids, vacancies, np.uint64(9), accepted)
    assert accepted[:3].sum() == 1 and accepted[3] == 1 and not accepted[4:].any()


def test_no_money_no_posts(bay):
    bay.firms.rd_intensity[:] = 0.0
    bay.firms.rd_granted[:] = bay.firms.rd_paid[:] = bay.institutes.rd_paid[:] = 0.0
    mobility.open_posts(bay)
    assert bay.institutes.posts.max() == 0 and bay.firms.posts.max() == 0
    assert bay.institutes.vacancies.max() == 0 and bay.firms.vacancies.max() <= 1


# ---------------------------------------------------------------- wages and rents


def lay_off(bay, name, share=0.3):
    """People of a city lose their posts."""
    people = bay.people
    rows = np.flatnonzero((people.alive == 1) & (people.city == city(bay, name)) & (people.employer >= 0))
    rows = rows[: int(share * rows.size)]
    people.employer[rows], people.idle[rows] = -1, 0


def test_wages_rise_with_tightness(make_bay):
    plain, slack = make_bay(), make_bay()
    lay_off(slack, "foshan")
    for bay in (plain, slack):
        change(bay, {"mobility.offers": 0})  # nobody finds a post in between
        play(bay, 1)
    here = city(plain, "foshan")
    assert slack.prices.wage_city[here] < plain.prices.wage_city[here]
    assert np.delete(slack.prices.wage_city, here) == pytest.approx(np.delete(plain.prices.wage_city, here))


def test_wages_stand_still_without_response_anchor_and_growth(bay):
    change(
        bay,
        {
            "mobility.wage_response": 0,
            "mobility.wage_anchor": 0,
            "economy.growth_start": 0,
            "economy.growth_end": 0,
        },
    )
    before = bay.prices.wage_city.copy()
    play(bay, 3)
    assert (bay.prices.wage_city == before).all()


def test_wages_return_to_productivity(bay):
    change(bay, {"mobility.wage_response": 0, "mobility.wage_anchor": 0.5})
    start = bay.prices.wage_city.copy()
    bay.prices.wage_city *= 1.5
    bay.economy.productivity_city = bay.reference.productivity_city_start * 1.2
    mobility.move_people(bay)
    assert bay.prices.wage_city == pytest.approx(start * np.sqrt(1.5 * 1.2))


def test_rents_follow_people_by_the_inverse_supply_elasticity(bay):
    play(bay, 2)
    p = bay.parameters.mobility
    # rents were set in phase 2 of the last quarter from the people there
    ratio = bay.labour.talent_city / bay.reference.talent_start
    expected_rent = (
        bay.reference.rent_start * bay.economy.growth_level * ratio ** (p.rent_response / bay.region.housing_elasticity_city)
    )
    assert bay.prices.rent_city == pytest.approx(expected_rent) and np.abs(ratio - 1.0).max() > 1e-3


def test_rents_stand_still_without_response_and_growth(bay):
    change(bay, {"mobility.rent_response": 0, "economy.growth_start": 0, "economy.growth_end": 0})
    before = bay.prices.rent_city.copy()
    play(bay, 2)
    assert (bay.prices.rent_city == before).all()


def test_wages_and_rents_are_held_in_the_warm_up(bay):
    assert (bay.prices.wage_city == bay.reference.wage_start).all() and (bay.prices.rent_city == bay.reference.rent_start).all()


# ---------------------------------------------------------------- knowledge moves


def test_movers_carry_knowledge_up_to_their_former_employers_level(make_bay):
    carried, lost = make_bay(), make_bay()
    change(lost, {"learning.mover": 0})
    before = carried.firms.capability.copy()
    top = np.maximum(before.max(axis=0), carried.institutes.capability.max(axis=0))
    for bay in (carried, lost):
        change(bay, {"mobility.look": 0.5})
        mobility.move_people(bay)
    assert (lost.firms.capability == before).all()
    assert (carried.firms.capability >= before).all() and (carried.firms.capability > before).any()
    assert (carried.firms.capability <= top).all()


def test_a_mover_leaves_a_tie_behind(bay):
    people, count = bay.people, bay.institutes.capacity
    change(bay, {"mobility.look": 0.5})
    employer = people.employer.copy()
    ids = people.id.copy()
    mobility.move_people(bay)
    rows = np.flatnonzero(
        (people.alive == 1)
        & (people.id == ids[: people.capacity])
        & (people.employer != employer)
        & (employer >= 0)
        & (people.employer >= count)
    )
    assert rows.size > 50
    past = bay.firms.past
    known = [
        employer[r] in past[people.employer[r] - count] or (past[people.employer[r] - count] >= 0).all()
        for r in rows
    ]
    assert np.mean(known) > 0.95  # who was let go first and found a post in the same quarter leaves none
    assert (people.former[rows] == employer[rows]).all()


def test_an_infinite_barrier_matrix_stops_hiring_across_borders_too(bay):
    bay.world.base_barriers = Barriers(*(matrix * 1e9 for matrix in bay.world.base_barriers))
    change(bay, {"mobility.look": 0.5})
    play(bay, 2)
    assert bay.record.arrays()["talent_border"][:2, :11].sum() == 0
