"""``greaterbay``: the list of commands, the version, and how every command ends.

Exit codes: 0 fine; 1 a wrong value wherever it stands; 2 unknown or missing options; 3 some replicate failed.
A command's module is imported when the command is called, so that ``--help`` and ``check`` stay instant.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from greaterbay.cli.options import FINE, INTERRUPTED, WRONG_USE, WRONG_VALUE, WrongValue, print_json

# name -> (module:command, what it does in one line)
COMMANDS = {
    "check": ("greaterbay.cli.check:check", "Check scenario files and show all problems."),
    "show": (
        "greaterbay.cli.show:show",
        "Show a scenario with the origin of each value, or what sets it apart.",
    ),
    "run": ("greaterbay.cli.run:run", "Run scenarios and store the results."),
    "runs": ("greaterbay.cli.runs:runs", "List what is stored, or clean it up."),
    "sweep": ("greaterbay.cli.sweep:sweep", "Write the points of a sweep as scenario files."),
    "compare": ("greaterbay.cli.compare:compare", "Compare policies with a reference, pair by pair."),
    "plot": ("greaterbay.cli.plot:plot", "Draw the pictures of stored results."),
    "summary": ("greaterbay.cli.plot:summary", "Say in a few lines what stored results hold."),
    "export": ("greaterbay.cli.export:export", "Write stored results as tidy CSV."),
    "validate": ("greaterbay.cli.validate:validate", "Check the model against published results, claims and its books."),
    "levers": ("greaterbay.cli.catalogues:levers", "List the policy levers, or describe one."),
    "outputs": ("greaterbay.cli.catalogues:outputs", "List the outputs of a run."),
    "parameters": ("greaterbay.cli.catalogues:parameters", "List the parameters of the model."),
    "mechanisms": ("greaterbay.cli.mechanisms:mechanisms", "List the mechanisms of the model, or describe one."),
    "figures": ("greaterbay.cli.figures:figures", "List the figures of the sources and what reads them."),
    "calibrate": ("greaterbay.cli.calibrate:calibrate", "Estimate the free parameters from the figures."),
    "sensitivity": ("greaterbay.cli.sensitivity:sensitivity", "Say which parameters drive the effect of a policy."),
    "discover": ("greaterbay.cli.sensitivity:discover", "Say under which conditions a policy misses a target."),
}

LIBRARIES = ("numpy", "numba", "mesa", "xarray", "h5netcdf", "h5py", "matplotlib", "click", "rich")


def _each_option_once(command: click.Command) -> click.Command:
    """The command, which refuses an option with a value that is given twice: click itself would drop the first in silence."""
    plain_parser = command.__class__.make_parser

    def make_parser(ctx: click.Context):
        parser = plain_parser(command, ctx)
        plain_parse = parser.parse_args

        def parse_args(args: list[str]):
            values, rest, order = plain_parse(args)
            single = [one for one in order if isinstance(one, click.Option) and not (one.multiple or one.is_flag or one.count)]
            for one in single:
                if single.count(one) > 1:
                    raise click.BadParameter("given more than once; keep one of them.", ctx, one)
            return values, rest, order

        parser.parse_args = parse_args
        return parser

    command.make_parser = make_parser
    return command


class Commands(click.Group):
    """A group that imports a command's module only when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        return _each_option_once(getattr(import_module(module), attribute))

    def resolve_command(self, ctx: click.Context, args: list[str]):
        for before, text in zip([ctx.info_name, *args], args, strict=False):
            if not text.strip():
                raise WrongValue(f"Nothing stands after {before}: the value is empty; write one, or leave both out.")
            if text.startswith("--") and text.endswith("=") and text.count("=") == 1:
                raise WrongValue(f"{text[:-1]}: the value is empty; write one, or leave the option out.")
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from greaterbay.scenario.problems import did_you_mean

            hint = did_you_mean(args[0], COMMANDS)
            ctx.fail(f"No such command '{args[0]}'." + (f" {hint[0].upper()}{hint[1:]}" if hint else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def versions() -> dict[str, Any]:
    """Version of greaterbay, version of its numbers, digest of its sources, and the versions of Python and of the libraries."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from greaterbay import NUMBERS, __version__
    from greaterbay.runner.manifest import source_digest

    libraries = {}
    for name in LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            libraries[name] = "not installed"
    return {
        "greaterbay": __version__,
        "numbers": NUMBERS,
        "source": source_digest(),
        "python": platform.python_version(),
        "libraries": libraries,
    }


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    found = versions()
    if ctx.params.get("as_json"):
        print_json(found)
        ctx.exit()
    click.echo(f"greaterbay {found['greaterbay']}")
    click.echo(f"numbers    {found['numbers']}")
    click.echo(f"source     {found['source']}")
    click.echo(f"python     {found['python']}")
    for name, number in found["libraries"].items():
        click.echo(f"{name:<10} {number}")
    ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: greaterbay run baseline joint_fund --replicates 4 --out out",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    callback=_print_version,
    help="Print the versions of greaterbay, its numbers, its sources, Python and the libraries, and stop.",
)
@click.option("--json", "as_json", is_flag=True, is_eager=True, help="With --version: print JSON for programs.")
@click.pass_context
def greaterbay(ctx: click.Context, as_json: bool) -> None:
    """Innovation in the Greater Bay Area: check scenarios, run them, draw and export what came out."""
    if as_json:
        raise click.UsageError(f"--json goes with --version, or after the command: greaterbay {ctx.invoked_subcommand} ... --json", ctx)


def _code_of_usage(error: click.UsageError) -> int:
    """1 for a wrong value of an option or argument, 2 for one that is unknown or missing."""
    wrong_value = isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter)
    return WRONG_VALUE if wrong_value else WRONG_USE


def call(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; what a user can cause ends in a message, not a traceback."""
    from greaterbay.scenario.problems import ScenarioError

    try:
        code = greaterbay.main(args=arguments, prog_name="greaterbay", standalone_mode=False)
        sys.stdout.flush()
    except ScenarioError as error:
        click.echo(str(error), err=True)
        return WRONG_VALUE
    except click.UsageError as error:
        error.show()
        return _code_of_usage(error)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # the reader of a pipe left (as `| head` does); keep the interpreter from flushing into it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"{place}{error.strerror or error}", err=True)
        return WRONG_VALUE
    return code if isinstance(code, int) else FINE


def main() -> None:
    """Entry of the console script."""
    sys.exit(call())


if __name__ == "__main__":
    main()
