"""The catalogue of levers, data in ``catalogue.toml``: the only place to add one.

A lever modifies one *named value* (see ``policy/levers.py``) and nothing else. Its primary outcome and
the expected sign are written down before it is first run.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

OPERATIONS = ("multiply", "add")


@dataclass(frozen=True)
class Lever:
    """One lever: what it modifies, in what unit, what it costs, who pays, and what is expected of it."""

    id: str
    name: str
    name_zh: str
    group: str
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
    payer: str
    documents: tuple[str, ...]
    reference: tuple[str, ...]
    grade: str
    primary_outcome: str
    expected_sign: int
    mechanism: str
    mechanism_zh: str


@cache
def levers() -> dict[str, Lever]:
    """All levers by id, in the order of the file."""
    with open(Path(__file__).with_name("catalogue.toml"), "rb") as file:
        rows = tomllib.load(file)["lever"]
    names = {field.name for field in fields(Lever)}
    found: dict[str, Lever] = {}
    for row in rows:
        if set(row) != names:
            raise ValueError(f"catalogue.toml, lever {row.get('id')}: keys differ by {sorted(set(row) ^ names)}")
        row = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        found[row["id"]] = Lever(**row)
    return found
