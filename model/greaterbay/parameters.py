"""Every parameter of the model, declared once in ``parameters.csv``.

Each row has value, range, unit, time base and reference. ``Parameters`` gives the values that a run
uses, grouped by mechanism and converted to the step of the model (a quarter) by one function.
"""

from __future__ import annotations

import csv
from collections import namedtuple
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greaterbay import checked
from greaterbay.clock import per_quarter


@dataclass(frozen=True)
class Parameter:
    """One declared parameter; ``low`` and ``high`` are hard bounds."""

    id: str
    value: float
    low: float
    high: float
    unit: str
    time_base: str
    label: str
    label_zh: str
    reference: str
    note: str


@cache
def table() -> dict[str, Parameter]:
    """All parameters by id, in the order of the file."""
    found: dict[str, Parameter] = {}
    with open(Path(__file__).with_name("parameters.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            values: dict[str, Any] = {**row, **{key: float(row[key]) for key in ("value", "low", "high")}}
            parameter = Parameter(**values)
            per_quarter(parameter.value, parameter.time_base)
            found[parameter.id] = parameter
    return found


@cache
def groups() -> dict[str, type]:
    """Named-tuple type of each mechanism's parameters (kernels receive these)."""
    names: dict[str, list[str]] = {}
    for key in table():
        group, name = key.split(".")
        names.setdefault(group, []).append(name)
    return {group: globals().setdefault(f"{group}_parameters", _group_type(group, fields))
            for group, fields in names.items()}


def _group_type(group: str, fields: list[str]) -> type:
    return namedtuple(f"{group}_parameters", fields, module=__name__)


def __getattr__(name: str):
    # pickled kernels look their parameter types up by name
    if name.endswith("_parameters"):
        group = name.removesuffix("_parameters")
        if group in groups():
            return groups()[group]
    raise AttributeError(name)


class Parameters:
    """Values of one run: ``parameters.partnering.border_weight``, rates per quarter.

    Parameters
    ----------
    changes
        Values by declared id, in the declared time base. Unknown ids, what is no number and values outside the bounds are refused.
    """

    def __init__(self, changes: dict[str, float] | None = None):
        changes = dict(changes or {})
        declared = table()
        for key, value in changes.items():
            if key not in declared:
                near = get_close_matches(key, declared, 1)
                raise KeyError(f"unknown parameter {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
            row = declared[key]
            changes[key] = checked.number(f"parameter {key}", value, row.low, row.high, unit=row.unit)
        self.declared = {key: float(changes.get(key, row.value)) for key, row in declared.items()}
        values: dict[str, dict[str, float]] = {}
        for key, value in self.declared.items():
            group, name = key.split(".")
            values.setdefault(group, {})[name] = per_quarter(value, declared[key].time_base)
        for group, kind in groups().items():
            setattr(self, group, kind(**values[group]))

    if TYPE_CHECKING:  # the mechanisms are named in the table

        def __getattr__(self, name: str) -> Any: ...
