"""Checks: what is declared, how a measured interval is graded, how the answers are counted.

A check passes where the interval of its value lies inside the accepted range, fails where it lies outside, and warns where it
straddles a bound. An interval is the 95 % interval of the mean over seeds (Student's t) unless an experiment says otherwise; one
seed alone has none and can only warn.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
SUITES = ("literature", "gravity", "regularities", "claims", "invariants", "null")
FILE = Path(__file__).with_name("checks.csv")


@dataclass(frozen=True)
class Check:
    """One declared check; ``low`` and ``high`` bound what is accepted (None: no bound). ``mode`` says whether the mechanism is called
    *alone* on a given network, or measured in a *run*. ``tried`` says what was tried where it fails. A ``strict`` check fails where
    the interval reaches a bound."""

    id: str
    suite: str
    experiment: str
    mode: str
    what: str
    what_zh: str
    source: str
    low: float | None
    high: float | None
    tried: str = ""
    tried_zh: str = ""
    strict: bool = False


@dataclass(frozen=True)
class Measured:
    """Value of a check with its interval (None: unknown)."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Answer:
    """A check, what was measured, and its status."""

    check: Check
    measured: Measured
    status: str
    seeds: int

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        check, m = self.check, self.measured
        return {
            "id": check.id, "suite": check.suite, "mode": check.mode, "what": check.what, "source": check.source,
            "value": _finite(m.value), "low": _finite(m.low), "high": _finite(m.high), "accepted": [check.low, check.high],
            "status": self.status, "seeds": self.seeds, "tried": check.tried if self.status != PASS else "",
        }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


@cache
def declared() -> dict[str, Check]:
    """The checks of ``checks.csv`` and one for each invariant of the books."""
    found: dict[str, Check] = {}
    with open(FILE, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            bounds = {name: None if row[name] == "" else float(row[name]) for name in ("low", "high")}
            if row["id"] in found:
                raise ValueError(f"{FILE.name}: {row['id']} stands twice")
            found[row["id"]] = Check(**{**row, **bounds})
    return found


def grade(measured: Measured, check: Check) -> str:
    """PASS, WARN or FAIL."""
    bottom = -math.inf if check.low is None else check.low
    top = math.inf if check.high is None else check.high
    if not math.isfinite(measured.value):
        return FAIL
    if measured.low is None or measured.high is None:
        return WARN
    if check.strict:  # on one side of the bound, not on it: an effect of exactly nothing is none
        return PASS if measured.low > bottom and measured.high < top else FAIL
    if measured.low >= bottom and measured.high <= top:
        return PASS
    return FAIL if measured.high < bottom or measured.low > top else WARN


def mean_interval(values: Sequence[float], errors: float | None = None) -> Measured:
    """Mean over seeds with its 95 % interval, or with ``errors`` standard errors on each side; None where a seed is alone."""
    import numpy as np
    from scipy.special import stdtrit

    values = np.asarray(values, float)
    mean, n = float(values.mean()), values.size
    if n < 2 or not np.isfinite(values).all():
        return Measured(mean, None, None)
    reach = (float(stdtrit(n - 1, 0.975)) if errors is None else errors) * float(values.std(ddof=1)) / math.sqrt(n)
    return Measured(mean, mean - reach, mean + reach)


def exactly(value: float) -> Measured:
    """A value without an interval of its own (a position on a grid, a count of standard errors, a gap in the books)."""
    return Measured(float(value), float(value), float(value))


def by_seed(found: Sequence[Mapping[str, float]]) -> dict[str, Measured]:
    """Means and intervals of every number that all seeds give."""
    return {name: mean_interval([one[name] for one in found]) for name in found[0]}


def answers(measured: Mapping[str, Measured], seeds: int, checks: Mapping[str, Check]) -> list[Answer]:
    """Grade what was measured; every number must be a declared check."""
    unknown = sorted(set(measured) - set(checks))
    if unknown:
        raise KeyError(f"measured but not declared in {FILE.name}: {', '.join(unknown)}")
    return [Answer(checks[name], value, grade(value, checks[name]), seeds) for name, value in measured.items()]


def score(found: Sequence[Answer]) -> float:
    """Share of checks that pass; a warning counts half."""
    worth = {PASS: 1.0, WARN: 0.5, FAIL: 0.0}
    return sum(worth[answer.status] for answer in found) / len(found) if found else 0.0


def accepted_text(check: Check) -> str:
    """The accepted range in words."""
    if check.low is not None and check.high is not None:
        return f"{check.low:g} – {check.high:g}"
    if check.low is not None:
        return f"≥ {check.low:g}" if check.low else "> 0"
    return f"≤ {check.high:g}" if check.high else "< 0"
