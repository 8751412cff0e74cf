"""``greaterbay check``: are these scenario files fine, and if not, what is wrong with them."""

from __future__ import annotations

import click

from greaterbay.cli.options import FINE, WRONG_VALUE, json_option, print_json, quiet_option, set_option, warning_lang_option
from greaterbay.scenario.load import check_and_warn
from greaterbay.scenario.notices import Notice


@click.command(epilog="Example: greaterbay check scenarios/joint_fund.toml")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@set_option
@warning_lang_option
@quiet_option
@json_option
@click.pass_context
def check(
    ctx: click.Context, files: tuple[str, ...], overrides: tuple[str, ...], lang: str, quiet: bool, as_json: bool
) -> None:
    """Check scenario files and show all problems, each with its file and line.

    FILE is a path or the id of a scenario of the library. The exit code is 1 where anything is wrong; warnings are
    about what is allowed and may surprise, such as levers that ask for more money than there is, or that cannot act in the
    run: they start after its end, reach nobody, stand at their neutral value, or end before their ramp does.
    """
    both = {file: check_and_warn(file, overrides) for file in files}
    found = {file: problems for file, (problems, _) in both.items()}
    warnings = {file: warned for file, (_, warned) in both.items()}
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
                words = warning.in_words(lang) if isinstance(warning, Notice) else str(warning)
                click.echo(f"{'警告:' if lang == 'zh' else 'warning: '}{words}")
            if not problems and not quiet:
                click.echo(f"{file}: fine")
    ctx.exit(WRONG_VALUE if any(found.values()) else FINE)
