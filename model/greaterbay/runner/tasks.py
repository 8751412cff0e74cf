"""Tasks: one replicate of one scenario, the work it takes, and how it may fail.

An *executor* has ``run(tasks)``, which yields ``(task, None)`` or ``(task, failure)`` as tasks end, in any
order; a task without a failure has its part in the store by then. Executors: here one after the other in this
process, ``local`` on processes of this machine, ``cluster`` on a Dask cluster.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greaterbay.runner import manifest as provenance
from greaterbay.runner import store as stores
from greaterbay.runner.replicate import Result, simulate
from greaterbay.runner.store import Store

log = logging.getLogger(__name__)

RETRIES = 2  # further attempts after a worker died or ran out of memory

Simulate = Callable[[Any, int, Path], Result]


class RunError(Exception):
    """What was asked for cannot be run as a whole."""


@dataclass(frozen=True)
class Task:
    """One replicate of one scenario, with all a worker needs to compute and store it."""

    scenario: Any
    replicate: int
    digest: str
    folder: str
    token: str
    source: str

    @property
    def key(self) -> tuple[str, int]:
        """What names the part: digest and replicate."""
        return self.digest, self.replicate

    @property
    def warm_key(self) -> tuple:
        """Tasks that may share a warm-up have this in common."""
        run = self.scenario.run
        parameters = tuple(sorted(self.scenario.parameters.items()))
        return run.seed, self.replicate, run.scale, run.start, run.region, parameters


@dataclass(frozen=True)
class Failure:
    """Why a task did not succeed, in a form that crosses processes whatever the error was made of.

    ``again``: another attempt may succeed (memory, file system); otherwise equal input gives the equal
    error. ``fatal``: the store cannot be written, so that no task can succeed.
    """

    text: str
    trace: str = ""
    again: bool = False
    fatal: bool = False


def perform(task: Task, run_one: Simulate = simulate) -> Failure | None:
    """Compute one task and store its part; the only thing a worker does."""
    try:
        if provenance.source_digest() != task.source:
            raise RunError("the source of greaterbay changed while it was running; start the command again")
        store = Store(task.folder, task.token)
        result = run_one(task.scenario, task.replicate, store.warm_folder)
        store.write_part(task.digest, task.replicate, result)
    except stores.StoreError as error:
        return Failure(str(error), fatal=True)
    except Exception as error:
        return failure_of(error)
    return None


def failure_of(error: Exception) -> Failure:
    """What an error of the model comes to; for use where it is being handled."""
    again = isinstance(error, (MemoryError, OSError))
    return Failure(f"{type(error).__name__}: {error}", traceback.format_exc(), again)


class InProcess:
    """Runs tasks one after the other in this process."""

    def __init__(self, work: Callable[[Task], Failure | None]) -> None:
        self.work = work

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Failure | None]]:
        """Yield each task with its failure, if any."""
        for task in tasks:
            for _attempt in range(1 + RETRIES):
                failure = self.work(task)
                if failure is None or not failure.again:
                    break
                log.info("replicate %d: %s", task.replicate, failure.text)
            yield task, failure
