"""Model runs of a study: each is kept in a file of its own and never computed twice.

A run is named by the digest of all that its numbers depend on: the model's numbers version, scenario and settings,
parameters, seed number. Runs go through the runner's executors, one process per core with one thread each; a failed run
is put aside and counted.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import greaterbay
from greaterbay import checked
from greaterbay.digits import plain
from greaterbay.evidence.posteriors import CENTRAL
from greaterbay.runner.ensemble import Failure, InProcess, LocalProcesses
from greaterbay.runner.manifest import canonical_json, source_digest
from greaterbay.runner.manifest import digest as scenario_digest

log = logging.getLogger(__name__)

Simulator = Callable[[str, Sequence[str], Mapping[str, float], int], Mapping[str, float]]


class TooLong(Exception):
    """The study would take more runs or more time than it may."""


class SourceChanged(Exception):
    """The model's files were changed while runs were made."""


@dataclass(frozen=True)
class Run:
    """One run to make: scenario with overrides, model parameters, number of the random streams."""

    scenario: str
    overrides: tuple[str, ...]
    parameters: tuple[tuple[str, float], ...]
    replicate: int
    folder: str
    mark: str = ""
    """Further content that the numbers depend on, such as the digest of scenario files."""

    @property
    def digest(self) -> str:
        """Name of the run's file."""
        content = [greaterbay.NUMBERS, self.scenario, self.overrides, self.parameters, self.replicate, self.mark]
        return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:32]

    @property
    def path(self) -> Path:
        """Where the figures of the run lie."""
        return Path(self.folder) / f"{self.digest}.json"

    @property
    def key(self) -> tuple[str, int]:
        """What names the task for the executor."""
        return self.digest, self.replicate

    @property
    def warm_key(self) -> tuple[str, int]:
        """No two runs share a warm-up: parameters differ."""
        return self.key


def simulate(scenario: str, overrides: Sequence[str], parameters: Mapping[str, float], replicate: int) -> dict[str, float]:
    """The model itself: play one bay and form all estimators; ``parameters`` hold over central values, not over another posterior's."""
    from greaterbay.bay import Bay
    from greaterbay.calibration.targets import figures_of, watched_run
    from greaterbay.scenario.load import load_scenario

    bay = Bay(scenario=load_scenario(scenario, overrides=[*overrides, CENTRAL]), replicate=replicate, parameters=dict(parameters))
    return figures_of(bay, watched_run(bay))


def perform(run: Run, simulator: Simulator = simulate, source: str = "") -> Failure | None:
    """Make one run and keep its figures; the only thing a worker does."""
    try:
        if source and source_digest() != source:
            return Failure("the source of greaterbay changed while it was running; start the command again", fatal=True)
        begun = time.perf_counter()
        figures = simulator(run.scenario, run.overrides, dict(run.parameters), run.replicate)
        write_json(
            run.path,
            {
                "parameters": dict(run.parameters),
                "replicate": run.replicate,
                "figures": {k: float(v) for k, v in figures.items()},
                "seconds": round(time.perf_counter() - begun, 3),
            },
        )
    except Exception as error:  # a run at the edge of the prior may break the model: it is put aside and reported
        return Failure(f"{type(error).__name__}: {error}", traceback.format_exc(), isinstance(error, (MemoryError, OSError)))
    return None


