"""Options and answers that several commands share."""

from __future__ import annotations

import json
from typing import Any

import click

FINE, WRONG_VALUE, WRONG_USE, RUN_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

quiet_option = click.option("--quiet", "-q", is_flag=True, help="Say only what went wrong.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
lang_option = click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the labels."
)
warning_lang_option = click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True,
    help="Language of warnings about levers that do not act.",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one value over the file, as in levers.shared_facilities.value=0.3 (TOML). Repeatable.",
)


class Number(click.ParamType):
    """A number with decimals; what is none is refused with the form that is allowed."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number; allowed: digits, and a point before decimals, as in 0.05.", param, ctx)


def parts_of(option: str, text: str | None) -> tuple[str, ...]:
    """The parts of a list with commas, without blanks around them; full-width punctuation is refused by name."""
    from greaterbay.scenario.kinds import slip

    if text and (why := slip(text)):
        raise WrongValue(f"{option} {text}: {why}")
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else ()


def warn_before_run(scenarios, lang: str) -> None:
    """Say on standard error what runs will leave out: levers that cannot act, ramps cut off, probes and events after the end."""
    from greaterbay.scenario.notices import before_run

    for line in before_run(scenarios, lang):
        click.echo(f"{'警告:' if lang == 'zh' else 'warning: '}{line}", err=True)


class WrongValue(click.ClickException):
    """A wrong value, wherever it stands: the message is printed as it is and the exit code is 1."""

    exit_code = WRONG_VALUE

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


class RunFailed(click.ClickException):
    """Some replicate failed: the message is printed as it is and the exit code is 3."""

    exit_code = RUN_FAILED

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


def print_json(value: Any) -> None:
    """Print ``value`` as indented JSON; a number that is not finite is null, JSON has no name for it."""
    from greaterbay.digits import plain

    click.echo(json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False))


def console():
    """A rich console on standard output: as wide as the terminal, 80 columns where there is none."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)
