"""No table that is committed or written, and nothing that a command prints, holds nan or inf."""

from __future__ import annotations

import ast
import csv
import io
import json
import math
import re
import tomllib
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import compared_runs
import numpy as np
import pytest
from click.testing import CliRunner

import greaterbay
from greaterbay import digits
from greaterbay.calibration import calibrate
from greaterbay.calibration import report as calibration_report
from greaterbay.calibration.runs import write_json
from greaterbay.calibration.study import load_study
from greaterbay.cli import compare_tables
from greaterbay.cli.main import greaterbay as command
from greaterbay.cli.options import print_json
from greaterbay.comparison import files, lever_effects, pairs, study
from greaterbay.comparison.values import Target
from greaterbay.evidence import measured
from greaterbay.plots.summary import summarise
from greaterbay.policy import catalogue
from greaterbay.runner.results import opened
from greaterbay.validation import checks
from greaterbay.validation import report as validation_report
from greaterbay.validation.checks import Answer, Measured

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("calibration", "docs", "tests", "model", "scenarios")
WRONG_ON_PURPOSE = {"scenarios/broken/not_finite.toml"}  # a scenario that is refused for it
NOT_FINITE = re.compile(r"(?<![\w./-])[-+]?(nan|inf|infinity)(?!\w|\.\w|[/-])", re.IGNORECASE)
COMMITTED = sorted(
    path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*")
    if path.suffix in (".csv", ".md", ".json", ".toml")
)
BAD = (math.nan, math.inf, -math.inf)


def holes(value, where="") -> list[str]:
    """Places of a parsed file whose number is not finite."""
    if isinstance(value, dict):
        return [place for key, one in value.items() for place in holes(one, f"{where}.{key}")]
    if isinstance(value, list):
        return [place for key, one in enumerate(value) for place in holes(one, f"{where}[{key}]")]
    return [where] if isinstance(value, float) and not math.isfinite(value) else []


@pytest.mark.parametrize("name", [name for name in COMMITTED if name not in WRONG_ON_PURPOSE])
def test_no_committed_table_holds_what_is_no_number(name):
    broken = name.startswith("scenarios/broken/")  # no TOML, some of them, and not even text
    text = (ROOT / name).read_text(encoding="utf-8", errors="replace" if broken else "strict")
    if name.endswith(".csv"):
        found = [row for row in csv.reader(io.StringIO(text)) if any(NOT_FINITE.fullmatch(cell.strip()) for cell in row)]
    elif name.endswith(".json"):
        found = holes(json.loads(text))
    elif name.endswith(".toml") and not broken:
        found = holes(tomllib.loads(text))
    else:
        found = [line for line in text.splitlines() if NOT_FINITE.search(line)]
    assert found == []


def test_all_kinds_of_committed_tables_are_looked_at():
    assert len(COMMITTED) > 150 and {Path(name).suffix for name in COMMITTED} == {".csv", ".md", ".json", ".toml"}
    assert holes(tomllib.loads((ROOT / "scenarios/broken/not_finite.toml").read_text(encoding="utf-8")))
    assert all(NOT_FINITE.search(text) for text in ("| nan |", "-inf", "[nan, inf]", "a Infinity.", "+NaN %"))
    assert not NOT_FINITE.search("Nansha, infinite, information, Huinan")


@pytest.mark.parametrize("value", [None, *BAD, np.float32("nan"), np.float64("inf")], ids=repr)
def test_what_is_not_known_is_a_dash_an_empty_cell_or_null(value):
    assert (digits.digits(value, "+.0%"), digits.digits(value, unknown="?"), digits.cell(value, ".6g")) == ("–", "?", "")
    assert digits.plain({"a": [value, (value,)]}) == {"a": [None, [None]]} and not digits.known(value)


def test_what_is_known_is_printed_as_before():
    assert digits.digits(1234.5678) == "1.23e+03" and digits.digits(0.125, ".0%") == "12%" and digits.digits(0) == "0"
    assert digits.cell(0.1, ".6g") == "0.1" and digits.cell(np.float32(0.5)) == 0.5
    assert [digits.cell(one, ".6g") for one in ("text", 7, True)] == ["text", 7, True]
    found = digits.plain({1: (np.int64(2), np.array([0.5, np.nan]), np.bool_(True), "nan")})
    assert found == {"1": [2, [0.5, None], True, "nan"]}


# ---- the writers


