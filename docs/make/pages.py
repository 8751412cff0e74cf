"""Pages that are made from the package's declarations and from texts elsewhere in the project, when the site is built."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import keys
from greaterbay import outputs, parameters
from greaterbay.cli.main import COMMANDS, Commands
from greaterbay.evidence import measured, posteriors, references
from greaterbay.odd_tables import NO_TIME, markdown, number, span
from greaterbay.policy import catalogue
from greaterbay.scenario import schema

TOP = Path(__file__).resolve().parents[2]
SIGNS = {1: "+", -1: "−", 0: "0"}


def cell(text: object) -> str:
    """Text in a cell of a table, on one line."""
    return " ".join(str(text).split()) or "–"


def stated(value: object) -> str:
    """A default as it is written in a scenario file."""
    return f"`{json.dumps(value, ensure_ascii=False)}`" if isinstance(value, str) else f"`{value}`"


def text_of(path: str, title: str = "", links: Mapping[str, str] | None = None) -> str:
    """A text of the project as a page: with another title, and its links seen from the site."""
    text = (TOP / path).read_text(encoding="utf-8")
    if title:
        text = re.sub(r"\A# .*", f"# {title}", text)
    for target, page in (links or {}).items():
        if f"]({target})" not in text:
            raise ValueError(f"{path}: no link to {target} any more; docs/make/pages.py rewrites it")
        text = text.replace(f"]({target})", f"]({page})")
    return text


# ---- scenarios -----------------------------------------------------------------------------------------


def described(declared: Mapping[str, str], words: Mapping[str, str], required: Iterable[str] = (),
              more: Mapping[str, str] | None = None) -> str:
    """The table of the keys of one table of a scenario file; each needs its words."""
    if set(declared) != set(words):
        raise ValueError(f"docs/make/keys.py and greaterbay.scenario.schema differ by {sorted(set(declared) ^ set(words))}")
    required, more = set(required), more or {}
    return markdown(("key", "value", "meaning", "without it, or what is allowed"), (
        (f"`{key}`", sort, words[key], "required" if key in required else more.get(key, "–")) for key, sort in declared.items()))


def scenario_keys() -> str:
    """Every key that a scenario file may have."""
    def listed(names: Iterable[str]) -> str:
        return ", ".join(f"`{name}`" for name in names)

    defaults = {key: stated(value) for key, value in schema.RUN_DEFAULTS.items()}
    defaults["cut"] += f"; allowed: {listed(schema.CUTS)}"
    defaults["replicates"] += f"; at most {schema.MOST_REPLICATES:,}"
    top = {"schema": f"`{schema.SCHEMA}`", "financing": f"`\"additional\"`; allowed: {listed(schema.FINANCING)}",
           "extends": f"at most {schema.MOST_PARENTS} parents above a file"}
    lever = {"exit": f"`\"cliff\"`; allowed: {listed(schema.EXITS)}", "kinds": f"allowed: {listed(schema.ACTOR_KINDS)}",
             "ramp": "no ramp", "end": "it stays"}
    event = {"travel_minutes": f"at most {schema.LONGEST_TRIP_MINUTES} minutes"}
    return f"""# Keys of a scenario file

Made from the schema of the package (`greaterbay.scenario.schema`). A wrong key or value is refused with file and line;
`greaterbay check FILE` shows all problems at once. How the parts work together is said under [Scenarios](index.md).

## The file

{described(schema.TOP_KEYS, keys.TOP, schema.REQUIRED_TOP, dict.fromkeys(schema.REQUIRED_TOP, "required") | top)}
Not inherited from a parent: {listed(schema.OWN_KEYS)}.

## `[run]`

{described(schema.RUN_KEYS, keys.RUN, more=defaults)}
The library's `baseline` sets some of these itself, among them the posterior.

## `[levers.ID]`

Ids, units and bounds: [Levers](../levers/index.md).

{described(schema.LEVER_KEYS, keys.LEVER, more=lever)}
<!-- figure:strength -->

## `[probes.NAME]`

{described(schema.PROBE_KEYS, keys.PROBE, schema.REQUIRED_PROBE)}
## `[[events]]`

{described(schema.EVENT_KEYS, keys.EVENT, schema.REQUIRED_EVENT, event)}"""


def wrong_files() -> str:
    """Each wrong file of ``scenarios/broken`` with the messages that it gives."""
    parts = ["""# Wrong files and what is said about them

