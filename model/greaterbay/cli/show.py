"""``greaterbay show``: a resolved scenario, what sets it apart from another, or the order of a quarter."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from greaterbay.cli.options import console, json_option, lang_option, print_json, quiet_option, set_option
from greaterbay.scenario.load import load_scenario
from greaterbay.scenario.schema import LEVER_KEYS, PROBE_KEYS, Scenario
from greaterbay.scenario.words import (
    RUN_LABELS,
    amount,
    differences,
    event_words,
    lever_title,
    lever_words,
    mechanism_words,
    probe_words,
    run_value,
)

if TYPE_CHECKING:
    from greaterbay.evidence.posteriors import Posterior

_HEADINGS = {
    "en": {
        "chain": "made of",
        "run": "run",
        "levers": "levers",
        "probes": "probes",
        "events": "events",
        "parameters": "parameters",
        "mechanisms": "mechanisms",
        "drawn": "parameters drawn: median [5 %, 95 %] of the {n} draws of posterior {id}",
        "same": " in every draw",
        "wins": "{value} (the file wins over the draws: {drawn})",
        "none": "no lever is set",
    },
    "zh": {
        "chain": "来源文件",
        "run": "模拟设置",
        "levers": "政策杠杆",
        "probes": "探测技术",
        "events": "事件",
        "parameters": "模型参数",
        "mechanisms": "机制",
        "drawn": "抽样参数:后验{id}的{n}组参数的中位数 [5 %, 95 %]",
        "same": "(各组相同)",
        "wins": "{value}(以文件取值为准,不用抽样{drawn})",
        "none": "未设置政策杠杆",
    },
}


@click.command(epilog="Example: greaterbay show joint_fund --against baseline")
@click.argument("file", required=False)
@click.option("--against", metavar="FILE", help="Say in plain words what sets FILE apart from this scenario.")
@click.option("--timeline", is_flag=True, help="Print the phases of a quarter in their order.")
@click.option("--state", "of_state", is_flag=True, help="Print what a bay consists of: every member of state, and who writes it.")
@click.option("--timed", is_flag=True, help="With --timeline: play a small run and print each phase's share of the time.")
@set_option
@lang_option
@quiet_option
@json_option
@click.pass_context
def show(
    ctx: click.Context,
    file: str | None,
    against: str | None,
    timeline: bool,
    of_state: bool,
    timed: bool,
    overrides: tuple[str, ...],
    lang: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show a scenario with every value and the place it comes from.

    FILE is a path or the id of a scenario of the library. With --quiet the scenario is told in words. --set
    changes FILE, not the scenario it is held against.
    """
    if of_state:
        if file or against or timeline or timed:
            raise click.UsageError("--state stands alone.", ctx)
        _show_state(lang, quiet, as_json)
        return
    if timeline:
        if file or against:
            raise click.UsageError("--timeline takes no scenario.", ctx)
        _show_timeline(lang, quiet, as_json, _phase_seconds() if timed else None)
        return
    if timed:
        raise click.UsageError("--timed goes with --timeline.", ctx)
    if file is None:
        raise click.UsageError("Missing argument 'FILE' (or --timeline, or --state).", ctx)
    scenario = load_scenario(file, overrides)
    if against is not None:
        _show_difference(scenario, load_scenario(against), lang, quiet, as_json)
    elif as_json:
        print_json(scenario.to_dict() | _drawn_values(scenario))
    else:
        _show_scenario(scenario, lang, quiet)


