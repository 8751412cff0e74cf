"""Phase 3. Partners find each other.

A share of the firms and institutes looks for partners each quarter. Each sees a limited set of candidates:
local ones (more where there are many), distant ones, institutes, past partners, partners' partners,
members of a really used alliance, those a platform shows, and those a programme introduces (``introductions``). Utility of partner j for i:

    u_ij = cognitive_weight * f(D) - travel[type] * ln(1 + minutes / 30) - border_weight * barrier
           + closure_weight * (met through a common partner) + past_weight * (worked together before)
           + mass_weight * mass_j + organisation_weight * (common membership that is used)
           - rivalry_weight * (same field) * (1 - |chain_i - chain_j|)       [firm-firm only]
           - cost_weight * [(x + 1)**1.5 - x**1.5]  + grant_gain * chance of a grant  + Gumbel
    f(D)  = 1 - ((D - optimum) / width)**2, optimum further out for exploratory (firm-institute) projects
    x     = ties of i per 30 researchers (convex cost, no cap)

(five proximities: Boschma 2005; inverted U: Nooteboom et al. 2007). A tie is made when it is above
``reservation`` for both sides; rivals for the same partner are resolved by deferred acceptance
(Gale & Shapley 1962). All actors read the state of the quarter's beginning: order does not matter.
Common partners are counted only for candidates met through one. Expectations are myopic.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from greaterbay.actors.columns import sums_by_cell
from greaterbay.actors.firm import LEADER
from greaterbay.actors.invention import FIRM_FIRM, FIRM_INSTITUTE, INSTITUTE_INSTITUTE
from greaterbay.actors.network import cognitive_distance, see_network, see_ties, update_degrees
from greaterbay.actors.places import draw_place
from greaterbay.exchange.introductions import consortium_members, further_places, introduce
from greaterbay.kernels import inlined, jit, kernel
from greaterbay.streams import combine, gumbel, pair_identity, rounded, uniform

CHOICES = 3  # partners an actor can propose to in a quarter, best first
SEEN = 96  # room for candidates
SHORT = 24  # below so many weights counting them all is quicker than a search whose every step is a guess

Search = namedtuple("Search", [
    "slot", "start", "size", "far_cum", "wide_cum", "field_cum", "institute_cum", "wide_institute_cum", "local_mass",
    "travel_log", "barrier", "platform", "sharing", "grant", "alliance_member", "alliance_count", "alliance_bits",
    "past", "park_boost", "shown", "shown_origin",
])
Keys = namedtuple("Keys", ["seek", "candidate", "utility", "alliance", "rounding"])


@inlined
def cognitive_fit(distance, optimum, width):
    """Inverted U of cognitive distance: one at the optimum, falling with the square of the deviation."""
    z = (distance - optimum) / width
    return 1.0 - z * z


@inlined
def marginal_cost(ties):
    """Convex cost of one more tie, (x + 1)**1.5 - x**1.5."""
    return (ties + 1.0) ** 1.5 - ties**1.5


@inlined
def pair_value(nodes, a, b, tie_type, travel_log, barrier, closure, past, common, p):
    """Part of the partner utility that both sides share (no cost, size, noise)."""
    distance = cognitive_distance(nodes.profile, a, b)
    if tie_type == FIRM_FIRM:
        value = p.cognitive_weight * cognitive_fit(distance, p.cognitive_optimum, p.cognitive_width)
        slope = p.travel_firm_firm
        if nodes.field[a] == nodes.field[b]:
            value -= p.rivalry_weight * (1.0 - abs(nodes.chain[a] - nodes.chain[b]))
    else:
        value = p.cognitive_weight * cognitive_fit(distance, p.cognitive_optimum_explore, p.cognitive_width)
        slope = p.travel_firm_institute if tie_type == FIRM_INSTITUTE else p.travel_institute_institute
    return (value - slope * travel_log - p.border_weight * barrier + p.closure_weight * closure
            + p.past_weight * past + p.organisation_weight * common)


@inlined
def burden(nodes, n):
    """Ties per unit of capacity: one unit for every 30 researchers, at least one."""
    return nodes.degree[n] / (1.0 + nodes.size[n] / 30.0)


@inlined
def tie_type_of(nodes, a, b):
    """firm-firm, firm-institute or institute-institute."""
    firms = nodes.is_firm[a] + nodes.is_firm[b]
    if firms == 2:
        return FIRM_FIRM
    return FIRM_INSTITUTE if firms == 1 else INSTITUTE_INSTITUTE


@inlined
def pick(cumulative, u):
    """Index drawn from cumulative weights by one uniform; -1 when all weights are zero."""
    total = cumulative[-1]
    if total <= 0.0:
        return -1
    low, high, wanted = 0, cumulative.shape[0] - 1, u * total
    # first place whose cumulative weight is above the wanted one
    if high < SHORT:
        for k in range(high):
            low += cumulative[k] <= wanted
        return low
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] <= wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def pick_two(first, second, u):
    """Two indices drawn by one uniform: the row by ``first`` (R,), then by ``second`` (R, S), both cumulative weights.

    The same draw from a table of all pairs would need R * S sums for every kind of searcher. (-1, -1) when all is zero.
    """
    row = pick(first, u)
    if row < 0:
        return -1, -1
    below = first[row - 1] if row > 0 else 0.0
    rest = (u * first[-1] - below) / (first[row] - below)
    return row, pick(second[row], rest)

@inlined
def firm_in(nodes, s, institutes, city, field, key, identity, number):
    """A firm drawn in a city: its field by relatedness to ``field``, its place by hash. Node or -1."""
    fields = s.field_cum.shape[2]
    other = pick(s.field_cum[city, field], uniform(key, identity, 1000 + number))
    if other < 0:
        return -1
    row = draw_place(s.slot, s.start, s.size, city * fields + other, key, identity, number)
    return -1 if row < 0 else institutes + row


@inlined
def _candidates(nodes, s, adjacency, institutes, i, keys, p, seen, origin):
    """Fill ``seen`` and ``origin`` (0 met by search, 1 past partner, 2 through a partner, 3 member, 4 platform or
    prepared); return the number."""
    me, city, field, kind = nodes.id[i], nodes.city[i], nodes.field[i], nodes.kind[i]
    key = keys.candidate
    found = 0
    for k in range(s.shown.shape[1]):
        if s.shown[i, k] >= 0:
            seen[found] = s.shown[i, k]
            origin[found] = s.shown_origin[i, k]
            found += 1
    density = s.local_mass[city, field]
    wanted = p.local_candidates * density / (density + p.local_half_density) * (1.0 + s.park_boost[i])
    for k in range(min(12, rounded(wanted, uniform(keys.rounding, me, 0)))):
        seen[found] = firm_in(nodes, s, institutes, city, field, key, me, k)
        origin[found] = 0
        found += 1
    for k in range(int(p.distant_candidates)):
        there = pick(s.far_cum[city, field], uniform(key, me, 2000 + k))
        if there >= 0:
            seen[found] = firm_in(nodes, s, institutes, there, field, key, me, 20 + k)
            origin[found] = 0
            found += 1
    for k in range(int(p.institute_candidates)):
        seen[found] = pick(s.institute_cum[city, field], uniform(key, me, 2100 + k))
        origin[found] = 0
        found += 1
    if s.platform[city, field, kind] > 0.0 and uniform(keys.alliance, me, 7) < s.platform[city, field, kind]:
        for k in range(int(p.platform_candidates)):
            if k % 2 == 0:
                there = pick(s.wide_cum[city, field], uniform(key, me, 2200 + k))
                if there >= 0:
                    seen[found] = firm_in(nodes, s, institutes, there, field, key, me, 40 + k)
                    origin[found] = 4
                    found += 1
            else:
                seen[found] = pick(s.wide_institute_cum[city, field], uniform(key, me, 2300 + k))
                origin[found] = 4
                found += 1
    for k in range(s.past.shape[1]):
        if s.past[i, k] >= 0:
            seen[found] = s.past[i, k]
            origin[found] = 1
            found += 1
    ties = adjacency.offset[i + 1] - adjacency.offset[i]
    if ties > 0:
        for k in range(3):
            via = adjacency.neighbour[adjacency.offset[i] + int(uniform(key, me, 2400 + k) * ties)]
            theirs = adjacency.offset[via + 1] - adjacency.offset[via]
            seen[found] = adjacency.neighbour[adjacency.offset[via] + int(uniform(key, me, 2410 + k) * theirs)]
            origin[found] = 2
            found += 1
    bits = s.alliance_bits[i]
    if bits > 0 and uniform(keys.alliance, me, 1) < s.sharing[city]:
        for alliance in range(s.alliance_count.shape[0]):
            if (bits >> alliance) & 1 and s.alliance_count[alliance] > 0:
                for k in range(2):
                    place = int(uniform(key, me, 2500 + 10 * alliance + k) * s.alliance_member.shape[1])
                    seen[found] = s.alliance_member[alliance, place]
                    origin[found] = 3
                    found += 1
                    if found >= SEEN - 3:
                        return found
    return found


@kernel
def seek(nodes, s, adjacency, institutes, keys, p, seen, origin, cost, known, target, mine, theirs, expected):
    """Every looking actor's best candidates above its reservation.

    ``target`` (N, CHOICES) node or -1, ``mine`` and ``theirs`` the two sides' utilities; ``expected``
    (P, P) collects the probability that both sides of a pair that met accept (weighted). ``seen``,
    ``origin``, ``cost`` (N,) and ``known`` (N,), zero at first, are room to work in.
    """
    for i in range(nodes.alive.shape[0]):
        if nodes.alive[i] and nodes.size[i] > 0.0:
            cost[i] = p.cost_weight * marginal_cost(burden(nodes, i))
    for i in range(nodes.alive.shape[0]):
        for c in range(CHOICES):
            target[i, c] = -1
        if nodes.alive[i] == 0 or nodes.size[i] <= 0.0 or uniform(keys.seek, nodes.id[i], 0) >= p.seek_share:
            continue
        found = _candidates(nodes, s, adjacency, institutes, i, keys, p, seen, origin)
        known[i] = i + 1
        unthinned = nodes.is_firm[i] == 0 or nodes.kind[i] == LEADER
        lot = uniform(keys.seek, nodes.id[i], 1)
        for e in range(adjacency.offset[i], adjacency.offset[i + 1]):
            known[adjacency.neighbour[e]] = i + 1
        for k in range(found):
            j = seen[k]
            if j < 0 or known[j] == i + 1 or nodes.alive[j] == 0 or nodes.size[j] <= 0.0:
                continue
            known[j] = i + 1  # oneself, partners and whom one has just seen
            tie_type = tie_type_of(nodes, i, j)
            ci, cj = nodes.city[i], nodes.city[j]
            # what a platform prepares needs fewer journeys
            journey = s.travel_log[ci, cj] * (1.0 - p.platform_nearness if origin[k] == 4 else 1.0)
            value = pair_value(nodes, i, j, tie_type, journey, s.barrier[ci, cj],
                               1.0 if origin[k] == 2 else 0.0, 1.0 if origin[k] == 1 else 0.0,
                               1.0 if origin[k] == 3 else 0.0, p)
            if tie_type == FIRM_INSTITUTE:
                firm = i if nodes.is_firm[i] else j
                value += p.grant_gain * s.grant[nodes.city[firm], nodes.field[firm], nodes.kind[firm]]
            v_mine = value + p.mass_weight * nodes.mass[j] - cost[i]
            v_theirs = value + p.mass_weight * nodes.mass[i] - cost[j]
            refuse_mine = math.exp(-math.exp(min(30.0, v_mine - p.reservation)))
            refuse_theirs = math.exp(-math.exp(min(30.0, v_theirs - p.reservation)))
            chance = (1.0 - refuse_mine) * (1.0 - refuse_theirs)
            weight = nodes.weight[i]
            expected[ci, cj] += 0.5 * weight * chance
            expected[cj, ci] += 0.5 * weight * chance
            # the tie would stand for as many as the other side: who is never thinned proposes that much more rarely
            if unthinned and lot * nodes.weight[j] > weight:
                continue
            # a uniform below the chance to refuse gives a utility below the reservation: most pairs end here without logarithms
            me_them, them_me = combine(nodes.id[i], nodes.id[j]), combine(nodes.id[j], nodes.id[i])
            if (uniform(keys.utility, me_them, 0) < refuse_mine - 1e-9
                    or uniform(keys.utility, them_me, 1) < refuse_theirs - 1e-9):
                continue
            u_mine = v_mine + gumbel(keys.utility, me_them, 0)
            if u_mine < p.reservation:
                continue
            u_theirs = v_theirs + gumbel(keys.utility, them_me, 1)
            if u_theirs < p.reservation:
                continue
            for c in range(CHOICES):
                if target[i, c] < 0 or u_mine > mine[i, c]:
                    for d in range(CHOICES - 1, c, -1):
                        target[i, d] = target[i, d - 1]
                        mine[i, d] = mine[i, d - 1]
                        theirs[i, d] = theirs[i, d - 1]
                    target[i, c] = j
                    mine[i, c] = u_mine
                    theirs[i, c] = u_theirs
                    break


@jit
def deferred_acceptance(target, theirs, quota, chosen):
    """Stable matching with quotas on the receiving side (Gale & Shapley 1962).

    ``target`` (N, C) ordered choices, ``theirs`` (N, C) utility of the proposer for the receiver,
    ``quota`` (N,) places of each receiver. ``chosen`` (N,) becomes the accepted partner or -1. With strict
    utilities the result does not depend on the order of proposals.
    """
    n, choices = target.shape
    offset = np.zeros(n + 1, np.int64)
    for i in range(n):
        offset[i + 1] = offset[i] + quota[i]
    held = np.full(offset[n], -1, np.int64)
    held_value = np.full(offset[n], -np.inf)
    following = np.zeros(n, np.int64)
    waiting = np.empty(n, np.int64)
    count = 0
    for i in range(n):
        chosen[i] = -1
        if target[i, 0] >= 0:
            waiting[count] = i
            count += 1
    while count > 0:
        count -= 1
        i = waiting[count]
        while following[i] < choices:
            c = following[i]
            j = target[i, c]
            if j < 0:
                break
            following[i] += 1
            worst, at = np.inf, -1
            for h in range(offset[j], offset[j + 1]):
                if held_value[h] < worst:
                    worst, at = held_value[h], h
            if at >= 0 and theirs[i, c] > worst:
                loser = held[at]
                held[at], held_value[at] = i, theirs[i, c]
                chosen[i] = j
                if loser >= 0:
                    chosen[loser] = -1
                    waiting[count] = loser
                    count += 1
                break


@kernel
def _cumulate(first, at, second, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            for k in range(out.shape[2]):
                total += first[i, at[k]] * second[j, k]
                out[i, j, k] = total


def cumulative_products(first: np.ndarray, second: np.ndarray, at: np.ndarray | None = None) -> np.ndarray:
    """Cumulative weights over k of first[i, at[k]] * second[j, k], shape (I, J, K); without ``at`` of first[i, k]."""
    at = np.arange(second.shape[1]) if at is None else at.astype(np.int64)
    out = np.empty((first.shape[0], second.shape[0], second.shape[1]))
    _cumulate(np.ascontiguousarray(first), at, np.ascontiguousarray(second), out)
    return out


def search_tables(bay, nodes) -> Search:
    """What searching actors can reach this quarter, from stocks, travel times, barriers and levers."""
    region, p, values = bay.region, bay.parameters.partnering, bay.values
    firms, institutes, p_market = bay.firms, bay.institutes, bay.parameters.market
    cities, fields = len(region.city_ids), len(region.field_ids)
    alive = firms.alive_rows()
    count = sums_by_cell(firms.city[alive], firms.field[alive], firms.weight[alive], cities, fields)
    related = region.relatedness_field.astype(float)
    mass = count @ related  # related firms of each city and field
    minutes = values.travel_minutes[:cities, :cities]
    barrier = values.barrier_technology[:cities, :cities]
    visible = np.exp(-p.candidate_border * barrier) * np.where(barrier > 0, 1.0 + values.visibility, 1.0)
    for one, two in region.agreements:
        a, b = region.city_ids.index(one), region.city_ids.index(two)
        visible[a, b] *= 1.0 + p.agreement
        visible[b, a] = visible[a, b]
    near = np.exp(-minutes / p.candidate_travel) * visible
    other = 1.0 - np.eye(cities)
    weight = institutes.staff[None, :] * (institutes.field_weight @ related).T  # (F, I)
    platform = values.platform_reach
    park = np.zeros(institutes.capacity + firms.capacity)
    park[institutes.capacity:] = firms.in_park * p_market.park_gain * values.park_quality[np.maximum(firms.city, 0)]
    travel_log = np.log1p(minutes / 30.0)
    if values.environment.any():  # forms and disputes between two cities are handled in one place
        saved = p_market.environment_travel * 0.5 * (values.environment[:, None] + values.environment[None, :])
        travel_log = travel_log * (1.0 - saved * other)
    institute_cum = cumulative_products(near, weight, institutes.city)
    # without regard to travel only platforms and chain leaders' programmes show institutes; else nobody is found in the table
    wide = platform.any() or values.bottleneck_focus.any()
    wide_institute_cum = cumulative_products(visible, weight, institutes.city) if wide else np.zeros_like(institute_cum)
    return Search(
        bay.places.slot, bay.places.start, bay.places.size, cumulative_products(near * other, mass.T),
        cumulative_products(visible, mass.T), cumulative_products(count, related), institute_cum, wide_institute_cum, mass,
        travel_log, barrier, platform,
        values.alliance_sharing, values.joint_fund_chance, bay.network.alliance_member, bay.network.alliance_count,
        np.concatenate((institutes.alliances, firms.alliances)), np.concatenate((institutes.past, firms.past)), park,
        *introduce(bay, nodes, bay.network.consortium_node, institute_cum, wide_institute_cum),
    )


def look(bay, nodes, adjacency) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What every looking actor proposes: ``target`` (N, CHOICES) node or -1, best first, the receivers' utilities ``theirs``
    (N, CHOICES), and the expected matches between places (P, P)."""
    keys = Keys(*(bay.streams.key(name, bay.quarter) for name in ("seek", "candidate", "tie_utility", "alliance", "rounding")))
    n = nodes.alive.size
    target, mine, theirs = np.full((n, CHOICES), -1, np.int64), np.zeros((n, CHOICES)), np.zeros((n, CHOICES))
    expected = np.zeros((len(bay.region.place_ids),) * 2)
    seen, origin = np.empty(SEEN, np.int64), np.empty(SEEN, np.int64)
    seek(nodes, search_tables(bay, nodes), adjacency, bay.institutes.capacity, keys, bay.parameters.partnering, seen, origin, np.empty(n),
         np.zeros(n, np.int64), target, mine, theirs, expected)
    return target, theirs, expected


