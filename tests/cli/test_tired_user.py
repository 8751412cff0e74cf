"""What a tired user gives: every command answers with a clear message and the right exit code, and never with a traceback.

A row is: kind | command line | exit code | part of what is said. Files of the rows are made by ``desk``.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from greaterbay.cli.main import call
from greaterbay.runner import ensemble

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import fake_runs  # the stand-in for the model, shared with the unit tests

GOOD = 'schema = 1\nid = "mine"\ntitle = "Mine"\nextends = "baseline"\n[run]\nend = 2026-12-31\n'
POINTS = '[sweep.grid]\n"run.seed" = [1, 2]\n'

ROWS = r"""
nothing | check | 2 | Missing argument
missing | check good.tml | 1 | did you mean "good.toml"?
missing | check nosuch.toml | 1 | nosuch.toml:1: no such file
folder | check deep | 1 | this is a folder; allowed: a scenario file (TOML); it holds inner.toml
empty | check empty.toml | 1 | the file is empty
byte-order mark | check bom.toml | 1 | starts with a byte-order mark
line ends | check crlf.toml | 0 | fine
encoding | check cp1252.toml | 1 | cp1252.toml:3: not UTF-8
encoding | check gbk.toml | 1 | allowed: text saved as UTF-8
encoding | check utf16.toml | 1 | this is text in UTF-16; allowed: a scenario file (TOML), text saved as UTF-8
suffix | check good.txt | 0 | fine
path | check "空 格/我的 情景.toml" | 0 | fine
trailing space | check "good.toml " | 1 | did you mean "good.toml"?
swapped | check runs/plain.nc | 1 | this is a result file (HDF5); allowed: a scenario file
picture | check picture.nc | 1 | this is a picture (PNG)
capitals | check Baseline | 1 | did you mean "baseline"?
suffix | check baseline.toml | 1 | called by its id alone: "baseline"
empty name | check "" | 1 | Nothing stands after check
full width | check quotes.toml | 1 | '“' is a full-width character: write '"'
full width | check equals.toml | 1 | '＝' is a full-width character: write '='
full width | check space.toml | 1 | a wide space
full width | check digits.toml | 1 | '２' is a full-width character: write '2'
comma | check comma.toml | 1 | decimals take a point: 0.05
date | check day.toml | 1 | a date is written year-month-day, as in 2026-12-31
date | check month.toml | 1 | as in 2026-12-31, and must exist
date | check year.toml | 1 | run.end: this is an integer; allowed: a date such as 2026-01-01
comma | check good.toml --set run.scale=0,05 | 1 | decimals take a point: 0.05
date | check good.toml --set run.end=01/02/2026 | 1 | a date is written year-month-day
language | check good.toml --lang fr | 1 | 'fr' is not one of 'en', 'zh'
unknown | check good.toml --set levers.Joint-Collaboration-Fund.value=0 | 1 | did you mean "joint_collaboration_fund"?
unknown | check good.toml --nonsense | 2 | No such option

nothing | show | 2 | Missing argument
missing | show nosuch.toml | 1 | no such file
folder | show deep | 1 | this is a folder
empty | show empty.toml | 1 | the file is empty
swapped | show runs/plain.nc | 1 | this is a result file
swapped | show good.toml --against runs/plain.nc | 1 | this is a result file
same | show good.toml --against good.toml | 0 | Nothing that reaches the results differs
empty name | show good.toml --against "" | 1 | Nothing stands after --against
twice | show good.toml --against baseline --against baseline | 1 | given more than once
language | show good.toml --lang fr | 1 | 'fr' is not one of
use | show good.toml --timeline | 2 | --timeline takes no scenario
capitals | show JOINT_FUND | 1 | did you mean "joint_fund"?

nothing | sweep | 2 | Missing argument
no sweep | sweep good.toml | 1 | nothing is swept; add [sweep.grid]
missing | sweep nosuch.toml | 1 | no such file
folder | sweep deep | 1 | this is a folder
empty | sweep empty.toml | 1 | the file is empty
swapped | sweep runs/plain.nc | 1 | this is a result file
out is a file | sweep points.toml --out afile | 1 | afile: File exists
out in a file | sweep points.toml --out afile/x | 1 | Not a directory
path | sweep points.toml --out "空 格/点" | 0 | wrote 2 scenarios
empty name | sweep points.toml --out "" | 1 | Nothing stands after --out
twice | sweep points.toml --out a --out b | 1 | given more than once
two | sweep points.toml points.toml | 2 | unexpected extra argument

