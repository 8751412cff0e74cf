"""``greaterbay compare``: messages, exit codes, tables and files."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest

from greaterbay.cli.main import call
from greaterbay.runner import ensemble

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import compared_runs
import fake_runs
import test_plots

from greaterbay.runner.replicate import Result

SCENARIO = (
    'schema = 1\nid = "{id}"\ntitle = "A scenario"\n[run]\nend = 2020-12-31\nreplicates = 3\n[levers.talent_barrier]\nvalue = {value}\n'
    'reference = ["lever:L01"]\n'
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """A baseline and a policy as result files."""
    folder = tmp_path_factory.mktemp("stored")
    for name, effect in (("baseline", 0.0), ("joint_fund", 0.1)):
        compared_runs.make(folder, name, effect=effect, noise=0.01, replicates=6, quarters=12)
    return folder


def run_one(of, replicate, warm_folder=None):
    """A stand-in for the model with every output; its effect is that of the lever's value, its cut one of a tenth."""
    needed, test_plots.NEEDED = test_plots.NEEDED, list(test_plots.outputs.table())
    try:
        effect = 1.0 - of.levers["talent_barrier"].value
        arrays, coords = test_plots.made_up(of.id, replicate, list(range(of.run.start, of.run.end + 1)), effect=effect)
    finally:
        test_plots.NEEDED = needed
    if of.run.cut == "jurisdictions":
        arrays["conversions_value"] = arrays["conversions_value"] * 0.9
    return Result(arrays, coords, {"quarters": 1.0})


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with two scenario files, and the stand-in in the model's place."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("one", 1.0), ("two", 0.8)):
        (tmp_path / f"{name}.toml").write_text(SCENARIO.format(id=name, value=value), encoding="utf-8")
    rows = list(test_plots.CITIES.values())
    names = {"city_jurisdiction": ("city", [row[2] for row in rows]), "city_role": ("city", [row[3] for row in rows])}
    monkeypatch.setattr(ensemble, "run_scenarios", partial(ORIGINAL, run_one=run_one, names=lambda of, coords: names))
    return tmp_path


ORIGINAL = ensemble.run_scenarios