Each file of `scenarios/broken/` has something wrong in it; a test holds the messages below to what `greaterbay check` says.
"""]
    for expected in sorted((TOP / "scenarios" / "broken").rglob("*.expected")):
        source = expected.with_suffix(".toml")
        content = source.read_bytes().decode("utf-8", errors="replace").strip()
        said = expected.read_text(encoding="utf-8").strip()
        parts.append(f"## {source.stem.replace('_', ' ')}\n\n```toml title=\"{source.name}\"\n{content}\n```\n\n```text\n{said}\n```\n")
    return "\n".join(parts)


# ---- levers --------------------------------------------------------------------------------------------


def lever_groups() -> dict[str, list[catalogue.Lever]]:
    """Levers by file of the catalogue."""
    import tomllib

    found = {}
    for stem in catalogue.FILES:
        with open(Path(catalogue.__file__).with_name(f"{stem}.toml"), "rb") as file:
            group = tomllib.load(file)["group"]
        found[stem] = [lever for lever in catalogue.levers().values() if lever.group == group]
    return found


def lever_index() -> str:
    """The list of all levers, and the measures without one."""
    parts = ["""# Levers

What a scenario can turn on, by group. A lever modifies one named value and nothing else; a *preset* is an instrument of a document
with its terms. `greaterbay levers ID` prints the same entry in the terminal, also by measure (`L20`, `M07`, `H14`).

政策杠杆目录:每个杠杆附中英文名称、单位、取值范围、成本、依据、作用机制与实测效应。
"""]
    for stem, levers in lever_groups().items():
        parts.append(f"## [{levers[0].group}]({stem}.md) {levers[0].group_zh}\n")
        parts.append(markdown(("lever", "name", "名称", "unit", "plausible", "primary outcome, expected sign"), (
            (f"[`{one.id}`]({stem}.md#{one.id})", one.name, one.name_zh, one.unit, span(one.plausible_low, one.plausible_high),
             f"`{one.primary_outcome}`, {SIGNS[one.expected_sign]}") for one in levers)))
    parts.append("## Measures of the documents that no lever stands for\n")
    missing = catalogue.not_represented().values()
    parts.append(markdown(("measure", "reason", "原因"), ((one.document, one.reason, one.reason_zh) for one in missing)))
    return "\n".join(parts)


def lever_page(stem: str) -> str:
    """One group of the catalogue, lever by lever."""
    levers = lever_groups()[stem]
    parts = [f"# {levers[0].group[0].upper()}{levers[0].group[1:]}\n\n{levers[0].group_zh}\n"]
    for one in levers:
        rows: list[tuple[str, str]] = [
            ("unit 单位", f"{one.unit} · {one.unit_zh}"),
            ("neutral", number(one.neutral)),
            ("bounds", span(one.low, one.high) + (", whole numbers" if one.integer else "")),
            ("plausible", span(one.plausible_low, one.plausible_high)),
            ("can be limited to", ", ".join(one.targets) or "–"),
            ("modifies", f"`{one.named_value}` ({one.operation})"),
        ]
        if one.is_preset:
            rows.append(("reaches", "; ".join(", ".join(part) for part in ((one.cities,), one.fields, one.kinds) if part)))
            rows.append(("terms 条款", ", ".join(f"{key} = {value}" for key, value in one.terms.items())))
            rows.append(("carried over", f"{one.transfer} · {one.transfer_zh}"))
        rows += [
            ("cost 成本", f"{one.cost} · {one.cost_zh}"),
            ("paid by 出资方", f"{catalogue.payer_words(one)} · {catalogue.payer_words(one, chinese=True)}"),
            ("measures, references", " ".join(f"`{key}`" for key in (*one.documents, *one.reference))),
            ("grade of evidence", one.grade),
            ("primary outcome, expected sign", f"`{one.primary_outcome}`, {SIGNS[one.expected_sign]}"),
        ]
        if one.excludes:
            rows.append(("not together with", ", ".join(f"`{key}`" for key in one.excludes)))
        row = measured.effects().get(one.id)
        if row:
            rows.append(("measured effect 实测效应", effect_words(row)))
        parts.append(f"## {one.name} {one.name_zh} {{ #{one.id} }}\n\n`{one.id}`: {one.mechanism}\n\n{one.mechanism_zh}\n")
        parts.append(markdown(("", ""), ((head, cell(text)) for head, text in rows)))
    return "\n".join(parts)


def effect_words(row: Mapping[str, str]) -> str:
    """A measured effect in words."""
    return (f"{row['status']}: {short(row['effect'])} ({short(row['low'])} to {short(row['high'])}) at {row['value']}, "
            f"{row['replicates']} pairs, baseline {short(row['baseline'])}")


def lever_effects() -> str:
    """The committed table of measured effects."""
    head = measured.table_path().read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
    names = catalogue.levers()
    heads = ("lever 杠杆", "value", "outcome, expected sign", "baseline", "effect", "smallest seen", "status", "public cost")
    return f"""# Measured effects of levers

