"""The catalogue of levers: data, one TOML file for each group of levers, and the only place to add one.

A lever modifies one *named value* (``policy/named_values.csv``) and nothing else. Its primary outcome and the expected
sign are written down before it is first run. ``budget_share``: is the value a share of the payer's science budget that is
spent as such? ``payer`` says who bears the cost in which parts: the city, its
jurisdiction (its government sits at ``jurisdiction_seat``; a city that is a jurisdiction of its own is both), the nation.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

FILES = ("talent", "information", "alliances", "facilities", "conversion", "subsidy", "finance", "parks", "alignment", "division",
         "periphery", "governance")
OPERATIONS = ("multiply", "add")
GRADES = ("documented value", "documented without value", "literature", "exploratory")
PAYERS = ("city", "jurisdiction", "nation")


@dataclass(frozen=True)
class Lever:
    """One lever: what it modifies, in what unit, what it costs, who pays, and what is expected of it."""

    id: str
    name: str
    name_zh: str
    group: str
    group_zh: str
    unit: str
    unit_zh: str
    neutral: float
    low: float
    high: float
    plausible_low: float
    plausible_high: float
    integer: bool
    named_value: str
    operation: str
    targets: tuple[str, ...]
    cost: str
    cost_zh: str
    budget_share: bool
    payer: dict[str, float]
    documents: tuple[str, ...]
    reference: tuple[str, ...]
    grade: str
    primary_outcome: str
    expected_sign: int
    mechanism: str
    mechanism_zh: str


@cache
def levers() -> dict[str, Lever]:
    """All levers by id, in the order of the groups and of their files."""
    names = {field.name for field in fields(Lever)} - {"group", "group_zh"}
    found: dict[str, Lever] = {}
    for stem in FILES:
        with open(Path(__file__).with_name(f"{stem}.toml"), "rb") as file:
            content = tomllib.load(file)
        for row in content.get("lever", ()):
            if set(row) != names:
                raise ValueError(f"{stem}.toml, lever {row.get('id')}: keys differ by {sorted(set(row) ^ names)}")
            if row["id"] in found:
                raise ValueError(f"{stem}.toml: lever {row['id']} is declared twice")
            row = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
            found[row["id"]] = Lever(group=content["group"], group_zh=content["group_zh"], **row)
    return found


def payer_words(lever: Lever, chinese: bool = False) -> str:
    """Who pays, in words: ``city 75 %, jurisdiction 25 %``."""
    names = {"city": "城市", "jurisdiction": "法域(省级/特区)", "nation": "国家"} if chinese else {key: key for key in PAYERS}
    if not lever.payer:
        return "无" if chinese else "none"
    parts = [names[key] if share == 1.0 else f"{names[key]} {100 * share:g} %" for key, share in lever.payer.items()]
    return ("、" if chinese else ", ").join(parts)
