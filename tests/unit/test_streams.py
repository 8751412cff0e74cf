"""Keyed draws: functions of seed, stream, quarter, identity and number; their distributions."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from greaterbay.streams import (
    STREAMS,
    Streams,
    combine,
    gumbel,
    identity_of,
    negative_binomial,
    normal_quantile,
    pair_identity,
    rounded,
    stream_key,
    uniform,
)

N = 20_000
QUARTER = 8080


@pytest.fixture(scope="module")
def streams() -> Streams:
    return Streams(20200101, 0)


@pytest.fixture(scope="module")
def agents() -> np.ndarray:
    return np.array([identity_of("agent", i) for i in range(N)], np.uint64)


def kolmogorov(sample: np.ndarray, distribution=lambda x: x) -> float:
    """Largest distance of the sample's distribution function from a given one, times the root of n."""
    u = np.sort(distribution(np.asarray(sample, float)))
    n = u.size
    steps = np.arange(1, n + 1) / n
    return math.sqrt(n) * max(np.abs(steps - u).max(), np.abs(steps - 1.0 / n - u).max())


# 1.95 is exceeded by one sample in a thousand if the distribution is right; the draws are fixed.
FAR = 1.95


@pytest.mark.parametrize("stream", ["initial", "growth_shock", "candidate", "exit", "execution"])
@pytest.mark.parametrize("number", [0, 1, 2000])
def test_uniform_over_agents(streams, agents, stream, number):
    draws = streams.uniforms(stream, QUARTER, agents, number)
    assert 0.0 < draws.min() and draws.max() < 1.0
    assert kolmogorov(draws) < FAR


@pytest.mark.parametrize("what",
                         ["plain integers", "high bits", "quarters", "numbers", "seeds", "replicates"])
def test_uniform_over_every_key(what):
    """Identities that differ in one bit, and keys that go up by one, are mixed as well as hashes are."""
    row = np.arange(4096, dtype=np.uint64)
    one, few = row[:1], range(64)
    if what == "plain integers":
        draws = Streams(1).uniforms("exit", QUARTER, row)
    elif what == "high bits":
        draws = Streams(1).uniforms("exit", QUARTER, row << np.uint64(52))
    elif what == "quarters":
        draws = np.concatenate([Streams(1).uniforms("exit", QUARTER + i, one) for i in few])
    elif what == "numbers":
        draws = np.concatenate([Streams(1).uniforms("exit", QUARTER, one, i) for i in few])
    elif what == "seeds":
        draws = np.concatenate([Streams(i).uniforms("exit", QUARTER, one) for i in few])
    else:
        draws = np.concatenate([Streams(1, i).uniforms("exit", QUARTER, one) for i in few])
    assert np.unique(draws).size == draws.size
    assert kolmogorov(draws) < FAR


def test_every_bit_is_fair(streams, agents):
    bits = (streams.uniforms("offer", QUARTER, agents) * 2**32).astype(np.uint64)
    share = np.array([((bits >> np.uint64(k)) & np.uint64(1)).mean() for k in range(32)])
    assert np.abs(share - 0.5).max() < 4.0 * 0.5 / math.sqrt(N)


def test_streams_quarters_numbers_and_neighbours_are_independent(streams, agents):
    base = streams.uniforms("exit", QUARTER, agents)
    others = {
        "other stream": streams.uniforms("entry", QUARTER, agents),
        "next quarter": streams.uniforms("exit", QUARTER + 1, agents),
        "next number": streams.uniforms("exit", QUARTER, agents, 1),
        "next replicate": Streams(20200101, 1).uniforms("exit", QUARTER, agents),
        "next seed": Streams(20200102, 0).uniforms("exit", QUARTER, agents),
        "next agent": np.roll(base, 1),
        "next integer": streams.uniforms("exit", QUARTER, agents + np.uint64(1)),
    }
    for what, draws in others.items():
        assert abs(np.corrcoef(base, draws)[0, 1]) < 4.0 / math.sqrt(N), what
        # no cell of a ten by ten table is far from its share either
        table = np.histogram2d(base, draws, bins=10, range=[[0, 1], [0, 1]])[0]
        chi = ((table - N / 100) ** 2 / (N / 100)).sum()
        assert 50 < chi < 160, what  # 99 degrees of freedom: mean 99, standard deviation 14


