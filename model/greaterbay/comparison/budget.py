"""Equal public money: the costly levers of a scenario are scaled until it spends as much as another one.

What is matched is the mean discounted disbursement on the same random numbers. All levers that spend anything are moved by
one common factor between their neutral value and their bound,

    value = neutral + factor * (given value - neutral)

The factor is searched on a few replicates and confirmed on all. Refused by name: levers that spend nothing, spending that no
longer grows with the lever (take-up is saturated, or the bound is reached), spending that falls while the lever grows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from greaterbay.runner.results import RunsError

SEARCH = 8
MOST_TRIALS = 14
SHARE = 0.01
SUFFIX = "_equal_budget"
FLAT = 0.05
"""Spending that grows by less than this share of what the lever grows is saturated."""


@dataclass(frozen=True)
class Spent:
    """Discounted spending of a scenario: ``total`` (replicate,), ``lever`` (replicate, lever) undiscounted, million CNY.

    ``grain`` is the smallest disbursement in the books of a quarter: one indivisible payment times its weight.
    """

    total: np.ndarray
    lever: dict[str, np.ndarray]
    grain: float

    @property
    def mean(self) -> float:
        """Mean over replicates."""
        return float(self.total.mean())


@dataclass(frozen=True)
class Match:
    """What was done: spending before and after, what was wanted, the tolerance, and the levers' values from and to."""

    policy: str
    like: str
    factor: float
    before: float
    after: float
    wanted: float
    tolerance: float
    searched: int
    confirmed: int
    trials: int
    levers: tuple[str, ...]

    def words(self, lang: str = "en") -> str:
        """One sentence for a reader."""
        listed = "; ".join(self.levers)
        if lang == "zh":
            return (
                f"{self.policy}:以系数 {self.factor:.4g} 调整({listed}),使贴现支出由 {self.before:,.1f} 变为 {self.after:,.1f} 百万元,"
                f"目标为 {self.like} 的 {self.wanted:,.1f}(容差 {self.tolerance:,.1f});{self.searched} 次重复搜索,{self.confirmed} 次确认"
            )
        return (
            f"{self.policy}: levers scaled by {self.factor:.4g} ({listed}), so that discounted spending goes from {self.before:,.1f} to"
            f" {self.after:,.1f} million CNY; wanted: {self.wanted:,.1f} as {self.like} (tolerance {self.tolerance:,.1f});"
            f" searched on {self.searched} replicates, confirmed on {self.confirmed}"
        )


def scaled(scenario, levers: Sequence[str], factor: float):
    """The scenario with the named levers moved by a factor from their neutral values, under a name of its own."""
    from greaterbay.policy import catalogue

    entries, settings = catalogue.levers(), dict(scenario.levers)
    for name in levers:
        neutral = entries[name].neutral
        # rounded, so that a factor found again is the same run
        settings[name] = replace(settings[name], value=float(f"{neutral + factor * (settings[name].value - neutral):.6g}"))
    suffix = ("", "") if scenario.id.endswith(SUFFIX) else (" (equal budget)", "(等额资金)")
    return replace(
        scenario,
        id=scenario.id.removesuffix(SUFFIX) + SUFFIX,
        title=scenario.title + suffix[0],
        title_zh=scenario.title_zh + suffix[1] if scenario.title_zh else scenario.title_zh,
        levers=settings,
        budget="",
    )


def most_factor(scenario, levers: Sequence[str]) -> tuple[float, str]:
    """The largest common factor that no lever's bound forbids, and the lever that sets it."""
    from greaterbay.policy import catalogue

    found = []
    for name in levers:
        entry, value = catalogue.levers()[name], scenario.levers[name].value
        bound = entry.high if value > entry.neutral else entry.low
        found.append(((bound - entry.neutral) / (value - entry.neutral), name))
    return min(found)


def costly(scenario, spent: Spent) -> list[str]:
    """Levers of the scenario that spend anything and take values between whole numbers."""
    from greaterbay.policy import catalogue

    entries = catalogue.levers()
    return [
        name
        for name in scenario.levers
        if name in spent.lever
        and spent.lever[name].sum() > 0.0
        and not entries[name].integer
        and scenario.levers[name].value != entries[name].neutral
    ]


def tolerance(wanted: np.ndarray, found: Spent, grain: float) -> float:
    """The largest of 1 % of the budget, one indivisible payment times its weight, two standard errors of the paired gap."""
    gap = found.total - wanted
    error = float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else 0.0
    return max(SHARE * float(wanted.mean()), grain, 2.0 * error)


