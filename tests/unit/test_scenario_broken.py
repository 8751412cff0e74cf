"""Every wrong file gives exactly the messages beside it, and nothing a user can write ends in a traceback."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greaterbay.scenario.load import check_file, load_scenario
from greaterbay.scenario.problems import ScenarioError

ROOT = Path(__file__).resolve().parents[2]
BROKEN = ROOT / "scenarios" / "broken"
WITH_MESSAGES = sorted(BROKEN.rglob("*.expected"))


@pytest.mark.parametrize("expected", WITH_MESSAGES, ids=lambda path: path.stem)
def test_messages_are_exact(expected, monkeypatch):
    monkeypatch.chdir(ROOT)
    path = expected.with_suffix(".toml").relative_to(ROOT)
    problems = check_file(path)
    assert "".join(f"{problem}\n" for problem in problems) == expected.read_text(encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert list(caught.value.problems) == problems


def test_every_broken_file_has_its_messages():
    files = set(BROKEN.glob("*.toml"))
    assert {path.with_suffix(".toml") for path in WITH_MESSAGES} >= files
    assert len(files) >= 18


def test_a_folder_and_a_missing_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder.toml").mkdir()
    assert [str(problem) for problem in check_file("folder.toml")] == [
        "folder.toml:1: this is a folder; allowed: a scenario file (TOML)"
    ]
    assert [str(problem) for problem in check_file("nothing.toml")] == ["nothing.toml:1: no such file"]


def test_an_unknown_id_names_the_nearest():
    (problem,) = check_file("joint_fnd")
    assert problem.what == "neither a file nor the id of a library scenario"
    assert problem.hint == 'did you mean "joint_fund"?'


def test_files_that_cannot_be_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mark.toml").write_bytes(b"\xef\xbb\xbfschema = 1\n")
    Path("deep.toml").write_text("x = " + "[" * 5000 + "]" * 5000, encoding="utf-8")
    Path("digits.toml").write_text("schema = " + "1" * 5000, encoding="utf-8")
    Path("nul.toml").write_text('schema = 1\nid = "a"\ntitle = "a"\nextends = "\\u0000"\n', encoding="utf-8")
    assert "byte-order mark" in check_file("mark.toml")[0].what
    assert "nested too deeply" in check_file("deep.toml")[0].what
    assert check_file("digits.toml")[0].what.startswith("not TOML")
    assert "control character U+0000" in check_file("nul.toml")[0].what


def test_numbers_beyond_every_bound(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    long = "9" * 400
    Path("a.toml").write_text(
        f'schema = 1\nid = "a"\ntitle = "a"\n[run]\nseed = {long}\nscale = {long}\nstart = 0001-01-01\n'
        f"end = 9999-12-31\n[levers.talent_recognition]\nvalue = {long}\n",
        encoding="utf-8",
    )
    places = {problem.what.split(":")[0] for problem in check_file("a.toml")}
    assert places == {"run.seed", "run.scale", "run.start", "run.end", "levers.talent_recognition.value"}


FULL = """\
schema = 1
id = "full"
title = "Everything a file may say"
extends = "baseline"
mixins = ["mixins/talent_recognition.toml"]
[run]
scale = 0.05
seed = 7
[levers.joint_collaboration_fund]
value = 0.004
start = 2026-01-01
ramp = "8 quarters"
end = 2033-12-31
exit = "ramp"
cities = ["guangzhou", "hong_kong"]
reference = ["lever:L20"]
[levers.hz_rd_subsidy]
value = 1.0
start = 2026-01-01
reference = ["lever:H14"]
[levers.hz_rd_subsidy.terms]
rate = 0.3
instalments = 1
sunset = 2028-12-31
[probes.humanoid_robots]
city = "shenzhen"
[[events]]
date = 2028-01-01
travel_minutes = [["zhaoqing", "guangzhou", 25]]
[parameters]
"partnering.border_weight" = 1.2
"""


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_slip_of_the_pen_ends_in_a_traceback(tmp_path, data):
    lines = FULL.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(lines) - 1))
        line = lines[where]
        how = data.draw(st.sampled_from(["drop", "repeat", "character", "value", "move"]))
        if how == "drop":
            lines[where] = ""
        elif how == "repeat":
            lines.insert(where, line)
        elif how == "move":
            lines.insert(data.draw(st.integers(0, len(lines) - 1)), lines.pop(where))
        elif how == "value":
            new = data.draw(st.sampled_from(
                ["nan", "-inf", "0", "-1", "true", '""', "[]", "{}", "[[]]", '"x"', "1e400", "2026-02-30",
                 "2026-01-01", "12:00:00", "2026-01-01T00:00:00Z", "[1, {a = 2}]", '["shenzhen"]', '"../x"',
                 "[[1, 2, 3]]", "[{date = 1}]", "0x7fffffffffffffffff", '"full"', '{value = {value = 1}}'])
            )  # fmt: skip
            lines[where] = f"{line.split('=')[0]}= {new}"
        else:
            at = data.draw(st.integers(0, len(line)))
            lines[where] = line[:at] + data.draw(st.characters(codec="utf-8")) + line[at + 1 :]
    path = tmp_path / "full.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    for problem in check_file(path):
        assert problem.line >= 1
        assert str(problem).startswith(f"{problem.path}:{problem.line}: ")


def test_the_file_that_is_broken_above_is_fine(tmp_path):
    (tmp_path / "full.toml").write_text(FULL, encoding="utf-8")
    assert check_file(tmp_path / "full.toml") == []
