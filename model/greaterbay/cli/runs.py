"""``greaterbay runs``: what a store holds, and its clean-up."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from greaterbay.cli.options import WrongValue, json_option, lang_option, print_json, quiet_option

EPILOG = "Example: greaterbay runs --out runs --prune --dry-run"

HEADS = {
    "en": ("scenario", "digest", "replicates", "seed", "scale", "from", "until", "version", "size", "date", "state"),
    "zh": ("情景", "摘要", "重复次数", "种子", "缩放", "起始", "截止", "版本", "大小", "日期", "状态"),
}
STATES = {
    "en": {"present": "present", "other": "other sources", "parts": "no result", "damaged": "damaged"},
    "zh": {"present": "当前源码", "other": "其他源码", "parts": "无结果文件", "damaged": "已损坏"},
}
REASONS_ZH = {
    "parts without a result": "没有结果文件的分块", "temporary file": "临时文件", "saved warm-ups": "预热状态",
    "parts of other sources": "其他源码的分块",
}


@click.command(epilog=EPILOG)
@click.option(
    "--out", type=click.Path(path_type=Path), default="runs", show_default=True, metavar="DIR", help="The store."
)
@click.option(
    "--prune", is_flag=True,
    help="Remove parts of other sources or without a result, temporary files and warm-ups.",
)
@click.option("--dry-run", is_flag=True, help="With --prune: only say what would be removed.")
@lang_option
@quiet_option
@json_option
def runs(out: Path, prune: bool, dry_run: bool, lang: str, quiet: bool, as_json: bool) -> None:
    """List what DIR holds: results, and replicates that no result file stands for.

    "present" marks what was made by the sources that are installed now: only that is reused by `greaterbay
    run`. Result files are never removed.
    """
    if dry_run and not prune:
        raise WrongValue("--dry-run: only with --prune")
    from greaterbay.runner import holdings
    from greaterbay.runner.store import Store, StoreError

    store = Store(out)
    try:
        if prune:
            _say_removed(holdings.prune(store, dry_run), dry_run, lang, quiet, as_json)
            return
        found = holdings.holdings(store)
    except StoreError as error:
        raise WrongValue(str(error)) from error
    if as_json:
        print_json([asdict(one) | {"path": one.path and str(one.path)} for one in found])
    elif quiet:
        for one in found:
            click.echo(one.path or one.digest)
    elif not found:
        click.echo(f"{out} 中没有结果" if lang == "zh" else f"{out} holds no results")
    else:
        _print(found, lang)


def _say_removed(removed: list, dry: bool, lang: str, quiet: bool, as_json: bool) -> None:
    chinese = lang == "zh"
    if as_json:
        print_json([{"path": str(one.path), "reason": one.reason, "bytes": one.size, "removed": not dry} for one in removed])
        return
    if quiet:
        return
    verb = ("将删除" if dry else "已删除") if chinese else ("would remove" if dry else "removed")
    for one in removed:
        reason, _, more = one.reason.partition(" (")
        reason = REASONS_ZH[reason] + (f" ({more}" if more else "") if chinese else one.reason
        click.echo(f"{verb} {_short(one.path)}  {reason}, {size(one.size)}")
    total = size(sum(one.size for one in removed))
    if not removed:
        click.echo("没有可清理的内容" if chinese else "nothing to remove")
    else:
        click.echo(f"{verb}: {len(removed)} 项, {total}" if chinese else f"{verb} {len(removed)} in all, {total}")


def _short(path: Path) -> str:
    """The path with a digest cut to twelve digits."""
    return os.path.join(*(part[:12] if len(part) == 64 else part for part in path.parts))


def _print(found: list, lang: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for head in HEADS[lang]:
        table.add_column(head, no_wrap=True, overflow="ignore")
    for one in found:
        table.add_row(*(Text(cell) for cell in _row(one, STATES[lang])))
    # cells are never cut: where there is no terminal, or a narrow one, lines are as long as they have to be
    needed = Console(width=10_000).measure(table).maximum
    Console(highlight=False, width=max(Console().width, needed), soft_wrap=True).print(table)


def _row(one, states: dict[str, str]) -> tuple[str, ...]:
    marks = ["damaged"] if one.damaged else ["present" if one.present else "other"]
    if one.path is None:
        marks.append("parts")
    return (
        one.scenario or "?",
        (one.digest or "?")[:12],
        str(len(one.replicates)),
        "?" if one.seed is None else str(one.seed),
        "?" if one.scale is None else f"{one.scale:g}",
        one.start or "?",
        one.end or "?",
        one.version or "?",
        size(one.size),
        (one.date or "?")[:16].replace("T", " "),
        ", ".join(states[mark] for mark in marks),
    )


def size(count: float) -> str:
    """``12 B``, ``3.4 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            break
        count /= 1000
    else:
        unit = "TB"
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
