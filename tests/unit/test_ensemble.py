"""Ensembles: nothing finished is lost or computed twice, one bad replicate does not stop the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import fake_runs
import pytest
import xarray

from greaterbay.runner import ensemble
from greaterbay.runner.ensemble import RunError, run_scenarios
from greaterbay.runner.store import Store, StoreError

HERE = Path(__file__).parent


def go(scenarios, out, *, replicates=None, jobs=1, run_one=fake_runs.simulate, notes=None):
    watch = None if notes is None else lambda _progress, note: notes.append(note) if note else None
    return run_scenarios(scenarios, replicates, out, jobs, watch, run_one, fake_runs.no_names)


def counted(calls: Counter):
    """The fake model, counting how often each replicate is computed (in this process)."""

    def run_one(of, replicate, warm_folder):
        calls[of.id, replicate] += 1
        return fake_runs.simulate(of, replicate)

    return run_one


def opened(path: Path) -> xarray.Dataset:
    return xarray.open_dataset(path, engine="h5netcdf")


def same_numbers(left: Path, right: Path) -> bool:
    """Every data variable and coordinate equal bit for bit."""
    with opened(left) as one, opened(right) as two:
        assert list(one.variables) == list(two.variables)
        return all(one[name].values.tobytes() == two[name].values.tobytes() for name in one.variables)


def test_more_replicates_reuse_the_parts(tmp_path):
    calls = Counter()
    (first,) = go([fake_runs.scenario(replicates=2)], tmp_path, run_one=counted(calls))
    (second,) = go([fake_runs.scenario(replicates=4)], tmp_path, run_one=counted(calls))
    assert (first.replicates, first.reused) == ((0, 1), 0)
    assert (second.replicates, second.reused) == ((0, 1, 2, 3), 2)
    assert set(calls.values()) == {1} and len(calls) == 4
    with opened(second.path) as data:
        assert data.sizes["replicate"] == 4


def test_a_changed_scenario_replaces_the_result_and_keeps_the_parts(tmp_path):
    (one,) = go([fake_runs.scenario(value=0.2)], tmp_path)
    (two,) = go([fake_runs.scenario(value=0.3)], tmp_path)
    assert one.path == two.path and one.digest != two.digest
    assert [path.name for path in tmp_path.glob("*.nc")] == ["plain.nc"]
    assert len(list((tmp_path / "parts").iterdir())) == 2
    with opened(two.path) as data:
        assert json.loads(data.attrs["manifest"])["digest"] == two.digest


def test_equal_scenarios_under_two_ids_share_their_parts(tmp_path):
    calls = Counter()
    runs = go([fake_runs.scenario("a"), fake_runs.scenario("b")], tmp_path, run_one=counted(calls))
    assert runs[0].digest == runs[1].digest and sum(calls.values()) == 3
    assert same_numbers(tmp_path / "a.nc", tmp_path / "b.nc")


def test_numbers_do_not_depend_on_jobs_order_or_company(tmp_path):
    scenarios = [fake_runs.scenario("a", replicates=4), fake_runs.scenario("b", replicates=4, value=0.5)]
    go(scenarios, tmp_path / "one")
    go(scenarios[::-1], tmp_path / "two", jobs=2)
    assert same_numbers(tmp_path / "one" / "a.nc", tmp_path / "two" / "a.nc")
    assert same_numbers(tmp_path / "one" / "b.nc", tmp_path / "two" / "b.nc")
    (alone,) = go([scenarios[1]], tmp_path / "alone", replicates=[2])
    with opened(alone.path) as one, opened(tmp_path / "two" / "b.nc") as all_four:
        assert one["replicate"].values.tolist() == [2]
        for name in one.data_vars:
            assert one[name][0].values.tobytes() == all_four[name].sel(replicate=2).values.tobytes()


def test_tasks_go_replicate_by_replicate(tmp_path):
    order = []

    def run_one(of, replicate, warm_folder):
        order.append((replicate, of.id))
        return fake_runs.simulate(of, replicate)

    scenarios = [fake_runs.scenario("a", replicates=2), fake_runs.scenario("b", replicates=3, value=0.5)]
    go(scenarios, tmp_path, run_one=run_one)
    assert order == [(0, "a"), (0, "b"), (1, "a"), (1, "b"), (2, "b")]


def test_a_warm_up_is_not_computed_twice_at_once():
    from collections import deque

    of = fake_runs.scenario
    tasks = [ensemble.Task(of(id), k, id, "", "", "") for k in (0, 1) for id in ("a", "b")]
    waiting = deque(tasks)
    first = ensemble.LocalProcesses._next(waiting, [], set())
    second = ensemble.LocalProcesses._next(waiting, [first], set())
    assert (first.replicate, second.replicate) == (0, 1)
    third = ensemble.LocalProcesses._next(waiting, [second], {first.warm_key})
    assert (third.digest, third.replicate) == ("b", 0)
    assert ensemble.LocalProcesses._next(waiting, [second], set()) is tasks[3]


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_part_is_computed_again_with_a_note(tmp_path, damage):
    (run,) = go([fake_runs.scenario()], tmp_path)
    before = run.path.read_bytes()
    part = Store(tmp_path).part_path(run.digest, 1)
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    notes, calls = [], Counter()
    (again,) = go([fake_runs.scenario()], tmp_path, notes=notes, run_one=counted(calls))
    assert calls == {("plain", 1): 1}
    assert len(notes) == 1 and "1.npz" in notes[0] and notes[0].endswith("it is computed again")
    assert again.reused == 2 and before
    Store(tmp_path).read_part(run.digest, 1)


def test_a_part_damaged_while_the_run_is_on_is_computed_again(tmp_path):
    of, calls = fake_runs.scenario(), Counter()

    def run_one(scenario, replicate, warm_folder):
        calls[replicate] += 1
        if replicate == 2 and calls[2] == 1:
            (part,) = tmp_path.glob("parts/*/0.npz")
            part.write_bytes(b"")
        return fake_runs.simulate(scenario, replicate)

    (run,) = go([of], tmp_path / ".", run_one=run_one)
    assert calls == {0: 2, 1: 1, 2: 1} and run.replicates == (0, 1, 2)
    (clean,) = go([of], tmp_path / "clean")
    assert same_numbers(run.path, clean.path)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failing_replicate_is_named_and_the_rest_goes_on(tmp_path, jobs):
    notes = []
    (run,) = go([fake_runs.scenario()], tmp_path, jobs=jobs, run_one=fake_runs.fail_second, notes=notes)
    assert run.replicates == (0, 2)
    assert run.failures() == ["plain, replicate 1: FloatingPointError: wage is not finite in 2024Q3"]
    assert notes == ["plain, replicate 1 is put aside: FloatingPointError: wage is not finite in 2024Q3"]
    with opened(run.path) as data:
        assert data["replicate"].values.tolist() == [0, 2]
        failed = json.loads(data.attrs["manifest"])["failed"]
    assert failed == {"1": "FloatingPointError: wage is not finite in 2024Q3"}


def test_nothing_succeeds_no_result(tmp_path):
    (run,) = go([fake_runs.scenario()], tmp_path, replicates=[1], run_one=fake_runs.fail_second)
    assert run.path is None and run.replicates == () and list(tmp_path.glob("*.nc")) == []


def test_a_killed_worker_is_replaced(tmp_path):
    (run,) = go([fake_runs.scenario(replicates=4)], tmp_path, jobs=2, run_one=fake_runs.die_once)
    assert run.replicates == (0, 1, 2, 3) and not run.failed
    (plain,) = go([fake_runs.scenario(replicates=4)], tmp_path / "plain")
    assert same_numbers(run.path, plain.path)


def test_a_replicate_that_kills_its_worker_is_put_aside(tmp_path):
    (run,) = go([fake_runs.scenario(replicates=4)], tmp_path, jobs=2, run_one=fake_runs.die_always)
    assert run.replicates == (0, 2, 3)
    assert run.failures() == ["plain, replicate 1: WorkerDied: its process ended abruptly"]
    assert list(tmp_path.rglob("*.tmp")) == []


def test_workers_have_one_thread_each(tmp_path):
    (run,) = go([fake_runs.scenario(replicates=4)], tmp_path, jobs=2, run_one=fake_runs.one_thread_each)
    with opened(run.path) as data:
        timings = json.loads(data.attrs["manifest"])["timings"]
    assert {one["threads"] for one in timings.values()} == {1.0}
    assert os.getpid() not in {one["process"] for one in timings.values()}


def test_unwritable_folder_computes_nothing(tmp_path):
    calls, blocked = Counter(), tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot write to"):
        go([fake_runs.scenario()], blocked, run_one=counted(calls))
    assert not calls


def test_the_traceback_is_kept_until_the_replicate_succeeds(tmp_path):
    go([fake_runs.scenario()], tmp_path, jobs=2, run_one=fake_runs.fail_second)
    (trace,) = tmp_path.glob("parts/*/*.error.txt")
    assert trace.name == "1.error.txt" and "in fail_second" in trace.read_text(encoding="utf-8")
    (run,) = go([fake_runs.scenario()], tmp_path)
    assert not trace.exists() and not run.failed and run.reused == 2


def test_an_error_that_cannot_be_pickled_is_named(tmp_path):
    (run,) = go([fake_runs.scenario(replicates=2)], tmp_path, jobs=2, run_one=fake_runs.fail_oddly)
    assert run.failed == {1: "OddError: 3 at 2024Q1"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_store_that_fails_under_way_stops_the_run(tmp_path, monkeypatch, jobs):
    of = fake_runs.scenario()

    def full(self, *_arguments):
        raise StoreError("cannot write runs/parts/x/1.npz: No space left on device")

    if jobs == 1:
        monkeypatch.setattr(Store, "write_part", full)
        with pytest.raises(StoreError, match="No space left"):
            go([of], tmp_path)
    else:
        with pytest.raises(StoreError, match="cannot write .*npz: File too large"):
            go([of], tmp_path, jobs=2, run_one=fake_runs.disk_full)
    assert list(tmp_path.glob("*.nc")) == [] and list(tmp_path.rglob("*.tmp")) == []


def test_a_disk_full_while_the_result_is_made_costs_nothing(tmp_path):
    text = textwrap.dedent(SCRIPT).replace("slow", "fill_disk_at_last")
    (tmp_path / "filling_run.py").write_text(text, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "filling_run.py"), str(tmp_path / "runs"), "1"]
    ended = subprocess.run(
        command, env=environment(), capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert ended.returncode == 1 and "plain.nc: File too large" in ended.stderr.splitlines()[-1]
    found = sorted(path.name for path in (tmp_path / "runs").rglob("*") if path.is_file())
    assert found == ["0.npz", "1.npz", "2.npz", "3.npz", "about.json"]


def test_the_same_scenario_twice_is_refused(tmp_path):
    with pytest.raises(RunError, match='scenario "plain" is given twice'):
        go([fake_runs.scenario(), fake_runs.scenario(value=0.5)], tmp_path)
    with pytest.raises(ValueError, match="jobs is 0"):
        go([fake_runs.scenario()], tmp_path, jobs=0)


def test_progress_adds_up(tmp_path):
    seen = []
    run_scenarios(
        [fake_runs.scenario(replicates=3)], None, tmp_path, 1,
        lambda state, _note: seen.append((state.total, state.done, state.reused, state.failed)),
        fake_runs.fail_second, fake_runs.no_names,
    )
    assert seen == [(3, 0, 0, 0), (3, 1, 0, 0), (3, 1, 0, 1), (3, 2, 0, 1)]


# a run in a process of its own, to be interrupted


SCRIPT = """
    import sys
    import fake_runs
    from greaterbay.runner.ensemble import run_scenarios

    if __name__ == "__main__":
        of = fake_runs.scenario(replicates=4)
        run_scenarios([of], None, sys.argv[1], int(sys.argv[2]), None, fake_runs.slow, fake_runs.no_names)
