"""Deferred acceptance (Gale & Shapley 1962) and the ranking of applicants, for any preferences."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from greaterbay.exchange.mobility import settle
from greaterbay.exchange.partnering import deferred_acceptance
from greaterbay.streams import uniform

CHOICES = 3


@st.composite
def markets(draw):
    """Ordered choices, the receivers' strict utilities and their quotas."""
    n = draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    target = np.full((n, CHOICES), -1, np.int64)
    for i in range(n):
        others = rng.permutation(np.delete(np.arange(n), i))[: rng.integers(0, CHOICES + 1)]
        target[i, : others.size] = others
    return target, rng.normal(size=(n, CHOICES)), rng.integers(0, 3, n).astype(np.int64)


def match(target, theirs, quota):
    chosen = np.empty(target.shape[0], np.int64)
    deferred_acceptance(target, theirs, quota, chosen)
    return chosen


def utility(target, theirs, i, j):
    return theirs[i, target[i].tolist().index(j)]


@given(markets())
def test_quotas_hold_and_partners_were_asked(market):
    target, theirs, quota = market
    chosen = match(target, theirs, quota)
    assert (np.bincount(chosen[chosen >= 0], minlength=quota.size) <= quota).all()
    assert all(chosen[i] == -1 or chosen[i] in target[i] for i in range(quota.size))


@given(markets())
def test_no_pair_would_rather_have_each_other(market):
    target, theirs, quota = market
    chosen = match(target, theirs, quota)
    for i in range(quota.size):
        for c in range(CHOICES):
            j = target[i, c]
            if j < 0 or chosen[i] == j:
                break  # what follows is worse for i
            held = [utility(target, theirs, k, j) for k in np.flatnonzero(chosen == j)]
            assert quota[j] == 0 or (len(held) == quota[j] and min(held) > theirs[i, c])


@given(markets(), st.randoms(use_true_random=False))
def test_the_order_of_proposals_does_not_matter(market, random):
    target, theirs, quota = market
    n = quota.size
    order = list(range(n))
    random.shuffle(order)
    order = np.array(order)
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)  # where each actor now stands
    moved = np.where(target[order] >= 0, place[np.maximum(target[order], 0)], -1)
    shuffled = match(moved, theirs[order], quota[order])
    back = np.full(n, -1, np.int64)
    found = shuffled >= 0
    back[order[found]] = order[shuffled[found]]
    assert (back == match(target, theirs, quota)).all()


@given(markets())
def test_proposers_get_the_best_they_can_get_in_any_stable_matching(market):
    """Against the textbook algorithm, proposer by proposer."""
    target, theirs, quota = market
    n, held, following, free = quota.size, {}, [0] * quota.size, list(range(quota.size))
    while free:
        i = free.pop(0)
        while following[i] < CHOICES and target[i, following[i]] >= 0:
            c, j = following[i], target[i, following[i]]
            following[i] += 1
            held.setdefault(j, [])
            held[j].append((theirs[i, c], i))
            held[j].sort(reverse=True)
            if len(held[j]) > quota[j]:
                loser = held[j].pop()[1]
                if loser == i:
                    continue
                free.append(loser)
            break
    expected = np.full(n, -1, np.int64)
    for j, kept in held.items():
        for _, i in kept:
            expected[i] = j
    assert (match(target, theirs, quota) == expected).all()


@st.composite
def applications(draw):
    people, employers = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    choice = rng.integers(-2, employers, people).astype(np.int64)
    ids = rng.choice(2**40, people, replace=False).astype(np.uint64)
    return choice, ids, rng.integers(0, 6, employers).astype(np.int64)


@given(applications(), st.integers(0, 2**63))
def test_applicants_are_taken_by_keyed_rank(applied, key):
    choice, ids, vacancies = applied
    accepted = np.empty(choice.size, np.int8)
    settle(choice, ids, vacancies, np.uint64(key), accepted)
    rank = np.array([uniform(np.uint64(key), i, 0) for i in ids])
    for e in range(vacancies.size):
        mine = np.flatnonzero(choice == e)
        best = mine[np.argsort(rank[mine])][: vacancies[e]]
        assert set(np.flatnonzero((choice == e) & (accepted == 1))) == set(best)
    assert not accepted[choice < 0].any()


@given(applications())
def test_one_more_applicant_displaces_at_most_one(applied):
    choice, ids, vacancies = applied
    before, after = np.empty(choice.size, np.int8), np.empty(choice.size + 1, np.int8)
    key = np.uint64(7)
    settle(choice, ids, vacancies, key, before)
    settle(np.append(choice, 0), np.append(ids, np.uint64(2**50)), vacancies, key, after)
    assert (before != after[:-1]).sum() <= 1
