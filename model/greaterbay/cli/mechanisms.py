"""``greaterbay mechanisms``: the named parts of the quarter, what each must move, and what takes its place when it is off."""

from __future__ import annotations

from dataclasses import asdict

import click

from greaterbay.cli.options import WrongValue, console, json_option, lang_option, print_json, quiet_option

_HEADS = {
    "en": ("mechanism", "phase", "what", "must move", "sign"),
    "zh": ("机制", "阶段", "内容", "必须影响的结果", "方向"),
}
_CARD = {
    "en": ("phase", "equation", "function", "off", "parameters", "final outcome it must move", "reference"),
    "zh": ("阶段", "方程", "函数", "关闭时", "参数", "必须影响的最终结果", "依据"),
}
SIGNS = {1: "+", -1: "−"}


@click.command(epilog="Example: greaterbay mechanisms adoption")
@click.argument("name", required=False)
@lang_option
@quiet_option
@json_option
def mechanisms(name: str | None, lang: str, quiet: bool, as_json: bool) -> None:
    """List the mechanisms that the phases of a quarter are made of, or describe one.

    A scenario switches one off with `[mechanisms] NAME = "off"`; `greaterbay run --mechanism NAME=MODULE:FUNCTION` puts a form of
    your own in its place. The sign is that of the outcome with the mechanism, against the run without it.
    """
    from greaterbay import outputs
    from greaterbay.mechanisms import MechanismError, get, table

    if name is not None:
        try:
            found = [get(name)]
        except MechanismError as error:
            raise WrongValue(str(error)) from error
    else:
        found = list(table().values())
    if as_json:
        print_json([asdict(one) for one in found] if name is None else asdict(found[0]))
    elif quiet:
        click.echo("\n".join(one.id for one in found))
    elif name is None:
        _list(found, outputs.table(), lang)
    else:
        _describe(found[0], outputs.get(found[0].outcome), lang)


def _grid():
    from rich.table import Table

    return Table(box=None, padding=(0, 2, 0, 0), header_style="dim")


def _list(found, declared, lang: str) -> None:
    from rich.text import Text

    table = _grid()
    for k, head in enumerate(_HEADS[lang]):
        table.add_column(head, no_wrap=k in (0, 1, 4), overflow="fold")
    for one in found:
        outcome = declared[one.outcome]
        table.add_row(*map(Text, (one.id, str(one.phase), one.title_zh if lang == "zh" else one.title,
                                  outcome.label_zh if lang == "zh" else outcome.label, SIGNS[one.sign])))
    console().print(table)


def _describe(one, outcome, lang: str) -> None:
    from rich.text import Text

    table = _grid()
    table.show_header = False
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    label = outcome.label_zh if lang == "zh" else outcome.label
    values = (str(one.phase), one.equation, one.function, one.off, ", ".join(one.parameters) or "–",
              f"{label} ({one.outcome}), {SIGNS[one.sign]}", one.reference)
    screen = console()
    screen.print(Text(f"{one.id}: {one.title_zh if lang == 'zh' else one.title}", style="bold"))
    for head, value in zip(_CARD[lang], values, strict=True):
        table.add_row(Text(head), Text(value))
    screen.print(table)
