"""Worker processes of this machine: direct children started with the spawn context, one thread each.

A worker that dies is replaced and what it may have been doing is tried again, alone, so that the culprit is
known; a task that keeps killing its worker comes to a failure and the rest goes on.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from greaterbay import checked
from greaterbay.runner.tasks import RETRIES, Failure, RunError, Task

log = logging.getLogger(__name__)

THREAD_VARIABLES = (
    "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class LocalProcesses:
    """Runs tasks on ``jobs`` worker processes of this machine."""

    def __init__(self, work: Callable[[Task], Failure | None], jobs: int) -> None:
        self.work, self.jobs = work, checked.jobs(jobs)
        self.context = multiprocessing.get_context("spawn")
        self.started = self.context.RawValue(ctypes.c_bool, False)  # no lock: a killed worker may hold one

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Failure | None]]:
        """Yield each task with its failure, if any, as they end.

        No more tasks are handed out than there are workers. When a worker dies it is not known which of
        the tasks under way was its; each of them is tried again alone.
        """
        waiting, suspects, attempts = deque(tasks), deque(), Counter()
        warmed: set = set()
        pool: ProcessPoolExecutor | None = None
        running: dict[Future, Task] = {}
        try:
            while waiting or suspects or running:
                if pool is None:
                    pool = self._new_pool()
                broken = not self._hand_out(pool, waiting, suspects, running, warmed)
                ended = [] if broken else wait(running, return_when=FIRST_COMPLETED).done
                if broken or any(isinstance(future.exception(), BrokenProcessPool) for future in ended):
                    ended, broken = wait(running).done, True
                for future in ended:
                    task, failure = running.pop(future), _failure_of(future)
                    warmed.add(task.warm_key)
                    if failure and failure.again:
                        attempts[task.key] += 1
                        if attempts[task.key] <= RETRIES:
                            log.info("replicate %d is tried again: %s", task.replicate, failure.text)
                            suspects.append(task)
                            continue
                    yield task, failure
                if broken:
                    pool.shutdown(wait=True)
                    pool = None
                    if not self.started.value:
                        raise RunError(
                            "a worker process ended before it could start; in a script of your own, "
                            'call run(...) under `if __name__ == "__main__":`, or use jobs=1'
                        )
        except BaseException:
            if pool is not None:
                _kill_workers(pool)
            raise
        finally:
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)

    def _hand_out(self, pool, waiting: deque, suspects: deque, running: dict, warmed: set) -> bool:
        """Hand out tasks until every worker has one, or a suspect runs alone; False if the pool is broken."""
        while len(running) < self.jobs and (waiting or suspects):
            if suspects and running:
                break
            alone = bool(suspects)
            task = suspects.popleft() if alone else self._next(waiting, running.values(), warmed)
            try:
                with _interrupts_held():
                    running[pool.submit(self.work, task)] = task
            except BrokenProcessPool:  # a worker died while it had nothing to do: nobody's fault
                (suspects if alone else waiting).appendleft(task)
                return False
            if alone:
                break
        return True

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.jobs, self.context, _begin_worker, (self.started,))

    @staticmethod
    def _next(waiting: deque, running: Iterable[Task], warmed: set) -> Task:
        """The first task whose warm-up nobody is computing just now; the first of all if there is none."""
        under_way = {task.warm_key for task in running} - warmed
        for place, task in enumerate(waiting):
            if task.warm_key not in under_way:
                del waiting[place]
                return task
        return waiting.popleft()


def _failure_of(future: Future) -> Failure | None:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, BrokenProcessPool):
        return Failure("WorkerDied: its process ended abruptly", again=True)
    return Failure(f"{type(error).__name__}: {error}")  # the task could not even be sent


def _begin_worker(started) -> None:
    """Set up a worker: one thread, deaf to Ctrl-C (its parent decides), and gone when its parent is gone."""
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    if "numba" in sys.modules:  # the user's main module has imported it already
        sys.modules["numba"].set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    started.value = True


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C; processes started meanwhile are born deaf to it, so none dies noisily at birth."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill_workers(pool: ProcessPoolExecutor) -> None:
    # there is no public way before Python 3.14; a worker's files are whole or bear a temporary name
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.kill()
