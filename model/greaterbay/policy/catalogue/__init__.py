"""The catalogue of levers: data, one TOML file for each group of levers, and the only place to add one.

A lever modifies one *named value* (``policy/named_values.csv``) and nothing else. Its primary outcome and the expected
sign are written down before it is first run. ``budget_share``: is the value a share of the payer's science budget that is
spent as such? ``payer`` says who bears the cost in which parts: the city, its
jurisdiction (its government sits at ``jurisdiction_seat``; a city that is a jurisdiction of its own is both), the nation.

A *preset* (``[[preset]]``) is a lever whose value is the share of a document's terms that is in force: 0 nothing, 1 the
terms as they are written. Its named value is ``terms_<id>``, its ``terms`` are those of the instrument engine
(``policy/terms.py``), and ``transfer`` says from where to where they are carried. Where a scenario names no cities,
fields or kinds, a preset reaches its own: ``cities`` "all" or "mainland" (cities in one customs territory with the rest
of the country), ``fields`` and ``kinds`` (empty: all). ``excludes``: what may not be in force beside it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path

FILES = ("talent", "information", "alliances", "facilities", "conversion", "subsidy", "finance", "parks", "alignment", "division",
         "periphery", "governance")
OPERATIONS = ("multiply", "add")
PAYERS = ("city", "jurisdiction", "nation")
PLACES = ("all", "mainland")
# what all presets have in common
PRESET = {
    "unit": "share of the document's terms", "unit_zh": "占文件条款的比例", "neutral": 0.0, "low": 0.0, "high": 2.0, "plausible_low": 0.0,
    "plausible_high": 1.0, "integer": False, "operation": "add", "targets": ("cities", "fields", "kinds"), "budget_share": False,
}
PRESET_OWN = ("transfer", "transfer_zh", "cities", "fields", "kinds", "terms")


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
    type: str = "lever"
    transfer: str = ""
    transfer_zh: str = ""
    cities: str = "all"
    fields: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    terms: dict[str, object] = field(default_factory=dict)
    excludes: tuple[str, ...] = ()

    @property
    def is_preset(self) -> bool:
        """Is it a setting of the instrument engine?"""
        return self.type == "preset"

    @property
    def strong_value(self) -> float:
        """The end of the plausible range that is further from neutral."""
        return max((self.plausible_low, self.plausible_high), key=lambda value: abs(value - self.neutral))


@cache
def levers() -> dict[str, Lever]:
    """All levers and presets by id, in the order of the groups and of their files."""
    optional = {"excludes"}
    names = {one.name for one in fields(Lever)} - {"group", "group_zh", "type", *PRESET_OWN} - optional
    wanted = {"lever": names, "preset": names - {*PRESET, "named_value"} | set(PRESET_OWN)}
    found: dict[str, Lever] = {}
    for stem in FILES:
        with open(Path(__file__).with_name(f"{stem}.toml"), "rb") as file:
            content = tomllib.load(file)
        for sort, keys in wanted.items():
            for row in content.get(sort, ()):
                if set(row) - optional != keys:
                    raise ValueError(f"{stem}.toml, {sort} {row.get('id')}: keys differ by {sorted((set(row) - optional) ^ keys)}")
                if row["id"] in found:
                    raise ValueError(f"{stem}.toml: {sort} {row['id']} is declared twice")
                row = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
                common = PRESET | {"named_value": f"terms_{row['id']}", "type": "preset"} if sort == "preset" else {}
                found[row["id"]] = Lever(group=content["group"], group_zh=content["group_zh"], **(common | row))
    return found


@cache
def presets() -> tuple[Lever, ...]:
    """The presets in the order of the catalogue."""
    return tuple(lever for lever in levers().values() if lever.is_preset)


@dataclass(frozen=True)
class NotRepresented:
    """A measure of the documents that no lever stands for, and why."""

    document: str
    reason: str
    reason_zh: str


@cache
def not_represented() -> dict[str, NotRepresented]:
    """Measures without a lever, by their number in the documents."""
    with open(Path(__file__).with_name("not_represented.toml"), "rb") as file:
        content = tomllib.load(file)
    return {key: NotRepresented(key, row["reason"], row["reason_zh"]) for key, row in content.items()}


def payer_words(lever: Lever, chinese: bool = False) -> str:
    """Who pays, in words: ``city 75 %, jurisdiction 25 %``."""
    names = {"city": "城市", "jurisdiction": "法域(省级/特区)", "nation": "国家"} if chinese else {key: key for key in PAYERS}
    if not lever.payer:
        return "无" if chinese else "none"
    parts = [names[key] if share == 1.0 else f"{names[key]} {100 * share:g} %" for key, share in lever.payer.items()]
    return ("、" if chinese else ", ").join(parts)
