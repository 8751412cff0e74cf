"""Estimators: what a finished run says about each figure that the model is held to.

A run is watched by an :class:`Observer` (it reads the state at the end of each quarter and changes nothing);
:func:`figures_of` then gives one number for each estimator, on a scale on which noise is about constant: ``log`` for
counts and ratios, ``logit`` for shares, the number itself otherwise. An ordering is written as a difference that is
above zero where the claim holds.

The null of city pairs is a Poisson regression of ties on the pairs given, with the eligible pairs of actors as
exposure (field mix and relatedness; never population or output) and log travel time as regressor; residuals are
logarithms of observed over expected sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from greaterbay.actors.firm import LEADER
from greaterbay.actors.invention import FIRM_FIRM, MARKET, PILOT
from greaterbay.actors.network import profiles
from greaterbay.calibration.estimators import GRANT_CITIES
from greaterbay.clock import QUARTERS_PER_YEAR
from greaterbay.exchange.diffusion import VINTAGES
from greaterbay.outputs import flows

SIMILAR = ("foshan", "jiangmen", "dongguan")
SAMPLED_NODES = 60  # sources of shortest paths
HALF = 0.5  # added to counts before logarithms


@dataclass
class Observer:
    """What is noted of a bay while it runs: yearly sales and inventions of firms, ties and projects at year ends."""

    sales: list = field(default_factory=list)
    counts: list = field(default_factory=list)
    pairs: list = field(default_factory=list)
    materials: list = field(default_factory=list)
    pilots: list = field(default_factory=list)
    _year: tuple | None = None

    def see(self, bay) -> None:
        """Note the state at the end of a quarter (``bay.quarter`` is the next one)."""
        firms, ended = bay.firms, bay.quarter - 1
        if self._year is None or ended % QUARTERS_PER_YEAR == 0:
            self._year = firms.id.copy(), np.zeros(firms.capacity), np.zeros(firms.capacity)
        ids, inventions, sales = self._year
        if ids.size < firms.capacity:  # the table has grown
            more = firms.capacity - ids.size
            ids = np.concatenate((ids, firms.id[-more:]))
            inventions, sales = (np.concatenate((part, np.zeros(more))) for part in (inventions, sales))
            self._year = ids, inventions, sales
        inventions += firms.inventions
        sales += firms.sales
        if ended % QUARTERS_PER_YEAR == QUARTERS_PER_YEAR - 1:
            self._close_year(bay)

    def _close_year(self, bay) -> None:
        firms, inventions, count = bay.firms, bay.inventions, bay.institutes.capacity
        ids, made, sales = self._year
        whole = (firms.alive == 1) & (ids == firms.id)
        self.counts.append(made[whole])
        self.sales.append(dict(zip(firms.id[whole].tolist(), sales[whole].tolist(), strict=True)))
        ties = bay.ties.alive_rows()
        ties = ties[bay.ties.type[ties] == FIRM_FIRM]
        a, b = bay.ties.a[ties] - count, bay.ties.b[ties] - count
        self.pairs.append(
            (
                firms.city[a].astype(int),
                firms.city[b].astype(int),
                firms.field[a].astype(int),
                firms.field[b].astype(int),
                bay.ties.weight[ties].copy(),
                profiles(firms, a, bay.region.relatedness_field),
                profiles(firms, b, bay.region.relatedness_field),
            )
        )
        rows = np.flatnonzero((inventions.alive == 1) & (inventions.field == bay.region.field_ids.index("new_materials")))
        weight = inventions.weight[rows]
        self.materials.append((weight[inventions.stage[rows] == MARKET].sum(), weight.sum()))
        rows = np.flatnonzero((inventions.alive == 1) & (inventions.stage == PILOT) & (inventions.developer >= count))
        large = firms.kind[inventions.developer[rows] - count] == LEADER
        weight, funded = inventions.weight[rows], inventions.funded[rows] == 1
        self.pilots.append([weight[large & funded].sum(), weight[large].sum(), weight[~large & funded].sum(), weight[~large].sum()])


def watched_run(bay) -> Observer:
    """Play a bay to its end under observation."""
    observer = Observer()
    while bay.running:
        bay.step()
        observer.see(bay)
    return observer


def figures_of(bay, observer: Observer) -> dict[str, float]:
    """All estimators of a finished run (id -> number on its scale); not a number where it cannot be formed."""
    arrays, region = bay.record.arrays(), bay.region
    found: dict[str, float] = {}
    for group in (_inventions, _conversion, _adoption, _technology, _people, _periphery, _firms):
        found |= group(bay, observer, arrays, region)
    found |= _network(bay, arrays)
    found |= _pairs(bay, observer, arrays, region)
    return {name: float(value) if np.isfinite(value) else math.nan for name, value in found.items()}


def logit(share: float) -> float:
    """ln(p / (1 - p)), kept off the ends."""
    p = min(max(share, 1e-3), 1.0 - 1e-3)
    return math.log(p / (1.0 - p))


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else math.nan


def _mainland(region) -> np.ndarray:
    """Cities of the bay in one customs territory with the rest of the country."""
    return np.flatnonzero(region.customs_pair[region.jurisdiction_city, len(region.jurisdiction_ids)] == 0.0)


def _inventions(bay, observer, arrays, region) -> dict[str, float]:
    nine = _mainland(region)
    yearly = arrays["inventions"][: 2 * QUARTERS_PER_YEAR, nine].astype(float).sum(axis=0) / 2.0
    found = {"grants_total": _log(yearly.sum())}
    for city in GRANT_CITIES:
        found[f"grants_share_{city}"] = _log(yearly[list(nine).index(region.city_ids.index(city))] / yearly.sum())
    slope = np.polyfit(np.log(region.population_city[nine]), np.log(yearly + HALF), 1)[0]
    return found | {"grants_population": slope - 1.0}


def _conversion(bay, observer, arrays, region) -> dict[str, float]:
    cities = len(region.city_ids)
    year = slice(3 * QUARTERS_PER_YEAR, 4 * QUARTERS_PER_YEAR)
    market, force = (arrays[name][:, :cities].astype(float) for name in ("inventions_in_market", "inventions_in_force"))
    rate = market.sum(axis=0) / np.maximum(force.sum(axis=0), 1e-12)
    gz, sz = region.city_ids.index("guangzhou"), region.city_ids.index("shenzhen")
    middle = np.array(observer.materials[2:5]).sum(axis=0)
    pilots = np.array(observer.pilots).sum(axis=0)
    return {
        "conversion_force": logit(market[year].sum() / force[year].sum()),
        "conversion_materials": logit(middle[0] / max(middle[1], 1e-12)),
        "conversion_guangzhou": _log(rate[sz] / rate[gz]),
        "pilots_small": _log((pilots[0] + HALF) / (pilots[1] + HALF)) - _log((pilots[2] + HALF) / (pilots[3] + HALF)),
    }


def _probe_share(bay, arrays, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Share of possible firms that use a probe, in the bay and in the launching city, by quarter since launch."""
    slot = bay.technologies.names.index(name)
    probe = next(p for p in bay.technologies.probes if p.name == name)
    first = probe.launch - bay.start
    cities = len(bay.region.city_ids)
    users, possible = (arrays[key][first:, :cities, slot].astype(float) for key in ("adopters_technology", "potential_technology"))
    return users.sum(axis=1) / possible.sum(axis=1), users[:, probe.city] / possible[:, probe.city]


