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
ROWS_ZH = {
    "synthetic truths": "合成真值个数",
    "parameters strongly identified": "强识别的参数",
    "parameters identified": "已识别的参数",
    "coverage of 50 % intervals": "50 % 区间覆盖率",
    "coverage of 90 % intervals": "90 % 区间覆盖率",
    "figures that count": "有效目标数据",
    "of the bay itself": "其中大湾区自身数据",
    "figures inside the 90 % interval": "落在 90 % 区间内的数据",
    "figures outside the 99 % interval": "落在 99 % 区间外的数据",
    "interval score against the prior's": "区间评分与先验之比较",
    "left-out figures inside the 90 % interval": "留出数据落在 90 % 区间内",
    "error of informed left-out figures over the prior's": "有信息的留出数据误差与先验误差之比",
    "confirmed draws: mean distance of emulator and runs": "抽样复核：仿真器与实际运行的平均距离",
    "scale check: differences below half the run noise": "规模检验：差异小于运行噪声之半",
    "runs": "运行次数",
    "minutes on two cores": "双核分钟数",
}
WANTED_ZH = {
    "40 or more": "至少 40",
    "40 % or more": "至少 40 %",
    "70 % or more": "至少 70 %",
    "40 to 60 %": "40 至 60 %",
    "84 to 95 %": "84 至 95 %",
    "30 or more": "至少 30",
    "12 or more": "至少 12",
    "80 % or more": "至少 80 %",
    "at most 1": "至多 1",
    "below the prior's": "低于先验",
    "82 to 97 %": "82 至 97 %",
    "0.50 or less": "至多 0.50",
    "at most 2 for 95 % of figures": "95 % 的数据至多 2",
    "all, or corrected": "全部，或经校正",
    "at most 2,500": "至多 2,500",
    "at most 45": "至多 45",
}


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
        with open(place / "manifest.json", encoding="utf-8") as file:
            changed = json.load(file).get("study_digest") != study.digest()
    except posteriors.PosteriorError as error:
        raise WrongValue(str(error)) from error
    except ValueError as error:
        raise WrongValue(f"{place / 'diagnostics.json'}: damaged ({error}); calibrate again") from error
    if as_json:
        print_json(
            {"posterior": str(place), "study_changed": changed, "acceptance": found["acceptance"], "budget": found["budget"]}
        )
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
            ROWS_ZH.get(row["what"], row["what"]) if chinese else row["what"],
            str(row["value"]),
            WANTED_ZH.get(row["wanted"], row["wanted"]) if chinese else row["wanted"],
            Text(VERDICTS_ZH[verdict] if chinese else verdict, style=VERDICTS[verdict]),
        )
    screen = console()
    screen.print(grid)
    if changed:
        english = "made with other targets, priors or settings than the study holds now: calibrate again"
        screen.print("[yellow]" + ("所用目标、先验或设置与现有研究文件不同：请重新校准" if chinese else english) + "[/yellow]")
    screen.print(f"{'报告' if chinese else 'report'}: {place / 'report.md'}", soft_wrap=True)
