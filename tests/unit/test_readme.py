"""The README leads somewhere: pictures, files and commands that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from greaterbay.cli.main import greaterbay as program
from greaterbay.scenario.load import load_scenario

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_one_picture_and_it_is_there():
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert len(pictures) == 1
    content = (ROOT / pictures[0]).read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) > 20_000


def test_files_and_folders_are_there():
    named = re.findall(r"`((?:model|scenarios|calibration|tests|notebooks)/[^` ]*)`", TEXT)
    assert len(named) >= 8
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_commands_and_their_options_are_there():
    lines = re.findall(r"^greaterbay (\w+)([^\n#]*)", TEXT, re.MULTILINE)
    assert {name for name, _ in lines} >= {"check", "show", "run", "plot", "export", "levers", "summary"}
    for name, rest in lines:
        options = {option for parameter in program.get_command(click.Context(program), name).params
                   for option in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"--[\w-]+", rest)) <= options, name


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL))
def test_the_scenario_of_the_tour_is_right(text, tmp_path):
    path = tmp_path / "my_fund.toml"
    path.write_text(text, encoding="utf-8")
    assert load_scenario(path).levers["joint_collaboration_fund"].value == 0.02
