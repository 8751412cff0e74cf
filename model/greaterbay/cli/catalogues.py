"""``greaterbay levers``, ``outputs`` and ``parameters``: what is declared, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import click

from greaterbay.cli.options import WrongValue, console, json_option, lang_option, print_json, quiet_option
from greaterbay.digits import digits
from greaterbay.scenario.problems import did_you_mean

# Headings of the cards, where a single entry is shown; what is not listed here goes by its own name.
_LABELS_ZH = {
    "id": "标识",
    "name": "名称",
    "group": "类别",
    "unit": "单位",
    "neutral": "中性值",
    "bounds": "取值范围",
    "plausible": "合理范围",
    "targets": "可限定对象",
    "cost": "成本",
    "payer": "出资方",
    "documents": "文献措施",
    "reference": "依据",
    "grade": "证据等级",
    "primary outcome": "首要结果",
    "mechanism": "作用机制",
    "type": "类型",
    "transfer": "移用",
    "reaches": "默认对象",
    "terms": "条款",
    "excludes": "不得并用",
    "measured effect": "实测效应",
    "modifies": "作用量",
    "value": "取值",
    "calibrated": "校准值",
    "label": "含义",
    "time base": "时间基准",
    "note": "备注",
    "dimensions": "维度",
    "kind": "类型",
    "over time": "时间汇总",
    "over cities": "城市汇总",
    "formed from": "构成",
    "flow": "流量",
    "exported": "导出",
    "headline": "核心结果",
}


@click.command(epilog="Example: greaterbay levers L20, or greaterbay levers talent_recognition --lang zh")
@click.argument("name", required=False, metavar="[ID|DOCUMENT|NAME]")
@click.option("--group", help="Only the levers of this group (its name or the name of its file).")
@click.option("--measure", is_flag=True, help="Measure effects on primary outcomes by paired runs and write the table.")
@click.option("--replicates", type=click.IntRange(2), default=16, show_default=True, help="Pairs of runs with --measure.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes with --measure.")
@click.option("--to", "target", type=click.Path(dir_okay=False), help="Where --measure writes; else calibration/lever_effects.csv.")
@lang_option
@quiet_option
@json_option
def levers(name: str | None, group: str | None, measure: bool, replicates: int, jobs: int, target: str | None, lang: str, quiet: bool,
           as_json: bool) -> None:
    """List policy levers and presets of instruments, or describe one.

    A lever is found by its id, by the measure of the documents that it stands for (L01 to L31, M01 to M21, H01 to H18), or
    by a part of its English or Chinese name.
    """
    from greaterbay.policy import catalogue

    entries = catalogue.levers()
    if group is not None:
        groups = sorted({lever.group for lever in entries.values()})
        named = {lever.group_zh: lever.group for lever in entries.values()}
        group = named.get(group, group)
        _known(group, groups, "group", "; ".join(groups))
        entries = {key: lever for key, lever in entries.items() if lever.group == group}
    if measure:
        _measure_levers([lever.id for lever in (_levers_called(name, entries, lang) if name else entries.values())], replicates, jobs,
                        target, quiet)
        return
    if name is not None:
        found = _levers_called(name, entries, lang)
        if len(found) == 1:
            lever = found[0]
            if as_json:
                print_json(_lever_row(lever))
            elif quiet:
                click.echo(lever.id)
            else:
                _print_entry(lever, _lever_card(lever, lang), lang, False)
            return
        entries = {lever.id: lever for lever in found}
    if as_json:
        print_json([_lever_row(lever) for lever in entries.values()])
    elif quiet:
        _print_ids(entries)
    else:
        _print_levers(entries, lang)
        if name is None and group is None:
            missing = catalogue.not_represented().values()
            click.echo("\n没有杠杆代表的措施:" if lang == "zh" else "\nMeasures of the documents that no lever stands for:")
            _print_table(("措施", "原因") if lang == "zh" else ("measure", "reason"),
                         [(one.document, one.reason_zh if lang == "zh" else one.reason) for one in missing])


def _measure_levers(names: list[str], replicates: int, jobs: int, target: str | None, quiet: bool) -> None:
    """Paired runs of these levers; the table is written whole at the end."""
    import tempfile
    from pathlib import Path

    from greaterbay.comparison import lever_effects
    from greaterbay.evidence import measured

    def say(done: int, total: int) -> None:
        if not quiet:
            click.echo(f"{done} of {total} replicates", err=True)

    path = Path(target) if target else measured.table_path()
    if not path.parent.is_dir():
        raise WrongValue(f"{path.parent}: no such folder")
    try:  # before minutes of runs, not after
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise WrongValue(f"cannot write to {path.parent}: {error.strerror}") from error
    rows = lever_effects.measure(names, replicates, jobs=jobs, on_done=say)
    lever_effects.write(rows, path, replicates, lever_effects.SCALE, lever_effects.END)
    statuses = (lever_effects.EFFECT, lever_effects.AGAINST, lever_effects.BELOW)
    counts = {status: sum(row["status"] == status for row in rows) for status in statuses}
    click.echo(f"{path}: " + ", ".join(f"{number} {status}" for status, number in counts.items()))


def _levers_called(name: str, entries: Mapping[str, Any], lang: str) -> list[Any]:
    """Levers with this id, or that stand for this measure, or whose name holds these words."""
    from greaterbay.policy import catalogue

    if name.lower() in entries:
        return [entries[name.lower()]]
    measure = name.upper()
    found = [lever for lever in entries.values() if measure in lever.documents]
    if not found and measure in catalogue.not_represented():
        one = catalogue.not_represented()[measure]
        raise WrongValue(f"{measure}: {'没有杠杆代表:' if lang == 'zh' else 'no lever stands for it: '}"
                         f"{one.reason_zh if lang == 'zh' else one.reason}")
    words = name.casefold()
    found = found or [lever for lever in entries.values() if words in lever.name.casefold() or name in lever.name_zh]
    if not found:
        _known(name, entries, "lever", "those of `greaterbay levers`")
    return found


def _lever_row(lever: Any) -> dict[str, Any]:
    """A lever as plain values, for JSON."""
    from greaterbay.evidence import measured

    return asdict(lever) | {
        "measured": measured.effects().get(lever.id),
        "bounds": [lever.low, lever.high],
        "plausible": [lever.plausible_low, lever.plausible_high],
    }


def _print_levers(entries: Mapping[str, Any], lang: str) -> None:
    from greaterbay.evidence import measured

    chinese = lang == "zh"
    weak = {name for name, row in measured.effects().items() if row["status"] == measured.BELOW}
    mark = "[低于检测限] " if chinese else "[below detection] "
    rows = [
        (
            lever.id,
            f"{lever.neutral:g}",
            f"{lever.low:g} – {lever.high:g}",
            (mark if lever.id in weak else "") + " ".join(lever.documents) + ("" if chinese else "  ")
            + (f" {lever.name_zh}:{lever.unit_zh}" if chinese else f"{lever.name}: {lever.unit}"),
        )
        for lever in entries.values()
    ]
    heads = ("杠杆", "中性值", "范围", "文献措施、名称与单位") if chinese else ("lever", "neutral", "bounds", "measures, name: unit")
    _print_table(heads, rows)


@click.command(epilog="Example: greaterbay outputs conversion_rate")
@click.argument("name", required=False, metavar="[ID]")
@lang_option
@quiet_option
@json_option
def outputs(name: str | None, lang: str, quiet: bool, as_json: bool) -> None:
    """List the outputs of a run, or describe one."""
    from greaterbay import outputs as declared

    entries = declared.table()
    if name is not None:
        _known(name, entries, "output", "those of `greaterbay outputs`")
        _print_entry(entries[name], _output_card(entries[name], lang), lang, as_json)
    elif as_json:
        print_json([asdict(output) for output in entries.values()])
    elif quiet:
        _print_ids(entries)
    else:
        chinese = lang == "zh"
        rows = [
            (
                output.id,
                output.kind,
                " × ".join(output.dims[1:]) or "–",
                f"{output.label_zh}({output.unit_zh})" if chinese else f"{output.label} ({output.unit})",
            )
            for output in entries.values()
        ]
        heads = (
            ("输出", "类型", "每季度的维度", "含义") if chinese else ("output", "kind", "by", "what (unit)")
        )
        _print_table(heads, rows)


@click.command(epilog="Example: greaterbay parameters partnering")
@click.argument("name", required=False, metavar="[GROUP|ID]")
@lang_option
@quiet_option
@json_option
def parameters(name: str | None, lang: str, quiet: bool, as_json: bool) -> None:
    """List the parameters of the model, those of one group, or describe one.

    A parameter that the baseline draws from a posterior is shown with its median and 90 % interval beside the central value.
    """
    from greaterbay import parameters as declared

    entries = declared.table()
    drawn = _baseline_draws()
    if name in entries:
        if as_json:
            print_json(_parameter_row(entries[name], drawn))
        else:
            _print_entry(entries[name], _parameter_card(entries[name], lang, drawn), lang, as_json)
        return
    if name is not None:
        groups = sorted({key.split(".")[0] for key in entries})
        _known(name, [*groups, *entries], "group or parameter", ", ".join(groups))
        entries = {key: parameter for key, parameter in entries.items() if key.split(".")[0] == name}
    if as_json:
        print_json([_parameter_row(parameter, drawn) for parameter in entries.values()])
    elif quiet:
        _print_ids(entries)
    else:
        chinese = lang == "zh"
        rows = [
            (
                parameter.id,
                f"{parameter.value:g}",
                f"{parameter.low:g} – {parameter.high:g}",
                "\n".join(
                    [
                        *_calibrated(parameter, drawn, chinese),
                        f"{parameter.label_zh}({parameter.unit})" if chinese else f"{parameter.label} ({parameter.unit})",
                    ]
                ),
            )
            for parameter in entries.values()
        ]
        heads = (
            ("参数", "取值", "范围", "含义") if chinese else ("parameter", "value", "bounds", "what (unit)")
        )
        _print_table(heads, rows)
        if drawn is not None:
            _print_note(
                f"校准值:后验{drawn.id}的{drawn.count}组参数的中位数 [5 %, 95 %];基准情景使用这些抽样,其余参数取所列值。"
                if chinese
                else f"Calibrated: median [5 %, 95 %] of the {drawn.count} draws of posterior {drawn.id}, which the baseline uses; "
                "every other parameter has the value of the table."
            )


def _baseline_draws() -> Any:
    """The draws that the library's baseline uses, or None; draws that cannot be used are named on standard error."""
    from greaterbay.evidence import posteriors

    try:
        return posteriors.of_baseline()
    except posteriors.PosteriorError as error:
        click.echo(f"baseline: {error}", err=True)
        return None


