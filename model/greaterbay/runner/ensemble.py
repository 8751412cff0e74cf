"""Ensembles: every (scenario, replicate) is one task; what is finished is kept and never computed twice.

Workers are direct children started with the spawn context, one thread each. A worker that dies is replaced
and what it may have been doing is tried again, alone, so that the culprit is known; a task that keeps
killing its worker is put aside with its error and the rest goes on. Results do not depend on the number of
workers or on the order of tasks, because a replicate depends on its digest and number only.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from greaterbay.runner import manifest as provenance
from greaterbay.runner import store as stores
from greaterbay.runner.replicate import Result, simulate
from greaterbay.runner.store import PartError, Store

log = logging.getLogger(__name__)

RETRIES = 2  # further attempts after a worker died or ran out of memory
REBUILDS = 2  # further rounds when a part turns out damaged while the result file is made
THREAD_VARIABLES = (
    "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

Simulate = Callable[[object, int, Path], Result]


class RunError(Exception):
    """What was asked for cannot be run as a whole."""


class ReplicatesFailed(RunError):
    """Some replicates failed; ``runs`` holds what each scenario came to."""

    def __init__(self, runs: Sequence[ScenarioRun]) -> None:
        self.runs = tuple(runs)
        super().__init__("\n".join(line for run in runs for line in run.failures()))


@dataclass(frozen=True)
class Task:
    """One replicate of one scenario, with all a worker needs to compute and store it."""

    scenario: object
    replicate: int
    digest: str
    folder: str
    token: str
    source: str

    @property
    def key(self) -> tuple[str, int]:
        """What names the part: digest and replicate."""
        return self.digest, self.replicate

    @property
    def warm_key(self) -> tuple[int, int]:
        """Tasks that may share a warm-up have this in common."""
        return self.scenario.run.seed, self.replicate


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


@dataclass(frozen=True)
class Failure:
    """Why a task did not succeed, in a form that crosses processes whatever the error was made of.

    ``again``: another attempt may succeed (memory, file system); otherwise equal input gives the equal
    error. ``fatal``: the store cannot be written, so that no task can succeed.
    """

    text: str
    trace: str = ""
    again: bool = False
    fatal: bool = False


def perform(task: Task, run_one: Simulate = simulate) -> Failure | None:
    """Compute one task and store its part; the only thing a worker does."""
    try:
        if provenance.source_digest() != task.source:
            raise RunError("the source of greaterbay changed while it was running; start the command again")
        store = Store(task.folder, task.token)
        result = run_one(task.scenario, task.replicate, store.warm_folder)
        store.write_part(task.digest, task.replicate, result)
    except stores.StoreError as error:
        return Failure(str(error), fatal=True)
    except Exception as error:
        again = isinstance(error, (MemoryError, OSError))
        return Failure(f"{type(error).__name__}: {error}", traceback.format_exc(), again)
    return None


# executors: run(tasks) yields (task, None) or (task, failure) as tasks end, in any order


class InProcess:
    """Runs tasks one after the other in this process."""

    def __init__(self, work: Callable[[Task], Failure | None]) -> None:
        self.work = work

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Failure | None]]:
        """Yield each task with its failure, if any."""
        for task in tasks:
            yield task, self.work(task)


class LocalProcesses:
    """Runs tasks on ``jobs`` worker processes of this machine."""

    def __init__(self, work: Callable[[Task], Failure | None], jobs: int) -> None:
        self.work, self.jobs = work, jobs
        self.context = multiprocessing.get_context("spawn")
        self.started = self.context.RawValue(ctypes.c_bool, False)  # no lock: a killed worker may hold one

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Failure | None]]:
        """Yield each task with its failure, if any, as they end.

        No more tasks are handed out than there are workers. When a worker dies it is not known which of
        the tasks under way was its; each of them is tried again alone.
        """
        waiting, suspects, attempts = deque(tasks), deque(), Counter()
        warmed: set = set()
        pool: ProcessPoolExecutor | None = None
        running: dict[Future, Task] = {}
        try:
            while waiting or suspects or running:
                if pool is None:
                    pool = self._new_pool()
                broken = not self._hand_out(pool, waiting, suspects, running, warmed)
                ended = [] if broken else wait(running, return_when=FIRST_COMPLETED).done
                if broken or any(isinstance(future.exception(), BrokenProcessPool) for future in ended):
                    ended, broken = wait(running).done, True
                for future in ended:
                    task, failure = running.pop(future), _failure_of(future)
                    warmed.add(task.warm_key)
                    if failure and failure.again:
                        attempts[task.key] += 1
                        if attempts[task.key] <= RETRIES:
                            log.info("replicate %d is tried again: %s", task.replicate, failure.text)
                            suspects.append(task)
                            continue
                    yield task, failure
                if broken:
                    pool.shutdown(wait=True)
                    pool = None
                    if not self.started.value:
                        raise RunError(
                            "a worker process ended before it could start; in a script of your own, "
                            'call run(...) under `if __name__ == "__main__":`, or use jobs=1'
                        )
        except BaseException:
            if pool is not None:
                _kill_workers(pool)
            raise
        finally:
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)

    def _hand_out(self, pool, waiting: deque, suspects: deque, running: dict, warmed: set) -> bool:
        """Hand out tasks until every worker has one, or a suspect runs alone; False if the pool is broken."""
        while len(running) < self.jobs and (waiting or suspects):
            if suspects and running:
                break
            alone = bool(suspects)
            task = suspects.popleft() if alone else self._next(waiting, running.values(), warmed)
            try:
                with _interrupts_held():
                    running[pool.submit(self.work, task)] = task
            except BrokenProcessPool:  # a worker died while it had nothing to do: nobody's fault
                (suspects if alone else waiting).appendleft(task)
                return False
            if alone:
                break
        return True

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.jobs, self.context, _begin_worker, (self.started,))

    @staticmethod
    def _next(waiting: deque, running: Iterable[Task], warmed: set) -> Task:
        """The first task whose warm-up nobody is computing just now; the first of all if there is none."""
        under_way = {task.warm_key for task in running} - warmed
        for place, task in enumerate(waiting):
            if task.warm_key not in under_way:
                del waiting[place]
                return task
        return waiting.popleft()


def _failure_of(future: Future) -> Failure | None:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, BrokenProcessPool):
        return Failure("WorkerDied: its process ended abruptly", again=True)
    return Failure(f"{type(error).__name__}: {error}")  # the task could not even be sent


def _begin_worker(started) -> None:
    """Set up a worker: one thread, deaf to Ctrl-C (its parent decides), and gone when its parent is gone."""
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    if "numba" in sys.modules:  # the user's main module has imported it already
        sys.modules["numba"].set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    started.value = True


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C; processes started meanwhile are born deaf to it, so none dies noisily at birth."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill_workers(pool: ProcessPoolExecutor) -> None:
    # there is no public way before Python 3.14; a worker's files are whole or bear a temporary name
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.kill()


# the ensemble


def run_scenarios(
    scenarios: Sequence,
    replicates: Sequence[int] | None = None,
    out: str | os.PathLike = "runs",
    jobs: int = 1,
    on_progress: Callable[[Progress, str | None], None] | None = None,
    run_one: Simulate = simulate,
    names: Callable = stores.names_of,
) -> list[ScenarioRun]:
    """Run every replicate of every scenario that the store does not hold yet, and make the result files.

    ``replicates``: numbers for all scenarios; None takes 0 .. n-1 with each scenario's own n. ``on_progress``
    is called with a :class:`Progress` and a note (or None) whenever something happened. ``run_one`` and
    ``names`` replace the model in tests.

    Raises RunError for the same scenario id twice, StoreError when the folder cannot be written (then
    nothing has been computed). KeyboardInterrupt passes through after the workers are gone; whatever is
    finished stays, and the same call continues from there.
    """
    _refuse_twins(scenarios)
    if jobs < 1:
        raise RunError(f"jobs is {jobs}; allowed: 1 or more")
    ensemble = _Ensemble(scenarios, replicates, Store(out), jobs, on_progress, names)
    work = partial(perform, run_one=run_one)
    executor = InProcess(work) if jobs == 1 else LocalProcesses(work, jobs)
    return ensemble.run(executor)


def _refuse_twins(scenarios: Sequence) -> None:
    seen: dict[str, object] = {}
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
        self.begun = datetime.now(UTC)
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
        self.store.prepare(digests)
        try:
            tasks = self._missing()
            for _round in range(1 + REBUILDS):
                damaged = self._finish_ready(open_keys={task.key for task in tasks})
                with closing(executor.run(tasks)) as ended:
                    open_keys = {task.key for task in tasks}
                    for task, failure in ended:
                        self._note_end(task, failure)
                        open_keys.discard(task.key)
                        damaged += self._finish_ready(open_keys)
                if len(self.paths) == len(self.scenarios):
                    break
                tasks = self._again(damaged)
            else:
                raise stores.StoreError(f"parts under {self.store.folder} keep changing while they are read")
        finally:
            self.store.clean(digests)
        return [self._outcome(scenario) for scenario in self.scenarios]

    def _missing(self) -> list[Task]:
        """Tasks to compute, replicate by replicate, so that scenarios share a warm-up while it is fresh."""
        tasks: dict[tuple[str, int], Task] = {}
        numbers = sorted({number for wanted in self.wanted.values() for number in wanted})
        for number in numbers:
            for scenario in self.scenarios:
                if number in self.wanted[scenario.id]:
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

    def _finish_ready(self, open_keys: set[tuple[str, int]]) -> list[tuple[str, int]]:
        """Make the result file of each scenario that has no open task left; returns damaged parts."""
        damaged = []
        for scenario in self.scenarios:
            digest = self.digests[scenario.id]
            keys = [(digest, number) for number in self.wanted[scenario.id]]
            if scenario.id in self.paths or any(key in open_keys for key in keys):
                continue
            good = [key[1] for key in keys if key not in self.failed]
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
            seconds=round((datetime.now(UTC) - self.begun).total_seconds(), 3),
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
    on_progress: Callable[[Progress, str | None], None] | None = None,
):
    """Run one scenario and return its results as an ``xarray.Dataset``.

    ``scenario``: a library id, a path, or a loaded scenario. ``out``: the store to keep and reuse results
    in; without it they live in memory only. ``until``: a date, the last day of a quarter. ``overrides``:
    texts such as ``"levers.shared_facilities.value=0.3"``.

    Raises ScenarioError for wrong values, ReplicatesFailed when a replicate failed (with ``out`` the
    others are kept there).

    Example: ``run("baseline", replicates=4, scale=0.02)["output"].sum("city").mean("replicate")``
    """
    from greaterbay.scenario.load import load_scenario

    texts = [*overrides_of(replicates, seed, scale, until), *overrides]
    if isinstance(scenario, (str, os.PathLike)):
        scenario = load_scenario(scenario, overrides=texts)
    elif len(texts) > (replicates is not None):
        raise TypeError("a loaded scenario takes no overrides but replicates; give them to load_scenario")
    elif replicates is not None:
        if replicates < 1:
            raise ValueError(f"replicates is {replicates}; allowed: 1 or more")
        scenario = replace(scenario, run=replace(scenario.run, replicates=replicates))
    keep = nullcontext(out) if out is not None else tempfile.TemporaryDirectory(prefix="greaterbay-")
    with keep as folder:
        (outcome,) = run_scenarios([scenario], None, folder, jobs, on_progress)
        if outcome.failed:
            raise ReplicatesFailed([outcome])
        dataset = stores.open_result(outcome.path)
        if out is None:
            with dataset:
                return dataset.load()
    return dataset
