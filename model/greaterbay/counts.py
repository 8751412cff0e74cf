"""One pass over people, inventions and ties: what the books, the measures and the checks all ask.

The tables of people and inventions are the longest of the model, so they are read once and not once a question.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from greaterbay.actors.invention import ABANDONED, MARKET
from greaterbay.actors.network import alive_node, node_city
from greaterbay.kernels import kernel

PeopleRead = namedtuple("PeopleRead", ["alive", "city", "weight", "employer"])
InventionsRead = namedtuple("InventionsRead", ["alive", "city", "weight", "stage", "owner", "developer"])
PeopleCount = namedtuple("PeopleCount", [
    "talent", "idle", "employed", "heads", "total", "at_work", "placeless", "weightless", "without_employer", "elsewhere",
])
Stocks = namedtuple("Stocks", ["people", "firms", "inventions"])
InventionCount = namedtuple("InventionCount", [
    "pipeline", "in_force", "in_market", "total", "total_market", "stageless", "without_owner", "without_developer",
])


@kernel
def _count_people(people, alive_node, city_node, by_city):
    """Fill ``by_city`` (4, C): people, out of work, at work (weighted), rows; return the sums and the faults found."""
    total, at_work = 0.0, 0.0
    placeless = weightless = without_employer = elsewhere = 0
    for i in range(people.alive.shape[0]):
        if people.alive[i] == 0:
            continue
        c, weight, e = people.city[i], people.weight[i], people.employer[i]
        total += weight
        if not weight > 0.0:
            weightless += 1
        if e >= 0:
            at_work += weight
            if alive_node[e] == 0:
                without_employer += 1
            if city_node[e] != c:
                elsewhere += 1
        if c < 0 or c >= by_city.shape[1]:
            placeless += 1
            continue
        by_city[0, c] += weight
        by_city[2 if e >= 0 else 1, c] += weight
        by_city[3, c] += 1.0
    return total, at_work, placeless, weightless, without_employer, elsewhere


@kernel
def _count_inventions(inventions, alive_node, pipeline, in_force):
    """Fill ``pipeline`` (C, stages to the market) and ``in_force`` (C,); return the sums and the faults found."""
    total, total_market = 0.0, 0.0
    stageless = without_owner = without_developer = 0
    for i in range(inventions.alive.shape[0]):
        if inventions.alive[i] == 0:
            continue
        c, stage, weight = inventions.city[i], inventions.stage[i], inventions.weight[i]
        total += weight
        in_force[c] += weight
        if stage < 0 or stage > ABANDONED:
            stageless += 1
        elif stage <= MARKET:
            pipeline[c, stage] += weight
            if stage == MARKET:
                total_market += weight
        # the last place is for nobody, who is -1: no branch that cannot be foreseen
        without_owner += alive_node[inventions.owner[i]] == 0
        without_developer += alive_node[inventions.developer[i]] == 0
    return total, total_market, stageless, without_owner, without_developer


def count_people(bay) -> PeopleCount:
    """People by city (C,) and in all, and how many rows have no city, no weight, no living employer, another city."""
    by_city = np.zeros((4, len(bay.region.city_ids)))
    found = _count_people(bay.people.part(PeopleRead), alive_node(bay), node_city(bay), by_city)
    return PeopleCount(*by_city, *found)


def count_inventions(bay) -> InventionCount:
    """Inventions in force by city (C,) and stage (C, 5) and in all, and how many have no stage, living owner or developer."""
    pipeline, in_force = np.zeros((len(bay.region.city_ids), MARKET + 1)), np.zeros(len(bay.region.city_ids))
    alive = np.append(alive_node(bay), np.int8(1))
    found = _count_inventions(bay.inventions.part(InventionsRead), alive, pipeline, in_force)
    return InventionCount(pipeline, in_force, pipeline[:, MARKET], *found)


def stocks_by_city(bay, people: PeopleCount, inventions: InventionCount) -> Stocks:
    """People, firms and inventions in force by city (C,), weighted: what the next quarter's balances start from."""
    rows = bay.firms.alive_rows()
    firms = np.bincount(bay.firms.city[rows], weights=bay.firms.weight[rows], minlength=len(bay.region.city_ids))
    return Stocks(people.talent, firms, inventions.in_force)


@kernel
def _repeats(keys, counts, table):
    """Number of keys that count and were met before, by a table with open places (0 is an empty place: a key 0 is counted apart)."""
    repeats, zeros = 0, 0
    mask = np.uint64(table.shape[0] - 1)
    for k in range(keys.shape[0]):
        if counts[k] == 0:
            continue
        key = keys[k]
        if key == 0:
            zeros += 1
            continue
        # identities are hashes; the multiplication spreads keys that are not
        at = (key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20) & mask
        while table[at] != 0 and table[at] != key:
            at = (at + np.uint64(1)) & mask
        if table[at] == key:
            repeats += 1
        else:
            table[at] = key
    return repeats + max(0, zeros - 1)


def repeats(keys: np.ndarray, counts: np.ndarray | None = None) -> int:
    """How many of the keys (uint64) are not new: size less the number of different ones, without sorting.

    ``counts`` (0/1) says which keys are looked at; None for all.
    """
    counts = np.ones(keys.size, np.int8) if counts is None else counts
    # at most four fifths full, and small enough for the processor's cache
    table = np.zeros(1 << max(4, int(1.25 * counts.sum(dtype=np.int64)).bit_length()), np.uint64)
    return int(_repeats(np.ascontiguousarray(keys, np.uint64), counts, table))