def write_json(path: Path, value: object) -> None:
    """Write a file whole or not at all; numbers that are not finite become null."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(json.dumps(plain(value), ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False))
    os.replace(temporary, path)


def read_run(run: Run) -> dict | None:
    """The kept figures of a run; None where there are none or the file is damaged."""
    try:
        with open(run.path, encoding="utf-8") as file:
            found = json.load(file)
        return found if found["replicate"] == run.replicate and found["parameters"] == dict(run.parameters) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def executor_for(work: Callable[[Run], Failure | None], jobs: int):
    """What makes runs: this process, or worker processes of one thread each."""
    return InProcess(work) if checked.jobs(jobs) == 1 else LocalProcesses(work, jobs)


@dataclass
class Progress:
    """How far a study is: ``runs`` of ``most`` in all, the stage, and seconds since it began."""

    stage: str = ""
    done: int = 0
    total: int = 0
    reused: int = 0
    failed: int = 0
    runs: int = 0
    planned: int = 0
    seconds: float = 0.0


class Bench:
    """Makes runs and keeps count: at most ``most_runs`` in all and ``most_minutes`` of new work."""

    def __init__(
        self,
        study,
        folder: Path,
        jobs: int = 1,
        simulator: Simulator = simulate,
        on_progress: Callable[[Progress], None] | None = None,
        most_runs: int = 2_500,
        most_minutes: float = 45.0,
    ) -> None:
        self.study, self.folder, self.jobs, self.simulator = study, Path(folder), checked.jobs(jobs), simulator
        self.on_progress = on_progress or (lambda _progress: None)
        self.most_runs = checked.integer("most_runs", most_runs, 0)
        self.most_seconds = 60.0 * checked.number("most_minutes", most_minutes, 0)
        self.progress = Progress(planned=study.runs_planned())
        self.begun = time.monotonic()
        self.seconds: list[float] = []
        self.failures: dict[str, str] = {}
        (self.folder / "runs").mkdir(parents=True, exist_ok=True)
        # sources, tables and scenario: runs that were made with others are not taken up again
        from greaterbay.scenario.load import load_scenario

        self.mark = scenario_digest(load_scenario(study.scenario, overrides=[*study.overrides(), CENTRAL]))

    def run_of(self, unit: Sequence[float], replicate: int, scale: float | None = None) -> Run:
        """The run at a point of the unit cube."""
        parameters = tuple(sorted(self.study.parameters(unit).items()))
        overrides, folder = tuple(self.study.overrides(scale)), str(self.folder / "runs")
        return Run(self.study.scenario, overrides, parameters, checked.replicate(replicate), folder, self.mark)

    def figures(self, stage: str, units: np.ndarray, replicates: Sequence[int], scale: float | None = None) -> np.ndarray:
        """Figures of the study's estimators (runs, estimators); a row of a failed run is not a number."""
        runs = [self.run_of(u, k, scale) for u, k in zip(units, replicates, strict=True)]
        found = {run.digest: read_run(run) for run in runs}
        missing = list({run.digest: run for run in runs if found[run.digest] is None}.values())
        state = self.progress
        state.stage, state.total, state.done, state.failed = stage, len(runs), len(runs) - len(missing), 0
        state.reused += state.done
        if state.runs + len(runs) > self.most_runs:
            raise TooLong(f"{stage}: {state.runs} runs so far and {len(runs)} more; allowed are {self.most_runs} in all")
        state.runs += len(runs)
        self._tell()
        work = partial(perform, simulator=self.simulator, source=source_digest())
        for run, failure in executor_for(work, self.jobs).run(missing):
            if failure is not None and failure.fatal:
                raise SourceChanged(failure.text)
            if failure is None:
                state.done += 1
            else:
                state.failed += 1
                self.failures[run.digest] = failure.text
                log.info("run %s is put aside: %s", run.digest, failure.text)
            self._tell()
            if time.monotonic() - self.begun > self.most_seconds:
                raise TooLong(f"{stage}: more than {self.most_seconds / 60:.0f} minutes; what is finished is kept, --resume goes on")
        rows = []
        for run in runs:
            kept = found[run.digest] or read_run(run)
            if kept is not None:
                self.seconds.append(kept["seconds"])
            figures = kept["figures"] if kept else {}
            values = [figures.get(name) for name in self.study.estimators]
            rows.append([math.nan if v is None else v for v in values])
        return np.array(rows, float).reshape(len(runs), len(self.study.estimators))

    def _tell(self) -> None:
        self.progress.seconds = time.monotonic() - self.begun
        self.on_progress(self.progress)
