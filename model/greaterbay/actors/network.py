"""The collaboration network: firms and institutes as nodes, ties as edges.

Nodes are numbered with institutes first, then firms: node = institute row, or ``institutes + firm row``.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from greaterbay.kernels import inlined, kernel

PER_FIELD = 4  # capabilities of a field, from basic to process

NodeView = namedtuple(
    "NodeView", ["alive", "is_firm", "city", "field", "kind", "weight", "mass", "chain", "profile", "degree", "size", "id"]
)
VisibleInstitutes = namedtuple("VisibleInstitutes", ["city", "main_field", "staff", "degree", "id", "capability"])
VisibleFirms = namedtuple("VisibleFirms", [
    "alive", "city", "field", "kind", "weight", "staff", "chain", "degree", "id", "capability",
])
TieEnds = namedtuple("TieEnds", ["a", "b", "weight"])
Adjacency = namedtuple("Adjacency", ["offset", "neighbour", "tie"])


@inlined
def profile_of(levels, relatedness, out):
    """Relatedness-smoothed capability profile, one number per field, of length one.

    ``levels`` (K,), ``relatedness`` (F, F) of g and f (symmetric), ``out`` (F,): with q_f the mean level of a field,
    s_f = sum_g R(g, f) q_g and out = s / |s|. The cognitive distance of two actors is one minus the
    product of their profiles (one minus the cosine).
    """
    fields = relatedness.shape[0]
    norm = 0.0
    for f in range(fields):
        out[f] = 0.0
    for g in range(fields):
        mean = 0.25 * (levels[4 * g] + levels[4 * g + 1] + levels[4 * g + 2] + levels[4 * g + 3])
        for f in range(fields):
            out[f] += relatedness[g, f] * mean
    for f in range(fields):
        norm += out[f] * out[f]
    if norm > 0.0:
        norm = 1.0 / np.sqrt(norm)
        for f in range(fields):
            out[f] *= norm


@kernel
def _own_levels(capability, field, rows, out):
    for k in range(rows.shape[0]):
        r, c = rows[k], 4 * field[rows[k]]
        out[k] = (capability[r, c] + capability[r, c + 1] + capability[r, c + 2] + capability[r, c + 3]) * np.float32(0.25)


def own_levels(firms, rows: np.ndarray) -> np.ndarray:
    """Mean level of the four capabilities of a firm's own field (rows,)."""
    out = np.empty(rows.size, np.float32)
    _own_levels(firms.capability, firms.field, rows, out)
    return out


@kernel
def _profiles(capability, rows, relatedness, out):
    for k in range(rows.shape[0]):
        profile_of(capability[rows[k]], relatedness, out[k])


def profiles(firms, rows: np.ndarray, relatedness: np.ndarray) -> np.ndarray:
    """Profiles of some firms (rows, F)."""
    out = np.empty((rows.size, relatedness.shape[0]), np.float32)
    _profiles(firms.capability, rows, relatedness, out)
    return out


@inlined
def cognitive_distance(profile, a, b):
    """One minus the cosine of two nodes' profiles, in [0, 1]."""
    dot = 0.0
    for f in range(profile.shape[1]):
        dot += profile[a, f] * profile[b, f]
    return min(1.0, max(0.0, 1.0 - dot))


@kernel
def _fill_nodes(institutes, firms, relatedness, nodes):
    count = institutes.city.shape[0]
    for i in range(count):
        nodes.alive[i] = 1
        nodes.is_firm[i] = 0
        nodes.city[i] = institutes.city[i]
        nodes.field[i] = institutes.main_field[i]
        nodes.kind[i] = 3
        nodes.weight[i] = 1.0
        nodes.size[i] = institutes.staff[i]
        nodes.mass[i] = np.log1p(institutes.staff[i])
        nodes.chain[i] = 0.0
        nodes.degree[i] = institutes.degree[i]
        nodes.id[i] = institutes.id[i]
        profile_of(institutes.capability[i], relatedness, nodes.profile[i])
    for r in range(firms.city.shape[0]):
        n = count + r
        nodes.alive[n] = firms.alive[r]
        if firms.alive[r] == 0:
            continue
        nodes.is_firm[n] = 1
        nodes.city[n] = firms.city[r]
        nodes.field[n] = firms.field[r]
        nodes.kind[n] = firms.kind[r]
        nodes.weight[n] = firms.weight[r]
        nodes.size[n] = firms.staff[r] / firms.weight[r]
        nodes.mass[n] = np.log1p(nodes.size[n])
        nodes.chain[n] = firms.chain[r]
        nodes.degree[n] = firms.degree[r]
        nodes.id[n] = firms.id[r]
        profile_of(firms.capability[r], relatedness, nodes.profile[n])


