"""Sweeps: which points a file stands for, and that a point is the scenario it says."""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from greaterbay.cli.main import call
from greaterbay.evidence.posteriors import CENTRAL
from greaterbay.runner.manifest import digest
from greaterbay.scenario.load import check_file, load_scenario, load_scenarios, load_sweep
from greaterbay.scenario.problems import ScenarioError
from greaterbay.scenario.write import toml_of

HEAD = 'schema = 1\nid = "mine"\ntitle = "Mine"\ntitle_zh = "我的"\nextends = "joint_fund"\n'
FULL = HEAD + """
[levers.coordination_level]
reference = ["lever:L20"]

[sweep.grid]
levers.joint_collaboration_fund.value = [0.0, 0.01]
"levers.joint_collaboration_fund.cities" = [["guangzhou"], ["guangzhou", "hong_kong"]]

[sweep.zip]
levers.joint_collaboration_fund.start = [2026-01-01, 2028-01-01]
run.seed = [1, 2]

[sweep.latin_hypercube]
samples = 4
seed = 4
parameters."partnering.border_weight" = [0.8, 1.6]
levers.coordination_level.value = [0, 3]
"""


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(FULL, encoding="utf-8")
    return tmp_path


def problems(text: str) -> list[str]:
    Path("wrong.toml").write_text(text, encoding="utf-8")
    return [str(problem) for problem in check_file("wrong.toml")]


def test_points_are_the_combinations_in_order(place):
    scenarios, points = load_sweep("mine.toml")
    assert [one.id for one in scenarios] == [f"mine_{number:03d}" for number in range(1, 33)]
    assert scenarios[4].title == "Mine (5 of 32)" and scenarios[4].title_zh == "我的(5/32)"
    fund = [one.levers["joint_collaboration_fund"] for one in scenarios]
    found = [(one.value, len(one.cities), one.start) for one in fund]
    expected = itertools.product((0.0, 0.01), (1, 2), (2026 * 4, 2028 * 4))
    assert found == [point for point in expected for _ in range(4)]
    assert {(one.run.seed, at.start) for one, at in zip(scenarios, fund, strict=True)} == {(1, 8104), (2, 8112)}
    assert fund[0].ramp == 8 and scenarios[0].levers["talent_recognition"].value == 0.5  # from the parent
    assert points[0]["levers.joint_collaboration_fund.value"] == 0.0
    assert scenarios[0].origins["levers.joint_collaboration_fund.value"] == "mine.toml:11"
    assert len({digest(one) for one in scenarios}) == 32


def test_a_latin_hypercube_has_one_sample_in_each_slice(place):
    _, points = load_sweep("mine.toml")
    sample = [point["parameters.partnering.border_weight"] for point in points[:4]]
    assert sorted(int((value - 0.8) / 0.2) for value in sample) == list(range(4))
    assert sorted(point["levers.coordination_level.value"] for point in points[:4]) == [0, 1, 2, 3]
    for at in range(4, 32, 4):  # the same samples beside every other point
        assert [point["parameters.partnering.border_weight"] for point in points[at : at + 4]] == sample
    assert load_sweep("mine.toml")[1] == points
    Path("other.toml").write_text(FULL.replace("seed = 4", "seed = 5"), encoding="utf-8")
    assert load_sweep("other.toml")[1] != points


