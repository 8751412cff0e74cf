"""One more agent changes nobody else's draws: a stranger is put into the bay, and everybody else compared.

The stranger stands for next to nobody, so totals that all agents read hardly change; whatever differs then
differs because somebody's draws did, or because somebody really met the stranger.
"""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay import Bay
from greaterbay.exchange import market
from greaterbay.exchange.demography import free_firm_rows, seat_firms
from greaterbay.streams import identity_of
from small_bay import small_scenario

STRANGER = identity_of("stranger")


def played(change=None) -> Bay:
    """A bay with a change made before its first quarter, one quarter played."""
    bay = Bay(scenario=small_scenario("run.end=2024-12-31"))
    if change is not None:
        change(bay)
    rows = bay.firms.alive_rows()
    bay.sales_before = dict(zip(bay.firms.id[rows].tolist(), bay.firms.sales[rows].tolist(), strict=True))
    bay.step()
    return bay


def add_firm(bay: Bay) -> None:
    """A copy of an ordinary firm with an identity of its own, without money, people or partners."""
    firms = bay.firms
    model = int(np.flatnonzero((firms.alive == 1) & (firms.kind == 1))[40])
    row = int(free_firm_rows(bay, 1)[0])
    for array in firms.arrays.values():
        array[row] = array[model]
    firms.id[row], firms.weight[row], firms.fund[row] = STRANGER, 1e-6, -1
    for name in ("cash", "loan", "arrears", "invested", "invested_public", "staff", "skill", "heads",
                 "degree", "alliances", "grant_cash", "adopted"):
        firms.arrays[name][row] = 0
    firms.past[row] = -1
    seat_firms(bay, np.array([row]))


def add_person(bay: Bay) -> None:
    """Somebody out of work in Shenzhen."""
    people = bay.people
    model = int(np.flatnonzero((people.alive == 1) & (people.city == 1))[40])
    row = int(people.free_rows(1)[0])
    for array in people.arrays.values():
        array[row] = array[model]
    people.id[row], people.weight[row], people.employer[row] = STRANGER, 1e-6, -1
    people.former[row], people.idle[row] = -1, 0


@pytest.fixture(scope="module")
def plain() -> Bay:
    return played()


@pytest.fixture(scope="module", params=[add_firm, add_person], ids=["firm", "person"])
def crowded(request) -> Bay:
    return played(request.param)


def by_identity(table, *columns: str) -> dict[str, np.ndarray]:
    """Columns of those in use, ascending by identity, without the stranger."""
    rows = np.flatnonzero((table.alive == 1) & (table.id != STRANGER))
    rows = rows[np.argsort(table.id[rows])]
    return {"id": table.id[rows]} | {name: table.arrays[name][rows] for name in columns}


def employer_identity(bay: Bay) -> dict[int, int]:
    """Identity of each person's employer (0 for none) by the person's identity."""
    ids = np.concatenate((bay.institutes.id, bay.firms.id))
    people = bay.people
    rows = np.flatnonzero((people.alive == 1) & (people.id != STRANGER))
    node = people.employer[rows]
    employer = np.where(node >= 0, ids[np.maximum(node, 0)], 0)
    return dict(zip(people.id[rows].tolist(), employer.tolist(), strict=True))


def test_the_stranger_is_there(crowded):
    found = [table.id[table.alive == 1] for table in (crowded.firms, crowded.people)]
    assert (np.concatenate(found) == STRANGER).sum() == 1


def test_the_same_firms_leave_and_enter(plain, crowded):
    np.testing.assert_array_equal(by_identity(plain.firms)["id"], by_identity(crowded.firms)["id"])


def growth_shocks(bay: Bay) -> np.ndarray:
    """Growth of firms of equal sales and fitness by the draws of this year and quarter, by identity."""
    firms, streams = bay.firms, bay.streams
    kept = firms.sales.copy()
    firms.sales[:] = 1.0
    market.grow(firms.part(market.Sellers), np.zeros(firms.capacity), np.zeros(len(bay.region.field_ids)),
                streams.key("growth_variance", bay.quarter // 4), streams.key("growth_shock", bay.quarter),
                bay.parameters.market)
    found = np.log(by_identity(firms, "sales")["sales"])
    firms.sales[:] = kept
    return found


def test_everybody_has_the_same_growth_shock(plain, crowded):
    """Variance of the year and shock of the quarter: growth is equal but for the rescaling to the market."""
    one, other = by_identity(plain.firms, "sales", "birth"), by_identity(crowded.firms, "sales", "birth")
    shock = [growth_shocks(bay) for bay in (plain, crowded)]
    np.testing.assert_array_equal(shock[0], shock[1])
    assert np.unique(shock[0]).size == shock[0].size and shock[0].std() > 0.03
    old = one["birth"] < plain.start
    grown = [np.log(side["sales"][old] / [bay.sales_before[who] for who in side["id"][old].tolist()])
             for bay, side in ((plain, one), (crowded, other))]
    assert old.sum() > 700 and grown[0].std() > 0.03
    assert np.abs(grown[0] - grown[1]).max() < 2e-3


def test_hardly_anybody_changes_employer(plain, crowded):
    one, other = employer_identity(plain), employer_identity(crowded)
    assert one.keys() == other.keys()
    different = sum(one[who] != other[who] for who in one)
    assert different <= 0.002 * len(one)


def test_people_are_who_they_were(plain, crowded):
    one = by_identity(plain.people, "age", "skill", "field", "home")
    other = by_identity(crowded.people, "age", "skill", "field", "home")
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_hardly_a_tie_is_another(plain, crowded):
    def pairs(bay):
        return set(bay.ties.id[bay.ties.alive == 1].tolist())

    one, other = pairs(plain), pairs(crowded)
    assert len(one ^ other) <= 0.01 * len(one)


def test_hardly_an_invention_is_another(plain, crowded):
    one, other = by_identity(plain.inventions), by_identity(crowded.inventions)
    new = [set(side["id"].tolist()) for side in (one, other)]
    assert len(new[0] ^ new[1]) <= 0.0005 * len(new[0])


def test_fates_of_inventions_are_the_same(plain, crowded):
    """Stage and progress of the results that both bays have."""
    one = by_identity(plain.inventions, "stage", "progress", "quality")
    other = by_identity(crowded.inventions, "stage", "progress", "quality")
    _, here, there = np.intersect1d(one["id"], other["id"], return_indices=True)
    np.testing.assert_array_equal(one["quality"][here], other["quality"][there])
    assert (one["stage"][here] != other["stage"][there]).mean() < 0.001
    assert (one["progress"][here] != other["progress"][there]).mean() < 0.003


def test_venture_money_and_grants_go_to_the_same_firms(plain, crowded):
    one = by_identity(plain.firms, "rounds", "grants_before", "adopted", "city", "production_city")
    other = by_identity(crowded.firms, "rounds", "grants_before", "adopted", "city", "production_city")
    for name in ("rounds", "grants_before", "city", "production_city"):
        assert (one[name] != other[name]).sum() <= 3, name
    assert (one["adopted"] != other["adopted"]).sum() <= 3
