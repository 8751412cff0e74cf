"""``parameters``, ``show`` and ``figures``: what they say of drawn parameters, and lists that are read at 80 columns."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
import fake_posterior

from greaterbay import parameters
from greaterbay.cli.main import call
from greaterbay.evidence import posteriors, references, usage

DRAWS = {
    "diffusion.gain": [0.02 + 0.001 * k for k in range(21)],
    "border.technology_customs": [0.3 * k / 10 for k in range(21)],  # a member of a common factor
    "border.technology_capital": [0.0] * 21,  # one that is zero whatever the factor
}


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def named(tmp_path, monkeypatch, terminal):
    """A library whose baseline names a posterior."""
    fake_posterior.make(tmp_path / "calibration" / "posteriors" / "trial", DRAWS)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "baseline.toml").write_text('[run]\nposterior = "trial"\n', encoding="utf-8")
    monkeypatch.setattr(posteriors, "shipped_folder", lambda name: tmp_path / name)
    return tmp_path


def said(capsys, *arguments: str) -> str:
    assert call(list(arguments)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def flat(text: str) -> str:
    return " ".join(text.split())


def test_calibrated_parameters_stand_beside_their_central_value(named, capsys):
    found = {row["id"]: row for row in json.loads(said(capsys, "parameters", "--json"))}
    gain = found["diffusion.gain"]["calibrated"]
    assert gain.pop("digest") == posteriors.load("trial").digest
    assert gain == {"posterior": "trial", "draws": 21, "median": pytest.approx(0.03), "low": pytest.approx(0.021),
                    "high": pytest.approx(0.039)}
    assert found["border.technology_customs"]["calibrated"]["median"] == pytest.approx(0.3)
    drawn = {name for name, row in found.items() if row["calibrated"]}
    assert drawn == {"diffusion.gain", "border.technology_customs"} and len(found) == len(parameters.table())
    assert json.loads(said(capsys, "parameters", "diffusion.gain", "--json"))["calibrated"]["draws"] == 21
    card = said(capsys, "parameters", "diffusion.gain")
    assert "median 0.03 [5 %: 0.021, 95 %: 0.039] (posterior trial, 21 draws)" in flat(card) and re.search(r"value +0\.0", card)
    assert "校准值" in said(capsys, "parameters", "diffusion.gain", "--lang", "zh")
    assert "calibrated" not in said(capsys, "parameters", "diffusion.cost")
    for lang, words in (("en", "calibrated: median 0.03 [0.021, 0.039] (posterior trial)"), ("zh", "校准:中位数0.03[0.021,0.039]")):
        table = said(capsys, "parameters", "diffusion", "--lang", lang)
        assert max(map(cell_len, table.splitlines())) <= 80
        text = re.sub(r"\s", "", table)
        assert re.sub(r"\s", "", words) in text and ("21组参数" if lang == "zh" else "21drawsofposteriortrial") in text


def test_without_a_posterior_nothing_is_called_calibrated(named, capsys):
    (named / "scenarios" / "baseline.toml").write_text("[run]\nscale = 0.05\n", encoding="utf-8")
    assert not any(row["calibrated"] for row in json.loads(said(capsys, "parameters", "--json")))
    assert "alibrated" not in said(capsys, "parameters", "diffusion")


def test_draws_that_cannot_be_used_are_named_and_the_table_still_comes(named, capsys):
    draws = named / "calibration" / "posteriors" / "trial" / "draws.csv"
    draws.write_text(draws.read_text(encoding="utf-8").replace("0.02,", "0.03,", 1), encoding="utf-8")
    assert call(["parameters", "diffusion"]) == 0
    out, err = capsys.readouterr()
    assert "diffusion.gain" in out and "alibrated" not in out and "changed since it was made" in err


def test_show_lists_drawn_parameters_and_what_the_file_sets_over_them(named, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    place = named / "calibration" / "posteriors" / "trial"
    options = ("show", "baseline", "--set", f'run.posterior="{place}"', "--set", 'parameters."diffusion.gain"=0.1')
    english = flat(said(capsys, *options))
    assert "parameters drawn: median [5 %, 95 %] of the 21 draws of posterior trial" in english
    assert "border.technology_customs 0.3 [0.03, 0.57]" in english and "border.technology_capital 0 in every draw" in english
    assert re.search(r"0\.1 \(the file wins over the draws: 0\.03 \[0\.021, 0\.039\]\) --set", english)
    monkeypatch.setenv("COLUMNS", "80")
    chinese = said(capsys, *options, "--lang", "zh")
    assert "抽样参数:后验trial的21组参数" in chinese and "以文件取值为准" in chinese and "各组相同" in chinese
    assert max(map(cell_len, chinese.splitlines())) <= 80
    quiet = said(capsys, *options, "--quiet").splitlines()
    assert "- border.technology_customs = 0.3 [0.03, 0.57]" in quiet
    found = json.loads(said(capsys, *options, "--json"))["drawn"]
    assert (found["posterior"], found["draws"]) == ("trial", 21)
    assert {name: row["overridden"] for name, row in found["parameters"].items()} == {name: name == "diffusion.gain" for name in DRAWS}
    plain = ("show", "baseline", "--set", posteriors.CENTRAL)
    assert "drawn" not in said(capsys, *plain) and "drawn" not in json.loads(said(capsys, *plain, "--json"))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("option", ["", "--unused", "--orphans"])
def test_lists_of_figures_keep_every_word(option, lang, width, terminal, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    table = said(capsys, "figures", *filter(None, [option]), "--lang", lang)
    assert max(map(cell_len, table.splitlines())) <= width
    given = json.loads(said(capsys, "figures", *filter(None, [option]), "--json"))
    firsts = [line.split()[0] for line in table.splitlines() if line[:1].strip()]
    assert {row["id"] for row in given} <= set(firsts)
    packed = re.sub(r"\s", "", table)
    for row in given:
        words = row["gloss" if lang == "en" else "gloss_zh"] if option != "--orphans" else row["label" if lang == "en" else "label_zh"]
        assert re.sub(r"\s", "", words) in packed
        if lang == "en" and option != "--orphans":
            assert re.sub(r"\s", "", f"{row['says']} · {row['use']}") in packed


def test_chinese_figures_have_chinese_words(terminal, capsys):
    for name in references.all_ids("figure"):
        data = references.resolve(f"figure:{name}").data
        text = usage.said(data, chinese=True)
        assert not re.search("[A-Za-z]", text), (name, text)
        assert usage.word_zh(data["use"]) != data["use"] and usage.word_zh(data["kind"]) != data["kind"]
    card = said(capsys, "figures", "nm_conversion_general", "--lang", "zh")
    assert "低于20%" in card and "份额" in card and "目标 conversion_of_results" in card
    assert "参数:" in said(capsys, "figures", "--orphans", "--lang", "zh")
