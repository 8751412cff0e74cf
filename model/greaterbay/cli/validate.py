"""``greaterbay validate``: the checks of the model, measured, graded and shown."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from greaterbay.cli.options import WRONG_VALUE, RunFailed, console, json_option, lang_option, print_json, quiet_option
from greaterbay.digits import digits

SUITES = ("literature", "gravity", "regularities", "claims", "invariants", "null")


@click.command(epilog="Example: greaterbay validate --suite literature --seeds 8 --jobs 2")
@click.option("--suite", "suites", type=click.Choice([*SUITES, "all"]), multiple=True, default=("literature",), show_default=True,
              help="Which checks. Repeatable.")
@click.option("--seeds", type=click.IntRange(1, 1000), default=8, show_default=True,
              help="Seeds of each experiment; fewer widen the intervals.")
@click.option("--jobs", type=click.IntRange(1, 1024), default=1, show_default=True, help="Processes.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Also write the tables (.md, .csv, .json) into this folder.")
@click.option("--strict", is_flag=True, help="End with exit code 1 when a check fails.")
@lang_option
@quiet_option
@json_option
def validate(suites: tuple[str, ...], seeds: int, jobs: int, out: Path | None, strict: bool, lang: str, quiet: bool, as_json: bool) -> int:
    """Measure the checks of the model and compare them with what is accepted."""
    from greaterbay.validation import report
    from greaterbay.validation.checks import FAIL, accepted_text
    from greaterbay.validation.run import validate as measured

    wanted = SUITES if "all" in suites else tuple(dict.fromkeys(suites))

    def progress(done: int, whole: int, name: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} / {whole}  {name:<30}", end="" if done < whole else "\n", file=sys.stderr, flush=True)

    outcome = measured(wanted, seeds, jobs, None if quiet or as_json else progress)
    if out is not None:
        for suite in wanted:
            part = [answer for answer in outcome.answers if answer.check.suite == suite]
            if part:
                command = f"greaterbay validate --suite {suite} --seeds {seeds} --jobs {jobs} --out {out.as_posix()}"
                report.write_tables(out, suite, part, command)
        if outcome.raw.get("gravity"):
            report.write_coefficients(out, outcome.raw["gravity"])
    if as_json:
        print_json(report.to_json(outcome.answers))
    elif quiet:
        for answer in outcome.answers:
            if answer.status == FAIL:
                click.echo(f"{answer.check.id}: {digits(answer.measured.value)}, accepted {accepted_text(answer.check)}")
    else:
        _print(outcome.answers, lang)
    for one in outcome.failed:
        click.echo(f"{one.experiment}, seed {one.seed}: {one.text}", err=True)
    if outcome.failed:
        raise RunFailed(f"{len(outcome.failed)} measurements failed")
    return WRONG_VALUE if strict and any(answer.status == FAIL for answer in outcome.answers) else 0


def _print(found, lang: str) -> None:
    from rich.table import Table

    from greaterbay.validation import report

    heads = report.HEADS[lang]
    table = Table(*(heads[k] for k in (1, 2, 3, 4, 8)))
    for answer in found:
        row = report.cells(answer, lang)
        style = {"PASS": "green", "WARN": "yellow", "FAIL": "red"}[answer.status]
        table.add_row(row[1], row[2], row[3], row[4], f"[{style}]{row[8]}[/]")
    console().print(table)
    console().print(report.counted(found))
