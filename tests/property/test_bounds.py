"""Every parameter at both ends of its declared bounds: a year at scale 0.02, every quarter closed by the books.

Here the change comes at the release; those that failed when the world was built with them are built with them here too. With
``GREATERBAY_BOUNDS=build`` (``make validate``) every world is built anew and goes on for two years.
"""

from __future__ import annotations

import os

import pytest

from greaterbay import Bay, load_scenario, parameters
from greaterbay.evidence.posteriors import CENTRAL
from greaterbay.validation.worlds import changed

BUILT = {"learning.absorptive_mean", "learning.access", "market.size_minimum", "market.size_tail"}
ALL_BUILT = os.environ.get("GREATERBAY_BOUNDS") == "build"
QUARTERS = 8 if ALL_BUILT else 4


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("baseline", overrides=["run.scale=0.02", "run.end=2021-12-31", CENTRAL])


@pytest.fixture(scope="module")
def released(scenario):
    return Bay(scenario=scenario)


@pytest.mark.parametrize("group", parameters.groups())
def test_every_bound_runs(scenario, released, group):
    failed = []
    for name, declared in parameters.table().items():
        if not name.startswith(f"{group}."):
            continue
        for value in (declared.low, declared.high):
            try:
                if ALL_BUILT or name in BUILT:
                    bay = Bay(scenario=scenario, parameters={name: value})
                else:
                    bay = changed(released.copy(), {name: value})
                for _ in range(QUARTERS):
                    bay.step()
                assert bay.record.filled == QUARTERS
            except (ArithmeticError, RuntimeError, ValueError, Warning) as error:
                failed.append(f"{name} = {value:g}: {type(error).__name__}: {error}")
    assert failed == []
