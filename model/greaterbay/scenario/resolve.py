"""From merged settings to a scenario: every value is held against what is allowed.

All problems are gathered, none stops the others. A value that was refused is left out, and what depends on
it is not judged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from greaterbay import clock
from greaterbay.scenario import schema
from greaterbay.scenario.files import COMMAND_LINE, ID, Place, Setting, Source, shown_path
from greaterbay.scenario.judgement import Judgement, Settings, finite, number
from greaterbay.scenario.notices import notices
from greaterbay.scenario.problems import Problem, did_you_mean
from greaterbay.scenario.schema import Event, LeverSetting, Probe, RunSettings, Scenario

_FILE_LINE = re.compile(r"(.+?):(\d+): (.*)", re.DOTALL)
_RAMP = re.compile(r"(\d{1,4}) (quarters?|years?)")


class Resolution(Judgement):
    """Judges all parts of a scenario and builds it; ``head`` is the file that was asked for."""

    def __init__(self, settings: Settings, bad: set[Place], complete: bool, head: Source) -> None:
        from greaterbay import parameters
        from greaterbay.policy import catalogue

        super().__init__(settings, bad, complete)
        self.head = head
        self.levers = catalogue.levers()
        self.parameters = parameters.table()
        self.cities: tuple[str, ...] | None = None
        self.fields: tuple[str, ...] | None = None
        self.jurisdictions: tuple[str, ...] | None = None
        self.jurisdiction_of: dict[str, str] = {}

    def scenario(self, chain: tuple[str, ...]) -> Scenario | None:
        """The scenario, or None where there are problems."""
        schema_number = self.get("schema")
        if schema_number is not None and schema_number.value != schema.SCHEMA:
            self.refuse(schema_number, f"unknown schema {schema_number.value}", str(schema.SCHEMA))
        name = self.text("id", id_wanted=True)
        title = self.text("title")
        title_zh = self.text("title_zh")
        run = self.run()
        financing = self.financing()
        budget = self.budget(name)
        parts = (self.lever_settings(run), self.probes(run), self.events(run), self.parameter_values())
        mechanisms = self.mechanism_forms()
        self.stacking(parts[0])
        if self.problems or run is None:
            return None
        self.overspending(parts[0], parts[3])
        for key in ("schema", "title_zh"):
            if (key,) not in self.settings:
                self.origins.pop(key)
        expects = {place[1]: schema.SIGNS[setting.value] for place, setting in self.settings.items() if place[0] == "expects"}
        found = Scenario(name, title, title_zh, self.head.shown, chain, run, *parts, self.origins, financing, budget, expects,
                         mechanisms=mechanisms)
        self.warnings += notices(found)
        return replace(found, warnings=tuple(self.warnings))

    def financing(self) -> str:
        """Where money for levers comes from."""
        setting = self.get("financing")
        if setting is None:
            return schema.FINANCING[0]
        self.known(setting, setting.value, schema.FINANCING, "financing")
        return setting.value

    def budget(self, own: str) -> str:
        """The scenario whose spending this one is to have; empty without one."""
        setting = self.get("budget")
        if setting is None:
            self.origins.pop("budget", None)
            return ""
        sign, _, name = setting.value.partition(":")
        if sign != "same_as" or not ID.fullmatch(name):
            self.refuse(setting, f'"{setting.value}" names no scenario', '"same_as:" and an id, such as "same_as:joint_fund"')
        elif name == own:
            self.refuse(setting, "a scenario cannot have its own budget", "the id of another scenario")
        return setting.value

    def cut(self, setting: Setting) -> str | None:
        """What is cut apart."""
        return setting.value if self.known(setting, setting.value, schema.CUTS, "cut") else None

    def overspending(self, levers: dict[str, LeverSetting], parameters: dict[str, float]) -> None:
        """Warn where levers that cost a share of the science budget ask a city for more than it can spend.

        Other costs depend on what happens in the run; there ``lever_short`` says how much was missing.
        """
        room = parameters.get("economy.policy_room", self.parameters["economy.policy_room"].value)
        costly = [s for s in levers.values() if self.levers[s.id].budget_share and s.payer in (None, "city")
                  and self.levers[s.id].payer.get("city", 0.0) == 1.0]
        for setting in sorted(costly, key=lambda setting: -setting.value)[:1]:
            together = [other for other in costly if _meet(setting, other)]
            asked = sum(other.value for other in together)
            if asked > room:
                names = ", ".join(sorted(other.id for other in together))
                self.warn(self.settings["levers", setting.id, "value"],
                          f"{names} ask a city for {number(asked)} of its science budget a year; it can spend {number(room)}",
                          "levers are then carried out in part (see lever_short in the results)")

    def run(self) -> RunSettings | None:
        """The settings of [run]; None where one of them is wrong."""
        found: dict[str, Any] = {}
        readers: dict[str, Callable[[Setting], Any]] = {
            "region": self.region,
            "start": lambda setting: self.quarter(setting, "first"),
            "end": lambda setting: self.quarter(setting, "last"),
            "scale": self.scale,
            "replicates": self.replicates,
            "seed": self.seed,
            "cut": self.cut,
            "posterior": self.posterior,
        }
        for key, reader in readers.items():
            setting = self.get("run", key)
            if setting is None and ("run", key) in self.bad:
                found[key] = None
                continue
            default = Setting(("run", key), schema.RUN_DEFAULTS[key], self.head)
            found[key] = reader(setting or default)
        start, end = found["start"], found["end"]
        if start is not None and end is not None and end < start:
            later = self.settings.get(("run", "end")) or self.settings["run", "start"]
            self.refuse(
                later, f"the run ends {clock.last_day(end)}, before it starts {clock.first_day(start)}"
            )
            return None
        return None if None in found.values() else RunSettings(**found)

    def region(self, setting: Setting) -> str | None:
        """Name of a built-in region or absolute path of a folder; its cities and fields are noted.

        Of a built-in region only the ids are read; the tables of a folder are checked whole.
        """
        from greaterbay.region.tables import BUILT_IN, RegionError, region_index

        built_in = sorted(path.parent.name for path in BUILT_IN.glob("*/cities.csv"))
        region: str = setting.value
        if region not in built_in:
            folder = Path(os.path.abspath(setting.source.folder / region))
            if not os.path.isdir(folder):
                allowed = f"{', '.join(built_in)}, or a folder of tables"
                self.refuse(setting, f'no region "{region}"', allowed, did_you_mean(region, built_in))
                return None
            region = str(folder)
        try:
            index = region_index(region)
            if region not in built_in:
                from greaterbay.region.load import load_region

                load_region(region)
        except RegionError as error:
            self.refuse(setting, f'the tables of "{setting.value}" cannot be used')
            for text in error.problems:
                found = _FILE_LINE.fullmatch(text)
                assert found is not None, text  # every problem of a table begins with its place
                path, line, what = found.groups()
                self.problems.append(Problem(shown_path(Path(path)), int(line), what))
            return None
        self.cities, self.fields = index.city_ids, index.field_ids
        self.jurisdictions, self.jurisdiction_of = index.jurisdiction_ids, dict(zip(index.city_ids, index.city_jurisdictions, strict=True))
        return region

    def scale(self, setting: Setting) -> float | None:
        """0 < scale <= 1."""
        value = setting.value
        if finite(value) and 0 < value <= 1:
            return float(value)
        what = f"{number(value)} is out of bounds" if finite(value) else f"{value} is not finite"
        self.refuse(setting, what, "above 0, at most 1")
        return None

    def replicates(self, setting: Setting) -> int | None:
        """At least one, and no more than anybody could wait for."""
        if 1 <= setting.value <= schema.MOST_REPLICATES:
            return setting.value
        self.refuse(setting, f"{number(setting.value)} is out of bounds", f"1 to {schema.MOST_REPLICATES}")
        return None

    def seed(self, setting: Setting) -> int | None:
        """0 <= seed < 2**63."""
        if 0 <= setting.value < schema.SEED_LIMIT:
            return setting.value
        self.refuse(setting, f"{number(setting.value)} is out of bounds", f"0 to {schema.SEED_LIMIT - 1}")
        return None

    def posterior(self, setting: Setting) -> str | None:
        """"none", an id of the calibration folder, or the absolute path of a folder; its draws are checked."""
        from greaterbay.evidence import posteriors

        name: str = setting.value
        if name == posteriors.NONE:
            return name
        if name not in posteriors.known():
            folder = Path(os.path.abspath(setting.source.folder / name))
            if not os.path.isdir(folder):
                known = [posteriors.NONE, *posteriors.known()]
                allowed = f"{', '.join(known)}, or a folder that calibrate made"
                self.refuse(setting, f'no posterior "{name}"', allowed, did_you_mean(name, known))
                return None
            name = str(folder)
        try:
            drawn = posteriors.load(name)
        except posteriors.PosteriorError as error:
            self.refuse(setting, str(error))
            return None
        unknown = [key for key in drawn.parameters if key not in self.parameters]
        if unknown:
            self.refuse(setting, f"posterior {drawn.id} draws {', '.join(unknown)}, which this model does not have; calibrate again")
            return None
        return name

    def in_run(self, setting: Setting, when: date, run: RunSettings | None, inside: Place = ()) -> bool:
        """Does what starts on ``when`` start within the run?

        A run that is cut short on the command line may end before it; what comes later is then not played.
        """
        if run is None:
            return True
        first, last = clock.first_day(run.start), clock.last_day(run.end)
        if when < first:
            self.refuse(setting, f"{when} is before the run starts", f"{first} or later", inside=inside)
            return False
        if when > last and self.origins["run.end"] != COMMAND_LINE:
            self.refuse(setting, f"{when} is after the run ends", f"{last} or earlier", inside=inside)
            return False
        return True

    def lever_settings(self, run: RunSettings | None) -> dict[str, LeverSetting]:
        """Levers that some file names, in the order of the catalogue."""
        named = {place[1] for place in self.settings if place[0] == "levers" and len(place) > 2}
        return {
            name: setting
            for name in self.levers
            if name in named and (setting := self.lever_setting(name, run)) is not None
        }

    def lever_setting(self, name: str, run: RunSettings | None) -> LeverSetting | None:
        lever = self.levers[name]
        before = len(self.problems)
        given = {key: self.get("levers", name, key, origin="catalogue") for key in schema.LEVER_KEYS}
        found: dict[str, Any] = {"id": name, "value": lever.neutral}

        value = given["value"]
        if value is not None and self.within(value, lever.low, lever.high, lever.unit):
            found["value"] = value.value
            if lever.integer and value.value != int(value.value):
                self.refuse(
                    value, f"{number(value.value)} is not an integer", f"{lever.low:g} to {lever.high:g}"
                )
        if given["start"] is not None:
            start = self.quarter(given["start"], "first")
            if start is not None and self.in_run(given["start"], given["start"].value, run):
                found["start"] = start
        if given["ramp"] is not None:
            found["ramp"] = self.ramp(given["ramp"])
            if found["ramp"] and given["start"] is None and self.absent("levers", name, "start"):
                self.refuse(given["ramp"], "a ramp needs a start", hint=f"add levers.{name}.start")
        if given["end"] is not None:
            found["end"] = self.quarter(given["end"], "last")
            self.lever_end(given["end"], found, run)
        if given["exit"] is not None:
            self.exit(name, given["exit"], found)
        for target, known in (("cities", self.cities), ("fields", self.fields), ("kinds", schema.ACTOR_KINDS)):
            aimed = given[target]
            if aimed is None:
                continue
            if target not in lever.targets:
                takes = ", ".join(lever.targets) or "no targets"
                self.refuse(aimed, f"{name} cannot be aimed at {target}", takes)
                continue
            sort = {"cities": "city", "fields": "field", "kinds": "kind of actor"}[target]
            found[target] = self.names(aimed, known, sort)
        if given["payer"] is not None:
            self.payer(lever, given["payer"], given["cities"], found)
        self.terms(lever, found, run)
        self.references(lever, value, given["reference"], found)
        return LeverSetting(**found) if len(self.problems) == before else None

    def payer(self, lever: Any, setting: Setting, cities: Setting | None, found: dict[str, Any]) -> None:
        """A level of government, or a jurisdiction whose government pays for its own cities only."""
        from greaterbay.policy import catalogue

        if not lever.payer:
            self.refuse(setting, f"{lever.id} costs no public money", hint="leave the payer out")
            return
        known = None if self.jurisdictions is None else (*catalogue.PAYERS, *self.jurisdictions)
        if not self.known(setting, setting.value, known, "payer"):
            return
        found["payer"] = setting.value
        if self.jurisdictions is None or setting.value not in self.jurisdictions:
            return
        if cities is None:
            return
        for index, name in enumerate(found.get("cities") or ()):
            if self.jurisdiction_of.get(name, setting.value) != setting.value:
                inside = tuple(city for city, owner in self.jurisdiction_of.items() if owner == setting.value)
                self.refuse(cities, f"{name} lies outside the payer's jurisdiction {setting.value}", ", ".join(inside),
                            "or name a payer above: nation", inside=(index,))

    def terms(self, lever: Any, found: dict[str, Any], run: RunSettings | None) -> None:
        """Terms that a scenario changes; the sunset of a preset becomes its end."""
        from greaterbay.policy.terms import EVENTS, TERMS

        given = {place[3]: setting for place, setting in self.settings.items() if place[:3] == ("levers", lever.id, "terms")}
        changed: dict[str, float] = {}
        for key, setting in sorted(given.items()):
            self.get("levers", lever.id, "terms", key)
            if not lever.is_preset:
                self.refuse(setting, f"{lever.id} is no instrument and has no terms", hint="leave the terms out")
                return
            term = TERMS.get(key)
            if term is None or not self.within(setting, term.low, term.high, term.unit):
                continue
            if term.integer and setting.value != int(setting.value):
                self.refuse(setting, f"{number(setting.value)} is not an integer", f"{term.low:g} to {term.high:g}")
                continue
            changed[key] = setting.value
        if not lever.is_preset or run is None:
            return
        values = lever.terms | changed
        due = {"fund": "cap_budget"}.get(values["basis"], "lump" if values["basis"] in EVENTS else "rate")
        for key in {"rate", "lump"} - {due}:
            if key in changed:
                self.refuse(given[key], f"{lever.id} pays by its {due}, not by a {key}", due)
        start = run.start if found.get("start") is None else found["start"]
        sunset = start + int(values["duration"]) - 1 if values.get("duration") else None
        if "sunset" in given:
            sunset = self.quarter(given["sunset"], "last")
            if sunset is not None and sunset < start:
                self.refuse(given["sunset"], f"the sunset {given['sunset'].value} lies before the start {clock.first_day(start)}",
                            f"{clock.last_day(start)} or later")
            elif sunset is not None:
                changed["duration"] = sunset - start + 1  # a date says the same as a duration
        end = found.get("end")
        if end is not None and sunset is not None and end > sunset:
            self.warn(self.settings["levers", lever.id, "end"], f"{lever.id} ends with its sunset on {clock.last_day(sunset)}",
                      f"levers.{lever.id}.terms.duration or terms.sunset moves it")
        if sunset is not None:
            found["end"] = sunset if end is None else min(end, sunset)
        found["terms"] = tuple(sorted(changed.items()))

    def stacking(self, levers: dict[str, LeverSetting]) -> None:
        """What may not be in force beside something else is refused; of one stacking group recipients take the best."""
        seen: dict[str, list[LeverSetting]] = {}
        for setting in levers.values():
            lever = self.levers[setting.id]
            if setting.value == lever.neutral:
                continue
            place = self.settings.get(("levers", setting.id, "value")) or self.settings["levers", setting.id]
            for name in lever.excludes:
                other = levers.get(name)
                if other is not None and other.value != self.levers[name].neutral and _meet(setting, other) and name < setting.id:
                    self.refuse(place, f"{setting.id} and {name} may not be in force together", "one of the two",
                                "the document states the same money twice: see their mechanisms in `greaterbay levers`")
            group = str(lever.terms.get("stack", ""))
            if group:
                others = [other.id for other in seen.setdefault(group, []) if _meet(setting, other)]
                if others:
                    self.warn(place, f"{setting.id} does not add to {', '.join(others)}: one recipient takes the best of them",
                              f'stacking group "{group}"')
                seen[group].append(setting)

    def ramp(self, setting: Setting) -> int | None:
        """Number of quarters of a ramp such as "8 quarters" or "2 years"."""
        match = _RAMP.fullmatch(setting.value)
        if not match:
            self.refuse(
                setting, f'"{setting.value}" is not a length of time', 'such as "8 quarters" or "2 years"'
            )
            return None
        return int(match[1]) * (clock.QUARTERS_PER_YEAR if match[2].startswith("year") else 1)

    def lever_end(self, setting: Setting, found: dict[str, Any], run: RunSettings | None) -> None:
        end, start = found["end"], found.get("start")
        if end is None:
            return
        if start is not None and end < start:
            self.refuse(
                setting, f"{setting.value} is before the lever starts", f"{clock.last_day(start)} or later"
            )
        elif start is None and run is not None and end < run.start:
            self.refuse(
                setting, f"{setting.value} is before the run starts", f"{clock.last_day(run.start)} or later"
            )

    def exit(self, name: str, setting: Setting, found: dict[str, Any]) -> None:
        if not self.known(setting, setting.value, schema.EXITS, "exit"):
            return
        found["exit"] = setting.value
        if self.absent("levers", name, "end"):
            self.refuse(setting, "an exit needs an end", hint=f"add levers.{name}.end")
        elif (
            setting.value == "ramp" and found.get("ramp") in (None, 0) and self.absent("levers", name, "ramp")
        ):
            self.refuse(
                setting,
                "an exit ramp lasts as long as the ramp, and there is none",
                'with a ramp, or "cliff"',
            )

    def references(
        self, lever: Any, value: Setting | None, setting: Setting | None, found: dict[str, Any]
    ) -> None:
        """Every reference is known, and a lever that a file changes has one.

        A value of ``--set`` is its own origin: trying a value out needs no reference.
        """
        from greaterbay.evidence import references

        if setting is not None:
            for index, reference in enumerate(setting.value):
                if references.resolve(reference) is None:
                    near = references.nearest(reference)
                    hint = f'did you mean "{near}"?' if near else ""
                    self.refuse(setting, f'"{reference}" is not a known reference', hint=hint, inside=(index,))
            found["reference"] = tuple(setting.value)
        if value is None or value.value == lever.neutral or value.source.shown == COMMAND_LINE:
            return
        if not found.get("reference") and ("levers", lever.id, "reference") not in self.bad:
            if setting is not None or self.absent("levers", lever.id, "reference"):
                what = f"{number(value.value)} differs from the neutral {number(lever.neutral)}"
                self.refuse(value, f"{what} and has no reference", hint=f"add levers.{lever.id}.reference")

    def probes(self, run: RunSettings | None) -> dict[str, Probe]:
        """Probe technologies, in the order of their ids."""
        found = {}
        for name in sorted({place[1] for place in self.settings if place[0] == "probes" and len(place) > 1}):
            before = len(self.problems)
            marker = self.settings["probes", name]
            given = {key: self.settings.get(("probes", name, key)) for key in schema.PROBE_KEYS}
            missing = [key for key in schema.REQUIRED_PROBE if self.absent("probes", name, key)]
            for key in missing:
                self.refuse(marker, f"{key} is missing")
            quarter = None
            if given["field"] is not None:
                self.known(given["field"], given["field"].value, self.fields, "field")
            if given["city"] is not None:
                self.known(given["city"], given["city"].value, self.cities, "city")
            if given["start"] is not None:
                quarter = self.quarter(given["start"], "first")
                if quarter is not None:
                    self.in_run(given["start"], given["start"].value, run)
            titles = {
                key: self.text("probes", name, key) for key in ("title", "title_zh") if given[key] is not None
            }
            for key in schema.REQUIRED_PROBE:
                self.get("probes", name, key)
            field, city = given["field"], given["city"]
            if len(self.problems) == before and field is not None and city is not None and quarter is not None:
                found[name] = Probe(name, field.value, city.value, quarter, **titles)
        return found

    def events(self, run: RunSettings | None) -> tuple[Event, ...]:
        """Dated changes of the world, in time."""
        setting = self.settings.get(("events",))
        if setting is None:
            return ()
        self.get("events")
        found = []
        for index, event in enumerate(setting.value):
            if event is None:
                continue
            for key in schema.REQUIRED_EVENT:
                if key not in event and ("events", index, key) not in self.bad:
                    self.refuse(setting, f"{key} is missing", inside=(index,))
            quarter = None
            if "date" in event and self.near_enough(setting, event["date"], (index, "date")):
                quarter = clock.quarter_of(event["date"])
                self.in_run(setting, event["date"], run, (index, "date"))
            rows = (
                self.travel_rows(setting, index, event["travel_minutes"]) if "travel_minutes" in event else ()
            )
            if quarter is not None:
                found.append(Event(quarter, "travel_minutes", rows))
        return tuple(sorted(found, key=lambda event: event.quarter))

    def travel_rows(
        self, setting: Setting, index: int, rows: Iterable[list]
    ) -> tuple[tuple[str, str, float], ...]:
        """Rows (city, city, minutes) of one event; a pair of cities stands in it once."""
        found: list[tuple[str, str, float]] = []
        pairs: set[frozenset[str]] = set()
        for number_of_row, row in enumerate(rows):
            if row is None:
                continue
            where = (index, "travel_minutes", number_of_row)
            one, other, minutes = row
            fine = self.known(setting, one, self.cities, "city", (*where, 0))
            fine &= self.known(setting, other, self.cities, "city", (*where, 1))
            fine &= self.number_within(
                setting, minutes, 1, schema.LONGEST_TRIP_MINUTES, "minutes", (*where, 2)
            )
            if fine and one == other:
                self.refuse(setting, "the two cities are the same", inside=where)
            elif fine and frozenset((one, other)) in pairs:
                self.refuse(setting, f"{one} and {other} are given twice", inside=where)
            elif fine:
                pairs.add(frozenset((one, other)))
                found.append((one, other, float(minutes)))
        if not rows:
            self.refuse(setting, "no rows", "[city, city, minutes]", inside=(index, "travel_minutes"))
        return tuple(found)

    def mechanism_forms(self) -> dict[str, str]:
        """Mechanisms that are switched off, in the order of the quarter; a file is data and names no code."""
        from greaterbay.mechanisms import OFF, ON, table

        found = {}
        for name in table():
            setting = self.get("mechanisms", name) if ("mechanisms", name) in self.settings else None
            if setting is not None and self.known(setting, setting.value, (ON, OFF), "form") and setting.value == OFF:
                found[name] = OFF
        return found

    def parameter_values(self) -> dict[str, float]:
        """Model parameters that differ from the table, in the table's order."""
        found = {}
        for name, declared in self.parameters.items():
            setting = self.settings.get(("parameters", name))
            if setting is None:
                continue
            self.get("parameters", name)
            if self.within(setting, declared.low, declared.high, declared.unit):
                found[name] = float(setting.value)
        return found


def _meet(one: LeverSetting, other: LeverSetting) -> bool:
    """Do two levers ever act in the same city at the same time?"""
    cities = one.cities is None or other.cities is None or set(one.cities) & set(other.cities)
    early, late = sorted((one, other), key=lambda setting: setting.start or -10**9)
    return bool(cities) and (early.end is None or late.start is None or late.start <= early.end)
