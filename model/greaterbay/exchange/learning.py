"""Phase 4. Knowledge is made and shared.

*Access and learning on a tie.* While a tie lasts, a partner's level counts for ``access`` of it
(only what the border lets through, and between alliance members only if the membership is used). What
stays is learned in or next to the own field, up to ``reach`` of the partner's level, at the speed

    dL_k = alpha * absorption * N(D) Q(D) * max(0, reach * L_k(partner) - L_k) * (1 - L_k)
    N(D) Q(D) = 4 (D / 2 D*) (1 - D / 2 D*)      [novelty times understanding, one at the best distance D*]

with D* further out for exploratory projects (Nooteboom et al. 2007). Between two firms the exchange is
barter: both sides' totals are cut to the smaller one (Cowan & Jonard 2004); work with an institute, and between members
of one alliance who really use it, gives without return.

*Absorptive capacity* of a firm follows its own research (Cohen & Levinthal 1990), slowly and with saturation:

    B <- B + absorptive_speed * (B_0 + absorptive_response * (x - 1) / (x + 1) - B)

with B_0 a trait of the firm and x its research intensity, relative to ``absorptive_reference``, times the skill of its
staff. That of institutes does not change: research is all they do, so they stand at the flat end of the curve.

*Spillovers* between city-field pools: S(c, f) = sum_{c', f'} exp(-d / d0) (1 - border * b) R(f, f') K(c', f'),
relative to the bay's mean (Bottazzi & Peri 2003). Where laboratories diffuse their results (share v_c of the city's firms),
state laboratories' part of K loses less by distance: exp(-d / d0) + v_c (1 - exp(-d / d0)).

*Learning from laboratories.* There a firm without a tie to an institute learns basic and applied knowledge of its field,

    dL_k = v_c * radiation_speed * absorption * sum_{c'} w_c' (1 - border * b) max(0, L_k(c') - L_k) * (1 - L_k),

with L(c') the level of the state laboratories of a city in the field and w_c' their share of all its staff in them; what is
written down to be diffused can be learned whole.

*Levels* lie in [0, 1] relative to a moving outside frontier: gains are proportional to (1 - L), losses to L
(depreciation, faster when unused, plus the frontier's movement), so levels neither explode nor die out.

*Inventions* of a real firm in a quarter (knowledge production function; counts negative binomial):

    lambda = rate * (RD / RD_ref)**a * (H / H_ref)**b * exp(m ln(1 + x)) * S**d * (A / A_ref)**k

with x = ties / (1 + H / 100), where A is the geometric mean of the four capabilities of the field (complements) with partners' and the
basic pool's access. Quality is Pareto-tailed and rises with access to basic knowledge. An invention
raises the weakest capability of its field (recombination renews variety).
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from greaterbay.actors.columns import add_rows, sums_by_cell
from greaterbay.actors.firm import LEADER
from greaterbay.actors.invention import FIRM_INSTITUTE, LABORATORY, invention_ids
from greaterbay.actors.network import Adjacency, cognitive_distance, own_levels
from greaterbay.actors.population import absorptive_base
from greaterbay.kernels import inlined, kernel
from greaterbay.streams import negative_binomial, uniform

Partners = namedtuple("Partners", ["alive", "a", "b", "type", "explore", "shared"])
Knowing = namedtuple("Knowing", ["city", "staff", "field_weight", "capability"])
NewInventions = namedtuple("NewInventions", [
    "alive", "id", "field", "city", "owner", "partner", "share", "developer", "weight", "quality", "birth", "entered", "stage",
])


@inlined
def novelty_times_understanding(distance, optimum):
    """N(D) Q(D), an inverted U that is one at ``optimum`` and zero at 0 and from twice the optimum on."""
    z = distance / (2.0 * optimum)
    return max(0.0, 4.0 * z * (1.0 - z))


@kernel
def barter(one, two):
    """Volume that both sides of an unpaid exchange give: the smaller of the two (Cowan & Jonard 2004)."""
    return min(one, two)


def fields_near(related: np.ndarray, p) -> np.ndarray:
    """For each field how many fields are learned in, then these in order: its own and those next to it (F, F + 1)."""
    far = (related < p.neighbour_field) & ~np.eye(related.shape[0], dtype=bool)
    return np.column_stack(((~far).sum(axis=1), np.argsort(far, axis=1, kind="stable")))


@inlined
def _gain_side(levels, learner, teacher, field, near, rate, p, gain):
    """Fill ``gain`` (K,) in the own field and those next to it with what the learner could learn; return the total."""
    total = 0.0
    for n in range(1, near[field, 0] + 1):
        f = near[field, n]
        for k in range(4 * f, 4 * f + 4):
            gap = p.reach * levels[teacher, k] - levels[learner, k]
            gain[k] = rate * (gap if gap > 0.0 else 0.0) * (1.0 - levels[learner, k])
            total += gain[k]
    return total


@inlined
def _add_side(change, learner, field, near, cut, gain):
    """Add the cut ``gain`` (K,) to the learner's ``change`` in the own field and those next to it."""
    for n in range(1, near[field, 0] + 1):
        f = near[field, n]
        for k in range(4 * f, 4 * f + 4):
            change[learner, k] += cut * gain[k]


