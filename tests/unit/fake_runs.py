"""A stand-in for the model, quick and importable by worker processes: tests of the runner use it."""

from __future__ import annotations

import os
import signal
import time

import numpy as np

from greaterbay import clock, outputs
from greaterbay.runner.replicate import Result
from greaterbay.scenario.schema import LeverSetting, RunSettings, Scenario

CITIES = ["guangzhou", "hong_kong", "rest_of_china", "abroad"]
RECORDED = (
    "firms", "talent", "output", "population", "output_per_head", "conversion_rate", "inventions_in_market",
    "inventions_in_force", "rent", "agents_firms", "mean_degree", "inventions_field", "flow_capital_venture",
    "ties_firm_firm", "flow_technology_import", "adopters_technology", "public_cost_lever",
)


def scenario(id: str = "plain", *, replicates: int = 3, seed: int = 5, value: float = 0.2, **run) -> Scenario:
    """A resolved scenario that needs no file; two years long unless ``start`` and ``end`` say otherwise."""
    settings = {"start": 2020 * 4, "end": 2021 * 4 + 3, "scale": 0.05, "region": "gba", **run}
    return Scenario(
        id=id, title=f"Scenario {id}", title_zh="情景", path=f"{id}.toml", chain=(f"{id}.toml",),
        run=RunSettings(replicates=replicates, seed=seed, **settings),
        levers={"talent_barrier": LeverSetting("talent_barrier", value)},
    )


def coords(of: Scenario) -> dict[str, list[str]]:
    return {
        "quarter": [clock.label(quarter) for quarter in range(of.run.start, of.run.end + 1)],
        "city": CITIES,
        "city_to": CITIES,
        "field": ["quantum", "sixg"],
        "technology": [],
        "technology_kind": [],
        "lever": ["talent_barrier"],
        "payer": [*CITIES, "nation"],
    }


def simulate(of: Scenario, replicate: int, warm_folder=None) -> Result:
    """Numbers that depend on lever value, seed and replicate only."""
    key = [of.run.seed, replicate, int(of.levers["talent_barrier"].value * 1000)]
    draws, labels = np.random.default_rng(key), coords(of)
    arrays = {}
    for name in RECORDED:
        declared = outputs.get(name)
        shape = tuple(len(labels[dim]) for dim in declared.dims)
        values = draws.integers(0, 50, shape) if declared.dtype == "int32" else draws.lognormal(size=shape)
        arrays[name] = values.astype(declared.dtype)
    arrays["inventions_in_force"][-1, 0] = 0.0
    arrays["flow_capital_venture"][:, 1, 0] = 0.0
    arrays["rent"][:, 2:] = np.nan
    return Result(arrays, labels, {"quarters": time.perf_counter()})


def no_names(_scenario, _coords) -> dict:
    return {}


def names(_scenario, given) -> dict:
    english = [label.title() for label in given["city"]]
    return {"city_name": ("city", english), "city_name_zh": ("city", list("穗港内外"))}


def fail_second(of, replicate, warm_folder=None) -> Result:
    if replicate == 1:
        raise FloatingPointError("wage is not finite in 2024Q3")
    return simulate(of, replicate)


class OddError(Exception):
    """Cannot be made again from its arguments, so it does not survive pickling."""

    def __init__(self, number, quarter) -> None:
        super().__init__(f"{number} at {quarter}")


def fail_oddly(of, replicate, warm_folder=None) -> Result:
    if replicate == 1:
        raise OddError(3, "2024Q1")
    return simulate(of, replicate)


def die_always(of, replicate, warm_folder=None) -> Result:
    """Replicate 1 kills its process, whoever runs it."""
    if replicate == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return simulate(of, replicate)


def die_once(of, replicate, warm_folder) -> Result:
    """The first process to come to replicate 1 is killed."""
    mark = warm_folder.parent / "died"
    if replicate == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return simulate(of, replicate)


def slow(of, replicate, warm_folder=None) -> Result:
    """Replicates 0 and 1 are quick, the others take a minute."""
    if replicate > 1:
        time.sleep(60)
    return simulate(of, replicate)


def one_thread_each(of, replicate, warm_folder=None) -> Result:
    result = simulate(of, replicate)
    result.timings["threads"] = float(os.environ["NUMBA_NUM_THREADS"])
    result.timings["process"] = float(os.getpid())
    return result


def _limit_files(size: int) -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def disk_full(of, replicate, warm_folder=None) -> Result:
    """From here on this worker can write no file of more than a hundred bytes."""
    _limit_files(100)
    return simulate(of, replicate)


def fill_disk_at_last(of, replicate, warm_folder=None) -> Result:
    """There is room for parts but not for a result file."""
    _limit_files(100_000)
    return simulate(of, replicate)


def nap(of, replicate, warm_folder=None) -> Result:
    """A replicate that takes a while, so that something can happen meanwhile."""
    time.sleep(0.25)
    return simulate(of, replicate)


def fill_disk_after_two(of, replicate, warm_folder=None) -> Result:
    """There is room for two parts."""
    if replicate == 2:
        _limit_files(1000)
    return simulate(of, replicate)
