"""Replicates on a Dask cluster: a scheduler and workers on loopback, each a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greaterbay.cli.main import call
from greaterbay.runner import store as stores
from greaterbay.runner.cluster import identity, refusal
from greaterbay.runner.ensemble import RunError, run_scenarios
from greaterbay.runner.store import Store

UNIT = Path(__file__).parents[1] / "unit"
sys.path.insert(0, str(UNIT))
import fake_runs  # the stand-in for the model, shared with the unit tests

PACKAGE = Path(stores.__file__).parents[1]
PATIENCE = 90.0


class Cluster:
    """A scheduler with workers that share nothing but the network; gone when the test ends."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, []
        self.file = folder / "scheduler.json"
        self.scheduler = self.start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                                    "--scheduler-file", str(self.file))
        until = time.monotonic() + PATIENCE
        while not (self.file.exists() and self.file.read_text(encoding="utf-8").strip()):
            assert self.scheduler.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text(encoding="utf-8"))["address"]

    def start(self, module: str, *words: str, package: Path = PACKAGE) -> subprocess.Popen:
        """A process of Dask; what it says goes to a file."""
        paths = [str(package.parent), str(UNIT)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "ignore"}
        environment["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "1"
        log = open(self.folder / f"{len(self.processes)}.log", "wb")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *words], env=environment, cwd=self.folder,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )
        self.processes.append(process)
        return process

    def worker(self, threads: int = 1, package: Path = PACKAGE) -> subprocess.Popen:
        """One more worker; without a nanny, so that a killed one stays away."""
        return self.start(
            "dask_worker", self.address, "--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--host", "127.0.0.1",
            "--local-directory", str(self.folder / f"worker{len(self.processes)}"), "--death-timeout", "60",
            package=package,
        )

    def fill(self, workers: int) -> list[subprocess.Popen]:
        """Start workers until there are so many; returns those that live."""
        while len(self.living()) < workers:
            self.worker()
        self.wait_for(workers)
        return self.living()

    def living(self) -> list[subprocess.Popen]:
        return [process for process in self.processes if process is not self.scheduler and process.poll() is None]

    def wait_for(self, workers: int) -> None:
        """Wait until the scheduler counts exactly so many."""
        from distributed import Client

        until = time.monotonic() + PATIENCE
        with Client(self.address, set_as_default=False) as client:
            while len(client.nthreads()) != workers:
                assert time.monotonic() < until
                time.sleep(0.05)

    def stop(self, *processes: subprocess.Popen) -> None:
        for process in processes or self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


@pytest.fixture
def cluster(started):
    """The cluster with two good workers; the last test of this file takes the scheduler with it."""
    started.fill(2)
    return started


def go(out, scheduler=None, *, replicates=6, run_one=fake_runs.nap, watch=None, ids=("plain",)):
    scenarios = [fake_runs.scenario(id, replicates=replicates, value=0.2 + k / 10) for k, id in enumerate(ids)]
    return run_scenarios(scenarios, None, out, 1, watch, run_one, fake_runs.no_names, scheduler=scheduler)


def parts(out: Path) -> dict[str, dict[str, bytes]]:
    """All numbers of all parts, by path."""
    found = {}
    for path in sorted(out.glob("parts/*/*.npz")):
        result = Store(out).read_part(path.parent.name, int(path.stem))
        found[f"{path.parent.name}/{path.name}"] = {name: array.tobytes() for name, array in result.arrays.items()}
    return found


def test_the_model_itself_gives_the_same_bytes(cluster, tmp_path, capsys):
    small = ["baseline", "--scale", "0.01", "--until", "2020-06-30", "--replicates", "2", "--quiet"]
    assert call(["run", *small, "--out", str(tmp_path / "there"), "--executor", "dask", "--scheduler", cluster.address]) == 0
    assert call(["run", *small, "--out", str(tmp_path / "here")]) == 0
    assert parts(tmp_path / "there") == parts(tmp_path / "here") and len(parts(tmp_path / "here")) == 2
    assert not (tmp_path / "there" / "warm").exists()  # warm-ups stay with the workers
    assert list(cluster.folder.glob("worker*/**/greaterbay-warm/*.npz"))