def _show_scenario(scenario: Scenario, lang: str, quiet: bool) -> None:
    headings = _HEADINGS[lang]
    screen = _Screen(scenario)
    title = scenario.title_zh if lang == "zh" and scenario.title_zh else scenario.title
    screen.heading(f"{scenario.id}: {title}")
    if quiet:
        _print_in_words(scenario, screen, lang)
        return
    screen.table(
        [(headings["chain"] if step == 0 else "", path, "") for step, path in enumerate(scenario.chain)]
    )
    screen.heading(headings["run"])
    screen.table(
        [(label, run_value(scenario.run, key), f"run.{key}") for key, label in RUN_LABELS[lang].items()]
    )
    plain = scenario.to_dict()
    screen.heading(headings["levers"] if scenario.levers else headings["none"])
    for name, setting in plain["levers"].items():
        screen.heading(f"  {lever_title(name, lang)}", style="")
        values = setting | {"ramp": f"{setting['ramp_quarters']} quarters"}
        screen.set_keys(f"levers.{name}", values, LEVER_KEYS)
    if scenario.probes:
        screen.heading(headings["probes"])
    for name, probe in plain["probes"].items():
        screen.heading(f"  {name}", style="")
        screen.set_keys(f"probes.{name}", probe, PROBE_KEYS)
    if scenario.events:
        screen.heading(headings["events"])
        screen.table([("", event_words(event, lang), "events") for event in scenario.events])
    if scenario.parameters:
        screen.heading(headings["parameters"])
        screen.table(
            [(name, amount(value), f"parameters.{name}") for name, value in scenario.parameters.items()]
        )
    if scenario.mechanisms:
        screen.heading(headings["mechanisms"])
        screen.table([("", mechanism_words(name, form, lang), f"mechanisms.{name}") for name, form in scenario.forms().items()])
    drawn = scenario.posterior()
    if drawn is not None:
        screen.heading(headings["drawn"].format(n=drawn.count, id=drawn.id))
        screen.table(_drawn_rows(scenario, drawn, headings))


def _drawn_rows(scenario: Scenario, drawn: Posterior, headings: dict[str, str]) -> list[tuple[str, str, str]]:
    """Drawn parameters with median and interval; where the scenario sets one itself, its value and where that stands."""
    rows = []
    for name, marginal in drawn.marginals.items():
        text, place = f"{marginal.median:.3g}{headings['same']}" if marginal.fixed else marginal.words(), ""
        if name in scenario.parameters:
            text, place = headings["wins"].format(value=amount(scenario.parameters[name]), drawn=text), f"parameters.{name}"
        rows.append((name, text, place))
    return rows


def _drawn_values(scenario: Scenario) -> dict:
    """The drawn parameters for programs; nothing with central values."""
    drawn = scenario.posterior()
    if drawn is None:
        return {}
    rows = {name: asdict(one) | {"overridden": name in scenario.parameters} for name, one in drawn.marginals.items()}
    return {"drawn": {"posterior": drawn.id, "digest": drawn.digest, "draws": drawn.count, "parameters": rows}}


def _print_in_words(scenario: Scenario, screen: _Screen, lang: str) -> None:
    screen.table([(label, run_value(scenario.run, key), "") for key, label in RUN_LABELS[lang].items()])
    sentences = [lever_words(setting, lang) for setting in scenario.levers.values()]
    sentences += [probe_words(probe, lang) for probe in scenario.probes.values()]
    sentences += [event_words(event, lang) for event in scenario.events]
    sentences += [f"{name} = {amount(value)}" for name, value in scenario.parameters.items()]
    sentences += [mechanism_words(name, form, lang) for name, form in scenario.forms().items()]
    drawn = scenario.posterior()
    if drawn is not None:
        headings = _HEADINGS[lang]
        sentences.append(headings["drawn"].format(n=drawn.count, id=drawn.id))
        sentences += [f"{name} = {text}" for name, text, _ in _drawn_rows(scenario, drawn, headings)]
    for sentence in sentences:
        click.echo(f"- {sentence}")


class _Screen:
    """Prints headings and rows of (label, value, place of origin) as wide as the terminal."""

    def __init__(self, scenario: Scenario) -> None:
        self.console = console()
        self.origins = scenario.origins

    def heading(self, text: str, style: str = "bold") -> None:
        from rich.text import Text

        self.console.print(Text(text, style=style))

    def table(self, rows: list[tuple[str, str, str]], indent: int = 2) -> None:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_column(overflow="fold", style="dim")
        for label, value, key in rows:
            grid.add_row(Text(" " * indent + label), Text(value), Text(self.origins.get(key, "")))
        self.console.print(grid)

    def set_keys(self, prefix: str, values: dict, keys: dict[str, str]) -> None:
        """Those keys of a lever or probe that some file gives, and the value in any case."""
        rows = []
        for key in keys:
            place = f"{prefix}.{key}"
            if key == "value" or self.origins.get(place, "catalogue") != "catalogue":
                value = values[key]
                rows.append((key, ", ".join(value) if isinstance(value, list) else str(value), place))
        self.table(rows, indent=4)


