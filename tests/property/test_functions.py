"""Properties of the model's functions that hold for any arguments."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, example, given
from hypothesis import strategies as st

from greaterbay.actors.population import interleave, pareto_bins, shares_to_counts, thinned
from greaterbay.exchange.conversion import reach_of, stage_success
from greaterbay.exchange.credit import credit_limit
from greaterbay.exchange.diffusion import hazard, worth
from greaterbay.exchange.learning import barter, novelty_times_understanding
from greaterbay.exchange.market import growth_spread
from greaterbay.exchange.partnering import cognitive_fit, marginal_cost, pick
from greaterbay.exchange.venture import guidance_effect, posterior_mean
from greaterbay.parameters import Parameters
from greaterbay.streams import negative_binomial, rounded

P = Parameters()
share = st.floats(0.0, 1.0)
positive = st.floats(1e-3, 1e3)
counts = st.lists(st.floats(0.01, 10.0), min_size=1, max_size=12)


@given(share, share, st.floats(0.05, 2.0))
def test_cognitive_fit_is_highest_at_the_optimum_and_symmetric(distance, optimum, width):
    assert cognitive_fit(distance, optimum, width) <= 1.0
    mirror = 2.0 * optimum - distance
    assert math.isclose(
        cognitive_fit(distance, optimum, width), cognitive_fit(mirror, optimum, width), abs_tol=1e-6
    )


@given(st.floats(0.0, 500.0), st.floats(0.01, 50.0))
def test_one_more_tie_costs_ever_more(ties, more):
    assert marginal_cost(ties + more) > marginal_cost(ties) > 0.0


@given(share, st.floats(0.05, 1.0))
def test_novelty_times_understanding_lies_between_zero_and_one(distance, optimum):
    assert 0.0 <= novelty_times_understanding(distance, optimum) <= 1.0 + 1e-12


@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_barter_is_symmetric_and_never_more_than_either_side(one, two):
    assert barter(one, two) == barter(two, one) <= min(one, two)


@given(st.floats(0.01, 0.99), st.floats(-20.0, 20.0), st.floats(0.01, 5.0))
def test_stage_success_is_a_rising_probability(base, gain, more):
    assert 0.0 <= stage_success(base, gain) <= stage_success(base, gain + more) <= 1.0


@given(st.floats(-5.0, 5.0), st.floats(0.0, 10.0), st.floats(-4.0, 4.0))
def test_screening_shrinks_the_signal(value, noise, shock):
    assert abs(posterior_mean(value, noise, shock)) <= abs(value + noise * shock) + 1e-12


@given(share, share)
def test_guidance_is_concave_in_its_share(one, two):
    middle = guidance_effect(0.5 * (one + two), P.finance)
    assert middle >= 0.5 * (guidance_effect(one, P.finance) + guidance_effect(two, P.finance)) - 1e-12


@given(positive, share, st.integers(0, 400), st.integers(0, 400))
def test_credit_limits_rise_with_data_up_to_the_allowed_share(sales, data, few, many):
    few, many = sorted((few, many))
    limits = credit_limit(np.full(2, sales), np.full(2, data), np.array([few, many]), P.finance)
    collateral = sales * P.finance.credit_limit
    assert collateral - 1e-9 <= limits[0] <= limits[1] <= collateral * (1.0 + data) + 1e-9


@given(st.floats(0.0, 1e6), st.floats(1e-3, 1e6))
def test_large_firms_grow_more_evenly(sales, more):
    assert growth_spread(sales + more, P.market) <= growth_spread(sales, P.market) <= P.market.growth_sd


@given(share, share, share, share)
def test_hazards_are_probabilities_that_rise_with_users(outside, partners, city, more):
    h = hazard(outside, partners, city, 0.5, P.diffusion)
    assert 0.0 <= h <= hazard(outside, min(1.0, partners + more), city, 0.5, P.diffusion) <= 1.0


@given(share, share, share, share, st.floats(0.0, 2.0), share, share)
def test_cover_never_makes_an_adoption_less_worthwhile(gain, absorptive, cost, aversion, risk, cover, peers):
    bare = worth(gain, absorptive, cost, aversion, risk, peers, P.diffusion)
    assert worth(gain, absorptive, cost, aversion, risk * (1.0 - cover), peers, P.diffusion) >= bare


@given(counts, st.integers(0, 500))
def test_counts_follow_shares_and_add_up(shares, total):
    exact = np.array(shares) / sum(shares) * total
    found = shares_to_counts(np.array(shares), total)
    assert (
        found.sum() == total
        and (found >= np.floor(exact) - 1e-9).all()
        and (found <= np.ceil(exact) + 1e-9).all()
    )


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_interleaving_keeps_counts_and_spreads_them(numbers):
    labels = interleave(np.array(numbers))
    assert np.bincount(labels, minlength=len(numbers)).tolist() == numbers
    half = labels[: labels.size // 2]
    for k, number in enumerate(numbers):
        assert abs((half == k).sum() - number / 2.0) <= 0.5 * len(numbers) + 1.0


@given(st.integers(1, 200), st.floats(0.0, 0.4), st.floats(0.5, 0.99), positive, st.floats(0.7, 2.0))
@example(20, 0.0, 0.95, 15.0, 1.0)
def test_bins_of_a_pareto_distribution_rise_inside_their_range(n, low, high, minimum, tail):
    bins = pareto_bins(n, low, high, minimum, tail)
    edge = [minimum * (1.0 - u) ** (-1.0 / tail) for u in (low, high)]
    assert (np.diff(bins) > 0).all() and edge[0] * (1 - 1e-9) <= bins[0] and bins[-1] <= edge[1] * (1 + 1e-9)


@given(st.floats(0.0, 1e5), st.floats(1e-3, 1.0), st.integers(1, 300))
def test_thinning_never_exceeds_what_there_is(real, scale, fewest):
    number = thinned(real, scale, fewest)
    assert 0 <= number <= round(real) and (number >= fewest or number == round(real))


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.0, 50.0), st.floats(0.05, 50.0), st.floats(0.0, 10.0))
def test_counts_rise_with_the_draw_and_the_mean(u, mean, size, more):
    count = negative_binomial(u, mean, size)
    assert 0 <= count <= negative_binomial(u, mean + more, size)
    assert count <= negative_binomial(min(1 - 1e-9, u + 0.1), mean, size)


@given(st.floats(0.0, 1e4))
def test_rounding_is_exact_in_expectation(x):
    u = (np.arange(200) + 0.5) / 200
    mean = np.mean([rounded(x, v) for v in u])
    assert abs(mean - x) <= 0.5 / 200 + 1e-9


@given(counts, st.floats(1e-9, 1 - 1e-9))
def test_pick_finds_what_has_weight(weights, u):
    weights = np.array(weights)
    weights[::2] = 0.0
    at = pick(np.cumsum(weights), u)
    assert (at == -1 and weights.sum() == 0.0) or weights[at] > 0.0


@given(st.integers(2, 8), st.integers(0, 2**32 - 1), st.floats(0.01, 1.0))
def test_reach_falls_with_the_barrier_and_never_below_what_is_at_home(n, seed, barrier):
    rng = np.random.default_rng(seed)
    stock, minutes = rng.random(n) + 0.01, rng.random((n, n)) * 100.0
    wall = np.full((n, n), barrier) * (1.0 - np.eye(n))
    assume(stock.sum() > 0)
    open_, closed, shut = (reach_of(stock, minutes, wall * k, 60.0) for k in (0.0, 1.0, 1e9))
    assert np.allclose(open_, 1.0) and (closed <= open_ + 1e-12).all() and (shut <= closed + 1e-12).all()
    home = np.exp(-np.diag(minutes) / 60.0) * stock / (np.exp(-minutes / 60.0) @ stock)
    assert np.allclose(shut, home)
