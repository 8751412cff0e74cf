"""``greaterbay compare``: which policy is better, for whom, when, at what cost, and how sure that is."""

from __future__ import annotations

from pathlib import Path

import click

from greaterbay.cli.options import (
    Number,
    RunFailed,
    WrongValue,
    json_option,
    lang_option,
    parts_of,
    print_json,
    quiet_option,
    set_option,
    warn_before_run,
)

EPILOG = "Example: greaterbay compare joint_fund one_programme --against baseline --replicates 32 --jobs 2 --synergy"


@click.command(epilog=EPILOG)
@click.argument("policies", nargs=-1, required=True, metavar="SCENARIO|FILE.nc...")
@click.option("--against", required=True, metavar="SCENARIO|FILE.nc", help="The reference.")
@click.option("--outcomes", metavar="ID,ID", help="Outputs to compare. [default: the headline outputs]")
@click.option("--horizon", "horizons", metavar="YEAR,YEAR", help="Years to report. [default: 2030 and the last]")
@click.option("--target", "targets", multiple=True, metavar="'ID>=X'", help="Count the replicates that meet this. Repeatable.")
@click.option("--budget-equal", is_flag=True, help="Scale the other policies to the public money of the first.")
@click.option("--synergy", is_flag=True, help="Run each a second time with all ties between jurisdictions cut (index T1).")
@click.option(
    "--until-precise",
    "precision",
    multiple=True,
    metavar="ID=WIDTH",
    help="Stop when the 90 % half-widths are below WIDTH: from 32 pairs to --replicates. Repeatable.",
)
@click.option("--replicates", metavar="N", help="Pairs to run, or the most with --until-precise.")
@click.option("--seed", type=click.INT, metavar="S", help="Seed of all replicates.")
@click.option("--scale", type=Number(), metavar="X", help="Share of firms and people that are simulated, as in 0.05.")
@click.option("--until", metavar="DATE", help="Last day of the run, a quarter's last, as in 2030-12-31.")
@set_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The store; tables and pictures go to DIR/comparison. [default: runs, or the folder of stored files]",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, metavar="N", help="Processes (default: 1).")
@click.option("--plots/--no-plots", default=True, help="Draw pictures. [default: yes]")
@click.option("--mixed", is_flag=True, help="Insist on runs of different versions, posteriors, seeds, scales or horizons.")
@lang_option
@quiet_option
@json_option
def compare(
    policies,
    against,
    outcomes,
    horizons,
    targets,
    budget_equal,
    synergy,
    precision,
    replicates,
    seed,
    scale,
    until,
    overrides,
    out,
    jobs,
    plots,
    mixed,
    lang,
    quiet,
    as_json,
) -> None:
    """Compare policies with a reference, replicate by replicate on the same random numbers.

    Each is a stored result file, or a scenario (path or id of the library) that is run first; a file with a sweep stands
    for all its points. What the store holds is not computed again. Exit code 3 when some replicate failed; the others are
    compared all the same.
    """
    from greaterbay.comparison import files, precise, runs, values
    from greaterbay.runner import ensemble
    from greaterbay.runner.results import RunsError
    from greaterbay.runner.store import StoreError
    from greaterbay.runner.tasks import RunError

    texts = [*ensemble.overrides_of(replicates, seed, scale, until), *overrides]
    names = [against, *policies]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise WrongValue(f"{', '.join(twice)}: given twice; a run is not held against itself")
    stored = [name for name in names if name.endswith(".nc")]
    if stored and texts and len(stored) == len(names):
        raise WrongValue("--replicates, --seed, --scale, --until and --set change scenarios; stored runs are compared as they are")
    try:
        question = runs.Question(
            parts_of("--outcomes", outcomes),
            _years(horizons),
            tuple(map(values.Target.read, targets)),
            tuple(map(precise.Precision.read, precision)),
            budget_equal,
            synergy,
            mixed,
        )
        for name in question.outcomes:
            values.outcome(name)
        if question.precision and stored:
            raise RunsError("--until-precise runs more replicates: give scenarios, not stored runs")
        loaded = dict(
            zip([name for name in names if name not in stored], _load_all([n for n in names if n not in stored], texts), strict=True)
        )
        out = out or (Path(policies[0]).parent if len(stored) == len(names) else Path("runs"))
        if len(loaded.get(against, [against])) > 1:
            raise RunsError(f"--against {against}: a sweep stands for {len(loaded[against])} scenarios; give one of them")
        entries = [one for name in names for one in loaded.get(name, [Path(name)])]
        if not quiet and not as_json:
            warn_before_run([one for ones in loaded.values() for one in ones], lang)
        numbers = range(max((one.run.replicates for ones in loaded.values() for one in ones), default=0))
        found = _answer(entries, question, out, jobs, numbers, quiet or as_json)
    except (RunsError, RunError, StoreError) as error:
        raise WrongValue(str(error)) from None
    with found.files:
        folder = out / "comparison"
        try:
            written = files.write(found.study, folder)
            pictures = _draw(found, folder, lang) if plots else []
        except (RunsError, OSError) as error:
            raise WrongValue(str(error)) from None
        _print(found.study, written, pictures, lang, quiet, as_json)
    if found.failed:
        listed = "; ".join(f"{name} {', '.join(map(str, numbers))}" for name, numbers in found.failed.items())
        raise RunFailed(f"Replicates that failed and are left out: {listed}. Tracebacks: {out / 'parts' / '*' / '*.error.txt'}")


