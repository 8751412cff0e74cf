"""Tasks on an existing Dask cluster: scenarios go out, parts come back as bytes, the client writes the store.

A worker needs greaterbay with the sources and libraries of the client and one thread; others are refused
before anything is sent, and again by the task itself, for workers that join later. Workers share no folder
with the client. A worker that dies is replaced by Dask's own rules: its task goes to another one, and comes to
a failure when it has taken several workers with it.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from greaterbay.runner import manifest as provenance
from greaterbay.runner.replicate import simulate
from greaterbay.runner.store import PartError, Store, part_content, result_of
from greaterbay.runner.tasks import RETRIES, Failure, RunError, Simulate, Task, failure_of

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10  # for a scheduler to answer, and for a first worker to be there
LOST_SECONDS = 60  # without any worker, after which the run gives up
LOOK_SECONDS = 2  # between looks at who is there
START = "start one with `dask worker SCHEDULER --nthreads 1`"


def identity() -> dict[str, Any]:
    """What makes equal numbers: sources and libraries of the process that answers."""
    libraries = provenance.library_versions()
    libraries["python"] = libraries["python"].rpartition(".")[0]  # bug fixes of Python touch no number
    return {"source": provenance.source_digest(), "libraries": libraries}


def compute(scenario, replicate: int, digest: str, source: str, run_one: Simulate = simulate) -> bytes | Failure:
    """One task on a worker: the part as bytes, or why there is none. Warm-ups stay in the worker's own folder."""
    from distributed import get_worker

    worker = get_worker()
    try:
        if provenance.source_digest() != source or worker.state.nthreads != 1:
            reason = refusal(identity(), worker.state.nthreads, identity() | {"source": source})
            return Failure(f"worker {worker.address} {reason}", fatal=True)
        if provenance.digest(scenario) != digest:
            return Failure(f"worker {worker.address} reads other tables of the region {scenario.run.region}")
        result = run_one(scenario, replicate, Path(worker.local_directory) / "greaterbay-warm")
        return part_content(digest, replicate, result)
    except Exception as error:
        return failure_of(error)


def refusal(there: Mapping[str, Any], threads: int, here: Mapping[str, Any]) -> str | None:
    """Why a worker cannot be used, or None."""
    if threads != 1:
        return f"has {threads} threads; allowed: 1, as replicates side by side would slow each other and share one memory. {_cap(START)}"
    if there["source"] != here["source"]:
        return (
            f"has other sources of greaterbay ({there['source'][:12]}, here {here['source'][:12]}): its numbers "
            "could differ; install the same version on both sides"
        )
    other = [
        f"{name} {there['libraries'].get(name, 'missing')} (here {version})"
        for name, version in here["libraries"].items()
        if there["libraries"].get(name) != version
    ]
    if other:
        return f"has other libraries: {', '.join(other)}; install constraints.txt on both sides"
    return None


def _cap(text: str) -> str:
    return text[0].upper() + text[1:]