"""


def environment() -> dict[str, str]:
    paths = [str(HERE), str(Path(ensemble.__file__).parents[2])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture
def background(tmp_path):
    """Start a slow run in a process group of its own and wait until two replicates are stored."""
    started = []

    def start(jobs: int) -> subprocess.Popen:
        script = tmp_path / "slow_run.py"
        script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / "runs"), str(jobs)], start_new_session=True,
            env=environment(), stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )
        started.append(process)
        patience = time.monotonic() + 60
        while len(list((tmp_path / "runs").glob("parts/*/*.npz"))) < 2:
            assert process.poll() is None and time.monotonic() < patience
            time.sleep(0.05)
        time.sleep(0.3)
        return process

    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


def group_is_gone(group: int, seconds: float) -> bool:
    patience = time.monotonic() + seconds
    while time.monotonic() < patience:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_what_is_finished(tmp_path, background, jobs):
    process = background(jobs)
    os.killpg(process.pid, signal.SIGINT)
    begun = time.monotonic()
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - begun < 5
    assert process.returncode != 0
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")
    assert group_is_gone(process.pid, 5)
    runs = tmp_path / "runs"
    assert sorted(path.name for path in runs.rglob("*") if path.is_file()) == ["0.npz", "1.npz", "about.json"]
    calls = Counter()
    (run,) = go([fake_runs.scenario(replicates=4)], runs, run_one=counted(calls))
    assert calls == {("plain", 2): 1, ("plain", 3): 1} and run.reused == 2


def test_two_runs_may_share_a_store(tmp_path):
    script = tmp_path / "quick_run.py"
    text = textwrap.dedent(SCRIPT).replace("slow", "simulate").replace("=4", "=20")
    script.write_text(text, encoding="utf-8")
    command = [sys.executable, str(script), str(tmp_path / "runs"), "1"]
    both = [subprocess.Popen(command, env=environment()) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    (alone,) = go([fake_runs.scenario(replicates=20)], tmp_path / "alone")
    assert same_numbers(tmp_path / "runs" / "plain.nc", alone.path)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["parts", "plain.nc"]
    assert len([path for path in (tmp_path / "runs" / "parts").rglob("*") if path.is_file()]) == 20 + 1


def test_workers_do_not_outlive_a_killed_parent(background):
    process = background(2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    assert group_is_gone(process.pid, 10)


def test_a_script_without_its_guard_is_told_so(tmp_path):
    script = tmp_path / "careless.py"
    text = textwrap.dedent(SCRIPT).replace('if __name__ == "__main__":', "if True:")
    script.write_text(text, encoding="utf-8")
    command = [sys.executable, str(script), str(tmp_path / "runs"), "2"]
    ended = subprocess.run(
        command, env=environment(), capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert ended.returncode != 0
    assert 'call run(...) under `if __name__ == "__main__":`' in ended.stderr


def test_run_returns_a_dataset(tmp_path, monkeypatch):
    """The notebook entry, with the fake in the model's place."""
    defaults = _with_fake(ensemble.run_scenarios.__defaults__)
    monkeypatch.setattr(ensemble.run_scenarios, "__defaults__", defaults)
    of = fake_runs.scenario(replicates=2)
    in_memory = ensemble.run(of)
    assert in_memory["firms"].shape == (2, 8, 4) and "manifest" in in_memory.attrs
    with ensemble.run(of, replicates=3, out=tmp_path) as stored:
        assert stored.sizes["replicate"] == 3
        assert (stored["firms"][:2].values == in_memory["firms"].values).all()
    with pytest.raises(TypeError, match="takes no overrides"):
        ensemble.run(of, seed=3)
    with pytest.raises(ValueError, match="replicates is 0; allowed: 1 to 100000"):
        ensemble.run(of, replicates=0)


def test_run_raises_when_a_replicate_failed(tmp_path, monkeypatch):
    defaults = _with_fake(ensemble.run_scenarios.__defaults__, fake_runs.fail_second)
    monkeypatch.setattr(ensemble.run_scenarios, "__defaults__", defaults)
    with pytest.raises(ensemble.ReplicatesFailed, match="plain, replicate 1: FloatingPointError"):
        ensemble.run(fake_runs.scenario(replicates=3), out=tmp_path)
    assert (tmp_path / "plain.nc").exists()


def _with_fake(defaults: tuple, run_one=fake_runs.simulate) -> tuple:
    return (*defaults[:-2], run_one, fake_runs.no_names)