def _answer(entries: list, question, out: Path, jobs: int, numbers, hidden: bool):
    from greaterbay.cli.progress import progress
    from greaterbay.comparison import runs

    with progress(hidden=hidden) as watch:
        try:
            return runs.answer(
                entries[1:], entries[0], question, runs.Runner(out, jobs, watch), numbers, lambda text: click.echo(text, err=True)
            )
        except KeyboardInterrupt:
            click.echo(f"What is finished is kept in {out}; the same command continues from there.", err=True)
            raise


def _draw(found, folder: Path, lang: str) -> list:
    from greaterbay.plots import comparisons, fonts

    note = fonts.usable_language(lang)[1]
    if note:
        click.echo(f"Note: {note}.", err=True)
    return list(comparisons.draw_all(found.study, found.pairing, folder, language=lang))


def _print(study, written: list[Path], pictures: list, lang: str, quiet: bool, as_json: bool) -> None:
    from greaterbay.comparison import files

    drawn = [picture for picture in pictures if picture.path]
    if as_json:
        extra = {"files": [str(path) for path in written], "pictures": [str(picture.path) for picture in drawn]}
        print_json(files.as_dict(study) | extra)
        return
    if quiet:
        return
    from greaterbay.cli.compare_tables import show

    show(study, lang)
    for picture in pictures:
        if not picture.path:
            click.echo(f"no {picture.plot}: {picture.note}", err=True)
    click.echo(
        f"{len(written)} {'个表格文件' if lang == 'zh' else 'tables'}, {len(drawn)} {'张图' if lang == 'zh' else 'pictures'}:"
        f" {written[-1].parent}"
    )


def _years(text: str | None) -> tuple[int, ...]:
    wrong = [part for part in parts_of("--horizon", text) if not (part.isdecimal() and len(part) <= 4)]
    if wrong:
        raise WrongValue(f"--horizon {', '.join(part[:20] for part in wrong)}: not a year, as in 2030,2035")
    return tuple(map(int, parts_of("--horizon", text)))


def _load_all(names: list[str], overrides: list[str]) -> list[list]:
    """For each name its scenario or the points of its sweep, or all problems of all of them at once."""
    from greaterbay.scenario.load import load_scenarios
    from greaterbay.scenario.problems import ScenarioError

    loaded, problems = [], []
    for name in names:
        try:
            loaded.append(load_scenarios(name, overrides=overrides))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(dict.fromkeys(problems))
    return loaded