Each lever alone, at the strong end of its plausible range, against the baseline on the same random numbers, on the outcome and sign
that were declared before the first run. Under the effect
stands its 95 % interval. *Below detection*: with these pairs no effect can be told from chance; *smallest seen* says how
large one must be. Made by `{head.split(';')[0]}` ({'; '.join(part.strip() for part in head.split(';')[1:])}).

""" + markdown(heads, (
        (f"`{row['lever']}`<br>{names[row['lever']].name_zh if row['lever'] in names else ''}", row["value"],
         f"`{row['outcome']}`, {SIGNS[int(row['expected'])]}", short(row["baseline"]),
         f"{short(row['effect'])}<br>{short(row['low'])}&nbsp;to&nbsp;{short(row['high'])}", short(row["smallest_seen"]), row["status"],
         short(row["public_cost"])) for row in measured.effects().values()))


def short(value: str) -> str:
    """A number of a table with three digits, or what stands there."""
    try:
        return f"{float(value):,.3g}" if abs(float(value)) < 1000 else f"{float(value):,.0f}"
    except ValueError:
        return value or "–"


# ---- outputs and parameters ----------------------------------------------------------------------------


def output_page() -> str:
    """All outputs by their dimensions."""
    parts = ["""# Outputs

What a result file holds, as declared in `outputs.csv`. *Over time* and *over cities* say how quarters and cities are put together;
a ratio is formed from its two summed parts, never as a mean of shares. Names in bold are reported first.

结果文件所含的输出变量;加粗者为核心结果。比率由分子、分母分别加总后相除。
"""]
    groups: dict[tuple[str, ...], list[outputs.Output]] = {}
    for one in outputs.table().values():
        groups.setdefault(one.dims[1:], []).append(one)
    for dims, found in groups.items():
        parts.append("## Every quarter, by " + (", ".join(dim.replace("_", " ") for dim in dims) if dims else "nothing else") + "\n")
        parts.append(markdown(("output", "meaning 含义", "unit 单位", "kind", "over time", "over cities"), (
            (f"**`{one.id}`**" if one.headline else f"`{one.id}`",
             f"{one.label}<br>{one.label_zh}" + (f"<br>`{one.numerator}` / `{one.denominator}`" if one.is_ratio else ""),
             f"{one.unit} {one.unit_zh}", one.kind, one.over_time, one.over_cities) for one in found)))
    return "\n".join(parts)


def parameter_page() -> str:
    """All parameters by mechanism, with the median and interval of those that are drawn."""
    drawn = posteriors.of_baseline()
    parts = ["""# Parameters

Every parameter as declared in `parameters.csv`: central value, hard bounds, unit, time base (rates are turned into quarters in one
place), and where the value comes from. What the equations do with them stands in the [model pages](model/index.md).
"""]
    if drawn is not None:
        parts.append(f"*Drawn*: median and 90 % interval of the {drawn.count} draws of posterior `{drawn.id}`, which the baseline uses; "
                     "all others have the value of the table.\n\n"
                     "全部参数:中心值、硬性界限、单位、时间基准与依据;*drawn* 为后验抽样的中位数与90 %区间。\n")
    for group in parameters.groups():
        parts.append(f"## {group}\n")
        rows = []
        for one in parameters.table().values():
            if one.id.split(".")[0] != group:
                continue
            marginal = drawn.marginals.get(one.id) if drawn is not None else None
            draws = "–" if marginal is None or marginal.fixed else marginal.words()
            source = " ".join("assumption" if key == f"assumption:{one.id}" else f"`{key}`" for key in references.split(one.reference))
            base = "" if one.time_base in NO_TIME or one.unit.endswith(f"/{one.time_base}") else f", per {one.time_base}"
            rows.append((f"`{one.id}`", number(one.value) + ("" if draws == "–" else f"<br>*drawn: {draws}*"), span(one.low, one.high),
                         one.unit + base, f"{one.label}<br>{one.label_zh}", source))
        parts.append(markdown(("parameter", "value", "bounds", "unit", "meaning 含义", "source"), rows))
    return "\n".join(parts)


# ---- commands, evidence, Python ------------------------------------------------------------------------


def commands() -> str:
    """The help of every command."""
    import click

    group = Commands("greaterbay")
    top = click.Context(group, info_name="greaterbay")
    parts = ["# Commands\n\nWhat `greaterbay COMMAND --help` says. Exit codes: 0 fine; 1 a wrong value wherever it stands; "
             "2 unknown or missing options; 3 some replicate failed.\n"]
    for name in COMMANDS:
        command = group.get_command(top, name)
        if command is None:
            raise ValueError(f"command {name} cannot be found")
        context = click.Context(command, info_name=name, parent=top, terminal_width=100, max_content_width=100)
        parts.append(f"## {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def sources() -> str:
    """The documents that figures and levers were read in, and the papers that the model cites."""
    def rows(kind: str) -> Iterable[tuple[str, ...]]:
        for key in references.all_ids(kind):
            record = references.resolve(f"{kind}:{key}")
            if record is None:
                raise ValueError(f"{kind}:{key} is listed and cannot be found")
            data = record.data
            yield (f"`{kind}:{key}`", cell(data.get("authors", data.get("author", ""))), cell(data.get("year", data.get("date", ""))),
                   cell(data.get("title", "")) + (f" · {data['title_zh']}" if "title_zh" in data else ""), cell(data.get("journal", "")))

    heads = ("key", "by", "year", "title", "in")
    return f"""# Sources

