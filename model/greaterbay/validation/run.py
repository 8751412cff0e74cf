"""Which experiments there are, and how a suite is run: every (experiment, seed) is one task, spread over processes.

A task depends on the seed alone, so any number of processes gives the same numbers. Experiments that only call a mechanism on a given
network are cheap and get more seeds (``factor``).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from greaterbay import checked
from greaterbay.validation.checks import SUITES, Answer, Check, answers, by_seed, declared

THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Experiment:
    """What measures some checks: ``measure(seed)`` in a module of this package, put together by ``gather`` (means over seeds if None)."""

    id: str
    suite: str
    measure: str
    gather: str | None = None
    factor: int = 1


EXPERIMENTS = (
    Experiment("barter", "literature", "barter:measure", "barter:gather", 4),
    Experiment("contagion", "literature", "contagion:measure", None, 3),
    Experiment("proximity", "literature", "proximity:measure"),
    Experiment("universities", "literature", "universities:measure", None, 2),
    Experiment("training", "literature", "training:measure", None, 2),
    Experiment("brander", "literature", "venture:brander", "venture:gather_brander"),
    Experiment("howell", "literature", "venture:howell"),
    Experiment("gravity", "gravity", "gravity:measure", "gravity:gather"),
    Experiment("regularities", "regularities", "regularities:measure"),
    Experiment("claims", "claims", "claims:measure"),
    Experiment("claim_pairs", "claims", "claims:pairs", "claims:gather_pairs"),
    Experiment("invariants", "invariants", "ledgers:measure", "ledgers:gather"),
    Experiment("null", "null", "nulls:measure", "nulls:gather", 2),
)


@dataclass(frozen=True)
class Failed:
    """An experiment that could not be measured with some seed."""

    experiment: str
    seed: int
    text: str


def every_check() -> dict[str, Check]:
    """Declared checks, one for each invariant of the books and one for each mechanism."""
    from greaterbay.books import INVARIANTS
    from greaterbay.validation import nulls

    found = dict(declared())
    for name, function in INVARIANTS.items():
        what = " ".join(function.__doc__.split())
        found[f"books_{name}"] = Check(f"books_{name}", "invariants", "invariants", "run", what, f"账目恒等:{what}", "identity", 0.0, 1.0)
    return found | nulls.checks()


def _function(name: str) -> Callable:
    module, function = name.split(":")
    return getattr(importlib.import_module(f"greaterbay.validation.{module}"), function)


def task(experiment: Experiment, seed: int) -> Mapping:
    """Measure one experiment with one seed (in any process)."""
    return _function(experiment.measure)(seed)


def seeds_of(experiment: Experiment, seeds: int) -> int:
    """Seeds that an experiment gets; the books need no sample."""
    return min(seeds, 2) if experiment.id == "invariants" else seeds * experiment.factor


def chosen(suites: Sequence[str]) -> list[Experiment]:
    """Experiments of these suites (all of them for ``all``)."""
    wanted = set(SUITES) if "all" in suites else set(suites)
    return [experiment for experiment in EXPERIMENTS if experiment.suite in wanted]


def results(experiments: Sequence[Experiment], seeds: int, jobs: int) -> Iterator[tuple[Experiment, int, Mapping | Failed]]:
    """What each task measured, in the order of completion."""
    tasks = [(experiment, seed) for experiment in experiments for seed in range(seeds_of(experiment, seeds))]
    if jobs <= 1:
        for experiment, seed in tasks:
            yield experiment, seed, _tried(experiment, seed)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    kept = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=multiprocessing.get_context("spawn")) as pool:
            waiting = {pool.submit(_tried, experiment, seed): (experiment, seed) for experiment, seed in tasks}
            for done in as_completed(waiting):
                yield *waiting[done], done.result()
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _tried(experiment: Experiment, seed: int) -> Mapping | Failed:
    try:
        return task(experiment, seed)
    except Exception as error:  # one experiment that breaks must not lose the others
        return Failed(experiment.id, seed, f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class Outcome:
    """Answers of a run of suites, what could not be measured, and the raw numbers by experiment (in the order of seeds)."""

    answers: list[Answer]
    failed: list[Failed]
    raw: dict[str, list[Mapping]]


def validate(suites: Sequence[str] = ("literature",), seeds: int = 8, jobs: int = 1,
             progress: Callable[[int, int, str], None] | None = None, only: Sequence[str] | None = None) -> Outcome:
    """Run suites and grade their checks; ``only`` names experiments."""
    seeds, jobs = checked.integer("seeds", seeds, 1), checked.jobs(jobs)
    experiments = [e for e in chosen(suites) if only is None or e.id in only]
    checks = every_check()
    found: dict[str, dict[int, Mapping]] = {experiment.id: {} for experiment in experiments}
    failed: list[Failed] = []
    whole, done = sum(seeds_of(e, seeds) for e in experiments), 0
    for experiment, seed, result in results(experiments, seeds, jobs):
        done += 1
        if isinstance(result, Failed):
            failed.append(result)
        else:
            found[experiment.id][seed] = result
        if progress is not None:
            progress(done, whole, f"{experiment.id} {seed}")
    graded: list[Answer] = []
    raw = {}
    for experiment in experiments:
        ordered = [found[experiment.id][seed] for seed in sorted(found[experiment.id])]
        raw[experiment.id] = ordered
        if ordered:
            gather = by_seed if experiment.gather is None else _function(experiment.gather)
            graded += answers(gather(ordered), len(ordered), checks)
    order = {name: at for at, name in enumerate(checks)}
    graded.sort(key=lambda answer: order[answer.check.id])
    return Outcome(graded, failed, raw)
