"""Which Python ``make`` takes: the newest on the path that will do, the one that is named, or a clear message."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / ".ci" / "python"
CHECK = re.search(r"check='(.*?)'\n", SCRIPT.read_text(encoding="utf-8"), re.DOTALL)[1]
NEEDED = "Python 3.11 to 3.14 with venv and ensurepip"
MAKE = shutil.which("make")

FINE = "echo {version}"
OLD = "echo {version} >&2; exit 1"
BARE = "echo {version} without ensurepip >&2; exit 1"
SHIM = "echo no such version is installed >&2; exit 127"


def stub(folder: Path, name: str, what: str, version: str = "") -> None:
    path = folder / name
    path.write_text("#!/bin/sh\n" + what.format(version=version) + "\n", encoding="utf-8")
    path.chmod(0o755)


def chosen(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(["/bin/sh", str(SCRIPT), *arguments], env={"PATH": str(folder)}, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


@pytest.mark.parametrize(
    ("stubs", "taken", "said"),
    [
        ({"python3.11": (FINE, "3.11.7")}, "python3.11", "Python 3.11.7 (python3.11)"),
        ({"python3.12": (FINE, "3.12.1")}, "python3.12", "Python 3.12.1 (python3.12)"),
        ({"python3": (FINE, "3.13.2")}, "python3", "Python 3.13.2 (python3)"),
        ({f"python3.{k}": (FINE, f"3.{k}.0") for k in (11, 12, 13, 14)}, "python3.14", "Python 3.14.0 (python3.14)"),
        ({"python3.13": (SHIM, ""), "python3.12": (FINE, "3.12.1"), "python3.11": (FINE, "3.11.7")}, "python3.12",
         "Python 3.12.1 (python3.12)"),
        ({"python3.13": (BARE, "3.13.0"), "python3.11": (FINE, "3.11.7")}, "python3.11", "Python 3.11.7 (python3.11)"),
        ({"python3.15": (FINE, "3.15.0"), "python3": (FINE, "3.11.9")}, "python3", "Python 3.11.9 (python3)"),
    ],
)
def test_the_newest_python_that_will_do_is_taken_and_named_in_one_line(tmp_path, stubs, taken, said):
    for name, (what, version) in stubs.items():
        stub(tmp_path, name, what, version)
    assert chosen(tmp_path) == (0, taken, said)


def test_where_none_will_do_each_is_named_with_the_reason(tmp_path):
    assert chosen(tmp_path)[:2] == (1, "")
    stub(tmp_path, "python3", OLD, "3.9.2")
    stub(tmp_path, "python3.13", BARE, "3.13.0")
    stub(tmp_path, "python3.12", SHIM)
    code, out, said = chosen(tmp_path)
    assert (code, out) == (1, "")
    assert said.startswith("No suitable Python (python3.14: not found; python3.13: 3.13.0 without ensurepip; python3.12: does not run; "
                           f"python3.11: not found; python3: 3.9.2). Needed: {NEEDED}")
    assert said.endswith("make demo PYTHON=/path/to/python3")


def test_a_python_that_is_named_is_taken_or_refused(tmp_path):
    stub(tmp_path, "python3.13", FINE, "3.13.0")
    stub(tmp_path, "mine", FINE, "3.12.4")
    stub(tmp_path, "old", OLD, "3.10.1")
    assert chosen(tmp_path, "mine") == (0, "mine", "Python 3.12.4 (mine)")
    assert chosen(tmp_path, str(tmp_path / "mine"))[:2] == (0, str(tmp_path / "mine"))
    assert chosen(tmp_path, "") == (0, "python3.13", "Python 3.13.0 (python3.13)")
    assert chosen(tmp_path, "old") == (1, "", f"PYTHON=old: 3.10.1; needed: {NEEDED}")
    assert chosen(tmp_path, "gone") == (1, "", f"PYTHON=gone: not found; needed: {NEEDED}")


@pytest.mark.parametrize(
    ("before", "code", "said"),
    [
        ("", 0, "{own}"),
        ("sys.version_info = (3, 11, 0)", 0, "3.11.0"),
        ("sys.version_info = (3, 14, 9)", 0, "3.14.9"),
        ("sys.version_info = (3, 10, 13)", 1, "3.10.13"),
        ("sys.version_info = (3, 15, 0)", 1, "3.15.0"),
        ("sys.version_info = (3, 12, 1); sys.modules['ensurepip'] = None", 1, "3.12.1 without ensurepip"),
        ("sys.version_info = (3, 12, 1); sys.modules['venv'] = None", 1, "3.12.1 without venv"),
    ],
)
def test_what_a_python_is_asked(before, code, said):
    """The question itself, put to this Python as if it were another one."""
    done = subprocess.run([sys.executable, "-c", f"import sys\n{before}\n{CHECK}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert (done.stdout + done.stderr).strip() == said.format(own=".".join(map(str, sys.version_info[:3])))


def test_this_python_is_one_that_will_do():
    assert chosen(Path(os.devnull), sys.executable)[:2] == (0, sys.executable)


@pytest.fixture
def place(tmp_path):
    """A folder with the Makefile, and a path that holds nothing but what it needs and stubs."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci" / "python")
    path = tmp_path / "path"
    path.mkdir()
    for name in ("sh", "touch", "mkdir", "cat", "chmod"):
        (path / name).symlink_to(shutil.which(name))
    return tmp_path