@kernel
def _adjacency(rows, a, b, place, offset, neighbour, tie):
    for t in rows:
        offset[a[t] + 1] += 1
        offset[b[t] + 1] += 1
    for n in range(place.shape[0]):
        place[n] = offset[n]
        offset[n + 1] += offset[n]
    for t in rows:
        one, two = a[t], b[t]
        neighbour[place[one]] = two
        tie[place[one]] = t
        place[one] += 1
        neighbour[place[two]] = one
        tie[place[two]] = t
        place[two] += 1


def nodes_of(institutes, firms, relatedness: np.ndarray) -> NodeView:
    """What a stranger can see of every node; sizes and degrees are those of one real actor."""
    n, fields = institutes.capacity + firms.capacity, relatedness.shape[0]
    nodes = NodeView(
        np.zeros(n, np.int8), np.zeros(n, np.int8), np.full(n, -1, np.int8), np.full(n, -1, np.int8), np.zeros(n, np.int8),
        np.zeros(n), np.zeros(n, np.float32), np.zeros(n, np.float32), np.zeros((n, fields), np.float32),
        np.zeros(n, np.float32), np.zeros(n), np.zeros(n, np.uint64),
    )
    _fill_nodes(institutes.part(VisibleInstitutes), firms.part(VisibleFirms), relatedness, nodes)
    return nodes


def adjacency_of(ties, nodes: int) -> Adjacency:
    """Neighbours of every node in compressed rows: ``neighbour[offset[n]:offset[n + 1]]``."""
    rows = ties.alive_rows()
    offset, neighbour, tie = np.zeros(nodes + 1, np.int64), np.empty(2 * rows.size, np.int64), np.empty(2 * rows.size, np.int64)
    _adjacency(rows, ties.a, ties.b, np.empty(nodes, np.int64), offset, neighbour, tie)
    return Adjacency(offset, neighbour, tie)


@kernel
def _degrees(rows, ties, institutes, firm_weight, degree):
    for t in rows:
        for node in (ties.a[t], ties.b[t]):
            degree[node] += ties.weight[t] / (1.0 if node < institutes else max(firm_weight[node - institutes], 1e-12))


def update_degrees(ties, institutes, firms) -> None:
    """Number of ties of one real actor: weighted ties over the weight of the row."""
    degree = np.zeros(institutes.capacity + firms.capacity)
    _degrees(ties.alive_rows(), ties.part(TieEnds), institutes.capacity, firms.weight, degree)
    institutes.degree[:] = degree[: institutes.capacity]
    firms.degree[:] = degree[institutes.capacity:]


def node_city(bay) -> np.ndarray:
    """City of every node (N,)."""
    return np.concatenate((bay.institutes.city, bay.firms.city))


def city_of_node(bay, nodes: np.ndarray) -> np.ndarray:
    """City of institutes and firms given as nodes."""
    return node_city(bay).astype(np.int64)[nodes]


def kind_of_node(bay, nodes: np.ndarray) -> np.ndarray:
    """Kind of actor: start-up, small, leader, institute (3)."""
    both = np.concatenate((np.full(bay.institutes.capacity, 3), bay.firms.kind)).astype(np.int64)
    return both[nodes]


def alive_node(bay) -> np.ndarray:
    """Is a node in use (N,)?"""
    return np.concatenate((bay.institutes.alive, bay.firms.alive))


def see_network(bay) -> None:
    """What actors see of each other from here on: nodes (profiles, sizes, degrees) and who is tied to whom."""
    network = bay.network
    network.nodes = nodes_of(bay.institutes, bay.firms, bay.region.relatedness_field)
    network.adjacency = adjacency_of(bay.ties, network.nodes.alive.size)


def see_ties(bay) -> None:
    """Ties have changed: neighbours and degrees anew, the rest as it was seen."""
    count, network = bay.institutes.capacity, bay.network
    network.adjacency = adjacency_of(bay.ties, count + bay.firms.capacity)
    seen = network.nodes.degree.size - count  # the table of firms may have grown since
    network.nodes.degree[:count], network.nodes.degree[count:] = bay.institutes.degree, bay.firms.degree[:seen]


def end_ties(bay, ended: np.ndarray) -> None:
    """End all ties of the marked nodes (N,)."""
    ties = bay.ties
    gone = ties.alive_rows()
    ties.clear(gone[ended[ties.a[gone]] | ended[ties.b[gone]]])
