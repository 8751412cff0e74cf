"""``greaterbay run``: scenarios to result files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from greaterbay.cli.options import (
    Number,
    RunFailed,
    WrongValue,
    json_option,
    print_json,
    quiet_option,
    set_option,
    warn_before_run,
    warning_lang_option,
)
from greaterbay.cli.progress import progress

MOST_JOBS = 1024  # processes of one machine; more is a slip of the pen
SHOWN_FILES = 8  # files that the hint about plotting names
EPILOG = "Example: greaterbay run baseline joint_fund --replicates 4 --out out --jobs 2"


@click.command(epilog=EPILOG)
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option("--replicates", metavar="N", help="How many replicates; number k is paired across scenarios.")
@click.option("--only", type=click.IntRange(0, 2**31 - 1), metavar="K", help="Run replicate K alone (first: 0).")
@click.option("--seed", type=click.INT, metavar="S", help="Seed of all replicates.")
@click.option("--scale", type=Number(), metavar="X", help="Share of firms and people that are simulated, as in 0.05.")
@click.option("--until", metavar="DATE", help="Last day of the run, a quarter's last, as in 2030-12-31.")
@click.option("--posterior", metavar="ID", help='Draws of the parameters: an id, a folder, or "none" for central values.')
@set_option
@click.option("--mechanism", "forms", multiple=True, metavar="NAME=FORM",
              help='Another form of a mechanism: "off", or MODULE:NAME of a function of your own. Repeatable.')
@click.option(
    "--out", type=click.Path(path_type=Path), default="runs", show_default=True, metavar="DIR",
    help="The store: finished replicates are kept and reused here.",
)
@click.option("--jobs", type=click.IntRange(1, MOST_JOBS), metavar="N", help="Processes (default: 1).")
@click.option(
    "--executor", type=click.Choice(["local", "dask"]), default="local", show_default=True,
    help="Who computes: processes of this machine, or a Dask cluster.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Scheduler of the cluster, as in tcp://10.0.0.7:8786.")
@warning_lang_option
@quiet_option
@json_option
def run(
    scenarios, replicates, only, seed, scale, until, posterior, overrides, forms, out, jobs, executor, scheduler, lang, quiet, as_json
) -> None:
    """Run scenarios, each a path or an id of the library, and write one DIR/<id>.nc for each.

    A file with a sweep stands for all its points. Replicates that DIR holds already are not computed again.
    Ctrl-C keeps what is finished; the same command continues. Exit code 3 when some replicate failed; the
    others are stored all the same.
    """
    if only is not None and replicates is not None:
        raise WrongValue("--only and --replicates: give one of the two")
    _check_executor(executor, scheduler, jobs)
    from greaterbay.runner import ensemble
    from greaterbay.runner.store import StoreError
    from greaterbay.runner.tasks import RunError
    from greaterbay.scenario import notices

    texts = [*ensemble.overrides_of(replicates, seed, scale, until), *overrides]
    if posterior is not None:
        texts.append(f"run.posterior={json.dumps(posterior)}")
    loaded = _with_forms(_load_all(scenarios, texts), forms)
    numbers = None if only is None else [only]
    cluster = {"scheduler": scheduler} if scheduler else {}
    if not quiet and not as_json:
        warn_before_run(loaded, lang)
    with progress(hidden=quiet) as watch:
        try:
            runs = ensemble.run_scenarios(loaded, numbers, out, jobs or 1, watch, **cluster)
        except (RunError, StoreError) as error:
            raise WrongValue(str(error)) from error
        except KeyboardInterrupt:
            click.echo(f"What is finished is kept in {out}; the same command continues from there.", err=True)
            raise
    if as_json:
        print_json([_plain(run) | notices.stored(scenario) for run, scenario in zip(runs, loaded, strict=True)])
    elif not quiet:
        for run in runs:
            if run.path:
                click.echo(f"wrote {run.path}  ({_count(run)})")
        written = [str(run.path) for run in runs if run.path]
        if len(written) > SHOWN_FILES:
            written = [os.path.join(out, "*.nc")]
        if written:
            click.echo(f"next: greaterbay plot {' '.join(written)} --out {os.path.join(out, 'pictures')}")
    if any(run.failed for run in runs):
        listed = "; ".join(f"{run.scenario} {', '.join(map(str, run.failed))}" for run in runs if run.failed)
        traces = os.path.join(out, "parts", "*", "*.error.txt")
        raise RunFailed(f"Replicates that failed and are left out: {listed}. Tracebacks: {traces}")


def _check_executor(executor: str, scheduler: str | None, jobs: int | None) -> None:
    if executor == "local":
        if scheduler:
            raise WrongValue("--scheduler: only with --executor dask")
        return
    if not scheduler:
        raise click.MissingParameter(
            "--executor dask needs the address of a scheduler", param_hint="--scheduler", param_type="option"
        )
    if jobs is not None:
        raise WrongValue("--jobs: only with --executor local; a cluster has as many processes as it has workers")
    kind, _, place = scheduler.partition("://")
    host, _, port = place.rpartition(":")
    if kind not in ("tcp", "tls") or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise WrongValue(f"--scheduler: {scheduler!r} is not an address; allowed: tcp://HOST:PORT or tls://HOST:PORT")


def _with_forms(loaded: list, forms: tuple[str, ...]) -> list:
    """The scenarios with the forms of mechanisms that options ask for."""
    if not forms:
        return loaded
    import sys

    from greaterbay.mechanisms import MechanismError
    from greaterbay.runner.ensemble import with_mechanisms
    from greaterbay.scenario.kinds import slip

    given = {}
    for text in forms:
        name, equals, form = (part.strip() for part in text.partition("="))
        if not equals or name in given:
            why = "given twice" if equals else slip(text) or "not NAME=FORM, as in adoption=rules:threshold"
            raise WrongValue(f"--mechanism {text}: {why}")
        given[name] = form
    sys.path.insert(0, os.getcwd())  # where somebody's own module lies
    try:
        return [with_mechanisms(scenario, given) for scenario in loaded]
    except MechanismError as error:
        raise WrongValue(f"--mechanism: {error}") from error


def _load_all(names: tuple[str, ...], overrides: list[str]) -> list:
    """All scenarios and all points of sweeps, or all problems of all of them at once."""
    from greaterbay.scenario.load import load_scenarios
    from greaterbay.scenario.problems import ScenarioError

    loaded, problems = [], []
    for name in names:
        try:
            loaded += load_scenarios(name, overrides=overrides)
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(dict.fromkeys(problems))
    return loaded


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
