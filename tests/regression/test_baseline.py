"""The regression baseline: headline outputs of two years, compared digit by digit.

``baseline.csv`` holds bay totals (shares from summed parts) to four significant digits. When the model
changes them, run ``pytest tests/regression --update-baseline`` and write into CHANGELOG.md that numbers
changed and why.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from greaterbay import Bay, load_scenario, outputs
from greaterbay.evidence.posteriors import CENTRAL

FILE = Path(__file__).with_name("baseline.csv")
OVERRIDES = ("run.scale=0.02", "run.start=2020-01-01", "run.end=2021-12-31", "run.seed=20200101", CENTRAL)
FURTHER = (
    "mean_degree", "size_tail", "capability_distance", "rd_public", "firm_entries", "firm_exits",
    "talent_idle",
)
CITIES = ("guangzhou", "hong_kong", "macao")
IN_CITIES = ("talent", "inventions", "output")


def digits(value: float) -> str:
    """Four significant digits; undefined as an empty cell."""
    return "" if not np.isfinite(value) else f"{value:.4g}"


def total(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """The bay's value of an output in every quarter: sums over places, shares from summed parts."""
    output = outputs.get(name)
    if output.is_ratio:
        return total(arrays, output.numerator) / total(arrays, output.denominator)
    values = np.nan_to_num(arrays[name].astype(float)).reshape(arrays[name].shape[0], -1)
    return values.sum(axis=1)


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    """The table as it comes out now."""
    bay = Bay(scenario=load_scenario("baseline", overrides=OVERRIDES))
    bay.run_to_end()
    arrays = bay.record.arrays()
    names = [output.id for output in outputs.headlines()] + list(FURTHER)
    found = [["output", *bay.coords()["quarter"]]]
    found += [[name, *map(digits, total(arrays, name))] for name in names]
    for city in CITIES:
        at = bay.coords()["city"].index(city)
        found += [[f"{name} in {city}", *map(digits, arrays[name][:, at])] for name in IN_CITIES]
    return found


def test_baseline(rows, request):
    if request.config.getoption("--update-baseline"):
        with open(FILE, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    with open(FILE, encoding="utf-8", newline="") as file:
        kept = list(csv.reader(file))
    assert kept[0] == rows[0]
    assert [row[0] for row in kept] == [row[0] for row in rows]
    changed = {new[0]: (old[1:], new[1:]) for old, new in zip(kept, rows, strict=True) if old != new}
    assert not changed, f"{len(changed)} of {len(rows) - 1} lines changed; how to go on: see {__file__}"


def test_the_table_is_worth_keeping(rows):
    """It moves: nearly every line has more than one value, and none is undefined throughout."""
    moving = [row for row in rows[1:] if len(set(row[1:])) > 1]
    assert len(moving) >= 0.85 * (len(rows) - 1)
    assert all(any(cell for cell in row[1:]) for row in rows[1:])
