"""Phase 4: learning on ties, spillovers, levels in [0, 1], knowledge production."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change, crossing, play, untie

from greaterbay.actors.network import NodeView, cognitive_distance, nodes_of, see_network
from greaterbay.actors.population import absorptive_base
from greaterbay.exchange import learning
from greaterbay.exchange.learning import barter, invention_means, novelty_times_understanding, recombine
from greaterbay.parameters import Parameters
from greaterbay.region.barriers import Barriers
from greaterbay.streams import negative_binomial

P = Parameters()
QUIET = {
    "learning.own": 0,
    "learning.spillover": 0,
    "learning.recombine": 0,
    "learning.depreciation": 0,
    "learning.depreciation_unused": 0,
    "learning.frontier": 0,
}


# ---------------------------------------------------------------- novelty, understanding, barter


@pytest.mark.parametrize("optimum", [P.learning.novelty_optimum, P.learning.novelty_optimum_explore])
def test_learning_is_an_inverted_u_of_cognitive_distance(optimum):
    grid = np.linspace(0.0, 1.0, 201)
    speed = np.array([novelty_times_understanding(d, optimum) for d in grid])
    best = int(np.argmax(speed))
    assert grid[best] == pytest.approx(optimum) and speed[best] == pytest.approx(1.0)
    assert speed[0] == 0.0 and (speed[grid >= 2.0 * optimum] == 0.0).all()
    assert np.all(np.diff(speed[: best + 1]) > 0) and np.all(np.diff(speed[best:]) <= 0)


def test_exploration_learns_best_further_out():
    assert P.learning.novelty_optimum_explore > P.learning.novelty_optimum


def test_barter_is_the_smaller_side():
    assert barter(0.2, 0.5) == barter(0.5, 0.2) == 0.2 and barter(0.0, 1.0) == 0.0


# ---------------------------------------------------------------- learning on ties in a bay


def all_levels(bay):
    return np.concatenate((bay.institutes.capability, bay.firms.capability)).astype(float)


def pair_up(bay, kind, shared=0, pairs=60):
    """Clear all ties and pair each of some actors with one other; the rows of the new ties."""
    ties, count = bay.ties, bay.institutes.capacity
    ties.clear(np.flatnonzero(ties.alive))
    firms = bay.firms.alive_rows()
    firms = firms[np.argsort(bay.streams.uniforms("initial", 0, bay.firms.id[firms], 999))] + count
    big = np.argsort(-bay.institutes.researchers)
    a = {0: firms[:pairs], 1: big[:pairs], 2: big[:pairs]}[kind]
    b = {0: firms[pairs : 2 * pairs], 1: firms[:pairs], 2: big[pairs : 2 * pairs]}[kind]
    rows = np.arange(pairs)
    ties.alive[rows] = 1
    ties.a[rows], ties.b[rows] = np.minimum(a, b), np.maximum(a, b)
    ties.type[rows], ties.explore[rows], ties.shared[rows] = kind, kind > 0, shared
    ties.start[rows], ties.end[rows], ties.weight[rows] = bay.quarter, bay.quarter + 99, 1.0
    see_network(bay)
    return rows


def learn(bay, **more):
    """One quarter of learning alone: no research, no loss, no recombination; levels before and after."""
    change(bay, QUIET | {"learning.alpha": 0.3} | {f"learning.{k}": v for k, v in more.items()})
    before = all_levels(bay)
    learning.share_knowledge(bay)
    return before, all_levels(bay)


def own_fields(bay):
    return np.concatenate((bay.institutes.main_field, bay.firms.field)).astype(int)


@pytest.mark.parametrize("kind, shared", [(0, 0), (0, 1), (1, 0), (2, 0)])
def test_nobody_learns_beyond_reach_of_the_partner(bay, kind, shared):
    ties = bay.ties
    rows = pair_up(bay, kind, shared)
    before, after = learn(bay)
    reach = bay.parameters.learning.reach
    a, b = ties.a[rows], ties.b[rows]
    for me, partner in ((a, b), (b, a)):
        limit = np.maximum(before[me], reach * before[partner])
        assert (after[me] <= limit + 1e-6).all()
        assert (after[me] >= before[me] - 1e-6).all()
    assert (after[np.concatenate((a, b))] > before[np.concatenate((a, b))] + 1e-6).any()
    idle = np.setdiff1d(np.arange(before.shape[0]), np.concatenate((a, b)))
    assert (after[idle] == before[idle]).all()


def test_nothing_is_learned_in_far_fields(bay):
    ties, related = bay.ties, bay.region.relatedness_field
    rows = pair_up(bay, 1)
    before, after = learn(bay)
    field = own_fields(bay)
    for n in np.concatenate((ties.a[rows], ties.b[rows])):
        far = (related[field[n]] < bay.parameters.learning.neighbour_field) & (np.arange(12) != field[n])
        assert far.any() and (after[n] == before[n])[np.repeat(far, 4)].all()


def gains(bay, rows, before, after):
    """Total gain of both sides of the ties, recorded and from the levels."""
    change = (after - before).sum(axis=1)
    count = bay.institutes.capacity
    sides = []
    for nodes in (bay.ties.a[rows], bay.ties.b[rows]):
        sides.append(change[nodes])
        firm = nodes >= count
        assert bay.firms.learned[nodes[firm] - count] == pytest.approx(change[nodes][firm], abs=2e-5)
    return sides


def test_exchange_between_firms_is_barter(bay):
    rows = pair_up(bay, 0)
    one, two = gains(bay, rows, *learn(bay))
    assert one == pytest.approx(two, abs=2e-5) and one.sum() > 0.01


def test_members_who_share_give_without_return(bay):
    rows = pair_up(bay, 0, shared=1)
    one, two = gains(bay, rows, *learn(bay))
    assert np.abs(one - two).max() > 1e-3


def test_barter_gives_each_side_no_more_than_a_gift(make_bay):
    sharing, plain = make_bay(), make_bay()
    rows = pair_up(sharing, 0, shared=1)
    pair_up(plain, 0)
    gift, swap = gains(sharing, rows, *learn(sharing)), gains(plain, rows, *learn(plain))
    assert np.minimum(*swap) == pytest.approx(np.minimum(*gift), abs=2e-5)
    assert (np.maximum(*swap) <= np.maximum(*gift) + 2e-5).all()


def test_speed_follows_distance_absorption_and_room(bay):
    """One tie by hand: dL = alpha * absorption * N Q * (reach * theirs - mine) * (1 - mine)."""
    rows = pair_up(bay, 1)
    p = change(bay, QUIET | {"learning.alpha": 0.3}).parameters.learning
    nodes = nodes_of(bay.institutes, bay.firms, bay.region.relatedness_field)
    before, after = learn(bay)
    field, count = own_fields(bay), bay.institutes.capacity
    for row in rows[:20]:
        teacher, learner = bay.ties.a[row], bay.ties.b[row]  # an institute teaches a firm
        distance = cognitive_distance(nodes.profile, teacher, learner)
        speed = (
            0.3
            * bay.firms.absorptive[learner - count]
            * novelty_times_understanding(distance, p.novelty_optimum_explore)
        )
        own = slice(4 * field[learner], 4 * field[learner] + 4)
        gap = np.maximum(0.0, p.reach * before[teacher, own] - before[learner, own])
        assert (after - before)[learner, own] == pytest.approx(
            speed * gap * (1.0 - before[learner, own]), abs=1e-6
        )


def test_alpha_zero_no_learning(bay):
    pair_up(bay, 1)
    before, after = learn(bay, alpha=0)
    assert (after == before).all()
    assert not bay.firms.learned.any() and not bay.tally.arrays["learning"].any()


def test_no_ties_no_learning(bay):
    untie(bay)
    before, after = learn(bay)
    assert (after == before).all() and not bay.firms.learned.any()


def test_learning_from_the_core_is_traced_to_core_partners(bay):
    rows = pair_up(bay, 1)
    learn(bay)
    count, core = bay.institutes.capacity, bay.region.core_city
    firm, teacher_in_core = bay.ties.b[rows] - count, core[bay.institutes.city[bay.ties.a[rows]]]
    assert (bay.firms.learned_core[firm] == np.where(teacher_in_core, bay.firms.learned[firm], 0.0)).all()
    assert teacher_in_core.any() and not teacher_in_core.all()


# ---------------------------------------------------------------- levels


def test_no_loss_and_no_frontier_levels_never_fall(bay):
    change(bay, {"learning.depreciation": 0, "learning.depreciation_unused": 0, "learning.frontier": 0})
    ids, before = bay.firms.id.copy(), bay.firms.capability.copy()
    institutes = bay.institutes.capability.copy()
    play(bay, 4)
    same = (bay.firms.alive == 1) & (bay.firms.id == ids[: bay.firms.capacity])
    assert same.sum() > 500
    assert (bay.firms.capability[same] >= before[same]).all() and (
        bay.institutes.capability >= institutes
    ).all()
    assert (bay.firms.capability[same] > before[same]).any()


def test_losses_alone_are_proportional_to_the_level(bay):
    untie(bay)
    p = change(
        bay,
        QUIET
        | {"learning.depreciation": 0.02, "learning.depreciation_unused": 0.05, "learning.frontier": 0.01},
    ).parameters.learning
    before = bay.firms.capability.astype(float)
    learning.share_knowledge(bay)
    rows = bay.firms.alive_rows()
    own = np.repeat(bay.firms.field[rows][:, None] == np.arange(12)[None, :], 4, axis=1)
    left = np.where(own, 1.0 - p.depreciation - p.frontier, 1.0 - p.depreciation_unused - p.frontier)
    assert bay.firms.capability[rows] == pytest.approx(before[rows] * left, abs=1e-6)


def test_own_research_closes_a_share_of_what_is_missing(bay):
    untie(bay)
    change(bay, QUIET | {"learning.own": 0.05})
    before = bay.firms.capability.astype(float)
    learning.share_knowledge(bay)
    rows = bay.firms.alive_rows()
    own = np.repeat(bay.firms.field[rows][:, None] == np.arange(12)[None, :], 4, axis=1)
    gain = (bay.firms.capability - before)[rows]
    assert (gain[~own] == 0).all()
    rate = (gain[own] / (1.0 - before[rows][own])).reshape(-1, 4)
    assert rate.min() >= 0 and rate.max() <= 0.05 * 1.3 * 2.0 + 1e-6
    # firms are strong at the process end
    busy = rate[:, 0] > 1e-3
    assert rate[busy, 3] / rate[busy, 0] == pytest.approx(1.3 / 0.7, rel=1e-3)


def test_levels_stay_between_zero_and_one_under_extreme_rates(bay):
    change(
        bay,
        {
            "learning.alpha": 1,
            "learning.own": 0.3,
            "learning.spillover": 0.3,
            "learning.recombine": 0.5,
            "learning.reach": 1,
            "invention.rate": 5,
        },
    )
    for _ in range(6):
        learning.share_knowledge(bay)
        bay.quarter += 1
    levels = all_levels(bay)
    assert levels.min() >= 0 and levels.max() <= 1 and levels.max() > 0.9
    change(
        bay,
        QUIET
        | {
            "learning.depreciation": 0.2,
            "learning.depreciation_unused": 0.2,
            "learning.frontier": 0.1,
            "learning.alpha": 0,
        },
    )
    for _ in range(6):
        learning.share_knowledge(bay)
        bay.quarter += 1
    assert all_levels(bay).min() >= 0 and all_levels(bay).max() < 0.2


def test_recombination_raises_the_weakest_capability_only():
    levels = np.full(8, 0.5)
    levels[5] = 0.2
    recombine(levels, 1, 1, 0.1)
    expected = np.full(8, 0.5)
    expected[5] = 0.2 + 0.1 * 0.8
    assert levels == pytest.approx(expected)


# ---------------------------------------------------------------- access and spillovers


def test_access_is_at_least_the_own_level_and_no_more_without_partners(make_bay):
    open_, closed = make_bay(), make_bay()
    change(closed, {"learning.access": 0})
    rows = open_.firms.alive_rows()
    own = open_.firms.capability.reshape(-1, 12, 4)[rows, open_.firms.field[rows]].astype(float)
    alone = np.maximum(own, 1e-6).prod(axis=1) ** 0.25
    for bay in (open_, closed):
        learning.share_knowledge(bay)
    assert (open_.firms.access[rows] >= alone - 1e-9).all() and (
        open_.firms.access[rows] > alone + 1e-6
    ).any()
    assert closed.firms.access[rows] == pytest.approx(alone, abs=1e-9)


def test_spillover_pool_is_the_sum_of_its_source(bay):
    region, p = bay.region, bay.parameters.learning
    firms, institutes, barrier = bay.firms, bay.institutes, bay.values.barrier_technology
    stock = np.zeros((11, 12))
    for r in firms.alive_rows():
        stock[firms.city[r], firms.field[r]] += (
            firms.staff[r] * firms.capability[r, 4 * firms.field[r] : 4 * firms.field[r] + 4].mean()
        )
    for i in range(institutes.capacity):
        for f in range(12):
            stock[institutes.city[i], f] += (
                institutes.staff[i]
                * institutes.field_weight[i, f]
                * institutes.capability[i, 4 * f : 4 * f + 4].mean()
            )
    pool = learning.spillover_pools(bay)
    for c, f in ((0, 0), (1, 5), (9, 3), (10, 11)):
        total = sum(
            np.exp(-region.distance_km[c, d] / p.spillover_distance)
            * max(0.0, 1.0 - p.spillover_border * barrier[c, d])
            * region.relatedness_field[f, g]
            * stock[d, g]
            for d in range(11)
            for g in range(12)
        )
        assert pool[c, f] == pytest.approx(min(4.0, total / bay.reference.spillover_reference), rel=1e-5)


def test_infinite_border_stops_spillovers_and_basic_knowledge(bay):
    closed = Barriers(*(matrix * 1e9 for matrix in bay.world.base_barriers))
    bay.world.base_barriers = closed
    bay.values.refresh()
    spill, basic = learning.spillover_pools(bay), learning.basic_pools(bay)
    # knowledge across the border is of no use whatever happens to it
    here = bay.region.jurisdiction_city == bay.region.jurisdiction_city[10]
    away = ~here[bay.institutes.city]
    bay.institutes.capability[away] = 0.99
    bay.firms.capability[(bay.firms.alive == 1) & ~here[bay.firms.city]] = 0.99
    assert (learning.spillover_pools(bay)[here] == spill[here]).all()
    assert (learning.basic_pools(bay)[here] == basic[here]).all()
    assert (learning.spillover_pools(bay)[~here] != spill[~here]).any()


def test_lower_technology_barrier_widens_the_pools(make_bay):
    now, half = make_bay(), make_bay({"technology_barrier": 0.5})
    for bay in (now, half):
        bay.values.refresh()
    touched = crossing(now).any(axis=1)
    assert (learning.basic_pools(half)[touched] > learning.basic_pools(now)[touched]).all()
    assert (learning.spillover_pools(half) >= learning.spillover_pools(now)).all()


# ---------------------------------------------------------------- knowledge production


def two_inventors(field=(0, 0), degree=(0.0, 0.0), alive=(1, 1)):
    n = len(field)
    return NodeView(
        np.array(alive, np.int8),
        np.ones(n, np.int8),
        np.zeros(n, np.int8),
        np.array(field, np.int8),
        np.zeros(n, np.int8),
        np.ones(n),
        np.zeros(n, np.float32),
        np.zeros(n, np.float32),
        np.zeros((n, 2), np.float32),
        np.array(degree, np.float32),
        np.ones(n),
        np.arange(n).astype(np.uint64),
    )


def means_of(money, people, spill, access, degree):
    """Mean inventions of single actors; each sits in a city of its own, so that its pool is its own."""
    n = money.size
    nodes = two_inventors(np.zeros(n, int), degree, np.ones(n, int))
    nodes.city[:] = np.arange(n) % 100
    out = np.zeros(n)
    invention_means(nodes, money, people, spill.reshape(n, 1), access, np.ones(n), P.invention, out)
    return out


def test_elasticities_of_knowledge_production_are_recovered_by_regression():
    rng = np.random.default_rng(1)
    n, q = 100, P.invention
    money, people, spill, access = (np.exp(rng.normal(size=n)) for _ in range(4))
    degree = rng.integers(0, 8, n).astype(float)
    out = means_of(money, people, spill, access, degree)
    logs = np.column_stack(
        (
            np.ones(n),
            np.log(money),
            np.log(people),
            np.log(spill),
            np.log(access),
            np.log1p(degree / (1.0 + people / 100.0)),
        )
    )
    found = np.linalg.lstsq(logs, np.log(out), rcond=None)[0][1:]
    assert found == pytest.approx(
        [q.rd_elasticity, q.people_elasticity, q.spillover_elasticity, q.capability_elasticity, q.partner],
        abs=1e-6,
    )
    assert 0.4 <= q.rd_elasticity <= 0.9


def test_reference_firm_makes_the_declared_rate():
    q = P.invention
    out = means_of(
        np.array([q.rd_reference / 4.0]),
        np.array([q.people_reference]),
        np.ones(1),
        np.array([q.capability_reference]),
        np.zeros(1),
    )
    assert out[0] == pytest.approx(q.rate)


def test_no_money_or_nobody_invents_nothing():
    out = means_of(np.array([0.0, 5.0, 5.0]), np.array([5.0, 0.0, 5.0]), np.ones(3), np.ones(3), np.zeros(3))
    assert out[0] == out[1] == 0.0 and out[2] > 0


@pytest.mark.parametrize("mean, size", [(0.3, 1.2), (2.0, 1.2), (5.0, 0.5), (20.0, 3.0)])
def test_counts_have_the_mean_and_variance_of_the_negative_binomial(mean, size):
    grid = (np.arange(40_000) + 0.5) / 40_000
    counts = np.array([negative_binomial(u, mean, size) for u in grid], float)
    assert counts.mean() == pytest.approx(mean, rel=0.005)
    assert counts.var() == pytest.approx(mean + mean * mean / size, rel=0.02)
    assert (np.diff(counts) >= 0).all()


def test_a_mean_of_zero_counts_nothing():
    assert negative_binomial(0.999999, 0.0, 1.2) == 0


def test_rate_zero_no_inventions(bay):
    change(bay, {"invention.rate": 0})
    before = int(bay.inventions.alive.sum())
    learning.share_knowledge(bay)
    assert int(bay.inventions.alive.sum()) == before and not bay.tally.arrays["inventions"].any()


def test_quality_has_the_declared_tail(bay):
    quality = np.sort(bay.inventions.quality[bay.inventions.alive == 1])[::-1]
    k = quality.size // 10
    hill = 1.0 / np.log(quality[:k] / quality[k]).mean()
    assert hill == pytest.approx(bay.parameters.invention.quality_tail, abs=0.25) and k > 200


def test_new_inventions_belong_to_their_maker(bay):
    play(bay, 1)
    table, count = bay.inventions, bay.institutes.capacity
    rows = np.flatnonzero((table.alive == 1) & (table.birth == bay.quarter - 1))
    assert rows.size > 50
    made = np.concatenate((bay.institutes.inventions, bay.firms.inventions))
    owned = np.bincount(table.owner[rows][table.owner[rows] >= 0], minlength=made.size)
    assert (owned <= made).all() and owned.sum() > 0.9 * rows.size
    wide = table.owner[rows] < count
    assert (table.weight[rows][wide & (table.owner[rows] >= 0)] == 1.0 / bay.scale).all()
    assert (table.partner[rows] != table.owner[rows])[table.partner[rows] >= 0].all()


# ---------------------------------------------------------------- absorptive capacity


def test_absorption_saturates_in_research_and_stays_between_zero_and_one():
    p = P.learning
    at = np.array([0.0, 0.5, 1.0, 2.0, 1e9]) * p.absorptive_reference
    target = learning.absorption_target(0.5, at, 1.0, p)
    assert target[[0, 2, 4]] == pytest.approx([0.5 - p.absorptive_response, 0.5, 0.5 + p.absorptive_response])
    assert (np.diff(target) > 0).all() and np.diff(target)[2] / np.diff(at)[2] < np.diff(target)[1] / np.diff(at)[1]
    assert learning.absorption_target(0.95, 1e9, 1.0, p) == 1.0 and learning.absorption_target(0.1, 0.0, 1.0, p) == 0.0
    assert learning.absorption_target(0.5, 0.05, 1.5, p) > learning.absorption_target(0.5, 0.05, 0.7, p)


def test_a_firm_with_more_own_research_absorbs_more(make_bay):
    found = []
    for factor in (1.0, 3.0):
        bay = make_bay()
        rows = bay.firms.alive_rows()
        bay.firms.rd_paid[rows[::2]] *= factor
        learning.build_absorption(bay)
        found.append(bay.firms.absorptive[rows].copy())
    more = found[1] - found[0]
    assert more.min() >= 0.0 and (more[::2] > 0.0).mean() > 0.95 and not more[1::2].any()


def test_without_adjustment_absorptive_capacity_is_the_draw(make_bay):
    bay = make_bay(parameters={"learning.absorptive_speed": 0.0})
    play(bay, 3)
    rows = bay.firms.alive_rows()
    draw = absorptive_base(bay, bay.firms.id[rows])
    assert bay.firms.absorptive[rows] == pytest.approx(draw, abs=1e-6)
    assert draw.min() >= 0.35 and draw.max() <= 0.65


def test_absorptive_capacity_is_about_a_half_on_average_and_moves_slowly(bay):
    rows = bay.firms.alive_rows()
    before = bay.firms.absorptive[rows].astype(float)
    assert np.average(before, weights=bay.firms.weight[rows]) == pytest.approx(0.5, abs=0.08)
    assert before.min() >= 0.0 and before.max() <= 1.0 and before.std() > 0.05
    learning.build_absorption(bay)
    assert np.abs(bay.firms.absorptive[rows] - before).max() <= P.learning.absorptive_speed
