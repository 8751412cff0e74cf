"""Statistics of paired differences: on synthetic data whose truth is known, and against SciPy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay.comparison import effects, precise, ranking
from greaterbay.comparison.paired import HIGHER, SAME, UNCLEAR, effect_of
from greaterbay.runner.results import RunsError


def paired(rng, count: int, effect: float = 0.3, common: float = 3.0, own: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Values of policy and reference that share most of their noise; the true effect is ``effect``."""
    shared = common * rng.standard_normal(count)
    return 10 + effect + shared + own * rng.standard_normal(count), 10 + shared + own * rng.standard_normal(count)


@pytest.mark.parametrize("count", [16, 64])
@pytest.mark.parametrize("tails", ["normal", "skew"])
def test_nine_of_ten_intervals_cover_the_true_effect(count, tails):
    rng = np.random.default_rng([count, 1])
    hits = {0.5: 0, 0.9: 0}
    for _ in range(400):
        noise = rng.standard_normal(count) if tails == "normal" else rng.gamma(4.0, 0.5, count) - 2.0
        for share in hits:
            hits[share] += effects.mean_interval(0.3 + noise, share).covers(0.3)
    assert 0.84 <= hits[0.9] / 400 <= 0.95 and 0.42 <= hits[0.5] / 400 <= 0.58


def test_the_stopping_rule_leaves_coverage_as_it_is():
    rng = np.random.default_rng(5)
    hits, used = 0, []
    for _ in range(400):
        differences = 0.2 + rng.standard_normal(200)

        def widths(count, differences=differences):
            return {"x": (precise.half_width(differences[:count]), 0.21)}

        used.append(precise.run_until(200, widths))
        hits += effects.mean_interval(differences[: used[-1]], 0.9).covers(0.2)
    assert 0.84 <= hits / 400 <= 0.95
    assert len(set(used)) >= 2 and min(used) >= 32  # the rule does stop at different numbers


def test_false_positives_under_the_null_are_rare():
    """A family of policies and outcomes without any effect: some Holm-adjusted p below 0.05 in at most 9 % of 200 families."""
    rng = np.random.default_rng(8)
    found = 0
    for _ in range(200):
        p = [effects.p_value(rng.standard_normal(16)) for _ in range(20)]
        found += (effects.holm(np.array(p)) < 0.05).any()
    assert found / 200 <= 0.09


def test_agreement_with_scipy_and_statsmodels():
    from scipy import stats
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.proportion import proportion_confint

    a, b = paired(np.random.default_rng(2), 20)
    difference = a - b
    for share in (0.5, 0.9):
        low, high = stats.t.interval(share, 19, difference.mean(), stats.sem(difference))
        ours = effects.mean_interval(difference, share)
        assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-12)
    assert effects.p_value(difference) == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-10)
    one_sided = stats.ttest_1samp(difference, 0.0, alternative="greater").pvalue
    assert effects.chance_above(difference, None) == pytest.approx(1.0 - one_sided, rel=1e-10)
    p = np.array([0.01, 0.04, np.nan, 0.03])
    np.testing.assert_allclose(effects.holm(p)[[0, 1, 3]], multipletests(p[[0, 1, 3]], method="holm")[1], rtol=1e-14)
    assert np.isnan(effects.holm(p)[2])
    low, high = proportion_confint(7, 12, alpha=0.1, method="wilson")
    share = effects.share_interval(7, 12)
    assert (share.low, share.high) == pytest.approx((low, high), rel=1e-12)


def test_variance_ratio_is_that_of_independent_and_paired_differences():
    a, b = paired(np.random.default_rng(4), 30)
    ratio, interval = effects.variance_ratio(a, b)
    assert ratio == pytest.approx((a.var(ddof=1) + b.var(ddof=1)) / (a - b).var(ddof=1), rel=1e-12)
    assert interval.low < ratio < interval.high
    # the bounds are where the Pitman-Morgan test of the variances of sum and difference has p = 0.1
    from scipy import stats

    for bound in (interval.low, interval.high):
        scale = np.sqrt(2.0 * bound - 1.0)
        total, difference = a + b, scale * (a - b)
        assert stats.pearsonr(total + difference, total - difference).pvalue == pytest.approx(0.1, rel=1e-9)


def test_variance_ratio_interval_covers_the_truth():
    rng, hits = np.random.default_rng(6), 0
    truth = (3.0**2 + 0.5**2) / 0.5**2
    for _ in range(400):
        a, b = paired(rng, 12)
        hits += effects.variance_ratio(a, b)[1].covers(truth)
    assert 0.86 <= hits / 400 <= 0.94


