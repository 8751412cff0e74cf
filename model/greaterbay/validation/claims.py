"""Claims of the source documents as tests on runs, with the estimators that were fixed before any fitting.

Sums are pooled over quarters before dividing. Levers act from the first quarter at the plausible end furthest from neutral; a claim on a
lever that the catalogue does not have is left out. The cut run of T1 carries the same levers, seed and parameters.
"""

from __future__ import annotations

import numpy as np

from greaterbay.validation import gravity
from greaterbay.validation.ledgers import strengths
from greaterbay.validation.worlds import play, released, total

QUARTERS, SCALE = 32, 0.05
BARRIERS = ("technology", "talent", "finance")
CONVERSION = ("proof_of_concept", "shared_facilities")
TECHNOLOGY = {"invention.rate": 0.24}  # one fifth more inventions from the same research
PERIPHERY = {"L17", "L18", "L19", "L31"}
COLLABORATION = ("technology_barrier", "talent_barrier", "finance_barrier", "talent_recognition", "information_platform",
                 "alliance_sharing", "coordination_level")
CUT = ("run.cut='jurisdictions'",)


def levers_for(documents: set[str]) -> dict[str, float]:
    """Levers of the catalogue that stand for one of these document levers, at full strength."""
    from greaterbay.policy import catalogue

    full = strengths()
    return {lever.id: full[lever.id] for lever in catalogue.levers().values() if documents & set(lever.documents)}


def lever_of(named_value: str) -> dict[str, float]:
    """The lever that modifies a named value, at full strength; empty where there is none."""
    from greaterbay.policy import catalogue

    full = strengths()
    return {lever.id: full[lever.id] for lever in catalogue.levers().values() if lever.named_value == named_value}


def run(seed: int, levers=None, changes=None, watch=None, parameters=None, overrides=()):
    """A played bay."""
    bay = released(seed, scale=SCALE, years=QUARTERS / 4, levers=levers, changes=changes, parameters=parameters, overrides=overrides)
    return play(bay, QUARTERS, watch)


def value_converted(bay) -> float:
    """Value-weighted conversions of the run."""
    return float(total(bay, "conversions_value").sum())


def core_share(bay, quarters: slice) -> float:
    """Share of the periphery's learning that comes from core partners."""
    outer = ~bay.region.core_city
    return float(total(bay, "learning_from_core", quarters)[outer].sum() / total(bay, "learning", quarters)[outer].sum())


def ties_of_city(bay) -> np.ndarray:
    """Ties by city, mean of the run (C,)."""
    return sum(total(bay, name) for name in ("ties_inside", "ties_jurisdiction", "ties_border")) / QUARTERS