def _parameter_row(parameter: Any, drawn: Any) -> dict[str, Any]:
    """A parameter as plain values; ``calibrated`` is None where the baseline does not draw it."""
    marginal = _marginal(parameter, drawn)
    found = None if marginal is None else {"posterior": drawn.id, "digest": drawn.digest, "draws": drawn.count, **asdict(marginal)}
    return asdict(parameter) | {"calibrated": found}


def _marginal(parameter: Any, drawn: Any) -> Any:
    """Median and interval of a drawn parameter; None for one that every draw leaves at its central value."""
    found = drawn.marginals.get(parameter.id) if drawn is not None else None
    return None if found is None or (found.fixed and found.median == parameter.value) else found


def _calibrated(parameter: Any, drawn: Any, chinese: bool) -> list[str]:
    """Median and interval of a drawn parameter in words."""
    marginal = _marginal(parameter, drawn)
    if marginal is None:
        return []
    words = marginal.words()
    return [f"校准:中位数{words}(后验{drawn.id})" if chinese else f"calibrated: median {words} (posterior {drawn.id})"]


# ---- one entry -----------------------------------------------------------------------------------------


def _lever_card(lever: Any, lang: str) -> dict[str, str]:
    from greaterbay.policy import catalogue

    chinese = lang == "zh"
    sign = {1: "+", -1: "−"}.get(lever.expected_sign, "0")
    card = {
        "id": lever.id,
        "type": ("预设工具" if lever.is_preset else "杠杆") if chinese else lever.type,
        "name": lever.name_zh if chinese else lever.name,
        "group": lever.group_zh if chinese else lever.group,
        "unit": lever.unit_zh if chinese else lever.unit,
        "neutral": f"{lever.neutral:g}",
        "bounds": f"{lever.low:g} – {lever.high:g}",
        "plausible": f"{lever.plausible_low:g} – {lever.plausible_high:g}",
        "targets": ", ".join(lever.targets) or "–",
        "transfer": lever.transfer_zh if chinese else lever.transfer,
        "reaches": "; ".join(", ".join(part) for part in ((lever.cities,), lever.fields, lever.kinds) if part) if lever.is_preset else "",
        "mechanism": lever.mechanism_zh if chinese else lever.mechanism,
        "modifies": f"{lever.named_value} ({lever.operation})",
        "terms": "\n".join(_terms(lever, chinese)),
        "cost": lever.cost_zh if chinese else lever.cost,
        "payer": catalogue.payer_words(lever, chinese),
        "excludes": ", ".join(lever.excludes),
        "primary outcome": f"{lever.primary_outcome} ({sign})",
        "measured effect": _measured(lever, chinese),
        "documents": "\n".join(_measure(one, chinese) for one in lever.documents),
        "reference": ", ".join(lever.reference),
        "grade": lever.grade,
    }
    return {label: text for label, text in card.items() if text}


