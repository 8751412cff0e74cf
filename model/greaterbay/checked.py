"""Numbers that a caller gives: taken as what they are, never as what they could be turned into.

A number of another sort (``True``, ``"4"``, ``1.5`` for a count) is a ``TypeError``, one out of bounds or not finite a
``ValueError``; both say what was found and what is allowed. NumPy's own integers and floats are as good as Python's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

LARGEST_REPLICATE = 2**31 - 1


def _found(value: Any) -> str:
    return f"{value!r} ({type(value).__name__})"


def _is(value: Any, sort: type) -> bool:
    # np.bool_ is no Integral, bool is one
    return isinstance(value, sort) and not isinstance(value, bool)


def _bounds(low: float | None, high: float | None, above: bool = False, unit: str = "") -> str:
    if low is None and high is None:
        return ""
    least, most = (str(end) if isinstance(end, int) else f"{end:g}" if end is not None else "" for end in (low, high))
    unit = f" {unit}" if unit else ""
    if high is None:
        return f"above {least}{unit}" if above else f"{least}{unit} or more"
    if above:
        return f"above {least}, at most {most}{unit}"
    return f"{least} to {most}{unit}"


def integer(name: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """An integer within [low, high], as Python's own."""
    bounds = _bounds(low, high)
    if not _is(value, Integral):
        raise TypeError(f"{name} is {_found(value)}; allowed: an integer{', ' if bounds else ''}{bounds}")
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f"{name} is {value}; allowed: {bounds}")
    return int(value)


def number(
    name: str, value: Any, low: float | None = None, high: float | None = None, *, above: bool = False, unit: str = ""
) -> float:
    """A finite number within [low, high] (``above``: low itself is not allowed)."""
    bounds = _bounds(low, high, above, unit)
    if not _is(value, Real):
        raise TypeError(f"{name} is {_found(value)}; allowed: a number{', ' if bounds else ''}{bounds}")
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}; allowed: a finite number{', ' if bounds else ''}{bounds}")
    if (low is not None and (value <= low if above else value < low)) or (high is not None and value > high):
        raise ValueError(f"{name} is {value}; allowed: {bounds}")
    return float(value)


def integers(name: str, values: Iterable[Any], low: int | None = None, high: int | None = None) -> list[int]:
    """A list of integers, each within [low, high]."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} is {_found(values)}; allowed: a list of integers")
    return [integer(f"{name}[{place}]", value, low, high) for place, value in enumerate(values)]


def replicate(value: Any) -> int:
    """The number of a replicate; the first is 0."""
    return integer("replicate", value, 0, LARGEST_REPLICATE)


def jobs(value: Any) -> int:
    """A number of processes."""
    return integer("jobs", value, 1)


def scale(value: Any) -> float:
    """Share of firms and people that are simulated."""
    return number("scale", value, 0, 1, above=True)