@inlined
def trade(levels, a, b, field_a, field_b, rate_a, rate_b, unpaid, near, p, one, two):
    """What the two sides of a tie could learn from each other, and the share of it that they do.

    ``one`` and ``two`` (K,) become what a and b could learn at the rates ``rate_a`` and ``rate_b``; returned are the totals
    of both and the shares that barter leaves of them (all of it where the work is paid or shared). ``near`` as in ``fields_near``.
    """
    total_a = _gain_side(levels, a, b, field_a, near, rate_a, p, one)
    total_b = _gain_side(levels, b, a, field_b, near, rate_b, p, two)
    cut_a = cut_b = 1.0
    if unpaid:
        volume = barter(total_a, total_b)
        cut_a = volume / total_a if total_a > 0.0 else 0.0
        cut_b = volume / total_b if total_b > 0.0 else 0.0
    return total_a, total_b, cut_a, cut_b


@inlined
def tie_speed(nodes, ties, t, p):
    """Speed of learning on a tie before absorptive capacity: alpha N(D) Q(D)."""
    distance = cognitive_distance(nodes.profile, ties.a[t], ties.b[t])
    best = p.novelty_optimum_explore if ties.explore[t] else p.novelty_optimum
    return p.alpha * novelty_times_understanding(distance, best)


@kernel
def learn_on_ties(rows, ties, nodes, levels, absorptive, near, core_city, p, one, two, change, learned, learned_core):
    """Permanent learning of both sides of every tie (old levels read, ``change`` (N, K) written; ``one``, ``two`` (K,) room)."""
    for t in rows:
        a, b = ties.a[t], ties.b[t]
        speed = tie_speed(nodes, ties, t, p)
        total_a, total_b, cut_a, cut_b = trade(levels, a, b, nodes.field[a], nodes.field[b], speed * absorptive[a], speed * absorptive[b],
                                               ties.type[t] == 0 and ties.shared[t] == 0, near, p, one, two)
        if cut_a * total_a > 0.0:
            _add_side(change, a, nodes.field[a], near, cut_a, one)
        if cut_b * total_b > 0.0:
            _add_side(change, b, nodes.field[b], near, cut_b, two)
        learned[a] += cut_a * total_a
        learned[b] += cut_b * total_b
        if core_city[nodes.city[b]]:
            learned_core[a] += cut_a * total_a
        if core_city[nodes.city[a]]:
            learned_core[b] += cut_b * total_b


@kernel
def access_of(nodes, adjacency, levels, basic_pool, barrier, access_share, spillover_border, members, out):
    """Effective capability of every node in its field, geometric mean of the four levels (shape (N,)).

    Own level, or ``access_share`` of a partner's level less what the border keeps, or for the basic capability the
    pool of institutes in reach: whichever is highest. ``members`` (N,) adds the level an alliance member may use.
    """
    for i in range(nodes.alive.shape[0]):
        out[i] = 0.0
        if nodes.alive[i] == 0:
            continue
        city, f, least = nodes.city[i], nodes.field[i], max(members[i], 1e-6)
        basic, applied = max(float(levels[i, 4 * f]), basic_pool[city, f], least), max(float(levels[i, 4 * f + 1]), least)
        design, process = max(float(levels[i, 4 * f + 2]), least), max(float(levels[i, 4 * f + 3]), least)
        for e in range(adjacency.offset[i], adjacency.offset[i + 1]):
            j = adjacency.neighbour[e]
            through = access_share * max(0.0, 1.0 - spillover_border * barrier[city, nodes.city[j]])
            basic, applied = max(basic, through * levels[j, 4 * f]), max(applied, through * levels[j, 4 * f + 1])
            design, process = max(design, through * levels[j, 4 * f + 2]), max(process, through * levels[j, 4 * f + 3])
        out[i] = (basic * applied * design * process) ** 0.25