def test_identical_runs_are_no_difference_and_never_not_a_number():
    values = np.array([3.0, 5.0, 4.0])
    one = effect_of(values, values.copy(), None, outcome="output")
    assert (one.mean, one.low50, one.high50, one.low90, one.high90, one.future_low90, one.p) == (0, 0, 0, 0, 0, 0, 1)
    assert one.verdict == SAME and one.ratio is None and one.better == 0.5 and one.relative == 0.0
    constant = effect_of(values + 1.0, values, None, outcome="output")
    assert constant.verdict == HIGHER and constant.p == 0.0 and constant.ratio is None and constant.low90 == constant.high90 == 1.0
    alone = effect_of(values[:1] + 1.0, values[:1], None, outcome="output")
    assert alone.low90 is None and alone.p is None and alone.better is None and "one pair" in alone.verdict
    zero = effect_of(np.array([1.0, 2.0, 2.5]), np.zeros(3), None, outcome="output")
    assert zero.relative is None and zero.verdict == HIGHER
    assert effect_of(np.array([np.nan]), np.array([1.0]), None) is None


def test_where_the_interval_covers_zero_no_direction_is_reported():
    difference = np.array([-1.0, 1.2, -0.9, 1.0])
    one = effect_of(10 + difference, np.full(4, 10.0), None, outcome="output")
    assert one.low90 < 0 < one.high90 and one.verdict == UNCLEAR
    # less is better for some outcomes
    worse = effect_of(np.array([2.0, 2.1, 2.2]), np.ones(3), None, outcome="firm_exits")
    assert worse.verdict == HIGHER and worse.better < 0.01


def test_relative_effect_is_a_ratio_estimator():
    rng, hits = np.random.default_rng(9), 0
    for _ in range(400):
        base = 100 + 10 * rng.standard_normal(16)
        found = effects.relative_effect(1.05 * base + rng.standard_normal(16), base)
        hits += found[1] <= 0.05 <= found[2]
    assert 0.84 <= hits / 400 <= 0.95
    assert effects.relative_effect(base, np.zeros(16)) is None


def test_fieller_covers_the_ratio_and_refuses_a_denominator_near_zero():
    rng, hits = np.random.default_rng(10), 0
    for _ in range(400):
        gain = 2.0 + rng.standard_normal(16)
        cost = 6.0 + 0.5 * gain + rng.standard_normal(16)
        found = effects.fieller(cost, gain)
        hits += found.covers(7.0 / 2.0)
    assert 0.84 <= hits / 400 <= 0.95
    assert effects.fieller(cost, rng.standard_normal(16)) is None


# ---------------------------------------------------------------------------- posterior draws


