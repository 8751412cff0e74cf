"""Whatever stands in a scenario file, it is judged: problems with a place, or a scenario; never a traceback, never long.

Mutations of the shipped scenarios, seeded. 2,000 of them here; ``GREATERBAY_FUZZ=20000`` (``make validate``) for more.
"""

from __future__ import annotations

import os
import random
import re
import time
import tomllib

import pytest

from greaterbay.locations import shipped_folder
from greaterbay.scenario.load import check_and_warn, load_scenarios
from greaterbay.scenario.problems import STEERING, ScenarioError
from greaterbay.scenario.schema import Scenario

NUMBER = int(os.environ.get("GREATERBAY_FUZZ", "2000"))
BATCHES = 8
SLOWEST = 1.0  # seconds for one file

VALUES = (
    "1", "0", "-1", "1.5", "-0.0", "1e308", "-1e308", "inf", "-inf", "nan", "9223372036854775807", "99999999999999999999999", "true",
    "false", '""', '"x"', '"深圳"', '"=1+1"', '"$x_1$"', '"[red]x[/red]"', '"off"', '"+"', "[]", '["a"]', "[1]", "[[]]",
    '[["guangzhou", 1]]',
    '["guangzhou", "guangzhou"]', "[{}]", "{}", "{a = 1}", '{value = "x"}', "{a = {b = {c = 1}}}", "2026-01-01",
    "2026-02-30", "0001-01-01",
    "9999-12-31", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "07:32:00", '"2026-01-01"', '"8 quarters"',
    '"-8 quarters"', '"1e9 quarters"',
    '"\\u001b[31m"', '"\\u202e"', '"a\\nb"', '"\\u0000"', "'''\na\n'''", '"' + "x" * 5000 + '"', "[" * 60 + "]" * 60,
)
LINES = (
    "[levers]", "[levers.talent_barrier]", "[levers.no_such_lever]", "[[levers]]", "[run]", "[[run]]", "[run.scale]",
    "[[events]]", "[events]",
    "[expects]", '[expects]\nconversions = ["+"]', "[mechanisms]", '[mechanisms]\nadoption = "off"', "[mechanisms.adoption]",
    '[mechanisms]\nadoption = 3', "[sweep]", "[sweep.grid]", '[sweep.grid]\nrun.seed = [1, 2]',
    '[sweep.grid]\n"run.seed" = "x"', "[[sweep]]",
    "[sweep.latin_hypercube]\npoints = 3", "[probes]", "[probes.a]", '[probes.a]\ncity = "macao"', "[parameters]",
    '[parameters]\n"a.b" = 1',
    "[parameters.learning]\nalpha = 0.1", 'extends = "baseline"', 'mixins = ["no_such"]', 'extends = "../etc/passwd"',
    "schema = 1", 'id = "Ä"',
    "= 1", "key", "key =", "[", "]", "\"", "a.b.c = 1", "levers.talent_barrier.value = 0.5",
    ".".join("a" * 1500) + " = 1", "run." + ".".join("a" * 1500) + " = 1",
    "run.seed = 0x1" + "0" * 5000, "parameters.x = 0x1" + "0" * 5000, "\ufeff", "\t", "#",
    "\x00", 'title = "\x1b"',
)


def mutated(text: str, dice: random.Random) -> str:
    """A scenario file with one to four things wrong, or not."""
    for _ in range(dice.randint(1, 4)):
        lines = text.split("\n")
        at = dice.randrange(len(lines))
        what = dice.randrange(9)
        if what <= 2:  # another value
            keyed = [k for k, line in enumerate(lines) if re.match(r"\s*[\w\".]+\s*=", line)]
            if keyed:
                at = dice.choice(keyed)
                lines[at] = f"{lines[at].split('=', 1)[0]}= {dice.choice(VALUES)}"
        elif what == 3:
            del lines[at]
        elif what == 4:
            lines.insert(at, lines[dice.randrange(len(lines))])
        elif what == 5:
            lines.insert(at, dice.choice(LINES))
        elif what == 6:  # a key misspelt
            lines[at] = lines[at].replace(dice.choice("aeiou"), dice.choice("aeiou_-. "), 1)
        elif what == 7:  # cut short
            lines[at] = lines[at][: dice.randrange(len(lines[at]) + 1)]
            lines = lines if dice.random() < 0.8 else lines[: at + 1]
        else:
            lines.append(f"{dice.choice(('value', 'start', 'cities', 'scale', 'conversions', 'adoption', 'x'))} = {dice.choice(VALUES)}")
        text = "\n".join(lines)
    return text


