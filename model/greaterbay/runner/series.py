"""Yearly values and sums over cities, by the rules that each output declares.

Arrays in, arrays out: shape (replicate, quarter, ...) becomes (replicate, year, ...). Shares are formed from
summed parts, never averaged.
"""

from __future__ import annotations

import numpy as np

from greaterbay import checked
from greaterbay import outputs as declared
from greaterbay.clock import QUARTERS_PER_YEAR
from greaterbay.outputs import Output
from greaterbay.runner.results import StoredRun


def is_yearly(output: Output) -> bool:
    """Is the output shown by year (flows, and shares of flows) rather than by quarter?"""
    if output.is_ratio:
        return any(declared.get(part).over_time == "sum" for part in (output.numerator, output.denominator))
    return output.over_time == "sum"


def parts(output: Output) -> tuple[str, ...]:
    """Outputs from which this one is formed over time and cities: itself, or numerator and denominator."""
    return (output.numerator, output.denominator) if output.is_ratio else (output.id,)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient; undefined (not a number) where the denominator is zero or undefined."""
    quotient = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(
        numerator, denominator, out=quotient, where=np.isfinite(denominator) & (denominator != 0)
    )


def over_years(values: np.ndarray, quarters: np.ndarray, years: list[int], rule: str) -> np.ndarray:
    """Yearly values of (replicate, quarter, ...) by a rule: ``last``, ``sum`` or ``mean``."""
    taken = {
        "last": lambda part: part[:, -1],
        "sum": lambda part: part.sum(axis=1),
        "mean": lambda part: part.mean(axis=1),
    }
    chosen = [taken[rule](values[:, quarters // QUARTERS_PER_YEAR == year]) for year in years]
    return np.stack(chosen, axis=1) if chosen else values[:, :0]


def by_city(run: StoredRun, name: str, *, yearly: bool, together: bool = False) -> np.ndarray:
    """One output of the region's cities: (replicate, time, city), or (replicate, time) for all ``together``.

    Time is years (whole calendar years only) or quarters. A share is formed from its parts after they are
    summed. Sums include what is booked outside the region (the national share of public cost). Outputs that
    do not add up over cities give undefined values for all together.
    """
    output = declared.get(name)
    adds_up = output.over_cities in ("sum", "ratio")
    found = []
    for part in parts(output):
        values = run.values(part)
        if yearly:
            values = over_years(values, run.quarters, run.full_years, declared.get(part).over_time)
        if not together:
            values = values[:, :, run.inside()]
        elif adds_up:
            values = np.nansum(values, axis=2)
        else:
            mean = values[:, :, run.inside()].mean(axis=2)
            values = mean if output.over_cities == "mean" else np.full_like(mean, np.nan)
        found.append(values)
    return ratio(*found) if output.is_ratio else found[0]


def times(run: StoredRun, yearly: bool) -> np.ndarray:
    """Middle of each complete year, or of each quarter, in years."""
    return np.array(run.full_years) + 0.5 if yearly else (run.quarters + 0.5) / QUARTERS_PER_YEAR


def last_years(run: StoredRun, count: int = 4) -> list[int]:
    """The last complete years, at most ``count``; none in a run shorter than a year."""
    return run.full_years[-checked.integer("count", count, 1):]


def years_label(years: list[int]) -> str:
    """``2032–2035``, or ``2032`` for one year."""
    return f"{years[0]}–{years[-1]}" if len(years) > 1 else str(years[0])
