"""Phase 8: the channels of entry, their numbers, and what entrants bring along."""

from __future__ import annotations

import numpy as np
import pytest
from trial_bay import change

from greaterbay.actors.firm import SMALL, STARTUP
from greaterbay.exchange import entry, market

SHARES = {
    "spin_off": "market.entry_spin_off",
    "leaver": "market.entry_leaver",
    "incubated": "market.incubated_share",
    "institute": "market.entry_institute",
    "outside": "market.entry_outside",
}
NONE = dict.fromkeys(SHARES.values(), 0.0)
RATE = {"market.entry_rate": 0.2}


def entrants(bay, *channels):
    """Let firms enter by some channels only, with all of the rate each; rows of the new firms."""
    change(bay, RATE | NONE | {SHARES[name]: 1.0 for name in channels})
    old = set(bay.firms.id[bay.firms.alive == 1].tolist())
    market.enter_market(bay)
    return np.array([r for r in bay.firms.alive_rows() if int(bay.firms.id[r]) not in old], dtype=int)


def by_channel(bay):
    return bay.tally.arrays["firm_entries_channel"][:11].sum(axis=0)


def known_by(bay, rows):
    """What these firms remember as past partners, one each."""
    return bay.firms.past[rows][:, 0]


def test_the_shares_of_the_channels_add_up_to_one(bay):
    assert tuple(SHARES) == entry.CHANNELS == tuple(bay.coords()["entry_channel"])
    assert sum(getattr(bay.parameters.market, key.split(".")[1]) for key in SHARES.values()) == pytest.approx(1.0)


def test_entries_by_channel_add_up_and_follow_their_shares(bay):
    change(bay, RATE)
    market.enter_market(bay)
    found = by_channel(bay)
    assert found.sum() == pytest.approx(bay.tally.arrays["firm_entries"].sum())
    wanted = np.array([getattr(bay.parameters.market, key.split(".")[1]) for key in SHARES.values()])
    assert found / found.sum() == pytest.approx(wanted, abs=0.04)


@pytest.mark.parametrize("name", SHARES)
def test_a_channel_with_share_zero_brings_nobody_and_leaves_the_others_alone(make_bay, name):
    ids = []
    for changes in ({}, {SHARES[name]: 0.0}):
        bay = change(make_bay(), RATE | changes)
        market.enter_market(bay)
        found = by_channel(bay)
        assert (found[entry.CHANNELS.index(name)] == 0.0) == bool(changes)
        assert (np.delete(found, entry.CHANNELS.index(name)) > 0.0).all()
        ids.append(set(bay.firms.id[bay.firms.alive == 1].tolist()))
    assert ids[1] < ids[0]  # who enters elsewhere is the same


def test_the_sum_is_close_to_the_rate_of_entry(bay):
    """Channels that do not follow firms move entrants between cells, not their number."""
    change(bay, RATE | {"market.entry_sales": 0.0, "market.incubator": 0.0})
    number = bay.firms.weight[bay.firms.alive == 1].sum()
    market.enter_market(bay)
    assert bay.tally.arrays["firm_entries"].sum() / number == pytest.approx(0.2, rel=0.05)


def test_people_who_leave_a_firm_take_its_knowledge_and_work_in_the_new_one(bay):
    people, count = bay.people, bay.institutes.capacity
    before = people.employer.copy()
    levels, technologies = bay.firms.capability.copy(), bay.firms.adopted.copy()
    new = entrants(bay, "leaver")
    moved = np.flatnonzero(before != people.employer)
    assert moved.size > 20 and np.isin(people.employer[moved] - count, new).all()
    assert (people.former[moved] == before[moved]).all()
    child, parent = people.employer[moved] - count, before[moved] - count
    assert (bay.firms.city[child] == people.city[moved]).all() and (bay.firms.city[parent] == people.city[moved]).all()
    share = bay.parameters.market.founder_knowledge
    assert (bay.firms.capability[child] >= share * levels[parent] - 1e-6).all()
    assert (bay.firms.adopted[child] == technologies[parent]).all()
    assert (known_by(bay, child) == before[moved]).all()  # a tie left behind
    assert all(child[k] + count in bay.firms.past[parent[k]] for k in range(5))