nothing | run | 2 | Missing argument
unknown | run Joint-Fund | 1 | did you mean "joint_fund"?
swapped | run runs/plain.nc | 1 | this is a result file
zero | run good.toml --replicates 0 | 1 | run.replicates: 0 is out of bounds; allowed: 1 to 100000
negative | run good.toml --jobs -1 | 1 | -1 is not in the range
huge | run good.toml --seed 99999999999999999999999 | 1 | run.seed: 99999999999999999999999 is out of bounds
full width | run good.toml --replicates ４ | 1 | '４' is a full-width character: write '4'
comma | run good.toml --scale 0,05 | 1 | '0,05' is not a number; allowed: digits, and a point before decimals
zero | run good.toml --scale 0 | 1 | run.scale: 0 is out of bounds
date | run good.toml --until 01/02/2026 | 1 | a date is written year-month-day
date | run good.toml --until 2026年12月31日 | 1 | a date is written year-month-day
date | run good.toml --until 2026-12-30 | 1 | nearest: 2026-12-31
unknown | run good.toml --posterior GBA-2020 | 1 | did you mean "gba_2020"?
form | run good.toml --mechanism adoption | 1 | not NAME=FORM
form | run good.toml --mechanism adoption=..:x | 1 | cannot import '..'
form | run good.toml --mechanism "adopton = off" | 1 | did you mean 'adoption'?
full width | run good.toml --mechanism adoption＝off | 1 | write '='
twice | run good.toml --seed 1 --seed 2 | 1 | given more than once
twice | run good.toml good.toml --out x | 1 | scenario "mine" is given twice
out is a file | run good.toml --out afile | 1 | cannot write to afile: this is a file; allowed: a folder
all at once | run bom.toml gbk.toml utf16.toml | 1 | utf16.toml:1: this is text in UTF-16

out is a file | runs --out afile | 1 | this is a file; allowed: a folder
missing | runs --out nosuch | 1 | nosuch: no such folder
empty | runs --out hollow | 0 | hollow holds no results
path | runs --out "空 格" | 0 | plain
empty name | runs --out "" | 1 | Nothing stands after --out
empty name | runs --out= | 1 | --out: the value is empty
twice | runs --out runs --out runs | 1 | given more than once
language | runs --lang fr | 1 | 'fr' is not one of
use | runs --dry-run | 1 | only with --prune
extra | runs extra | 2 | unexpected extra argument
unknown | runs --prnue | 2 | Did you mean '--prune'?

nothing | plot | 2 | Missing argument
folder | plot runs | 1 | this is a folder; allowed: result files (.nc); it holds other.nc, plain.nc
empty | plot empty.nc | 1 | this is an empty file
cut short | plot cut.nc | 1 | it is cut short or damaged; run the scenario again
picture | plot picture.nc | 1 | this is a picture (PNG)
swapped | plot good.toml | 1 | this is text; `greaterbay run` makes a result
missing | plot runs/plane.nc | 1 | did you mean "runs/plain.nc"?
trailing space | plot "runs/plain.nc " | 1 | did you mean "runs/plain.nc"?
same | plot runs/plain.nc runs/plain.nc | 1 | given twice
out is a file | plot runs/plain.nc --out afile | 1 | Directory 'afile' is a file
form | plot runs/plain.nc --format jpg | 1 | 'jpg' is not one of 'png', 'svg'
empty name | plot "" | 1 | Nothing stands after plot

