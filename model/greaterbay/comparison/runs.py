"""Scenarios to a pairing: run what is not stored, match budgets, cut twins, stop when it is precise enough."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from greaterbay import checked
from greaterbay.comparison import budget, effects, precise, synergy, values
from greaterbay.comparison.pairs import Pairing, opened
from greaterbay.comparison.study import Study, compare, horizons_of, label_of
from greaterbay.runner import ensemble, store
from greaterbay.runner.results import RunsError, StoredRun
from greaterbay.scenario import notices

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """What a comparison is asked; see ``greaterbay compare --help``."""

    outcomes: tuple[str, ...] = ()
    horizons: tuple[int, ...] = ()
    targets: tuple[values.Target, ...] = ()
    precision: tuple[precise.Precision, ...] = ()
    equal_budget: bool = False
    synergy: bool = False
    mixed: bool = False


@dataclass
class Answer:
    """A study, the pairing it was read from (open while ``files`` is), and replicates that failed by scenario."""

    study: Study
    pairing: Pairing
    files: ExitStack
    failed: dict[str, list[int]] = field(default_factory=dict)
    matches: list[budget.Match] = field(default_factory=list)


class Runner:
    """Runs scenarios into a store and remembers what failed."""

    def __init__(self, out: Path, jobs: int, on_progress: Callable | None, scheduler: str | None = None) -> None:
        self.out, self.jobs, self.on_progress, self.scheduler = out, checked.jobs(jobs), on_progress, scheduler
        self.failed: dict[str, list[int]] = {}

    def run(self, scenarios: Sequence, numbers: Sequence[int]) -> list[Path]:
        """Result files of scenarios with these replicates; refused where one has none that succeeded."""
        runs = ensemble.run_scenarios(
            list(scenarios), list(numbers), self.out, self.jobs, self.on_progress, scheduler=self.scheduler or None)
        self.failed |= {run.scenario: sorted(run.failed) for run in runs if run.failed}
        lost = [run for run in runs if run.path is None]
        if lost:
            raise RunsError("\n".join(f"every replicate of {run.scenario} failed: {next(iter(run.failed.values()))}" for run in lost))
        return [run.path for run in runs if run.path is not None]

    def spent(self, scenario, numbers: Sequence[int]) -> budget.Spent:
        """What a scenario spends on these replicates."""
        (path,) = self.run([scenario], numbers)
        data = store.open_result(path)
        with data:
            return spent_by(StoredRun.of(data, path), numbers)


def spent_by(run: StoredRun, numbers: Sequence[int]) -> budget.Spent:
    """Discounted spending over the whole run, spending by lever, and the smallest disbursement."""
    rows = [run.info.replicates.index(number) for number in numbers if number in run.info.replicates]
    if len(rows) < len(numbers):
        raise RunsError(f"{run.scenario}: replicates failed, so that its spending is not known on the same random numbers")
    total = np.nansum(run.values("public_cost_present")[rows], axis=(1, 2))
    by_lever = np.nan_to_num(run.values("public_cost_lever")[rows])  # (replicate, quarter, payer, lever)
    paid = by_lever[by_lever > 0.0]
    lever = {name: by_lever[..., k].sum(axis=(1, 2)) for k, name in enumerate(run.labels("lever"))}
    return budget.Spent(total, lever, float(paid.min()) if paid.size else 0.0)


def answer(
    policies: Sequence, against, question: Question, runner: Runner, numbers: Sequence[int], say: Callable[[str], None] = lambda text: None
) -> Answer:
    """Compare policies (loaded scenarios, or paths of result files) with ``against``, running what is needed.

    The caller closes ``files``. Raises RunsError, RunError, StoreError with everything that is wrong.
    """
    if question.equal_budget and len(policies) < 2:
        raise RunsError("--budget-equal needs two policies or more: the others are matched to the first")
    matches: list[budget.Match] = []
    if question.equal_budget or any(_wish(one) for one in [*policies, against]):
        policies, matches = _matched(list(policies), against, question.equal_budget, runner, numbers)
        for done in matches:
            say(done.words())
    if question.precision:
        most = len(numbers)
        used = precise.run_until(most, lambda count: _widths(policies, against, question, runner, list(numbers)[:count]), say)
        numbers = list(numbers)[:used]
    paths = _paths([against, *policies], runner, numbers)
    twins = _twins([against, *policies], paths, runner, numbers) if question.synergy else []
    with ExitStack() as stack:
        pairing = stack.enter_context(opened(paths[1:], paths[0], question.mixed))
        study = compare(pairing, question.outcomes, question.horizons, question.targets)
        study.budget = matches
        names = (study.against, *study.policies)
        study.notes += notices.of_runs((name, run.manifest) for name, run in zip(names, pairing.runs, strict=True))
        for name, run, twin in zip((study.against, *study.policies), pairing.runs, twins, strict=False):
            data = stack.enter_context(store.open_result(twin))
            cut = StoredRun.of(data, twin)
            common = sorted(set(pairing.numbers) & set(cut.info.replicates))
            found = synergy.indices(name, run, cut, common)
            study.synergy += found
            study.notes += [
                (
                    f"{name}: {measure} of {group}: no synergy index, because too little is reached alone for an interval",
                    f"{name}：{label_of(measure, 'zh')}（{group}）没有协同指数：单独时达到的太少，无法给出区间",
                )
                for measure, group in synergy.left_out(found, run)
            ]
        return Answer(study, pairing, stack.pop_all(), runner.failed, matches)


def _wish(policy) -> str:
    """The scenario whose budget a scenario wants to have; empty where it says none."""
    return getattr(policy, "budget", "") or ""


def _is_file(policy) -> bool:
    return isinstance(policy, (str, Path))


def _matched(policies: list, against, all_to_first: bool, runner: Runner, numbers: Sequence[int]) -> tuple[list, list]:
    """Policies at equal public money, and what was done to them."""
    from greaterbay.scenario.load import load_scenario

    stored = [str(one) for one in policies if _is_file(one)]
    if stored and all_to_first:
        raise RunsError(f"{', '.join(stored)}: a stored run cannot be scaled to a budget; give the scenario")
    known = {one.id: one for one in [against, *policies] if not _is_file(one)}
    spent: dict[tuple[str, int], budget.Spent] = {}

    def spend(scenario, wanted: Sequence[int]) -> budget.Spent:
        return runner.spent(scenario, wanted)

    def spend_like(scenario) -> Callable[[Sequence[int]], budget.Spent]:
        def of(wanted: Sequence[int]) -> budget.Spent:
            key = scenario.id, len(wanted)
            if key not in spent:
                spent[key] = spend(scenario, wanted)
            return spent[key]

        return of

    found, matches = [], []
    for place, policy in enumerate(policies):
        wish = policies[0].id if all_to_first and place else ("" if _is_file(policy) else _wish(policy).removeprefix("same_as:"))
        if not wish:
            found.append(policy)
            continue
        settings = policy.run
        like = known.get(wish) or load_scenario(wish)
        like = replace(like, run=replace(settings), budget="")
        if like.id == policy.id:
            raise RunsError(f"{policy.id}: its budget cannot be that of itself")
        result, done = budget.match(replace(policy, budget=""), like.id, spend_like(like), spend, numbers)
        found.append(result)
        matches.append(done)
    return found, matches


def _paths(policies: Sequence, runner: Runner, numbers: Sequence[int]) -> list[Path]:
    """Result files of all policies, those that are scenarios run together so that they share warm-ups."""
    scenarios = [one for one in policies if not _is_file(one)]
    made = iter(runner.run(scenarios, numbers) if scenarios else [])
    return [Path(one) if _is_file(one) else next(made) for one in policies]


def _twins(policies: Sequence, paths: Sequence[Path], runner: Runner, numbers: Sequence[int]) -> list[Path]:
    """Cut twins of all policies: run, or found beside a stored run."""
    scenarios = [
        replace(one, id=one.id + synergy.SUFFIX, run=replace(one.run, cut="jurisdictions")) for one in policies if not _is_file(one)
    ]
    made = iter(runner.run(scenarios, numbers) if scenarios else [])
    found, missing = [], []
    for policy, path in zip(policies, paths, strict=True):
        twin = path.with_name(path.stem + synergy.SUFFIX + path.suffix) if _is_file(policy) else next(made)
        if not twin.is_file():
            missing.append(
                f"{path}: --synergy needs its cut twin {twin}; give the scenario instead, or run it with"
                f" --set 'run.cut=\"jurisdictions\"' --set 'id=\"{path.stem}{synergy.SUFFIX}\"'"
            )
        found.append(twin)
    if missing:
        raise RunsError("\n".join(missing))
    return found


def _widths(policies: Sequence, against, question: Question, runner: Runner, numbers: Sequence[int]) -> dict[str, tuple[float, float]]:
    """Half width of the 90 % interval and what is wanted, for each policy and outcome of the precision rule at each horizon."""
    paths = _paths([against, *policies], runner, numbers)
    found = {}
    with opened(paths[1:], paths[0], question.mixed) as pairing:
        everywhere = {values.ALL: pairing.reference.inside()}
        for wanted in question.precision:
            levels = [values.yearly(run, wanted.outcome, everywhere)[values.ALL][pairing.rows(run)] for run in pairing.runs]
            for year in horizons_of(pairing, question.horizons):
                base, *others = (values.upto(run, wanted.outcome, level, year) for run, level in zip(pairing.runs, levels, strict=True))
                for run, ours in zip(pairing.policies, others, strict=True):
                    half = precise.half_width(effects.by_draw(ours - base, pairing.draw))
                    found[f"{run.scenario}, {wanted.outcome} in {year}"] = (half, wanted.width)
    return found
