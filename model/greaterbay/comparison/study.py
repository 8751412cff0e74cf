"""The comparison: policies against a reference, outcome by outcome, with certainty, ranking, cost and who gains.

``compare`` reads a pairing and returns a ``Study`` of plain values; tables, files and pictures are made from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from greaterbay import checked
from greaterbay import outputs as declared
from greaterbay.comparison import effects, flows, ranking, spread, values
from greaterbay.comparison.paired import Effect, effect_of, known
from greaterbay.comparison.pairs import Pairing
from greaterbay.comparison.values import ALL, Target
from greaterbay.runner.results import RunsError, StoredRun

REFERENCE_HORIZON = 2030


@dataclass(frozen=True)
class Place:
    """Where a policy stands in the order of all, for one outcome and horizon."""

    policy: str
    outcome: str
    horizon: int
    rank: int
    best: float
    chances: tuple[float, ...]
    regret: float
    stable: float
    agreement: float


@dataclass(frozen=True)
class Price:
    """Public cost of a policy up to a horizon (present value, million CNY) and what it bought.

    ``economic`` holds the marginal cost of funds of additional money. ``per_unit`` is economic cost per unit of the effect
    (flows summed up to the horizon) and None where the effect is not clearly unlike zero. ``frontier`` says whether no other
    policy does more for no more money, ``frontier_chance`` in which share of samples.
    """

    policy: str
    outcome: str
    horizon: int
    financing: str
    cost: float
    cost_low: float | None
    cost_high: float | None
    economic: float
    effect: float
    effect_low: float | None
    effect_high: float | None
    per_unit: float | None
    per_unit_low: float | None
    per_unit_high: float | None
    frontier: bool
    frontier_chance: float


@dataclass(frozen=True)
class Met:
    """Share of replicates in which a run meets a target at a horizon, with its 90 % interval."""

    policy: str
    target: str
    horizon: int
    share: float
    low: float
    high: float


@dataclass
class Study:
    """All that was found. ``curves`` holds by (policy, outcome) the paired differences of each year, (pair, year), for pictures;
    for the reference its levels. ``titles`` of policies, ``names`` of cities, jurisdictions and technologies, and ``notes`` are
    in English and Chinese.
    """

    against: str
    policies: tuple[str, ...]
    titles: dict[str, tuple[str, str]]
    outcomes: tuple[str, ...]
    horizons: tuple[int, ...]
    pairs: int
    draws: int
    years: tuple[int, ...]
    mixed: tuple[str, ...]
    equal: tuple[str, ...]
    effects: list[Effect] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)
    targets: list[Met] = field(default_factory=list)
    spread: list = field(default_factory=list)
    flows: list = field(default_factory=list)
    synergy: list = field(default_factory=list)
    budget: list = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    curves: dict = field(default_factory=dict)
    posterior: str = ""

    def effect(self, policy: str, outcome: str, horizon: int, group: str = ALL) -> Effect | None:
        """One effect, or None where there is none."""
        wanted = (policy, outcome, horizon, group)
        return next((one for one in self.effects if (one.policy, one.outcome, one.horizon, one.group) == wanted), None)


def key_of(run: StoredRun) -> str:
    """Name of a run in a comparison: its scenario, with a tag where several bear one title."""
    return f"{run.scenario} ({run.tag})" if run.tag and run.tag != run.scenario else run.scenario


def compare(pairing: Pairing, outcomes: Sequence[str] = (), horizons: Sequence[int] = (), targets: Sequence[Target] = ()) -> Study:
    """Compare all policies of a pairing with its reference.

    ``outcomes``: declared outputs; the headline outcomes where none is given. ``horizons``: complete years that all runs
    cover; the last one, and 2030 where it is covered, by default. Raises RunsError for what cannot be compared.
    """
    runs, reference = pairing.runs, pairing.reference
    horizons = horizons_of(pairing, horizons)
    outcomes = _outcomes(pairing, outcomes)
    lacking = [
        f"{run.path or run.scenario}: holds no {one.outcome}" for run in runs for one in targets if not values.holds(run, one.outcome)
    ]
    if lacking:
        raise RunsError("\n".join(lacking))
    keys = {id(run): key_of(run) for run in runs}
    draw = pairing.draw
    study = Study(
        keys[id(reference)],
        tuple(keys[id(run)] for run in pairing.policies),
        {keys[id(run)]: (run.label("en"), run.label("zh")) for run in runs},
        outcomes,
        horizons,
        len(pairing.numbers),
        len(np.unique(draw)) if draw is not None else 0,
        tuple(pairing.years),
        pairing.mixed,
        pairing.equal,
    )
    study.names = values.readable_names(runs)
    study.posterior = reference.posterior_name
    members = values.groups(reference)
    base = {name: _yearly(pairing, reference, name, members) for name in outcomes}
    found: dict[str, dict[str, dict[str, np.ndarray]]] = {}
    for run in pairing.policies:
        found[keys[id(run)]] = {name: _yearly(pairing, run, name, members) for name in outcomes}
    for name in outcomes:
        study.curves[study.against, name] = _cut(pairing, reference, base[name][ALL])
    for policy, run in zip(study.policies, pairing.policies, strict=True):
        for name in outcomes:
            thin = values.thin_cities([reference, run], name)
            study.curves[policy, name] = _cut(pairing, run, found[policy][name][ALL]) - _cut(pairing, reference, base[name][ALL])
            for horizon in horizons:
                for group in members:
                    if group not in base[name]:
                        continue
                    a, b = (
                        values.upto(one, name, series, horizon)
                        for one, series in ((run, found[policy][name][group]), (reference, base[name][group]))
                    )
                    effect = effect_of(a, b, draw, policy=policy, outcome=name, horizon=horizon, group=group, thin=group in thin)
                    if effect is not None:
                        study.effects.append(effect)
    study.effects = _adjusted(study.effects)
    for horizon in horizons:
        _rank(study, pairing, base, found, horizon)
    for target in targets:
        for policy, run in zip((study.against, *study.policies), runs, strict=True):
            series = _yearly(pairing, run, target.outcome, {ALL: members[ALL]})[ALL]
            for horizon in horizons:
                level = values.upto(run, target.outcome, series, horizon)
                level = level[np.isfinite(level)]
                if level.size:
                    met = target.met(level)
                    bounds = effects.share_interval(int(met.sum()), met.size)
                    study.targets.append(Met(policy, str(target), horizon, float(met.mean()), bounds.low, bounds.high))
    study.flows = [
        change
        for policy, run in zip(study.policies, pairing.policies, strict=True)
        for change in flows.changes(pairing, run, policy, max(horizons))
    ]
    study.spread = [row for policy, run in zip(study.policies, pairing.policies, strict=True) for row in spread.rows(pairing, run, policy)]
    study.notes += _notes(study)
    return study


def horizons_of(pairing: Pairing, wanted: Sequence[int]) -> tuple[int, ...]:
    """The years to report; those wanted must be complete years of all runs."""
    wanted, covered = checked.integers("horizons", wanted), pairing.years
    unknown = [year for year in wanted if year not in covered]
    if unknown:
        raise RunsError(f"--horizon {', '.join(map(str, unknown))}: not a whole year of all runs; allowed: {covered[0]} to {covered[-1]}")
    if wanted:
        return tuple(sorted(set(wanted)))
    return tuple(year for year in dict.fromkeys((REFERENCE_HORIZON, covered[-1])) if year in covered)


def _outcomes(pairing: Pairing, wanted: Sequence[str]) -> tuple[str, ...]:
    names = list(dict.fromkeys(wanted or values.headlines()))
    for name in names:
        values.outcome(name)
    lacking = {name: [run.path.name if run.path else run.scenario for run in pairing.runs if not values.holds(run, name)] for name in names}
    if wanted and any(lacking.values()):
        raise RunsError("\n".join(f"{', '.join(files)}: holds no {name}" for name, files in lacking.items() if files))
    kept = tuple(name for name in names if not lacking[name])
    if not kept:
        raise RunsError("the files hold none of the headline outcomes; name others with --outcomes")
    return kept


def _yearly(pairing: Pairing, run: StoredRun, name: str, members: dict) -> dict[str, np.ndarray]:
    rows = pairing.rows(run)
    return {group: series[rows] for group, series in values.yearly(run, name, members).items()}


def _cut(pairing: Pairing, run: StoredRun, series: np.ndarray) -> np.ndarray:
    """Years that all runs cover."""
    return series[:, [run.full_years.index(year) for year in pairing.years]]


def _adjusted(found: list[Effect]) -> list[Effect]:
    """Holm over policies x outcomes at each horizon, the whole region."""
    for horizon in dict.fromkeys(one.horizon for one in found):
        main = [k for k, one in enumerate(found) if one.group == ALL and one.horizon == horizon]
        adjusted = effects.holm(np.array([math.nan if found[k].p is None else found[k].p for k in main]))
        for k, value in zip(main, adjusted, strict=True):
            found[k] = replace(found[k], p_holm=known(value))
    return found


def _rank(study: Study, pairing: Pairing, base: dict, found: dict, horizon: int) -> None:
    """Places and prices of all policies (and the reference) for each outcome."""
    runs, reference = pairing.policies, pairing.reference
    names = [study.against, *study.policies]
    costs = [values.present_cost(run, horizon)[pairing.rows(run)] for run in pairing.runs]
    factors = [values.funds_factor(run) for run in pairing.runs]
    more = [effects.by_draw(cost - costs[0], pairing.draw) for cost in costs]
    cost_bounds = [effects.mean_interval(one, effects.OUTER) for one in more]
    for name in study.outcomes:
        sign = values.direction(name)
        level = np.stack(
            [
                values.upto(run, name, series[name][ALL], horizon)
                for run, series in [(reference, base), *((r, found[p]) for p, r in zip(study.policies, runs, strict=True))]
            ],
            axis=1,
        )
        total = np.stack(
            [
                values.cumulated(run, name, series[name][ALL], horizon)
                for run, series in [(reference, base), *((r, found[p]) for p, r in zip(study.policies, runs, strict=True))]
            ],
            axis=1,
        )
        fine = np.isfinite(level).all(axis=1) & np.isfinite(total).all(axis=1)
        if fine.sum() < 2:
            continue
        draw = None if pairing.draw is None else pairing.draw[fine]
        difference = sign * (level[fine] - level[fine, :1])
        ranks = ranking.rank(effects.samples(difference, draw))
        for position, k in enumerate(ranks.order):
            study.places.append(
                Place(
                    names[k],
                    name,
                    horizon,
                    position + 1,
                    float(ranks.best[k]),
                    tuple(map(float, ranks.chance[k])),
                    float(ranks.regret[k]),
                    ranks.stable,
                    ranks.agreement,
                )
            )
        spent = np.stack([factor * (cost - costs[0]) for factor, cost in zip(factors, costs, strict=True)], axis=1)[fine]
        gained = sign * (total[fine] - total[fine, :1])
        joint = effects.samples(np.concatenate((gained, spent), axis=1), draw)
        gained, spent = effects.by_draw(gained, draw), effects.by_draw(spent, draw)  # draws are the independent units
        on = ranking.frontier(gained.mean(axis=0), spent.mean(axis=0))
        often = ranking.frontier_chance(joint[:, : len(names)], joint[:, len(names) :])
        for k, policy in enumerate(names):
            bounds = effects.mean_interval(gained[:, k], effects.OUTER)
            clear = k > 0 and bounds is not None and not bounds.covers(0.0) and spent[:, k].any()
            ratio = effects.fieller(spent[:, k], gained[:, k]) if clear else None
            financing = pairing.runs[k].manifest["scenario"].get("financing", "additional")
            cost = cost_bounds[k]
            study.prices.append(
                Price(
                    policy,
                    name,
                    horizon,
                    financing,
                    float(more[k].mean()),
                    cost.low if cost else None,
                    cost.high if cost else None,
                    float(spent[:, k].mean()),
                    float(gained[:, k].mean()),
                    bounds.low if bounds else None,
                    bounds.high if bounds else None,
                    float(spent[:, k].mean() / gained[:, k].mean()) if ratio else None,
                    ratio.low if ratio else None,
                    ratio.high if ratio else None,
                    bool(on[k]),
                    float(often[k]),
                )
            )


def _notes(study: Study) -> list[tuple[str, str]]:
    notes = [(f"MIXED RUNS, pairs are doubtful: {reason}", f"混合运行，配对存疑：{reason}") for reason in study.mixed]
    notes += [
        (f"{name}: no difference, its digest is that of {study.against}", f"{name}：无差别，其摘要与 {study.against} 相同")
        for name in study.equal
    ]
    if not study.draws:
        notes.append(
            (
                "parameters are held fixed: intervals say how sure the mean effect is, not how it depends on parameters",
                "参数固定不变：区间只说明平均效应的把握程度，不说明其对参数的依赖",
            )
        )
    else:
        notes.append(
            (
                f"parameters vary: {study.pairs} pairs on {study.draws} draws of posterior {study.posterior}",
                f"参数随抽样变化：{study.pairs} 对，取自后验 {study.posterior} 的 {study.draws} 组参数",
            )
        )
    if study.draws and all(one.share_parameters is None for one in study.effects):
        notes.append(
            (
                "one run a parameter draw: parameters and run noise cannot be told apart, intervals hold both",
                "每组参数只运行一次：参数与运行噪声无法区分，区间包含两者",
            )
        )
    if study.pairs < 10:
        notes.append((f"{study.pairs} pair{'s' if study.pairs != 1 else ''}: rough", f"仅 {study.pairs} 对：结果粗略"))
    return notes


def label_of(name: str, lang: str) -> str:
    """Label of an outcome without what stands in brackets."""
    output = declared.get(name)
    return output.label_zh.partition("(")[0] if lang == "zh" else output.label.partition(" (")[0]
