"""Same seed, same bytes: every variable and coordinate, whatever a process did before and with what."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from greaterbay import Bay
from small_bay import differing, digest, record_bytes, small_scenario

TESTS = Path(__file__).resolve().parents[1]
YEAR = "run.end=2024-12-31"

CHILD = """
import json, sys
from small_bay import digest, record_bytes, small_scenario
from greaterbay import Bay
import numba
found = {"threads": numba.config.NUMBA_NUM_THREADS}
for replicate in map(int, sys.argv[1:]):
    bay = Bay(scenario=small_scenario("run.end=2024-12-31"), replicate=replicate)
    bay.run_to_end()
    found[str(replicate)] = digest(record_bytes(bay))
print(json.dumps(found))
"""


def child(threads: int, *replicates: int) -> subprocess.Popen:
    """A process of its own that plays replicates in the given order with a number of Numba threads."""
    environment = os.environ | {"NUMBA_NUM_THREADS": str(threads),
                                "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    words = [sys.executable, "-c", CHILD, *map(str, replicates)]
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8")


@pytest.fixture(scope="module")
def children() -> list[dict]:
    """Digests from one process with one thread, replicates 1 then 0, and one with two threads, 0 alone."""
    found = []
    for threads, order in ((1, (1, 0)), (2, (0,))):
        process = child(threads, *order)
        found.append(json.loads(process.communicate(timeout=300)[0]))
        assert process.returncode == 0
    return found


@pytest.fixture(scope="module")
def year() -> dict[str, bytes]:
    """Replicate 0 of the year 2024, in this process."""
    bay = Bay(scenario=small_scenario(YEAR))
    bay.run_to_end()
    return record_bytes(bay)


def test_one_thread_or_two(children, year):
    assert [found["threads"] for found in children] == [1, 2]
    assert children[0]["0"] == children[1]["0"] == digest(year)


def test_the_order_of_replicates_does_not_matter(children, year):
    """Played second in one process, first in another, after anything at all in this one."""
    assert children[0]["0"] == children[1]["0"] == digest(year)
    assert children[0]["1"] != children[0]["0"]


def test_again_in_the_same_process(year):
    bay = Bay(scenario=small_scenario(YEAR))
    bay.run_to_end()
    assert differing(year, record_bytes(bay)) == []


def test_a_longer_run_begins_like_a_shorter_one(small_run, year):
    """What is to come, and how long is still to be played, changes nothing now."""
    first = {name: array[:4] for name, array in small_run.record.arrays().items()}
    assert [name for name, array in first.items() if not year[name].endswith(array.tobytes())] == []


def test_a_replicate_depends_on_seed_and_number_only(year):
    """Not on how many replicates there are, nor on names and titles."""
    from dataclasses import replace

    scenario = small_scenario(YEAR, "run.replicates=3")
    scenario = replace(scenario, id="another_name", title="Another title", path="elsewhere.toml")
    bay = Bay(scenario=scenario)
    bay.run_to_end()
    assert differing(year, record_bytes(bay)) == []


def test_other_seeds_and_replicates_are_other_draws(year):
    for settings in ({"seed": 11}, {"replicate": 1}):
        bay = Bay(scenario=small_scenario(YEAR), **settings)
        bay.run_to_end()
        other = record_bytes(bay)
        for name in ("inventions", "firm_exits", "flow_talent_person_firm", "size_tail", "ties_firm_firm"):
            assert year[name] != other[name], (settings, name)
        for name in ("population", "lever_value", "public_cost", "coordinate city"):
            assert year[name] == other[name], (settings, name)