def row(**more) -> dict:
    return {"lever": "nm_national_fund", "type": "preset", "value": 1.0, "outcome": "flow_capital_guidance", "expected": 1,
            "replicates": 10, "baseline": 0.0, "effect": 2.0, "low": 1.0, "high": 3.0, "relative": 0.5, "p": 0.01, "p_holm": 0.02,
            "status": "effect", "smallest_seen": 0.7, "variance_ratio": 1.0, "public_cost": 5.0, "short": 0.0} | more


def table(rows) -> list[dict]:
    text = lever_effects.text(rows, 10, 0.05, lever_effects.END)
    return list(csv.DictReader(text.splitlines()[1:]))


@pytest.mark.parametrize(
    ("more", "empty", "note"),
    [
        ({}, set(), ""),
        ({"relative": math.nan}, {"relative"}, "no relative effect: the outcome is zero without the lever"),
        ({"variance_ratio": math.inf}, {"variance_ratio"}, "no variance ratio: fewer than four pairs, or differences that are all equal"),
        ({"low": math.nan, "high": math.nan, "p": math.nan}, {"low", "high", "p"}, "no interval: one pair"),
        ({"relative": math.nan, "variance_ratio": math.inf}, {"relative", "variance_ratio"},
         "no relative effect: the outcome is zero without the lever; "
         "no variance ratio: fewer than four pairs, or differences that are all equal"),
        (dict.fromkeys(("baseline", "effect", "relative", "low", "high"), math.nan), {"baseline", "effect", "relative", "low", "high"},
         "the outcome is defined in no pair"),
    ],
)
def test_an_empty_cell_of_the_measured_effects_has_its_reason(more, empty, note):
    (found,) = table([row(**more)])
    assert {key for key, text in found.items() if text == "" and key != "note"} == empty
    assert found["note"] == note


def test_the_rows_behind_an_empty_cell():
    fund = catalogue.levers()["nm_national_fund"]
    runs = np.column_stack((np.full(5, 3.0), np.zeros(5), np.zeros(5)))
    found = lever_effects._row(fund, np.zeros(5), runs)
    assert found["effect"] == 3.0 and not digits.known(found["relative"]) and found["variance_ratio"] == math.inf
    nowhere = lever_effects._row(fund, np.full(5, np.nan), runs)
    assert nowhere["replicates"] == 0 and not digits.known(nowhere["effect"])
    assert lever_effects.note(nowhere) == "the outcome is defined in no pair"


def test_the_committed_effects_say_why_a_cell_is_empty():
    rows = measured.effects()
    assert list(next(iter(rows.values()))) == list(lever_effects.COLUMNS)
    for name, found in rows.items():
        assert bool(found["note"]) == any(text == "" for key, text in found.items() if key != "note"), name
    assert rows["nm_national_fund"]["relative"] == "" and "zero without the lever" in rows["nm_national_fund"]["note"]
    # as the writer writes it: every number of the file is its own shortest form
    path = measured.table_path()
    again = [row(**{key: math.nan if text == "" else float(text) if _is_number(key) else text for key, text in one.items()
                    if key != "note"}) for one in rows.values()]
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    assert head.startswith("# greaterbay levers --measure")
    assert lines == lever_effects.text(again, 10, 0.05, lever_effects.END).splitlines()[1:]


