"""What levers can change: the named values, declared once in ``named_values.csv``.

``over`` is the shape: ``bay`` a number, ``city`` (C,), ``cell`` (C, F, K) by city, field and kind of actor, ``pair``
(P, P) by place and place. ``base`` is the value without levers, a number or the id of a parameter (pairs start from the
border barriers). ``executed`` says whether a city carries out only a part of it (``policy/coordination.py``); rules
between governments hold as they are written. Every preset of the catalogue adds ``terms_<preset>``, the share of its terms in force.

``cities`` and ``kinds`` say where the value is read at all, empty for everywhere: for what sort of city (``SERVED``) and for
which kinds of actor. A lever aimed elsewhere reaches nobody (``greaterbay.scenario.notices``).
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from greaterbay.policy import catalogue
from greaterbay.policy.terms import FUND

# sorts of cities: with a role in the division of labour, with a zone, outside the core, in one customs territory with the rest
# of the country, with an institute, in a region that has a state laboratory
SERVED = ("role", "zone", "outside_core", "mainland", "institute", "state_laboratory")
FIRMS = ("startup", "small", "leader")


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
    cities: str = ""
    kinds: tuple[str, ...] = ()

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
                                          row["label_zh"], row["cities"], tuple(row["kinds"].split()))
    for preset in catalogue.presets():
        kinds = () if preset.terms["basis"] == FUND else FIRMS  # money for funds asks for no kind of actor
        found[preset.named_value] = NamedValue(preset.named_value, "cell", "0", 0.0, catalogue.PRESET["high"], False,
                                               f"terms in force: {preset.name}", f"执行条款:{preset.name_zh}", "", kinds)
    return found
