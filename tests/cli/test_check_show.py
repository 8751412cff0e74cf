"""``greaterbay show`` and the catalogues: what is printed, in both languages, within 80 columns."""

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from greaterbay import outputs, parameters
from greaterbay.cli.main import call
from greaterbay.policy import catalogue

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")


def said(capsys, *arguments: str) -> str:
    assert call(list(arguments)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_scenario_with_the_origin_of_each_value(capsys):
    found = rows(said(capsys, "show", "joint_fund", "--set", "run.scale=0.1"))
    fund = (ROOT / "scenarios" / "joint_fund.toml").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(fund, 1) if text.startswith("end "))
    assert ["scale", "0.1", "--set"] in found
    assert ["end", "2033-12-31", f"scenarios/joint_fund.toml:{line}"] in found
    assert any(row[:2] == ["value", "0.5"] and "mixins/talent_recognition.toml:" in row[2] for row in found)


def test_a_scenario_for_programs(capsys):
    found = json.loads(said(capsys, "show", "joint_fund", "--json"))
    assert found["levers"]["joint_collaboration_fund"]["end"] == "2033-12-31"
    assert found["origins"]["levers.talent_recognition.value"].startswith(
        "scenarios/mixins/talent_recognition.toml:"
    )
    assert found["run"]["start"] == "2020-01-01"


def test_a_difference_in_plain_words(capsys):
    lines = said(capsys, "show", "one_programme", "--against", "joint_fund").splitlines()
    assert lines[0] == "one_programme, held against joint_fund:"
    assert len(lines) == 2 and lines[1].startswith("- Lever added: Level of coordination")
    assert "= 3 (" in lines[1] and lines[1].endswith("from 2026Q1.")
    chinese = said(capsys, "show", "one_programme", "--against", "joint_fund", "--lang", "zh").splitlines()
    assert chinese[0] == "one_programme 与 joint_fund 相比:" and chinese[1].startswith("- 新增政策杠杆:")
    found = json.loads(said(capsys, "show", "joint_fund", "--against", "joint_fund", "--json"))
    assert found == {"scenario": "joint_fund", "against": "joint_fund", "differences": []}
    assert "Nothing that reaches the results differs." in said(
        capsys, "show", "baseline", "--against", "baseline"
    )


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("command", ["levers", "outputs", "parameters", "show"])
def test_tables_fit_80_columns(command, lang, capsys):
    text = said(capsys, command, *(["joint_fund"] if command == "show" else []), "--lang", lang)
    assert max(cell_len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize(
    ("command", "ids"),
    [("levers", catalogue.levers), ("outputs", outputs.table), ("parameters", parameters.table)],
    ids=["levers", "outputs", "parameters"],
)
def test_catalogues_are_complete(command, ids, capsys):
    names = list(ids())
    assert said(capsys, command, "--quiet").split() == names
    assert [entry["id"] for entry in json.loads(said(capsys, command, "--json"))] == names
    first_words = {row[0] for row in rows(said(capsys, command)) if row}
    assert set(names) <= first_words
    for name in names:
        assert json.loads(said(capsys, command, name, "--json"))["id"] == name


def test_a_lever_is_described_in_both_languages(capsys):
    lever = catalogue.levers()["talent_recognition"]
    english, chinese = (
        "".join(said(capsys, "levers", "talent_recognition", "--lang", lang).split()) for lang in ("en", "zh")
    )
    for text in (lever.name, lever.mechanism, lever.cost, lever.unit):
        assert text.replace(" ", "") in english
    for text in (lever.name_zh, lever.cost_zh, lever.unit_zh):
        assert text.replace(" ", "") in chinese


def test_a_group_of_levers(capsys):
    group = catalogue.levers()["technology_barrier"].group
    found = json.loads(said(capsys, "levers", "--group", group, "--json"))
    assert [lever["id"] for lever in found] == [
        lever.id for lever in catalogue.levers().values() if lever.group == group
    ]


def test_the_timeline_in_order(capsys):
    from greaterbay.timeline import PHASES

    found = json.loads(said(capsys, "show", "--timeline", "--json"))
    assert [phase["number"] for phase in found] == list(range(1, 11))
    lines = said(capsys, "show", "--timeline", "--quiet", "--lang", "zh").splitlines()
    assert lines == [f"{number:>2}. {title_zh}" for number, _, title_zh, _ in PHASES]


def test_the_timeline_with_the_share_of_each_phase(capsys):
    found = json.loads(said(capsys, "show", "--timeline", "--timed", "--json"))
    assert [phase["number"] for phase in found] == list(range(1, 11))
    assert sum(phase["share"] for phase in found) == pytest.approx(1.0)
    assert all(phase["seconds"] > 0.0 for phase in found)
