"""``greaterbay sensitivity`` and ``greaterbay discover``."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import click

from greaterbay.cli.options import WrongValue, json_option, lang_option, parts_of, print_json, quiet_option, set_option
from greaterbay.cli.progress import counted
from greaterbay.digits import digits

MOST_SHOWN = 12

against_option = click.option("--against", default="baseline", show_default=True, metavar="SCENARIO", help="The reference.")
study_option = click.option(
    "--study", type=click.Path(path_type=Path), metavar="STUDY.toml", help="Free parameters and priors (default: the committed study)."
)
scale_option = click.option("--scale", default="0.02", show_default=True, metavar="X", help="Share of firms and people that are simulated.")
until_option = click.option("--until", metavar="DATE", help="Last day of the runs (default: the scenario's).")
jobs_option = click.option("--jobs", type=click.IntRange(min=1), default=1, metavar="N", help="Processes (default: 1).")


@click.command(epilog="Example: greaterbay sensitivity joint_fund --against baseline --trajectories 4 --until 2028-12-31 --jobs 2")
@click.argument("scenario")
@against_option
@click.option(
    "--outcomes",
    default="conversions_value,output,ties_border",
    show_default=True,
    metavar="ID,ID",
    help="Outcomes whose effect is explained.",
)
@click.option(
    "--parameters",
    "which",
    type=click.Choice(["required", "free"]),
    default="required",
    show_default=True,
    help="free: those of the study; required: also every assumption marked so.",
)
@click.option(
    "--trajectories", type=click.IntRange(min=2), default=16, show_default=True, metavar="R", help="R × (parameters + 1) pairs of runs."
)
@study_option
@scale_option
@until_option
@set_option
@jobs_option
@click.option(
    "--out", type=click.Path(path_type=Path), default="sensitivity_out", show_default=True, metavar="DIR", help="Runs, report and pictures."
)
@lang_option
@quiet_option
@json_option
def sensitivity(scenario, against, outcomes, which, trajectories, study, scale, until, overrides, jobs, out, lang, quiet, as_json) -> None:
    """Say which parameters drive the effect of SCENARIO.

    Morris screening with common random numbers, then Sobol indices on an emulator of the effect (no further runs). What is
    finished is kept in DIR; the same command goes on from there.
    """
    from greaterbay.sensitivity import contrasts, report, screening

    loaded = _study(study)
    names = _outcomes(outcomes)
    texts = _overrides(scale, until, overrides)
    _check(scenario, against, texts)
    chosen = screening.factors(loaded, which)
    points = screening.trajectories(trajectories, len(chosen), loaded.seed)
    wanted = [(screening.model_parameters(chosen, point), k) for k, path in enumerate(points) for point in path]
    if not quiet:
        click.echo(f"{len(chosen)} parameters, {len(wanted)} pairs of runs", err=True)
    found, failures = _work(scenario, against, texts, wanted, out, jobs, quiet)
    results = report.screen(loaded, chosen, points, found, names, scenario, against)
    results |= {"failed": len(failures), "trajectories": trajectories, "scale": float(scale), "not_varied": screening.not_varied(chosen)}
    written = report.write_screening(results, out, lang)
    if as_json:
        print_json(results)
    elif not quiet:
        for name in names:
            first = results["outcomes"][name]["rows"][:3]
            listed = ", ".join(f"{row['parameter']} ({digits(row['mu_star'], '.3g')})" for row in first)
            unit = "points × 100" if contrasts.in_points(name) else "percent"
            click.echo(f"{name}: {listed}  [mean effect of the range on the policy's effect, {unit}]")
        if results["not_varied"]:
            click.echo(f"not varied although marked as required: {len(results['not_varied'])} (listed in the report)")
        for path in written:
            click.echo(f"wrote {path}")


@click.command(epilog="Example: greaterbay discover joint_fund --target 'conversions_value>=2' --draws 100 --jobs 2")
@click.argument("scenario")
@click.option(
    "--target",
    required=True,
    metavar="'OUTCOME>=X'",
    help="What the policy's effect should reach, in percent (points × 100 for shares); or <=.",
)
@against_option
@click.option(
    "--posterior",
    metavar="ID",
    help='Draws of the parameters: an id or folder; "none" takes the prior of the study (default: the scenario\'s).',
)
@click.option("--draws", type=click.IntRange(min=20), default=100, show_default=True, metavar="N", help="Draws, one pair of runs each.")
@study_option
@scale_option
@until_option
@set_option
@jobs_option
@click.option(
    "--out", type=click.Path(path_type=Path), default="discovery_out", show_default=True, metavar="DIR", help="Runs, report and picture."
)
@lang_option
@quiet_option
@json_option
def discover(scenario, target, against, posterior, draws, study, scale, until, overrides, jobs, out, lang, quiet, as_json) -> None:
    """Say under which conditions SCENARIO misses a target (PRIM on posterior draws)."""
    from greaterbay.sensitivity import report

    match = re.fullmatch(r"\s*(\w+)\s*(>=|<=)\s*(-?\d+(?:\.\d*)?(?:e-?\d+)?)\s*", target)
    if not match:
        raise WrongValue(f"--target {target!r} is not OUTCOME>=X; allowed: such as 'conversions_value>=2' (decimals with a point)")
    outcome, relation, limit = match[1], match[2], float(match[3])
    if not math.isfinite(limit):
        raise WrongValue(f"--target {target!r}: {match[3]} is beyond every number; allowed: such as 'conversions_value>=2'")
    _outcomes(outcome)
    loaded, texts = _study(study), _overrides(scale, until, overrides)
    resolved = _check(scenario, against, texts)
    wanted, units, source = report.draw_points(loaded, posterior if posterior is not None else resolved.run.posterior, draws, lang)
    found, failures = _work(scenario, against, [*texts, 'run.posterior="none"'], wanted, out, jobs, quiet)
    results = report.explain(loaded, units, found, outcome, relation, limit, scenario, against, source, lang)
    results |= {"failed": len(failures), "scale": float(scale)}
    written = report.write_discovery(results, units, found, loaded, out, lang)
    if as_json:
        print_json(results)
    elif not quiet:
        click.echo(results["sentence"])
        for path in written:
            click.echo(f"wrote {path}")


def _study(path):
    from greaterbay.calibration.study import StudyError, load_study

    try:
        return load_study(path)
    except StudyError as error:
        raise WrongValue(str(error)) from error


def _outcomes(text: str) -> list[str]:
    from greaterbay import outputs
    from greaterbay.scenario.problems import did_you_mean

    names = list(dict.fromkeys(parts_of("--outcomes", text)))
    if not names:
        raise WrongValue(f"--outcomes {text!r}: names no outcome; allowed: headline and exported outputs of `greaterbay outputs`")
    known = [o.id for o in outputs.table().values() if (o.headline or o.export) and "lever" not in o.dims]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise WrongValue(
                f'unknown outcome "{name}"; allowed: headline and exported outputs of `greaterbay outputs`' + (f"; {hint}" if hint else "")
            )
    return names


def _overrides(scale: str, until: str | None, overrides) -> list[str]:
    return [f"run.scale={scale}", "run.replicates=1", *([f"run.end={until}"] if until else []), *overrides]


def _check(scenario: str, against: str, texts: list[str]):
    from greaterbay.scenario.load import load_scenario

    resolved, reference = (load_scenario(name, overrides=texts) for name in (scenario, against))
    if resolved.reaching_model() == reference.reaching_model():
        raise WrongValue(f"{scenario} and {against} are the same: there is no effect to explain")
    return resolved


def _work(scenario, against, texts, wanted, out: Path, jobs: int, quiet: bool):
    from greaterbay.sensitivity.work import make_pairs

    with counted(quiet, "pairs of runs") as watch:
        try:
            return make_pairs(scenario, against, texts, wanted, out, jobs, watch)
        except KeyboardInterrupt:
            click.echo(f"What is finished is kept in {os.path.join(out, 'runs')}; the same command goes on from there.", err=True)
            raise
