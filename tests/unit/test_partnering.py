"""Phase 3: five proximities, convex cost, two-sided acceptance, stable matching, life of ties."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change, crossing, play, untie

from greaterbay.actors.invention import FIRM_FIRM, FIRM_INSTITUTE, INSTITUTE_INSTITUTE
from greaterbay.actors.network import NodeView, city_of_node, cognitive_distance, nodes_of
from greaterbay.exchange import partnering
from greaterbay.exchange.partnering import (
    burden,
    cognitive_fit,
    deferred_acceptance,
    marginal_cost,
    pair_value,
    pick,
    tie_type_of,
)
from greaterbay.parameters import Parameters

P = Parameters().partnering
KINDS = {FIRM_FIRM: (1, 1), FIRM_INSTITUTE: (0, 1), INSTITUTE_INSTITUTE: (0, 0)}


def two_nodes(distance, is_firm=(1, 1), field=(0, 1), chain=(0.5, 0.5), degree=(0.0, 0.0), size=(30.0, 30.0)):
    """Two nodes at a cognitive distance from each other."""
    near = 1.0 - distance
    profile = np.array([[1.0, 0.0], [near, np.sqrt(max(0.0, 1.0 - near * near))]], np.float32)
    size = np.array(size)
    return NodeView(
        np.ones(2, np.int8),
        np.array(is_firm, np.int8),
        np.zeros(2, np.int8),
        np.array(field, np.int8),
        np.zeros(2, np.int8),
        np.ones(2),
        np.log1p(size).astype(np.float32),
        np.array(chain, np.float32),
        profile,
        np.array(degree, np.float32),
        size,
        np.array([1, 2], np.uint64),
    )


def value(nodes, kind=FIRM_FIRM, travel=0.0, barrier=0.0, closure=0.0, past=0.0, common=0.0, p=P, a=0, b=1):
    return pair_value(nodes, a, b, kind, travel, barrier, closure, past, common, p)


# ---------------------------------------------------------------- utility


def test_cognitive_fit_is_one_at_the_optimum_and_falls_with_the_square():
    assert cognitive_fit(0.3, 0.3, 0.2) == 1.0
    assert cognitive_fit(0.5, 0.3, 0.2) == pytest.approx(0.0, abs=1e-12)
    assert cognitive_fit(0.7, 0.3, 0.2) == pytest.approx(-3.0)
    assert cognitive_fit(0.2, 0.3, 0.2) == pytest.approx(cognitive_fit(0.4, 0.3, 0.2))


@pytest.mark.parametrize(
    "kind, optimum",
    [
        (FIRM_FIRM, P.cognitive_optimum),
        (FIRM_INSTITUTE, P.cognitive_optimum_explore),
        (INSTITUTE_INSTITUTE, P.cognitive_optimum_explore),
    ],
)
def test_best_cognitive_distance_by_kind_of_tie(kind, optimum):
    grid = np.linspace(0.01, 0.99, 99)
    values = [value(two_nodes(d, KINDS[kind]), kind) for d in grid]
    best = int(np.argmax(values))
    assert grid[best] == pytest.approx(optimum, abs=0.011)
    assert np.all(np.diff(values[: best + 1]) > 0) and np.all(np.diff(values[best:]) < 0)


def test_optimum_is_further_out_for_exploratory_projects():
    assert P.cognitive_optimum_explore > P.cognitive_optimum


def test_distance_of_nodes_is_one_minus_the_cosine():
    for d in (0.0, 0.25, 0.8, 1.0):
        assert cognitive_distance(two_nodes(d).profile, 0, 1) == pytest.approx(d, abs=1e-6)


@pytest.mark.parametrize(
    "kind, slope",
    [
        (FIRM_FIRM, P.travel_firm_firm),
        (FIRM_INSTITUTE, P.travel_firm_institute),
        (INSTITUTE_INSTITUTE, P.travel_institute_institute),
    ],
)
def test_travel_has_its_own_slope_for_each_kind_of_tie(kind, slope):
    nodes = two_nodes(0.3, KINDS[kind])
    assert value(nodes, kind, travel=1.0) - value(nodes, kind, travel=3.0) == pytest.approx(2.0 * slope)


@pytest.mark.parametrize(
    "name, weight, sign",
    [
        ("barrier", P.border_weight, -1),
        ("closure", P.closure_weight, 1),
        ("past", P.past_weight, 1),
        ("common", P.organisation_weight, 1),
    ],
)
def test_each_proximity_enters_with_its_weight(name, weight, sign):
    nodes = two_nodes(0.3)
    assert value(nodes, **{name: 0.7}) - value(nodes) == pytest.approx(sign * 0.7 * weight)


def test_rivalry_is_separable_from_cognitive_distance():
    for gap in (0.0, 0.4, 1.0):
        chain = (0.0, gap)
        rivals = [value(two_nodes(d, field=(3, 3), chain=chain)) for d in (0.1, 0.3, 0.6)]
        others = [value(two_nodes(d, field=(3, 4), chain=chain)) for d in (0.1, 0.3, 0.6)]
        assert np.subtract(others, rivals) == pytest.approx(P.rivalry_weight * (1.0 - gap))


def test_institutes_are_nobodys_rivals():
    same, other = two_nodes(0.3, (0, 1), (3, 3)), two_nodes(0.3, (0, 1), (3, 4))
    assert value(same, FIRM_INSTITUTE) == value(other, FIRM_INSTITUTE)


def test_shared_value_is_the_same_from_both_sides():
    nodes = two_nodes(0.3, field=(3, 3), chain=(0.2, 0.9))
    assert value(nodes, travel=1.0, barrier=0.4, a=0, b=1) == value(nodes, travel=1.0, barrier=0.4, a=1, b=0)


def test_tie_types():
    for kind, firms in KINDS.items():
        assert tie_type_of(two_nodes(0.3, firms), 0, 1) == kind


def test_cost_of_a_tie_is_convex_and_counted_per_researcher():
    ties = np.arange(0.0, 40.0)
    cost = np.array([marginal_cost(x) for x in ties])
    assert cost[0] == 1.0 and np.all(np.diff(cost) > 0)
    assert cost.sum() == pytest.approx(40.0**1.5)
    assert burden(two_nodes(0.3, degree=(6.0, 6.0), size=(0.0, 60.0)), 0) == pytest.approx(6.0)
    assert burden(two_nodes(0.3, degree=(6.0, 6.0), size=(0.0, 60.0)), 1) == pytest.approx(2.0)


def test_pick_follows_the_weights_and_finds_nothing_among_zeros():
    cumulative = np.cumsum([0.0, 1.0, 0.0, 3.0])
    drawn = np.bincount([pick(cumulative, u) for u in (np.arange(1000) + 0.5) / 1000], minlength=4)
    assert drawn.tolist() == [0, 250, 0, 750]
    assert pick(np.zeros(4), 0.5) == -1


# ---------------------------------------------------------------- matching


def test_deferred_acceptance_keeps_the_best_proposers():
    # 0, 1 and 2 all want 3, who has one place and prefers 2, then 0; 0 then gets 4, 1 has no second choice
    target = np.array([[3, 4], [3, -1], [3, 4], [-1, -1], [-1, -1]])
    theirs = np.array([[2.0, 1.0], [1.0, 0.0], [3.0, 9.0], [0.0, 0.0], [0.0, 0.0]])
    chosen = np.empty(5, np.int64)
    deferred_acceptance(target, theirs, np.ones(5, np.int64), chosen)
    assert chosen.tolist() == [4, -1, 3, -1, -1]
    deferred_acceptance(target, theirs, np.array([1, 1, 1, 2, 1]), chosen)
    assert chosen.tolist() == [3, -1, 3, -1, -1]
    deferred_acceptance(target, theirs, np.zeros(5, np.int64), chosen)
    assert chosen.tolist() == [-1] * 5


def new_ties(bay):
    return np.flatnonzero((bay.ties.alive == 1) & (bay.ties.start == bay.quarter))


def test_a_tie_needs_both_sides(bay):
    # size alone decides: a big partner attracts everybody, and refuses who is small
    weight, reservation, noise = 10.0, 45.0, 15.0
    change(
        bay,
        {
            "partnering.mass_weight": weight,
            "partnering.reservation": reservation,
            "partnering.cost_weight": 0,
            "partnering.cognitive_weight": 0,
        },
    )
    partnering.find_partners(bay)
    mass = nodes_of(bay.institutes, bay.firms, bay.region.relatedness_field).mass
    rows = new_ties(bay)
    assert rows.size > 20
    smaller = np.minimum(mass[bay.ties.a[rows]], mass[bay.ties.b[rows]])
    assert smaller.min() * weight > reservation - noise
    willing = (mass > 0) & (mass * weight < reservation - noise)
    assert willing.sum() > 100  # many small actors would have liked a big partner


def test_no_utility_is_enough_for_an_infinite_reservation(bay):
    change(bay, {"partnering.reservation": 1e9})
    partnering.find_partners(bay)
    assert new_ties(bay).size == 0


def test_who_does_not_look_finds_nobody(bay):
    change(bay, {"partnering.seek_share": 0})
    partnering.find_partners(bay)
    assert new_ties(bay).size == 0


def test_infinite_cost_leaves_everybody_alone(bay):
    change(bay, {"partnering.cost_weight": 1e9})
    partnering.find_partners(bay)
    assert new_ties(bay).size == 0


def test_infinite_border_no_new_tie_crosses(make_bay):
    free, closed = make_bay(), make_bay()
    change(closed, {"partnering.border_weight": 1e9})
    for bay in (free, closed):
        play(bay, 4)
    cross = crossing(free)

    def fresh(bay):
        rows = np.flatnonzero((bay.ties.alive == 1) & (bay.ties.start >= bay.start))
        return cross[city_of_node(bay, bay.ties.a[rows]), city_of_node(bay, bay.ties.b[rows])]

    assert fresh(free).sum() > 0
    assert fresh(closed).sum() == 0 and fresh(closed).size > 100


def test_documented_ties_stay_whatever_the_border(bay):
    lasting = np.flatnonzero((bay.ties.alive == 1) & (bay.ties.end > 10**7))
    region = bay.region
    named = sum(int(i >= 0) for second in (region.institute_city_2, region.institute_city_3) for i in second)
    assert 0.9 * named <= lasting.size <= named and lasting.size > 20
    before = bay.ties.id[lasting].copy()
    change(bay, {"partnering.border_weight": 1e9})
    play(bay, 2)
    assert (bay.ties.alive[lasting] == 1).all() and (bay.ties.id[lasting] == before).all()


def test_ties_last_tie_life_on_average(bay):
    life = 2.0
    change(bay, {"partnering.tie_life": life})
    lives = []
    for _ in range(4):
        partnering.find_partners(bay)
        rows = new_ties(bay)
        lives.append(bay.ties.end[rows] - bay.ties.start[rows])
        bay.ties.clear(rows)
        bay.quarter += 1
    lives = np.concatenate(lives)
    assert lives.min() >= 1
    assert abs(lives.mean() - life) < 4.0 * lives.std() / np.sqrt(lives.size), (lives.mean(), lives.size)


def test_a_tie_is_over_in_its_last_quarter(bay):
    change(bay, {"partnering.seek_share": 0})
    over = np.flatnonzero((bay.ties.alive == 1) & (bay.ties.end == bay.quarter))
    going_on = np.flatnonzero((bay.ties.alive == 1) & (bay.ties.end > bay.quarter))
    assert over.size and going_on.size
    partnering.find_partners(bay)
    assert (bay.ties.alive[over] == 0).all() and (bay.ties.alive[going_on] == 1).all()


def test_partners_are_remembered(bay):
    partnering.find_partners(bay)
    past = np.concatenate((bay.institutes.past, bay.firms.past))
    for row in new_ties(bay):
        a, b = bay.ties.a[row], bay.ties.b[row]
        assert a in past[b] or (past[b] >= 0).all()
        assert b in past[a] or (past[a] >= 0).all()


def test_a_platform_shows_more_candidates_to_whom_it_reaches(make_bay):
    target = "zhaoqing"
    without, reached = make_bay(), make_bay({"information_platform": {"value": 1.0, "cities": [target]}})
    for bay in (without, reached):
        bay.values.refresh()
        partnering.find_partners(bay)
    before, after = (bay.tally.matrix("expected_ties") for bay in (without, reached))
    row = without.region.city_ids.index(target)
    other = np.arange(len(before)) != row
    assert (after[row] >= before[row]).all() and after[row, other].sum() > 1.02 * before[row, other].sum()
    # only pairs with the city can differ
    assert (after[np.ix_(other, other)] == before[np.ix_(other, other)]).all()


def test_alliance_members_meet_only_where_memberships_are_used(make_bay):
    none, all_used = make_bay(), make_bay()
    change(none, {"partnering.alliance_base": 0})
    change(all_used, {"partnering.alliance_base": 1})
    total = []
    for bay in (none, all_used):
        bay.values.refresh()
        partnering.find_partners(bay)
        total.append(bay.tally.matrix("expected_ties").sum())
    assert total[1] > total[0]


@pytest.mark.parametrize("used", [0.0, 0.4, 1.0])
def test_members_of_one_alliance_who_use_it_share(bay, used):
    """Of the new ties inside an alliance the share that is used is shared, of all others none."""
    change(bay, {"partnering.alliance_base": used})
    bay.firms.alliances[:] = bay.institutes.alliances[:] = 0
    bay.firms.alliances[bay.firms.id % np.uint64(3) > 0] = 1
    play(bay, 2)
    ties, bits = bay.ties, np.concatenate((bay.institutes.alliances, bay.firms.alliances))
    rows = np.flatnonzero((ties.alive == 1) & (ties.start >= bay.start))
    together = (bits[ties.a[rows]] & bits[ties.b[rows]]) > 0
    shared = ties.shared[rows] == 1
    number = int(together.sum())
    assert number > 60 and (~together).sum() > 60 and not shared[~together].any()
    assert abs(shared[together].mean() - used) <= 4.0 * np.sqrt(used * (1.0 - used) / number)


def test_an_agreement_between_cities_shows_them_to_each_other(make_bay):
    without, agreed = make_bay(), make_bay()
    change(without, {"partnering.agreement": 0})
    change(agreed, {"partnering.agreement": 5})
    for bay in (without, agreed):
        partnering.find_partners(bay)
    pairs = [tuple(bay.region.city_ids.index(name) for name in pair) for pair in bay.region.agreements]
    before, after = (bay.tally.matrix("expected_ties") for bay in (without, agreed))
    assert pairs and all(after[a, b] > before[a, b] for a, b in pairs)


def test_who_cannot_be_seen_across_the_border_is_not_met(bay):
    """An infinite fall of visibility: no meeting across, but for memories, common partners and alliances."""
    change(
        bay,
        {"partnering.candidate_border": 1e9, "partnering.border_weight": 0, "partnering.alliance_base": 0},
    )
    bay.institutes.past[:] = bay.firms.past[:] = -1
    untie(bay)
    bay.values.refresh()
    partnering.find_partners(bay)
    met, cross = bay.tally.matrix("expected_ties")[:11, :11], crossing(bay)
    assert met[cross].sum() == 0 and met[~cross].sum() > 0