## Papers

{markdown(heads, rows("paper"))}
## Documents

Figures and levers were read in these texts (`greaterbay figures`).

{markdown(heads[:-1], (row[:-1] for row in rows("document")))}"""


def validation_pages() -> dict[str, str]:
    """The committed tables of ``calibration/validation``, each as it is."""
    folder = TOP / "calibration" / "validation"
    found = {f"validation/{path.name}": path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    rows = []
    for path in sorted(folder.glob("*.csv")):
        if path.with_suffix(".md").is_file():
            with open(path, encoding="utf-8", newline="") as file:
                status = [row.get("status", "") for row in csv.DictReader(file)]
            rows.append((f"[{path.stem}]({path.stem}.md)", len(status), *(status.count(word) for word in ("PASS", "WARN", "FAIL"))))
    found["validation/index.md"] = f"""# Validation

`greaterbay validate` measures the model against published results, gravity, regularities, claims of the documents and its own books;
the tables are those of the last run that was committed. A failure stays in the table with what was tried. The last page
says which test or check notices which deliberately [broken mechanism](mutations.md).

{markdown(("suite", "checks", "PASS", "WARN", "FAIL"), rows)}"""
    return found


def notebook() -> str:
    """The first notebook: its words and its cells, without results."""
    cells = json.loads((TOP / "notebooks" / "first_steps.ipynb").read_text(encoding="utf-8"))["cells"]
    parts = []
    for one in cells:
        content = "".join(one["source"])
        parts.append(f"```python\n{content}\n```\n" if one["cell_type"] == "code" else content + "\n")
    text = "\n".join(parts)
    return re.sub(r"\A# .*", "# A first notebook\n\n`notebooks/first_steps.ipynb`; the tests run it.", text)


def api() -> str:
    """The public names of the package, in the words of their docstrings."""
    import greaterbay

    parts = ["""# Python

`from greaterbay import ...`: the names below are the public ones and keep their meaning between versions (changes are in the
[changelog](../changelog.md)). Everything else can be imported too, as under [Modules](modules.md), but may move.
"""]
    homes = greaterbay._HOME_OF_NAME
    for name in greaterbay.__all__:
        if name.startswith("__"):
            continue
        options: dict[str, object] = {"show_root_full_path": False, "show_if_no_docstring": name not in homes}
        parts.append(f"::: {homes.get(name, 'greaterbay')}.{name}\n    options: {json.dumps(options)}\n")
    return "\n".join(parts)


@cache
def generated() -> dict[str, Callable[[], str]]:
    """Every made page by its address in the site."""
    found: dict[str, Callable[[], str]] = {
        "scenarios/index.md": lambda: text_of("scenarios/README.md"),
        "scenarios/keys.md": scenario_keys,
        "scenarios/wrong.md": wrong_files,
        "levers/index.md": lever_index,
        "outputs.md": output_page,
        "parameters.md": parameter_page,
        "commands.md": commands,
        "notebook.md": notebook,
        "card.md": lambda: text_of("model/MODEL_CARD.md", "Model card"),
        "calibration.md": lambda: text_of("calibration/posteriors/gba_2020/report.md"),
        "lever_effects.md": lever_effects,
        "sources.md": sources,
        "region.md": lambda: text_of("model/greaterbay/region/gba/README.md"),
        "changelog.md": lambda: text_of("CHANGELOG.md"),
        "contributing.md": lambda: text_of("CONTRIBUTING.md", links={"docs/extend.md": "extend.md"}),
        "api/index.md": api,
    }
    found |= {f"levers/{stem}.md": (lambda stem=stem: lever_page(stem)) for stem in catalogue.FILES}
    found |= {address: (lambda text=text: text) for address, text in validation_pages().items()}
    return found
