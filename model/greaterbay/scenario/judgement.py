"""Holding single values against what is allowed, every problem noted with its place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from greaterbay import clock
from greaterbay.scenario import schema
from greaterbay.scenario.files import ID, Place, Setting, dotted
from greaterbay.scenario.problems import Problem, did_you_mean

Settings = Mapping[tuple[str, ...], Setting]


def number(value: float) -> str:
    """A number as messages print it: 0.05, 1, 20200101."""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**25 else f"an integer of {len(str(abs(value)))} digits"
    return f"{value:.10g}"


def finite(value: float) -> bool:
    """Neither infinite nor not-a-number; an integer too long for a float is finite."""
    return isinstance(value, int) or math.isfinite(value)


class Judgement:
    """Merged settings and the problems found with them so far.

    ``bad`` holds places that were refused when the files were read; ``complete`` is False where a parent or
    mixin could not be read, so that what is absent may have stood there. ``origins`` fills up with the place
    where each value that was asked for stands.
    """

    def __init__(self, settings: Settings, bad: set[Place], complete: bool) -> None:
        self.settings = settings
        self.bad = bad
        self.complete = complete
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.origins: dict[str, str] = {}

    def refuse(
        self, setting: Setting, what: str, allowed: str = "", hint: str = "", inside: Place = ()
    ) -> None:
        """Note a problem with a setting, or with an item ``inside`` its list."""
        self.problems.append(setting.source.problem((*setting.place, *inside), what, allowed, hint))

    def warn(self, setting: Setting, what: str, hint: str = "", inside: Place = ()) -> None:
        """Note something that is allowed and that a user should know."""
        self.warnings.append(setting.source.problem((*setting.place, *inside), what, "", hint))

    def get(self, *place: str, default: Any = None, origin: str = "default") -> Setting | None:
        """The setting at ``place``, its origin noted; None where no file gives it."""
        setting = self.settings.get(place)
        self.origins[dotted(place)] = setting.origin if setting else origin
        return setting

    def absent(self, *place: str) -> bool:
        """Is nothing given here, not even something that was refused or may stand in a file not found?"""
        return place not in self.settings and place not in self.bad and self.complete

    def within(self, setting: Setting, low: float, high: float, unit: str = "", inside: Place = ()) -> bool:
        """Is a number finite and between hard bounds?"""
        value = setting.value
        return self.number_within(setting, value, low, high, unit, inside)

    def number_within(
        self, setting: Setting, value: float, low: float, high: float, unit: str = "", inside: Place = ()
    ) -> bool:
        """As ``within``, for a number that stands ``inside`` a setting."""
        allowed = f"{number(low)} to {number(high)}" + (f" ({unit})" if unit else "")
        if not finite(value):
            self.refuse(setting, f"{value} is not finite", allowed, inside=inside)
            return False
        if not low <= value <= high:
            self.refuse(setting, f"{number(value)} is out of bounds", allowed, inside=inside)
            return False
        return True

    def quarter(self, setting: Setting, edge: str) -> int | None:
        """Quarter of a date that must be its ``first`` or ``last`` day."""
        day: date = setting.value
        if not self.near_enough(setting, day):
            return None
        fits, nearest = {
            "first": (clock.is_first_day, clock.nearest_first_day),
            "last": (clock.is_last_day, clock.nearest_last_day),
        }[edge]
        if not fits(day):
            self.refuse(setting, f"{day} is not the {edge} day of a quarter", hint=f"nearest: {nearest(day)}")
            return None
        return clock.quarter_of(day)

    def near_enough(self, setting: Setting, day: date, inside: Place = ()) -> bool:
        """Does the date lie in the years that a scenario may speak of?"""
        if schema.FIRST_YEAR <= day.year <= schema.LAST_YEAR:
            return True
        allowed = f"years {schema.FIRST_YEAR} to {schema.LAST_YEAR}"
        self.refuse(setting, f"{day} is out of bounds", allowed, inside=inside)
        return False

    def known(
        self, setting: Setting, name: str, names: Iterable[str] | None, sort: str, inside: Place = ()
    ) -> bool:
        """Is ``name`` one of ``names``? True where these are not known because the region is not."""
        if names is None or name in (names := tuple(names)):
            return True
        self.refuse(setting, f'unknown {sort} "{name}"', ", ".join(names), did_you_mean(name, names), inside)
        return False

    def names(self, setting: Setting, names: Iterable[str] | None, sort: str) -> tuple[str, ...] | None:
        """A list of known names without repetition, at least one."""
        if not setting.value:
            self.refuse(setting, "an empty list reaches nobody", hint="leave the key out to reach all")
            return None
        fine = True
        for index, name in enumerate(setting.value):
            fine &= self.known(setting, name, names, sort, (index,))
            if name in setting.value[:index]:
                self.refuse(setting, f'"{name}" is listed twice', inside=(index,))
                fine = False
        return tuple(setting.value) if fine else None

    def text(self, *place: str, id_wanted: bool = False) -> str:
        """A text that must not be blank; as an id, letters, digits and _ only."""
        setting = self.get(*place)
        if setting is None:
            return ""
        if id_wanted and not ID.fullmatch(setting.value):
            self.refuse(
                setting, f'"{setting.value}" is not an id', "small letters, digits and _, a letter first"
            )
        elif not setting.value.strip():
            self.refuse(setting, "blank")
        return setting.value