def measure(seed: int) -> dict[str, float]:
    """Claims on synergy, the periphery, conversion, alliances, platforms, barriers, policy with technology (all but T2, T4, T5, T7)."""
    speed = []

    def watch(bay, phase):
        if phase == 4:
            watch.progress = (bay.inventions.progress.copy(), bay.inventions.stage.copy(), bay.inventions.id.copy())
        elif phase == 5:
            before, stage, ids = watch.progress
            table = bay.inventions
            same = (table.alive[: ids.size] == 1) & (table.id[: ids.size] == ids) & (table.stage[: ids.size] == stage) & (stage < 4)
            gain = table.progress[: ids.size] - before
            moved = same & (gain > 0.0)
            placed = table.facility[: ids.size] == 1
            speed.append([gain[moved & placed].sum(), (moved & placed).sum(), gain[moved & ~placed].sum(), (moved & ~placed).sum()])

    base = run(seed)
    region, full = base.region, strengths()
    outer = ~region.core_city
    start, end = slice(0, 8), slice(QUARTERS - 16, QUARTERS)
    together = {name: full[name] for name in COLLABORATION}
    out = {"t1_baseline": value_converted(base) / value_converted(run(seed, overrides=CUT)),
           "t1_levers": value_converted(run(seed, together)) / value_converted(run(seed, together, overrides=CUT))}
    out |= {"t3_trend": core_share(base, end) - core_share(base, start)}
    served = run(seed, levers_for(PERIPHERY))
    out["t3_levers"] = core_share(served, end) - core_share(base, end)

    institutes = np.bincount(base.institutes.city, weights=base.institutes.staff, minlength=outer.size)
    first = (institutes.argmax(), total(base, "rd_private", end).argmax(), region.overseas_links_city.argmax())
    roles = ("guangzhou", "shenzhen", "hong_kong")
    out["t6_order"] = float(np.mean([region.city_ids[at] == name for at, name in zip(first, roles, strict=True)]))

    def in_market(bay):
        return float(total(bay, "inventions_in_market", slice(-1, None)).sum() / total(bay, "inventions_in_force", slice(-1, None)).sum())

    out["t8_share"] = in_market(base)
    services = {name: full[name] for name in CONVERSION}
    with_services = run(seed, services, watch=watch)
    out["t8_services"] = in_market(with_services) - in_market(base)
    placed, n_placed, free, n_free = np.sum(speed, axis=0)
    out["t9_time"] = float((free / n_free) / (placed / n_placed))

    alone = run(seed, parameters={"partnering.alliance_members": 0.0})
    out["t10_alliances"] = float(np.log(ties_of_city(base).sum() / ties_of_city(alone).sum()))

    cover, credit = levers_for({"M14"}), lever_of("credit_data")
    if cover:
        out["t11_insurance"] = float(np.log(total(run(seed, cover), "adoptions").sum() / total(base, "adoptions").sum()))
    if credit:
        kinds = base.record.arrays()["firms_kind"][-1, :, :2], run(seed, credit).record.arrays()["firms_kind"][-1, :, :2]
        out["t12_credit"] = float(np.log(np.nansum(kinds[1]) / np.nansum(kinds[0])))

    gain = np.log(ties_of_city(run(seed, {"information_platform": full["information_platform"]})) / ties_of_city(base))
    size = region.firms_city
    out["t13_platform"] = float(np.average(gain[outer], weights=size[outer]) - np.average(gain[~outer], weights=size[~outer]))

    reference = value_converted(base)
    single = [float(np.log(value_converted(run(seed, {f"{kind}_barrier": 0.0})) / reference)) for kind in BARRIERS]
    out |= {f"t14_{kind}": value for kind, value in zip(BARRIERS, single, strict=True)}
    together = float(np.log(value_converted(run(seed, {f"{kind}_barrier": 0.0 for kind in BARRIERS})) / reference))
    out["t14_together"] = together - max(single)

    policy, technology = value_converted(with_services), value_converted(run(seed, changes=TECHNOLOGY))
    both = value_converted(run(seed, services, TECHNOLOGY))
    out["t15_levels"] = (both - policy - technology + reference) / reference
    out["t15_logs"] = float(np.log(both * reference / (policy * technology)))
    return out


def pairs(seed: int) -> dict:
    """What the claims on pairs of cities and firms need: expected matches, eligible actors, ties in one industry, slopes."""
    watcher = gravity.Watcher(seed)
    smart: list = []

    def watch(bay, phase):
        watcher(bay, phase)
        if phase == 10 and (bay.quarter - bay.start) % 4 == 3:
            smart.append(ties_in(bay, "smart_manufacturing"))

    bay = play(released(seed, scale=SCALE), gravity.QUARTERS, watch)
    cities = len(bay.region.city_ids)
    expected = bay.record.arrays()["expected_ties"][:, :cities, :cities].astype(float).sum(axis=0)
    firm_firm = np.concatenate(watcher.rows[0])
    distance = firm_firm[:, -1]
    hump = np.column_stack((firm_firm[:, 3:6], distance, distance**2, firm_firm[:, 7:12]))
    curve, _ = gravity.fit(firm_firm, hump)
    slopes = [gravity.fit(np.concatenate(watcher.rows[kind]))[0][1] for kind in (0, 1)]
    p = bay.parameters.partnering
    equal = gravity.estimated(seed, {"partnering.travel_firm_institute": p.travel_firm_firm}, (0, 1))
    rows = bay.firms.alive_rows()
    fields = len(bay.region.field_ids)
    actors = np.zeros((cities, fields))
    np.add.at(actors, (bay.firms.city[rows], bay.firms.field[rows]), bay.firms.weight[rows])
    schools = np.zeros((cities, fields))
    np.add.at(schools, bay.institutes.city, bay.institutes.field_weight * bay.institutes.staff[:, None])
    return {"expected": expected.tolist(), "actors": actors.tolist(), "schools": schools.tolist(),
            "smart": np.sum(smart, axis=0).tolist(), "curve": [float(curve[3]), float(curve[4])],
            "steeper": float(slopes[1] - slopes[0]), "steeper_equal": float(equal[1][0][1] - equal[0][0][1])}


def ties_in(bay, field: str) -> np.ndarray:
    """Weighted ties between firms of one field by pair of cities (C, C)."""
    f, count, cities = bay.region.field_ids.index(field), bay.institutes.capacity, len(bay.region.city_ids)
    ties = bay.ties.alive_rows()
    ties = ties[bay.ties.type[ties] == 0]
    a, b = bay.ties.a[ties] - count, bay.ties.b[ties] - count
    here = (bay.firms.field[a] == f) & (bay.firms.field[b] == f)
    out = np.zeros((cities, cities))
    np.add.at(out, (bay.firms.city[a[here]], bay.firms.city[b[here]]), bay.ties.weight[ties[here]])
    return out + out.T