def with_draws(rng, draws: int, twice: int, spread: float = 1.0, noise: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Differences of ``draws`` parameter draws, the first ``twice`` of them with a second seed."""
    draw = np.concatenate((np.arange(draws), np.arange(twice)))
    return 0.5 + spread * rng.standard_normal(draws)[draw] + noise * rng.standard_normal(draw.size), draw


def test_variance_is_split_into_parameters_and_run_noise():
    rng = np.random.default_rng(11)
    hits, shares = 0, []
    for _ in range(200):
        difference, draw = with_draws(rng, 60, 60, spread=2.0, noise=1.0)
        split = effects.variance_split(difference, draw)
        shares.append(split.share)
        hits += split.low <= 0.8 <= split.high
    assert np.mean(shares) == pytest.approx(0.8, abs=0.02) and 0.84 <= hits / 200 <= 0.95
    # the mean squares are those of an analysis of variance
    import statsmodels.api as sm

    dummies = (draw[:, None] == np.unique(draw)[None, :]).astype(float)
    residual = sm.OLS(difference, dummies).fit()
    assert split.noise == pytest.approx(residual.mse_resid, rel=1e-10)
    assert effects.variance_split(difference[:60], draw[:60]) is None  # one seed a draw cannot separate them
    assert effects.variance_split(difference, None) is None


def test_effect_across_parameters_has_the_run_noise_taken_out():
    rng = np.random.default_rng(12)
    widths = []
    for _ in range(50):
        difference, draw = with_draws(rng, 100, 20, spread=1.0, noise=3.0)
        found = effects.across_interval(difference, draw, 0.9)
        widths.append(found.half)
        assert found.half <= effects.predictive_interval(difference, 0.9).half
    # 1.645 standard deviations of what parameters do, not of single runs (5.2); the error of the split keeps it rough
    assert 0.8 <= np.mean(widths) <= 3.0
    found = effects.samples(np.stack([difference, difference * 0.5], axis=1), draw)
    assert found.shape == (100, 2) and np.allclose(found[:, 0] * 0.5, found[:, 1])


def test_few_draws_widen_the_interval_across_parameters():
    difference, draw = with_draws(np.random.default_rng(13), 8, 8, spread=2.0, noise=0.1)
    across, mean = effects.across_interval(difference, draw, 0.9), effects.mean_interval(effects.by_draw(difference, draw), 0.9)
    assert across.low < mean.low and across.high > mean.high
    one = effect_of(difference + 10, np.full(16, 10.0), draw)
    assert one.draws == 8 and one.pairs == 16 and one.share_parameters > 0.9


# ---------------------------------------------------------------------------- ranking


@pytest.mark.parametrize("draws", [2, 3, 5, 8])
def test_one_run_a_draw_has_samples_and_an_effect_for_any_number_of_draws(draws):
    """Nothing can be split then: the spread of the samples is that of the draws with the error of their centre."""
    differences, draw = np.random.default_rng(draws).normal(2.0, 1.0, (draws, 3)), np.arange(draws)
    found = effects.samples(differences, draw)
    assert found.shape[1] == 3 and np.isfinite(found).all()
    assert found.mean(axis=0) == pytest.approx(differences.mean(axis=0))
    effect = effect_of(differences[:, 0], np.zeros(draws), draw)
    assert effect.draws == draws and 0.5 < effect.better <= 1.0 and effect.share_parameters is None


def test_ranks_add_up_and_the_best_has_no_regret():
    rng = np.random.default_rng(14)
    difference = np.stack([np.zeros(16), 1.0 + 0.1 * rng.standard_normal(16), 0.5 + 0.1 * rng.standard_normal(16)], axis=1)
    found = ranking.rank(effects.samples(difference, None))
    assert list(found.order) == [1, 2, 0]
    np.testing.assert_allclose(found.chance.sum(axis=0), 1.0)
    np.testing.assert_allclose(found.chance.sum(axis=1), 1.0)
    assert found.best[1] > 0.99 and found.regret[1] == 0.0 and found.regret[0] == pytest.approx(1.0, abs=0.15)
    assert found.stable > 0.99 and found.agreement > 0.99


def test_policies_that_are_equal_share_their_rank():
    found = ranking.rank(np.zeros((10, 2)))
    np.testing.assert_allclose(found.chance, 0.5)
    assert (found.regret == 0).all() and found.stable == 1.0


def test_samples_of_mean_effects_have_their_t_distribution():
    difference = np.random.default_rng(15).standard_normal((9, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    found = effects.samples(difference, None)
    wanted = effects.mean_interval(difference[:, 0], 0.9)
    assert np.quantile(found[:, 0], [0.05, 0.95]) == pytest.approx([wanted.low, wanted.high], abs=0.06)
    assert np.corrcoef(found.T)[0, 1] == pytest.approx(np.corrcoef(difference.T)[0, 1], abs=0.06)
    np.testing.assert_array_equal(found, effects.samples(difference, None))  # the same comparison gives the same numbers


def test_frontier_keeps_what_nothing_beats():
    effect, cost = np.array([0.0, 1.0, 0.5, 2.0, 1.0]), np.array([0.0, 1.0, 1.0, 3.0, 1.0])
    assert list(ranking.frontier(effect, cost)) == [True, True, False, True, True]
    assert list(ranking.frontier_chance(np.stack([effect, effect]), np.stack([cost, cost]))) == [1, 1, 0, 1, 1]


# ---------------------------------------------------------------------------- the stopping rule


def test_precision_is_absolute_and_starts_at_32_pairs():
    assert list(precise.steps(100)) == [32, 48, 72, 100] and list(precise.steps(32)) == [32]
    asked = []

    def widths(count):
        asked.append(count)
        return {"a": (10.0 / np.sqrt(count), 1.3), "b": (0.0, 1.0)}

    said = []
    assert precise.run_until(100, widths, said.append) == 72 and asked == [32, 48, 72]
    assert "the worst, a" in said[0] and "precise enough" in said[-1]
    assert precise.run_until(40, widths) == 40
    with pytest.raises(RunsError, match="32 pairs"):
        precise.run_until(20, widths)
    assert precise.half_width(np.array([1.0])) == np.inf


@pytest.mark.parametrize("text", ["inventions", "inventions=0", "inventions=-2", "inventions=x", "nonsense=3", "inventions=nan"])
def test_wrong_precision_is_refused(text):
    with pytest.raises(RunsError):
        precise.Precision.read(text)
