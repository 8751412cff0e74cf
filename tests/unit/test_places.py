"""Hashed places: an agent's place follows from its identity, searchers find the others where they were."""

from __future__ import annotations

import numpy as np
import pytest

from greaterbay.actors.places import Places, draw_place
from greaterbay.streams import Streams, identity_of

KEY = Streams(3).key("candidate", 8080)


def seated(counts: list[int]) -> tuple[Places, np.ndarray, np.ndarray]:
    """Places with the given number of agents in each cell, their cells and identities (row = agent)."""
    cells = np.repeat(np.arange(len(counts)), counts)
    ids = np.array([identity_of("firm", c, k) for k, c in enumerate(cells)], np.uint64)
    places = Places(len(counts))
    places.build(cells, np.arange(cells.size), ids)
    return places, cells, ids


def place_of(places: Places, row: int) -> int:
    found = np.flatnonzero(places.slot == row)
    assert found.size == 1
    return int(found[0])


def drawn(places: Places, cell: int, number: int = 3000) -> np.ndarray:
    """Rows that ``number`` different searchers find in a cell."""
    return np.array([draw_place(places.slot, places.start, places.size, cell, KEY, np.uint64(i), 0)
                     for i in range(number)])


def test_everybody_has_one_place_in_his_cell():
    places, cells, _ = seated([40, 0, 3, 200])
    assert places.used.tolist() == [40, 0, 3, 200]
    for row, cell in enumerate(cells):
        at = place_of(places, row)
        assert places.start[cell] <= at < places.start[cell] + places.size[cell]
    assert (places.slot >= 0).sum() == 243
    assert (places.size >= 2.5 * places.used).all()


def test_the_order_of_seating_does_not_matter():
    places, cells, ids = seated([50, 20])
    back = np.arange(cells.size)[::-1]
    again = Places(2)
    again.build(cells[back], back, ids[back])
    np.testing.assert_array_equal(places.slot, again.slot)


def test_a_searcher_finds_members_of_the_cell_only():
    places, cells, _ = seated([40, 0, 3, 200])
    for cell in (0, 2, 3):
        rows = drawn(places, cell)
        assert (cells[rows[rows >= 0]] == cell).all()
    assert (drawn(places, 1, 50) == -1).all()
    assert (drawn(places, 0) >= 0).mean() > 0.9


def test_every_member_is_about_equally_likely():
    places, _, _ = seated([40])
    rows = drawn(places, 0, 20_000)
    share = np.bincount(rows[rows >= 0], minlength=40) / (rows >= 0).sum()
    assert share.min() > 0.6 / 40 and share.max() < 1.6 / 40


def test_one_more_agent_moves_nobody_and_changes_few_draws():
    places, _, _ = seated([60, 10])
    slots, before = places.slot.copy(), drawn(places, 0)
    places.insert(0, 70, identity_of("newcomer"))
    assert place_of(places, 70) < places.start[0] + places.size[0]
    np.testing.assert_array_equal(places.slot[slots >= 0], slots[slots >= 0])
    after = drawn(places, 0)
    changed = after != before
    assert (after[changed] == 70).all()
    assert 0 < changed.mean() < 3.0 / 61


def test_one_agent_less_leaves_a_hole():
    places, _, _ = seated([60])
    before = drawn(places, 0)
    places.remove(0, 17)
    after = drawn(places, 0)
    assert places.used[0] == 59 and 17 not in after
    np.testing.assert_array_equal(after[before != 17], before[before != 17])
    places.insert(0, 17, identity_of("firm", 0, 17))
    np.testing.assert_array_equal(drawn(places, 0), before)


def test_removing_somebody_else_changes_nothing():
    places, _, _ = seated([5])
    slots = places.slot.copy()
    places.used[0] += 1
    places.remove(0, 99)
    np.testing.assert_array_equal(places.slot, slots)


def test_a_full_cell_gets_twice_the_places_and_the_others_stay():
    places, _, _ = seated([20, 7])
    size, mine = places.size.copy(), [place_of(places, row) for row in range(20)]
    other = places.slot[places.start[1]:places.start[1] + size[1]].copy()
    for extra in range(100, 130):
        places.insert(0, extra, identity_of("newcomer", extra))
    assert places.used[0] == 50 and places.size[0] == 2 * size[0]
    assert [place_of(places, row) for row in range(20)] == mine
    np.testing.assert_array_equal(places.slot[places.start[1]:places.start[1] + places.size[1]], other)
    assert (places.used <= 0.7 * places.size).all()
    rows = drawn(places, 0)
    assert set(rows[rows >= 0]) == set(range(20)) | set(range(100, 130))


@pytest.mark.parametrize("count", [1, 22, 23])
def test_state_comes_back(count):
    places, _, _ = seated([count])
    state = places.state()
    slots = places.slot.copy()
    for extra in range(100, 140):
        places.insert(0, extra, identity_of("newcomer", extra))
    again = Places(1)
    again.restore(state)
    np.testing.assert_array_equal(again.slot, slots)
    assert again.used[0] == count
    again.insert(0, 500, identity_of("later"))
    assert 500 not in state["slot"]


def test_who_draws_only_holes_takes_the_next_in_use():
    """A nearly empty cell is found as surely as a full one, so the chance to meet somebody does not follow the scale."""
    places, _, _ = seated([1, 40])
    assert (drawn(places, 0, 500) == 0).all() and (drawn(places, 1) >= 0).all()


def test_one_who_stands_for_fewer_is_met_more_rarely():
    cells, ids = np.zeros(40, np.int64), np.array([identity_of("firm", k) for k in range(40)], np.uint64)
    places = Places(1)
    passed = np.zeros(40)
    passed[7] = 0.95
    places.build(cells, np.arange(40), ids, passed)
    share = np.bincount(drawn(places, 0, 20_000), minlength=40) / 20_000
    assert 0.0 < share[7] < 0.2 / 40 and share.sum() == 1.0
    alone = Places(1)
    alone.build(cells[:1], np.arange(1), ids[:1], passed[7:8])
    assert (drawn(alone, 0, 200) == 0).all()
    places.remove(0, 7)
    assert 7 not in drawn(places, 0)


def test_places_are_a_fixed_multiple_of_the_agents():
    places, _, _ = seated([13, 100, 1000, 5000])
    assert (places.size == np.ceil(2.5 * places.used)).all()