MAKES_ENVIRONMENT = """
if [ "$1" = -c ]; then echo {version}; exit 0; fi
echo "$0 $*" >> calls
mkdir -p .venv/bin
printf '#!/bin/sh\\necho "$0 $*" >> calls\\n' > .venv/bin/python
chmod +x .venv/bin/python
"""


def make(place: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([MAKE, *arguments], cwd=place, env={"PATH": str(place / "path")}, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_make_takes_it_says_so_and_lets_it_be_overridden(place):
    stub(place / "path", "python3.13", MAKES_ENVIRONMENT, "3.13.0")
    stub(place / "path", "mine", MAKES_ENVIRONMENT, "3.12.0")
    done = make(place, "env")
    assert done.returncode == 0 and "Python 3.13.0 (python3.13)" in done.stderr.splitlines(), done.stderr
    first, second = (place / "calls").read_text(encoding="utf-8").splitlines()
    assert first.endswith("python3.13 -m venv --clear .venv") and second.startswith(".venv/bin/python -m pip install")
    assert "-c constraints.txt" in second
    shutil.rmtree(place / ".venv")
    done = make(place, "env", "PYTHON=mine")
    assert done.returncode == 0 and "Python 3.12.0 (mine)" in done.stderr
    assert (place / "calls").read_text(encoding="utf-8").splitlines()[2].endswith("mine -m venv --clear .venv")


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_make_stops_with_a_message_where_no_python_will_do(place):
    stub(place / "path", "python3", OLD, "3.8.10")
    done = make(place, "demo")
    assert done.returncode == 2 and "No suitable Python" in done.stderr and "python3: 3.8.10" in done.stderr
    assert not (place / ".venv").exists()
    done = make(place, "demo", "PYTHON=python3")
    assert done.returncode == 2 and f"PYTHON=python3: 3.8.10; needed: {NEEDED}" in done.stderr


def test_the_package_says_the_same():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.15"
    named = [text.rpartition(" ")[2] for text in project["classifiers"] if text.startswith("Programming Language :: Python :: 3.")]
    assert named == ["3.11", "3.12", "3.13"]  # what was run with; 3.14 is let in
    assert all(f"python{version} " in SCRIPT.read_text(encoding="utf-8") for version in (*named, "3.14"))
    assert "Python 3.11 to 3.14" in (ROOT / "README.md").read_text(encoding="utf-8")