@inlined
def recombine(levels, field, count, gain):
    """Each of ``count`` inventions (at most five) raises the weakest capability of the inventor's field by ``gain`` times
    (1 - level); ``levels`` (K,) of one actor are written."""
    weakest = 4 * field
    for k in range(1, 4):
        if levels[4 * field + k] < levels[weakest]:
            weakest = 4 * field + k
    for _ in range(min(count, 5)):
        levels[weakest] += gain * (1.0 - levels[weakest])


@kernel
def develop(nodes, levels, change, effort, spill, research_share, related, counts, weights, rate, loss, row, p):
    """Own research, learning on ties, spillovers and losses, then what inventions change; levels stay in [0, 1].

    ``levels`` (N, K) are written in place; learning ``change`` (N, K) closes at most half of the gap to one.

    ``effort`` (N,) research per head relative to the mean, ``spill`` (C, F) pool relative to its mean,
    ``research_share`` (N, F) share of effort on each field (firms: one on the own field); ``counts`` (N,) inventions
    and ``weights`` (N,) as in ``recombine``; ``rate``, ``loss`` and ``row`` (K,) room: a level is rounded only once.
    """
    fields = research_share.shape[1]
    for i in range(nodes.alive.shape[0]):
        if nodes.alive[i] == 0:
            continue
        firm = nodes.is_firm[i] == 1
        for f in range(fields):
            share = research_share[i, f]
            around = p.spillover * spill[nodes.city[i], f] * min(1.0, 2.0 * share)
            # spillovers reach related fields by the square of relatedness
            beside = p.spillover * related[nodes.field[i], f] ** 2 * spill[nodes.city[i], f]
            used = (share > 0.0) if firm else (share > 0.02)
            for k in range(4):
                rate[4 * f + k] = beside if firm else 0.0
                loss[4 * f + k] = (p.depreciation if used else p.depreciation_unused) + p.frontier
            for k in range(4 if share > 0.0 else 0):
                # firms are strong at the process end, institutes at the basic end
                tilt = 0.7 + 0.6 * (k / 3.0 if firm else 1.0 - k / 3.0)
                rate[4 * f + k] = p.own * tilt * effort[i] * min(1.0, 2.0 * share) + around
        for c in range(row.shape[0]):
            level = levels[i, c]
            gain = min(change[i, c], (1.0 - level) * 0.5) + rate[c] * (1.0 - level)
            now = level + gain - loss[c] * level
            row[c] = 0.0 if now < 0.0 else (1.0 if now > 1.0 else now)  # what is not a number stays for the books to find
        if counts[i] > 0:
            recombine(row, nodes.field[i], counts[i], p.recombine * weights[i])
        for c in range(row.shape[0]):
            levels[i, c] = row[c]


def invention_means(nodes, money, people, spill, access, real_scale, p, out) -> None:
    """Mean number of inventions of a quarter for every node (knowledge production function), filled in ``out`` (N,).

    ``money`` (N,) million CNY a quarter and ``people`` (N,) persons of one real actor; ``real_scale`` (N,) the
    share of real inventions that is simulated, times ``institute_rate`` for institutes.
    """
    _invention_means(nodes, money, people, spill, np.empty(spill.shape), access, real_scale, p, out)


@kernel
def _invention_means(nodes, money, people, spill, pool, access, real_scale, p, out):
    for c in range(spill.shape[0]):
        for f in range(spill.shape[1]):
            pool[c, f] = max(spill[c, f], 1e-6) ** p.spillover_elasticity
    for i in range(nodes.alive.shape[0]):
        out[i] = 0.0
        if nodes.alive[i] == 0 or money[i] <= 0.0 or people[i] <= 0.0:
            continue
        out[i] = (real_scale[i] * p.rate * (money[i] * 4.0 / p.rd_reference) ** p.rd_elasticity
                  * (people[i] / p.people_reference) ** p.people_elasticity
                  * math.exp(p.partner * math.log1p(nodes.degree[i] / (1.0 + people[i] / 100.0)))
                  * pool[nodes.city[i], nodes.field[i]] * (max(access[i], 1e-6) / p.capability_reference) ** p.capability_elasticity)


