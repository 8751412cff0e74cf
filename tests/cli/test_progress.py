"""How far an ensemble is: numbers and time left, in a terminal and in a log."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from greaterbay.cli import progress
from greaterbay.runner.ensemble import Progress


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_time_left_follows_what_was_computed():
    clock = Clock()
    left = progress.TimeLeft(clock)
    assert left.of(Progress(10, 4, 4, 0)) == ""  # four came from the store: they took no time
    clock.now += 60
    assert left.of(Progress(10, 6, 4, 1)) == "about 60 s left"  # three in a minute, three to go
    clock.now += 60
    assert left.of(Progress(10, 6, 4, 1)) == "about 2 min left"
    assert left.of(Progress(10, 9, 4, 1)) == ""


@pytest.mark.parametrize("seconds, words", [(0.2, "1 s"), (89, "89 s"), (91, "2 min"), (5300, "88 min"), (7500, "2 h 05 min")])
def test_durations(seconds, words):
    assert progress.duration(seconds) == words


def test_a_log_gets_a_line_now_and_then_and_a_last_one():
    clock, said = Clock(), []
    lines = progress.Lines(lambda text, err: said.append(text), clock)
    for done in range(101):
        lines(Progress(120, done + 20, 20, done // 50), None)
        clock.now += 1.0
    lines.last()
    lines.last()
    # the first line comes after fifteen seconds; the same line is not said twice
    assert len(said) == 7 and said[0] == "35 of 120 replicates done (20 found in the store), about 85 s left"
    assert said[-1] == "120 of 120 replicates done (20 found in the store), 2 failed"


def test_nothing_to_compute_says_nothing():
    said = []
    lines = progress.Lines(lambda text, err: said.append(text), Clock())
    lines(Progress(5, 5, 5, 0), None)
    lines.last()
    assert said == []


def test_a_terminal_gets_a_bar_with_done_failed_and_time_left():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    with progress._bar(console) as watch:
        watch(Progress(8, 2, 2, 0), None)
        watch(Progress(8, 4, 2, 1), "one, replicate 3 is put aside: ValueError: x")
    last = screen.getvalue().split("replicates")[-1]
    assert "3/6" in last and "1 failed" in last and "left" in last
    assert "one, replicate 3 is put aside: ValueError: x" in screen.getvalue()


def test_counted_work_is_told_in_lines_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    with progress.counted(False, "runs") as watch:
        watch(1, 0, 4, "wave 1")
        watch(3, 1, 4, "wave 2")
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("wave 1: 1 of 4 runs done, about ") and told[1] == "wave 2: 3 of 4 runs done, 1 failed"
    with progress.counted(True, "runs") as watch:
        watch(1, 0, 4)
    assert capsys.readouterr().err == ""