def _users_of_own_field(bay, field: int) -> float:
    """Share of a field's firms that use a tracked technology of their field at the end."""
    firms = bay.firms
    rows = np.flatnonzero((firms.alive == 1) & (firms.field == field))
    mask = np.uint64(sum(1 << (field * VINTAGES + v) for v in range(VINTAGES)))
    return float(np.average((firms.adopted[rows] & mask) != 0, weights=firms.weight[rows]))


def _adoption(bay, observer, arrays, region) -> dict[str, float]:
    devices, _ = _probe_share(bay, arrays, "study_devices")
    digital, _ = _probe_share(bay, arrays, "study_digital")
    vehicles, home = _probe_share(bay, arrays, "study_vehicles")
    one, seven = QUARTERS_PER_YEAR - 1, 7 * QUARTERS_PER_YEAR - 1
    gain = np.average(bay.economy.adoption_gain_city, weights=bay.reference.firms_start)
    return {
        "adoption_growth": _log(max(digital[seven], 1e-3) / max(digital[one], 1e-3)),
        "adoption_four_years": logit(devices[4 * QUARTERS_PER_YEAR - 1]),
        "adoption_five_years": logit(digital[5 * QUARTERS_PER_YEAR - 1]),
        "adoption_six_years": logit(digital[6 * QUARTERS_PER_YEAR - 1]),
        "adoption_middle": _log(max(digital[5 * QUARTERS_PER_YEAR - 1], 1e-3) / max(digital[3 * QUARTERS_PER_YEAR - 1], 1e-3)),
        "adoption_smart": logit(_users_of_own_field(bay, region.field_ids.index("smart_manufacturing"))),
        "adoption_lead": logit(home[seven]) - logit(vehicles[seven]),
        "adoption_gain": 100.0 * gain / (bay.record.filled / QUARTERS_PER_YEAR),
    }