@kernel
def invention_counts(means, ids, key, size, out):
    """Counts by inversion of one uniform for each node."""
    for i in range(means.shape[0]):
        out[i] = negative_binomial(uniform(key, ids[i], 0), means[i], size)


def simulated_share(bay) -> np.ndarray:
    """Share of the real inventions of a row's actors that is simulated (N,): the scale for institutes and leaders, which
    are all there, one for thinned firms (their row already stands for several)."""
    return np.concatenate((np.full(bay.institutes.capacity, bay.scale), np.where(bay.firms.kind == LEADER, bay.scale, 1.0)))


@kernel
def _institute_sums(rows, institutes, mass, basic, stock):
    for n in range(rows.shape[0]):
        i = rows[n]
        c, levels = institutes.city[i], institutes.capability[i]
        for f in range(mass.shape[1]):
            weight = institutes.staff[i] * institutes.field_weight[i, f]
            mass[c, f] += weight
            basic[c, f] += weight * levels[4 * f]
            stock[c, f] += weight * ((levels[4 * f] + levels[4 * f + 1] + levels[4 * f + 2] + levels[4 * f + 3]) / np.float32(4.0))


def institute_sums(bay, rows: np.ndarray) -> np.ndarray:
    """Staff of some institutes by city and field, alone, times basic level, and times mean level of the field (3, C, F)."""
    out = np.zeros((3, len(bay.region.city_ids), len(bay.region.field_ids)))
    _institute_sums(rows, bay.institutes.part(Knowing), *out)
    return out


def spillover_pools(bay) -> np.ndarray:
    """Spillover pool of each city and field relative to the bay's mean at release (C, F)."""
    region, p, firms, institutes = bay.region, bay.parameters.learning, bay.firms, bay.institutes
    cities, fields = len(region.city_ids), len(region.field_ids)
    rows = firms.alive_rows()
    own = own_levels(firms, rows)
    stock = sums_by_cell(firms.city[rows], firms.field[rows], firms.staff[rows] * own, cities, fields)
    stock += institute_sums(bay, np.arange(institutes.capacity))[2]
    barrier = bay.values.barrier_technology[:cities, :cities]
    reach = np.exp(-region.distance_km / p.spillover_distance) * np.maximum(0.0, 1.0 - p.spillover_border * barrier)
    pool = reach @ stock @ region.relatedness_field
    if bay.values.radiation.any():
        by_city = institute_sums(bay, np.flatnonzero(region.institute_state_lab))[2]
        far = bay.values.radiation[:, None] * (1.0 - np.exp(-region.distance_km / p.spillover_distance))
        pool += far * np.maximum(0.0, 1.0 - p.spillover_border * barrier) @ by_city @ region.relatedness_field
    if bay.reference.spillover_reference is None:
        bay.reference.spillover_reference = float(pool.mean())
    return np.minimum(pool / bay.reference.spillover_reference, 4.0)


def basic_pools(bay) -> np.ndarray:
    """Basic-knowledge level in reach of each city and field (C, F): institutes' basic capability, weighted by
    researchers and nearness, times the share of all such knowledge that distance and the border let through."""
    region, p, institutes = bay.region, bay.parameters.learning, bay.institutes
    cities = len(region.city_ids)
    mass, knowledge, _ = institute_sums(bay, np.arange(institutes.capacity))
    near = np.exp(-region.distance_km / p.spillover_distance)
    barrier = bay.values.barrier_technology[:cities, :cities]
    open_share = np.maximum(0.0, 1.0 - p.spillover_border * barrier)
    reach = near * open_share
    return (reach @ knowledge) / np.maximum(near @ mass, 1e-9) * p.access