def gather_pairs(found: list[dict]):
    """T2, T4, T5, T7: means over seeds; T7 pools the seeds, with a jackknife."""
    from greaterbay.region import load_region
    from greaterbay.validation.checks import Measured, mean_interval

    region = load_region("gba")
    out = {
        "t2_residual": mean_interval([border_residual(region, np.array(one["expected"]), np.array(one["actors"]), np.array(one["schools"]))
                                      for one in found]),
        "t4_rises": mean_interval([one["curve"][0] for one in found]), "t4_falls": mean_interval([one["curve"][1] for one in found]),
        "t5_steeper": mean_interval([one["steeper"] - one["steeper_equal"] for one in found]),
    }
    ties = np.array([one["smart"] for one in found])
    actors = np.mean([np.array(one["actors"])[:, region.field_ids.index("smart_manufacturing")] for one in found], axis=0)
    whole = _pair_residual(region, ties.sum(axis=0), np.outer(actors, actors), "guangzhou", "shenzhen")
    if len(found) > 1:
        left = [_pair_residual(region, ties.sum(axis=0) - one, np.outer(actors, actors), "guangzhou", "shenzhen") for one in ties]
        error = float(np.sqrt((len(left) - 1) / len(left) * ((np.array(left) - np.mean(left)) ** 2).sum()))
        out["t7_guangzhou_shenzhen"] = Measured(whole, whole - 1.96 * error, whole + 1.96 * error)
    else:
        out["t7_guangzhou_shenzhen"] = Measured(whole, None, None)
    return out


def _null(made: np.ndarray, chances: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Expected numbers from a Poisson regression on the log of chances (coefficient one) and travel."""
    import statsmodels.api as sm

    terms = np.column_stack((np.ones(made.size), np.log1p(minutes / 30.0)))
    return sm.GLM(made, terms, family=sm.families.Poisson(), exposure=chances).fit().fittedvalues


def _pair_residual(region, made: np.ndarray, chances: np.ndarray, one: str, two: str) -> float:
    """Log of observed over expected for one pair, the null fitted on all pairs of different cities."""
    a, b = np.triu_indices(len(region.city_ids), 1)
    possible = chances[a, b] > 0.0
    a, b = a[possible], b[possible]
    expected = _null(made[a, b], chances[a, b], region.travel_minutes[a, b])
    at = np.flatnonzero((region.city_ids.index(one) == np.minimum(a, b)) & (region.city_ids.index(two) == np.maximum(a, b)))
    return float(np.log(max(made[a, b][at[0]], 1e-9) / expected[at[0]]))


def border_residual(region, made: np.ndarray, actors: np.ndarray, schools: np.ndarray) -> float:
    """T2: log residual of Hong Kong - Macao less the larger one of Guangdong's with either, on pairs in different jurisdictions.

    Chances: actors by type and related field, firms with firms, firms with institutes, institutes with institutes (institutes by staff,
    in the proportion that fits the bay's matches between different cities of Guangdong).
    """
    from scipy.optimize import nnls

    at, related = region.jurisdiction_city, region.relatedness_field
    a, b = np.triu_indices(len(region.city_ids), 1)
    firm = actors @ related @ actors.T
    mixed = actors @ related @ schools.T
    mixed = mixed + mixed.T
    school = schools @ related @ schools.T
    same = at[a] == at[b]
    minutes = np.exp(-region.travel_minutes / 60.0)
    parts = np.column_stack([(part * minutes)[a, b][same] for part in (firm, mixed, school)])
    scale = parts.mean(axis=0)
    weight, _ = nnls(parts / scale, made[a, b][same])
    chances = sum(w / s * part for w, s, part in zip(weight, scale, (firm, mixed, school), strict=True))
    cross = ~same
    observed, expected = made[a, b][cross], _null(made[a, b][cross], chances[a, b][cross], region.travel_minutes[a, b][cross])
    names = [frozenset((region.jurisdiction_ids[at[i]], region.jurisdiction_ids[at[j]])) for i, j in zip(a[cross], b[cross], strict=True)]

    def residual(one: str, two: str) -> float:
        these = np.array([name == {one, two} for name in names])
        return float(np.log(observed[these].sum() / expected[these].sum()))

    return residual("hong_kong", "macao") - max(residual("guangdong", "hong_kong"), residual("guangdong", "macao"))
