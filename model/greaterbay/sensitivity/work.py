"""The runs of a sensitivity study or a discovery: pairs of scenario and reference, each kept and never made twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from greaterbay import checked
from greaterbay.calibration.runs import Run, executor_for, perform, read_run
from greaterbay.runner.manifest import digest, source_digest
from greaterbay.sensitivity.contrasts import pair_name, simulate


def make_pairs(
    scenario: str,
    against: str,
    overrides: Sequence[str],
    points: Sequence[tuple[Mapping[str, float], int]],
    folder: Path,
    jobs: int,
    on_progress: Callable[[int, int, int], None] | None = None,
    simulator=simulate,
) -> tuple[list[dict[str, float]], list[str]]:
    """Effects at every point (parameters, seed number), in order (empty where the run failed), and what failed.

    ``on_progress`` is told runs done, runs failed, and all.
    """
    from greaterbay.scenario.load import load_scenario

    jobs = checked.jobs(jobs)
    mark = " ".join(digest(load_scenario(name, overrides=overrides)) for name in (scenario, against))
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    name = pair_name(scenario, against)
    runs = [
        Run(name, tuple(overrides), tuple(sorted(values.items())), checked.replicate(number), str(folder / "runs"), mark)
        for values, number in points
    ]
    missing = list({run.digest: run for run in runs if read_run(run) is None}.values())
    tell = on_progress or (lambda _done, _failed, _all: None)
    done, failures = 0, []
    tell(0, 0, len(missing))
    for _run, failure in executor_for(partial(perform, simulator=simulator, source=source_digest()), jobs).run(missing):
        if failure is not None and failure.fatal:
            raise RuntimeError(failure.text)
        done += failure is None
        if failure is not None:
            failures.append(failure.text)
        tell(done, len(failures), len(missing))
    found = [read_run(run) for run in runs]
    return [{k: float("nan") if v is None else v for k, v in one["figures"].items()} if one else {} for one in found], failures
