"""What each lever does to its primary outcome: paired runs of the whole catalogue, one lever at a time.

Every lever is switched on alone, at the end of its plausible range that lies further from neutral, against the baseline on
the same random numbers, parameters at their central values. The primary outcome and its expected sign stand in the catalogue
and were written before the first run. Flows are summed, stocks averaged, shares formed from summed parts, over the quarters
from the start of the lever to the end. The test is Student's t on paired differences, adjusted over the catalogue (Holm): a
lever has an *effect* where the adjusted p is below 0.05 with the expected sign, it goes *against expectation* where the
sign is the other one, and is *below detection* otherwise; then the smallest effect that would have been seen four times out
of five is given.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from greaterbay import checked, clock, outputs
from greaterbay.digits import cell, known
from greaterbay.evidence.posteriors import CENTRAL
from greaterbay.policy import catalogue

START, END, SCALE, REPLICATES = date(2021, 1, 1), date(2028, 12, 31), 0.05, 16
EFFECT, AGAINST, BELOW = "effect", "against expectation", "below detection"
COLUMNS = ("lever", "type", "value", "outcome", "expected", "replicates", "baseline", "effect", "low", "high", "relative", "p", "p_holm",
           "status", "smallest_seen", "variance_ratio", "public_cost", "short", "note")
# why a cell of a line is empty, by what is missing
NOTES = {
    "baseline": "the outcome is defined in no pair",
    "relative": "no relative effect: the outcome is zero without the lever",
    "low": "no interval: one pair",
    "variance_ratio": "no variance ratio: fewer than four pairs, or differences that are all equal",
}


def scenario_of(baseline, lever=None, start: date = START):
    """The baseline with one lever from ``start`` on (None: no lever)."""
    from greaterbay.scenario.schema import LeverSetting

    if lever is None:
        return replace(baseline, id="baseline", levers={})
    setting = LeverSetting(lever.id, lever.strong_value, start=clock.quarter_of(start))
    return replace(baseline, id=f"lever_{lever.id}", levers={lever.id: setting})


def outcome_of(arrays, name: str, cities: int, first: int) -> float:
    """An outcome of the whole bay from the quarter ``first`` on: flows summed, stocks averaged, shares from summed parts."""
    output = outputs.get(name)
    if output.is_ratio:
        below = outcome_of(arrays, output.denominator, cities, first)
        return outcome_of(arrays, output.numerator, cities, first) / below if below else math.nan
    values = np.nan_to_num(arrays[name][first:].astype(float))
    if "city" in output.dims and "city_to" not in output.dims:
        values = values[:, :cities]
    by_quarter = values.reshape(values.shape[0], -1).sum(axis=1)
    return float(by_quarter.sum() if output.kind == "flow" else by_quarter.mean())


def play(task: tuple) -> tuple[float, ...]:
    """Run one replicate of one scenario; returns the wanted outcomes, cost (present value) and what was short."""
    from greaterbay.region import load_region
    from greaterbay.runner.replicate import simulate

    scenario, replicate, names, at, first = task
    arrays = simulate(scenario, replicate).arrays
    cities = len(load_region(scenario.run.region).city_ids)
    short = float(arrays["lever_short"][first:, at].mean()) if at >= 0 else 0.0
    return (*(outcome_of(arrays, name, cities, first) for name in names), float(np.nansum(arrays["public_cost_present"])), short)


def measure(levers: Sequence[str] = (), replicates: int = REPLICATES, scale: float = SCALE, until: date = END, jobs: int = 1,
            on_done: Callable[[int, int], None] | None = None) -> list[dict]:
    """Measure levers (all of the catalogue where none is named); rows of the table in the catalogue's order."""
    from greaterbay.scenario.load import load_scenario

    replicates, jobs = checked.integer("replicates", replicates, 1), checked.jobs(jobs)
    checked.scale(scale)
    chosen = [catalogue.levers()[name] for name in levers] or list(catalogue.levers().values())
    order = list(catalogue.levers())
    baseline = load_scenario("baseline", overrides=[f"run.scale={scale}", f"run.end={until}", CENTRAL])
    first = clock.quarter_of(START) - baseline.run.start
    names = tuple(dict.fromkeys(lever.primary_outcome for lever in chosen))
    # one worker takes all runs of a replicate: they share its warm-up
    batches = [[(scenario_of(baseline), k, names, -1, first)]
               + [(scenario_of(baseline, lever), k, (lever.primary_outcome,), order.index(lever.id), first) for lever in chosen]
               for k in range(replicates)]
    found = _in_order(batches, jobs, on_done)
    base = {name: np.array([batch[0][i] for batch in found]) for i, name in enumerate(names)}
    rows = [_row(lever, base[lever.primary_outcome], np.array([batch[1 + i] for batch in found])) for i, lever in enumerate(chosen)]
    return _judged(rows)


