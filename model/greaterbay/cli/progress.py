"""How far an ensemble is, on standard error: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import click

LINE_SECONDS = 15.0  # between two lines where there is no terminal


@contextmanager
def progress(hidden: bool) -> Iterator[Callable]:
    """Yields what ``run_scenarios`` calls with its progress and a note; notes are shown even when ``hidden``."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if hidden or not console.is_terminal:
        lines = Lines(click.echo if not hidden else None)
        try:
            yield lines
        finally:
            lines.last()
        return
    with _bar(console) as watch:
        yield watch


class TimeLeft:
    """Time left, from what was computed since the first call; replicates found in the store took no time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.begun = clock, None

    def of(self, state) -> str:
        """``about 3 min left``; empty where nothing was computed yet or nothing is left."""
        self.begun = self.clock() if self.begun is None else self.begun
        computed = state.done + state.failed - state.reused
        left = state.total - state.done - state.failed
        if computed <= 0 or left <= 0:
            return ""
        return f"about {duration((self.clock() - self.begun) / computed * left)} left"


def duration(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2 h 05 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class Lines:
    """Progress as plain lines: at most one each ``LINE_SECONDS``, and a last one. ``echo`` None: notes only.

    ``noun`` says what is counted, ``state.stage`` (where there is one) what is going on.
    """

    def __init__(self, echo: Callable | None, clock: Callable[[], float] = time.monotonic, noun: str = "replicates") -> None:
        self.echo, self.clock, self.noun = echo, clock, noun
        self.left = TimeLeft(clock)
        self.state: Any = None
        self.said, self.spoken = "", clock()

    def __call__(self, state, note: str | None) -> None:
        """Note the state; say it when it is time."""
        self.state = state
        left = self.left.of(state)
        if note:
            click.echo(note, err=True)
        if self.clock() - self.spoken >= LINE_SECONDS:
            self._say(left)

    def last(self) -> None:
        """Say how it ended, unless nothing had to be computed."""
        if self.state is not None and self.state.total > self.state.reused:
            self._say(self.left.of(self.state))

    def _say(self, left: str) -> None:
        state = self.state
        reused = f" ({state.reused} found in the store)" if state.reused else ""
        stage = f"{state.stage}: " if getattr(state, "stage", "") else ""
        parts = [f"{stage}{state.done} of {state.total} {self.noun} done{reused}"]
        parts += [f"{state.failed} failed"] if state.failed else []
        line = ", ".join([*parts, *([left] if left else [])])
        if self.echo and line != self.said:
            self.echo(line, err=True)
        self.said, self.spoken = line, self.clock()


@contextmanager
def counted(hidden: bool, noun: str) -> Iterator[Callable]:
    """Yields ``watch(done, failed, total, stage="")`` for work that is counted: a bar with the time left, or lines in a log."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    if hidden or not console.is_terminal:
        lines = Lines(click.echo if not hidden else None, noun=noun)

        def say(done: int, failed: int, total: int, stage: str = "") -> None:
            lines(SimpleNamespace(done=done, failed=failed, total=total, reused=0, stage=stage), None)

        try:
            yield say
        finally:
            lines.last()
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[failed]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, speed_estimate_period=600)
    task = bar.add_task(noun, total=None, failed="")

    def watch(done: int, failed: int, total: int, stage: str = "") -> None:
        bar.update(task, description=stage or noun, total=total, completed=done + failed, failed=f"{failed} failed" if failed else "")
        if total:
            bar.start()

    try:
        yield watch
    finally:
        bar.stop()


@contextmanager
def _bar(console) -> Iterator[Callable]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("replicates"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[failed]}", style="red"),
        TimeElapsedColumn(), TextColumn("{task.fields[left]}"),
    )
    bar, left = Progress(*columns, console=console), TimeLeft()
    task = bar.add_task("", total=None, failed="", left="")

    def watch(state, note: str | None) -> None:
        failed = f"{state.failed} failed" if state.failed else ""
        missing = state.total - state.reused
        bar.update(
            task, total=missing, completed=state.done + state.failed - state.reused, failed=failed, left=left.of(state)
        )
        if missing:
            bar.start()
        if note:
            console.print(note, markup=False)

    try:
        yield watch
    finally:
        bar.stop()
