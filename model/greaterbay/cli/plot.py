"""``greaterbay plot``: pictures of stored results. ``greaterbay summary``: the same in a few lines."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from greaterbay.cli.options import WrongValue, json_option, lang_option, print_json, quiet_option

files_argument = click.argument(
    "files", nargs=-1, required=True, metavar="FILE.nc...", type=click.Path(path_type=Path)
)


@click.command(epilog="Example: greaterbay plot out/baseline.nc out/joint_fund.nc --out out/pictures")
@files_argument
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the pictures. [default: folder of the first file]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["png", "svg"]),
    default="png",
    show_default=True,
    help="Kind of file.",
)
@lang_option
@quiet_option
@json_option
def plot(
    files: tuple[Path, ...], folder: Path | None, form: str, lang: str, quiet: bool, as_json: bool
) -> None:
    """Draw result files; several are shown together, the first one as the reference.

    Diffusion curves, outputs by city, flow matrices, the way from laboratory to market, probe technologies
    and public cost. What a file does not hold is left out and named.
    """
    from greaterbay.plots import catalogue, fonts
    from greaterbay.runner.results import RunsError, opened

    note = fonts.usable_language(lang)[1]
    if note:
        click.echo(f"Note: {note}.", err=True)
    target = folder or files[0].parent
    pictures = []
    try:
        with opened(files) as runs:
            for picture in catalogue.draw_all(runs, target, form=form, language=lang):
                pictures.append(picture)
                if quiet or as_json:
                    continue
                if picture.path:
                    click.echo(str(picture.path))
                else:
                    click.echo(f"no {picture.plot}: {picture.note}", err=True)
    except RunsError as error:
        raise WrongValue(str(error)) from None
    if as_json:
        drawn = [asdict(picture) | {"path": picture.path and str(picture.path)} for picture in pictures]
        print_json({"pictures": drawn, "note": note or ""})


@click.command(epilog="Example: greaterbay summary out/baseline.nc out/joint_fund.nc")
@files_argument
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with the pictures of these files; the ones to open first are named.",
)
@lang_option
@quiet_option
@json_option
def summary(files: tuple[Path, ...], pictures: Path | None, lang: str, quiet: bool, as_json: bool) -> None:
    """Say in a few lines what result files hold: each against the first, replicate by replicate.

    What a run left out of its scenario is named: levers that did not act, ramps that were cut off, probes after its end.
    """
    from greaterbay.plots.summary import summarise
    from greaterbay.runner.results import RunsError, opened

    try:
        with opened(files) as runs:
            found = summarise(runs)
    except RunsError as error:
        raise WrongValue(str(error)) from None
    if as_json:
        print_json(found.as_dict())
    elif not quiet:
        click.echo(found.text(pictures, lang))
