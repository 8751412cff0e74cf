"""Venture capital: Brander, Du & Hellmann on government money in rounds, Howell 2017 on grants before rounds, in runs.

*Brander.* Paired runs with a guidance fund of ``GUIDANCE`` of the science budgets and a growing government part of each round it joins.
Counted are rounds closed and the private money in them. The best part must be inside: more rounds than without government money and
more than with the highest part. Control: without distaste for government money the highest part is no worse than the interior best.

*Howell.* Grants go by lot among a city's firms. Among start-ups without round and grant, those that receive their first grant in a
quarter are compared with those that do not, in the same city and quarter: risk ratio of a first round within a year
(Mantel-Haenszel over cities and quarters). Control: a lot that the model does not use, for the same shares.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.firm import STARTUP
from greaterbay.validation.worlds import play, released

GUIDANCE, PARTS = 0.6, (0.0, 0.1, 0.2, 0.3, 0.5, 0.8)
QUARTERS, SCALE = 12, 0.05


def rounds(seed: int, part: float, distaste: float | None = None) -> tuple[float, float]:
    """Rounds closed (real firms) and private money in them (million CNY) with a government part of each round."""
    changes = {"finance.guidance_part": part} | ({} if distaste is None else {"finance.guidance_distaste": distaste})
    bay = released(seed, scale=SCALE, levers={"guidance_fund": GUIDANCE}, changes=changes)
    count, before = [0.0], {}

    def watch(bay, phase):
        firms = bay.firms
        if phase == 6:
            before["rounds"] = firms.rounds.astype(int).copy()
        elif phase == 7:
            count[0] += float(((firms.rounds - before["rounds"]) * firms.weight).sum())

    play(bay, QUARTERS, watch)
    cities = len(bay.region.city_ids)
    return count[0], float(bay.record.arrays()["flow_capital_venture"][:, :cities].sum())


def brander(seed: int) -> dict[str, float]:
    """Log differences of rounds and private money between parts."""
    found = np.log([rounds(seed, part) for part in PARTS])
    free = np.log([rounds(seed, part, 0.0)[0] for part in PARTS])
    return {"found": found.tolist(), "free": free.tolist()}


def gather_brander(found: list[dict]):
    """Best interior part over seeds against none and the highest."""
    from greaterbay.validation.checks import exactly, mean_interval

    closed = np.array([one["found"] for one in found])[:, :, 0]
    private = np.array([one["found"] for one in found])[:, :, 1]
    free = np.array([one["free"] for one in found])
    best = 1 + int(closed.mean(axis=0)[1:-1].argmax())
    best_money = 1 + int(private.mean(axis=0)[1:-1].argmax())
    inner = 1 + int(free.mean(axis=0)[1:-1].argmax())
    return {
        "brander_above_none": mean_interval(closed[:, best] - closed[:, 0]),
        "brander_above_most": mean_interval(closed[:, best] - closed[:, -1]),
        "brander_best_part": exactly(PARTS[int(closed.mean(axis=0).argmax())]),
        "brander_private_above_none": mean_interval(private[:, best_money] - private[:, 0]),
        "brander_control_no_distaste": mean_interval(free[:, -1] - free[:, inner]),
    }


def howell(seed: int) -> dict[str, float]:
    """Risk ratio of a first round within a year of a first grant, and for a lot that is not used."""
    bay = released(seed, scale=0.1, years=10)
    state, seen = {}, []

    def watch(bay, phase):
        firms = bay.firms
        if phase == 6:
            state["before"] = (firms.grants_before.copy(), firms.rounds.copy(), firms.id.copy(), firms.kind.copy(), firms.alive.copy())
        elif phase == 7:
            grants, had, ids, kind, alive = state["before"]
            at_risk = np.flatnonzero((alive == 1) & (kind == STARTUP) & (grants == 0) & (had == 0) & (firms.rounds == 0))
            seen.append((bay.quarter, ids[at_risk], firms.city[at_risk].copy(), firms.grants_before[at_risk] > 0))
            got = np.flatnonzero((firms.rounds > 0) & (had == 0) & (alive == 1))
            for r in got:
                first.setdefault(int(ids[r]), bay.quarter)

    first: dict[int, int] = {}
    play(bay, 40, watch)
    last = bay.quarter - 4
    strata: dict[tuple, list] = {}
    sham: dict[tuple, list] = {}
    for quarter, ids, city, granted in seen:
        if quarter >= last:
            continue
        success = np.array([quarter < first.get(int(i), 10**9) <= quarter + 4 for i in ids])
        lot = bay.streams.uniforms("joint_fund", quarter, ids, 77)
        for c in np.unique(city):
            here = city == c
            k = int(granted[here].sum())
            if 0 < k < here.sum():
                strata[quarter, int(c)] = _cells(granted[here], success[here])
                sham[quarter, int(c)] = _cells(lot[here].argsort().argsort() < k, success[here])
    return {"howell_ratio": _ratio(strata), "howell_effect": _ratio(strata) - 1.0, "howell_control": _ratio(sham)}


def _cells(treated: np.ndarray, success: np.ndarray) -> list[float]:
    return [float((treated & success).sum()), float(treated.sum()), float((~treated & success).sum()), float((~treated).sum())]


def _ratio(strata: dict) -> float:
    """Mantel-Haenszel risk ratio of strata (successes and number of treated and of others)."""
    a, n, b, m = np.array(list(strata.values())).T
    return float((a * m / (n + m)).sum() / (b * n / (n + m)).sum())