class DaskCluster:
    """Runs tasks on the workers of the scheduler at ``address`` and writes what comes back to ``store``."""

    def __init__(self, address: str, store: Store, run_one: Simulate = simulate) -> None:
        self.address, self.store, self.run_one = address, store, run_one
        self.seen: set[str] = set()  # workers that were found fit
        self.warmed: dict[str, set] = {}  # worker -> warm-ups it was sent
        self.attempts: Counter = Counter()

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Failure | None]]:
        """Yield each task with its failure, if any, as they end. Raises RunError for a cluster that is unfit."""
        if not tasks:
            return
        client = self._connect()
        from distributed import CancelledError

        running: dict = {}  # future -> (task, worker it was meant for)
        try:
            yield from self._run(client, deque(tasks), running)
        except (OSError, CancelledError) as error:  # what the client of Dask raises when nobody answers any more
            raise RunError(self._gone()) from error
        finally:
            self._leave(client, running)

    def _run(self, client, waiting: deque, running: dict) -> Iterator[tuple[Task, Failure | None]]:
        from distributed import wait

        lonely = 0
        while waiting or running:
            if client.status != "running":
                raise RunError(self._gone())
            workers = self._fit_workers(client)
            lonely = 0 if workers else lonely + 1
            if lonely * LOOK_SECONDS > LOST_SECONDS:
                raise RunError(f"no worker left at {self.address} for {LOST_SECONDS} s; what is finished is kept")
            self._hand_out(client, workers, waiting, running)
            try:
                if running:
                    with client.as_current():
                        wait(list(running), timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
                else:
                    client.wait_for_workers(1, timeout=LOOK_SECONDS)
            except TimeoutError:
                pass
            for future in [future for future in running if future.done()]:
                task, _worker = running.pop(future)
                failure = self._gather(client, future, task)
                if failure and failure.again:
                    self.attempts[task.key] += 1
                    if self.attempts[task.key] <= RETRIES:
                        log.info("replicate %d is tried again: %s", task.replicate, failure.text)
                        waiting.appendleft(task)
                        continue
                if failure and failure.fatal:
                    raise RunError(failure.text)
                yield task, failure

    def _gone(self) -> str:
        return f"the scheduler at {self.address} is gone; what is finished is kept and the same command continues"

    def _connect(self):
        # the client logs tracebacks of connections that break; what matters of it comes as a RunError
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        try:
            from distributed import Client
        except ImportError:
            raise RunError('Dask is not installed here: pip install "greaterbay[cluster]"') from None
        try:
            client = Client(self.address, timeout=CONNECT_SECONDS, set_as_default=False, name="greaterbay")
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"no Dask scheduler answers at {self.address} ({error})") from error
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            self._leave(client, {})
            raise RunError(f"the scheduler at {self.address} has no worker; {START}") from None
        return client

    def _fit_workers(self, client) -> list[str]:
        """Addresses of the workers, each looked at once. Raises RunError, naming all that are unfit."""
        threads = client.nthreads()
        new = [address for address in threads if address not in self.seen]
        if new:
            try:
                found = client.run(identity, workers=new, on_error="ignore")
            except Exception as error:
                raise RunError(
                    f"a worker of {self.address} cannot load greaterbay ({type(error).__name__}: {error}); "
                    "install the same version on both sides"
                ) from error
            here = identity()
            # a worker that did not answer is leaving, or is looked at again with the next task
            reasons = {address: refusal(there, threads[address], here) for address, there in found.items()}
            unfit = [f"worker {address} {reason}" for address, reason in reasons.items() if reason]
            if unfit:
                raise RunError("\n".join(unfit))
            self.seen.update(reasons)
        return [address for address in threads if address in self.seen]

    def _hand_out(self, client, workers: list[str], waiting: deque, running: dict) -> None:
        """Give every worker without a task one; another may take it over when that worker goes."""
        busy = Counter(worker for _, worker in running.values() if worker in workers)
        for worker in workers:
            if len(running) >= len(workers) or not waiting:
                return
            if busy[worker]:
                continue
            task = self._next(waiting, self.warmed.setdefault(worker, set()), running)
            self.warmed[worker].add(task.warm_key)
            future = client.submit(
                compute, task.scenario, task.replicate, task.digest, task.source, self.run_one,
                key=f"greaterbay-{task.digest[:16]}-{task.replicate}-{task.token}-{self.attempts[task.key]}",
                workers=[worker], allow_other_workers=True, pure=False,
            )
            running[future] = task, worker

    @staticmethod
    def _next(waiting: deque, warmed: set, running: Mapping) -> Task:
        """The first task whose warm-up the worker has; else the first that no other has begun; else the first."""
        begun = {task.warm_key for task, _ in running.values()}
        first = {}
        for place, task in enumerate(waiting):
            if task.warm_key in warmed:
                del waiting[place]
                return task
            if task.warm_key not in begun:
                first.setdefault("new", place)
            if place > 10_000:
                break
        place = first.get("new", 0)
        task = waiting[place]
        del waiting[place]
        return task

    def _gather(self, client, future, task: Task) -> Failure | None:
        """Store what a task gave."""
        from distributed import KilledWorker

        try:
            content = future.result()
        except KilledWorker as error:
            return Failure(f"WorkerDied: it took {_deaths(error)} workers with it")
        except Exception as error:
            if client.status != "running":
                raise RunError(self._gone()) from error
            return Failure(f"{type(error).__name__}: {error}", again=True)
        if isinstance(content, Failure):
            return content
        try:
            result_of(content, *task.key)
        except PartError as error:
            return Failure(f"the part that came back {error}", again=True)
        self.store.write_content(*task.key, content)
        return None

    @staticmethod
    def _leave(client, running: dict) -> None:
        """Withdraw what was not finished and go, quickly and whatever state the cluster is in."""
        try:
            if client.status == "running" and running:
                client.cancel(list(running), force=True)
            client.close(timeout=2)
        except Exception as error:
            log.info("leaving the cluster: %s", error)


def _deaths(error) -> int:
    """Workers lost before Dask gave a task up, as the error tells (its attributes changed between versions)."""
    return int(getattr(error, "allowed_failures", 3)) + 1