def _show_difference(here: Scenario, there: Scenario, lang: str, quiet: bool, as_json: bool) -> None:
    found = differences(here, there, lang)
    if as_json:
        print_json({"scenario": here.id, "against": there.id, "differences": found})
        return
    if not quiet:
        click.echo(
            f"{here.id} 与 {there.id} 相比:" if lang == "zh" else f"{here.id}, held against {there.id}:"
        )
    for sentence in found:
        click.echo(f"- {sentence}")
    if not found and not quiet:
        click.echo("- 没有影响结果的差别" if lang == "zh" else "- Nothing that reaches the results differs.")


TIMED_RUN = ("run.scale=0.02", "run.start=2020-01-01", "run.end=2021-12-31")


def _phase_seconds() -> dict[int, float]:
    """Seconds of each phase in seven quarters of a small baseline, after one that compiles and loads."""
    from greaterbay.bay import Bay

    bay = Bay(scenario=load_scenario("baseline", TIMED_RUN))
    bay.step()
    bay.timings.clear()
    bay.run_to_end()
    return dict(bay.timings)


def _show_timeline(lang: str, quiet: bool, as_json: bool, seconds: dict[int, float] | None = None) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from greaterbay.timeline import PHASES

    if as_json:
        print_json(
            [
                {"number": p.number, "title": p.title, "title_zh": p.title_zh,
                 "calls": [{"name": c.name, "reads": c.reads.split(), "writes": c.writes.split()} for c in p.calls]}
                | ({} if seconds is None else {"seconds": seconds[p.number], "share": seconds[p.number] / sum(seconds.values())})
                for p in PHASES
            ]
        )
        return
    screen, (reads, writes) = console(), ("读取", "写入") if lang == "zh" else ("reads", "writes")
    for phase in PHASES:
        share = "" if seconds is None else f"{seconds[phase.number] / sum(seconds.values()):>5.0%}  "
        screen.print(Text(f"{phase.number:>2}. {share}{phase.title_zh if lang == 'zh' else phase.title}", style="bold"))
        for call in () if quiet else phase.calls:
            screen.print(Text(f"      {call.name}"))
            for word, names in ((reads, call.reads), (writes, call.writes)):
                screen.print(Padding(Text(f"{word} {', '.join(names.split())}", style="dim"), (0, 0, 0, 8)))


_STATE_HEADS = {"en": ("member", "meaning", "unit", "stored as", "written in phase"), "zh": ("成员", "含义", "单位", "存储", "写入阶段")}


def _show_state(lang: str, quiet: bool, as_json: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from greaterbay import state, timeline

    writers = timeline.writers()
    if as_json:
        print_json([asdict(m) | {"written_in": writers[m.id]} for group in state.table().values() for m in group.values()])
        return
    screen = console()
    for group, titles in state.TITLES.items():
        title = titles[1] if lang == "zh" else titles[0]
        if quiet:
            click.echo(f"{group}: {', '.join(state.table()[group])}")
            continue
        table = Table(title=f"bay.{group}: {title}", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
        for k, head in enumerate(_STATE_HEADS[lang]):
            table.add_column(head, overflow="fold", no_wrap=k == 0, header_style="dim")
        for m in state.table()[group].values():
            stored = f"{m.stored} ({m.shape})" if m.shape else m.stored
            table.add_row(*map(Text, (m.name, m.meaning_zh if lang == "zh" else m.meaning, m.unit, stored,
                                      ", ".join(map(str, writers[m.id])) or "–")))
        screen.print(table)
