"""The clock: one step is a quarter.

A quarter is an integer, ``year * 4 + (0..3)``, so that differences are numbers of quarters.
Dates enter only through scenario files; inside the model time is a quarter.
"""

from __future__ import annotations

from datetime import date, timedelta

QUARTERS_PER_YEAR = 4
WARM_UP_QUARTERS = 40  # played under the conditions of the start before a run begins


def quarter_of(day: date) -> int:
    """Quarter that holds ``day``."""
    return day.year * 4 + (day.month - 1) // 3


def first_day(quarter: int) -> date:
    """First day of a quarter."""
    return date(quarter // 4, quarter % 4 * 3 + 1, 1)


def last_day(quarter: int) -> date:
    """Last day of a quarter."""
    return first_day(quarter + 1) - timedelta(days=1)


def is_first_day(day: date) -> bool:
    """Is ``day`` the first day of its quarter?"""
    return day == first_day(quarter_of(day))


def is_last_day(day: date) -> bool:
    """Is ``day`` the last day of its quarter?"""
    return day == last_day(quarter_of(day))


def nearest_first_day(day: date) -> date:
    """The first day of a quarter that is nearest to ``day``."""
    here, after = first_day(quarter_of(day)), first_day(quarter_of(day) + 1)
    return here if day - here <= after - day else after


def nearest_last_day(day: date) -> date:
    """The last day of a quarter that is nearest to ``day``."""
    here, before = last_day(quarter_of(day)), last_day(quarter_of(day) - 1)
    return here if here - day <= day - before else before


def label(quarter: int) -> str:
    """Label of a quarter, such as ``2026Q1``."""
    return f"{quarter // 4}Q{quarter % 4 + 1}"


def year_of(quarter: int) -> int:
    """Calendar year of a quarter."""
    return quarter // 4


def per_quarter(value: float, time_base: str) -> float:
    """Convert a rate to the step of the model, a quarter.

    ``time_base`` is ``quarter`` (unchanged), ``year`` (divided by four) or ``none``/``meeting``
    (not a rate in time: unchanged). Anything else is refused, so that mixed bases fail.
    """
    if time_base == "year":
        return value / QUARTERS_PER_YEAR
    if time_base in ("quarter", "none", "meeting"):
        return value
    raise ValueError(f"unknown time base {time_base!r}; allowed: none, quarter, year, meeting")
