"""Nooteboom et al. 2007: realised learning against cognitive distance in a baseline run.

Protocol. In ``QUARTERS`` quarters of the baseline, what both sides of every tie learn in phase 4 is read tie by tie with the model's own
rule, on the state the phase reads. Learning (levels, relative to its mean) is regressed on the distance and its square, apart for
exploratory projects (a firm or institute with an institute) and exploitation (two firms). An inverted U has a positive slope at no
distance and a negative square; its optimum is where the parabola turns. What stays is learned in or next to the own field only, so that
most ties teach nothing for good: the regression is made over the distances below which 95 % of all learning lies, and once over all
ties. Control: the same regression with the distances exchanged between ties.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.network import cognitive_distance
from greaterbay.exchange.learning import Partners, fields_near, tie_speed, trade
from greaterbay.kernels import jit
from greaterbay.validation.worlds import play, released

QUARTERS, SCALE = 8, 0.05


@jit
def learning_of_ties(ties, nodes, levels, absorptive, near, p, distance, learned):
    """Distance and permanent learning of both sides of every tie (rows,); -1 where there is no tie."""
    one, two = np.empty(levels.shape[1]), np.empty(levels.shape[1])
    for t in range(ties.alive.shape[0]):
        distance[t] = -1.0
        if ties.alive[t] == 0:
            continue
        a, b = ties.a[t], ties.b[t]
        speed = tie_speed(nodes, ties, t, p)
        total_a, total_b, cut_a, cut_b = trade(levels, a, b, nodes.field[a], nodes.field[b], speed * absorptive[a], speed * absorptive[b],
                                               ties.type[t] == 0 and ties.shared[t] == 0, near, p, one, two)
        distance[t] = cognitive_distance(nodes.profile, a, b)
        learned[t] = cut_a * total_a + cut_b * total_b


def ties_now(bay) -> np.ndarray:
    """Distance, learning and kind of project of every tie as phase 4 will see it (ties, 3)."""
    count = bay.institutes.capacity
    levels = np.concatenate((bay.institutes.capability, bay.firms.capability))
    absorptive = np.concatenate((np.full(count, bay.parameters.learning.institute_absorptive), bay.firms.absorptive.astype(float)))
    distance, learned = np.empty(bay.ties.capacity), np.zeros(bay.ties.capacity)
    near = fields_near(bay.region.relatedness_field, bay.parameters.learning)
    learning_of_ties(bay.ties.part(Partners), bay.network.nodes, levels, absorptive, near, bay.parameters.learning, distance, learned)
    here = distance >= 0.0
    return np.stack((distance[here], learned[here], bay.ties.explore[here]), axis=1)


def parabola(distance: np.ndarray, learned: np.ndarray) -> tuple[float, float, float]:
    """Least squares of learning on distance and its square: slope at no distance, square, optimum."""
    scale = learned.mean()
    square, slope, _ = np.polyfit(distance, learned / scale, 2)
    return float(slope), float(square), float(-slope / (2.0 * square))


def measure(seed: int) -> dict[str, float]:
    """Shape of learning against distance for both kinds of project, and the control."""
    seen = []

    def watch(bay, phase):
        if phase == 3:
            seen.append(ties_now(bay))

    play(released(seed, scale=SCALE), QUARTERS, watch)
    rows = np.concatenate(seen)
    out, optimum = {}, {}
    generator = np.random.default_rng([2007, seed])
    for name, explore in (("exploit", 0), ("explore", 1)):
        part = rows[rows[:, 2] == explore]
        part = part[np.argsort(part[:, 0], kind="stable")]
        out[f"nooteboom_all_{name}"] = parabola(part[:, 0], part[:, 1])[1]
        part = part[: int(np.searchsorted(np.cumsum(part[:, 1]), 0.95 * part[:, 1].sum())) + 1]
        slope, square, optimum[name] = parabola(part[:, 0], part[:, 1])
        out[f"nooteboom_slope_{name}"], out[f"nooteboom_square_{name}"] = slope, square
        control = parabola(generator.permutation(part[:, 0]), part[:, 1])[1]
        out[f"nooteboom_control_{name}"] = control / square
    out["nooteboom_optimum_exploit"] = optimum["exploit"]
    out["nooteboom_optimum_order"] = optimum["explore"] - optimum["exploit"]
    return out
