"""What a tired user types: every command answers in words, with the right exit code, and never with a traceback.

Rows: command and input (names in braces are files that ``files`` makes), exit code, part of the answer. Exit codes: 0 fine, 1 a wrong
value wherever it stands, 2 unknown or missing options, 3 some replicate failed.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from greaterbay.cli.main import COMMANDS, call

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import fake_runs

SCENARIO = 'schema = 1\nid = "mine"\ntitle = "Mine"\nextends = "baseline"\n'

ROWS = [row.split(" | ") for row in """
check | 2 | Missing argument
check nothing_there.toml | 1 | no such file
check jointfund | 1 | did you mean "joint_fund"
check {folder} | 1 | this is a folder
check {empty} | 1 | the file is empty
check {bom} | 1 | byte-order mark
check {gbk} | 1 | not UTF-8
check {utf16} | 1 | not UTF-8
check {crlf} | 0 | fine
check {picture} | 1 | not UTF-8
check {result} | 1 | not UTF-8
check {spaces} | 0 | fine
check {mine} {mine} | 0 | fine
check {capital} | 1 | did you mean "guangzhou"
check {chinese_city} | 1 | unknown city
check {full_width} | 1 | not TOML
check {slashes} | 1 | not TOML
check {comma} | 1 | not TOML
check baseline --set run.scale=0,05 | 1 | not TOML
check baseline --set run.scale | 1 | is not KEY=VALUE
check baseline --set run.scael=0.1 | 1 | did you mean "scale"
check baseline --set run.scale=-1 | 1 | allowed: above 0, at most 1
check baseline --set run.end=2026 | 1 | allowed: a date
check baseline --set run.end=2026-13-01 | 1 | not TOML
check baseline --sett run.scale=1 | 2 | No such option
show | 2 | Missing argument
show nothing | 1 | neither a file nor the id
show baseline --lang fr | 1 | 'fr' is not one of 'en', 'zh'
show baseline --against nothing | 1 | neither a file nor the id
show baseline extra | 2 | unexpected extra argument
show --timeline baseline | 2 | takes no scenario
show --state --timeline | 2 | stands alone
show {folder} | 1 | this is a folder
show {result} | 1 | not UTF-8
show baseline --timed | 2 | goes with --timeline
run | 2 | Missing argument
run nothing | 1 | neither a file nor the id
run baseline --replicates 0 | 1 | allowed: 1 to
run baseline --replicates -3 | 1 | allowed: 1 to
run baseline --replicates four | 1 | run.replicates
run baseline --replicates 1 --only 0 | 1 | give one of the two
run baseline --jobs -1 | 1 | is not in the range
run baseline --jobs 0 | 1 | is not in the range
run baseline --scale 5% | 1 | is not a valid float
run baseline --scale 0 | 1 | allowed: above 0
run baseline --seed 1.5 | 1 | is not a valid integer
run baseline --until 31.12.2030 | 1 | run.end
run baseline --until 2030-12-30 | 1 | not the last day of a quarter
run baseline --until 2010-12-31 | 1 | before
run baseline baseline --until 2020-03-31 | 1 | given twice
run {result} | 1 | not UTF-8
run baseline --posterior nothing | 1 | nothing
run baseline --executor dask | 2 | needs the address
run baseline --scheduler here | 1 | only with --executor dask
run baseline --mechanism adoption | 1 | not NAME=FORM
run baseline --mechanism adoptoin=off | 1 | did you mean 'adoption'
run baseline --mechanism adoption=rules.py | 1 | MODULE:NAME
run baseline --mechanism adoption=off --mechanism adoption=off | 1 | given twice
run baseline --until 2020-03-31 --scale 0.01 --out {mine} | 1 | mine.toml
run baseline --lang fr | 1 | 'fr' is not one of
runs {folder} | 2 | unexpected extra argument
runs --out {nowhere} | 1 | nowhere
runs --out {mine} | 1 | mine.toml
runs --out {folder} | 1 | holds no results
runs --prune --out {nowhere} | 1 | nowhere
runs --dry-run --out {folder} | 1 | only with --prune
sweep | 2 | Missing argument
sweep baseline --out {folder} | 1 | sweep
sweep nothing | 1 | neither a file nor the id
sweep {empty} | 1 | the file is empty
compare | 2 | Missing
compare joint_fund --against nothing --out {folder} | 1 | neither a file nor the id
compare joint_fund --against joint_fund --out {folder} | 1 | joint_fund
compare joint_fund joint_fund --out {folder} | 2 | Missing option '--against'
compare joint_fund joint_fund --against baseline --out {folder} | 1 | joint_fund
compare joint_fund --against baseline --replicates 0 --out {folder} | 1 | allowed
compare joint_fund --against baseline --outcomes conversion --out {folder} | 1 | did you mean
compare {short} --against {result} | 1 | not a readable result file
compare {result} --against {result} | 1 | plain
plot | 2 | Missing argument
plot nothing.nc | 1 | nothing.nc
plot {mine} | 1 | mine.toml
plot {folder} | 1 | folder
plot {short} | 1 | short.nc
plot {picture_nc} | 1 | picture.nc
plot {empty_nc} | 1 | empty.nc
plot {result} --out {mine} | 1 | mine.toml
plot {result} --lang de | 1 | 'de' is not one of
summary | 2 | Missing argument
summary nothing.nc | 1 | nothing.nc
summary {mine} | 1 | mine.toml
summary {short} | 1 | short.nc
summary {folder} | 1 | folder
export | 2 | Missing argument
export nothing.nc --to {folder} | 1 | nothing.nc
export {mine} --to {folder} | 1 | mine.toml
export {result} --to {mine} | 1 | mine.toml
export {short} --to {folder} | 1 | short.nc
export {result} --to {folder} | 0 | city_year.csv
validate --suite literatur | 1 | is not one of
validate --seeds 0 | 1 | is not in the range
validate --jobs 0 | 1 | is not in the range
validate extra | 2 | unexpected extra argument
levers no_such_lever | 1 | no_such_lever
levers L99 | 1 | L99
levers --group nothing | 1 | unknown group
levers TALENT_RECOGNITION | 0 | talent_recognition
levers l20 | 0 | joint_collaboration_fund
levers 人才 | 0 | talent
levers --measure --replicates 1 | 1 | is not in the range
outputs conversion | 1 | did you mean
outputs firms --lang zh | 0 | 科技企业数
parameters learning.alfa | 1 | did you mean
parameters learning | 0 | learning.alpha
parameters --lang en-US | 1 | is not one of
mechanisms adoptoin | 1 | did you mean 'adoption'
mechanisms adoption extra | 2 | unexpected extra argument
mechanisms --quiet | 0 | learning_on_ties
figures nothing_like_it | 1 | nothing_like_it
figures --lang fr | 1 | is not one of
calibrate --jobs 0 | 1 | is not in the range
calibrate nothing.toml | 1 | no such file
calibrate --study nothing.toml | 2 | No such option
sensitivity | 2 | Missing argument
sensitivity nothing | 1 | neither a file nor the id
sensitivity joint_fund --jobs -2 | 1 | is not in the range
discover | 2 | Missing argument
discover nothing | 2 | Missing option '--target'
discover nothing --target 'conversions>0' | 1 | allowed: such as
discover nothing --target 'conversions>=2' | 1 | neither a file nor the id
nonsense | 2 | No such command
shwo baseline | 2 | Did you mean "show"
""".strip().splitlines()]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """Files of every unfortunate kind, by name; their folder has a space and Chinese characters in its name."""
    from greaterbay.runner.ensemble import run_scenarios

    top = tmp_path_factory.mktemp("my files 文件")

    def write(name: str, content: bytes | str) -> Path:
        path = top / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    (run,) = run_scenarios([fake_runs.scenario(replicates=2)], None, top / "runs", 1, None, fake_runs.simulate, fake_runs.no_names)
    whole = run.path.read_bytes()
    (top / "folder").mkdir()
    lever = '[levers.talent_recognition]\nvalue = 0.5\nreference = ["lever:L05"]\n'
    return {
        "folder": top / "folder", "nowhere": top / "nowhere", "result": run.path,
        "mine": write("mine.toml", SCENARIO), "empty": write("leer.toml", ""), "spaces": write("with space.toml", SCENARIO + "  \n\n"),
        "bom": write("bom.toml", b"\xef\xbb\xbf" + SCENARIO.encode()), "crlf": write("crlf.toml", SCENARIO.replace("\n", "\r\n")),
        "gbk": write("gbk.toml", (SCENARIO + 'title_zh = "大湾区"\n').encode("gbk")),
        "utf16": write("utf16.toml", SCENARIO.encode("utf-16")),
        "picture": write("picture.toml", b"\x89PNG\r\n\x1a\n\0\0\0\r"),
        "picture_nc": write("picture.nc", b"\x89PNG\r\n\x1a\n" + bytes(200)),
        "empty_nc": write("empty.nc", b""), "short": write("short.nc", whole[: len(whole) // 2]),
        "capital": write("capital.toml", SCENARIO + lever + 'cities = ["Guangzhou"]\n'),
        "chinese_city": write("chinese.toml", SCENARIO + lever + 'cities = ["广州"]\n'),
        "full_width": write("full.toml", SCENARIO + "[run]\nscale = 0．05\n"),
        "slashes": write("date.toml", SCENARIO + "[run]\nend = 31/12/2030\n"),
        "comma": write("comma.toml", SCENARIO + "[run]\nscale = 0,05\n"),
    }


@pytest.mark.parametrize(("typed", "code", "words"), ROWS, ids=[row[0] for row in ROWS])
def test_the_answer_is_in_words(files, tmp_path, monkeypatch, capsys, typed, code, words):
    monkeypatch.chdir(tmp_path)
    given = [word.format(**files) if "{" in word else word for word in shlex.split(typed)]
    found = call(given)
    out, err = capsys.readouterr()
    answer = " ".join((out + err).split())
    assert "Traceback" not in answer
    assert (found, words.strip() in answer) == (int(code), True), answer[:600]


def test_every_command_has_rows():
    assert {row[0].split()[0] for row in ROWS} >= set(COMMANDS)


def test_what_was_there_is_still_there(files):
    """None of the above touched a file that it was given."""
    assert files["mine"].read_text(encoding="utf-8") == SCENARIO and files["result"].stat().st_size > 1000