def test_all_streams_have_keys_of_their_own(streams):
    assert len(set(STREAMS)) == len(STREAMS)
    keys = {int(streams.key(name, quarter)) for name in STREAMS for quarter in range(8000, 8200)}
    assert len(keys) == len(STREAMS) * 200
    assert len({int(stream_key(name)) for name in STREAMS}) == len(STREAMS)


def test_unknown_stream_is_refused(streams):
    with pytest.raises(KeyError, match="unknown stream 'growth'"):
        streams.key("growth", QUARTER)
    with pytest.raises(KeyError, match="unknown stream"):
        stream_key("growth")


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seed_out_of_bounds_is_refused(seed):
    with pytest.raises(ValueError, match="allowed 0 <= seed < 2\\*\\*63"):
        Streams(seed)


def test_a_draw_belongs_to_its_agent(streams, agents):
    """One more agent, another order or a subset: everybody keeps his draw."""
    alone = streams.uniforms("growth_shock", QUARTER, agents)
    more = np.insert(agents, 777, identity_of("stranger"))
    np.testing.assert_array_equal(np.delete(streams.uniforms("growth_shock", QUARTER, more), 777), alone)
    np.testing.assert_array_equal(streams.uniforms("growth_shock", QUARTER, agents[::-1])[::-1], alone)
    np.testing.assert_array_equal(streams.normals("growth_shock", QUARTER, agents[5:6]),
                                  streams.normals("growth_shock", QUARTER, agents)[5:6])


def test_draws_keep_their_shape(streams):
    ids = np.arange(12, dtype=np.uint64).reshape(3, 4)
    flat = streams.uniforms("entry", QUARTER, ids.ravel())
    np.testing.assert_array_equal(streams.uniforms("entry", QUARTER, ids), flat.reshape(3, 4))
    np.testing.assert_array_equal(streams.uniforms("entry", QUARTER, ids.T), flat.reshape(3, 4).T)


def test_draws_are_the_same_on_every_machine(streams):
    """The generator is integer arithmetic: these numbers change only if every result changes."""
    draws = streams.uniforms("initial", QUARTER, np.array([0, 1, 2**64 - 1], np.uint64), 3)
    assert draws.tolist() == [0.67813375114430263, 0.0024466421265480487, 0.80097584025228841]


def test_identity_is_of_its_parts_in_order():
    assert identity_of("shenzhen", 12) == identity_of("shenzhen", "12")
    different = [("a", "b", 1), ("b", "a", 1), ("a", "b", 2), ("ab", 1), ("a", "b1")]
    assert len({int(identity_of(*parts)) for parts in different}) == len(different)


def test_identities_of_entrants_do_not_collide():
    """(place, quarter, ordinal) as entrants and graduates use it, one hundred thousand of them."""
    cells = [identity_of("cell", c) for c in range(25)]
    born = [np.uint64(combine(cell, quarter)) for cell in cells for quarter in range(8000, 8100)]
    found = {combine(parent, ordinal) for parent in born for ordinal in range(40)}
    assert len(found) == 25 * 100 * 40


def test_a_pair_has_one_identity():
    firms = [identity_of("firm", i) for i in range(60)]
    pairs = {(i, j): int(pair_identity(firms[i], firms[j]))
             for i in range(60) for j in range(60) if i != j}
    assert all(pairs[i, j] == pairs[j, i] for i, j in pairs)
    assert len(set(pairs.values())) == 60 * 59 // 2


