"""The ODD and the program say the same: tables, schedule, names of parameters, functions, references."""

from __future__ import annotations

import ast
import re
import tomllib

import pytest

from greaterbay import odd_tables, parameters, timeline
from greaterbay.locations import PACKAGE, shipped_folder
from greaterbay.region.barriers import ATTRIBUTES, KINDS

if not odd_tables.ODD.is_dir():
    pytest.skip("an installed package has no docs/model beside it", allow_module_level=True)

TEXT = odd_tables.odd_text()
MARKED = {match[2]: match[3] for match in odd_tables.MARKED.finditer(TEXT)}
PROSE = odd_tables.MARKED.sub("", TEXT)
"""The words, without the tables that are made from declarations."""
QUOTED = sorted(set(re.findall(r"`([^`\n]+)`", PROSE)))
FILES = (".py", ".csv", ".toml", ".md", ".nc")
SCENARIO_KEYS = ("run.", "levers.", "probes.")  # keys of a scenario file also have dots


def quoted(pattern: str) -> list[str]:
    """What stands in code type and has this form."""
    found = [name for name in QUOTED if re.fullmatch(pattern, name)]
    assert found, pattern
    return found


def section(number: str) -> str:
    """The words of a section, such as ``7.3``, up to the next heading of its level or above."""
    heads = "#" * (2 + number.count("."))
    title = rf"{heads} {re.escape(number)}\.? "
    match = re.search(rf"^{title}.*?(?=^#{{2,{len(heads)}}} |\Z)", PROSE, re.DOTALL | re.MULTILINE)
    assert match, number
    return match[0]


def test_every_marker_is_closed_and_stands_once():
    begun = re.findall(r"<!-- table:(\S+) -->", TEXT)
    assert begun == list(MARKED)
    assert TEXT.count("<!-- end -->") == len(begun) == len(set(begun))


def test_every_table_has_its_place():
    assert set(MARKED) == set(odd_tables.makers())


@pytest.mark.parametrize("name", odd_tables.makers())
def test_table_is_what_is_declared(name):
    assert MARKED[name] == odd_tables.makers()[name](), f"{name}: run `make odd`"


def test_writing_the_tables_again_changes_nothing():
    assert odd_tables.rewrite(TEXT) == TEXT


def test_a_table_that_differs_is_found_and_repaired():
    spoilt = TEXT.replace("| `partnering.border_weight` |", "| `partnering.border_weigth` |")
    assert spoilt != TEXT and odd_tables.rewrite(spoilt) == TEXT
    with pytest.raises(KeyError, match="unknown table 'state.ghost'"):
        odd_tables.rewrite("<!-- table:state.ghost -->\n<!-- end -->")


def test_headings_of_submodels_are_the_schedule():
    found, phases = [], [(p.number, p.title, tuple(call.name for call in p.calls)) for p in timeline.PHASES]
    submodel = re.compile(r"^### 7\.(\d+) (.+?)$(.*?)(?=^##+ \d|\Z)", re.DOTALL | re.MULTILINE)
    for number, title, body in submodel.findall(PROSE):
        if number != "0":  # what happens before the first phase
            calls = tuple(re.findall(r"^#### `(\S+)`$", body, re.MULTILINE))
            found.append((int(number), title, calls))
    assert found == phases


def test_parameters_in_the_text_are_declared():
    names = [name for name in quoted(r"[a-z_]+\.[a-z_0-9]+") if not name.endswith(FILES)]
    names = [name for name in names if not name.startswith(SCENARIO_KEYS)]
    assert [name for name in names if name not in parameters.table()] == []


@pytest.mark.parametrize("group", parameters.groups())
def test_every_parameter_is_explained(group):
    """By its short name in the submodel that holds the group's table, or by its whole name anywhere."""
    begin = TEXT.index(f"<!-- table:parameters.{group} -->")
    number = re.findall(r"^### (7\.\d+) ", TEXT[:begin], re.MULTILINE)[-1]
    words = section(number)
    if group == "border":  # a weight for each kind of barrier and attribute
        names = {f"border.{kind}_{attribute}" for kind in KINDS for attribute in ATTRIBUTES}
        assert names == {name for name in parameters.table() if name.startswith("border.")}
        assert all(name in words for name in (*KINDS, *ATTRIBUTES))
        return
    missing = [
        name
        for name in parameters.groups()[group]._fields
        if not re.search(rf"(?<![a-z_]){name}(?![a-z_])", words) and f"{group}.{name}" not in QUOTED
    ]
    assert missing == [], f"say in section {number} (docs/model/) what {group}.* do"