def nobody_looks(bay, nodes, adjacency) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Off: nobody looks for partners; ties run out."""
    places, n = len(bay.region.place_ids), nodes.alive.size
    return np.full((n, CHOICES), -1, np.int64), np.zeros((n, CHOICES)), np.zeros((places, places))


def accept(bay, target: np.ndarray, theirs: np.ndarray, quota: np.ndarray) -> np.ndarray:
    """Accepted partner of every proposer or -1 (N,), by deferred acceptance; arguments as in ``deferred_acceptance``."""
    chosen = np.empty(quota.size, np.int64)
    deferred_acceptance(target, theirs, quota, chosen)
    return chosen


def accept_everyone(bay, target: np.ndarray, theirs: np.ndarray, quota: np.ndarray) -> np.ndarray:
    """Off: every first choice is granted, whatever places there are."""
    return target[:, 0].copy()


def find_partners(bay) -> None:
    """Ties end, actors look, pairs agree."""
    p, ties, quarter = bay.parameters.partnering, bay.ties, bay.quarter
    over = np.flatnonzero((ties.alive == 1) & (ties.end <= quarter))
    ties.clear(over)
    update_degrees(ties, bay.institutes, bay.firms)
    see_network(bay)
    nodes = bay.network.nodes
    bay.network.consortium_node = consortium_members(bay, nodes)
    n = nodes.alive.size
    target, theirs, expected = bay.mechanisms.partner_search(bay, nodes, bay.network.adjacency)
    quota = np.ones(n, np.int64)
    # a place not taken is kept for the next who asks, so that the parts of a place that a small scale leaves add up
    count, places = bay.institutes.capacity, p.institute_ties * bay.institutes.researchers * bay.scale * further_places(bay)
    bay.institutes.tie_places[:] = np.minimum(bay.institutes.tie_places, 1.0) + places
    quota[:count] = np.floor(bay.institutes.tie_places)
    chosen = bay.mechanisms.partner_acceptance(bay, target, theirs, quota)
    taken = chosen[(chosen >= 0) & (chosen < count)]
    bay.institutes.tie_places[:] -= np.bincount(taken, minlength=count)
    make_ties(bay, nodes, np.flatnonzero(chosen >= 0), chosen)
    update_degrees(ties, bay.institutes, bay.firms)
    see_ties(bay)
    bay.tally.matrix("expected_ties")[:] += expected


@kernel
def _identities(ids, a, b, out):
    for k in range(a.shape[0]):
        out[k] = pair_identity(ids[a[k]], ids[b[k]])


def make_ties(bay, nodes, seekers: np.ndarray, chosen: np.ndarray) -> None:
    """Write new ties: both orders of the same pair make one tie; weight is that of the thinned side."""
    n = nodes.alive.size
    if seekers.size == 0:
        return
    pairs = np.sort(np.minimum(seekers, chosen[seekers]) * n + np.maximum(seekers, chosen[seekers]))
    pairs = pairs[np.concatenate(([True], pairs[1:] != pairs[:-1]))]
    a, b = pairs // n, pairs % n
    ties, quarter = bay.ties, bay.quarter
    identity = np.empty(a.size, np.uint64)
    _identities(nodes.id, a, b, identity)
    firms = nodes.is_firm[a].astype(int) + nodes.is_firm[b]
    one_leader = (nodes.kind[a] == LEADER) != (nodes.kind[b] == LEADER)
    between = np.where(one_leader, np.maximum(nodes.weight[a], nodes.weight[b]), 0.5 * (nodes.weight[a] + nodes.weight[b]))
    weight = np.where(firms == 2, between, np.where(firms == 1, nodes.weight[b], 1.0))
    life = bay.parameters.partnering.tie_life
    draw = bay.streams.uniforms("tie_life", quarter, identity)
    rows = ties.free_rows(a.size)
    ties.alive[rows] = 1
    ties.id[rows] = identity
    ties.a[rows], ties.b[rows] = a, b
    ties.type[rows] = 2 - firms
    ties.start[rows] = quarter
    ties.end[rows] = quarter + np.maximum(1, np.ceil(np.log(draw) / np.log1p(-1.0 / max(life, 1.0 + 1e-9)))).astype(int)
    ties.weight[rows] = weight
    ties.explore[rows] = firms < 2
    bits = np.concatenate((bay.institutes.alliances, bay.firms.alliances))
    used = bay.streams.uniforms("alliance", quarter, identity, 9) < bay.values.alliance_sharing[nodes.city[a]]
    ties.shared[rows] = ((bits[a] & bits[b]) > 0) & used
    if bay.network.consortium_node.any():
        used = bay.streams.uniforms("introduction", quarter, identity) < bay.parameters.partnering.consortium_used
        ties.shared[rows] |= ((bay.network.consortium_node[a] & bay.network.consortium_node[b]) > 0) & used
    for one, two in ((a, b), (b, a)):
        remember(bay, one, two)


def remember(bay, nodes: np.ndarray, partners: np.ndarray) -> None:
    """Put a partner at the head of the short memory of past partners (nodes occur once or more)."""
    count = bay.institutes.capacity
    for table, mask, shift in ((bay.institutes, nodes < count, 0), (bay.firms, nodes >= count, count)):
        rows, new = nodes[mask] - shift, partners[mask]
        _remember(table.past, rows, new)


@kernel
def _remember(past, rows, partners):
    for k in range(rows.shape[0]):
        r = rows[k]
        known = False
        for m in range(past.shape[1]):
            known = known or past[r, m] == partners[k]
        if not known:
            for m in range(past.shape[1] - 1, 0, -1):
                past[r, m] = past[r, m - 1]
            past[r, 0] = partners[k]