def _technology(bay, observer, arrays, region) -> dict[str, float]:
    cities = len(region.city_ids)
    total, imported = 0.0, 0.0
    for output in flows():
        if output.flow == "technology":
            amount = float(np.nansum(arrays[output.id][:, :, :cities].astype(float)))
            total += amount
            imported += amount if output.channel == "import" else 0.0
    small, needs = (float(np.nansum(arrays[name].astype(float)[:, :cities])) for name in ("loan_needs_small", "loan_needs"))
    return {
        "technology_domestic": logit(1.0 - imported / max(total, 1e-12)),
        "loans_small": logit(small / max(needs, 1e-12)),
    }


def _people(bay, observer, arrays, region) -> dict[str, float]:
    cities, nine = len(region.city_ids), _mainland(region)
    moves = sum(float(np.nansum(arrays[o.id][:, :cities, :cities].astype(float))) for o in flows() if o.flow == "talent")
    talent = arrays["talent"][:, :cities].astype(float)
    years = talent.shape[0] / QUARTERS_PER_YEAR
    vacancies = arrays["vacancies"][:, :cities].astype(float)
    gz = region.city_ids.index("guangzhou")
    others = [c for c in nine if c != gz]
    return {
        "move_rate": _log(moves / years / talent.sum(axis=1).mean()),
        "talent_gap": _log((vacancies[:, others].sum() + HALF) / talent[:, others].sum())
        - _log((vacancies[:, gz].sum() + HALF) / talent[:, gz].sum()),
    }


def _periphery(bay, observer, arrays, region) -> dict[str, float]:
    share, two = arrays["core_to_periphery"].astype(float), 2 * QUARTERS_PER_YEAR
    return {"periphery_trend": share[-two:].mean() - share[:two].mean()}


def _firms(bay, observer, arrays, region) -> dict[str, float]:
    growth, size = [], []
    for before, after in zip(observer.sales[:-1], observer.sales[1:], strict=True):
        both = [key for key in after if key in before and before[key] > 0 and after[key] > 0]
        then, now = np.array([before[k] for k in both]), np.array([after[k] for k in both])
        change = np.log(now / then)
        growth.append(change - np.median(change))
        size.append(np.log(then))
    growth, size = np.concatenate(growth), np.concatenate(size)
    order = np.argsort(size, kind="stable")
    bins = np.array_split(order, 20)
    slope = np.polyfit([size[b].mean() for b in bins], [np.log(growth[b].std() + 1e-9) for b in bins], 1)[0]
    inside = np.concatenate([growth[b] / (growth[b].std() + 1e-12) for b in bins])
    counts = np.concatenate(observer.counts)
    return {
        "size_tail": _log(float(np.mean(arrays["size_tail"][-4 * QUARTERS_PER_YEAR :]))),
        "growth_slope": slope,
        "growth_shape": np.abs(inside).mean() / inside.std(),
        "arrivals": _log(counts.var() / max(counts.mean(), 1e-12) / 1.5),
    }