def _is_number(key: str) -> bool:
    return key not in ("lever", "type", "outcome", "status", "expected", "replicates")


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A whole study of made-up runs."""
    folder = tmp_path_factory.mktemp("digits")
    paths = [compared_runs.make(folder, "baseline"), compared_runs.make(folder, "joint_fund", effect=0.1, noise=0.01)]
    with pairs.opened(paths[1:], paths[0]) as pairing:
        yield study.compare(pairing, (), (), (Target("conversions", ">=", 1.0),)), paths


def spoilt(rows: list, bad: float) -> list:
    """Rows with every number that may be unknown replaced."""
    return [replace(one, **{f.name: bad for f in fields(one) if isinstance(getattr(one, f.name), float)}) for one in rows]


@pytest.mark.parametrize("bad", BAD, ids=str)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_tables_of_a_comparison_with_holes(compared, bad, lang, tmp_path, capsys):
    found, _ = compared
    holed = replace(found, **{name: spoilt(getattr(found, name), bad) for name in files.TABLES if name != "budget"})
    assert all(is_dataclass(one) for one in holed.effects) and holed.targets and holed.spread and holed.prices and holed.places
    compare_tables.show(holed, lang)
    said = capsys.readouterr().out
    assert "–" in said and not NOT_FINITE.search(said)
    for path in files.write(holed, tmp_path):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            assert holes(json.loads(text)) == []
        else:
            assert not [one for line in csv.reader(io.StringIO(text)) for one in line if NOT_FINITE.fullmatch(one)]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_a_summary_with_holes(compared, bad):
    _, paths = compared
    with opened(paths) as runs:
        found = summarise(runs)
    (one,) = found.comparisons
    holed = replace(found, levels=tuple(spoilt(found.levels, bad)), comparisons=(replace(one, findings=tuple(spoilt(one.findings, bad))),))
    for lang in ("en", "zh"):
        assert "–" in holed.text(lang=lang) and not NOT_FINITE.search(holed.text(lang=lang))
    answer = CliRunner().invoke(command, ["summary", *map(str, paths), "--json"])
    assert answer.exit_code == 0 and holes(json.loads(answer.stdout)) == []


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_tables_of_a_validation_with_holes(bad, tmp_path):
    (check, *_) = checks.declared().values()
    found = [Answer(check, Measured(bad, bad, bad), checks.FAIL, 3), Answer(check, Measured(0.5, None, None), checks.WARN, 1)]
    validation_report.write_tables(tmp_path, "literature", found, "greaterbay validate")
    for path in tmp_path.iterdir():
        assert not NOT_FINITE.search(path.read_text(encoding="utf-8").replace('"', " ").replace(",", " ")), path
    assert all(not NOT_FINITE.search(cell) for one in found for lang in ("en", "zh") for cell in validation_report.cells(one, lang))


def with_holes(value, bad: float):
    """Every float of plain values replaced."""
    if isinstance(value, dict):
        return {key: with_holes(one, bad) for key, one in value.items()}
    if isinstance(value, list):
        return [with_holes(one, bad) for one in value]
    return bad if isinstance(value, float) else value


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_the_report_of_a_calibration_with_holes(bad, tmp_path):
    folder = ROOT / "calibration" / "posteriors" / "gba_2020"
    found, manifest = (json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("diagnostics", "manifest"))
    text = calibration_report.markdown(load_study(), with_holes(found, bad), manifest)
    assert "–" in text and not NOT_FINITE.search(text)
    write_json(tmp_path / "diagnostics.json", with_holes(found, bad))
    assert holes(json.loads((tmp_path / "diagnostics.json").read_text(encoding="utf-8"))) == []


def test_json_for_programs_has_null_for_what_is_not_known(capsys):
    print_json({"a": math.nan, "b": [np.float64("inf"), 1.5]})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5]}


FORMATTED = {  # module: what stands in a format of its own, all of it declared and finite or looked at before
    "cli/compare_tables.py": {"one.error * factor", "number", "one.replaced"},
    "cli/catalogues.py": {"lever.neutral", "lever.low", "lever.high", "lever.plausible_low", "lever.plausible_high", "parameter.value",
                          "parameter.low", "parameter.high", "value", "float(row['value'])"},
    "cli/sensitivity.py": set(),
    "cli/validate.py": {"name"},
    "comparison/files.py": set(),
    "comparison/lever_effects.py": {"scale"},
    "comparison/precise.py": {"wide[worst][1]"},
    "validation/report.py": set(),
    "calibration/report.py": {"study.scale"},
    "calibration/diagnostics.py": set(),
    "sensitivity/report.py": {"limit", "results['scale']"},
    "plots/summary.py": set(),
}


@pytest.mark.parametrize("module", FORMATTED)
def test_writers_form_their_numbers_in_one_place(module):
    tree = ast.parse((Path(greaterbay.__file__).parent / module).read_text(encoding="utf-8"))
    found = {ast.unparse(node.value) for node in ast.walk(tree) if isinstance(node, ast.FormattedValue) and node.format_spec is not None}
    assert found == FORMATTED[module]
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert not [text for text in texts if re.search(r"\{\w+:[^}]*[gef%]\}", text)]  # templates take finished texts


def test_an_ensemble_keeps_runs_without_a_figure(tmp_path):
    """What was no number is an empty cell, and is read as no number."""
    import fake_study

    chosen = fake_study.study()
    gathered = calibrate.Ensemble(len(chosen.free), len(chosen.targets))
    values = np.ones((2, len(chosen.targets)))
    values[1, 3] = np.nan
    gathered.add(np.full((2, len(chosen.free)), 0.25), values, 1)
    calibrate.write_ensemble(chosen, gathered, tmp_path)
    text = (tmp_path / "ensemble.csv").read_text(encoding="utf-8")
    assert ",," in text and not NOT_FINITE.search(text.replace(",", " "))
    (tmp_path / "manifest.json").write_text('{"twins": []}', encoding="utf-8")
    again = calibrate.read_ensemble(chosen, tmp_path)
    np.testing.assert_array_equal(again.values, values)
