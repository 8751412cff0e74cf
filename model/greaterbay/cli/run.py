"""``greaterbay run``: scenarios to result files."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path

import click

from greaterbay.cli.options import RunFailed, WrongValue, json_option, print_json, quiet_option, set_option

EPILOG = "Example: greaterbay run baseline joint_fund --replicates 4 --out out --jobs 2"


@click.command(epilog=EPILOG)
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option("--replicates", metavar="N", help="How many replicates; number k is paired across scenarios.")
@click.option("--only", type=click.IntRange(min=0), metavar="K", help="Run replicate K alone (first: 0).")
@click.option("--seed", metavar="S", help="Seed of all replicates.")
@click.option("--scale", metavar="X", help="Share of firms and people that are simulated, as in 0.05.")
@click.option("--until", metavar="DATE", help="Last day of the run, a quarter's last, as in 2030-12-31.")
@click.option("--posterior", metavar="ID", help='Draws of the parameters: an id, a folder, or "none" for central values.')
@set_option
@click.option(
    "--out", type=click.Path(path_type=Path), default="runs", show_default=True, metavar="DIR",
    help="The store: finished replicates are kept and reused here.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, metavar="N", help="Processes (default: 1).")
@quiet_option
@json_option
def run(scenarios, replicates, only, seed, scale, until, posterior, overrides, out, jobs, quiet, as_json) -> None:
    """Run scenarios, each a path or an id of the library, and write one DIR/<id>.nc for each.

    Replicates that DIR holds already are not computed again. Ctrl-C keeps what is finished; the same
    command continues. Exit code 3 when some replicate failed; the others are stored all the same.
    """
    if only is not None and replicates is not None:
        raise WrongValue("--only and --replicates: give one of the two")
    from greaterbay.runner import ensemble
    from greaterbay.runner.store import StoreError

    texts = [*ensemble.overrides_of(replicates, seed, scale, until), *overrides]
    if posterior is not None:
        texts.append(f"run.posterior={json.dumps(posterior)}")
    loaded = _load_all(scenarios, texts)
    numbers = None if only is None else [only]
    with _bar(hidden=quiet) as watch:
        try:
            runs = ensemble.run_scenarios(loaded, numbers, out, jobs, watch)
        except (ensemble.RunError, StoreError) as error:
            raise WrongValue(str(error)) from error
        except KeyboardInterrupt:
            click.echo(f"What is finished is kept in {out}; the same command continues from there.", err=True)
            raise
    if as_json:
        print_json([_plain(run) for run in runs])
    elif not quiet:
        for run in runs:
            if run.path:
                click.echo(f"wrote {run.path}  ({_count(run)})")
        written = [str(run.path) for run in runs if run.path]
        if written:
            click.echo(f"next: greaterbay plot {' '.join(written)} --out {os.path.join(out, 'pictures')}")
    if any(run.failed for run in runs):
        listed = "; ".join(f"{run.scenario} {', '.join(map(str, run.failed))}" for run in runs if run.failed)
        traces = os.path.join(out, "parts", "*", "*.error.txt")
        raise RunFailed(f"Replicates that failed and are left out: {listed}. Tracebacks: {traces}")


def _load_all(names: tuple[str, ...], overrides: list[str]) -> list:
    """All scenarios, or all problems of all of them at once."""
    from greaterbay.scenario.load import load_scenario
    from greaterbay.scenario.problems import ScenarioError

    loaded, problems = [], []
    for name in names:
        try:
            loaded.append(load_scenario(name, overrides=overrides))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(dict.fromkeys(problems))
    return loaded


@contextmanager
def _bar(hidden: bool):
    """A progress bar on standard error; yields what ``run_scenarios`` calls. Notes are always shown."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (
        TextColumn("replicates"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[failed]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, disable=hidden, speed_estimate_period=600)
    task = bar.add_task("", total=None, failed="")

    def watch(state, note: str | None) -> None:
        # reused replicates took no time: they are left out of the bar, or the time left would be wrong
        missing = state.total - state.reused
        failed = f"{state.failed} failed" if state.failed else ""
        bar.update(task, total=missing, completed=state.done + state.failed - state.reused, failed=failed)
        if missing:
            bar.start()
        if note:
            console.print(note, markup=False)

    try:
        yield watch
    finally:
        bar.stop()


def _count(run) -> str:
    count = len(run.replicates)
    words = [f"{count} replicate{'s' if count != 1 else ''}"]
    if run.reused:
        words.append(f"{run.reused} of them found in the store")
    if run.failed:
        words.append(f"{len(run.failed)} failed")
    return ", ".join(words)


def _plain(run) -> dict:
    return {
        "scenario": run.scenario,
        "path": None if run.path is None else str(run.path),
        "digest": run.digest,
        "replicates": list(run.replicates),
        "reused": run.reused,
        "failed": {str(number): error for number, error in run.failed.items()},
    }