def _network(bay, arrays) -> dict[str, float]:
    """Transitivity and path length against networks of the same degrees (joined at random, by fixed numbers)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components, shortest_path

    ties = bay.ties.alive_rows()
    a, b = bay.ties.a[ties], bay.ties.b[ties]
    nodes, ends = np.unique(np.concatenate((a, b)), return_inverse=True)
    degree = np.bincount(ends).astype(float)
    mean = degree.mean()
    chance = ((degree**2).mean() - mean) ** 2 / (nodes.size * mean**3)

    def path(ends: np.ndarray) -> float:
        half = ends.size // 2
        one, two = ends[:half], ends[half : 2 * half]
        graph = coo_matrix((np.ones(half), (one, two)), shape=(nodes.size, nodes.size)).tocsr()
        parts, label = connected_components(graph, directed=False)
        giant = np.flatnonzero(label == np.bincount(label).argmax())
        sources = giant[np.linspace(0, giant.size - 1, min(SAMPLED_NODES, giant.size)).astype(int)]
        steps = shortest_path(graph, directed=False, unweighted=True, indices=sources)[:, giant]
        return float(steps[steps > 0].mean())

    mixed = np.random.default_rng(1).permutation(ends)
    return {
        "transitivity": _log(float(np.mean(arrays["transitivity"][-QUARTERS_PER_YEAR:])) / chance),
        "path_length": math.log(1.5) - _log(path(ends) / path(mixed)),
    }


def pair_null(ties: np.ndarray, eligible: np.ndarray, log_travel: np.ndarray) -> np.ndarray:
    """Expected ties of each pair: Poisson regression on log travel with the eligible pairs of actors as exposure."""
    import statsmodels.api as sm

    return np.asarray(_poisson(sm, ties, eligible, log_travel).fittedvalues)


def _poisson(sm, ties, eligible, regressor):
    design = np.column_stack((np.ones(ties.size), regressor))
    return sm.GLM(ties, design, family=sm.families.Poisson(), exposure=np.maximum(eligible, 1e-9)).fit()


def _residual(observed, expected, chosen) -> float:
    return _log((observed[chosen].sum() + 1e-9) / (expected[chosen].sum() + 1e-9))


def _pairs(bay, observer, arrays, region) -> dict[str, float]:
    import statsmodels.api as sm

    cities, fields = len(region.city_ids), len(region.field_ids)
    index = region.city_ids.index
    jurisdiction = np.asarray(region.jurisdiction_city)
    one, two = np.triu_indices(cities, 1)
    rows = bay.firms.alive_rows()
    actors = np.zeros((cities, fields))
    np.add.at(actors, (bay.firms.city[rows].astype(int), bay.firms.field[rows].astype(int)), bay.firms.weight[rows])
    firms_only = actors.copy()
    np.add.at(actors, (bay.institutes.city.astype(int), bay.institutes.main_field.astype(int)), 1.0)
    travel = np.log1p(region.travel_minutes[:cities, :cities][one, two] / 30.0)
    found: dict[str, float] = {}

    # pairs of different jurisdictions, on expected matches
    matches = np.nansum(arrays["expected_ties"][:, :cities, :cities].astype(float), axis=0)
    matches = (matches + matches.T)[one, two]
    eligible = np.einsum("if,fg,jg->ij", actors, region.relatedness_field, actors)[one, two]
    border = jurisdiction[one] != jurisdiction[two]
    expected = pair_null(matches[border], eligible[border], travel[border])
    hk, mo = jurisdiction[index("hong_kong")], jurisdiction[index("macao")]
    kind = [frozenset(pair) for pair in zip(jurisdiction[one][border], jurisdiction[two][border], strict=True)]
    residual = {
        name: _residual(matches[border], expected, np.array([k == wanted for k in kind]))
        for name, wanted in (
            ("hm", frozenset((hk, mo))),
            ("gh", frozenset((jurisdiction[index("shenzhen")], hk))),
            ("gm", frozenset((jurisdiction[index("shenzhen")], mo))),
        )
    }
    found["hongkong_macao_first"] = residual["hm"] - residual["gh"]
    found["hongkong_macao_second"] = residual["hm"] - residual["gm"]

    # pairs of different mainland cities, on ties between firms at year ends
    nine = _mainland(region)
    inside = np.isin(one, nine) & np.isin(two, nine)
    ties, smart = np.zeros((cities, cities)), np.zeros((cities, cities))
    field = region.field_ids.index("smart_manufacturing")
    for a, b, fa, fb, weight, _, _ in observer.pairs:
        np.add.at(ties, (np.minimum(a, b), np.maximum(a, b)), weight)
        chosen = (fa == field) & (fb == field)
        np.add.at(smart, (np.minimum(a, b)[chosen], np.maximum(a, b)[chosen]), weight[chosen])
    ties, smart = ties[one, two][inside], smart[one, two][inside]
    eligible = np.einsum("if,fg,jg->ij", firms_only, region.relatedness_field, firms_only)[one, two][inside]
    expected = pair_null(ties, eligible, travel[inside])
    a, b = one[inside], two[inside]
    alike = np.isin(a, [index(c) for c in SIMILAR]) & np.isin(b, [index(c) for c in SIMILAR])
    found["similar_cities"] = -_residual(ties, expected, alike)
    per_head = np.log(region.output_city / region.population_city)
    gap = np.abs(per_head[a] - per_head[b])
    found["industry_gap"] = -np.polyfit(gap, np.log((ties + HALF) / (expected + HALF)), 1, w=np.sqrt(expected + HALF))[0]
    distance = np.log(region.distance_km[:cities, :cities][a, b])
    found["distance_slope"] = -float(_poisson(sm, ties, eligible, distance).params[1])
    possible = firms_only[a, field] * firms_only[b, field]
    expected = pair_null(smart, possible, travel[inside])
    pair = {index("guangzhou"), index("shenzhen")}
    chosen = np.array([{x, y} == pair for x, y in zip(a, b, strict=True)])
    one_tie = sum(weight.sum() for *_, weight, _, _ in observer.pairs) / max(sum(weight.size for *_, weight, _, _ in observer.pairs), 1)
    found["smart_links"] = -_log((smart[chosen].sum() + one_tie) / (expected[chosen].sum() + one_tie))  # few ties: one more on both sides

    found["similarity_hump"] = _hump(observer)
    found["border_ties"] = math.log(0.06) - _log(float(np.mean(arrays["border_tie_share"])))
    return found


def _hump(observer: Observer) -> float:
    """Density of ties by distance against pairs joined at random within the partner's city: middle over both ends."""
    tied, control, weights = [], [], []
    draw = np.random.default_rng(2)
    for _, b, _, _, weight, one, two in observer.pairs:
        order = np.arange(b.size)
        for city in np.unique(b):
            rows = np.flatnonzero(b == city)
            order[rows] = draw.permutation(rows)
        tied.append(1.0 - (one * two).sum(axis=1))
        control.append(1.0 - (one * two[order]).sum(axis=1))
        weights.append(weight)
    tied, control, weights = (np.concatenate(parts) for parts in (tied, control, weights))
    low, high = np.quantile(control, [1.0 / 3.0, 2.0 / 3.0])
    share = np.array([weights[tied <= low].sum(), weights[(tied > low) & (tied <= high)].sum(), weights[tied > high].sum()]) + HALF
    return _log(share[1] / (0.5 * (share[0] + share[2])))
