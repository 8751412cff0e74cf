"""Gravity re-estimated on simulated ties, by Poisson pseudo-maximum likelihood.

Protocol. In ``QUARTERS`` quarters of the baseline every new tie is a case. Everybody who could have been tied is represented by
``SAMPLE`` pairs for each kind of tie, drawn anew each quarter in four strata (past partners; others in one city; in one jurisdiction;
across a border), each pair weighted by how many pairs it stands for; cases have weight one. By kind of tie, the number of new ties is
regressed on ln(1 + minutes / 30), the barrier, the squared deviation of the cognitive distance from the rule's optimum, a past tie, and
as controls the logs of both sizes, the number of both sides' ties per capacity, a common partner and, between firms, rivalry. Standard
errors are clustered by pair of cities. The rule's parameters are known, so the signs must come back; coefficients differ from the rule's
because candidates are found by distance and barrier too, and both sides have to agree. Nothing is required to dominate.
Controls: the same without the rule's travel slopes or border terms must not show them.
"""

from __future__ import annotations

import numpy as np

from greaterbay.actors.invention import TIE_TYPES
from greaterbay.actors.network import cognitive_distance
from greaterbay.kernels import kernel
from greaterbay.validation.worlds import play, released

QUARTERS, SCALE, SAMPLE = 12, 0.05, 6000
TERMS = ("constant", "travel", "barrier", "distance", "past", "size_1", "size_2", "burden_1", "burden_2", "common", "rivalry")
SHOWN = ("travel", "barrier", "distance", "past")
NO_TRAVEL = {f"partnering.travel_{kind}": 0.0 for kind in TIE_TYPES} | {"partnering.candidate_travel": 500.0}
NO_BORDER = {"partnering.border_weight": 0.0, "partnering.candidate_border": 0.0}


@kernel
def _distances(profile, a, b, out):
    for k in range(a.shape[0]):
        out[k] = cognitive_distance(profile, a[k], b[k])


