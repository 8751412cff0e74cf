"""Small bays that tests of the model share, each made once in a process.

A bay from a session fixture is to be read only; who changes one does so inside ``small_bay.untouched``.
"""

from __future__ import annotations

import gc
import signal

import pytest

from small_bay import lever, record_bytes, small_scenario

# a shell that runs the tests in the background has them ignore Ctrl-C, and whatever they start ignores it too
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--update-baseline", action="store_true",
                     help="rewrite tests/regression/baseline.csv; say why in CHANGELOG.md")


@pytest.fixture(autouse=True, scope="module")
def free_memory():
    """A model and its agents refer to each other; collected only now and then, a process of tests would hold gigabytes."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def small_run():
    """The baseline from 2024 to 2026 at scale 0.01, played to the end (a Bay)."""
    from greaterbay import Bay

    bay = Bay(scenario=small_scenario())
    bay.run_to_end()
    return bay


@pytest.fixture(scope="session")
def small_bytes(small_run) -> dict[str, bytes]:
    """What ``small_run`` recorded, as bytes."""
    return record_bytes(small_run)


@pytest.fixture(scope="session")
def busy_bay():
    """A bay in which nearly every instrument moves money: levers in force from 2024, four quarters played."""
    from greaterbay import Bay

    values = {
        "joint_collaboration_fund": 0.1, "guidance_fund": 0.3, "information_platform": 0.5,
        "alliance_sharing": 0.5, "proof_of_concept": 0.5, "shared_facilities": 0.5, "park_upgrading": 0.5,
        "talent_recognition": 0.5, "coordination_level": 2, "finance_barrier": 0.5,
    }
    overrides = [text for name, value in values.items() for text in lever(name, value, "2024-01-01")]
    awards = (*lever("hz_rd_subsidy", 1.0, "2024-01-01"), 'levers.hz_rd_subsidy.payer="city"')
    bay = Bay(scenario=small_scenario("run.end=2025-12-31", *overrides, *awards))
    for _ in range(4):
        bay.step()
    return bay