def judge(path) -> list:
    """Problems, or the scenarios; what ``check`` and ``run`` do with a file before anything runs."""
    problems, _warnings = check_and_warn(path)
    try:
        found = load_scenarios(path)
    except ScenarioError as error:
        assert problems and error.problems, "run refuses what check lets through"
        return list(error.problems)
    assert not problems, "check refuses what run lets through"
    assert found and all(isinstance(one, Scenario) and one.reaching_model() for one in found)
    return found


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_file_is_judged(tmp_path, batch):
    library = sorted(shipped_folder("scenarios").glob("*.toml"))
    texts = [path.read_text(encoding="utf-8") for path in library]
    refused = 0
    for number in range(batch, NUMBER, BATCHES):
        dice = random.Random(number)
        path = tmp_path / f"s{number}.toml"
        path.write_text(mutated(dice.choice(texts), dice), encoding="utf-8", errors="surrogatepass")
        begun = time.process_time()
        try:
            found = judge(path)
        except Exception as error:
            raise AssertionError(f"mutation {number}:\n{path.read_text(encoding='utf-8', errors='replace')}") from error
        assert time.process_time() - begun < SLOWEST, f"mutation {number}"
        for one in found:
            if not isinstance(one, Scenario):
                refused += 1
                assert one.line >= 1 and one.what and not STEERING.search(str(one)), (number, one)
        path.unlink()
    assert refused > NUMBER / BATCHES / 3


# ---------------------------------------------------------------- texts


@pytest.mark.parametrize("escape", ["\\u001b[31m", "\\u0007", "\\u009b", "\\u202e", "\\u2066", "\\u2028", "\\n", "\\t", "\\r", "\\u0000"])
@pytest.mark.parametrize("place", ["title", "title_zh", "id", "extends", "financing", "levers.talent_barrier.payer",
                                   "levers.talent_barrier.reference", "levers.talent_barrier.cities", "probes.humanoid_robots.title",
                                   "run.region", "run.posterior", "mechanisms.adoption", "expects.conversions"])
def test_no_text_steers_a_terminal(tmp_path, place, escape):
    """Refused with file and line, and the message does not hold the character either."""
    value = f'["a{escape}b"]' if place.endswith(("reference", "cities")) else f'"a{escape}b"'
    path = tmp_path / "s.toml"
    extends = "" if place == "extends" else 'extends = "baseline"\n'
    given = "" if place in ("title", "id") else 'id = "s"\ntitle = "S"\n'
    other = {"title": 'id = "s"\n', "id": 'title = "S"\n'}.get(place, "")
    path.write_text(f"schema = 1\n{extends}{given}{other}{place} = {value}\n", encoding="utf-8")
    line = path.read_text(encoding="utf-8").count("\n")
    code = tomllib.loads(f'a = "{escape}"')["a"][0]
    told = [one for one in check_and_warn(path)[0] if f"control character U+{ord(code):04X}" in one.what]
    assert told and told[0].line == line and not STEERING.search(str(told[0]))


@pytest.mark.parametrize(("line", "words"), [
    (".".join("a" * 300) + " = 1", "deep"), ("run." + ".".join("a" * 300) + " = 1", "deep"), ("x = " + "[" * 200 + "]" * 200, "deep"),
    ("schema = 0x1" + "0" * 5000, "4,200 digits"), ("run.seed = 0x1" + "0" * 5000, "4,200 digits"),
    ("parameters.a = [0x1" + "0" * 5000 + "]", "4,200 digits"),
])
def test_what_no_scenario_can_hold_is_said(tmp_path, line, words):
    path = tmp_path / "s.toml"
    path.write_text(f"{line}\n", encoding="utf-8")
    (told,) = check_and_warn(path)[0]
    assert words in told.what and told.allowed
    (told, *_more) = check_and_warn("baseline", [line])[0]
    assert words in told.what


def test_keys_and_options_are_texts_too(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text('schema = 1\nid = "s"\ntitle = "S"\nextends = "baseline"\n"a\\u001bb" = 1\n', encoding="utf-8")
    (first, *_more) = check_and_warn(path)[0]
    assert first.line == 5 and "U+001B" in first.what and "\x1b" not in str(first)
    told = check_and_warn("baseline", ['title="a\\u001bb"'])[0]
    assert told and "U+001B" in told[0].what
