"""Outcomes of stored runs as a comparison reads them: by year, for groups of cities, by the declared rules.

Shapes are (replicate, year). Stocks stand at the end of a year, flows are sums over it, shares are formed from summed parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from greaterbay import checked
from greaterbay import outputs as declared
from greaterbay.outputs import Output
from greaterbay.parameters import Parameters
from greaterbay.runner import series
from greaterbay.runner.results import RunsError, StoredRun

ALL = "all"
ROLES = ("core", "periphery")
LOWER_IS_BETTER = frozenset(
    {
        "public_cost",
        "public_cost_present",
        "firm_exits",
        "talent_idle",
        "abandoned",
        "lapsed",
        "pilots_waiting",
        "credit_losses",
        "inequality",
        "imports_cost",
        "lever_short",
    }
)
"""Outcomes of which less is better; of all others more is."""
FEW_AGENTS = 30
_TARGET = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(>=|<=|>|<)\s*([-+0-9.eE]+)\s*")


@dataclass(frozen=True)
class Target:
    """What a user wants reached: an outcome of the whole region on one side of a value (in the output's unit)."""

    outcome: str
    sign: str
    value: float

    def __post_init__(self) -> None:
        checked.number(f"the target of {self.outcome}", self.value)

    @classmethod
    def read(cls, text: str) -> Target:
        """``output>=1.2e7``; anything else is refused with what is allowed."""
        match = _TARGET.fullmatch(text)
        try:
            value = float(match[3]) if match else None
        except ValueError:
            value = None
        if match is None or value is None or not np.isfinite(value):
            raise RunsError(f"--target {text!r}: not OUTCOME>=VALUE (also <=, >, <), as in 'conversions>=20000'")
        outcome(match[1])
        return cls(match[1], match[2], value)

    def met(self, values: np.ndarray) -> np.ndarray:
        """Which values meet the target."""
        compare = {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less}[self.sign]
        return compare(values, self.value)

    def __str__(self) -> str:
        return f"{self.outcome}{self.sign}{self.value:g}"


def outcome(name: str) -> Output:
    """A declared output that can be compared: by city, or one number a quarter."""
    from greaterbay.scenario.problems import did_you_mean

    fitting = [one.id for one in declared.table().values() if one.dims in (("quarter", "city"), ("quarter",)) and one.dtype != "int32"]
    if name not in fitting:
        hint = did_you_mean(name, fitting)
        raise RunsError(
            f'"{name}" is no outcome that can be compared; allowed: outputs by city or of the whole region'
            f" (`greaterbay outputs`){'; ' + hint if hint else ''}"
        )
    return declared.get(name)


def headlines() -> list[str]:
    """Headline outcomes without public cost, which levers set directly."""
    return [one.id for one in declared.headlines() if one.id != "public_cost"]


def direction(name: str) -> int:
    """+1 where more of an outcome is better, -1 where less is."""
    return -1 if name in LOWER_IS_BETTER else 1


def groups(run: StoredRun) -> dict[str, np.ndarray]:
    """Groups of cities by name, as positions along ``city``: all, core and periphery, jurisdictions, single cities."""
    inside = run.inside()
    cities = run.labels("city")
    found = {ALL: inside}
    roles, owners = (np.array(run.labels(f"city_{what}")) for what in ("role", "jurisdiction"))
    for role in ROLES if roles.size else ():
        found[role] = inside[roles[inside] == role]
    for owner in dict.fromkeys(owners[inside]) if owners.size else ():
        found[f"jurisdiction:{owner}"] = inside[owners[inside] == owner]
    return {name: where for name, where in found.items() if where.size} | {cities[k]: np.array([k]) for k in inside}


def group_names(run: StoredRun, language: str) -> dict[str, str]:
    """Readable names of cities and jurisdictions, by group as in ``groups``."""
    names = dict(zip(run.labels("city"), run.names("city", language), strict=True))
    owners = run.labels("city_jurisdiction")
    return names | {f"jurisdiction:{id}": name for id, name in zip(owners, run.names("city_jurisdiction", language), strict=False)}


def readable_names(runs: Sequence[StoredRun]) -> dict[str, tuple[str, str]]:
    """Names in English and Chinese of places (cities and the outside), jurisdictions, and launched technologies."""
    english, chinese = (group_names(runs[0], language) for language in ("en", "zh"))
    found = {key: (english[key], chinese[key]) for key in english}
    for run in runs:
        found |= {probe: (run.probe_name(probe, "en"), run.probe_name(probe, "zh")) for probe in run.probes}
    return found


def thin_cities(runs: Sequence[StoredRun], name: str) -> set[str]:
    """Cities in which an outcome rests on fewer than 30 simulated agents in any run, replicate or quarter."""
    agents = "agents_people" if declared.get(name).unit == "persons" else "agents_firms"
    found = set()
    for run in runs:
        if run.has(agents):
            few = np.any(run.values(agents) < FEW_AGENTS, axis=(0, 1))
            found |= {run.labels("city")[k] for k in run.inside() if few[k]}
    return found


def holds(run: StoredRun, name: str) -> bool:
    """Does the file hold all that the outcome is formed from?"""
    return all(run.has(part) for part in series.parts(declared.get(name)))


def yearly(run: StoredRun, name: str, members: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An outcome in groups of cities: group -> (replicate, year) over the complete years.

    The whole region includes what is booked outside it (the national share of public cost). Outcomes that do not add up are
    averaged over cities where they declare so, and are given for single cities and the region only where they do not.
    """
    output = declared.get(name)
    parts = []
    for part in series.parts(output):
        rule = declared.get(part).over_time
        parts.append(series.over_years(run.values(part), run.quarters, run.full_years, rule))
    if "city" not in output.dims:
        return {ALL: parts[0]}
    found = {}
    for group, where in members.items():
        if output.over_cities in ("sum", "ratio"):
            summed = [np.nansum(values, axis=2) if group == ALL else np.nansum(values[:, :, where], axis=2) for values in parts]
            found[group] = series.ratio(*summed) if output.is_ratio else summed[0]
        elif output.over_cities == "mean" or where.size == 1:
            found[group] = parts[0][:, :, where].mean(axis=2)
    return found


def upto(run: StoredRun, name: str, values: np.ndarray, year: int) -> np.ndarray:
    """Value at a horizon, (replicate,): of that year."""
    return values[:, run.full_years.index(year)]


def cumulated(run: StoredRun, name: str, values: np.ndarray, year: int) -> np.ndarray:
    """What cost is held against, (replicate,): flows summed up to a year, anything else as it stands then."""
    last = run.full_years.index(year)
    if series.is_yearly(declared.get(name)) and not declared.get(name).is_ratio:
        return values[:, : last + 1].sum(axis=1)
    return values[:, last]


def present_cost(run: StoredRun, year: int) -> np.ndarray:
    """Public cost up to the end of a year, present value at the start, million CNY (replicate,)."""
    chosen = np.flatnonzero(run.quarters // 4 <= year)
    name = "public_cost_present" if run.has("public_cost_present") else "public_cost"
    return np.nansum(run.values(name, quarter=chosen), axis=(1, 2))


def funds_factor(run: StoredRun) -> float:
    """What a unit of public money costs the economy: 1 + marginal cost of funds where the money is additional, else 1."""
    scenario = run.manifest["scenario"]
    if scenario.get("financing", "additional") != "additional":
        return 1.0
    parameters = Parameters(scenario.get("parameters") or {})
    return 1.0 + parameters.economy.marginal_cost_of_funds