def _terms(lever: Any, chinese: bool) -> list[str]:
    """Terms of a preset in words."""
    from greaterbay.policy.terms import TERMS

    if not lever.is_preset:
        return []
    lines = [f"basis = {lever.terms['basis']}"]
    for key, value in lever.terms.items():
        if key in TERMS:
            lines.append(f"{key} = {value:g} {TERMS[key].unit}: {TERMS[key].words_zh if chinese else TERMS[key].words}")
        elif key != "basis" and value:
            lines.append(f"{key} = {value}")
    return lines


def _measure(document: str, chinese: bool) -> str:
    """A measure of the documents: where it stands, and what it says in own words."""
    from greaterbay.evidence import references

    record = references.record(f"lever:{document}")
    title = references.record(f"document:{record.data['document']}").words(chinese)
    return f"{document} ({title}, {record.data['section']}): {record.words(chinese)}"


def _measured(lever: Any, chinese: bool) -> str:
    """What paired runs of the catalogue found."""
    from greaterbay.evidence import measured

    row = measured.effects().get(lever.id)
    if row is None:
        return "尚未测量" if chinese else "not measured yet"
    value, smallest = f"{float(row['value']):g}", digits(_number(row["smallest_seen"]))
    effect, low, high = (digits(_number(row[key]), "+.3g") for key in ("effect", "low", "high"))
    effect = f"{effect} [{low}, {high}]"
    status = row["status"]
    if chinese:
        status = {"effect": "有效应", "against expectation": "与预期相反", "below detection": "低于检测限"}.get(status, status)
        return f"{status}:取值{value}时,{row['replicates']}次配对模拟的效应为{effect};可检出的最小效应为{smallest}"
    return f"{status}: {effect} at {value} in {row['replicates']} paired runs; the smallest effect that would be seen is {smallest}"


