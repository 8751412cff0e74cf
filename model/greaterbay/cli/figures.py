"""``greaterbay figures``: what the sources say, what reads it, and the proof against a reader's own copies."""

from __future__ import annotations

from pathlib import Path

import click

from greaterbay.cli.options import WrongValue, json_option, lang_option, print_json, quiet_option


@click.command(epilog="Example: greaterbay figures nm_conversion_general      greaterbay figures --verify my_documents")
@click.argument("name", required=False, metavar="[ID]")
@click.option("--unused", is_flag=True, help="Only figures that nothing reads.")
@click.option("--orphans", is_flag=True, help="Parameters and levers that no figure, paper or measure supports.")
@click.option("--verify", type=click.Path(path_type=Path), metavar="DIR", help="Prove every fingerprint against the documents in DIR.")
@lang_option
@quiet_option
@json_option
def figures(name: str | None, unused: bool, orphans: bool, verify: Path | None, lang: str, quiet: bool, as_json: bool) -> None:
    """List the figures of the sources, say what reads each, or describe one."""
    if sum((name is not None, unused, orphans, verify is not None)) > 1:
        raise WrongValue("ID, --unused, --orphans and --verify: give one of the four")
    if verify is not None:
        _verify(verify, quiet, as_json)
    elif orphans:
        _orphans(lang, quiet, as_json)
    elif name is not None:
        _one(name, lang, as_json)
    else:
        _list(unused, lang, quiet, as_json)


def _verify(folder: Path, quiet: bool, as_json: bool) -> None:
    from greaterbay.evidence import usage

    checked, problems = usage.verify(folder)
    if as_json:
        print_json({"checked": checked, "problems": problems})
    elif not quiet or problems:
        for line in problems:
            click.echo(line)
        if not problems:
            click.echo(f"{checked} fingerprints agree with the documents in {folder}")
    if problems:
        raise WrongValue(f"{len(problems)} of {checked + len(problems)} do not agree")


def _orphans(lang: str, quiet: bool, as_json: bool) -> None:
    from greaterbay.cli.catalogues import _print_ids, _print_note, _print_table
    from greaterbay.evidence import usage

    rows = usage.orphans()
    if as_json:
        print_json(rows)
    elif quiet:
        _print_ids(row["id"] for row in rows)
    else:
        chinese = lang == "zh"
        colon = ":" if chinese else ": "

        def what(row: dict) -> str:
            sort = usage.word_zh(row["sort"]) if chinese else row["sort"]
            other = row["reference"] if row["reference"] != f"assumption:{row['id']}" else ""
            return f"{sort}{colon}{row['label_zh' if chinese else 'label']}" + (f" ({other})" if other else "")

        _print_table(("标识", "含义") if chinese else ("id", "what"), [(row["id"], what(row)) for row in rows])
        _print_note(
            "括号中未另注者,均以同名假设为依据。"
            if chinese
            else "Each rests on the assumption of its own name, unless another stands in brackets."
        )


def _list(unused: bool, lang: str, quiet: bool, as_json: bool) -> None:
    from greaterbay.cli.catalogues import _print_ids, _print_table
    from greaterbay.evidence import references, usage

    read = usage.readers()
    chosen = [i for i in references.all_ids("figure") if not (unused and read.get(f"figure:{i}"))]
    if as_json:
        print_json([usage.card(i, read) for i in chosen])
    elif quiet:
        _print_ids(chosen)
    else:
        chinese = lang == "zh"
        rows = []
        for i in chosen:
            data = references.record(f"figure:{i}").data
            use = usage.word_zh(data["use"]) if chinese else data["use"]
            head = " · ".join(part for part in (usage.said(data, chinese), use) if part)
            rows.append((i, f"{head}\n{data['gloss_zh' if chinese else 'gloss']}"))
        _print_table(("数据", "内容 · 用途,说明") if chinese else ("figure", "what it says · use, and in words"), rows)


def _one(name: str, lang: str, as_json: bool) -> None:
    from greaterbay.cli.catalogues import _known
    from greaterbay.evidence import references, usage

    _known(name, references.all_ids("figure"), "figure", "those of `greaterbay figures`")
    card = usage.card(name, usage.readers())
    if as_json:
        print_json(card)
        return
    from rich.table import Table
    from rich.text import Text

    from greaterbay.cli.options import console

    chinese = lang == "zh"
    heads = {
        "id": "标识",
        "says": "内容",
        "kind": "类型",
        "period": "时期",
        "place": "地域",
        "use": "用途",
        "gloss": "说明",
        "document": "来源",
        "locator": "位置",
        "read_by": "读取者",
        "fingerprint": "指纹",
        "status": "状态",
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for key, zh in heads.items():
        value = card.get("gloss_zh" if chinese and key == "gloss" else key)
        if key == "document" and value:
            record = references.record(f"document:{value}")
            value = f"{record.data['title_zh' if chinese else 'title']} ({record.data['date']})"
        if chinese and key == "says":
            value = usage.said(card, chinese) or value
        elif chinese and key in ("kind", "use", "status") and value:
            value = usage.word_zh(value)
        elif chinese and key == "read_by" and value:
            value = [usage.word_zh(one) for one in value]
        if value:
            grid.add_row(Text(zh if chinese else key.replace("_", " ")), Text(", ".join(value) if isinstance(value, list) else str(value)))
    console().print(grid)