def learn_from_laboratories(bay, levels, change, learned, learned_core) -> None:
    """Diffusion of state laboratories' results to firms without a tie to an institute, added to ``change`` (N, K),
    ``learned`` and ``learned_core`` (N,)."""
    region, p, firms, institutes = bay.region, bay.parameters.learning, bay.firms, bay.institutes
    value, count, fields = bay.values.radiation, institutes.capacity, len(region.field_ids)
    cities = len(region.city_ids)
    labs = np.flatnonzero(region.institute_state_lab)
    weight = institutes.staff[labs, None] * institutes.field_weight[labs]  # (labs, F)
    mass, knowledge = np.zeros((cities, fields)), np.zeros((cities, fields, 2))
    add_rows(mass, institutes.city[labs], weight)
    level = institutes.capability[labs].reshape(labs.size, fields, 4)[:, :, :2].astype(float)
    np.add.at(knowledge, institutes.city[labs], weight[:, :, None] * level)
    share = mass / np.maximum(mass.sum(axis=0), 1e-12)
    level = knowledge / np.maximum(mass, 1e-12)[:, :, None]
    through = np.maximum(0.0, 1.0 - p.spillover_border * bay.values.barrier_technology[:cities, :cities])
    ties, tied = bay.ties, np.zeros(levels.shape[0], bool)
    tied[ties.b[(ties.alive == 1) & (ties.type == FIRM_INSTITUTE)]] = True
    rows = firms.alive_rows()
    rows = rows[(value[firms.city[rows]] > 0.0) & ~tied[count + rows]]
    city, field = firms.city[rows], firms.field[rows].astype(np.int64)
    speed = value[city] * p.radiation_speed * firms.absorptive[rows]
    for k in range(2):
        own = levels[count + rows, 4 * field + k].astype(float)
        for there in np.unique(institutes.city[labs]):
            gap = np.maximum(0.0, level[there, field, k] - own)
            gain = speed * share[there, field] * through[city, there] * gap * (1.0 - own)
            change[count + rows, 4 * field + k] += gain
            learned[count + rows] += gain
            learned_core[count + rows] += gain * region.core_city[there]


def levels_of(bay) -> np.ndarray:
    """Capability levels of all nodes (N, K), a copy."""
    return np.concatenate((bay.institutes.capability, bay.firms.capability))