def test_employers_of_founders_have_more_staff_and_parents_of_spin_offs_more_sales(bay):
    firms, count = bay.firms, bay.institutes.capacity
    rows = firms.alive_rows()
    sales, staff = np.log(np.maximum(firms.sales, 1e-12)), np.log1p(firms.staff / np.maximum(firms.weight, 1e-12))
    usual = {name: np.average(size[rows], weights=firms.weight[rows]) for name, size in (("leaver", staff), ("spin_off", sales))}
    for name, size in (("leaver", staff), ("spin_off", sales)):
        parents = known_by(bay, entrants(bay, name)) - count
        parents = np.intersect1d(parents, rows)  # not those that entered just before
        assert size[parents].mean() > usual[name] + 0.2, name


def test_spin_offs_of_institutes_are_near_them_in_their_fields_and_strong_in_basic_knowledge(bay):
    institutes, firms, region = bay.institutes, bay.firms, bay.region
    expected = entry.near_institutes(bay)
    assert expected.sum() == pytest.approx(1.0)
    firms_there = np.bincount(firms.city[firms.alive_rows()], weights=firms.weight[firms.alive_rows()], minlength=11)
    new = entrants(bay, "institute")
    origin = known_by(bay, new)
    assert new.size > 30 and (origin >= 0).all() and (origin < institutes.capacity).all()
    assert (institutes.city[origin] == firms.city[new]).all()
    assert (institutes.field_weight[origin, firms.field[new]] > 0.0).all()
    share = bay.parameters.market.founder_knowledge
    assert (firms.capability[new] >= share * institutes.capability[origin] - 1e-6).all()
    assert not firms.adopted[new].any()
    # Guangzhou has more university than firms, Foshan more firms
    where = np.bincount(firms.city[new], minlength=11) / new.size
    there = firms_there / firms_there.sum()
    guangzhou, foshan = region.city_ids.index("guangzhou"), region.city_ids.index("foshan")
    assert where[guangzhou] > there[guangzhou] and where[foshan] < there[foshan]


def test_incubated_entrants_are_sheltered_and_only_they(bay):
    change(bay, RATE)
    old = set(bay.firms.id[bay.firms.alive == 1].tolist())
    market.enter_market(bay)
    new = np.array([r for r in bay.firms.alive_rows() if int(bay.firms.id[r]) not in old])
    sheltered = new[bay.firms.incubated[new] == 1]
    assert bay.firms.weight[sheltered].sum() == pytest.approx(by_channel(bay)[entry.INCUBATED])
    assert (known_by(bay, sheltered) == -1).all()


def test_firms_from_outside_are_larger_and_know_what_their_field_knows(bay):
    firms = bay.firms
    rows = firms.alive_rows()
    levels, weight, field = firms.capability[rows].astype(float), firms.weight[rows], firms.field[rows].copy()
    new = entrants(bay, "outside")
    p = bay.parameters.market
    assert new.size > 30 and (firms.kind[new] == SMALL).all()
    assert 4.0 * firms.sales[new].mean() == pytest.approx(p.entry_size * p.outside_size, rel=0.1)
    for f in np.unique(firms.field[new]):
        mean = np.average(levels[field == f], axis=0, weights=weight[field == f])
        mine = firms.capability[new[firms.field[new] == f]]
        others = np.delete(np.arange(levels.shape[1]), np.arange(4 * f, 4 * f + 4))
        assert mine[:, others] == pytest.approx(np.tile(mean[others], (len(mine), 1)), abs=1e-5)
    assert (entrants(bay, "spin_off").size > 0) and (firms.kind[firms.birth == bay.quarter] == STARTUP).any()


def test_parks_zones_and_lower_barriers_attract_firms_from_outside(bay):
    region, number = bay.region, np.ones((11, 12))
    cost = np.zeros(11)

    def choice():
        return entry.choice_of_outsiders(bay, number, number, cost)

    base = choice()
    assert base.sum() == pytest.approx(1.0)
    bay.values.park_quality = bay.values.park_quality.copy()
    bay.values.park_quality[8] += 0.5
    park = choice()
    assert park[8, 0] / base[8, 0] == pytest.approx(np.exp(0.5 * bay.parameters.market.park_weight)) and park.sum() > 1.0
    assert (np.delete(park, 8, axis=0) == np.delete(base, 8, axis=0)).all()
    bay.values.barrier_technology *= 0.5
    assert (choice()[9] > park[9]).all()  # Hong Kong, from the rest of China and from abroad
    change(bay, {"market.zone_weight": 1.0})
    zone = sorted({z["city"] for z in region.zones})
    inside = np.isin(region.city_ids, zone)
    mainland = bay.world.mainland_city
    gain = choice().sum(axis=1) / park.sum(axis=1)
    assert gain[inside & mainland].min() > gain[~inside & mainland].max()
