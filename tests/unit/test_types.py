"""Types of the modules that pyproject.toml lists are right, and users' type checkers see them."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import greaterbay
from greaterbay.locations import PACKAGE

ROOT = Path(__file__).parents[2]
if not (ROOT / "pyproject.toml").is_file():
    pytest.skip("an installed package has no pyproject.toml beside it", allow_module_level=True)


def check(*arguments: str, cwd: Path = ROOT) -> dict:
    """What the type checker says, as JSON."""
    done = subprocess.run([sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, *arguments],
                          cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return json.loads(done.stdout)


def test_no_errors():
    found = check()
    told = [f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}: {one['message']}" for one in found["generalDiagnostics"]]
    assert told == []
    assert found["summary"]["filesAnalyzed"] > 80


def test_a_wrong_call_is_found(tmp_path):
    """The public names have types, and the marker says so."""
    assert (PACKAGE / "py.typed").is_file()
    (tmp_path / "user.py").write_text(
        "from greaterbay import load_scenario, run\n"
        "scenario = load_scenario('baseline', overrides=['run.scale=0.02'])\n"
        "quarters: int = scenario.run.quarters\n"
        "run('baseline', replicates='four')\n"
        "scenario.run.quarter\n", encoding="utf-8")
    (tmp_path / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "basic", "extraPaths": [str(PACKAGE.parent)]}), encoding="utf-8")
    lines = {one["range"]["start"]["line"] + 1 for one in check(cwd=tmp_path)["generalDiagnostics"] if one["severity"] == "error"}
    assert lines == {4, 5}


def test_public_names_come_from_checked_modules():
    with open(ROOT / "pyproject.toml", "rb") as file:
        excluded = tomllib.load(file)["tool"]["pyright"]["exclude"]
    assert [name for name in excluded if not (ROOT / name).exists()] == []
    homes = {name: f"model/{home.replace('.', '/')}.py" for name, home in greaterbay._HOME_OF_NAME.items()}
    assert [name for name, home in homes.items() if home in excluded] == []
