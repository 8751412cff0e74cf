"""Texts of users are shown as they are: no markup of the terminal, no formula of a figure or of a spreadsheet."""

from __future__ import annotations

import csv
from dataclasses import replace

import fake_runs
import pytest

from greaterbay.cli.main import call
from greaterbay.digits import as_text
from greaterbay.runner.ensemble import run_scenarios

ODD = r"[red]x[/red] $a_b$ \frac{1}{0} =1+1"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two stored results whose titles are odd."""
    out = tmp_path_factory.mktemp("odd titles")
    scenarios = [replace(fake_runs.scenario(name, replicates=3, value=value), title=ODD, title_zh=ODD)
                 for name, value in (("plain", 0.2), ("other", 0.4))]
    return [str(run.path) for run in run_scenarios(scenarios, None, out, 1, None, fake_runs.simulate, fake_runs.no_names)]


def test_terminals_show_a_title_as_it_is(results, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert call(["summary", *results]) == 0
    assert "[red]x[/red] $a_b$" in capsys.readouterr().out
    (tmp_path / "odd.toml").write_text(f"schema = 1\nid = 'odd'\nextends = 'baseline'\ntitle = '{ODD}'\n", encoding="utf-8")
    assert call(["show", str(tmp_path / "odd.toml")]) == 0
    assert ODD in capsys.readouterr().out


@pytest.mark.parametrize("language", ["en", "zh"])
def test_figures_draw_a_title_as_it_is(results, tmp_path, capsys, language):
    """A formula that cannot be set would raise, a missing glyph would warn."""
    assert call(["plot", *results, "--out", str(tmp_path), "--quiet", "--lang", language]) == 0
    assert capsys.readouterr().err == "" and list(tmp_path.glob("*.png"))


def test_spreadsheets_take_no_text_for_a_formula(results, tmp_path):
    assert [as_text(text) for text in ("=1+1", "+x", "-x", "@x", "\tx", "\rx", "  =1+1", "\nx", "+", "-", "", "x=1")] == [
        "'=1+1", "'+x", "'-x", "'@x", "'\tx", "'\rx", "'  =1+1", "'\nx", "+", "-", "", "x=1"]
    assert call(["export", results[0], "--to", str(tmp_path)]) == 0
    with open(tmp_path / "city_year.csv", encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert cells and not [cell for cell in cells if as_text(cell) != cell and not cell[1:2].isdigit()]