def test_stored_runs_are_compared_and_written(stored, tmp_path, capsys):
    command = [
        "compare",
        str(stored / "joint_fund.nc"),
        "--against",
        str(stored / "baseline.nc"),
        "--outcomes",
        "conversions,inventions",
        "--horizon",
        "2021,2022",
        "--target",
        "conversions>=100",
        "--out",
        str(tmp_path),
        "--no-plots",
    ]
    assert call(command) == 0
    said = capsys.readouterr().out
    assert "against baseline: 6 pairs" in said and "do not report" in said and "higher" in said
    assert "unpaired runs replaced" in said and "Targets" in said and "parameters are held fixed" in said
    assert all(len(line) <= 150 for line in said.splitlines())
    assert {path.name for path in (tmp_path / "comparison").iterdir()} >= {"effects.csv", "comparison.json", "flows.csv"}
    assert call([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows["horizons"] == [2021, 2022] and rows["pairs"] == 6
    assert call([*command, "--quiet"]) == 0 and capsys.readouterr().out == ""
    assert call([*command, "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "不宜报告方向" in said and "配对" in said and "可信" not in said


def test_mixed_runs_are_refused_or_marked_on_every_table(stored, tmp_path, capsys):
    other = compared_runs.make(tmp_path, "other", seed=9, noise=0.02, replicates=4, quarters=12)
    command = ["compare", str(other), "--against", str(stored / "baseline.nc"), "--outcomes", "inventions", "--no-plots"]
    assert call(command) == 1
    assert "seed 9, but" in capsys.readouterr().err
    assert call([*command, "--mixed"]) == 0
    said = capsys.readouterr().out
    tables = said.count("─────\n")
    assert tables >= 3 and said.count("MIXED RUNS") >= tables
    assert "seed 9" in (tmp_path / "comparison" / "effects.csv").read_text(encoding="utf-8")


def test_scenarios_are_run_and_their_cut_twins_give_the_index(place, capsys):
    assert call(["compare", "two.toml", "--against", "one.toml", "--outcomes", "conversions", "--synergy", "--no-plots"]) == 0
    said = capsys.readouterr()
    assert {path.name for path in (place / "runs").glob("*.nc")} == {"one.nc", "two.nc", "one_cut.nc", "two_cut.nc"}
    rows = json.loads((place / "runs" / "comparison" / "comparison.json").read_text(encoding="utf-8"))["synergy"]
    index = {(row["policy"], row["group"]): row["index"] for row in rows if row["measure"] == "conversions_value"}
    assert index["two", "sum"] == pytest.approx(1 / 0.9, rel=1e-5) and index["one", "mean of jurisdictions"] == pytest.approx(
        1 / 0.9, rel=1e-5
    )
    assert "Synergy index" in said.out
    # stored runs find their twins beside them
    assert (
        call(["compare", "runs/two.nc", "--against", "runs/one.nc", "--outcomes", "conversions", "--synergy", "--no-plots", "--quiet"]) == 0
    )
    (place / "runs" / "two_cut.nc").unlink()
    assert call(["compare", "runs/two.nc", "--against", "runs/one.nc", "--synergy"]) == 1
    assert "needs its cut twin" in capsys.readouterr().err


def test_until_precise_runs_more_pairs_until_it_is_enough(place, capsys, monkeypatch):
    from greaterbay.comparison import precise

    monkeypatch.setattr(precise, "FIRST", 3)
    command = ["compare", "two.toml", "--against", "one.toml", "--outcomes", "conversions", "--no-plots", "--replicates", "4", "--quiet"]
    assert call([*command, "--until-precise", "conversions=1e9"]) == 0
    assert "3 pairs: every contrast is precise enough" in capsys.readouterr().err
    assert len(list((place / "runs" / "parts").glob("*/*.npz"))) == 6
    assert call([*command, "--until-precise", "conversions=1e-9"]) == 0
    said = capsys.readouterr().err
    assert "3 pairs: 1 contrasts are too wide" in said and "4 pairs: 1 contrasts are too wide" in said and "maximum" in said


@pytest.mark.parametrize(
    "options, code, words",
    [
        (["one.toml", "--against", "one.toml"], 1, "one.toml: given twice"),
        (["two.toml"], 2, "--against"),
        (["--against", "one.toml"], 2, "SCENARIO"),
        (["two.toml", "--against", "one.toml", "--horizon", "soon"], 1, "not a year"),
        (["two.toml", "--against", "one.toml", "--target", "conversions=3"], 1, "OUTCOME>=VALUE"),
        (["two.toml", "--against", "one.toml", "--until-precise", "conversions"], 1, "OUTCOME=WIDTH"),
        (["two.toml", "--against", "one.toml", "--until-precise", "conversions=5"], 1, "32 pairs first"),
        (["two.toml", "--against", "one.toml", "--budget-equal"], 1, "two policies or more"),
        (["runs/none.nc", "--against", "one.toml", "--until-precise", "output=5"], 1, "give scenarios"),
        (["two.toml", "--against", "missing.toml"], 1, "missing.toml"),
        (["two.toml", "--against", "one.toml", "--colour"], 2, "--colour"),
    ],
)
def test_wrong_values_and_wrong_use(place, capsys, options, code, words):
    assert call(["compare", *options]) == code
    said = capsys.readouterr()
    assert words in said.err and "Traceback" not in said.err and not (place / "runs" / "comparison").exists()


def test_a_failed_replicate_is_left_out_with_exit_code_3(place, capsys, monkeypatch):
    def fail_second(of, replicate, warm_folder=None):
        if replicate == 1 and of.id == "two":
            raise FloatingPointError("wage is not finite")
        return run_one(of, replicate)

    monkeypatch.setattr(ensemble, "run_scenarios", partial(ORIGINAL, run_one=fail_second, names=fake_runs.no_names))
    assert call(["compare", "two.toml", "--against", "one.toml", "--outcomes", "conversions", "--no-plots"]) == 3
    said = capsys.readouterr()
    assert "2 pairs" in said.out and "two 1" in said.err


def test_help_shows_an_example_and_imports_nothing_heavy():
    import subprocess

    program = (
        "import sys\nfrom greaterbay.cli.main import call\ncode = call(['compare', '--help'])\n"
        "assert not {'matplotlib', 'xarray', 'numba', 'mesa', 'scipy', 'statsmodels', 'pandas'} & set(sys.modules)\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "Example: greaterbay compare" in done.stdout