def test_a_cluster_gives_what_one_process_gives_though_a_worker_is_killed(cluster, tmp_path):
    """Two workers, one killed in the middle; then a replicate that kills any worker is put aside."""
    workers, seen = cluster.fill(2), []

    def stop(progress, note):
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "there", cluster.address, watch=stop, ids=("one",))
    assert len(parts(tmp_path / "there")) == 2

    def watch(progress, note):
        seen.append((progress.done, note))
        if progress.done == 4:
            cluster.stop(workers[0])

    ids = ("one", "two")
    there = go(tmp_path / "there", cluster.address, watch=watch, ids=ids)
    assert [run.replicates for run in there] == [tuple(range(6))] * 2 and not any(run.failed for run in there)
    assert workers[0].poll() is not None and [done for done, _ in seen] == list(range(2, 13))
    go(tmp_path / "here", ids=ids, run_one=fake_runs.simulate)
    assert parts(tmp_path / "there") == parts(tmp_path / "here") and len(parts(tmp_path / "here")) == 12
    assert list((tmp_path / "there").rglob("*.tmp")) == []
    (again,) = go(tmp_path / "there", "tcp://127.0.0.1:1", ids=("one",))  # nothing missing, nobody asked
    assert again.reused == 6

    # a worker that joins is used; errors come back with their traceback; a killer is named, the rest goes on
    cluster.fill(2)
    (run,) = go(tmp_path / "failing", cluster.address, replicates=3, run_one=fake_runs.fail_second)
    assert run.failures() == ["plain, replicate 1: FloatingPointError: wage is not finite in 2024Q3"]
    (trace,) = (tmp_path / "failing").glob("parts/*/1.error.txt")
    assert "in fail_second" in trace.read_text(encoding="utf-8")
    cluster.fill(3)
    (run,) = go(tmp_path / "killing", cluster.address, replicates=4, run_one=fake_runs.die_always)
    assert run.failures() == ["plain, replicate 1: WorkerDied: it took 2 workers with it"]
    assert run.replicates == (0, 2, 3)


def test_unfit_workers_are_refused_with_the_reason(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("greaterbay.runner.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(RunError, match="no Dask scheduler answers at tcp://127.0.0.1:1 "):
        go(tmp_path, "tcp://127.0.0.1:1")
    monkeypatch.undo()
    other = tmp_path / "other" / "greaterbay"
    shutil.copytree(PACKAGE, other, ignore=shutil.ignore_patterns("__pycache__"))
    (other / "more.csv").write_text("a,b\n", encoding="utf-8")
    unfit = [cluster.worker(threads=2), cluster.worker(package=other)]
    cluster.wait_for(4)
    with pytest.raises(RunError) as caught:
        go(tmp_path / "runs", cluster.address)
    lines = sorted(str(caught.value).splitlines(), key=lambda line: "sources" in line)
    assert len(lines) == 2
    assert "has 2 threads; allowed: 1" in lines[0] and "--nthreads 1" in lines[0]
    assert "has other sources of greaterbay" in lines[1] and "install the same version on both sides" in lines[1]
    assert parts(tmp_path / "runs") == {}
    cluster.stop(*unfit)

    # the scheduler goes in the middle: what was finished is kept, and continued without the cluster
    def watch(progress, note):
        if progress.done == 2:
            cluster.stop(cluster.scheduler)

    cluster.wait_for(2)
    with pytest.raises(RunError, match="is gone; what is finished is kept"):
        go(tmp_path / "runs", cluster.address, watch=watch)
    assert len(parts(tmp_path / "runs")) >= 2
    (run,) = go(tmp_path / "runs", run_one=fake_runs.simulate)
    assert run.reused >= 2 and run.replicates == tuple(range(6))


def test_other_libraries_are_refused():
    here = identity()
    assert refusal(here, 1, here) is None
    libraries = here["libraries"] | {"numpy": "1.0"}
    libraries.pop("numba")
    said = refusal(here | {"libraries": libraries}, 1, here)
    assert said.startswith("has other libraries: numpy 1.0 (here ") and "numba missing (here " in said
    assert here["libraries"]["python"].count(".") == 1
