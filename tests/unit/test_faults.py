"""Whatever happens to a run: nothing finished is lost, nothing wrong is read, nothing is left lying about."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import fake_runs
import numpy as np
import pytest

from greaterbay.runner import ensemble
from greaterbay.runner import store as stores
from greaterbay.runner.ensemble import run_scenarios
from greaterbay.runner.store import PartError, Store, StoreError

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(Path(ensemble.__file__).parents[2])])}
SCRIPT = textwrap.dedent("""
    import sys
    import fake_runs
    from greaterbay.runner.ensemble import run_scenarios

    if __name__ == "__main__":
        of = fake_runs.scenario(replicates=int(sys.argv[3]))
        run_scenarios([of], None, sys.argv[1], int(sys.argv[2]), None, getattr(fake_runs, sys.argv[4]), fake_runs.no_names)
""")


def go(out, *, replicates=6, run_one=fake_runs.simulate, jobs=1):
    of = fake_runs.scenario(replicates=replicates)
    (run,) = run_scenarios([of], None, out, jobs, None, run_one, fake_runs.no_names)
    return run


def numbers(path: Path) -> dict[str, bytes]:
    with stores.open_result(path) as data:
        return {name: data[name].values.tobytes() for name in data.variables if data[name].dtype != object}


@pytest.fixture(scope="module")
def right(tmp_path_factory) -> dict[str, bytes]:
    """What an undisturbed run of six replicates gives."""
    return numbers(go(tmp_path_factory.mktemp("right")).path)


def sound(out: Path) -> list[int]:
    """Numbers of the stored replicates; every one of them can be read and is right, no temporary file is left."""
    store, found = Store(out), []
    for folder in (out / "parts").glob("*"):
        for number in store.stored_replicates(folder.name):
            part = store.read_part(folder.name, number)
            again = fake_runs.simulate(fake_runs.scenario(), number)
            assert all(part.arrays[name].tobytes() == again.arrays[name].tobytes() for name in again.arrays)
            found.append(number)
    assert list(out.rglob("*.tmp")) == []
    return found


# an interrupt between the opening of a file and the block that closes it leaves that to the garbage collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io:pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_at_any_moment_in_one_process(tmp_path, right):
    """The interrupt comes later each time, until the run is through; every run goes on from the one before."""

    before = signal.signal(signal.SIGALRM, lambda *_given: signal.raise_signal(signal.SIGINT))
    stopped, finished, delay = 0, 0, 0.001
    try:
        for attempt in range(200):
            out, calls = tmp_path / str(finished), Counter()
            kept = set(sound(out))

            def run_one(of, replicate, warm_folder=None, calls=calls):
                calls[replicate] += 1
                return fake_runs.simulate(of, replicate)

            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                run = go(out, run_one=run_one)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                stopped += 1
                assert not kept & set(calls), "computed again what was kept"
                assert kept <= set(sound(out))
                delay *= 1.2
                continue
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            finished += 1
            assert numbers(run.path) == right
            if finished == 2:
                break
            delay = 0.0025  # once more in a fresh folder, with other moments
    finally:
        signal.signal(signal.SIGALRM, before)
    assert stopped >= 10 and finished == 2, (stopped, finished, attempt)


@pytest.mark.parametrize("delay", [0.15, 0.5, 0.8, 1.2])
def test_ctrl_c_at_any_moment_with_workers(tmp_path, right, delay):
    """From the start of the interpreter to the middle of the run: gone within seconds, what is there is right."""
    script = tmp_path / "run.py"
    script.write_text(SCRIPT, encoding="utf-8")
    out = tmp_path / "runs"
    process = subprocess.Popen(
        [sys.executable, str(script), str(out), "2", "6", "nap"], start_new_session=True, env=ENVIRONMENT,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    begun = time.monotonic()
    process.wait(timeout=20)
    assert time.monotonic() - begun < 5
    with pytest.raises(ProcessLookupError):  # no worker is left
        for _ in range(100):
            os.killpg(process.pid, 0)
            time.sleep(0.05)
    kept = sound(out)
    run = go(out)
    assert run.reused == len(kept) and numbers(run.path) == right


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "gone"])
def test_a_damaged_result_costs_no_replicate(tmp_path, right, damage):
    run = go(tmp_path)
    content = bytearray(run.path.read_bytes())
    content[len(content) // 3] ^= 16
    spoilt = {"truncated": content[:1000], "flipped": content, "empty": b""}
    run.path.unlink() if damage == "gone" else run.path.write_bytes(spoilt[damage])
    calls = []
    again = go(tmp_path, run_one=lambda of, k, warm: calls.append(k) or fake_runs.simulate(of, k))
    assert calls == [] and again.reused == 6 and numbers(again.path) == right


def test_a_part_with_a_flipped_bit_is_computed_again_or_means_the_same(tmp_path, right):
    run = go(tmp_path)
    part = Store(tmp_path).part_path(run.digest, 3)
    content = part.read_bytes()
    for place in range(0, len(content), len(content) // 5):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        part.write_bytes(damaged)
        assert numbers(go(tmp_path).path) == right


def test_a_clock_that_goes_backwards(tmp_path, right, monkeypatch):
    """Dates are set back between all steps, to before 1980 as well."""
    now = [2e9]

    def backwards() -> float:
        now[0] -= 3e7
        return now[0] if now[0] > -1e8 else -1e8

    monkeypatch.setattr(time, "time", backwards)

    def run_one(of, replicate, warm_folder=None):
        for path in tmp_path.rglob("*.npz"):
            os.utime(path, (0, 0) if replicate % 2 else (4e9, 4e9))
        return fake_runs.simulate(of, replicate)

    run = go(tmp_path, run_one=run_one)
    assert numbers(run.path) == right
    with stores.open_result(run.path) as data:
        assert json.loads(data.attrs["manifest"])["seconds"] >= 0
    assert go(tmp_path).reused == 6


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StoreError, match="cannot write to .*Permission denied"):
        go(tmp_path / "runs")


@pytest.mark.parametrize("blocked", ["runs", "runs/parts", "runs/plain.nc"])
def test_something_in_the_way_of_the_store(tmp_path, blocked):
    """A file where a folder should be, a folder where the result should be: said, and nothing half-done left."""
    place, calls = tmp_path / blocked, []
    if blocked == "runs/plain.nc":
        place.mkdir(parents=True)
    else:
        place.parent.mkdir(exist_ok=True)
        place.write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot write"):
        go(tmp_path / "runs", run_one=lambda of, k, warm: calls.append(k) or fake_runs.simulate(of, k))
    assert len(calls) == (6 if blocked == "runs/plain.nc" else 0) and list(tmp_path.rglob("*.tmp")) == []
    if calls:
        place.rmdir()
        assert go(tmp_path / "runs").reused == 6


def test_a_full_disk_keeps_what_was_finished(tmp_path, right):
    """There is room for no part after the first ones: the run says so, and goes on when there is."""
    script = tmp_path / "run.py"
    script.write_text(SCRIPT, encoding="utf-8")
    out = tmp_path / "runs"
    ended = subprocess.run(
        [sys.executable, str(script), str(out), "1", "6", "fill_disk_after_two"], env=ENVIRONMENT,
        capture_output=True, text=True, encoding="utf-8", timeout=60,
    )
    assert ended.returncode == 1 and "cannot write" in ended.stderr and "File too large" in ended.stderr
    assert sound(out) == [0, 1]
    run = go(out)
    assert run.reused == 2 and numbers(run.path) == right


def test_a_failed_read_is_tried_again_in_one_process_as_well(tmp_path):
    calls = Counter()

    def run_one(of, replicate, warm_folder=None):
        calls[replicate] += 1
        if calls[replicate] == 1:
            raise OSError("stale file handle")
        if replicate == 2:
            raise MemoryError
        return fake_runs.simulate(of, replicate)

    run = go(tmp_path, replicates=3, run_one=run_one)
    assert run.replicates == (0, 1) and calls == {0: 2, 1: 2, 2: 3} and run.failed == {2: "MemoryError: "}


def test_a_store_in_use_is_not_pruned(tmp_path):
    from greaterbay.runner.holdings import prune

    go(tmp_path)
    with Store(tmp_path).in_use():
        with pytest.raises(StoreError, match="a run is writing"):
            prune(Store(tmp_path))
        with Store(tmp_path).in_use():  # runs share a store
            pass
    prune(Store(tmp_path))



def test_content_of_another_replicate_is_not_taken(tmp_path):
    result = fake_runs.simulate(fake_runs.scenario(), 1)
    content = stores.part_content("d" * 64, 1, result)
    assert np.array_equal(stores.result_of(content, "d" * 64, 1).arrays["firms"], result.arrays["firms"])
    with pytest.raises(PartError, match="holds another replicate"):
        stores.result_of(content, "d" * 64, 2)
    with pytest.raises(PartError, match="truncated or damaged"):
        stores.result_of(content[:-1], "d" * 64, 1)
