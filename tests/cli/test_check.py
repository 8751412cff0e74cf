"""``greaterbay check``: messages, exit codes, and how quick it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from greaterbay.cli.main import COMMANDS, call

ROOT = Path(__file__).resolve().parents[2]
BROKEN = "scenarios/broken"
HEAVY = ("numba", "xarray", "scipy", "mesa", "matplotlib", "pandas", "h5py")


@pytest.fixture(autouse=True)
def at_the_top(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_a_fine_file(capsys):
    assert call(["check", "scenarios/baseline.toml", "joint_fund"]) == 0
    assert capsys.readouterr() == ("scenarios/baseline.toml: fine\njoint_fund: fine\n", "")


def test_quiet_says_nothing_about_a_fine_file(capsys):
    assert call(["check", "--quiet", "baseline"]) == 0
    assert capsys.readouterr() == ("", "")


def test_all_problems_of_all_files(capsys):
    files = [f"{BROKEN}/all_at_once.toml", "scenarios/baseline.toml", f"{BROKEN}/empty.toml"]
    assert call(["check", *files]) == 1
    out, err = capsys.readouterr()
    expected = Path(f"{BROKEN}/all_at_once.expected").read_text(encoding="utf-8")
    assert out == expected + "scenarios/baseline.toml: fine\n" + Path(f"{BROKEN}/empty.expected").read_text(
        "utf-8"
    )
    assert err == f"{files[0]}: 7 problems\n{files[2]}: 1 problem\n"


def test_problems_for_programs(capsys):
    assert call(["check", "--json", "baseline", f"{BROKEN}/no_replicates.toml"]) == 1
    fine, wrong = json.loads(capsys.readouterr().out)["files"]
    assert fine == {"file": "baseline", "fine": True, "problems": [], "warnings": []}
    (problem,) = wrong["problems"]
    assert (problem["path"], problem["line"]) == (f"{BROKEN}/no_replicates.toml", 7)
    assert (
        problem["message"]
        == f"{BROKEN}/no_replicates.toml:7: run.replicates: 0 is out of bounds; allowed: 1 to 100000"
    )


def test_set_is_checked_too(capsys):
    assert call(["check", "baseline", "--set", "run.scale=2"]) == 1
    assert capsys.readouterr().out == "--set: run.scale: 2 is out of bounds; allowed: above 0, at most 1\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["check"], 2, "Missing argument"),
        (["check", "baseline", "--strict"], 2, "No such option"),
        (["check", "nowhere.toml"], 1, "nowhere.toml:1: no such file"),
        (["chek"], 2, 'Did you mean "check"?'),
        (["--colour"], 2, "No such option"),
        (["levers", "--lang", "fr"], 1, "'fr' is not one of"),
        (["levers", "talent_recogniton"], 1, 'did you mean "talent_recognition"?'),
        (["levers", "--group", "parks"], 1, 'unknown group "parks"'),
        (["parameters", "partnerin"], 1, 'did you mean "partnering"?'),
        (["outputs", "conversion"], 1, 'did you mean "conversions"?'),
        (["show"], 2, "Missing argument 'FILE'"),
        (["show", "baseline", "--timeline"], 2, "--timeline takes no scenario"),
        (["show", "baseline", "--timed"], 2, "--timed goes with --timeline"),
        (["show", f"{BROKEN}/no_replicates.toml"], 1, "run.replicates: 0 is out of bounds"),
        (["show", "baseline", "--against", "basline"], 1, 'did you mean "baseline"?'),
        (["run", "baseline", "--replicates"], 2, "requires an argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_exit_codes(arguments, code, said, capsys):
    assert call(arguments) == code
    out, err = capsys.readouterr()
    assert said in out + err
    assert "Traceback" not in err


def test_an_interrupt_is_tidy(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("greaterbay.cli.check.check_and_warn", interrupt)
    assert call(["check", "baseline"]) == 130
    assert capsys.readouterr().err.strip() == "Stopped."


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, capsys):
    assert call([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Example: greaterbay {command} " in out
    assert "--quiet" in out


def test_version_names_source_and_libraries(capsys):
    import numpy

    from greaterbay import NUMBERS, __version__
    from greaterbay.runner.manifest import source_digest

    assert call(["--version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"greaterbay {__version__}"
    assert lines[1].split() == ["numbers", str(NUMBERS)]
    assert lines[2].split() == ["source", source_digest()]
    assert ["numpy", numpy.__version__] in [line.split() for line in lines]
    for arguments in (["--version", "--json"], ["--json", "--version"]):
        assert call(arguments) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["greaterbay"], found["numbers"], found["source"]) == (__version__, NUMBERS, source_digest())
    assert call(["--json", "check", "baseline"]) == 2
    assert "--json goes with --version" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["check", "joint_fund"], ["show", "joint_fund"], ["levers"], ["outputs"], ["parameters"]],
    ids=lambda arguments: arguments[0],
)
def test_nothing_heavy_is_imported(arguments):
    code = (
        "import sys; from greaterbay.cli.main import call; code = call(sys.argv[1:]); "
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["check", "joint_fund"]], ids=lambda arguments: arguments[0]
)
def test_an_answer_takes_less_than_four_tenths_of_a_second(arguments):
    command = [sys.executable, "-m", "greaterbay.cli.main", *arguments]
    seconds = []
    for _ in range(5):
        begin = os.times()
        subprocess.run(command, capture_output=True, check=True)
        end = os.times()  # of the processor: what else the machine does makes nobody wait here
        seconds.append(end.children_user + end.children_system - begin.children_user - begin.children_system)
    assert 0 < min(seconds) < 0.4


def test_a_reader_that_leaves_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m greaterbay.cli.main parameters --json | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("[\n", "")
