"""Every output of the model, declared once in ``outputs.csv``.

A declaration says the dimensions, labels in both languages, unit, kind (stock, flow, share, index) and
the rule for summing over time and cities. Shares carry their numerator and denominator, so that they are
always formed from summed parts.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

KINDS = ("stock", "flow", "share", "index")
TIME_RULES = ("last", "sum", "ratio", "mean")
CITY_RULES = ("sum", "ratio", "mean", "none")


@dataclass(frozen=True)
class Output:
    """One declared output; ``dims`` start with ``quarter``."""

    id: str
    dims: tuple[str, ...]
    dtype: str
    label: str
    label_zh: str
    unit: str
    unit_zh: str
    kind: str
    over_time: str
    over_cities: str
    numerator: str
    denominator: str
    flow: str
    channel: str
    from_kind: str
    to_kind: str
    export: bool
    headline: bool

    @property
    def is_ratio(self) -> bool:
        """Is it formed from two other outputs?"""
        return bool(self.numerator)


@cache
def table() -> dict[str, Output]:
    """All outputs by id, in the order of the file."""
    found: dict[str, Output] = {}
    with open(Path(__file__).with_name("outputs.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            values: dict[str, Any] = dict(row)
            values["dims"] = tuple(row["dims"].split())
            values["export"], values["headline"] = row["export"] == "yes", row["headline"] == "yes"
            found[row["id"]] = Output(**values)
    return found


def get(name: str) -> Output:
    """One output; an unknown id is refused with the nearest declared one."""
    try:
        return table()[name]
    except KeyError:
        from difflib import get_close_matches

        near = get_close_matches(name, table(), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise KeyError(f"unknown output {name!r}{hint}") from None


def headlines() -> list[Output]:
    """The headline outputs."""
    return [output for output in table().values() if output.headline]


@cache
def talent_flows() -> tuple[str, ...]:
    """Ids of the flow matrices of people."""
    return tuple(name for name in table() if name.startswith("flow_talent_"))


def flows() -> list[Output]:
    """The outputs that are lines of a flow matrix."""
    return [output for output in table().values() if output.flow]
