"""A scenario file taken apart into settings; unknown keys and wrong types are found here.

A *setting* is one key of a file with its value. Tables are taken apart, lists stay whole, so that merging
files is replacing settings (see ``load``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from greaterbay.scenario import schema
from greaterbay.scenario.files import ID, Place, Setting, Source
from greaterbay.scenario.problems import STEERING, Problem, did_you_mean


def sort_of(value: Any) -> str:
    """What a value is, in the words of the messages."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, float):
        return "a number with decimals"
    if isinstance(value, str):
        return "text"
    if isinstance(value, datetime):
        return "a date with a time"
    if isinstance(value, date):
        return "a date"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    return "a time"


def is_number(value: Any) -> bool:
    """An integer or a float; TOML's true and false are neither."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def fits(value: Any, wanted: str) -> bool:
    """Is a value of the sort that is wanted, in the words of ``schema``?"""
    if wanted == schema.TEXT:
        return isinstance(value, str)
    if wanted == schema.INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted == schema.NUMBER:
        return is_number(value)
    if wanted == schema.DATE:
        return isinstance(value, date) and not isinstance(value, datetime)
    if wanted == schema.TABLE:
        return isinstance(value, dict)
    return isinstance(value, list)


class Flattening:
    """Takes a source apart into settings; unknown keys and wrong types become problems.

    ``bad`` holds the places that were refused, so that they are not also reported as missing.
    """

    def __init__(self, source: Source, lever_ids: tuple[str, ...], parameter_ids: tuple[str, ...]) -> None:
        self.source = source
        self.lever_ids = lever_ids
        self.parameter_ids = parameter_ids
        self.settings: dict[tuple[str, ...], Setting] = {}
        self.problems: list[Problem] = []
        self.bad: set[Place] = set()
        self._characters((), source.data)
        for key, value in self._known((), source.data, schema.TOP_KEYS):
            if key == "run":
                self._table((key,), value, schema.RUN_KEYS)
            elif key == "levers":
                for name, content in value.items():
                    if name not in lever_ids:
                        self._refuse(
                            (key, name),
                            "unknown lever",
                            "those of `greaterbay levers`",
                            did_you_mean(name, lever_ids),
                        )
                    elif self._check((key, name), content, schema.TABLE):
                        self._table((key, name), content, schema.LEVER_KEYS)
                        self._terms((key, name, "terms"))
            elif key == "probes":
                for name, content in value.items():
                    if not ID.fullmatch(name):
                        self._refuse((key, name), "not an id", "small letters, digits and _, a letter first")
                    elif self._check((key, name), content, schema.TABLE):
                        self._table((key, name), content, schema.PROBE_KEYS)
            elif key == "events":
                self._events(value)
            elif key == "expects":
                self._expects(value)
            elif key == "parameters":
                self._parameters((key,), value)
            elif key == "mechanisms":
                self._mechanisms(value)
            else:
                self._keep((key,), value)

    def _characters(self, place: Place, value: Any) -> None:
        """Texts and keys hold no characters that steer a terminal or turn the direction of writing."""
        if isinstance(value, str):
            steering = STEERING.search(value)
            if steering:
                self._refuse(place, f"holds the control character U+{ord(steering[0]):04X}", "text that can be printed, in one line")
        elif isinstance(value, dict):
            for key, content in value.items():
                self._characters((*place, key), key)
                self._characters((*place, key), content)
        elif isinstance(value, list):
            for index, content in enumerate(value):
                self._characters((*place, index), content)

    def _refuse(self, place: Place, what: str, allowed: str = "", hint: str = "") -> None:
        self.bad.add(place)
        self.problems.append(self.source.problem(place, what, allowed, hint))

    def _keep(self, place: tuple[str, ...], value: Any) -> None:
        self.settings[place] = Setting(place, value, self.source)

    def _check(self, place: Place, value: Any, wanted: str) -> bool:
        if not fits(value, wanted):
            self._refuse(place, f"this is {sort_of(value)}", wanted)
            return False
        if wanted == schema.TEXTS:
            wrong = [index for index, item in enumerate(value) if not isinstance(item, str)]
            for index in wrong:
                self._refuse((*place, index), f"this is {sort_of(value[index])}", schema.TEXT)
            if wrong:
                self.bad.add(place)
            return not wrong
        return True

    def _known(self, place: Place, table: dict, keys: dict[str, str]) -> Iterator[tuple[str, Any]]:
        """The entries of a table whose key is known and whose value is of the right sort."""
        for key, value in table.items():
            if key not in keys:
                self._refuse((*place, key), "unknown key", ", ".join(keys), self._hint(place, key, keys))
            elif self._check((*place, key), value, keys[key]):
                yield key, value

    def _hint(self, place: Place, key: str, keys: dict[str, str]) -> str:
        if place and key in schema.TOP_KEYS:
            return f'"{key}" belongs at the top of the file, before the first table'
        if not place and key in schema.RUN_KEYS:
            return f'"{key}" belongs in [run]'
        return did_you_mean(key, keys)

    def _table(self, place: tuple[str, ...], table: dict, keys: dict[str, str]) -> None:
        self._keep(place, None)  # the table itself: naming a lever is a setting even where nothing is in it
        for key, value in self._known(place, table, keys):
            self._keep((*place, key), value)

    def _terms(self, place: tuple[str, ...]) -> None:
        """Single terms of a preset: numbers, and the sunset as a date. What fits the preset is judged later."""
        from greaterbay.policy.terms import TERMS

        if (table := self.settings.pop(place, None)) is None:
            return
        sorts = dict.fromkeys(TERMS, schema.NUMBER) | {"sunset": schema.DATE}
        for key, value in self._known(place, table.value, sorts):
            self._keep((*place, key), value)

    def _expects(self, table: dict) -> None:
        """Signs of effects, by output."""
        from greaterbay import outputs

        for name, sign in table.items():
            if name not in outputs.table():
                near = did_you_mean(name, outputs.table())
                self._refuse(("expects", name), "unknown output", "those of `greaterbay outputs`", near)
            elif not isinstance(sign, str) or sign not in schema.SIGNS:
                what = "not a sign" if isinstance(sign, str) else f"this is {sort_of(sign)}"
                self._refuse(("expects", name), what, '"+", "-" or "0"')
            else:
                self._keep(("expects", name), sign)

    def _events(self, events: list) -> None:
        fine = []
        for index, event in enumerate(events):
            place = ("events", index)
            if not isinstance(event, dict):
                self._refuse(place, f"this is {sort_of(event)}", schema.TABLE)
                fine.append(None)  # the others keep their number
                continue
            kept = dict(self._known(place, event, schema.EVENT_KEYS))
            fine.append(
                kept | {"travel_minutes": self._rows(place, kept)} if "travel_minutes" in kept else kept
            )
        self._keep(("events",), fine)

    def _rows(self, place: Place, event: dict) -> list:
        rows = []
        for index, row in enumerate(event["travel_minutes"]):
            where = (*place, "travel_minutes", index)
            fits = isinstance(row, list) and len(row) == 3
            if fits and isinstance(row[0], str) and isinstance(row[1], str) and is_number(row[2]):
                rows.append(row)
            else:
                self._refuse(where, "not a row", "[city, city, minutes]")
                rows.append(None)
        return rows

    def _mechanisms(self, table: dict) -> None:
        from greaterbay import mechanisms

        for name, form in table.items():
            if name not in mechanisms.table():
                hint = did_you_mean(name, tuple(mechanisms.table()))
                self._refuse(("mechanisms", name), "unknown mechanism", "those of `greaterbay mechanisms`", hint)
            elif self._check(("mechanisms", name), form, schema.TEXT):
                self._keep(("mechanisms", name), form)

    def _parameters(self, place: tuple[str, ...], table: dict) -> None:
        """Names hold dots: written in quotes they are keys, without quotes TOML makes tables of them."""
        for key, value in table.items():
            where = (*place, key)
            name = ".".join(where[1:])
            if isinstance(value, dict):
                self._parameters(where, value)
            elif name not in self.parameter_ids:
                self._refuse(
                    where,
                    "unknown parameter",
                    "those of `greaterbay parameters`",
                    did_you_mean(name, self.parameter_ids),
                )
            elif self._check(where, value, schema.NUMBER):
                kept = ("parameters", name)
                if kept in self.settings:
                    self._refuse(where, "given twice, with and without quotes")
                else:
                    self._keep(kept, value)
                    self.source.lines.setdefault(kept, self.source.line(where))
