"""Phase 9: hearing, the economic test, probes, synchronous adoption."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from trial_bay import change, play

from greaterbay.actors.network import adjacency_of
from greaterbay.exchange import diffusion
from greaterbay.exchange.diffusion import hazard, worth
from greaterbay.parameters import Parameters

P = Parameters().diffusion
DEAF = {f"diffusion.{k}": 0 for k in ("outside", "imitation", "city_imitation", "chain_imitation")}
NO_VINTAGES = {"diffusion.vintage_years": 1e6}
EAGER = {"diffusion.cost": 0, "diffusion.risk": 0, "diffusion.noise": 0, "diffusion.horizon": 1e6}
ROBOTS = {"humanoid_robots": {"start": date(2020, 4, 1)}}


def spread(bay, changes=None):
    """Phase 9 alone, without new vintages; the adoption masks before and after."""
    bay.technologies.arrivals = np.zeros(0, np.int64)
    change(bay, NO_VINTAGES | (changes or {}))
    before = bay.firms.adopted.copy()
    diffusion.spread_technologies(bay)
    return before, bay.firms.adopted.copy()


def bits(masks):
    """Number of technologies in use by all firms."""
    return int(sum(int(m).bit_count() for m in masks))


def subset(one, other):
    return (one & ~other == 0).all()


# ---------------------------------------------------------------- hazard and worth


def test_hazard_adds_outside_and_neighbours_and_is_a_probability():
    assert hazard(0.0, 0.0, 0.0, 0.0, P) == 0.0
    assert hazard(0.01, 0.5, 0.2, 0.3, P) == pytest.approx(
        0.01 + 0.5 * P.imitation + 0.2 * P.city_imitation + 0.3 * P.chain_imitation
    )
    assert hazard(0.9, 1.0, 1.0, 1.0, P._replace(imitation=2.0)) == 1.0


def test_worth_is_gain_less_cost_and_risk_plus_peers():
    base = worth(0.07, 0.5, 0.04, 0.12, 0.6, 0.3, P)
    assert base == pytest.approx(P.horizon * 0.035 - 0.04 - 0.072 + P.peers * 0.3)
    assert worth(0.08, 0.5, 0.04, 0.12, 0.6, 0.3, P) > base > worth(0.07, 0.4, 0.04, 0.12, 0.6, 0.3, P)
    assert worth(0.07, 0.5, 0.05, 0.12, 0.6, 0.3, P) < base
    covered = 0.6 * (1.0 - 0.5)
    assert worth(0.07, 0.5, 0.04, 0.12, covered, 0.3, P) == pytest.approx(base + 0.12 * 0.3)


# ---------------------------------------------------------------- nothing where nothing should be


def test_technologies_spread_in_the_baseline(bay):
    before, after = spread(bay)
    assert bits(after) > bits(before) > 0 and subset(before, after)


def test_who_hears_nothing_adopts_nothing(bay):
    before, after = spread(bay, DEAF)
    assert (after == before).all() and bay.tally.arrays["adoptions"].sum() == 0


def test_without_seeds_and_outside_nothing_spreads(bay):
    bay.firms.adopted[:] = 0
    before, after = spread(
        bay, {k: 0 if k.endswith("outside") else 2 for k in DEAF}
    )
    assert not after.any()
    assert bay.tally.arrays["potential_adopters"].sum() > 0 == bay.tally.arrays["adopters"].sum()


def test_a_cost_that_is_too_high_stops_everybody(bay):
    before, after = spread(bay, {"diffusion.cost": 1e6, "diffusion.cost_fall": 0, "diffusion.outside": 1})
    assert (after == before).all()


def test_who_cannot_pay_does_not_adopt(bay):
    bay.firms.cash[:] = 0.0
    before, after = spread(bay, {"diffusion.outside": 1})
    assert (after == before).all()


def test_no_gain_no_adoption(bay):
    bay.technologies.tracked = [t and t._replace(gain=0.0) for t in bay.technologies.tracked]
    before, after = spread(bay, {"diffusion.outside": 1, **EAGER})
    assert (after == before).all()


def test_a_technology_spreads_among_related_fields_only(bay):
    before, after = spread(bay, {"diffusion.outside": 1, **EAGER})
    new = after & ~before
    firms, related, link = bay.firms, bay.region.relatedness_field, bay.parameters.diffusion.link
    assert new.any()
    for t in bay.technologies.tracked:
        if t is not None:
            users = (firms.alive == 1) & (((new >> np.uint64(t.bit)) & np.uint64(1)) == 1)
            assert (related[firms.field[users], t.field] >= link).all()
    useless, _ = spread(bay, {"diffusion.link": 1.01, "diffusion.outside": 1})
    assert bay.tally.arrays["potential_adopters"].sum() == 0


# ---------------------------------------------------------------- paired comparisons


def adopters(make_bay, gain=1.0, cover=None, **changes):
    bay = make_bay()
    bay.technologies.tracked = [t and t._replace(gain=t.gain * gain) for t in bay.technologies.tracked]
    if cover is not None:
        bay.values.first_use_cover_firm[:] = cover
    return spread(bay, {"diffusion.outside": 0.5} | {f"diffusion.{k}": v for k, v in changes.items()})[1]


@pytest.mark.parametrize(
    "less, more",
    [
        ({"gain": 0.3}, {"gain": 1.0}),
        ({"cover": 0.0}, {"cover": 1.0}),
        ({"cost": 0.3}, {"cost": 0.01}),
        ({"risk_aversion": 2.0}, {"risk_aversion": 0.0}),
        ({"peers": 0.0}, {"peers": 5.0}),
        ({"imitation": 0.0}, {"imitation": 2.0}),
        ({"outside": 0.1}, {"outside": 0.9}),
    ],
)
def test_what_favours_adoption_never_loses_an_adopter(make_bay, less, more):
    # horizon short and risk high, so that the economic test binds
    setting = {"horizon": 1.0, "risk": 2.0}
    few, many = adopters(make_bay, **setting | less), adopters(make_bay, **setting | more)
    assert subset(few, many) and bits(many) > bits(few)


def test_adoption_raises_productivity_by_gain_times_absorption(bay):
    firms = bay.firms
    productivity, cash = firms.productivity.copy(), firms.cash.copy()
    before, after = spread(bay, {"diffusion.outside": 0.5})
    new = after & ~before
    gain = np.zeros(firms.capacity)
    for t in bay.technologies.tracked:
        if t is not None:
            gain += (((new >> np.uint64(t.bit)) & np.uint64(1)) == 1) * t.gain
    assert firms.productivity - productivity == pytest.approx(gain * firms.absorptive)
    paid = ((cash - firms.cash) * firms.weight)[firms.alive == 1].sum()
    assert paid == pytest.approx(bay.ledger.flow("adoption").sum()) and paid > 0
    assert (firms.cash[new == 0] == cash[new == 0]).all() and firms.cash[firms.alive == 1].min() >= 0


# ---------------------------------------------------------------- suppliers and customers


def test_a_firm_hears_from_the_steps_above_and_below_in_related_fields_and_cities_in_reach():
    counts = np.zeros((2, 3, diffusion.CHAIN_STEPS, 1))
    counts[0, 1, 2, 0] = 8.0  # firms of field 1 in the middle of the chain, in city 0
    near = np.array([[1.0, 0.5], [0.5, 1.0]])
    related = np.array([[True, True, False], [True, True, False], [False, False, True]])
    seen = diffusion.next_in_chain(counts, near, related)[..., 0]
    expected = np.zeros((2, 3, diffusion.CHAIN_STEPS))
    expected[0, :2, [1, 3]], expected[1, :2, [1, 3]] = 8.0, 4.0
    assert (seen == expected).all()


def test_more_users_next_in_the_chain_raise_the_share_and_so_the_hazard(bay):
    change(bay, {"diffusion.chain_imitation": 1.0})
    t = next(t for t in bay.technologies.tracked if t is not None)
    bits, fields = np.array([t.bit]), np.array([t.field])
    firms, mask = bay.firms, np.uint64(1) << np.uint64(t.bit)
    rows = firms.alive_rows()
    step = np.minimum(diffusion.CHAIN_STEPS - 1, (firms.chain[rows] * diffusion.CHAIN_STEPS).astype(int))
    firms.adopted[:] = 0
    assert not diffusion.chain_shares(bay, bits, fields).any()
    firms.adopted[rows[step == 2]] = mask
    share = diffusion.chain_shares(bay, bits, fields)
    assert share[:, :, [1, 3]].max() > 0.0 and not share[:, :, [0, 2, 4]].any() and share.max() <= 1.0
    firms.adopted[rows[(step == 2) | (step == 4)]] = mask
    more = diffusion.chain_shares(bay, bits, fields)
    assert (more >= share).all() and more[:, :, 3].sum() > share[:, :, 3].sum()
    hazards = [hazard(0.0, 0.0, 0.0, s[:, :, 3].max(), P) for s in (share, more)]
    assert 0.0 < hazards[0] <= hazards[1]
    change(bay, {"diffusion.chain_imitation": 0.0})
    assert not diffusion.chain_shares(bay, bits, fields).any()


def test_the_chain_carries_a_technology_and_a_wall_stops_it(make_bay):
    reached = {}
    for case in ("off", "on", "wall"):
        bay = make_bay()
        if case == "wall":
            bay.values.barrier_technology[:] = 1e9
            np.fill_diagonal(bay.values.barrier_technology, 1e9)
        weight = 0.0 if case == "off" else 2.0
        before, after = spread(bay, EAGER | DEAF | {"diffusion.chain_imitation": weight})
        reached[case] = bits(after) - bits(before)
    assert reached["off"] == reached["wall"] == 0 < reached["on"]


# ---------------------------------------------------------------- synchronous


def test_adopters_of_a_quarter_do_not_yet_persuade_others(bay):
    """With certain imitation of partners a technology moves one step of the network in a quarter."""
    firms, count = bay.firms, bay.institutes.capacity
    t = next(t for t in bay.technologies.tracked if t is not None)
    mask = np.uint64(1) << np.uint64(t.bit)
    firms.adopted[:] = 0
    firms.cash[firms.alive == 1] = 1e9
    adjacency = adjacency_of(bay.ties, count + firms.capacity)
    useful = (firms.alive == 1) & (
        bay.region.relatedness_field[np.maximum(firms.field, 0), t.field] >= P.link
    )
    bay.technologies.tracked = [t if other is t else None for other in bay.technologies.tracked]

    def reached(users):
        """Users and the firms tied to one of them."""
        out = set(users)
        for r in users:
            node = r + count
            near = adjacency.neighbour[adjacency.offset[node] : adjacency.offset[node + 1]]
            out |= {int(j - count) for j in near if j >= count and useful[j - count]}
        return out

    # start where the technology has furthest to go
    seed = max((int(r) for r in np.flatnonzero(useful)), key=lambda r: len(reached(reached(reached({r})))))
    firms.adopted[seed] = mask
    users, steps = {seed}, 0
    for _ in range(3):
        spread(
            bay, EAGER | DEAF | {"diffusion.imitation": 1e9}
        )
        now = set(np.flatnonzero(firms.adopted & mask).tolist())
        assert now == reached(users)
        steps += len(now) > len(users)
        users = now
        bay.quarter += 1
    assert steps >= 2 and len(users) > 3


# ---------------------------------------------------------------- probes


def users_of(bay, name):
    """Identities of the firms that use a technology."""
    bit = np.uint64(bay.technologies.names.index(name))
    rows = np.flatnonzero((bay.firms.alive == 1) & (((bay.firms.adopted >> bit) & np.uint64(1)) == 1))
    return set(bay.firms.id[rows].tolist())


def launched(make_bay, probes, name, seeds=None):
    """Identities of the firms that start a probe in 2020 Q2."""
    bay = make_bay(probes=probes)
    change(bay, NO_VINTAGES | DEAF | ({} if seeds is None else {"diffusion.seed_share": seeds}))
    play(bay, 1)
    assert not users_of(bay, name)
    bay.technologies.arrivals = np.zeros(0, np.int64)
    diffusion.spread_technologies(bay)
    return bay, users_of(bay, name)


def test_a_probe_starts_on_its_date_with_a_share_of_the_citys_firms(make_bay):
    for share in (0.0, 0.2):
        bay, users = launched(make_bay, ROBOTS, "humanoid_robots", share)
        firms, region = bay.firms, bay.region
        field = region.field_ids.index("intelligent_robots")
        here = (firms.alive == 1) & (firms.city == region.city_ids.index("shenzhen"))
        possible = here & (region.relatedness_field[np.maximum(firms.field, 0), field] >= P.link)
        assert users <= set(firms.id[possible].tolist())
        # firms in keyed order until the share of real firms is reached; the one that crosses it is in
        rows = np.flatnonzero(possible)
        identity = diffusion.technology_identity("humanoid_robots", bay.quarter)
        order = rows[np.argsort(bay.streams.uniforms("probe", 0, firms.id[rows] ^ identity), kind="stable")]
        first = order[: len(users)]
        assert users == set(firms.id[first].tolist())
        asked = share * firms.weight[possible].sum()
        reached = np.cumsum(firms.weight[first])
        assert reached[-1] >= asked and (reached[:-1] < asked).all()
        assert (len(users) > 10) == (share > 0)


def test_another_probe_that_is_never_launched_changes_nobody(make_bay):
    """Who starts a probe depends on the probe and the firm, not on what else is tracked."""
    _, alone = launched(make_bay, ROBOTS, "humanoid_robots", 0.05)
    late = {"field": "new_materials", "city": "guangzhou", "start": date(2022, 10, 1)}
    for name in ("zinc_battery", "aluminium_air"):  # after and before it in the order of names
        _, with_other = launched(make_bay, ROBOTS | {name: late}, "humanoid_robots", 0.05)
        assert with_other == alone, name


def test_another_technology_changes_nobodys_draws(make_bay):
    """Who hears of a technology does not depend on how many others are on the market."""
    users = []
    for drop in (False, True):
        bay = make_bay(probes=ROBOTS)
        change(bay, NO_VINTAGES | DEAF)
        play(bay, 1)
        bay.technologies.arrivals = np.zeros(0, np.int64)
        diffusion.launch_probes(bay)
        if drop:
            first = next(k for k, t in enumerate(bay.technologies.tracked) if t is not None)
            bay.technologies.tracked[first] = None
        change(bay, {"diffusion.outside": 0.3})
        diffusion.spread_technologies(bay)
        users.append(users_of(bay, "humanoid_robots"))
    assert users[0] == users[1] and len(users[0]) > 20


def test_probes_do_not_start_before_their_date(make_bay):
    bay = play(make_bay(), 3)  # the baseline's probes start in 2026
    names = bay.coords()["technology"]
    shares = bay.record.arrays()["adopters_technology"][:3]
    for name, kind in zip(names, bay.coords()["technology_kind"], strict=True):
        if kind == "probe":
            assert not shares[:, :11, names.index(name)].any()
