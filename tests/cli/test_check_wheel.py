"""The built package finds its scenarios and tables without the checkout."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from greaterbay.runner.manifest import source_digest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Programs of an environment that holds the wheel; its libraries are those of the one that runs this."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-cache-dir",
    ]
    subprocess.run([*build, "--wheel-dir", folder, ROOT], check=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    programs = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    (wheel,) = folder.glob("*.whl")
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True)
    ask = [programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
    # a plain path in a .pth file lends the libraries, but not the checkout that is installed beside them
    Path(site, "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return programs


def said(installed, folder, *arguments):
    return subprocess.run(
        [installed / "greaterbay", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    ).stdout


def test_an_installed_package_is_complete(installed, tmp_path):
    assert (
        said(installed, tmp_path, "check", "baseline", "joint_fund") == "baseline: fine\njoint_fund: fine\n"
    )
    shown = said(installed, tmp_path, "show", "joint_fund")
    assert "_shipped/scenarios/joint_fund.toml" in "".join(shown.split())
    assert str(ROOT) not in shown
    assert source_digest() in said(installed, tmp_path, "--version")
    assert len(said(installed, tmp_path, "levers", "--quiet").split()) >= 12
