"""Cowan & Jonard 2004: barter of knowledge on rewired lattices, with the model's own exchange on a tie.

Protocol. ``AGENTS`` agents on a ring with ``NEIGHBOURS`` neighbours each, every tie rewired with a probability. Each agent has a
level in ``CATEGORIES`` categories, U(0, 1); one in ten is an expert with level 10 in one of them. At a meeting an agent is drawn,
then one of its neighbours; a sweep has as many meetings as there are ties. A meeting is unpaid: the model's rule ``trade`` says what
each side could learn, ``barter`` how much of it is exchanged. Sweeps go on until one of them trades nothing (gaps below
``TOLERANCE`` do not count).

The model's rule is linear in levels far from the frontier, so levels are multiplied by ``UNIT`` to be small against one; the best
cognitive distance is given to every pair (speed = alpha). A category is a field with four equal capabilities.

Two readings of barter are run: ``number`` (as published: as many categories in each direction as the side with fewer has to give)
and ``volume`` (as in the model: the smaller total of learning).
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from greaterbay.exchange.learning import barter, fields_near, trade
from greaterbay.kernels import jit
from greaterbay.streams import combine, uniform
from greaterbay.validation.checks import Measured, exactly, mean_interval
from greaterbay.validation.networks import rewired_ring

AGENTS, NEIGHBOURS, CATEGORIES, EXPERTS, EXPERT_LEVEL = 500, 10, 5, 0.1, 10.0
TOLERANCE = 0.01
REWIRING = (0.0, 0.03, 0.06, 0.1, 0.2, 0.3, 1.0)
UNIT = 1e-5
SWEEPS = 4000
NUMBER, VOLUME = 0, 1
Rules = namedtuple("Rules", ["reach", "neighbour_field"])
"""What ``trade`` reads of the learning parameters: everything can be learned, in every field."""


@jit
def barter_away(agents, ends, levels, near, alpha, rule, tolerance, p, most, key):
    """Sweeps of meetings until one trades nothing; ``levels`` (N, 4 C) are written. Returns the number of sweeps."""
    columns = levels.shape[1]
    one, two = np.zeros(columns), np.zeros(columns)
    offset = np.zeros(agents + 1, np.int64)
    for e in range(ends.shape[0]):
        offset[ends[e, 0] + 1] += 1
        offset[ends[e, 1] + 1] += 1
    for i in range(agents):
        offset[i + 1] += offset[i]
    neighbour, place = np.empty(offset[agents], np.int64), offset[:agents].copy()
    for e in range(ends.shape[0]):
        for side in range(2):
            neighbour[place[ends[e, side]]] = ends[e, 1 - side]
            place[ends[e, side]] += 1
    for sweep in range(most):
        here = combine(key, np.uint64(sweep))
        traded = False
        for n in range(ends.shape[0]):
            a = int(uniform(here, np.uint64(n), 0) * agents)
            b = neighbour[offset[a] + int(uniform(here, np.uint64(n), 1) * (offset[a + 1] - offset[a]))]
            total_a, total_b, cut_a, cut_b = trade(levels, a, b, 0, 0, alpha, alpha, True, near, p, one, two)
            count_a = count_b = 0
            for k in range(0, columns, 4):
                count_a += one[k] > alpha * tolerance
                count_b += two[k] > alpha * tolerance
            given = barter(count_a, count_b)
            if given == 0:
                continue
            traded = True
            if rule == NUMBER:
                # the side with more to learn takes as many categories as the other
                _keep(one, count_a, given, alpha * tolerance, here, np.uint64(2 * n))
                _keep(two, count_b, given, alpha * tolerance, here, np.uint64(2 * n + 1))
                cut_a = cut_b = 1.0
            for k in range(columns):
                levels[a, k] += cut_a * one[k]
                levels[b, k] += cut_b * two[k]
        if not traded:
            return sweep + 1
    return most


@jit
def _keep(gain, count, wanted, least, key, identity):
    """Keep ``wanted`` of the ``count`` categories with a gain above ``least``, each set with the same chance; drop the rest."""
    drop = count - wanted
    left = count
    for k in range(0, gain.size, 4):
        if gain[k] > least:
            if drop > 0 and uniform(key, identity, 10 + k) * left < drop:
                gain[k:k + 4] = 0.0
                drop -= 1
            left -= 1
        else:
            gain[k:k + 4] = 0.0


def knowledge(chance: float, seed: int, rule: int = NUMBER, alpha: float = 0.1, experts: float = EXPERTS) -> tuple[float, float, int]:
    """Mean knowledge at the end, coefficient of variation between agents, and sweeps, for one network."""
    key = np.uint64(combine(np.uint64(2004), np.uint64(seed)))
    ends = rewired_ring(AGENTS, NEIGHBOURS, chance, key)
    generator = np.random.default_rng([2004, seed])
    start = generator.uniform(size=(AGENTS, CATEGORIES))
    chosen = generator.permutation(AGENTS)[: int(round(experts * AGENTS))]
    start[chosen, generator.integers(CATEGORIES, size=chosen.size)] = EXPERT_LEVEL
    levels = np.repeat(start, 4, axis=1) * UNIT
    rules = Rules(1.0, 0.0)
    near = fields_near(np.ones((CATEGORIES, CATEGORIES)), rules)
    sweeps = barter_away(AGENTS, ends, levels, near, alpha, rule, TOLERANCE * UNIT, rules, SWEEPS, key)
    mean = levels[:, ::4].mean(axis=1) / UNIT
    return float(mean.mean()), float(mean.std() / mean.mean()), sweeps


# name -> (rule of barter, alpha, share of experts)
SETTINGS = {"published": (NUMBER, 0.1, EXPERTS), "no_experts": (NUMBER, 0.1, 0.0), "fast": (NUMBER, 0.9, EXPERTS),
            "volume": (VOLUME, 0.1, EXPERTS)}


def measure(seed: int) -> dict:
    """Mean knowledge and coefficient of variation for every setting and rewiring (paired: the same agents and draws)."""
    return {name: [knowledge(chance, seed, *setting)[:2] for chance in _rewiring(name)] for name, setting in SETTINGS.items()}


def _rewiring(setting: str) -> tuple[float, ...]:
    return REWIRING if setting != "volume" else (0.0, 0.1, 1.0)  # many sweeps: the ends and the published peak only


def gather(found: list[dict]) -> dict[str, Measured]:
    """Peak and ends over seeds. The peak must stand three standard errors above both ends, in the controls not two above the better."""
    inner = slice(1, -1)
    table = {name: np.array([one[name] for one in found]) for name in SETTINGS}  # (seeds, rewiring, 2)
    out = {}
    for name in ("published", "volume"):
        level = table[name][:, :, 0]
        peak = 1 + int(level.mean(axis=0)[inner].argmax())
        mark = "cowan" if name == "published" else "cowan_volume"
        out[f"{mark}_above_regular"] = mean_interval(level[:, peak] - level[:, 0], errors=3.0)
        out[f"{mark}_above_random"] = mean_interval(level[:, peak] - level[:, -1], errors=3.0)
    level, spread = table["published"][:, :, 0], table["published"][:, :, 1]
    out["cowan_peak"] = exactly(REWIRING[int(level.mean(axis=0).argmax())])
    least = 1 + int(spread.mean(axis=0)[inner].argmin())
    for end, name in ((0, "regular"), (-1, "random")):
        out[f"cowan_variation_{name}"] = mean_interval(spread[:, least] - spread[:, end])
    for name in ("no_experts", "fast"):
        level = table[name][:, :, 0]
        better = 0 if level[:, 0].mean() > level[:, -1].mean() else -1
        gap = level[:, inner] - level[:, [better]]
        error = np.maximum(gap.std(axis=0, ddof=1) / np.sqrt(len(found)), 1e-12) if len(found) > 1 else np.full(gap.shape[1], np.inf)
        out[f"cowan_control_{name}"] = exactly(float((gap.mean(axis=0) / error).max()))
    return out