def learn_from_partners(bay, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Permanent learning on ties: changes of levels (N, K), what each node learned in all and from core cities (N,)."""
    p, nodes = bay.parameters.learning, bay.network.nodes
    n = nodes.alive.size
    absorptive = np.concatenate((np.full(bay.institutes.capacity, p.institute_absorptive), bay.firms.absorptive.astype(float)))
    change, learned, learned_core = np.zeros(levels.shape), np.zeros(n), np.zeros(n)
    learn_on_ties(bay.ties.alive_rows(), bay.ties.part(Partners), nodes, levels, absorptive, fields_near(bay.region.relatedness_field, p),
                  bay.region.core_city, p, np.empty(levels.shape[1]), np.empty(levels.shape[1]), change, learned, learned_core)
    return change, learned, learned_core


def learn_nothing(bay, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Off: a tie teaches nothing that stays."""
    return np.zeros(levels.shape), np.zeros(levels.shape[0]), np.zeros(levels.shape[0])


def effective_levels(bay, levels: np.ndarray, basic: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Effective capability of every node in its field (N,) with what partners give access to; see ``access_of``."""
    return _effective(bay, levels, basic, members, bay.network.adjacency)


def own_levels_only(bay, levels: np.ndarray, basic: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Off: partners' levels do not count while a tie lasts; the basic pool and memberships still do."""
    n = levels.shape[0]
    return _effective(bay, levels, basic, members, Adjacency(np.zeros(n + 1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)))


def _effective(bay, levels, basic, members, adjacency) -> np.ndarray:
    p, cities, access = bay.parameters.learning, len(bay.region.city_ids), np.zeros(levels.shape[0])
    access_of(bay.network.nodes, adjacency, levels, basic, bay.values.barrier_technology[:cities, :cities], p.access, p.spillover_border,
              members, access)
    return access


def no_members(bay, levels: np.ndarray) -> np.ndarray:
    """Off: memberships give access to nothing."""
    return np.zeros(levels.shape[0])


def spillovers(bay) -> tuple[np.ndarray, np.ndarray]:
    """Spillover pool as it is learned from, and as it raises inventions (C, F each), relative to the bay's mean at release."""
    pool = spillover_pools(bay)
    return pool, pool


def no_spillovers(bay) -> tuple[np.ndarray, np.ndarray]:
    """Off: nothing is learned from the pools, and inventions come as at the mean pool."""
    shape = len(bay.region.city_ids), len(bay.region.field_ids)
    return np.zeros(shape), np.ones(shape)


def science(bay) -> tuple[np.ndarray, np.ndarray]:
    """Basic-knowledge level in reach, and the same relative to 2020 as it raises quality (C, F each)."""
    basic, reference = basic_pools(bay), bay.reference.basic_reference
    # without any access there is no pool to be above or below
    return basic, np.maximum(basic, 0.02) / reference if reference > 0.0 else np.ones(basic.shape)


def no_science(bay) -> tuple[np.ndarray, np.ndarray]:
    """Off: no basic knowledge but one's own; quality as at the mean of 2020."""
    shape = len(bay.region.city_ids), len(bay.region.field_ids)
    return np.zeros(shape), np.ones(shape)


def mean_inventions(bay, money: np.ndarray, people: np.ndarray, pool: np.ndarray, access: np.ndarray) -> np.ndarray:
    """Mean number of simulated inventions of every node this quarter (N,): the knowledge production function.

    ``money`` (N,) million CNY a quarter and ``people`` (N,) of one real actor, ``pool`` (C, F), ``access`` (N,) effective capability.
    """
    q, nodes, means = bay.parameters.invention, bay.network.nodes, np.zeros(money.size)
    real = simulated_share(bay) * np.where(np.arange(money.size) < bay.institutes.capacity, q.institute_rate, 1.0)
    invention_means(nodes._replace(degree=even_degrees(bay, nodes)), money, people, pool, access, real, q, means)
    return means


def no_inventions(bay, money: np.ndarray, people: np.ndarray, pool: np.ndarray, access: np.ndarray) -> np.ndarray:
    """Off: nobody invents."""
    return np.zeros(money.size)


def research_effort(bay, money: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Research per head relative to the mean of 2020, with falling returns, as it raises own levels (N,)."""
    per_head = money / np.maximum(people, 1e-9)
    return np.minimum(2.0, np.sqrt(np.maximum(0.0, per_head / bay.reference.effort_reference)))


def no_effort(bay, money: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Off: own research does not raise one's levels."""
    return np.zeros(money.size)


def recombinations(bay, means: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Inventions of the quarter that renew their makers' capabilities (N,).

    Who is never thinned recombines with all its real inventions: their mean, rounded by a draw, not the few that are simulated.
    """
    whole = np.concatenate((np.ones(bay.institutes.capacity, bool), bay.firms.kind == LEADER))
    draw = bay.streams.uniforms("recombine", bay.quarter, bay.network.nodes.id, 3)
    return np.where(whole, np.floor(means / np.maximum(simulated_share(bay), 1e-12) + draw), counts).astype(np.int64)


def no_recombination(bay, means: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Off: inventions do not change what their makers can do."""
    return np.zeros(means.size, np.int64)


def fields_of_research(bay) -> np.ndarray:
    """Share of research on each field (N, F): of institutes over their fields, of firms on their own."""
    count, firms = bay.institutes.capacity, bay.firms
    share = np.zeros((count + firms.capacity, len(bay.region.field_ids)))
    share[:count] = bay.institutes.field_weight
    live = firms.alive_rows()
    share[count + live, firms.field[live]] = 1.0
    return share


def share_knowledge(bay) -> None:
    """Phase 4 in order: learning on ties, pools in reach, effective capability, inventions, new levels, absorptive capacity."""
    p, q, mechanisms = bay.parameters.learning, bay.parameters.invention, bay.mechanisms
    firms, institutes, nodes = bay.firms, bay.institutes, bay.network.nodes
    count = institutes.capacity
    levels = levels_of(bay)
    change, learned, learned_core = mechanisms.learning_on_ties(bay, levels)
    if bay.values.radiation.any():
        learn_from_laboratories(bay, levels, change, learned, learned_core)

    spill, pool = mechanisms.spillovers(bay)
    basic, known = mechanisms.science_pool(bay)
    access = mechanisms.access(bay, levels, basic, mechanisms.alliance_use(bay, levels))
    people = np.concatenate((institutes.staff, firms.staff / np.maximum(firms.weight, 1e-12)))
    money = np.concatenate((institutes.rd_paid, firms.rd_paid + firms.rd_granted))
    means, counts = mechanisms.invention(bay, money, people, pool, access), np.zeros(levels.shape[0], np.int64)
    invention_counts(means, nodes.id, bay.streams.key("invention", bay.quarter), q.dispersion, counts)

    weight = np.concatenate((np.full(count, 0.2), np.ones(firms.capacity)))
    rate, loss, row = np.empty((3, levels.shape[1]))
    develop(nodes, levels, change, mechanisms.own_research(bay, money, people), spill, fields_of_research(bay),
            bay.region.relatedness_field, mechanisms.recombination(bay, means, counts), weight, rate, loss, row, p)
    institutes.capability[:] = levels[:count]
    firms.capability[:] = levels[count:]
    firms.access[:], institutes.access[:] = access[count:], access[:count]
    firms.learned[:], firms.learned_core[:] = learned[count:], learned_core[count:]
    institutes.inventions[:], firms.inventions[:] = counts[:count], counts[count:]
    make_inventions(bay, nodes, counts, known)
    build_absorption(bay)
    live = firms.alive_rows()
    city, weight = firms.city[live], firms.weight[live]
    bay.tally.add("learning", city, firms.learned[live] * weight)
    bay.tally.add("learning_from_core", city, firms.learned_core[live] * weight)


def even_degrees(bay, nodes) -> np.ndarray:
    """Ties of every node (N,), those of institutes without the lumps of 1 / scale in which they come.

    A part 1 - scale of an institute's ties is taken from what the institutes of its city have together, by 1 + staff / 100.
    """
    institutes, scale = bay.institutes, bay.scale
    size = 1.0 + institutes.staff / 100.0
    cities = len(bay.region.city_ids)
    per_size = np.bincount(institutes.city, weights=institutes.degree, minlength=cities) / np.maximum(
        np.bincount(institutes.city, weights=size, minlength=cities), 1e-12)
    degree = nodes.degree.copy()
    degree[: institutes.capacity] = scale * institutes.degree + (1.0 - scale) * per_size[institutes.city] * size
    return degree


def absorption_target(base, intensity, skill, p):
    """Absorptive capacity that research of this intensity (share of sales) and staff of this skill lead to, in [0, 1]."""
    x = intensity * skill / p.absorptive_reference
    return np.clip(base + p.absorptive_response * (x - 1.0) / (x + 1.0), 0.0, 1.0)


def absorption_of_research(bay, rows: np.ndarray) -> np.ndarray:
    """Absorptive capacity that a firm's research and staff of this quarter lead to (n,)."""
    firms, p = bay.firms, bay.parameters.learning
    skill = np.where(firms.staff[rows] > 0.0, firms.skill[rows] / np.maximum(firms.staff[rows], 1e-12), 1.0)
    intensity = (firms.rd_paid[rows] + firms.rd_granted[rows]) / np.maximum(firms.sales[rows], 1e-12)
    return absorption_target(absorptive_base(bay, firms.id[rows]), intensity, skill, p)


def absorption_as_born(bay, rows: np.ndarray) -> np.ndarray:
    """Off: absorptive capacity returns to the firm's trait, whatever it spends on research."""
    return absorptive_base(bay, bay.firms.id[rows])


def build_absorption(bay) -> None:
    """Absorptive capacity moves a step towards its target."""
    firms, p = bay.firms, bay.parameters.learning
    rows = firms.alive_rows()
    target = bay.mechanisms.absorptive_capacity(bay, rows)
    firms.absorptive[rows] += (p.absorptive_speed * (target - firms.absorptive[rows])).astype(np.float32)


def member_levels(bay, levels: np.ndarray) -> np.ndarray:
    """Level that an alliance or consortium gives its members access to (N,): the best member's level in the field, times the
    share of memberships that is really used, times ``access``."""
    out = np.zeros(levels.shape[0])
    bits = np.concatenate((bay.institutes.alliances, bay.firms.alliances))
    city = np.concatenate((bay.institutes.city, bay.firms.city))
    own = np.concatenate((bay.institutes.main_field, bay.firms.field))
    sides = int(bay.world.side_city.max()) + 1  # one, unless the run is cut apart
    count = bay.network.alliance_count.size
    best, members = np.zeros((count, sides)), np.zeros((count, sides), np.int64)
    _share_levels(bits, city, own, bay.world.side_city, bay.values.alliance_sharing, levels, bay.parameters.learning.access, best,
                  members, out)
    consortium = bay.network.consortium_node
    for field in range(len(bay.region.field_ids) if consortium.any() else 0):
        everyone = np.flatnonzero((consortium >> np.uint64(field)) & np.uint64(1))
        for side in range(sides):
            members = everyone[bay.world.side_city[city[everyone]] == side]
            if members.size >= 2:
                best = levels[members, 4 * field: 4 * field + 4].astype(float).mean(axis=1).max()
                mine = members[own[members] == field]
                out[mine] = np.maximum(out[mine], bay.parameters.learning.access * best * bay.parameters.partnering.consortium_used)
    return out


@kernel
def _share_levels(bits, city, own, side_city, used, levels, access, best, members, out):
    """``best`` level and number of ``members`` of each alliance and side (A, S), and what members may use of it (N,)."""
    for i in range(bits.shape[0]):
        if bits[i] == 0:
            continue
        side, c = side_city[city[i]], 4 * np.int64(own[i])
        level = (float(levels[i, c]) + float(levels[i, c + 1]) + float(levels[i, c + 2]) + float(levels[i, c + 3])) / 4.0
        for alliance in range(best.shape[0]):
            if (bits[i] >> alliance) & 1:
                members[alliance, side] += 1
                best[alliance, side] = max(best[alliance, side], level)
    for i in range(bits.shape[0]):
        for alliance in range(best.shape[0] if bits[i] else 0):
            if (bits[i] >> alliance) & 1 and members[alliance, side_city[city[i]]] >= 2:
                out[i] = max(out[i], access * best[alliance, side_city[city[i]]] * used[city[i]])


def make_inventions(bay, nodes, counts: np.ndarray, known: np.ndarray) -> None:
    """Write the new inventions: field, quality, partner and owner. ``known`` (C, F) basic knowledge in reach relative to 2020."""
    q, inventions, quarter = bay.parameters.invention, bay.inventions, bay.quarter
    number = int(counts.sum())
    if number == 0:
        return
    makers, ordinal, identity = np.empty(number, np.int64), np.empty(number, np.int64), np.empty(number, np.uint64)
    _list_makers(counts, makers, ordinal)
    invention_ids(nodes.id[makers], quarter, ordinal, identity)
    rows = inventions.free_rows(makers.size)
    city, field = nodes.city[makers], nodes.field[makers]
    count = bay.institutes.capacity
    wide = makers < count
    draw_field = bay.streams.uniforms("recombine", quarter, identity)
    cumulative = np.cumsum(bay.institutes.field_weight[makers[wide]], axis=1)
    field = field.copy()
    field[wide] = (draw_field[wide, None] * cumulative[:, -1:] > cumulative).sum(axis=1)
    draw = bay.streams.uniforms("quality", quarter, identity)
    tail = np.minimum(1.0 / np.maximum(draw, 1e-4) ** (1.0 / q.quality_tail), 400.0) * (q.quality_tail - 1.0) / q.quality_tail
    ties = partner_of_invention(bay, makers, identity)
    weight = nodes.weight[makers] / simulated_share(bay)[makers]
    quality = tail * known[city, field]**q.quality_basic
    _write_inventions(inventions.part(NewInventions), rows, identity, field, city, makers, ties, weight, quality, count, quarter)
    bay.tally.add("inventions", city, weight)
    bay.tally.add("inventions_field", (city, field), weight)
    bay.tally.add("science_output", city[wide], weight[wide])


@kernel
def _list_makers(counts, makers, ordinal):
    n = 0
    for i in range(counts.shape[0]):
        for k in range(counts[i]):
            makers[n], ordinal[n] = i, k
            n += 1


@kernel
def _write_inventions(inventions, rows, identity, field, city, makers, partner, weight, quality, institutes, quarter):
    for n in range(rows.shape[0]):
        i = rows[n]
        inventions.alive[i], inventions.id[i], inventions.stage[i] = 1, identity[n], LABORATORY
        inventions.field[i], inventions.city[i] = field[n], city[n]
        inventions.owner[i], inventions.partner[i] = makers[n], partner[n]
        inventions.share[i] = 0.6 if partner[n] >= 0 else 1.0
        inventions.developer[i] = -1 if makers[n] < institutes else makers[n]
        inventions.weight[i], inventions.quality[i] = weight[n], quality[n]
        inventions.birth[i] = inventions.entered[i] = quarter


def partner_of_invention(bay, makers: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Partner with whom an invention was made: one of the maker's ties, drawn, or -1 (chance ties / (1 + ties))."""
    adjacency = bay.network.adjacency
    degree = adjacency.offset[makers + 1] - adjacency.offset[makers]
    draw = bay.streams.uniforms("member", bay.quarter, identity)
    at = np.floor(draw * (degree + 1)).astype(int)
    found = np.full(makers.size, -1, np.int64)
    with_partner = at < degree
    found[with_partner] = adjacency.neighbour[adjacency.offset[makers[with_partner]] + at[with_partner]]
    return found
