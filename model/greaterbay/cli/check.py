"""``greaterbay check``: are these scenario files fine, and if not, what is wrong with them."""

from __future__ import annotations

import click

from greaterbay.cli.options import FINE, WRONG_VALUE, json_option, print_json, quiet_option, set_option
from greaterbay.scenario.load import check_file, load_scenario


@click.command(epilog="Example: greaterbay check scenarios/joint_fund.toml")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@set_option
@quiet_option
@json_option
@click.pass_context
def check(
    ctx: click.Context, files: tuple[str, ...], overrides: tuple[str, ...], quiet: bool, as_json: bool
) -> None:
    """Check scenario files and show all problems, each with its file and line.

    FILE is a path or the id of a scenario of the library. The exit code is 1 where anything is wrong; warnings are
    about what is allowed and may surprise, such as levers that ask for more money than there is.
    """
    found = {file: check_file(file, overrides) for file in files}
    warnings = {file: () if problems else load_scenario(file, overrides).warnings for file, problems in found.items()}
    if as_json:
        print_json(
            {
                "files": [
                    {
                        "file": file,
                        "fine": not problems,
                        "problems": [problem.to_dict() for problem in problems],
                        "warnings": [warning.to_dict() for warning in warnings[file]],
                    }
                    for file, problems in found.items()
                ]
            }
        )
    else:
        for file, problems in found.items():
            for problem in problems:
                click.echo(str(problem))
            if problems:
                click.echo(f"{file}: {len(problems)} problem{'s' if len(problems) > 1 else ''}", err=True)
            for warning in warnings[file]:
                click.echo(f"warning: {warning}")
            if not problems and not quiet:
                click.echo(f"{file}: fine")
    ctx.exit(WRONG_VALUE if any(found.values()) else FINE)