class Watcher:
    """Keeps what a quarter's search saw, and collects cases and sampled pairs by kind of tie."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng([2006, seed])
        self.rows: dict[int, list] = {0: [], 1: [], 2: []}

    def __call__(self, bay, phase: int) -> None:
        if phase == 2:
            self.past = np.concatenate((bay.institutes.past, bay.firms.past)).copy()
        elif phase == 3:
            self.collect(bay)

    def collect(self, bay) -> None:
        """One quarter's pairs. ``bay.network.nodes`` is as the search saw it, apart from degrees, which include the new ties."""
        nodes = bay.network.nodes
        count, known = bay.institutes.capacity, nodes.alive.size
        ties = bay.ties.alive_rows()
        new = ties[bay.ties.start[ties] == bay.quarter]
        old = ties[bay.ties.start[ties] < bay.quarter]
        a_old, b_old = bay.ties.a[old], bay.ties.b[old]
        degree = np.bincount(np.concatenate((a_old, b_old)), weights=np.tile(bay.ties.weight[old], 2), minlength=known) / np.maximum(
            nodes.weight, 1e-12)
        self.partners = {}
        for one, two in zip(a_old.tolist(), b_old.tolist(), strict=True):
            self.partners.setdefault(one, set()).add(two)
            self.partners.setdefault(two, set()).add(one)
        live = (nodes.alive == 1) & (nodes.size > 0.0)
        groups = {0: (np.flatnonzero(live[count:]) + count,) * 2, 1: (np.flatnonzero(live[:count]), np.flatnonzero(live[count:]) + count),
                  2: (np.flatnonzero(live[:count]),) * 2}
        at = bay.region.jurisdiction_city
        for kind, (first, second) in groups.items():
            cases = new[bay.ties.type[new] == kind]
            self.add(bay, kind, degree, bay.ties.a[cases], bay.ties.b[cases], np.ones(cases.size), 1.0)
            one, two = self.random.choice(first, 4 * SAMPLE), self.random.choice(second, 4 * SAMPLE)
            keep = one != two
            one, two = one[keep], two[keep]
            pairs = first.size * (first.size - 1) / 2 if kind != 1 else first.size * second.size
            city_1, city_2 = nodes.city[one], nodes.city[two]
            stratum = np.where(city_1 == city_2, 0, np.where(at[city_1] == at[city_2], 1, 2))
            for s in range(3):
                these = np.flatnonzero(stratum == s)
                chosen = these[: SAMPLE // 3]
                if chosen.size:
                    self.add(bay, kind, degree, one[chosen], two[chosen], np.zeros(chosen.size),
                             pairs * (these.size / one.size) / chosen.size, skip_past=True)
            i = np.repeat(np.arange(known), self.past.shape[1])
            j = self.past[:known].ravel()
            ok = (j >= 0) & live[i] & live[np.maximum(j, 0)] & (i != j)
            both = np.unique(np.stack((np.minimum(i[ok], j[ok]), np.maximum(i[ok], j[ok])), axis=1), axis=0)
            kinds = 2 - (both >= count).sum(axis=1)
            both = both[kinds == kind]
            tied = np.array([b in self.partners.get(a, ()) for a, b in both.tolist()], bool)
            both = both[~tied] if both.size else both
            self.add(bay, kind, degree, both[:, 0], both[:, 1], np.zeros(len(both)), 1.0)

    def add(self, bay, kind, degree, one, two, made, weight, skip_past=False) -> None:
        """Rows of terms for pairs of nodes."""
        if one.size == 0:
            return
        nodes, p = bay.network.nodes, bay.parameters.partnering
        cities = len(bay.region.city_ids)
        past = (self.past[one] == two[:, None]).any(axis=1) | (self.past[two] == one[:, None]).any(axis=1)
        if skip_past:
            tied = np.array([b in self.partners.get(a, ()) for a, b in zip(one.tolist(), two.tolist(), strict=True)], bool)
            keep = ~past & ~tied
            one, two, made, past = one[keep], two[keep], made[keep], past[keep]
        distance = np.empty(one.size)
        _distances(nodes.profile, one.astype(np.int64), two.astype(np.int64), distance)
        best = p.cognitive_optimum if kind == 0 else p.cognitive_optimum_explore
        city_1, city_2 = nodes.city[one].astype(int), nodes.city[two].astype(int)
        common = np.array([not self.partners.get(a, set()).isdisjoint(self.partners.get(b, ())) for a, b in zip(
            one.tolist(), two.tolist(), strict=True)], float)
        rivalry = ((nodes.field[one] == nodes.field[two]) * (1.0 - np.abs(nodes.chain[one] - nodes.chain[two])) if kind == 0
                   else np.zeros(one.size))
        load = degree / (1.0 + nodes.size / 30.0)
        terms = np.stack((np.ones(one.size), np.log1p(bay.values.travel_minutes[city_1, city_2] / 30.0),
                          bay.values.barrier_technology[city_1, city_2], ((distance - best) / p.cognitive_width) ** 2, past.astype(float),
                          nodes.mass[one], nodes.mass[two], load[one], load[two], common, rivalry), axis=1)
        pair = np.minimum(city_1, city_2) * cities + np.maximum(city_1, city_2)
        self.rows[kind].append(np.column_stack((made, np.full(one.size, weight) if np.isscalar(weight) else weight, pair, terms, distance)))


def fit(rows: np.ndarray, terms: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and standard errors clustered by pair of cities, in the order of ``TERMS`` (nan where a term never varies);
    ``terms`` (rows, terms) replaces them."""
    import statsmodels.api as sm

    made, weight, pair, terms = rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3:3 + len(TERMS)] if terms is None else terms
    varies = np.array([k == 0 or np.ptp(terms[:, k]) > 0.0 and np.ptp(terms[made > 0, k]) > 0.0 for k in range(terms.shape[1])])
    # a sampled pair that stands for w pairs has an exposure of w: the likelihood is that of all pairs
    model = sm.GLM(made, terms[:, varies], family=sm.families.Poisson(), exposure=weight)
    result = model.fit(cov_type="cluster", cov_kwds={"groups": pair.astype(int)}, maxiter=50)
    value, error = np.full(varies.size, np.nan), np.full(varies.size, np.nan)
    value[varies], error[varies] = result.params, result.bse
    return value, error


def estimated(seed: int, changes: dict | None = None, kinds: tuple[int, ...] = (0, 1, 2)) -> dict[int, tuple[np.ndarray, np.ndarray, int]]:
    """Coefficients, clustered errors and number of cases by kind of tie, from one run."""
    watcher = Watcher(seed)
    play(released(seed, scale=SCALE, changes=changes), QUARTERS, watcher)
    out = {}
    for kind in kinds:
        rows = np.concatenate(watcher.rows[kind])
        out[kind] = (*fit(rows), int(rows[:, 0].sum()))
    return out


def measure(seed: int) -> dict:
    """All coefficients of the baseline, and the controls."""
    found = estimated(seed)
    out = {"tables": {TIE_TYPES[kind]: {"value": value.tolist(), "error": error.tolist(), "cases": cases}
                      for kind, (value, error, cases) in found.items()}}
    out["no_travel"] = [value[1] for value, _, _ in estimated(seed, NO_TRAVEL, (0, 1)).values()]
    out["no_border"] = [value[2] for value, _, _ in estimated(seed, NO_BORDER, (0, 1)).values()]
    return out


def gather(found: list[dict]):
    """Signs by kind of tie, and the controls: how much of a coefficient is left when its rule is gone."""
    from greaterbay.validation.checks import Measured, mean_interval

    out: dict[str, Measured] = {}
    for kind in TIE_TYPES:
        values = np.array([one["tables"][kind]["value"] for one in found])
        for k, term in enumerate(TERMS):
            if term in SHOWN:
                out[f"gravity_{term}_{kind}"] = _mean(values[:, k])
    for k, kind in enumerate(TIE_TYPES[:2]):
        whole = {name: np.nanmean([one["tables"][kind]["value"][at] for one in found]) for name, at in (("travel", 1), ("border", 2))}
        for name in ("travel", "border"):
            left = np.array([one[f"no_{name}"][k] for one in found])
            out[f"gravity_control_{name}_{kind}"] = mean_interval(left / whole[name])
    return out


def _mean(values: np.ndarray):
    """Mean over the seeds in which the coefficient can be estimated."""
    from greaterbay.validation.checks import Measured, mean_interval

    known = values[np.isfinite(values) & (np.abs(values) < 15.0)]  # a term without a single tie on one side runs off to infinity
    return mean_interval(known) if known.size else Measured(float("nan"), None, None)


def coefficients(found: list[dict]) -> list[tuple]:
    """Every coefficient for the table: kind, term, mean over seeds, sd over seeds, mean clustered error, cases."""
    rows = []
    for kind in TIE_TYPES:
        values = np.array([one["tables"][kind]["value"] for one in found])
        errors = np.array([one["tables"][kind]["error"] for one in found])
        cases = int(np.mean([one["tables"][kind]["cases"] for one in found]))
        for k, term in enumerate(TERMS):
            ok = np.isfinite(values[:, k])
            if ok.any():
                sd = float(values[ok, k].std(ddof=1)) if ok.sum() > 1 else float("nan")
                rows.append((kind, term, float(values[ok, k].mean()), sd, float(errors[ok, k].mean()), cases))
    return rows