nothing | summary | 2 | Missing argument
folder | summary runs | 1 | it holds other.nc, plain.nc
empty | summary empty.nc | 1 | this is an empty file
cut short | summary cut.nc | 1 | cut short or damaged
picture | summary picture.nc | 1 | this is a picture
swapped | summary good.toml | 1 | this is text
missing | summary runs/plain | 1 | did you mean "runs/plain.nc"?
same | summary runs/plain.nc runs/plain.nc | 1 | given twice
path | summary "空 格/结果 1.nc" | 0 | Scenario plain
pictures is a file | summary runs/plain.nc --pictures afile | 1 | is a file
language | summary runs/plain.nc --lang fr | 1 | 'fr' is not one of

nothing | export | 2 | Missing argument
no target | export runs/plain.nc | 2 | Missing option '--to'
folder | export runs --to t | 1 | it holds other.nc, plain.nc
empty | export empty.nc --to t | 1 | this is an empty file
cut short | export cut.nc --to t | 1 | cut short or damaged
picture | export picture.nc --to t | 1 | this is a picture
swapped | export good.toml --to t | 1 | this is text
out is a file | export runs/plain.nc --to afile | 1 | this is a file; allowed: a folder
onto itself | export runs/plain.nc --to runs/plain.nc | 1 | this is a file; allowed: a folder
empty name | export runs/plain.nc --to "" | 1 | Nothing stands after --to
path | export runs/plain.nc --to "表 格" | 0 | wrote 表 格
two | export runs/plain.nc runs/other.nc --to t | 2 | unexpected extra argument

nothing | compare | 2 | Missing argument
no reference | compare runs/plain.nc | 2 | Missing option '--against'
same | compare runs/plain.nc --against runs/plain.nc | 1 | given twice; a run is not held against itself
folder | compare runs/plain.nc --against runs | 1 | this is a folder
folder | compare runs/plain.nc --against hollow.nc | 1 | this is a folder; allowed: result files (.nc)
cut short | compare runs/plain.nc --against cut.nc | 1 | cut short or damaged
swapped | compare runs/plain.nc --against result.toml | 1 | this is a result file
unknown | compare runs/plain.nc --against runs/other.nc --outcomes Firms | 1 | did you mean "firms"?
full width | compare runs/plain.nc --against runs/other.nc --outcomes firms，output | 1 | '，' is a full-width character: write ','
full width | compare runs/plain.nc --against runs/other.nc --horizon 2020，2021 | 1 | write ','
horizon | compare runs/plain.nc --against runs/other.nc --horizon 20x | 1 | not a year
comma | compare runs/plain.nc --against runs/other.nc --target firms>=0,5 | 1 | not OUTCOME>=VALUE
not recorded | compare runs/plain.nc --against runs/other.nc --no-plots | 1 | holds no public_cost
negative | compare runs/plain.nc --against runs/other.nc --jobs -1 | 1 | is not in the range
zero | compare baseline --against joint_fund --until-precise firms=0 | 1 | a width above 0
twice | compare runs/plain.nc --against runs/other.nc --out a --out b | 1 | given more than once

missing | calibrate nosuch.toml | 1 | no such file
folder | calibrate deep | 1 | this is a folder
empty | calibrate empty.toml | 1 | empty.toml: the file is empty
byte-order mark | calibrate bom.toml | 1 | starts with a byte-order mark
encoding | calibrate gbk.toml | 1 | gbk.toml:3: not UTF-8: byte 0x
encoding | calibrate utf16.toml | 1 | this is text in UTF-16
swapped | calibrate runs/plain.nc | 1 | this is a result file
swapped | calibrate good.toml | 1 | no table [study]; this may be a scenario
negative | calibrate --jobs -1 | 1 | is not in the range
language | calibrate --lang fr | 1 | 'fr' is not one of
unknown | calibrate --resum | 2 | Did you mean '--resume'?

nothing | sensitivity | 2 | Missing argument
capitals | sensitivity Joint_Fund | 1 | did you mean "joint_fund"?
same | sensitivity baseline | 1 | there is no effect to explain
swapped | sensitivity runs/plain.nc | 1 | this is a result file
no outcome | sensitivity joint_fund --outcomes , | 1 | names no outcome
full width | sensitivity joint_fund --outcomes output，firms | 1 | write ','
unknown | sensitivity joint_fund --outcomes inventons | 1 | did you mean "inventions"?
comma | sensitivity joint_fund --scale 0,05 | 1 | decimals take a point: 0.05
date | sensitivity joint_fund --until 2026 | 1 | allowed: a date such as
swapped | sensitivity joint_fund --study good.toml | 1 | no table [study]
encoding | sensitivity joint_fund --study gbk.toml | 1 | not UTF-8
zero | sensitivity joint_fund --trajectories 0 | 1 | is not in the range

