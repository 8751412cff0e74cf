"""``greaterbay sweep``: the points of a sweep as scenario files."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

import click

from greaterbay.cli.options import WrongValue, json_option, print_json, quiet_option
from greaterbay.digits import as_text

EPILOG = "Example: greaterbay sweep my_sweep.toml --out points"


@click.command(epilog=EPILOG)
@click.argument("file", metavar="FILE")
@click.option(
    "--out", type=click.Path(path_type=Path), default="sweeps", show_default=True, metavar="DIR",
    help="Folder for the files.",
)
@quiet_option
@json_option
def sweep(file: str, out: Path, quiet: bool, as_json: bool) -> None:
    """Write every point of the sweep in FILE as a scenario file of its own, and a table of what each holds.

    Files are named <id>_001.toml and so on, the table <id>_points.csv. `greaterbay run FILE` runs the same
    points without writing them.
    """
    from greaterbay.scenario.load import load_sweep
    from greaterbay.scenario.write import toml_of

    scenarios, points = load_sweep(file)
    if not points[0]:
        raise WrongValue(f"{file}: nothing is swept; add [sweep.grid], [sweep.zip] or [sweep.latin_hypercube]")
    name = scenarios[0].id.rpartition("_")[0]
    texts = {
        f"{scenario.id}.toml": toml_of(scenario, f"Written by `greaterbay sweep {Path(file).name}`.\n{_words(point)}")
        for scenario, point in zip(scenarios, points, strict=True)
    }
    texts[f"{name}_points.csv"] = _table(scenarios, points)
    _write_all(out, texts)
    stale = sorted(path.name for path in out.glob(f"{name}_*.toml") if path.name not in texts and _is_point(path, name))
    if stale:
        click.echo(f"note: {out} holds points of an earlier sweep: {', '.join(stale)}", err=True)
    table = out / f"{name}_points.csv"
    if as_json:
        print_json({
            "table": str(table),
            "points": [
                {"scenario": scenario.id, "path": str(out / f"{scenario.id}.toml"), "values": _plain(point)}
                for scenario, point in zip(scenarios, points, strict=True)
            ],
        })
    elif not quiet:
        click.echo(f"wrote {len(scenarios)} scenarios and {table}")
        click.echo(f"next: greaterbay run {file}")


def _words(point: dict[str, Any]) -> str:
    return "\n".join(f"{key} = {_cell(value)}" for key, value in point.items())


def _plain(point: dict[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, (int, float, str, list)) else str(value) for key, value in point.items()}


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return as_text(" ".join(map(str, value)))
    return as_text(value) if isinstance(value, str) else str(value)


def _table(scenarios: list, points: list[dict[str, Any]]) -> str:
    """One row a point: its id and the value of each swept key."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["scenario", *points[0]])
    for scenario, point in zip(scenarios, points, strict=True):
        writer.writerow([scenario.id, *(_cell(value) for value in point.values())])
    return buffer.getvalue()


def _is_point(path: Path, name: str) -> bool:
    number = path.stem[len(name) + 1 :]
    return len(number) >= 3 and number.isdecimal()


def _write_all(folder: Path, texts: dict[str, str]) -> None:
    """Write all files, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        temporary = folder / f".{name}.{os.getpid()}.tmp"
        try:
            with open(temporary, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            os.replace(temporary, folder / name)
        finally:
            temporary.unlink(missing_ok=True)
