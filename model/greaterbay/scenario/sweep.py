"""Sweeps: one file that stands for many scenarios.

::

    [sweep.grid]                                    # every combination
    levers.guidance_fund.value = [0.0, 0.1, 0.2]

    [sweep.zip]                                     # side by side, equally long
    levers.park_upgrading.value = [0.2, 0.5]
    levers.park_upgrading.start = [2026-01-01, 2028-01-01]

    [sweep.latin_hypercube]                         # samples that spread over ranges [low, high]
    samples = 20
    seed = 1
    parameters."partnering.border_weight" = [0.8, 1.6]

Points are the combinations of the three parts, grid first. A point is a scenario with the values of the file
replaced by its own; its id is that of the file with a number. Problems stand at the line of the swept value.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from greaterbay.scenario import schema
from greaterbay.scenario.files import Place, Setting, Source, dotted
from greaterbay.scenario.flatten import fits, is_number, sort_of
from greaterbay.scenario.judgement import number
from greaterbay.scenario.problems import Problem, did_you_mean

MOST_POINTS = 1000
PARTS = ("grid", "zip", "latin_hypercube")
SAMPLING = ("samples", "seed")
SWEPT = "levers.ID.KEY, parameters.NAME, run.KEY, probes.NAME.KEY"
SIGNIFICANT = 6  # digits of a sampled value: enough for any use, and readable in a file

Path = tuple[str, ...]


@dataclass(frozen=True)
class Value:
    """One value of a swept key, and where in the file it stands."""

    value: Any
    place: Place


Point = dict[Path, Value]


@dataclass(frozen=True)
class Axis:
    """One swept key: its values, or for a Latin hypercube its two bounds."""

    path: Path
    values: tuple[Value, ...]
    place: Place
    integer: bool = False


@dataclass(frozen=True)
class Sweep:
    """What a ``[sweep]`` table asks for. ``count`` is the number of points."""

    grid: tuple[Axis, ...]
    zipped: tuple[Axis, ...]
    ranges: tuple[Axis, ...]
    samples: int
    seed: int

    @property
    def count(self) -> int:
        """Number of points, without making them."""
        pairs = len(self.zipped[0].values) if self.zipped else 1
        return math.prod(len(axis.values) for axis in self.grid) * pairs * (self.samples if self.ranges else 1)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Swept keys, in the order of the parts and the file."""
        return tuple(axis.path for axis in (*self.grid, *self.zipped, *self.ranges))

    def points(self) -> Iterator[Point]:
        """All points, in a fixed order."""
        return self._combined([{**sample} for sample in self._samples()] if self.ranges else [{}])

    def corners(self) -> Iterator[Point]:
        """As ``points``, with the ends of the ranges in place of samples: enough to judge bounds."""
        ends = [{axis.path: axis.values[end] for axis in self.ranges} for end in (0, 1)]
        return self._combined(ends if self.ranges else [{}])

    def _combined(self, samples: Sequence[Point]) -> Iterator[Point]:
        pairs = zip(*(axis.values for axis in self.zipped), strict=True) if self.zipped else [()]
        grid = itertools.product(*(axis.values for axis in self.grid))
        for one, pair, sample in itertools.product(list(grid), list(pairs), samples):
            yield (
                dict(zip((axis.path for axis in self.grid), one, strict=True))
                | dict(zip((axis.path for axis in self.zipped), pair, strict=True))
                | sample
            )

    def _samples(self) -> Iterator[Point]:
        """A Latin hypercube: each range is cut into as many slices as there are samples, one sample in each."""
        from scipy.stats import qmc

        shares = qmc.LatinHypercube(d=len(self.ranges), rng=self.seed).random(self.samples)
        for row in shares:
            yield {axis.path: _sampled(axis, float(share)) for axis, share in zip(self.ranges, row, strict=True)}


def _sampled(axis: Axis, share: float) -> Value:
    low, high = (bound.value for bound in axis.values)
    if axis.integer:
        return Value(int(low) + min(int(share * (high - low + 1)), int(high - low)), axis.place)
    value = float(f"{low + share * (high - low):.{SIGNIFICANT}g}")
    return Value(min(max(value, float(low)), float(high)), axis.place)


