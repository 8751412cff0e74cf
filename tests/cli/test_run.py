"""``greaterbay run`` and ``greaterbay export``: messages, exit codes, files."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest
import xarray

from greaterbay.cli.main import call
from greaterbay.runner import ensemble

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import fake_runs  # the stand-in for the model, shared with the unit tests

SCENARIO = 'schema = 1\nid = "{id}"\ntitle = "A scenario"\n[run]\nend = 2021-12-31\nreplicates = 2\n'


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with two scenario files, and the fake in the model's place."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(SCENARIO.format(id=name), encoding="utf-8")
    use(monkeypatch, simulate)
    return tmp_path


def use(monkeypatch, run_one) -> None:
    fake = partial(ORIGINAL, run_one=run_one, names=fake_runs.no_names)
    monkeypatch.setattr(ensemble, "run_scenarios", fake)


ORIGINAL = ensemble.run_scenarios


def simulate(of, replicate, warm_folder=None):
    return fake_runs.simulate(with_lever(of), replicate)


def with_lever(of):
    """The scenario as the fake wants it: it reads one lever that these files do not set."""
    from dataclasses import replace

    from greaterbay.scenario.schema import LeverSetting

    return replace(of, levers={"talent_barrier": LeverSetting("talent_barrier", 0.1), **of.levers})


def fail_second(of, replicate, warm_folder=None):
    return fake_runs.fail_second(with_lever(of), replicate)


def test_run_writes_one_file_per_scenario_and_says_what_next(place, capsys):
    assert call(["run", "one.toml", "two.toml", "--out", "out"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "wrote out/one.nc  (2 replicates)",
        "wrote out/two.nc  (2 replicates)",
        "next: greaterbay plot out/one.nc out/two.nc --out out/pictures",
    ]
    assert sorted(path.name for path in (place / "out").glob("*.nc")) == ["one.nc", "two.nc"]


def test_run_reuses_what_is_stored(place, capsys):
    assert call(["run", "one.toml", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert call(["run", "one.toml", "--replicates", "3"]) == 0
    assert "wrote runs/one.nc  (3 replicates, 2 of them found in the store)" in capsys.readouterr().out


def test_options_reach_the_scenario(place):
    options = "--seed 9 --scale 0.1 --until 2020-12-31 --replicates 1 --quiet"
    assert call(["run", "one.toml", *options.split()]) == 0
    with xarray.open_dataset("runs/one.nc", engine="h5netcdf") as data:
        manifest = json.loads(data.attrs["manifest"])
        assert data.sizes["quarter"] == 4 and data.sizes["replicate"] == 1
    assert manifest["seed"] == 9
    assert manifest["scenario"]["run"]["scale"] == 0.1


def test_only_runs_one_replicate(place, capsys):
    assert call(["run", "one.toml", "--only", "7", "--json"]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert said["replicates"] == [7] and said["path"] == "runs/one.nc" and len(said["digest"]) == 64
    assert call(["run", "one.toml", "--only", "1", "--replicates", "3"]) == 1
    assert capsys.readouterr().err == "--only and --replicates: give one of the two\n"


@pytest.mark.parametrize(
    "options, code, words",
    [
        (["--replicates", "0"], 1, "replicates"),
        (["--replicates", "many"], 1, "replicates"),
        (["--scale", "7"], 1, "scale"),
        (["--until", "2021-12-30"], 1, "2021-12-31"),
        (["--seed", str(2**63)], 1, "seed"),
        (["--set", "levers.talent_bariers.value=0.3"], 1, "talent_barrier"),
        (["--only", "-1"], 1, "--only"),
        (["--only", "4294967296"], 1, "--only"),
        (["--only", "first"], 1, "--only"),
        (["--jobs", "0"], 1, "--jobs"),
        (["--jobs", "100000"], 1, "--jobs"),
        (["--replicates", "10000000"], 1, "1 to 100000"),
        (["--replicates", "1.5"], 1, "replicates"),
        (["--replicates", ""], 1, "Nothing stands after --replicates"),
        (["--scale", "nan"], 1, "scale"),
        (["--scale", "half"], 1, "is not a number; allowed: digits"),
        (["--seed", "abc"], 1, "not a valid integer"),
        (["--until", "tomorrow"], 1, "end"),
        (["--until", "2019-12-31"], 1, "before it starts"),
        (["--set", "levers"], 1, "KEY=VALUE"),
        (["--set", "run.seed=1\nrun.scale=1"], 1, "KEY=VALUE"),
        (["--set", "id=5"], 1, "id"),
        (["--set", "levers.talent_recognition.value=much"], 1, "text stands in quotes"),
        (["--executor", "cloud"], 1, "--executor"),
        (["--executor", "dask"], 2, "--scheduler"),
        (["--scheduler", "tcp://127.0.0.1:8786"], 1, "only with --executor dask"),
        (["--executor", "dask", "--scheduler", "tcp://127.0.0.1:8786", "--jobs", "2"], 1, "only with --executor local"),
        (["--executor", "dask", "--scheduler", "127.0.0.1:8786"], 1, "tcp://HOST:PORT"),
        (["--executor", "dask", "--scheduler", "tcp://127.0.0.1:port"], 1, "tcp://HOST:PORT"),
        (["--jobs"], 2, "--jobs"),
        (["--replicate", "3"], 2, "--replicates"),
        (["--unknown"], 2, "--unknown"),
    ],
)
def test_wrong_options_are_said_and_nothing_is_made(place, capsys, options, code, words):
    assert call(["run", "one.toml", *options]) == code
    said = capsys.readouterr()
    assert words in said.err and said.out == "" and "Traceback" not in said.err
    assert not (place / "runs").exists()


def test_problems_of_all_files_are_said_at_once(place, capsys):
    (place / "two.toml").write_text(SCENARIO.format(id="two") + "speed = 3\n", encoding="utf-8")
    assert call(["run", "one.toml", "two.toml", "missing.toml"]) == 1
    said = capsys.readouterr().err
    assert "two.toml:7" in said and "missing.toml" in said and not (place / "runs").exists()


def test_no_scenario_is_wrong_use(place):
    assert call(["run"]) == 2


def test_same_file_twice_is_refused(place, capsys):
    assert call(["run", "one.toml", "./one.toml"]) == 1
    assert 'scenario "one" is given twice' in capsys.readouterr().err


def test_unwritable_folder(place, capsys):
    assert call(["run", "one.toml", "--out", "two.toml"]) == 1
    assert capsys.readouterr().err.strip().startswith("cannot write to two.toml")


def test_a_failed_replicate_gives_exit_code_3(place, capsys, monkeypatch):
    use(monkeypatch, fail_second)
    assert call(["run", "one.toml", "--replicates", "3"]) == 3
    said = capsys.readouterr()
    assert "wrote runs/one.nc  (2 replicates, 1 failed)" in said.out
    assert "one, replicate 1 is put aside: FloatingPointError: wage is not finite in 2024Q3" in said.err
    assert "Replicates that failed and are left out: one 1. Tracebacks: runs/parts/*/*.error.txt" in said.err


def test_a_sweep_runs_all_its_points(place, capsys):
    Path("many.toml").write_text(SCENARIO.format(id="many") + "[sweep.grid]\nrun.seed = [3, 4]\n", encoding="utf-8")
    assert call(["run", "many.toml", "one.toml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["scenario"] for one in found] == ["many_001", "many_002", "one"]
    assert sorted(path.name for path in Path("runs").glob("*.nc")) == ["many_001.nc", "many_002.nc", "one.nc"]
    assert call(["run", "many.toml", "--seed", "7"]) == 1
    assert capsys.readouterr().err == "--set: run.seed: many.toml sweeps this; allowed: another key\n"


def test_no_hint_names_dozens_of_files(place, capsys):
    seeds = ", ".join(map(str, range(12)))
    Path("many.toml").write_text(SCENARIO.format(id="many") + f"[sweep.grid]\nrun.seed = [{seeds}]\n", encoding="utf-8")
    assert call(["run", "many.toml", "--replicates", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "next: greaterbay plot runs/*.nc --out runs/pictures"


def test_quiet_and_json_say_what_failed_and_nothing_else(place, capsys, monkeypatch):
    use(monkeypatch, fail_second)
    assert call(["run", "one.toml", "--quiet"]) == 3
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 2 and "left out: one 1" in said.err
    assert call(["run", "one.toml", "--json", "--quiet"]) == 3
    (found,) = json.loads(capsys.readouterr().out)
    assert found["failed"] == {"1": "FloatingPointError: wage is not finite in 2024Q3"} and found["replicates"] == [0]


def test_nothing_succeeds(place, capsys, monkeypatch):
    use(monkeypatch, fail_second)
    assert call(["run", "one.toml", "--only", "1"]) == 3
    said = capsys.readouterr()
    assert said.out == "" and "left out: one 1" in said.err and not Path("runs/one.nc").exists()


@pytest.mark.parametrize("blocked", ["runs/parts", "runs/one.nc"])
def test_something_in_the_way(place, capsys, blocked):
    if blocked.endswith(".nc"):
        Path(blocked).mkdir(parents=True)
    else:
        Path("runs").mkdir()
        Path(blocked).write_text("", encoding="utf-8")
    assert call(["run", "one.toml"]) == 1
    said = capsys.readouterr().err
    assert f"cannot write {'to ' if blocked.endswith('parts') else ''}{blocked}" in said and "Traceback" not in said


def test_ctrl_c_says_what_is_kept(place, capsys, monkeypatch):
    def stopped(of, replicate, warm_folder=None):
        if replicate == 1:
            raise KeyboardInterrupt
        return simulate(of, replicate)

    use(monkeypatch, stopped)
    assert call(["run", "one.toml"]) == 130
    said = capsys.readouterr().err
    assert "1 of 2 replicates done, about " in said and " left\n" in said
    assert "What is finished is kept in runs; the same command continues from there." in said
    assert len(list((place / "runs").glob("parts/*/0.npz"))) == 1 and not (place / "runs" / "one.nc").exists()


def test_help_shows_an_example(capsys):
    assert call(["run", "--help"]) == 0
    assert "Example: greaterbay run" in capsys.readouterr().out
    assert call(["export", "--help"]) == 0
    assert "Example: greaterbay export" in capsys.readouterr().out


def test_export_writes_two_tables(place, capsys):
    assert call(["run", "one.toml", "--until", "2021-06-30", "--quiet"]) == 0
    assert call(["export", "runs/one.nc", "--to", "tables"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == ["wrote tables/city_year.csv", "wrote tables/flow_year.csv"]
    assert said.err.startswith("note: 2021: not a whole year")
    assert sorted(path.name for path in (place / "tables").iterdir()) == ["city_year.csv", "flow_year.csv"]
    assert call(["export", "runs/one.nc", "--to", "tables", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0] == "tables/city_year.csv"


def test_export_of_something_else(place, capsys):
    assert call(["export", "one.toml", "--to", "tables"]) == 1
    assert "one.toml: not a readable result file" in capsys.readouterr().err
    assert call(["export", "runs/none.nc", "--to", "tables"]) == 1
    assert "no such file" in capsys.readouterr().err
    assert call(["export", "runs/none.nc"]) == 2
