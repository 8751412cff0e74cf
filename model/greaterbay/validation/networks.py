"""Networks to compare with: rewired rings, and the same degrees with ends shuffled."""

from __future__ import annotations

import numpy as np

from greaterbay.actors.network import Adjacency
from greaterbay.kernels import jit
from greaterbay.streams import combine, uniform


@jit
def rewired_ring(agents, neighbours, chance, key):
    """Watts-Strogatz network: ends (E, 2); each tie's second end is moved with ``chance`` to an agent not yet tied to the first."""
    half = neighbours // 2
    ends = np.empty((agents * half, 2), np.int64)
    tied = np.zeros((agents, agents), np.bool_)
    for i in range(agents):
        for k in range(half):
            j = (i + k + 1) % agents
            ends[i * half + k, 0], ends[i * half + k, 1] = i, j
            tied[i, j] = tied[j, i] = True
    for e in range(ends.shape[0]):
        if uniform(key, np.uint64(e), 0) < chance:
            i, old = ends[e, 0], ends[e, 1]
            for attempt in range(100):
                j = int(uniform(key, np.uint64(e), 1 + attempt) * agents)
                if j != i and not tied[i, j]:
                    tied[i, old] = tied[old, i] = False
                    tied[i, j] = tied[j, i] = True
                    ends[e, 1] = j
                    break
    return ends


def compressed(ends: np.ndarray, agents: int) -> Adjacency:
    """Neighbours of every agent in compressed rows, from the ends of undirected ties (E, 2)."""
    both = np.concatenate((ends, ends[:, ::-1]))
    order = np.argsort(both[:, 0], kind="stable")
    offset = np.concatenate(([0], np.cumsum(np.bincount(both[:, 0], minlength=agents)))).astype(np.int64)
    tie = np.concatenate((np.arange(len(ends)),) * 2)[order]
    return Adjacency(offset, both[order, 1].astype(np.int64), tie.astype(np.int64))


def ring_adjacency(agents: int, neighbours: int, chance: float, seed: int) -> Adjacency:
    """A rewired ring as the model keeps networks."""
    return compressed(rewired_ring(agents, neighbours, chance, np.uint64(combine(np.uint64(1998), np.uint64(seed)))), agents)


def shuffled(ends: np.ndarray, seed: int, swaps: int = 10) -> np.ndarray:
    """The same degrees: ``swaps`` tries for each tie to exchange ends with another, refused where a tie would stand twice."""
    generator = np.random.default_rng(seed)
    ends = ends.copy()
    known = {(min(a, b), max(a, b)) for a, b in ends.tolist()}
    pairs = generator.integers(len(ends), size=(swaps * len(ends), 2))
    flips = generator.random(len(pairs)) < 0.5
    for (one, two), flip in zip(pairs.tolist(), flips.tolist(), strict=True):
        a, b = ends[one].tolist()
        c, d = ends[two].tolist()
        if flip:
            c, d = d, c
        new = ((min(a, d), max(a, d)), (min(c, b), max(c, b)))
        if len({a, b, c, d}) < 4 or new[0] in known or new[1] in known:
            continue
        known -= {(min(a, b), max(a, b)), (min(c, d), max(c, d))}
        known |= set(new)
        ends[one], ends[two] = (a, d), (c, b)
    return ends


def transitivity(adjacency: Adjacency) -> float:
    """Closed share of connected triples."""
    from greaterbay.measures import _transitivity

    return float(_transitivity(*adjacency[:2]))


def path_length(adjacency: Adjacency, sources: int = 200) -> float:
    """Mean shortest path from ``sources`` agents (at even steps) of the largest component to the rest of it."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components, shortest_path

    n = adjacency.offset.size - 1
    graph = csr_matrix((np.ones(adjacency.neighbour.size), adjacency.neighbour, adjacency.offset), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    inside = np.flatnonzero(label == np.bincount(label).argmax())
    chosen = inside[np.linspace(0, inside.size - 1, min(sources, inside.size)).astype(int)]
    length = shortest_path(graph, unweighted=True, directed=False, indices=chosen)[:, inside]
    return float(length[length > 0].mean())