def match(
    scenario,
    like: str,
    spend_like: Callable[[Sequence[int]], Spent],
    spend: Callable[[object, Sequence[int]], Spent],
    numbers: Sequence[int],
) -> tuple[object, Match]:
    """Scale a scenario to the spending of another one; returns the scaled scenario and what was done.

    ``spend(scenario, numbers)`` runs replicates and gives what they spend, ``spend_like(numbers)`` that of the other scenario;
    ``numbers`` are all replicates of the comparison. Raises RunsError by name where it cannot be done.
    """
    few = list(numbers)[:SEARCH]
    like_spent = spend_like(few)
    wanted = like_spent.mean
    if wanted <= 0.0:
        raise RunsError(f"{like}: spends no public money, so nothing can be matched to it")
    first = spend(scenario, few)
    names = costly(scenario, first)
    if not names:
        raise RunsError(
            f"{scenario.id}: {', '.join(scenario.levers) or 'it has no levers and'} "
            "spends no public money that a lever's strength could change; its budget cannot be matched"
        )
    trials = {1.0: first}

    def at(factor: float) -> Spent:
        if factor not in trials:
            trials[factor] = spend(scaled(scenario, names, factor), few)
        return trials[factor]

    factor = _search(scenario.id, names, like, like_spent, at, most_factor(scenario, names))
    # confirmed on all replicates, most of which the search has not seen
    like_all = spend_like(numbers)
    for _attempt in range(3):
        result = scaled(scenario, names, factor)
        last = spend(result, numbers)
        allowed = tolerance(like_all.total, last, max(last.grain, like_all.grain))
        if abs(last.mean - like_all.mean) <= allowed:
            break
        factor = min(_corrected(factor, like_all.mean / last.mean, trials), most_factor(scenario, names)[0])
    else:
        raise RunsError(
            f"{scenario.id}: spends {last.mean:,.1f} million CNY on all {len(numbers)} replicates, not the {like_all.mean:,.1f}"
            f" of {like} (tolerance {allowed:,.1f}); give more replicates"
        )
    levers = tuple(f"{name} {scenario.levers[name].value:g} → {result.levers[name].value:g}" for name in names)
    done = Match(result.id, like, factor, first.mean, last.mean, like_all.mean, allowed, len(few), len(numbers), len(trials), levers)
    return result, done


def _search(name: str, levers: list[str], like: str, wanted: Spent, at: Callable[[float], Spent], most: tuple[float, str]) -> float:
    """The factor at which spending is that of the other scenario, by halving and false position between known sides."""
    goal = wanted.mean

    def close(spent: Spent) -> bool:
        return abs(spent.mean - goal) <= tolerance(wanted.total, spent, max(spent.grain, wanted.grain))

    low, high = (0.0, 1.0) if at(1.0).mean >= goal else (1.0, most[0])
    if close(at(1.0)):
        return 1.0
    if high > 1.0 or most[0] < 1.0:
        if close(at(high)):
            return high
        if at(high).mean < goal:
            grown = (at(high).mean / at(1.0).mean - 1.0) / (high - 1.0) if high > 1.0 else 0.0
            why = "take-up is saturated" if grown < FLAT else f"{most[1]} has reached its bound"
            raise RunsError(
                f"{name}: {', '.join(levers)} at most spend {at(high).mean:,.1f} million CNY, not the {goal:,.1f} of {like}: {why}"
            )
    elif at(low).mean > goal:
        raise RunsError(
            f"{name}: spends {at(low).mean:,.1f} million CNY even without {', '.join(levers)}, more than the {goal:,.1f} of {like}"
            f"{_rest(at(low), levers)}; match the other way round, or leave that lever out with --set levers.ID.value=0"
        )
    for trial in range(MOST_TRIALS):
        below, above = at(low).mean, at(high).mean
        part = (goal - below) / (above - below) if above > below else 0.5
        # false position, kept off the ends; every third step halves, so that a bent curve cannot hold it up
        part = 0.5 if trial % 3 == 2 else min(max(part, 0.05), 0.95)
        factor = float(f"{low + part * (high - low):.6g}")
        if factor in (low, high):
            break
        spent = at(factor)
        if spent.mean < below - 2.0 * _error(spent, at(low)) or spent.mean > above + 2.0 * _error(spent, at(high)):
            falling = [lever for lever in levers if not _between(lever, at(low), spent, at(high))]
            raise RunsError(
                f"{name}: spending does not grow steadily with {', '.join(falling or levers)}"
                f" ({below:,.1f}, {spent.mean:,.1f}, {above:,.1f} million CNY at factors {low:g}, {factor:g}, {high:g})"
            )
        if close(spent):
            return factor
        low, high = (factor, high) if spent.mean < goal else (low, factor)
    raise RunsError(f"{name}: no strength of {', '.join(levers)} spends the {goal:,.1f} million CNY of {like} within the tolerance")


def _rest(spent: Spent, levers: list[str]) -> str:
    """The lever that spends most of what cannot be scaled."""
    others = {name: float(np.mean(paid)) for name, paid in spent.lever.items() if name not in levers}
    most = max(others, key=lambda name: others[name], default=None)
    return f" (most of it by {most})" if most and others[most] > 0.0 else ""


def _corrected(factor: float, ratio: float, trials: dict[float, Spent]) -> float:
    """The factor that changes spending by ``ratio``, with the elasticity that the two nearest trials show."""
    near = sorted((abs(one - factor), one) for one in trials if one > 0.0)[:2]
    (_, one), (_, other) = near if len(near) == 2 else (near[0], near[0])
    elasticity = 1.0
    if one != other and trials[one].mean > 0.0 and trials[other].mean > 0.0:
        elasticity = float(np.log(trials[one].mean / trials[other].mean) / np.log(one / other))
    return float(f"{factor * ratio ** (1.0 / min(max(elasticity, 0.2), 5.0)):.6g}")


def _error(one: Spent, other: Spent) -> float:
    gap = one.total - other.total
    return float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else 0.0


def _between(lever: str, low: Spent, spent: Spent, high: Spent) -> bool:
    values = [float(one.lever[lever].mean()) if lever in one.lever else 0.0 for one in (low, spent, high)]
    return values[0] <= values[1] <= values[2]