def test_short_names_in_submodels_are_known():
    """A name in code type without a dot is a parameter, a lever or something in the source."""
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    known = {key.split(".")[1] for key in parameters.table()} | set(re.findall(r"\w+", source))
    indexed = {"execution_c", "z_c", "market_growth_f", "frontier_growth_f"}  # with the index of an array
    assert set(re.findall(r"`([a-z_]+)`", section("7"))) - known - indexed == set()


def test_functions_and_files_exist():
    for name in quoted(r"[a-z_.]+:[a-z_]+"):
        module, function = name.split(":")
        if module in ("paper", "figure", "lever", "assumption"):
            continue
        tree = ast.parse((PACKAGE / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name
    top = PACKAGE.parent.parent
    for name in quoted(r"[a-z_/]+(?:\.[a-z]+|/)"):
        if name.endswith((*FILES, "/")):
            assert (PACKAGE / name).exists() or (top / name).exists(), name


def test_references_are_known():
    with open(shipped_folder("calibration") / "references.toml", "rb") as file:
        papers = tomllib.load(file)["paper"]
    cited = [name.split(":")[1] for name in quoted(r"paper:\w+")]
    assert [key for key in cited if key not in papers] == []


def test_the_order_of_the_protocol_is_kept():
    titles = re.findall(r"^## (\d+)\. (.+)$", TEXT, re.MULTILINE)
    assert [title for _, title in titles[:7]] == [
        "Purpose and patterns", "Entities, state variables and scales", "Process overview and scheduling",
        "Design concepts", "Initialization", "Input data", "Submodels",
    ]
    assert [int(number) for number, _ in titles] == list(range(1, len(titles) + 1))
    concepts = (
        "Basic principles", "Emergence", "Adaptation", "Objectives", "Learning", "Prediction", "Sensing",
        "Interaction", "Stochasticity", "Collectives", "Observation",
    )
    assert re.findall(r"^\*\*([A-Z][a-z ]+)\.\*\*", section("4"), re.MULTILINE) == list(concepts)


def test_named_tables_are_printed(capsys):
    assert odd_tables.main(["schedule"]) == 0
    assert capsys.readouterr().out.strip() == MARKED["schedule"].strip()
    assert odd_tables.main(["schedlue"]) == 1
    assert "unknown table 'schedlue'" in capsys.readouterr().err


def test_names_in_equations_exist():
    """Names with an underscore in the equations of the submodels are parameters, levers or something in the source."""
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    known = {key.split(".")[1] for key in parameters.table()} | set(parameters.table()) | set(re.findall(r"\w+", source))
    blocks = re.findall(r"^```\n(.*?)^```", section("7"), re.DOTALL | re.MULTILINE)
    names = {name for block in blocks for name in re.findall(r"[a-z]+_[a-z_]+", block)}
    assert len(blocks) > 8 and len(names) > 30
    symbols = {name for name in names if re.fullmatch(r"[a-z]_[a-z]+", name)}  # u_ij, M_f: a symbol with its index
    bare = {re.sub(r"_[cfijk]{1,2}$", "", name) for name in names - symbols - known}
    plain = {name for name in bare if "_" not in name}  # a word with an index, as in basic_cf
    assert bare - plain - known == set()


def test_every_submodel_has_an_equation_or_says_what_balances():
    for phase in timeline.PHASES:
        words = section(f"7.{phase.number}")
        assert "```" in words or "money columns of actors must equal the accounts" in words, phase.title


# ---------------------------------------------------------------- model card


CARD = odd_tables.CARD.read_text(encoding="utf-8")


def test_the_card_is_what_is_declared():
    assert odd_tables.rewrite(CARD, odd_tables.card_makers()) == CARD, "run `make odd`"
    assert {match[2] for match in odd_tables.MARKED.finditer(CARD)} == set(odd_tables.card_makers())


def test_the_card_has_a_line_for_every_lever_and_says_what_it_is_not_for():
    from greaterbay.policy import catalogue

    for lever in catalogue.levers().values():
        assert f"| `{lever.id}` " in CARD and lever.grade in CARD
    for title in ("What it is for", "What it is not for", "Known failures", "Evidence behind each lever"):
        assert f"\n## {title}\n" in CARD


def test_known_failures_name_real_checks():
    from greaterbay.validation.run import every_check

    begin = CARD.index("\n## Known failures\n")
    named = re.findall(r"`([a-z0-9_]+)`", CARD[begin:CARD.index("\n## ", begin + 4)])
    assert named and set(named) <= set(every_check())
