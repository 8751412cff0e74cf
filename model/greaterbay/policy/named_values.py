"""What levers can change: the named values, declared once in ``named_values.csv``.

``over`` is the shape: ``bay`` a number, ``city`` (C,), ``cell`` (C, F, K) by city, field and kind of actor, ``pair``
(P, P) by place and place. ``base`` is the value without levers, a number or the id of a parameter (pairs start from the
border barriers). ``executed`` says whether a city carries out only a part of it (``policy/coordination.py``); rules
between governments hold as they are written. Every preset of the catalogue adds ``terms_<preset>``, the share of its terms in force.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from greaterbay.policy import catalogue

SHAPES = ("bay", "city", "cell", "pair")


@dataclass(frozen=True)
class NamedValue:
    """One named value with its shape, base and bounds."""

    id: str
    over: str
    base: str
    low: float
    high: float
    executed: bool
    label: str
    label_zh: str

    def at_rest(self, parameters) -> float:
        """The value without levers, from a number or a parameter."""
        group, dot, name = self.base.partition(".")
        if dot and not self.base.replace(".", "").isdigit():
            return float(getattr(getattr(parameters, group), name))
        return float(self.base or 0.0)


@cache
def table() -> dict[str, NamedValue]:
    """All named values by id, in the order of the file."""
    found = {}
    with open(Path(__file__).with_name("named_values.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            low = float(row["low"]) if row["low"] else -math.inf
            high = float(row["high"]) if row["high"] else math.inf
            found[row["id"]] = NamedValue(row["id"], row["over"], row["base"], low, high, row["executed"] == "yes", row["label"],
                                          row["label_zh"])
    for preset in catalogue.presets():
        found[preset.named_value] = NamedValue(preset.named_value, "cell", "0", 0.0, catalogue.PRESET["high"], False,
                                               f"terms in force: {preset.name}", f"执行条款:{preset.name_zh}")
    return found