def settings_of(point: Point, source: Source) -> dict[Path, Setting]:
    """A point as settings that go over those of its file, each with the line of the swept value."""
    lines = source.lines | {path: source.line(value.place) for path, value in point.items()}
    place = Source(source.shown, source.folder, source.data, lines)
    found = {}
    for path, value in point.items():
        if len(path) == 3:  # naming a lever or a probe is a setting, too
            found[path[:2]] = Setting(path[:2], None, place)
        found[path] = Setting(path, value.value, place)
    return found


# ---- reading -------------------------------------------------------------------------------------------


def read_sweep(
    source: Source, lever_ids: Sequence[str], integer_levers: Sequence[str], parameter_ids: Sequence[str]
) -> Reading:
    """Read the ``[sweep]`` table of a file."""
    reading = Reading(source, lever_ids, integer_levers, parameter_ids)
    sweep = reading.whole()
    reading.sweep = None if reading.problems else sweep
    return reading


class Reading:
    """One ``[sweep]`` table being read.

    ``sweep`` is None where there are ``problems``; ``given`` holds the place of each key that it names, right or
    wrong.
    """

    def __init__(self, source: Source, lever_ids, integer_levers, parameter_ids) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.sweep: Sweep | None = None
        self.lever_ids, self.integer_levers, self.parameter_ids = lever_ids, set(integer_levers), parameter_ids
        self.given: dict[Path, Place] = {}
        self.axes_read: list[Axis] = []

    def singles(self) -> list[Point]:
        """One point for each value that could be read."""
        points = [{axis.path: value} for axis in self.axes_read for value in axis.values]
        return points[:MOST_POINTS]

    def refuse(self, place: Place, what: str, allowed: str = "", hint: str = "") -> None:
        self.problems.append(self.source.problem(place, what, allowed, hint))

    def whole(self) -> Sweep | None:
        """The sweep, as far as it can be read."""
        table = self.source.data["sweep"]
        parts: dict[str, dict] = {}
        for key, value in table.items():
            place = ("sweep", key)
            if key not in PARTS:
                self.refuse(place, "unknown key", ", ".join(PARTS), did_you_mean(key, PARTS))
            elif not isinstance(value, dict):
                self.refuse(place, f"this is {sort_of(value)}", schema.TABLE)
            else:
                parts[key] = value
        grid = self.axes("grid", parts.get("grid", {}))
        zipped = self.axes("zip", parts.get("zip", {}))
        lengths = {len(axis.values) for axis in zipped}
        if len(lengths) > 1:
            counts = ", ".join(f"{dotted(axis.path)} {len(axis.values)}" for axis in zipped)
            self.refuse(("sweep", "zip"), f"lists of different lengths: {counts}", "lists that are equally long")
            return None
        samples, seed, ranges = self.hypercube(parts.get("latin_hypercube"))
        if self.problems:
            return None
        sweep = Sweep(grid, zipped, ranges, samples, seed)
        if not sweep.paths:
            self.refuse(("sweep",), "nothing is swept", SWEPT)
        elif sweep.count > MOST_POINTS:
            self.refuse(("sweep",), f"{number(sweep.count)} points", f"at most {MOST_POINTS}")
        return sweep

    def axes(self, part: str, table: dict) -> tuple[Axis, ...]:
        """Axes of ``grid`` and ``zip``: a list of values each."""
        found = []
        for path, wanted, values, place in self.leaves(("sweep", part), table):
            if not isinstance(values, list):
                self.refuse(place, f"this is {sort_of(values)}", "a list of values")
            elif not values:
                self.refuse(place, "an empty list leaves no point")
            else:
                good = self.fitting(values, wanted, place)
                if part == "grid":
                    self.distinct(values, place)
                found.append(Axis(path, tuple(Value(values[index], (*place, index)) for index in good), place))
        self.axes_read += found
        return tuple(found)

    def fitting(self, values: list, wanted: str, place: Place) -> list[int]:
        """Places in a list of the values that are of the right sort."""
        good = []
        for index, value in enumerate(values):
            texts = wanted != schema.TEXTS or (isinstance(value, list) and all(isinstance(v, str) for v in value))
            if fits(value, wanted) and texts:
                good.append(index)
            else:
                self.refuse((*place, index), f"this is {sort_of(value)}", wanted)
        return good

    def distinct(self, values: list, place: Place) -> None:
        if len(values) > MOST_POINTS:  # too many in any case
            return
        for index, value in enumerate(values):
            if value in values[:index]:
                self.refuse((*place, index), f"{value} is listed twice")

    def hypercube(self, table: dict | None) -> tuple[int, int, tuple[Axis, ...]]:
        """Samples, seed and ranges of a Latin hypercube."""
        if table is None:
            return 0, 0, ()
        whole = ("sweep", "latin_hypercube")
        for key, low, high in (("samples", 1, MOST_POINTS), ("seed", 0, schema.SEED_LIMIT - 1)):
            value = table.get(key)
            if value is None:
                self.refuse(whole, f"{key} is missing", f"{low} to {high}")
            elif not fits(value, schema.INTEGER):
                self.refuse((*whole, key), f"this is {sort_of(value)}", schema.INTEGER)
            elif not low <= value <= high:
                self.refuse((*whole, key), f"{number(value)} is out of bounds", f"{low} to {high}")
        ranges = {key: value for key, value in table.items() if key not in SAMPLING}
        found = []
        for path, wanted, values, place in self.leaves(whole, ranges):
            if wanted != schema.NUMBER:
                self.refuse(place, "not a number that can lie anywhere in a range", "a grid or zip")
            elif not isinstance(values, list) or len(values) != 2 or not all(is_number(value) for value in values):
                self.refuse(place, "not a range", "[low, high]")
            elif not all(math.isfinite(value) for value in values) or not values[0] < values[1]:
                self.refuse(place, f"[{values[0]}, {values[1]}] is not a range", "[low, high] with low below high")
            else:
                items = tuple(Value(value, (*place, index)) for index, value in enumerate(values))
                found.append(Axis(path, items, place, path[0] == "levers" and path[1] in self.integer_levers))
        if not ranges:
            self.refuse(whole, "no range", "[low, high] for each key that is sampled")
        self.axes_read += found
        return table.get("samples", 0), table.get("seed", 0), tuple(found)

    def leaves(self, place: Place, table: dict, above: Path = ()) -> Iterator[tuple[Path, str, Any, Place]]:
        """Swept key, sort of its value, what is given for it, and where; names in quotes may hold dots."""
        for key, value in table.items():
            where = (*place, key)
            try:
                path = (*above, *_parts(key))
            except ValueError:
                self.refuse(where, "not the name of a value", SWEPT)
                continue
            if isinstance(value, dict) and len(path) < 4:
                yield from self.leaves(where, value, path)
                continue
            known = self.known(path, where)
            if known is None:
                continue
            path, wanted = known
            if path in self.given:
                self.refuse(where, f"{dotted(path)} is swept twice", "once", f"first at line {self.source.line(self.given[path])}")
                continue
            self.given[path] = where
            yield path, wanted, value, where

    def known(self, path: Path, where: Place) -> tuple[Path, str] | None:
        """The path with the sort of value that stands there; None, and a problem, where there is none."""
        top = path[0]
        if top == "parameters" and path[1:]:
            name = ".".join(path[1:])
            if name in self.parameter_ids:
                return ("parameters", name), schema.NUMBER
            self.refuse(
                where, f'unknown parameter "{name}"', "those of `greaterbay parameters`",
                did_you_mean(name, self.parameter_ids),
            )
            return None
        keys = {"levers": schema.LEVER_KEYS, "probes": schema.PROBE_KEYS, "run": schema.RUN_KEYS}.get(top)
        parts = len(path)
        if keys is None or parts != (2 if top == "run" else 3):
            self.refuse(where, f'"{dotted(path)}" cannot be swept', SWEPT)
            return None
        if top == "levers" and path[1] not in self.lever_ids:
            self.refuse(
                where, f'unknown lever "{path[1]}"', "those of `greaterbay levers`", did_you_mean(path[1], self.lever_ids)
            )
            return None
        keys = {key: sort for key, sort in keys.items() if key != "reference"}
        if path[-1] not in keys:
            self.refuse(where, f'unknown key "{path[-1]}"', ", ".join(keys), did_you_mean(path[-1], keys))
            return None
        return path, keys[path[-1]]


def _parts(key: str) -> Path:
    """Names in a key that was written in quotes, as in "levers.guidance_fund.value". ValueError for none."""
    if "." not in key:
        return (key,)
    if "\n" in key:
        raise ValueError(key)
    table, names = tomllib.loads(f"{key} = 0"), []
    while isinstance(table, dict):
        ((name, table),) = table.items()
        names.append(name)
    return tuple(names)