def test_written_points_are_the_same_scenarios(place, capsys):
    assert call(["sweep", "mine.toml", "--out", "points"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote 32 scenarios and points/mine_points.csv", "next: greaterbay run mine.toml",
    ]
    scenarios, points = load_sweep("mine.toml")
    for one in scenarios:
        written = load_scenario(f"points/{one.id}.toml")
        assert digest(written) == digest(one) and (written.id, written.title_zh) == (one.id, one.title_zh)
    with open("points/mine_points.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row.pop("scenario") for row in rows] == [one.id for one in scenarios]
    assert list(rows[0]) == list(points[0]) and rows[4]["levers.joint_collaboration_fund.start"] == "2028-01-01"
    assert rows[31]["levers.joint_collaboration_fund.cities"] == "guangzhou hong_kong"
    assert len(list(Path("points").iterdir())) == 33


def test_an_earlier_longer_sweep_is_pointed_out(place, capsys):
    assert call(["sweep", "mine.toml", "--quiet"]) == 0
    Path("mine.toml").write_text(FULL.replace("samples = 4", "samples = 3"), encoding="utf-8")
    assert call(["sweep", "mine.toml", "--json"]) == 0
    said = capsys.readouterr()
    assert "sweeps holds points of an earlier sweep: mine_025.toml, mine_026.toml" in said.err
    found = json.loads(said.out)
    assert len(found["points"]) == 24 and found["points"][0]["path"] == "sweeps/mine_001.toml"
    assert found["points"][0]["values"]["levers.joint_collaboration_fund.start"] == "2026-01-01"


@pytest.mark.parametrize("posterior", ["none", "library"])
@pytest.mark.parametrize("name", ["baseline", "joint_fund", "one_programme", "periphery_parks"])
def test_any_scenario_can_be_written_out(name, posterior, tmp_path):
    changes = ['events=[{date=2028-01-01, travel_minutes=[["zhaoqing","guangzhou",25]]}]', *([CENTRAL] if posterior == "none" else [])]
    changes += ['levers.hz_rd_subsidy={value=1.0, terms={rate=0.1}, reference=["lever:H14"]}'] if name == "baseline" else []
    scenario = load_scenario(name, overrides=changes)
    extra = {"run": replace(scenario.run, cut="jurisdictions"), "financing": "reallocated", "budget": "same_as:another"}
    scenario = replace(scenario, expects={"inventions": 1, "wage": -1, "rent": 0}, **extra)
    path = tmp_path / "copy.toml"
    path.write_text(toml_of(scenario, 'A comment\nwith "lines"'), encoding="utf-8")
    copy = load_scenario(path)
    assert digest(copy) == digest(scenario) and copy.run == scenario.run and copy.levers == scenario.levers
    for name in ("title", "title_zh", "probes", "events", "parameters", "financing", "budget", "expects"):
        assert getattr(copy, name) == getattr(scenario, name), name


def test_one_scenario_cannot_stand_for_many(place):
    with pytest.raises(ScenarioError, match=r"mine.toml:10: sweep: this file stands for 32 scenarios"):
        load_scenario("mine.toml")
    (one,) = load_scenarios("baseline")
    assert one.id == "baseline"


def test_a_sweep_is_not_inherited(place):
    Path("child.toml").write_text('schema = 1\nid = "child"\ntitle = "Child"\nextends = "mine"\n', encoding="utf-8")
    assert load_scenario("child.toml").levers["joint_collaboration_fund"].value == 0.004


def test_what_a_sweep_cannot_be(place):
    assert problems(HEAD + "[sweep]\n") == [f"wrong.toml:6: sweep: nothing is swept; allowed: {_swept()}"]
    assert problems(HEAD + "[sweep.grid]\nrun.seed = []\n") == [
        "wrong.toml:7: sweep.grid.run.seed: an empty list leaves no point"
    ]
    assert problems(HEAD + "[sweep.grid]\nrun.seed = 3\n") == [
        "wrong.toml:7: sweep.grid.run.seed: this is an integer; allowed: a list of values"
    ]
    (one,) = problems(HEAD + "sweep = 3\n")
    assert one == "wrong.toml:6: sweep: this is an integer; allowed: a table"
    (one,) = problems(HEAD + '[sweep.grid]\n"run..seed" = [1]\n')
    assert one.startswith('wrong.toml:7: sweep.grid.run..seed: not the name of a value')
    (one,) = problems(HEAD + "[sweep.latin_hypercube]\nsamples = 3\nseed = 1\n")
    assert "sweep.latin_hypercube: no range" in one
    (one,) = problems(HEAD + "[sweep.latin_hypercube]\nsamples = 3\nseed = 1\nrun.scale = [0.5, 0.1]\n")
    assert "[0.5, 0.1] is not a range" in one
    bounds = problems(HEAD + "[sweep.latin_hypercube]\nsamples = 3\nseed = 1\nrun.scale = [0.5, 1.5]\n")
    assert bounds == ["wrong.toml:9: run.scale: 1.5 is out of bounds; allowed: above 0, at most 1"]


def _swept() -> str:
    return "levers.ID.KEY, parameters.NAME, run.KEY, probes.NAME.KEY"


def test_a_thousand_points_are_the_limit(place):
    grid = f"[sweep.grid]\nrun.seed = {list(range(1, 501))}\nrun.replicates = [1, 2"
    assert problems(f"{HEAD}{grid}]\n") == []
    assert problems(f"{HEAD}{grid}, 3]\n") == ["wrong.toml:6: sweep: 1500 points; allowed: at most 1000"]
    many = "\n".join(f"levers.{name}.value = {[k / 100 for k in range(90)]}" for name in
                     ("talent_recognition", "shared_facilities", "proof_of_concept", "park_upgrading"))
    (one,) = [text for text in problems(f"{HEAD}[sweep.grid]\n{many}\n") if "points" in text]
    assert "65610000 points" in one


def test_what_is_swept_cannot_be_set_as_well(place):
    (one,) = check_file("mine.toml", overrides=["run.seed=3"])
    assert str(one) == "--set: run.seed: mine.toml sweeps this; allowed: another key"
    assert check_file("mine.toml", overrides=["run.scale=0.02"]) == []
    (one,) = check_file("mine.toml", overrides=["sweep.grid.run.seed=[1]"])
    assert str(one) == "--set: sweep: only a file can say this"


def test_checking_a_sweep_imports_no_scipy(place):
    code = "import sys\nfrom greaterbay.cli.main import call\nassert call(['check', 'mine.toml']) == 0\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"scipy", "numba", "xarray", "mesa", "pandas"} & set(done.stdout.split())


def test_sweep_of_a_file_without_one(place, capsys):
    assert call(["sweep", "baseline"]) == 1
    assert "nothing is swept" in capsys.readouterr().err and not Path("sweeps").exists()
    assert call(["sweep", "mine.toml", "--out", "mine.toml"]) == 1
    assert call(["sweep"]) == 2


def test_comparing_with_a_sweep_as_reference_is_refused(place, capsys):
    assert call(["compare", "joint_fund", "--against", "mine.toml"]) == 1
    assert "--against mine.toml: a sweep stands for 32 scenarios; give one of them" in capsys.readouterr().err
