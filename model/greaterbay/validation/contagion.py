"""Bass 1969: adoption on given networks, with the model's own contagion.

Protocol. ``AGENTS`` firms, one technology, yearly steps read from the users of the year before (synchronous), external influence
``P`` and internal influence ``Q`` a year. The technology costs nothing and is worth having, so that only contact delays it. A complete
network is one city whose firms see the users of the city; lattices are rings with ``NEIGHBOURS`` ties each, rewired with a
probability, on which firms see the users among their partners. Hazard regression: new users over the firms that are left, on the
share of users a year before (weights: firms left); its constant is p, its slope q.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.firm import Firms
from greaterbay.actors.network import Adjacency
from greaterbay.exchange.diffusion import CHAIN_STEPS, Adopters, Keys, spread
from greaterbay.parameters import Parameters
from greaterbay.streams import Streams
from greaterbay.validation.networks import ring_adjacency

AGENTS, NEIGHBOURS, P, Q, YEARS = 5000, 10, 0.03, 0.38, 60
LATTICES = {"regular": 0.0, "small_world": 0.1, "random": 1.0}


def curve(adjacency: Adjacency, seed: int, outside: float, imitation: float, city_imitation: float) -> np.ndarray:
    """Share of users at the beginning of every year and at the end (years + 1,)."""
    streams, p = Streams(seed), Parameters().diffusion
    p = p._replace(outside=outside, imitation=imitation, city_imitation=city_imitation, noise=0.0, peers=0.0)
    firms = Firms(AGENTS, 4)
    firms.alive[:], firms.city[:], firms.field[:], firms.kind[:] = 1, 0, 0, 1
    firms.id[:] = np.arange(AGENTS, dtype=np.uint64)
    firms.sales[:] = firms.cash[:] = 1.0
    one, none, cell, nobody = np.ones(1), np.zeros(1), np.zeros((1, 1, 4)), np.zeros(AGENTS)
    chain = np.zeros((1, 1, CHAIN_STEPS, 1))  # neither suppliers nor customers
    share = [0.0]
    for year in range(YEARS):
        new, from_core = np.zeros(AGENTS, np.uint64), np.zeros(AGENTS)
        keys = Keys(streams.key("adopt", year), streams.key("adopt_risk", 0))
        spread(firms.part(Adopters), adjacency, 0, np.zeros(1, np.int64), np.ones(1, np.uint64), np.array([0, 1]),
               np.zeros(1, np.int64), np.full((1, 1), outside), one, none, none, cell, np.full((1, 1), share[-1]), chain,
               np.zeros((1, 1)), np.zeros(1, bool), nobody, nobody, keys, p, new, from_core)
        firms.adopted[:] |= new
        share.append(float((firms.adopted > 0).mean()))
    return np.array(share)


def fitted(share: np.ndarray) -> tuple[float, float]:
    """Hazard regression of a curve: (p, q)."""
    left = 1.0 - share[:-1]
    use = left > 0.0
    hazard, weight = np.diff(share)[use] / left[use], left[use]
    x = share[:-1][use]
    mean_x, mean_h = np.average(x, weights=weight), np.average(hazard, weights=weight)
    q = float((weight * (x - mean_x) * (hazard - mean_h)).sum() / (weight * (x - mean_x) ** 2).sum())
    return float(mean_h - q * mean_x), q


def measure(seed: int) -> dict[str, float]:
    """Fitted p and q over the true ones on the complete network, fitted over micro q on lattices, and how it rises."""
    alone = Adjacency(np.zeros(AGENTS + 1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    p, q = fitted(curve(alone, seed, P, 0.0, Q))
    no_p, no_q = fitted(curve(alone, seed, P, 0.0, 0.0))
    slope = {}
    for name, chance in LATTICES.items():
        adjacency = ring_adjacency(AGENTS, NEIGHBOURS, chance, seed)
        slope[name] = fitted(curve(adjacency, seed, P, Q, 0.0))[1]
    return {
        "bass_p": p / P, "bass_q": q / Q, "bass_control_no_imitation": no_q / Q,
        "bass_lattice_below": slope["regular"] / Q, "bass_small_world_below": slope["small_world"] / Q,
        "bass_rises_small_world": (slope["small_world"] - slope["regular"]) / Q,
        "bass_rises_random": (slope["random"] - slope["small_world"]) / Q,
    }
