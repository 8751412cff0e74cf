"""``greaterbay export``: a result file as tidy CSV."""

from __future__ import annotations

from pathlib import Path

import click

from greaterbay.cli.options import WrongValue, json_option, print_json, quiet_option

EPILOG = "Example: greaterbay export runs/baseline.nc --to tables"


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.nc")
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Target.")
@quiet_option
@json_option
def export(file, folder, quiet, as_json) -> None:
    """Write city_year.csv and flow_year.csv of a result file, one row per value.

    Stocks stand at the end of the year, flows are summed over the year, shares are formed from summed
    parts. An undefined value has no row. In flow_year.csv a pair without a row is zero.
    """
    from greaterbay.runner.export import export as write
    from greaterbay.runner.store import StoreError

    try:
        paths, notes = write(file, folder)
    except StoreError as error:
        raise WrongValue(str(error)) from error
    if as_json:
        print_json({"files": [str(path) for path in paths], "notes": notes})
        return
    for note in notes:
        click.echo(f"note: {note}", err=True)
    if not quiet:
        for path in paths:
            click.echo(f"wrote {path}")