def _number(text: str) -> float | None:
    """The number of a cell; None for an empty one."""
    return float(text) if text else None


def _output_card(output: Any, lang: str) -> dict[str, str]:
    chinese = lang == "zh"
    flow = ", ".join(part for part in (output.flow, output.channel) if part)
    if flow:
        flow += f": {output.from_kind} → {output.to_kind}"
    card = {
        "id": output.id,
        "label": output.label_zh if chinese else output.label,
        "unit": output.unit_zh if chinese else output.unit,
        "dimensions": ", ".join(output.dims),
        "kind": output.kind,
        "over time": output.over_time,
        "over cities": output.over_cities,
        "formed from": f"{output.numerator} / {output.denominator}" if output.numerator else "",
        "flow": flow,
        "exported": _yes(output.export, chinese),
        "headline": _yes(output.headline, chinese),
    }
    return {label: text for label, text in card.items() if text}


def _parameter_card(parameter: Any, lang: str, drawn: Any) -> dict[str, str]:
    marginal = _marginal(parameter, drawn)
    calibrated = ""
    if marginal is not None:
        middle, low, high = (f"{value:.3g}" for value in (marginal.median, marginal.low, marginal.high))
        calibrated = (
            f"中位数{middle} [5 %: {low}, 95 %: {high}](后验{drawn.id},{drawn.count}组参数)"
            if lang == "zh"
            else f"median {middle} [5 %: {low}, 95 %: {high}] (posterior {drawn.id}, {drawn.count} draws)"
        )
    card = {
        "id": parameter.id,
        "label": parameter.label_zh if lang == "zh" else parameter.label,
        "value": f"{parameter.value:g}",
        "calibrated": calibrated,
        "bounds": f"{parameter.low:g} – {parameter.high:g}",
        "unit": parameter.unit,
        "time base": parameter.time_base,
        "reference": parameter.reference,
        "note": parameter.note,
    }
    return {label: text for label, text in card.items() if text}


def _yes(value: bool, chinese: bool) -> str:
    return ("是" if value else "否") if chinese else ("yes" if value else "no")


# ---- printing ------------------------------------------------------------------------------------------


def _known(name: str, names: Iterable[str], sort: str, allowed: str) -> None:
    names = list(names)
    if name not in names:
        hint = did_you_mean(name, names)
        raise WrongValue(f'unknown {sort} "{name}"; allowed: {allowed}' + (f"; {hint}" if hint else ""))


def _print_ids(entries: Iterable[str]) -> None:
    for key in entries:
        click.echo(key)


def _print_entry(entry: Any, card: dict[str, str], lang: str, as_json: bool) -> None:
    if as_json:
        print_json(asdict(entry))
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for label, text in card.items():
        grid.add_row(Text(_LABELS_ZH.get(label, label) if lang == "zh" else label), Text(text))
    console().print(grid)


def _print_note(text: str) -> None:
    """A line below a table, as wide as the terminal."""
    from rich.text import Text

    console().print(Text(f"\n{text}"))


def _print_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table whose first column is never broken and whose last takes what is left."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for index, head in enumerate(heads):
        last = index == len(heads) - 1
        table.add_column(head, no_wrap=not last, overflow="fold", ratio=1 if last else None)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)
