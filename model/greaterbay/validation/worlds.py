"""Bays for experiments: paired runs from one warm-up, regions with changed tables, and what the runs leave to measure.

A paired bay starts from the same state: parameters are changed after release, so that the warm-up (kept in memory for each
replicate) is shared. Everything depends on (seed, replicate) alone.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from greaterbay.evidence.posteriors import CENTRAL

REGIONS = Path(__file__).with_name("regions")
BARE = Path(__file__).with_name("bare.toml")
REFERENCE = '["assumption:information_platform_strength"]'


def released(replicate: int, *, scale: float = 0.02, years: float = 3.0, levers: Mapping[str, float] | None = None,
             changes: Mapping[str, float] | None = None, region: Path | str | None = None, overrides: Iterable[str] = (),
             parameters: Mapping[str, float] | None = None, base: str | Path = "baseline"):
    """A bay at its first quarter: ``levers`` in force from the start, ``changes`` of parameters after the warm-up.

    Parameters stand at their central values: a mechanism is judged at one set of parameters.
    """
    from greaterbay import Bay, load_scenario

    end = 2019 + int(np.ceil(years))
    words = [f"run.scale={scale}", f"run.end={end}-12-31", CENTRAL]
    if region is not None:
        words.append(f"run.region='{region}'")
    for name, value in (levers or {}).items():
        words += [f"levers.{name}.value={value}", f"levers.{name}.reference={REFERENCE}"]
    bay = Bay(scenario=load_scenario(base, overrides=[*words, *overrides]), replicate=replicate, parameters=dict(parameters or {}))
    return changed(bay, changes or {})


def changed(bay, changes: Mapping[str, float]):
    """Change parameters of a released bay by declared id, in the declared time base."""
    if changes:
        from greaterbay.parameters import Parameters
        from greaterbay.region.barriers import pair_barriers

        new = Parameters(changes)
        for key in changes:
            group, name = key.split(".")
            value = getattr(getattr(new, group), name)
            setattr(bay.parameters, group, getattr(bay.parameters, group)._replace(**{name: value}))
        if any(key.startswith("border.") for key in changes):
            bay.world.base_barriers = pair_barriers(bay.region, bay.parameters)
        bay.values.refresh()
    return bay


def play(bay, quarters: int, watch: Callable | None = None):
    """Play quarters with somebody watching."""
    bay.watch = watch
    for _ in range(quarters):
        bay.step()
    bay.watch = None
    return bay


def total(bay, name: str, quarters: slice = slice(None)) -> np.ndarray:
    """A recorded output by city of the bay, summed over quarters (C,)."""
    return bay.record.arrays()[name][quarters, : len(bay.region.city_ids)].astype(float).sum(axis=0)


def read_table(folder: Path, name: str) -> list[dict[str, str]]:
    """Rows of a region table."""
    with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@contextmanager
def region_like(base: Path | str, tables: Mapping[str, list[dict]]):
    """A region that differs from ``base`` in some tables, as a folder that goes when the block ends."""
    from greaterbay.region.tables import region_folder

    base = region_folder(base)
    with tempfile.TemporaryDirectory(prefix="greaterbay-region-") as name:
        folder = Path(name)
        for path in base.glob("*.csv"):
            (folder / path.name).write_bytes(path.read_bytes())
        for table, rows in tables.items():
            with open(folder / f"{table}.csv", "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
        yield folder