def test_normal_quantile_is_accurate():
    """Against the standard library, over the middle and both tails."""
    exact = NormalDist()
    seams = [0.02425, 0.024249, 0.97575, 0.97576]
    points = np.concatenate((np.linspace(1e-4, 1 - 1e-4, 2001), 10.0 ** -np.arange(4, 16), seams))
    worst = max(abs(normal_quantile(u) / exact.inv_cdf(u) - 1) for u in points if u != 0.5)
    assert worst < 1.5e-9
    assert normal_quantile(0.5) == 0.0
    for u in (1e-12, 0.01, 0.3):
        assert normal_quantile(1.0 - u) == pytest.approx(-normal_quantile(u), rel=1e-4)


def test_normal_draws(streams, agents):
    draws = streams.normals("growth_shock", QUARTER, agents)
    cdf = np.vectorize(NormalDist().cdf)
    assert kolmogorov(draws, cdf) < FAR
    assert abs(draws.mean()) < 4 / math.sqrt(N) and abs(draws.std() - 1) < 4 / math.sqrt(2 * N)
    assert np.isfinite(draws).all()


def test_gumbel_draws(streams, agents):
    key = streams.key("tie_utility", QUARTER)
    draws = np.array([gumbel(key, a, 0) for a in agents])
    assert kolmogorov(draws, lambda x: np.exp(-np.exp(-x))) < FAR
    assert draws.mean() == pytest.approx(0.5772, abs=4 * 1.283 / math.sqrt(N))


def test_the_best_of_gumbel_utilities_is_a_logit_choice(streams, agents):
    """Three options with utilities 0, 0.5 and 1: shares are those of the logit."""
    key = streams.key("offer", QUARTER)
    value = np.array([0.0, 0.5, 1.0])
    noise = np.array([[gumbel(key, a, k) for k in range(3)] for a in agents])
    share = np.bincount((value + noise).argmax(axis=1), minlength=3) / N
    np.testing.assert_allclose(share, np.exp(value) / np.exp(value).sum(), atol=4 * 0.5 / math.sqrt(N))


@pytest.mark.parametrize(("mean", "size"), [(0.02, 0.5), (0.3, 1.0), (2.0, 0.5), (2.0, 5.0), (25.0, 3.0)])
def test_negative_binomial_mean_and_variance(mean, size):
    """By inversion over an even grid: the mean, the variance mean + mean**2 / size, the share of zeros."""
    grid = (np.arange(200_000) + 0.5) / 200_000
    counts = np.array([negative_binomial(u, mean, size) for u in grid])
    assert counts.mean() == pytest.approx(mean, rel=2e-3)
    assert counts.var() == pytest.approx(mean + mean**2 / size, rel=1e-2)
    assert (counts == 0).mean() == pytest.approx((size / (size + mean)) ** size, abs=2e-5)


def test_negative_binomial_of_nothing_is_nothing():
    assert negative_binomial(0.999999, 0.0, 0.5) == 0
    assert negative_binomial(0.999999, -1.0, 0.5) == 0


def test_a_higher_mean_never_gives_fewer():
    """Common random numbers: with one uniform, a policy that raises the mean takes nothing away."""
    for u in (0.05, 0.5, 0.9, 0.999, 1 - 1e-9):
        counts = [negative_binomial(u, mean, 0.8) for mean in np.linspace(0.0, 30.0, 200)]
        assert counts == sorted(counts)
        assert counts[-1] <= 10_000


def test_rounding_keeps_the_expectation(streams, agents):
    draws = streams.uniforms("rounding", QUARTER, agents)
    for x in (0.0, 0.25, 3.7, 12.0):
        values = np.array([rounded(x, u) for u in draws])
        assert set(values) <= {math.floor(x), math.ceil(x)}
        assert values.mean() == pytest.approx(x, abs=4 * 0.5 / math.sqrt(N))


def test_scalar_and_array_draws_agree(streams, agents):
    few, key = agents[:10], streams.key("adopt", QUARTER)
    assert [uniform(key, agent, 5) for agent in few] == streams.uniforms("adopt", QUARTER, few, 5).tolist()
