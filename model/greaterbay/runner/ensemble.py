"""Ensembles: every (scenario, replicate) is one task; what is finished is kept and never computed twice.

A task that keeps failing is put aside with its error and the rest goes on. Results do not depend on who
computes the tasks (``tasks``, ``local``, ``cluster``), on the number of workers or on the order, because a
replicate depends on its digest and number only.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from greaterbay import checked
from greaterbay.runner import manifest as provenance
from greaterbay.runner import store as stores
from greaterbay.runner.local import LocalProcesses
from greaterbay.runner.replicate import simulate
from greaterbay.runner.store import PartError, Store
from greaterbay.runner.tasks import Failure, InProcess, RunError, Simulate, Task, perform
from greaterbay.scenario import notices

log = logging.getLogger(__name__)

REBUILDS = 2  # further rounds when a part turns out damaged while the result file is made


class ReplicatesFailed(RunError):
    """Some replicates failed; ``runs`` holds what each scenario came to."""

    def __init__(self, runs: Sequence[ScenarioRun]) -> None:
        self.runs = tuple(runs)
        super().__init__("\n".join(line for run in runs for line in run.failures()))


@dataclass
class Progress:
    """How far an ensemble is. ``reused`` counts replicates found in the store and is part of ``done``."""

    total: int = 0
    done: int = 0
    reused: int = 0
    failed: int = 0


@dataclass(frozen=True)
class ScenarioRun:
    """What one scenario came to; ``path`` is None when no replicate succeeded."""

    scenario: str
    digest: str
    path: Path | None
    replicates: tuple[int, ...]
    reused: int
    failed: Mapping[int, str] = field(default_factory=dict)

    def failures(self) -> list[str]:
        """One line per replicate that was put aside."""
        ordered = sorted(self.failed.items())
        return [f"{self.scenario}, replicate {number}: {text}" for number, text in ordered]


def run_scenarios(
    scenarios: Sequence,
    replicates: Sequence[int] | None = None,
    out: str | os.PathLike = "runs",
    jobs: int = 1,
    on_progress: Callable[[Progress, str | None], None] | None = None,
    run_one: Simulate = simulate,
    names: Callable = stores.names_of,
    *,
    scheduler: str | None = None,
) -> list[ScenarioRun]:
    """Run every replicate of every scenario that the store does not hold yet, and make the result files.

    ``replicates``: numbers for all scenarios; None takes 0 .. n-1 with each scenario's own n. ``on_progress``
    is called with a :class:`Progress` and a note (or None) whenever something happened. ``scheduler``: address
    of a Dask scheduler whose workers compute instead of ``jobs`` processes. ``run_one`` and ``names`` replace
    the model in tests.

    Raises RunError for the same scenario id twice and for a cluster that cannot be used, TypeError or ValueError for wrong
    ``replicates`` or ``jobs``, StoreError when the folder cannot be written (then nothing has been computed).
    KeyboardInterrupt passes through after the workers are gone; whatever is finished stays, and the same call continues
    from there.
    """
    wishes = [
        f'{scenario.id}: budget = "{scenario.budget}" is matched by `greaterbay compare {scenario.id} --against ...`, not by a run alone'
        for scenario in scenarios if getattr(scenario, "budget", "")
    ]
    if wishes:
        raise RunError("\n".join(wishes))
    _refuse_twins(scenarios)
    jobs = checked.jobs(jobs)
    if replicates is not None:
        replicates = checked.integers("replicates", replicates, 0, checked.LARGEST_REPLICATE)
    ensemble = _Ensemble(scenarios, replicates, Store(out), jobs, on_progress, names)
    work = partial(perform, run_one=run_one)
    if scheduler is not None:
        from greaterbay.runner.cluster import DaskCluster

        return ensemble.run(DaskCluster(scheduler, ensemble.store, run_one))
    return ensemble.run(InProcess(work) if jobs == 1 else LocalProcesses(work, jobs))


def _refuse_twins(scenarios: Sequence) -> None:
    seen: dict[str, Any] = {}
    for scenario in scenarios:
        if scenario.id in seen:
            raise RunError(
                f"scenario \"{scenario.id}\" is given twice ({seen[scenario.id].path} and {scenario.path}); "
                "results are named by the id, so each may appear once"
            )
        seen[scenario.id] = scenario


def _names_and_draws(names: Callable, scenario, replicates: Sequence[int], coords) -> dict:
    """Further coordinates of a result: names of its labels, and the posterior draw of each replicate (-1: central values)."""
    import numpy as np

    return {**names(scenario, coords), "draw": ("replicate", np.array([scenario.draw(k) for k in replicates], np.int32))}


class _Ensemble:
    """The book-keeping of one call of :func:`run_scenarios`."""

    def __init__(self, scenarios, replicates, store: Store, jobs: int, on_progress, names) -> None:
        self.scenarios, self.store, self.jobs, self.names = list(scenarios), store, jobs, names
        self.on_progress = on_progress or (lambda _progress, _note: None)
        self.begun, self.clock = datetime.now(UTC), time.monotonic()  # the date may be set back meanwhile
        self.digests = {scenario.id: provenance.digest(scenario) for scenario in self.scenarios}
        self.wanted = {
            scenario.id: list(range(scenario.run.replicates) if replicates is None else replicates)
            for scenario in self.scenarios
        }
        self.progress = Progress()
        self.reused: set[tuple[str, int]] = set()
        self.failed: dict[tuple[str, int], str] = {}
        self.paths: dict[str, Path | None] = {}

    def run(self, executor) -> list[ScenarioRun]:
        digests = set(self.digests.values())
        try:
            self.store.prepare(digests)
            with self.store.in_use():
                self._describe()
                self._run(executor)
        finally:
            self.store.clean(digests)
        return [self._outcome(scenario) for scenario in self.scenarios]

    def _describe(self) -> None:
        begun = self.begun.isoformat(timespec="seconds")
        for scenario in self.scenarios:
            self.store.describe(self.digests[scenario.id], provenance.about(scenario, begun))

    def _run(self, executor) -> None:
        tasks = self._missing()
        for _round in range(1 + REBUILDS):
            open_tasks = Counter(task.digest for task in tasks)
            damaged = self._finish_ready(open_tasks)
            with closing(executor.run(tasks)) as ended:
                for task, failure in ended:
                    self._note_end(task, failure)
                    open_tasks[task.digest] -= 1
                    damaged += self._finish_ready(open_tasks)
            if len(self.paths) == len(self.scenarios):
                return
            tasks = self._again(damaged)
        raise stores.StoreError(f"parts under {self.store.folder} keep changing while they are read")

    def _missing(self) -> list[Task]:
        """Tasks to compute, replicate by replicate, so that scenarios share a warm-up while it is fresh."""
        tasks: dict[tuple[str, int], Task] = {}
        wanted = {name: set(numbers) for name, numbers in self.wanted.items()}
        for number in sorted(set().union(*wanted.values())):
            for scenario in self.scenarios:
                if number in wanted[scenario.id]:
                    task = self._task(scenario, number)
                    tasks.setdefault(task.key, task)
        self.progress.total = len(tasks)
        missing = []
        for task in tasks.values():
            if self._is_stored(task):
                self.reused.add(task.key)
                self.progress.done += 1
                self.progress.reused += 1
            else:
                missing.append(task)
        self.on_progress(self.progress, None)
        return missing

    def _task(self, scenario, number: int) -> Task:
        digest, store = self.digests[scenario.id], self.store
        return Task(scenario, number, digest, str(store.folder), store.token, provenance.source_digest())

    def _is_stored(self, task: Task) -> bool:
        if not self.store.part_path(*task.key).exists():
            return False
        try:
            self.store.read_part(*task.key)
        except PartError as error:
            self.on_progress(self.progress, f"{error}; it is computed again")
            return False
        return True

    def _note_end(self, task: Task, failure: Failure | None) -> None:
        if failure is None:
            self.progress.done += 1
            self.on_progress(self.progress, None)
            return
        if failure.fatal:
            raise stores.StoreError(failure.text)
        self.progress.failed += 1
        self.failed[task.key] = failure.text
        self.store.write_trace(*task.key, failure.trace)
        place = f"{task.scenario.id}, replicate {task.replicate}"
        self.on_progress(self.progress, f"{place} is put aside: {failure.text}")

    def _finish_ready(self, open_tasks: Counter) -> list[tuple[str, int]]:
        """Make the result file of each scenario that has no open task left; returns damaged parts."""
        damaged = []
        for scenario in self.scenarios:
            digest = self.digests[scenario.id]
            if scenario.id in self.paths or open_tasks[digest]:
                continue
            good = [number for number in self.wanted[scenario.id] if (digest, number) not in self.failed]
            try:
                self.paths[scenario.id] = self._assemble(scenario, digest, good) if good else None
            except PartError as error:
                self.on_progress(self.progress, f"{error}; it is computed again")
                damaged += [(digest, number) for number in good if not self._is_sound(digest, number)]
        return damaged

    def _is_sound(self, digest: str, number: int) -> bool:
        try:
            self.store.read_part(digest, number)
        except PartError:
            return False
        return True

    def _assemble(self, scenario, digest: str, numbers: list[int]) -> Path:
        failed = {str(number): text for (of, number), text in self.failed.items() if of == digest}
        manifest = provenance.manifest(
            scenario,
            replicates=numbers,
            failed=failed,
            jobs=self.jobs,
            begun=self.begun.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self.clock, 3),
        )
        names = partial(_names_and_draws, self.names, scenario, numbers)
        return self.store.assemble(scenario.id, digest, numbers, manifest, names)

    def _again(self, damaged: list[tuple[str, int]]) -> list[Task]:
        by_digest = {self.digests[scenario.id]: scenario for scenario in self.scenarios}
        keys = dict.fromkeys(damaged)
        self.progress.done -= len(keys)
        self.progress.reused -= len(self.reused & keys.keys())
        self.reused -= keys.keys()
        return [self._task(by_digest[digest], number) for digest, number in keys]

    def _outcome(self, scenario) -> ScenarioRun:
        digest, wanted = self.digests[scenario.id], self.wanted[scenario.id]
        failed = {number: self.failed[digest, number] for number in wanted if (digest, number) in self.failed}
        return ScenarioRun(
            scenario.id,
            digest,
            self.paths.get(scenario.id),
            tuple(number for number in wanted if number not in failed),
            sum((digest, number) in self.reused for number in wanted),
            failed,
        )


# for notebooks and scripts


def overrides_of(
    replicates: object = None, seed: object = None, scale: object = None, until: object = None
) -> list[str]:
    """The named options as ``KEY=VALUE`` overrides, so that they are checked exactly as a file is."""
    named = {"run.replicates": replicates, "run.seed": seed, "run.scale": scale, "run.end": until}
    return [f"{key}={value}" for key, value in named.items() if value is not None]


def with_mechanisms(scenario, given: Mapping[str, object]):
    """The scenario with other forms of mechanisms (``MechanismError`` says what does not fit)."""
    from greaterbay.mechanisms import choices

    return replace(scenario, mechanisms=choices({**scenario.mechanisms, **given}))


def run(
    scenario,
    replicates: int | None = None,
    jobs: int = 1,
    out: str | os.PathLike | None = None,
    *,
    seed: int | None = None,
    scale: float | None = None,
    until: object = None,
    overrides: Sequence[str] = (),
    mechanisms: Mapping[str, object] | None = None,
    on_progress: Callable[[Progress, str | None], None] | None = None,
):
    """Run one scenario and return its results as an ``xarray.Dataset``.

    ``scenario``: a library id, a path, or a loaded scenario. ``out``: the store to keep and reuse results
    in; without it they live in memory only. ``until``: a date, the last day of a quarter. ``overrides``:
    texts such as ``"levers.shared_facilities.value=0.3"``. ``mechanisms``: other forms of mechanisms by id, ``"off"``, a function
    or ``"MODULE:NAME"``; results are kept under the source of a function.

    What the run leaves out of the scenario (levers that start after its end, ...) is logged as a warning and kept in the
    manifest (``inert_levers``, ``notices``).

    Raises TypeError for what is no number, ValueError (ScenarioError) for wrong values, ReplicatesFailed when a replicate
    failed (with ``out`` the others are kept there).

    Example: ``run("baseline", replicates=4, scale=0.02)["output"].sum("city").mean("replicate")``
    """
    from greaterbay.scenario.load import load_scenario
    from greaterbay.scenario.schema import MOST_REPLICATES, SEED_LIMIT

    jobs = checked.jobs(jobs)
    if replicates is not None:
        replicates = checked.integer("replicates", replicates, 1, MOST_REPLICATES)
    if seed is not None:
        seed = checked.integer("seed", seed, 0, SEED_LIMIT - 1)
    if scale is not None:
        checked.scale(scale)
    texts = [*overrides_of(replicates, seed, scale, until), *overrides]
    if isinstance(scenario, (str, os.PathLike)):
        scenario = load_scenario(scenario, overrides=texts)
    elif len(texts) > (replicates is not None):
        raise TypeError("a loaded scenario takes no overrides but replicates; give them to load_scenario")
    elif replicates is not None:
        scenario = replace(scenario, run=replace(scenario.run, replicates=replicates))
    if mechanisms:
        scenario = with_mechanisms(scenario, mechanisms)
    for line in notices.before_run([scenario]):
        log.warning("%s", line)
    keep = nullcontext(out) if out is not None else tempfile.TemporaryDirectory(prefix="greaterbay-")
    with keep as folder:
        (outcome,) = run_scenarios([scenario], None, folder, jobs, on_progress)
        if outcome.failed:
            raise ReplicatesFailed([outcome])
        assert outcome.path is not None  # where no replicate failed there is a file
        dataset = stores.open_result(outcome.path)
        if out is None:
            with dataset:
                return dataset.load()
    return dataset