def _play_all(batch: list[tuple]) -> list[tuple[float, ...]]:
    return [play(task) for task in batch]


def _one_thread() -> None:
    for name in ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def _in_order(batches: list[list[tuple]], jobs: int, on_done) -> list[list[tuple[float, ...]]]:
    say = on_done or (lambda done, total: None)
    if jobs == 1:
        found = []
        for batch in batches:
            found.append(_play_all(batch))
            say(len(found), len(batches))
        return found
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread) as pool:
        waiting = [pool.submit(_play_all, batch) for batch in batches]
        for done, future in enumerate(as_completed(waiting), 1):
            future.result()
            say(done, len(batches))
        return [future.result() for future in waiting]


def _row(lever, base: np.ndarray, runs: np.ndarray) -> dict:
    """Statistics of one lever: ``base`` (K,) outcome without, ``runs`` (K, 3) outcome, cost and shortage with it."""
    from greaterbay.comparison import effects

    with_lever, cost, short = runs.T
    both = np.isfinite(base) & np.isfinite(with_lever)
    difference = (with_lever - base)[both]
    interval = effects.mean_interval(difference, effects.OUTER) or effects.Interval(math.nan, math.nan)
    ratio = effects.variance_ratio(with_lever[both], base[both])
    error = effects.mean_error(difference)
    seen = (effects.reach(difference.size, 0.95) + effects.reach(difference.size, 0.60)) * error if difference.size > 1 else math.nan
    middle, change = (float(values.mean()) if both.any() else math.nan for values in (base[both], difference))
    return {
        "lever": lever.id, "type": lever.type, "value": lever.strong_value, "outcome": lever.primary_outcome,
        "expected": lever.expected_sign, "replicates": int(both.sum()), "baseline": middle, "effect": change,
        "low": interval.low, "high": interval.high, "relative": change / middle if middle else math.nan,
        "p": effects.p_value(difference), "smallest_seen": seen, "variance_ratio": ratio[0] if ratio else math.inf,
        "public_cost": float(cost.mean()), "short": float(short.mean()),
    }


def _judged(rows: list[dict]) -> list[dict]:
    """Holm over the lines, and the status of each."""
    from greaterbay.comparison import effects

    adjusted = effects.holm(np.array([row["p"] for row in rows]))
    for row, p in zip(rows, adjusted, strict=True):
        clear = p < 0.05
        row["p_holm"] = float(p)
        row["status"] = (EFFECT if np.sign(row["effect"]) == row["expected"] else AGAINST) if clear else BELOW
    return rows


def note(row: dict) -> str:
    """Why a line has empty cells; empty for a whole one."""
    return "; ".join([words for key, words in NOTES.items() if not known(row[key])][: 1 if not known(row["baseline"]) else None])


def text(rows: list[dict], replicates: int, scale: float, until: date) -> str:
    """The table as CSV, headed by how it was made."""
    from greaterbay.runner.manifest import source_digest

    lines = io.StringIO()
    lines.write(f"# greaterbay levers --measure --replicates {replicates}; scale {scale:g}, levers from {START} to {until}; "
                f"sources {source_digest()[:16]}\n")
    table = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow({key: cell(value, ".6g") for key, value in (row | {"note": note(row)}).items() if key in COLUMNS})
    return lines.getvalue()


def write(rows: list[dict], path: Path, replicates: int, scale: float, until: date) -> None:
    """Write the table whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text(rows, replicates, scale, until), encoding="utf-8")
    os.replace(temporary, path)