nothing | discover | 2 | Missing argument
no target | discover joint_fund | 2 | Missing option '--target'
target | discover joint_fund --target firms | 1 | is not OUTCOME>=X
comma | discover joint_fund --target firms>=0,5 | 1 | decimals with a point
number | discover joint_fund --target firms>=1.2.3 | 1 | is not OUTCOME>=X
full width | discover joint_fund --target firms≥1 | 1 | is not OUTCOME>=X
unknown | discover joint_fund --target frms>=1 | 1 | did you mean "firms"?
few | discover joint_fund --target firms>=1 --draws 1 | 1 | is not in the range
encoding | discover joint_fund --target firms>=1 --study gbk.toml | 1 | not UTF-8
same | discover baseline --target firms>=1 | 1 | there is no effect to explain
twice | discover joint_fund --target firms>=1 --target output>=1 | 1 | given more than once

unknown | validate --suite nosuch | 1 | is not one of 'literature'
no value | validate --suite | 2 | requires an argument
zero | validate --seeds 0 | 1 | is not in the range
comma | validate --seeds 1,5 | 1 | is not a valid integer
negative | validate --jobs -1 | 1 | is not in the range
out is a file | validate --out afile | 1 | is a file
language | validate --lang fr | 1 | 'fr' is not one of
twice | validate --seeds 1 --seeds 2 | 1 | given more than once
empty name | validate --out "" | 1 | Nothing stands after --out
extra | validate extra | 2 | unexpected extra argument

