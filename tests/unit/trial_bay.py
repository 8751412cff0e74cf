"""Small bays for the tests of single mechanisms.

A bay at scale 0.02 takes its warm-up from a folder that all tests of a session share. Parameters are changed
*after* release (``change``), so that a paired bay starts from the same state and costs no warm-up of its own.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from greaterbay import Bay, load_scenario
from greaterbay.actors.network import see_network
from greaterbay.evidence.posteriors import CENTRAL
from greaterbay.policy import catalogue

SCALE = 0.02
END = date(2022, 12, 31)


def toml(value) -> str:
    """A value as ``--set`` takes it."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return repr(value)


def scenario(levers: dict | None = None, probes: dict | None = None, end: date = END, extra: tuple = ()):
    """The baseline at small scale with levers (a value, or a table of settings) and probes on top."""
    words = [f"run.scale={SCALE}", f"run.end={toml(end)}", CENTRAL]
    for group, tables in (("levers", levers or {}), ("probes", probes or {})):
        for name, settings in tables.items():
            settings = settings if isinstance(settings, dict) else {"value": settings}
            words += [f"{group}.{name}.{key}={toml(value)}" for key, value in settings.items()]
    return load_scenario("baseline", overrides=[*words, *extra])


def build(warm_folder, levers=None, probes=None, parameters=None, end=END, extra=()) -> Bay:
    """A released bay; ``parameters`` hold from the warm-up on (and cost one)."""
    return Bay(scenario=scenario(levers, probes, end, extra), parameters=parameters, warm_folder=warm_folder)


def change(bay: Bay, changes: dict[str, float]) -> Bay:
    """Change parameters of a released bay by declared id; values in the model's own step (a quarter)."""
    for key, value in changes.items():
        group, name = key.split(".")
        setattr(bay.parameters, group, getattr(bay.parameters, group)._replace(**{name: float(value)}))
    return bay


def strong(name: str) -> float:
    """A strong but plausible value of a lever: the end of its plausible range that is further from neutral."""
    return catalogue.levers()[name].strong_value


def together() -> dict[str, float]:
    """Strong values of all levers that may be in force together."""
    found: dict[str, float] = {}
    for name, lever in catalogue.levers().items():
        if not set(lever.excludes) & set(found):
            found[name] = strong(name)
    return found


def play(bay: Bay, quarters: int) -> Bay:
    """Step some quarters."""
    for _ in range(quarters):
        bay.step()
    return bay


def city(bay: Bay, name: str) -> int:
    """Row of a city."""
    return bay.region.city_ids.index(name)


def crossing(bay: Bay) -> np.ndarray:
    """Pairs of cities in different jurisdictions (C, C)."""
    at = bay.region.jurisdiction_city
    return at[:, None] != at[None, :]


def among_cities(bay: Bay, name: str, quarters: slice | int = slice(None)) -> np.ndarray:
    """A recorded flow matrix between the cities, summed over the quarters played (C, C)."""
    count = len(bay.region.city_ids)
    return bay.record.arrays()[name][quarters, :count, :count].reshape(-1, count, count).sum(axis=0)


def weighted_sum(table, column: str, rows=None) -> float:
    """Sum of a column of the firm table over real firms."""
    rows = np.flatnonzero(table.alive) if rows is None else rows
    return float((table.arrays[column][rows] * table.weight[rows]).sum())


def untie(bay: Bay) -> None:
    """End all ties; nobody is seen as a partner any more."""
    bay.ties.clear(np.flatnonzero(bay.ties.alive))
    see_network(bay)
