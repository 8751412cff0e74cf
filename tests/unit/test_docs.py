"""The documentation builds without a warning, from this machine alone, and says what the program does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import click
import pytest

import greaterbay
from greaterbay import odd_tables, outputs, parameters
from greaterbay.cli.main import COMMANDS
from greaterbay.cli.main import greaterbay as program
from greaterbay.policy import catalogue
from greaterbay.scenario import schema

ROOT = Path(__file__).parents[2]
if not (ROOT / "mkdocs.yml").is_file():
    pytest.skip("an installed package has no documentation beside it", allow_module_level=True)

TEXTS = {path: path.read_text(encoding="utf-8") for path in (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md")}
ADDRESS = re.compile(r"""(?:https?:)?//[\w.-]+\.\w""")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder), "-f", str(ROOT / "mkdocs.yml")],
        capture_output=True, text=True, encoding="utf-8", env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[str, str]:
    """HTML of every page by its address in the site."""
    return {path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}


def code(html: str) -> set[str]:
    """What stands in code type."""
    return {unescape(re.sub(r"<[^>]+>", "", one)).strip() for one in re.findall(r"<code[^>]*>(.*?)</code>", html, re.DOTALL)}


def test_nothing_is_fetched_from_another_host(site, pages):
    assert len(pages) > 50
    for name, html in pages.items():
        for tag in re.findall(r"<[^>]+>", html):
            if ADDRESS.search(tag) and not tag.startswith("<a "):
                assert not re.search(r"\b(src|href|srcset|data|action|content)=", tag), f"{name}: {tag}"
        for script in re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL):
            assert not ADDRESS.search(script), name
        assert 'class="mermaid"' not in html, f"{name}: mermaid would be fetched"
    for path in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", path.read_text(encoding="utf-8")) == [], path.name
    for path in site.rglob("*.svg"):
        assert re.findall(r"(?:href|src)=\"(?:https?:)?//", path.read_text(encoding="utf-8")) == [], path.name


def test_every_lever_output_parameter_and_key_has_its_place(pages):
    levers = {one.id for one in catalogue.levers().values()}
    assert levers <= code(pages["levers/index.html"])
    for stem in catalogue.FILES:
        assert code(pages[f"levers/{stem}.html"]) & levers
    assert set(outputs.table()) <= code(pages["outputs.html"])
    assert set(parameters.table()) <= code(pages["parameters.html"])
    tables = (schema.TOP_KEYS, schema.RUN_KEYS, schema.LEVER_KEYS, schema.PROBE_KEYS, schema.EVENT_KEYS)
    assert {key for keys in tables for key in keys} <= code(pages["scenarios/keys.html"])


def test_chinese_names_stand_beside_the_english_ones(pages):
    for one in catalogue.levers().values():
        assert one.name_zh in pages["levers/index.html"]
    for one in outputs.table().values():
        assert one.label_zh in unescape(pages["outputs.html"])
    for one in parameters.table().values():
        assert one.label_zh in unescape(pages["parameters.html"])


def test_public_names_are_described(pages):
    for name in greaterbay.__all__:
        if not name.startswith("__"):
            assert re.search(rf'id="[\w.]*{name}"', pages["api/index.html"]), name


def test_every_command_has_its_help(pages):
    for name in COMMANDS:
        assert f'id="{name}"' in pages["commands.html"] and f"Usage: greaterbay {name}" in pages["commands.html"]


def test_lists_and_figures_are_read_as_such(pages):
    """A list without its blank line comes out as a paragraph; a marker without its figure as nothing."""
    for name, html in pages.items():
        words = re.sub(r"<(pre|code)\b.*?</\1>", "", html, flags=re.DOTALL)
        assert re.findall(r"\n *(?:\d+\.|-) <em>", words) == [], name
        assert "<!-- figure:" not in words, name
    model = "".join(html for name, html in pages.items() if name.startswith("model/"))
    assert model.count("<figcaption>") >= 7


def test_phases_have_a_page_each(pages):
    assert len([name for name in pages if re.fullmatch(r"model/07_\d\d_\w+\.html", name)]) == 11
    assert len(odd_tables.odd_pages()) == len([name for name in pages if name.startswith("model/")])
    linked = re.findall(r"^\| \[(.+)\]\((\S+\.md)\) \|", TEXTS[odd_tables.ODD / "index.md"], re.MULTILINE)
    titles = [(page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# "), page.name) for page in odd_tables.odd_pages()[1:]]
    assert linked == titles


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_commands_in_texts_are_there(path):
    for name, rest in re.findall(r"(?:^|[`$] ?)greaterbay ([a-z_]+)([^\n`#]*)", TEXTS[path], re.MULTILINE):
        command = program.get_command(click.Context(program), name)
        assert command is not None, name
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"(?<!\S)--[\w-]+", rest)) <= options | {"--help"}, f"{name}{rest}"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_files_and_targets_in_texts_are_there(path):
    named = re.findall(r"`((?:model|scenarios|calibration|tests|notebooks|docs)/[^`\s*<>]*)`", TEXTS[path])
    assert [name for name in named if not (ROOT / name.split("::")[0]).exists()] == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"`make (\w+)`|^make (\w+)", TEXTS[path], re.MULTILINE)
    assert [name for pair in targets for name in pair if name and not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
