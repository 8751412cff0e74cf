"""``greaterbay calibrate``: a study to a posterior, and its acceptance table."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from greaterbay.cli.options import WrongValue, console, json_option, lang_option, print_json, quiet_option
from greaterbay.cli.progress import counted

VERDICTS = {"pass": "green", "warn": "yellow", "fail": "red"}
VERDICTS_ZH = {"pass": "通过", "warn": "留意", "fail": "未通过"}


@click.command(epilog="Example: greaterbay calibrate --jobs 2 --out calibration_out     then: greaterbay calibrate --report")
@click.argument("study", required=False, type=click.Path(path_type=Path), metavar="[STUDY.toml]")
@click.option("--jobs", type=click.IntRange(min=1), default=1, metavar="N", help="Processes (default: 1).")
@click.option("--resume", is_flag=True, help="Go on with the runs that DIR keeps from an interrupted calibration.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="calibration_out",
    show_default=True,
    metavar="DIR",
    help="Where runs are kept and the posterior folder is made.",
)
@click.option("--report", is_flag=True, help="Print the acceptance table of a finished calibration and stop.")
@lang_option
@quiet_option
@json_option
def calibrate(study: Path | None, jobs: int, resume: bool, out: Path, report: bool, lang: str, quiet: bool, as_json: bool) -> None:
    """Estimate the free parameters from the figures of the documents (history matching by waves).

    Without STUDY.toml the committed study is run. At most 2,500 runs and 45 minutes. Ctrl-C keeps what is finished; --resume
    goes on from there to the same posterior. --report reads DIR/<study id>, or the committed posterior, and ends 0 also
    with fails.
    """
    from greaterbay.calibration.study import StudyError, load_study

    try:
        loaded = load_study(study)
    except StudyError as error:
        raise WrongValue(str(error)) from error
    if report:
        _print_report(loaded, out, lang, quiet, as_json)
        return
    runs = out / "runs"
    if runs.is_dir() and any(runs.iterdir()) and not resume:
        raise WrongValue(f"{runs} holds runs of an earlier calibration; add --resume to go on with them, or give another --out")
    from greaterbay.calibration.calibrate import calibrate as work
    from greaterbay.calibration.runs import SourceChanged, TooLong

    with counted(quiet, "runs") as watch:

        def tell(state) -> None:
            done = state.runs - state.total + state.done - state.reused
            watch(done, state.failed, max(state.planned - state.reused, done + state.failed), state.stage)

        try:
            folder = work(loaded, out, jobs, on_progress=tell)
        except SourceChanged as error:
            raise WrongValue(f"{error}; what is finished is kept in {out}") from error
        except TooLong as error:
            raise WrongValue(f"{error}; allowed are 2,500 runs and 45 minutes") from error
        except KeyboardInterrupt:
            click.echo(f"What is finished is kept in {out}; the same command with --resume goes on from there.", err=True)
            raise
    if not as_json and not quiet:
        click.echo(f"wrote {folder}  (use it: greaterbay run baseline --posterior {os.path.relpath(folder)})")
    _print_report(loaded, out, lang, quiet, as_json)


def _print_report(study, out: Path, lang: str, quiet: bool, as_json: bool) -> None:
    """The acceptance table of a finished calibration."""
    from greaterbay.evidence import posteriors

    place = next((folder for folder in (out / study.id, posteriors.folder_of(study.id)) if (folder / "diagnostics.json").is_file()), None)
    if place is None:
        raise WrongValue(
            f"no finished calibration of study {study.id} in {out} or among the committed posteriors; `greaterbay calibrate` makes one"
        )
    try:
        posteriors.load(str(place.resolve()))
        with open(place / "diagnostics.json", encoding="utf-8") as file:
            found = json.load(file)
    except posteriors.PosteriorError as error:
        raise WrongValue(str(error)) from error
    except ValueError as error:
        raise WrongValue(f"{place / 'diagnostics.json'}: damaged ({error}); calibrate again") from error
    if as_json:
        print_json({"posterior": str(place), "acceptance": found["acceptance"], "budget": found["budget"]})
        return
    if quiet:
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    chinese = lang == "zh"
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in ("项目", "结果", "要求", "判定") if chinese else ("what", "found", "wanted", "verdict"):
        grid.add_column(head, overflow="fold")
    for row in found["acceptance"]:
        verdict = row["verdict"]
        grid.add_row(
            row["what"], str(row["value"]), row["wanted"], Text(VERDICTS_ZH[verdict] if chinese else verdict, style=VERDICTS[verdict])
        )
    screen = console()
    screen.print(grid)
    screen.print(f"{'报告' if chinese else 'report'}: {place / 'report.md'}", soft_wrap=True)