capitals | levers JOINT_COLLABORATION_FUND | 0 | joint_collaboration_fund
unknown | levers --group Finances | 1 | did you mean "finance"?
trailing space | levers "joint_collaboration_fund " | 1 | did you mean "joint_collaboration_fund"?
empty name | levers "" | 1 | Nothing stands after levers
negative | levers --jobs -1 | 1 | is not in the range
language | levers --lang fr | 1 | 'fr' is not one of
unknown | levers no_such_lever | 1 | allowed: those of `greaterbay levers`
unknown | levers L99 | 1 | unknown lever "L99"
measure | levers l20 | 0 | joint_collaboration_fund
words | levers "joint fund" | 0 | joint_collaboration_fund
Chinese | levers 人才 | 0 | talent_barrier
few | levers --measure --replicates 1 | 1 | is not in the range
full width | outputs ｆｉｒｍｓ | 1 | did you mean "firms"?
unknown | outputs conversion | 1 | did you mean "conversions"?
Chinese | outputs firms --lang zh | 0 | 科技企业数
Chinese | outputs 企业 | 1 | those of `greaterbay outputs`
full width | outputs ２ | 1 | those of `greaterbay outputs`
language | outputs --lang fr | 1 | 'fr' is not one of
use | outputs --nonsense | 2 | No such option
unknown | parameters learning.alfa | 1 | did you mean "learning.alpha"?
group | parameters learning | 0 | learning.alpha
capitals | parameters LEARNING.ALPHA | 1 | unknown group or parameter
language | parameters --lang en-US | 1 | 'en-US' is not one of
Chinese | parameters 学习 | 1 | unknown group or parameter
use | parameters --nonsense | 2 | No such option
capitals | mechanisms ADOPTION | 1 | did you mean 'adoption'?
Chinese | mechanisms 技术采用 | 1 | did you mean 'adoption'?
part | mechanisms learning | 1 | did you mean 'learning_on_ties'?
form | mechanisms adoption=off | 1 | did you mean 'adoption'?
two | mechanisms adoption access | 2 | unexpected extra argument
quiet | mechanisms --quiet | 0 | learning_on_ties
use | mechanisms --nonsense | 2 | No such option
unknown | figures nothing_like_it | 1 | those of `greaterbay figures`
file | figures nofile.toml | 1 | unknown figure
language | figures --lang fr | 1 | 'fr' is not one of
use | figures --nonsense | 2 | No such option
empty name | figures "" | 1 | Nothing stands after figures
two | figures a b | 2 | unexpected extra argument
capitals | outputs Firms | 1 | did you mean "firms"?
empty name | outputs "" | 1 | Nothing stands after outputs
two | outputs firms talent | 2 | unexpected extra argument
unknown | parameters nosuch | 1 | allowed: border, conversion
capitals | parameters Economy | 1 | did you mean "economy"?
empty name | parameters "" | 1 | Nothing stands after parameters
two | parameters a b | 2 | unexpected extra argument
unknown | mechanisms adopton | 1 | did you mean 'adoption'?
empty name | mechanisms "" | 1 | Nothing stands after mechanisms
language | mechanisms --lang fr | 1 | 'fr' is not one of
capitals | figures NM_CONVERSION_GENERAL | 1 | did you mean "nm_conversion_general"?
missing | figures --verify nosuch | 1 | nosuch: no such folder
out is a file | figures --verify afile | 1 | afile: this is a file
two | figures --unused --orphans | 1 | give one of the four
unknown | chek | 2 | Did you mean "check"?
capitals | RUN | 2 | Did you mean "run"?
"""


def rows() -> list[tuple[str, ...]]:
    found = [tuple(cell.strip() for cell in line.split(" | ")) for line in ROWS.splitlines() if line]
    assert all(len(row) == 4 for row in found)
    return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder with what lies about on a desk: good files, spoilt ones, and files under wrong names."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        both = [fake_runs.scenario("plain", replicates=2), fake_runs.scenario("other", replicates=2, value=0.4)]
        ensemble.run_scenarios(both, None, "runs", 1, None, fake_runs.simulate, fake_runs.names)
    result = (folder / "runs/plain.nc").read_bytes()
    for name in ("deep", "hollow", "hollow.nc", "空 格"):
        (folder / name).mkdir()
    texts = {
        "good.toml": GOOD, "good.txt": GOOD, "deep/inner.toml": GOOD, "空 格/我的 情景.toml": GOOD, "points.toml": GOOD + POINTS,
        "empty.toml": "", "empty.nc": "", "afile": "x",
        "quotes.toml": GOOD.replace('"Mine"', "“Mine”"), "equals.toml": GOOD.replace("id =", "id ＝"),
        "space.toml": GOOD.replace("id =", "\u3000id ="), "digits.toml": GOOD.replace("2026", "２０２６"),
        "comma.toml": GOOD + "scale = 0,05\n", "day.toml": GOOD.replace("2026-12-31", "01/02/2026"),
        "month.toml": GOOD.replace("2026-12-31", "2026-13-01"), "year.toml": GOOD.replace("2026-12-31", "2026"),
    }
    contents = {name: text.encode() for name, text in texts.items()} | {
        "bom.toml": b"\xef\xbb\xbf" + GOOD.encode(), "crlf.toml": GOOD.replace("\n", "\r\n").encode(),
        "cp1252.toml": GOOD.replace('"Mine"', '"Café"').encode("cp1252"), "gbk.toml": GOOD.replace("Mine", "我的情景").encode("gbk"),
        "utf16.toml": GOOD.encode("utf-16"), "cut.nc": result[: len(result) // 2], "picture.nc": b"\x89PNG\r\n\x1a\n" + bytes(500),
        "result.toml": result, "空 格/结果 1.nc": result,
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(("kind", "line", "code", "said"), rows(), ids=lambda cell: cell[:50])
def test_the_answer_is_clear(kind, line, code, said, desk, monkeypatch, capsys):
    monkeypatch.chdir(desk)
    stored = {path: path.read_bytes() for path in Path("runs").glob("*.nc")}
    found = call(shlex.split(line))
    out, err = capsys.readouterr()
    assert said in " ".join((out + err).split()), f"{kind}: {line}\n{out}{err}"
    assert found == int(code), f"{kind}: {line}\n{out}{err}"
    assert "Traceback" not in out + err
    assert {path: path.read_bytes() for path in Path("runs").glob("*.nc")} == stored
