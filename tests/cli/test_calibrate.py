"""``greaterbay figures``, ``calibrate``, ``sensitivity`` and ``discover`` on the command line: answers, refusals, exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from greaterbay.cli import main
from greaterbay.locations import shipped_folder


def call(*arguments: str, capfd) -> tuple[int, str, str]:
    code = main.call(list(arguments))
    out, err = capfd.readouterr()
    return code, out, err


def test_figures_list_one_and_refuse(capfd):
    code, out, _ = call("figures", "nm_conversion_general", "--json", capfd=capfd)
    card = json.loads(out)
    assert code == 0 and card["value"] == 20 and "target conversion_of_results" in card["read_by"]
    assert card["fingerprint"]["length"] == 14
    code, out, _ = call("figures", "gz_weaknesses", "--lang", "zh", capfd=capfd)
    assert code == 0 and "读取者" in out
    code, out, _ = call("figures", "--quiet", capfd=capfd)
    everything = out.split()
    code, out, _ = call("figures", "--unused", "--quiet", capfd=capfd)
    assert 0 < len(out.split()) < len(everything) and "skl_macao" not in out
    code, out, _ = call("figures", "--orphans", "--json", capfd=capfd)
    assert code == 0 and {"sort", "id", "reference", "label", "label_zh"} == set(json.loads(out)[0])
    code, _, err = call("figures", "nm_conversion_genral", capfd=capfd)
    assert code == 1 and 'did you mean "nm_conversion_general"?' in err
    code, _, err = call("figures", "skl_macao", "--unused", capfd=capfd)
    assert code == 1 and "give one of the four" in err


def test_figures_verify_tells_what_is_missing(tmp_path, capfd):
    code, out, err = call("figures", "--verify", str(tmp_path), capfd=capfd)
    assert code == 1 and out.count("cannot be read") == 5 and "5 of 5 do not agree" in err


def test_calibrate_refuses_in_plain_words(tmp_path, capfd):
    code, _, err = call("calibrate", str(tmp_path / "no.toml"), capfd=capfd)
    assert code == 1 and "no such file" in err
    (tmp_path / "out" / "runs").mkdir(parents=True)
    (tmp_path / "out" / "runs" / "a.json").write_text("{}", encoding="utf-8")
    code, _, err = call("calibrate", "--out", str(tmp_path / "out"), capfd=capfd)
    assert code == 1 and "add --resume to go on" in err
    folder = shipped_folder("calibration")
    for name in ("study.toml", "targets.toml", "priors.toml"):
        shutil.copy(folder / name, tmp_path / name)
    text = (tmp_path / "study.toml").read_text(encoding="utf-8").replace('id       = "gba_2020"', 'id       = "unknown"')
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    code, _, err = call("calibrate", str(tmp_path / "study.toml"), "--report", "--out", str(tmp_path), capfd=capfd)
    assert code == 1 and "no finished calibration of study unknown" in err


def test_report_is_printed_and_ends_well_with_fails(tmp_path, capfd):
    import hashlib

    import greaterbay
    from greaterbay.calibration.study import load_study

    folder = tmp_path / load_study().id
    folder.mkdir()
    draws = b"draw,finance.tax\n0,0.2\n"
    manifest = {"numbers": greaterbay.NUMBERS, "draws_sha256": hashlib.sha256(draws).hexdigest(), "parameters": ["finance.tax"]}
    (folder / "draws.csv").write_bytes(draws)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    rows = [
        {"what": "runs", "value": 9, "wanted": "at most 2,500", "verdict": "pass"},
        {"what": "figures that count", "value": 3, "wanted": "30 or more", "verdict": "fail"},
    ]
    (folder / "diagnostics.json").write_text(json.dumps({"acceptance": rows, "budget": {"runs": 9}}), encoding="utf-8")
    code, out, _ = call("calibrate", "--report", "--out", str(tmp_path), capfd=capfd)
    assert code == 0 and "figures that count" in out and "fail" in out and "pass" in out and "made with other targets" in out
    code, out, _ = call("calibrate", "--report", "--out", str(tmp_path), "--json", capfd=capfd)
    assert code == 0 and json.loads(out)["acceptance"] == rows
    code, out, _ = call("calibrate", "--report", "--out", str(tmp_path), "--lang", "zh", capfd=capfd)
    assert code == 0 and "未通过" in out and "有效目标数据" in out and "至少 30" in out
    (folder / "draws.csv").write_bytes(draws.replace(b"0.2", b"0.3"))
    code, _, err = call("calibrate", "--report", "--out", str(tmp_path), capfd=capfd)
    assert code == 1 and "changed since it was made" in err


def test_the_committed_report_is_of_the_study_as_it_stands_and_can_be_read_in_chinese(tmp_path, capfd):
    from greaterbay.cli.calibrate import ROWS_ZH, WANTED_ZH

    code, out, _ = call("calibrate", "--report", "--out", str(tmp_path), "--json", capfd=capfd)
    found = json.loads(out)
    assert code == 0 and not found["study_changed"] and found["budget"]["runs"] <= 2500
    assert {row["what"] for row in found["acceptance"]} == set(ROWS_ZH)
    assert {row["wanted"] for row in found["acceptance"]} == set(WANTED_ZH)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sensitivity", "joint_fund", "--outcomes", "conversion"), "unknown outcome"),
        (("sensitivity", "baseline"), "there is no effect to explain"),
        (("discover", "joint_fund", "--target", "conversions over 2"), "is not OUTCOME>=X"),
        (("discover", "joint_fund", "--target", "conversions>=2", "--posterior", "nowhere"), "no posterior at"),
        (("run", "baseline", "--posterior", "nowhere"), 'no posterior "nowhere"'),
    ],
)
def test_wrong_values_end_with_one(arguments, words, capfd):
    code, _, err = call(*arguments, capfd=capfd)
    assert code == 1 and words in err


@pytest.mark.parametrize("command", ["figures", "calibrate", "sensitivity", "discover"])
def test_help_has_an_example_and_is_light(command):
    result = CliRunner().invoke(main.greaterbay, [command, "--help"])
    assert result.exit_code == 0 and "Example: greaterbay" in result.output
    code = (
        f"import sys; from greaterbay.cli import main; main.call(['{command}', '--help']);"
        "print(sorted({'numba', 'scipy', 'mesa', 'xarray', 'pandas', 'statsmodels', 'emcee', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
